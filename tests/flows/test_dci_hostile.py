"""Who is hostile at the DCI edge: shapes that nobody expects, messages that take long, guesses made of what is
withheld, answers that waited while the rules changed."""

import asyncio
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import orjson
import pytest
import pytest_asyncio

from gateway.tls.framing import Framing, Rules
from tests.dci_asking import codes_of, subscribe
from tests.dci_house import ANSWERING, NIC, ORIGIN, OTHER, PEOPLE, PURPOSE, THIRD, UNKNOWN, Client, House, dci_house
from tests.dci_played import callback_header, local, stamp

pytestmark = pytest.mark.asyncio(loop_scope="module")
JSON = {"content-type": "application/json"}
A_MOMENT = 3.0  # seconds; what these took before they were mended: 4 to 700


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def house(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[House]:
    async with dci_house(tmp_path_factory.mktemp("hostile")) as opened:
        yield opened
        assert opened.recorder.faults == []


@pytest_asyncio.fixture(autouse=True, loop_scope="module")
async def fresh(house: House) -> None:
    house.callbacks.received.clear()
    house.callbacks.refusing = 0
    if house.answering != ANSWERING:
        await house.grant()
    for name in ("SR", "ESS", "IBR", "FR"):
        await house.clients[name].agree(dci={"purpose": PURPOSE})


def code_of(body: dict[str, Any]) -> str:
    (error,) = body["errors"]
    assert body["message"]["ack_status"] == "ERR"
    return str(error["code"])


def named(*numbers: str, **conditions: object) -> dict[str, Any]:
    query = {"$and": [{"NIC": {"$in": list(numbers)}}, *({name: {"$eq": each}} for name, each in conditions.items())]}
    value = {"expression": {"query": query}}
    return {"query_type": "expression", "query": {"type": "ns:org:QueryType:expression", "value": value}}


@pytest.mark.parametrize("path", ["/dci/registry/search", "/dci/registry/sync/search", "/dci/SR/registry/search"])
@pytest.mark.parametrize("method", ["QUERY", "CONNECT", "PROPFIND"])
async def test_a_method_that_nobody_knows_is_405_in_dci_s_shape(house: House, method: str, path: str) -> None:
    async with local(house.app, ORIGIN) as http:
        known = {"authorization": f"Bearer {await house.clients['SR'].token(http)}"}
        answer = await http.request(method, path, headers=known)
    assert (answer.status_code, answer.headers["allow"], code_of(answer.json())) == (405, "POST", "err.request.bad")


@pytest.mark.parametrize("method", ["GET", "POST", "QUERY"])
async def test_the_edge_itself_is_404_in_dci_s_shape_and_leads_nowhere(house: House, method: str) -> None:
    async with local(house.app, ORIGIN) as http:
        known = {"authorization": f"Bearer {await house.clients['SR'].token(http)}"}
        answer = await http.request(method, "/dci", headers=known)
    assert (answer.status_code, code_of(answer.json())) == (404, "err.request.not_found")


@pytest.mark.parametrize(
    ("headers", "status"),
    [({f"x-{n}": "y" for n in range(200)}, 431), ({"x-long": "y" * 20_000}, 431), ({"host": "elsewhere.example"}, 421)],
    ids=["many headers", "long header", "another host"],
)
@pytest.mark.parametrize("path", ["search", "sync/search"])
async def test_what_is_refused_before_anybody_reads_it_has_dci_s_shape_too(
    house: House, headers: dict[str, str], status: int, path: str
) -> None:
    framed: Any = Framing(house.app, Rules(hosts=frozenset({"127.0.0.1"})))
    async with local(framed, ORIGIN) as http:
        answer = await http.post(f"/dci/registry/{path}", content=b"{}", headers=JSON | headers)
        native = await http.post("/v1/exchanges", content=b"{}", headers=JSON | headers)
    assert (answer.status_code, code_of(answer.json())) == (status, "err.request.bad")
    house.recorder.answered("SR", path, status, answer.json())
    assert (native.status_code, native.headers["content-type"]) == (status, "application/problem+json")


@pytest.mark.parametrize("stated", ["utf-16", "iso-8859-1", '"UTF-7"'])
async def test_another_charset_is_415_whatever_the_bytes_are(house: House, stated: str) -> None:
    client = house.clients["SR"]
    body, headers = client.signed(client.header("search"), {"transaction_id": "t", "search_request": [client.item()]})
    wrong = headers | {"content-type": f"application/json; charset={stated}"}
    status, answer = await client.post("sync/search", body, wrong)
    assert (status, code_of(answer)) == (415, "err.request.bad")
    right = headers | {"content-type": 'application/json; charset="UTF-8"; v=1'}
    assert (await client.post("sync/search", body, right))[0] == 200


@pytest.mark.parametrize(
    ("item", "count", "code"),
    [
        ({}, 300_000, "rjct.total_count.limit_exceeded"),
        ({"search_criteria": {"query_type": "predicate", "query": [{}] * 300_000}}, 1, "err.request.bad"),
    ],
    ids=["items", "predicate"],
)
@pytest.mark.parametrize("tolerant", [False, True], ids=["strict", "tolerant"])
async def test_a_message_that_is_made_to_be_slow_is_refused_in_a_moment(
    house: House, item: dict[str, Any], count: int, code: str, tolerant: bool
) -> None:
    client = house.clients["SR"]
    await client.agree(dci={"tolerant": tolerant})
    message = {"transaction_id": "t", "search_request": [item] * count}
    body = orjson.dumps({"header": client.header("search", count), "message": message})
    began = time.monotonic()
    status, answer = await client.post("search", body, JSON)
    assert (status, code_of(answer)) == (400, code)
    assert time.monotonic() - began < A_MOMENT


@pytest.mark.parametrize(("path", "most"), [("sync/search", 100), ("search", 1000)])
async def test_a_message_has_one_item_at_least_and_no_more_than_its_path_takes(
    house: House, path: str, most: int
) -> None:
    client = house.clients["SR"]
    for count in (0, most + 1):
        message = {"transaction_id": "t", "search_request": [client.item()] * count}
        status, answer = await client.call(path, client.header("search", count), message)
        assert (status, code_of(answer)) == (400, "rjct.total_count.limit_exceeded")


async def enrolled(client: Client, path: str, **query: Any) -> dict[str, Any]:
    query = query or {"query": {"person_identifier": {"eq": NIC}}}
    action = "enrollementstatus" if path == "sync/check-enrollment" else "search"
    criteria: dict[str, Any] = {"query_type": "expression"} | query
    message = {"transaction_id": str(uuid4()), "enrolled_criteria": criteria}
    status, body = await client.call(path, client.header(action), message)
    assert status == 200
    return body


@pytest.mark.parametrize(
    ("name", "path", "granted"),
    [("ESS", "sync/check-enrollment", "enrolled"), ("IBR", "sync/enrolled", "status")],
)
async def test_a_status_that_is_not_granted_is_never_guessed(house: House, name: str, path: str, granted: str) -> None:
    client = house.clients[name]
    told = await enrolled(client, path)
    assert told["message"]["enrolled_response"] != []
    await house.grant(**{name: [granted]})
    told = await enrolled(client, path)
    assert (told["header"]["status"], told["message"]["enrolled_response"]) == ("rjct", [])
    assert told["header"]["status_reason_message"].startswith("not_available: the answer is taken from")


async def test_one_status_is_one_person_s(house: House) -> None:
    client = house.clients["IBR"]
    for numbers in ([NIC, OTHER], [OTHER, UNKNOWN]):
        query = {"type": "ns:org:QueryType:expression", "value": {"expression": {"query": {"NIC": {"$in": numbers}}}}}
        told = await enrolled(client, "sync/enrolled", query=query)
        assert (told["header"]["status"], told["message"]["enrolled_response"]) == ("rjct", [])


async def test_a_subscription_s_reference_is_its_own(house: House) -> None:
    client = house.clients["SR"]
    criteria = {
        "reg_event_type": "enrolment",
        "filter_type": "expression",
        "filter": {"type": "x", "value": {"expression": {"query": {}}}},
        "notify_record_type": "Member",
        "frequency": {"start_time": stamp(), "end_time": "2099-12-31T00:00:00Z", "frequency": "real-time"},
        "authorize": {"purpose": {"code": PURPOSE}},
    }
    item = {"reference_id": "w1", "timestamp": stamp(), "subscribe_criteria": criteria}
    long = item | {"reference_id": "r" * 100}
    message = {"transaction_id": str(uuid4()), "subscribe_request": [item, item, long]}
    await client.call("subscribe", client.header("subscribe", 3), message)
    await house.worked()
    ((_, _, told, *_),) = house.callbacks.received
    first, second, third = told["message"]["subscribe_response"]
    assert (first["status"], len(codes_of(told))) == ("succ", 1)
    assert second["status_reason_code"] == "rjct.reference_id.duplicate"
    assert third["status_reason_code"] == "rjct.reference_id.invalid"


async def test_a_subscription_is_found_by_its_code(house: House) -> None:
    client = house.clients["FR"]
    await client.agree(dci={"interface": "FR", "names": ["event_type:REGISTER=enrolment_status_change"]})
    await subscribe(client, str(uuid4()))
    await house.worked()
    ((_, _, told, *_),) = house.callbacks.received
    for mine, expected in ((True, "succ"), (False, "rjct")):
        request: dict[str, Any] = {"reference_id": "s1", "txn_type": "subscribe"}
        request |= {"attribute_type": "subscription_code_list", "attribute_value": codes_of(told)}
        asking = client if mine else house.clients["SR"]
        message = {"transaction_id": str(uuid4()), "txnstatus_request": request}
        _, body = await asking.call("sync/txn/status", asking.header("txn-status"), message, recorded=mine)
        assert body["header"]["status"] == expected


async def waited(house: House, client: Client, **criteria: Any) -> str:
    """A search that is answered, and whose answer nobody has taken yet; gives its correlation id."""
    house.callbacks.refusing = 1000
    ack = await client.search(client.item(**criteria), path="search")
    while (await client.status(ack["correlation_id"]))["search_response"][0]["status"] not in {"succ", "rjct"}:
        await asyncio.sleep(0.02)
    return str(ack["correlation_id"])


async def told_now(house: House, client: Client, correlation_id: str) -> list[dict[str, Any]]:
    """The item by status, and as it came by callback."""
    (shown,) = (await client.status(correlation_id))["search_response"]
    house.callbacks.refusing = 0
    await house.worked()
    ((_, _, envelope, *_),) = house.callbacks.received
    return [shown, *envelope["message"]["search_response"]]


@pytest.mark.parametrize(
    ("criteria", "code"),
    [
        (named(NIC, status="Active"), "rjct.search_criteria.invalid"),
        (named(NIC, status="Inactive"), "rjct.search_criteria.invalid"),
        (named(NIC, OTHER) | {"sort": [{"attribute_name": "status"}]}, "rjct.sort.invalid"),
    ],
    ids=["fits", "fits not", "sorted"],
)
async def test_what_an_answer_was_chosen_by_must_still_be_granted_when_it_is_told(
    house: House, criteria: dict[str, Any], code: str
) -> None:
    client = house.clients["SR"]
    waits = await waited(house, client, **criteria)
    await house.grant(SR=["enrolled"])
    for item in await told_now(house, client, waits):
        assert (item["status"], item["status_reason_code"], "data" in item) == ("rjct", code, False)


@pytest.mark.parametrize("number", [NIC, UNKNOWN], ids=["answered", "nobody"])
async def test_that_nobody_was_found_is_decided_again_like_any_answer(house: House, number: str) -> None:
    client = house.clients["SR"]
    query = {"query": {"type": "UIN", "value": number}}
    waits = await waited(house, client, **query)
    await house.grant(SR=[])
    for item in await told_now(house, client, waits):
        assert (item["status"], "data" in item) == ("rjct", False)
        assert "unknown_person" not in item["status_reason_message"]


async def test_pages_and_their_totals_count_what_may_be_told_by_then(house: House) -> None:
    client, page = house.clients["SR"], {"page_size": 1, "page_number": 1}
    waits = await waited(house, client, **named(NIC, OTHER, THIRD), pagination=page)
    for item in await told_now(house, client, waits):
        assert (len(item["data"]["reg_records"]), item["pagination"]["total_count"]) == (1, 3)
    house.callbacks.received.clear()
    beyond = (await client.ends(client.item(**named(NIC, OTHER), pagination=page | {"page_number": 9})))[0]
    assert (beyond["data"]["reg_records"], beyond["pagination"]["total_count"]) == ([], 2)


@pytest.mark.parametrize(("wanted", "status"), [("Active", "succ"), ("Inactive", "succ"), (None, "rjct")])
async def test_an_agency_that_answers_later_is_held_to_the_conditions_as_one_that_answers_now(
    house: House, wanted: str | None, status: str
) -> None:
    client, registry = house.clients["FR"], house.clients["LATER registry"]
    registry.dialect = "none"
    criteria = named(NIC, status=wanted or "Active")
    if wanted is None:
        await house.grant(LATER=["enrolled"])
    await client.search(client.item(**criteria), path="search", receiver_id=registry.id)
    await house.worked()
    message = house.registries.answer("FR", house.registries.later.pop())
    head = callback_header("on-search", sender_id=registry.id, total_count=1)
    await registry.call("on-search", head, message)
    await house.worked()
    ((_, _, envelope, *_),) = house.callbacks.received
    (item,) = envelope["message"]["search_response"]
    records = item.get("data", {}).get("reg_records", [])
    assert (item["status"], len(records)) == (status, int(wanted == PEOPLE[NIC]["status"]))


async def test_nobody_at_an_agency_that_answers_later_is_no_refusal(house: House) -> None:
    client, registry = house.clients["FR"], house.clients["LATER registry"]
    registry.dialect = "none"
    query = {"type": "UIN", "value": UNKNOWN}
    await client.search(client.item(query), path="search", receiver_id=registry.id)
    await house.worked()
    message = house.registries.answer("FR", house.registries.later.pop())
    head = callback_header("on-search", sender_id=registry.id, total_count=1)
    await registry.call("on-search", head, message)
    await house.worked()
    ((_, _, envelope, *_),) = house.callbacks.received
    (item,) = envelope["message"]["search_response"]
    assert (item["status"], item["status_reason_message"]) == ("succ", "unknown_person")


@pytest.mark.parametrize("dialect", ["jws-header", "rfc9421"])
async def test_a_signature_in_a_header_is_committed_to_like_one_in_the_body(house: House, dialect: str) -> None:
    client = house.clients["SR"]
    await client.agree(signature={"dialect": dialect, "required": True})
    await client.search()
    assert len((await house.facts("exchange.intent"))[0]["signature"]["commitment"]) == 64


async def test_an_acknowledgement_fits_its_file_whatever_the_sender_calls_its_message(house: House) -> None:
    registry = house.clients["ESS registry"]
    registry.dialect = "none"
    record = {"member_identifier": [{"identifier_type": "UIN", "identifier_value": NIC}], "state": "enrolled"}
    record |= {"registration_number": "M-1", "date": "2026-10-31"}
    told = {"reg_event_type": "enrolment", "reg_record_type": "Member", "reg_records": record}
    event = {"reference_id": "n1", "timestamp": stamp(), "data": told}
    message = {"transaction_id": "of/us: 17", "notify_event": [event]}
    head = callback_header("notify", sender_id=registry.id, total_count=1)
    status, answer = await registry.call("notify", head, message)
    assert (status, answer["message"]["ack_status"]) == (200, "ACK")
    assert house.recorder.faults == []


NOTHING = "a\0b"  # PostgreSQL has no text with it


async def test_no_id_is_a_fault_of_ours_on_postgresql(postgres_url: str, tmp_path: Path) -> None:
    async with dci_house(tmp_path, postgres_url) as house:
        client = house.clients["SR"]
        wanted: dict[str, Any] = {"reference_id": "s1", "txn_type": "search", "attribute_type": "correlation_id"}
        asked = {"transaction_id": "t", "txnstatus_request": wanted | {"attribute_value": NOTHING}}
        ended = {"transaction_id": "t", "timestamp": stamp(), "subscription_codes": [NOTHING]}
        search = {"transaction_id": "t1", "search_request": [client.item()]}
        named = {"transaction_id": NOTHING, "search_request": [client.item()]}
        referred = {"transaction_id": "t2", "search_request": [client.item() | {"reference_id": NOTHING}]}
        about = {"transaction_id": "t3", "search_request": [client.item({"type": "UIN", "value": NOTHING})]}
        calls: list[tuple[str, dict[str, Any], dict[str, Any]]] = [
            ("sync/search", client.header("search", message_id=NOTHING), search),
            ("search", client.header("search"), named),
            ("search", client.header("search"), referred),
            ("sync/search", client.header("search"), about),
            ("sync/txn/status", client.header("txn-status"), asked),
            ("unsubscribe", client.header("unsubscribe"), ended),
        ]
        for path, header, message in calls:
            status, _ = await client.call(path, header, message)
            assert (path, status) in {(path, 200), (path, 400)}
        assert house.recorder.faults == []
