"""The DCI edge: strict about the envelope, one answer per item, DCI's own shape on every failure."""

import asyncio
import json
import subprocess
import sys
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest
from flows.gateways import Running
from sandhi_client import Client, Problem

import schemas
from gateway.trust.jwks import public_key
from gateway.trust.keys import private_key
from gateway.trust.signatures import signed, verify
from tests.dci_recorded import Elsewhere, elsewhere

NIC = "199012304567"
AUTHORIZE = {"purpose": {"code": "employment-support.eligibility", "text": "checks"}}
SEARCH = "/dci/registry/sync/search"
WAYS = ("request", "answer")


def stamp(at: datetime | None = None) -> str:
    return (at or datetime.now(UTC)).isoformat()


def header(kind: str, sender: str = "LK.GOV.WBB.SRIS", count: int = 1, **more: object) -> dict[str, object]:
    return {
        "version": "1.0.0",
        "message_id": str(uuid4()),
        "message_ts": stamp(),
        "action": kind,
        "sender_id": sender,
        "receiver_id": "LK.GOV.SANDHI.GATEWAY",
        "total_count": count,
        **more,
    }


def item(**criteria: object) -> dict[str, object]:
    wanted = {
        "reg_type": "ns:sandhi:RegistryType:Tax",
        "query_type": "idtype-value",
        "query": {"type": "NIC", "value": NIC},
        "authorize": AUTHORIZE,
        "claim": {"name": "employment_status", "parameters": {"months": 6}},
        **criteria,
    }
    kept = {name: value for name, value in wanted.items() if value is not None}
    return {"reference_id": str(uuid4()), "timestamp": stamp(), "search_criteria": kept, "locale": "eng"}


def search(*items: Mapping[str, object]) -> dict[str, object]:
    return {"transaction_id": str(uuid4()), "search_request": list(items)}


async def posted(
    running: Running, path: str, head: Mapping[str, object], message: Mapping[str, object], *, sign: bool = True
) -> dict[str, Any]:
    """The reply envelope of a signed message."""
    key: Any = running.credentials("sr")["private_jwk"]
    body: dict[str, object] = {"header": dict(head), "message": dict(message)}
    if sign:
        body = {"signature": signed(head, message, private_key(key)), **body}
    async with running.client("sr") as client:
        reply = await raw(client, path, json.dumps(body).encode())
    found: dict[str, Any] = json.loads(reply)
    return found


async def raw(client: Client, path: str, content: bytes) -> bytes:
    """The body of whatever comes back."""
    try:
        reply = await client.session.call("POST", path, content=content, headers={"content-type": "application/json"})
    except Problem as problem:
        return json.dumps(checked(problem)).encode()
    return reply.body


def checked(problem: Problem) -> Mapping[str, Any]:
    """A failure of the whole message: not our fault, both published shapes, nobody echoed."""
    document: Mapping[str, Any] = problem.document
    assert problem.status < 500
    assert document["message"]["ack_status"] == "ERR"
    assert NIC not in json.dumps(document)
    return document


async def refusal(running: Running, head: Mapping[str, object], message: Mapping[str, object], **how: bool) -> str:
    """The code with which the whole message is refused."""
    found = await posted(running, SEARCH, head, message, **how)
    code: str = found["errors"][0]["code"]
    return code


async def test_each_item_is_answered_on_its_own_and_the_reply_is_signed(running: Running) -> None:
    condition = {"attribute_name": "a", "operator": "eq", "attribute_value": "b"}
    expression = {"type": "x", "value": {"expression": {"query": {"$and": [{"NIC": {"$eq": NIC}}]}}}}
    status = {"name": "contribution_status", "parameters": {"months": 6}}
    items = [
        item(),
        item(reg_type="ns:org:RegistryType:Nothing"),
        item(authorize=None),
        item(query_type="predicate", query=[{"expression1": condition}]),
        item(reg_type="ns:sandhi:RegistryType:Pension", claim=status),
        item(query_type="expression", query=expression),
    ]
    reply = await posted(running, SEARCH, header("search", count=len(items)), search(*items))
    schema = "dci/ess.json#/operations/~1registry~1sync~1search/responses/200"
    assert schemas.first_fault(schemas.validator(schema), reply) is None
    said = [each["status_reason_message"].partition(":")[0] for each in reply["message"]["search_response"]]
    assert said == [
        "refused_by_rules",
        "bad_request.service",
        "bad_request.query",
        "bad_request.query",
        "bad_request.batch_only",
        "refused_by_rules",
    ]
    assert [each["reference_id"] for each in reply["message"]["search_response"]] == [
        each["reference_id"] for each in items
    ]
    async with running.client("sr") as client:
        keys = (await client.call("GET", "/.well-known/jwks.json")).json()["keys"]
    assert verify(reply, [public_key(each) for each in keys])


async def test_an_unsigned_message_is_refused(running: Running) -> None:
    assert await refusal(running, header("search"), search(item()), sign=False) == "err.signature.missing"


async def test_a_changed_message_is_refused(running: Running) -> None:
    key: Any = running.credentials("sr")["private_jwk"]
    head, message = header("search"), search(item())
    signature = signed(head, message, private_key(key))
    body = {"signature": signature, "header": head, "message": search(item())}
    async with running.client("sr") as client:
        found = json.loads(await raw(client, SEARCH, json.dumps(body).encode()))
    assert found["errors"][0]["code"] == "err.signature.invalid"


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"sender_id": "LK.GOV.DME.ESS"}, "err.sender_id.invalid"),
        ({"total_count": 2}, "rjct.total_count.invalid"),
        ({"message_ts": stamp(datetime.now(UTC) - timedelta(hours=1))}, "rjct.message_ts.invalid"),
        ({"action": "notify"}, "err.request.bad"),
        ({"is_msg_encrypted": True}, "err.encryption.invalid"),
    ],
)
async def test_a_wrong_header_is_refused(running: Running, changes: dict[str, object], code: str) -> None:
    assert await refusal(running, header("search", **changes), search(item())) == code


async def test_a_repeated_message_id_is_refused(running: Running) -> None:
    head = header("search")
    await posted(running, SEARCH, head, search(item()))
    assert await refusal(running, head, search(item())) == "rjct.message_id.duplicate"


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b'{"header": NaN}', b"[" * 1000, b'{"header": {}, "header": {}}'])
async def test_what_is_no_envelope_is_refused_in_the_same_shape(running: Running, body: bytes) -> None:
    async with running.client("sr") as client:
        found = json.loads(await raw(client, SEARCH, body))
    assert found["errors"][0]["code"] == "err.request.bad"


async def test_a_path_pinned_to_a_system_takes_messages_for_that_system_only(running: Running) -> None:
    found = await posted(running, "/dci/LK.GOV.IRD.PAYE/registry/sync/search", header("search"), search(item()))
    assert found["errors"][0]["code"] == "err.receiver_id.invalid"


def subscription(**more: object) -> dict[str, object]:
    criteria = {
        "reg_event_type": "enrolment",
        "filter": {"type": "ns:org:QueryType:expression", "value": {"expression": {"query": {}}}},
        "notify_record_type": "Member",
        "authorize": {"purpose": {"code": "employment-support.referral"}},
        **more,
    }
    wanted = {"reference_id": str(uuid4()), "timestamp": stamp(), "subscribe_criteria": criteria}
    return {"transaction_id": str(uuid4()), "subscribe_request": [wanted]}


async def subscriptions(running: Running, state: str) -> list[dict[str, Any]]:
    """The registry's own subscriptions to enrolments, as soon as there is one in this state."""
    async with running.client("sr") as client, asyncio.timeout(10):
        while True:
            held = (await client.call("GET", "/v1/subscriptions")).json()["subscriptions"]
            found = [each for each in held if each["event_type"] == "enrolment"]
            if any(each["state"] == state for each in found):
                return found
            await asyncio.sleep(0.05)


async def test_subscribing_is_acknowledged_repeating_it_changes_nothing_and_unsubscribing_ends_it(
    running: Running,
) -> None:
    for _ in range(2):
        head = header("subscribe", receiver_id="LK.GOV.DME.ESS")
        found = await posted(running, "/dci/registry/subscribe", head, subscription())
        assert found["message"]["ack_status"] == "ACK"
    (held,) = await subscriptions(running, "active")
    assert (held["provider"], held["frequency"]) == ("LK/GOV/DME/ESS", "real-time")
    codes = {"transaction_id": str(uuid4()), "timestamp": stamp(), "subscription_codes": [held["code"]]}
    found = await posted(
        running, "/dci/registry/unsubscribe", header("unsubscribe", receiver_id="LK.GOV.DME.ESS"), codes
    )
    assert found["message"]["ack_status"] == "ACK"
    assert [each["state"] for each in await subscriptions(running, "ended")] == ["ended"]
    async with running.client("sr") as client, asyncio.timeout(10):
        while True:
            job = (await client.call("GET", f"/v1/jobs/{found['message']['correlation_id']}")).json()
            if job["over"]:
                break
            await asyncio.sleep(0.05)
    assert (job["kind"], job["state"], job["transaction_id"]) == ("unsubscribe", "succ", codes["transaction_id"])


async def test_a_filter_that_no_agreement_lets_look_is_refused_natively(running: Running) -> None:
    wanted = {"provider": "LK/GOV/DME/ESS", "event_type": "finding", "purpose": "employment-support.referral"}
    async with running.client("sr") as client:
        for more in ({"filter": {"state": {"$eq": "enrolled"}}}, {"filter": {"a": {"$where": 1}}}, {"frequency": "x"}):
            with pytest.raises(Problem) as refused:
                await client.call("POST", "/v1/subscriptions", json=wanted | more)
            assert refused.value.document["code"] == "bad_request.filter"
        made = (await client.call("POST", "/v1/subscriptions", json=wanted)).json()
        assert (await client.call("GET", f"/v1/subscriptions/{made['code']}")).json()["state"] == "active"
        ended = (await client.call("DELETE", f"/v1/subscriptions/{made['code']}")).json()
        assert ended["state"] == "ended"
        assert (await client.call("GET", "/v1/jobs")).json()["jobs"] == []


@pytest.mark.parametrize(
    ("head", "message", "code"),
    [
        ({"receiver_id": "LK.GOV.NO.ONE"}, subscription(), "err.receiver_id.invalid"),
        (
            {"receiver_id": "LK.GOV.DME.ESS", "sender_uri": "http://127.0.0.1:9/"},
            subscription(),
            "err.sender_uri.invalid",
        ),
        ({"receiver_id": "LK.GOV.DME.ESS"}, subscription(authorize={}), "err.request.bad"),
    ],
)
async def test_a_subscription_that_cannot_be_meant_is_refused(
    running: Running, head: dict[str, object], message: dict[str, object], code: str
) -> None:
    found = await posted(running, "/dci/registry/subscribe", header("subscribe", **head), message)
    assert found["errors"][0]["code"] == code


async def test_events_are_taken_only_from_an_agency_that_tells_events(running: Running) -> None:
    notified = {
        "reference_id": "r",
        "timestamp": stamp(),
        "data": {"reg_type": "x", "reg_event_type": "enrolment", "reg_record_type": "Member", "reg_records": {}},
    }
    message = {"transaction_id": str(uuid4()), "notify_event": [notified]}
    found = await posted(running, "/dci/registry/notify", header("notify", status="succ"), message)
    assert found["errors"][0]["code"] == "err.request.forbidden"


async def test_a_message_that_failed_may_come_again_and_another_body_under_its_id_not(running: Running) -> None:
    head, message = header("subscribe", receiver_id="LK.GOV.NO.ONE"), subscription()
    path = "/dci/registry/subscribe"
    codes = [(await posted(running, path, head, message))["errors"][0]["code"] for _ in range(2)]
    assert codes == ["err.receiver_id.invalid"] * 2
    found = await posted(running, path, head, subscription())
    assert found["errors"][0]["code"] == "rjct.message_id.duplicate"


async def test_a_subscription_that_was_taken_is_acknowledged_again_and_a_search_is_not(running: Running) -> None:
    head, message = header("subscribe", receiver_id="LK.GOV.DME.ESS"), subscription()
    both = [await posted(running, "/dci/registry/subscribe", head, message) for _ in range(2)]
    assert [each["message"]["ack_status"] for each in both] == ["ACK", "ACK"]
    assert len({each["message"]["correlation_id"] for each in both}) == 1
    head, message = header("search"), search(item())
    await posted(running, SEARCH, head, message)
    assert await refusal(running, head, message) == "rjct.message_id.duplicate"


@pytest.mark.parametrize("path", ["sync/search", "subscribe", "notify", "on-subscribe"])
async def test_a_message_needs_its_scope(running: Running, path: str) -> None:
    async with running.client("auditor") as client:
        found = json.loads(await raw(client, f"/dci/registry/{path}", b"{}"))
    assert found["errors"][0]["code"] == "err.request.forbidden"


async def test_a_message_that_comes_again_with_a_new_time_is_the_same_message(running: Running) -> None:
    head, message = header("subscribe", receiver_id="LK.GOV.DME.ESS"), subscription()
    requests: Any = message["subscribe_request"]
    path, codes = "/dci/registry/subscribe", set()
    for _ in range(2):
        items = [{**each, "timestamp": stamp()} for each in requests]
        found = await posted(running, path, {**head, "message_ts": stamp()}, {**message, "subscribe_request": items})
        codes.add(found["message"]["correlation_id"])
    assert len(codes) == 1


async def test_a_gateway_in_a_process_of_its_own_is_judged_like_one_in_this(
    running: Running, dci_elsewhere: Elsewhere
) -> None:
    dci_elsewhere.seen.clear()
    await posted(running, SEARCH, header("search"), search(item()))
    seen = dci_elsewhere.read().seen
    assert {way: sum(seen[each] for each in seen if each[1:] == ("sync/search", way)) for way in WAYS} == {
        "request": 1,
        "answer": 1,
    }


def test_a_fault_in_another_process_is_found() -> None:
    asked = "import gateway.wires, gateway.edges.dci.routes, sitecustomize as here; "
    asked += """here.watching.heard.answered("search", b'{"message": {"ack_status": "FINE"}}', "SR")"""
    with elsewhere() as found:
        subprocess.run([sys.executable, "-c", asked], check=True, timeout=60)
        (fault,) = found.read().faults
    assert fault.startswith("answer of search breaks dci/social.json")
    assert "FINE" not in fault
