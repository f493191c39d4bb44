"""A third party's DCI client against the gateway, with nothing but configuration: all six interfaces, each dialect."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any
from uuid import uuid4

import pytest
import pytest_asyncio

from gateway.edges.dci.operations import INTERFACES
from gateway.recording import Recording
from tests.dci_asking import EVENTS, subscribe
from tests.dci_house import NIC, ORIGIN, OTHER, PEOPLE, THIRD, UNKNOWN, Client, House, dci_house
from tests.dci_played import callback_header, local, stamp

pytestmark = pytest.mark.asyncio(loop_scope="module")
NAMES = sorted(INTERFACES)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def house(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[House]:
    async with dci_house(tmp_path_factory.mktemp("dci")) as opened:
        yield opened
        assert opened.recorder.faults == []


@pytest_asyncio.fixture(autouse=True, loop_scope="module")
async def fresh(house: House) -> None:
    house.callbacks.received.clear()
    house.callbacks.refusing = 0
    house.registries.subscribed.clear()
    house.registries.people.clear()
    house.registries.people.update(PEOPLE)
    for name in NAMES:
        await house.clients[name].agree()


def one(value: str = NIC) -> dict[str, object]:
    return {"type": "UIN", "value": value}


def expression(query: dict[str, Any]) -> dict[str, Any]:
    value = {"expression": {"query": query}}
    return {"query_type": "expression", "query": {"type": "ns:org:QueryType:expression", "value": value}}


def field_of(client: Client) -> str:
    return "birth_date" if client.interface == "CRVS" else "status"


def records(item: dict[str, Any]) -> list[dict[str, Any]]:
    found = item.get("data", {}).get("reg_records", [])
    return found if isinstance(found, list) else [found]


@pytest.mark.parametrize("name", NAMES)
async def test_a_search_in_work_and_done_is_told_by_status_at_once_and_by_callback(house: House, name: str) -> None:
    client = house.clients[name]
    item = client.item()
    ack = await client.search(item, path="search")
    await house.worked()
    told = await client.status(ack["correlation_id"])
    (end,) = told["search_response"]
    assert end["reference_id"] == item["reference_id"]
    assert records(end)[0][field_of(client)] == PEOPLE[NIC][field_of(client)]
    assert (await client.status([item["reference_id"]], "reference_id_list"))["search_response"] != []
    request = {
        "reference_id": "s1",
        "txn_type": "search",
        "attribute_type": "correlation_id",
        "attribute_value": ack["correlation_id"],
    }
    message = {"transaction_id": str(uuid4()), "txnstatus_request": request}
    _, taken = await client.call("txn/status", client.header("txn-status"), message)
    await house.worked()
    assert taken["message"]["ack_status"] == "ACK"
    assert [action for _, action, *_ in house.callbacks.received] == ["on-search", "txn-on-status"]


async def test_somebody_else_s_message_is_not_there(house: House) -> None:
    ack = await house.clients["SR"].search(path="search")
    await house.worked()
    (item,) = (await house.clients["ESS"].status(ack["correlation_id"]))["search_response"]
    assert (item["status"], item["status_reason_code"]) == ("rjct", "rjct.reference_id.invalid")


async def test_what_waited_is_decided_again_before_it_is_sent_and_before_it_is_shown(house: House) -> None:
    client, recording = house.clients["SR"], Recording(house.services.db, house.services.log)
    house.callbacks.refusing = 1000
    ack = await client.search(path="search")
    while (await client.status(ack["correlation_id"]))["search_response"][0]["status"] != "succ":
        await asyncio.sleep(0.02)
    await recording.agreement_change("suspend", "DCI-1", by="LK/COM/TPC")
    try:
        (shown,) = (await client.status(ack["correlation_id"]))["search_response"]
        house.callbacks.refusing = 0
        await house.worked()
    finally:
        await recording.agreement_change("resume", "DCI-1", by="LK/COM/TPC")
    ((_, _, envelope, *_),) = house.callbacks.received
    for item in (shown, *envelope["message"]["search_response"]):
        assert (item["status"], "data" in item) == ("rjct", False)
        assert item["status_reason_message"].startswith("not_available")  # nobody may know any more
    assert [each["reasons"] for each in await house.facts("answer.withheld")] == [["refused_by_rules"]]


async def test_an_agency_that_answers_later_is_decided_again_when_its_answer_comes(house: House) -> None:
    client, registry = house.clients["FR"], house.clients["LATER registry"]
    ack = await client.search(path="search", receiver_id=registry.id)
    await house.worked()
    assert house.callbacks.received == []
    assert (await client.status(ack["correlation_id"]))["search_response"][0]["status"] in {"rcvd", "pdng"}
    asked = house.registries.later.pop()
    head = callback_header("on-search", sender_id=registry.id, total_count=1)
    registry.dialect = "none"
    message = house.registries.answer("FR", asked)
    status, body = await registry.call("on-search", head, message)
    assert (status, body["message"]["ack_status"]) == (200, "ACK")
    await house.worked()
    ((_, _, envelope, *_),) = house.callbacks.received
    assert records(envelope["message"]["search_response"][0])[0]["status"] == "Active"
    head = callback_header("on-search", sender_id=registry.id, total_count=1)
    assert (await registry.call("on-search", head, message))[1]["message"]["ack_status"] == "NACK"


@pytest.mark.parametrize("name", NAMES)
async def test_what_became_of_a_subscription_can_be_asked_in_the_shape_of_every_file(house: House, name: str) -> None:
    client, transaction = house.clients[name], str(uuid4())
    names = [f"event_type:{EVENTS[name]}=enrolment_status_change"] if name in EVENTS else []
    await client.agree(dci={"interface": name, "names": names})
    await subscribe(client, transaction)
    for _ in range(2):  # in work, and done
        asked = {"reference_id": "s1", "txn_type": "subscribe", "attribute_type": "transaction_id"}
        message = {"transaction_id": str(uuid4()), "txnstatus_request": asked | {"attribute_value": transaction}}
        _, body = await client.call("sync/txn/status", client.header("txn-status"), message)
        await house.worked()
    status = body["message"]["txnstatus_response"]["txn_status"]
    assert [each["status"] for each in status["subscribe_response"]] == ["succ"]
    assert house.recorder.faults == []


async def test_what_a_declared_registry_tells_reaches_who_subscribed_to_it(house: House) -> None:
    client, registry, transaction = house.clients["ESS"], house.clients["ESS registry"], str(uuid4())
    registry.dialect = "none"
    await subscribe(client, transaction)
    await house.worked()
    (asked,) = house.registries.subscribed
    assert asked["header"]["sender_uri"] == f"{ORIGIN}/dci/registry/on-subscribe"
    kinds = [each["subscribe_criteria"]["reg_event_type"] for each in asked["message"]["subscribe_request"]]
    assert kinds == ["enrolment", "enrolment_status_change"]
    record = {"member_identifier": [{"identifier_type": "UIN", "identifier_value": NIC}], "registration_number": "M-1"}
    record |= {"state": "enrolled", "date": "2026-10-31"}
    told = {"reg_event_type": "enrolment", "reg_record_type": "Member", "reg_records": record}
    head = callback_header("notify", sender_id=registry.id, total_count=1)
    item = {"reference_id": "n1", "timestamp": stamp(), "data": told}
    message = {"transaction_id": str(uuid4()), "notify_event": [item]}
    assert (await registry.call("notify", head, message))[0] == 200
    await house.worked()
    (notified,) = [envelope for _, action, envelope, *_ in house.callbacks.received if action == "notify"]
    passed_on = notified["message"]["notify_event"][0]["data"]["reg_records"]
    assert {name: passed_on[name] for name in ("member_id", "state", "date")} == {
        "member_id": "M-1",
        "state": "enrolled",
        "date": "2026-10-31",
    }


async def test_every_query_dialect_asks_the_same(house: House) -> None:
    client = house.clients["SR"]
    condition = {"attribute_name": "UIN", "operator": "eq", "attribute_value": NIC}
    ends = await client.ends(
        client.item(one()),
        client.item(**expression({"$and": [{"NIC": {"$eq": NIC}}]})),
        client.item([{"seq_num": 1, "expression1": condition}], query_type="predicate"),
        client.item({"person_identifier": {"eq": NIC}}, query_type="expression"),
    )
    assert [records(each)[0]["status"] for each in ends] == ["Active"] * 4


async def test_conditions_choose_records_and_several_people_are_sorted_and_paged(house: House) -> None:
    client = house.clients["SR"]
    everybody = {"NIC": {"$in": [NIC, OTHER, THIRD, UNKNOWN]}}
    some = expression({"$and": [everybody, {"enrolled": {"$eq": True}}]})
    sort = [{"attribute_name": "status", "sort_order": "desc"}]
    page = {"page_size": 1, "page_number": 2}
    matched, paged, neither = await client.ends(
        client.item(**some, sort=sort),
        client.item(**some, sort=sort, pagination=page),
        client.item(**expression({"$and": [{"NIC": {"$eq": NIC}}, {"$not": {"status": {"$eq": "Active"}}}]})),
    )
    assert [each["status"] for each in records(matched)] == ["Suspended", "Active"]
    assert matched["status_reason_message"] == "answered 3, unknown_person 1"
    assert [each["status"] for each in records(paged)] == ["Active"]
    assert paged["pagination"] == {"page_size": 1, "page_number": 2, "total_count": 2}
    assert (records(neither), neither["status_reason_message"]) == ([], "no_match")


@pytest.mark.parametrize(
    ("criteria", "code"),
    [
        ({"query_type": "graphql", "query": {"type": "x", "value": "{person{id}}"}}, "rjct.search_criteria.invalid"),
        ({"query_type": "expression", "query": {"value": {"expression": "{p}"}}}, "rjct.search_criteria.invalid"),
        (expression({"secret": {"$eq": "x"}, "NIC": {"$eq": NIC}}), "rjct.search_criteria.invalid"),
        (expression({"poverty_score": {"$lt": 5}}), "rjct.search_criteria.invalid"),
        ({"sort": [{"attribute_name": "salary", "sort_order": "asc"}]}, "rjct.sort.invalid"),
        ({"pagination": {"page_size": 0}}, "rjct.pagination.invalid"),
        ({"pagination": {"page_size": 1000}}, "rjct.pagination.invalid"),
        ({"authorize": {}}, "rjct.search_criteria.invalid"),
        ({"authorize": {"purpose": {"code": "unheard-of"}}}, "rjct.search_criteria.invalid"),
        ({"reg_type": "ns:org:RegistryType:Nothing"}, "rjct.search_criteria.invalid"),
    ],
    ids=[
        "graphql",
        "graphql text",
        "attribute",
        "nobody",
        "sort",
        "page 0",
        "page 1000",
        "no purpose",
        "purpose",
        "type",
    ],
)
async def test_an_item_that_cannot_be_put_has_dci_s_own_reason_and_harms_no_other(
    house: House, criteria: dict[str, Any], code: str
) -> None:
    client = house.clients["SR"]
    message = {"transaction_id": "t", "search_request": [client.item(**criteria), client.item()]}
    header = client.header("search", 2)
    graphql = criteria.get("query_type") == "graphql"
    _, body = await client.call("sync/search", header, message, recorded=not graphql)
    bad, good = body["message"]["search_response"]
    assert (bad["status"], bad["status_reason_code"]) == ("rjct", code)
    assert good["status"] == "succ"


async def test_a_reference_that_comes_twice_is_rejected_by_its_own_code(house: House) -> None:
    client = house.clients["SR"]
    item = client.item()
    first, second = await client.ends(item, item)
    assert (first["status"], second["status_reason_code"]) == ("succ", "rjct.reference_id.duplicate")


async def test_the_extras_of_ess_ibr_and_dr_say_yes_no_or_the_word(house: House) -> None:
    async def asked(name: str, path: str, value: str) -> dict[str, Any]:
        client = house.clients[name]
        await client.agree(dci={"purpose": "employment-support.eligibility"})
        member = "disabled_criteria" if name == "DR" else "enrolled_criteria"
        query = {"query_type": "expression", "query": {"person_identifier": {"eq": value}}}
        action = {"sync/check-enrollment": "enrollementstatus"}.get(path, "search")
        message = {"transaction_id": str(uuid4()), member: query}
        status, body = await client.call(path, client.header(action), message)
        assert status == 200
        found: dict[str, Any] = body["message"]
        return found

    (word,) = (await asked("ESS", "sync/check-enrollment", OTHER))["enrolled_response"]
    assert word["enrolled_status"] == "Inactive"
    assert (await asked("ESS", "sync/check-enrollment", UNKNOWN))["enrolled_response"] == []
    said = [(await asked("IBR", "sync/enrolled", each))["enrolled_response"][0] for each in (NIC, OTHER, UNKNOWN)]
    assert [each["enrolled_status"] for each in said] == ["yes", "no", "no"]
    assert (await asked("DR", "sync/disabled", NIC))["disabled_response"][0]["disabled_status"] == "yes"
    for path in ("sync/get-disability-support", "sync/get-disability-details"):
        (item,) = (await asked("DR", path, NIC))["search_response"]
        (found,) = item["data"]["reg_records"]
        assert (found[0] if path.endswith("support") else found)["status"] == "Active"


async def test_updates_for_a_register_that_takes_none_are_refused_one_by_one(house: House) -> None:
    client = house.clients["IBR"]
    await client.agree(dci={"purpose": "employment-support.eligibility"})
    told = {"member": {"member_identifier": [{"identifier_type": "UIN", "identifier_value": NIC}]}}
    message = {"transaction_id": str(uuid4()), "enrolled_updates": {"beneficiaries": [told, {}]}}
    status, body = await client.call("sync/enrollment/updates", callback_header("notify"), message)
    assert status == 200
    assert [each["status"] for each in body["message"]["enrolled_response"]] == ["rjct", "rjct"]


async def test_a_partner_has_its_own_prefix_and_its_own_words(house: House) -> None:
    client = house.clients["SR"]
    names = ["reg_type:sr:registry:household=ns:org:RegistryType:Social", "id_type:NATIONAL-ID=NIC"]
    names += ["attribute:state=status", "record_type:Household=sandhi:enrolment:v1"]
    await client.agree(dci={"interface": "SR", "prefix": "/sr", "names": names})
    client.prefix = "/dci/sr"
    try:
        query = expression({"NATIONAL-ID": {"$eq": NIC}, "state": {"$eq": "Active"}})
        (end,) = await client.ends(client.item(**query, reg_type="sr:registry:household"))
    finally:
        client.prefix = "/dci/registry"
    assert records(end)[0]["status"] == "Active"
    assert (end["data"]["reg_type"], end["data"]["reg_record_type"]) == ("sr:registry:household", "Household")


async def test_tolerated_messages_are_put_right_recorded_and_never_emitted(house: House) -> None:
    client = house.clients["SR"]
    item = client.item({"type": "UIN", "value": int(NIC)}, consent="") | {"locale": "EN/GB", "timestamp": stamp()[:-1]}
    head = client.header("search", total_count="1", meta="", is_msg_encrypted="false", version="1.0")
    message = {"transaction_id": 17, "search_request": [item]}
    status, body = await client.call("sync/search", head, message, recorded=False)
    assert (status, body["errors"][0]["code"]) == (400, "err.request.bad")
    await client.agree(dci={"tolerant": True})
    head |= {"message_id": str(uuid4())}
    status, body = await client.call("sync/search", head, message, recorded=False)
    assert (status, body["message"]["transaction_id"], body["header"]["total_count"]) == (200, "17", 1)
    assert records(body["message"]["search_response"][0])[0]["status"] == "Active"
    assert (await house.facts("exchange.intent"))[0]["signature"]["tolerated"] == [
        "empty-object",
        "flag-as-text",
        "id-as-number",
        "locale",
        "number-as-text",
        "time-without-zone",
        "version",
    ]


async def test_the_signature_as_it_came_is_committed_to_in_the_intent(house: House) -> None:
    await house.clients["SR"].search()
    said = (await house.facts("exchange.intent"))[0]["signature"]
    assert (said["dialect"], len(said["digest"]), len(said["commitment"])) == ("dci-jws", 64, 64)


async def test_a_search_may_come_as_a_file(house: House) -> None:
    client = house.clients["SR"]
    message = {"transaction_id": str(uuid4()), "search_request": [client.item()]}
    body, _ = client.signed(client.header("search"), message)
    parts = {"action": b"search", "fileFormat": b"json", "fileName": body}
    form = b"".join(
        b'--x\r\nContent-Disposition: form-data; name="%s"%s\r\n\r\n%s\r\n'
        % (name.encode(), b'; filename="m.json"' if name == "fileName" else b"", content)
        for name, content in parts.items()
    )
    kind = {"content-type": "multipart/form-data; boundary=x"}
    status, ack = await client.post("search", form + b"--x--\r\n", kind)
    assert (status, ack["message"]["ack_status"]) == (200, "ACK")
    await house.worked()
    assert len(house.callbacks.received) == 1
    wrong = (form + b"--x--\r\n").replace(b"\r\nsearch\r\n", b"\r\nnotify\r\n")
    assert (await client.post("search", wrong, kind))[1]["errors"][0]["code"] == "rjct.action.invalid"
    assert (await client.post("sync/search", form, kind))[0] == 415


async def test_the_country_s_places_are_a_tree_that_anyone_may_read(house: House) -> None:
    async with local(house.app, ORIGIN) as http:
        country = (await http.get("/.well-known/locations.json")).json()
    western = country["contains_place"][0]
    colombo = western["contains_place"][0]
    assert [each["identifier"] for each in (country, western, colombo)] == ["LK", "LK-1", "LK-11"]
    assert colombo["alternate_name"]["tam"]
    assert len(colombo["contains_place"]) > 5
