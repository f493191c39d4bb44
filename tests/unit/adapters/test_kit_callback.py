from collections.abc import Awaitable, Callable
from datetime import date

import pytest

import schemas
from adapters.kit.callback import RECORD_TYPES, REG_TYPES, CallbackAdapter, record_schema_of
from adapters.kit.contract import (
    AgencyRefused,
    AgencyRejectedMessage,
    AgencyUnavailable,
    Identifier,
    Item,
    Question,
    RawAnswer,
    Subject,
)
from adapters.kit.dci_wire import BodySigned
from adapters.kit.egress import Dialler, NotAllowed
from gateway.edges.dci.operations import of_reg_type, request_schema

Agency = Callable[[object], Awaitable[object]]
RECORD = {"member_id": "SR-1", "state": "enrolled", "date": "2026-11-05"}
ITEM = Item("item-1", "LK.GOV.WBB.SRIS/enrolment", RECORD)
TAKEN = {"message": {"ack_status": "ACK", "timestamp": "2026-11-05T00:00:00Z", "correlation_id": "their-1"}}


def callback(server: object) -> CallbackAdapter:
    signed = []

    def sign(envelope: dict[str, object]) -> str:
        signed.append(envelope)
        return f"signed {len(signed)}"

    wire = BodySigned(sign)
    return CallbackAdapter("LK.GOV.WBB.SRIS", f"{server.url}/events", "LK.GOV.SANDHI.GATEWAY", server.dialler(), wire)


async def test_an_item_is_one_signed_notify_to_the_registered_url(agency: Agency, reply: type) -> None:
    server = await agency(lambda _: reply(body=TAKEN))
    handed = await callback(server).deliver(ITEM)
    envelope = server.requests[0].json()
    (event,) = envelope["message"]["notify_event"]
    assert (handed.reference, handed.state) == ("their-1", "ACK")
    assert server.requests[0].path == "/events"
    assert envelope["signature"] == "signed 1"
    assert envelope["header"] | {"message_id": "", "message_ts": ""} == {
        "version": "1.0.0",
        "message_id": "",
        "message_ts": "",
        "action": "notify",
        "sender_id": "LK.GOV.SANDHI.GATEWAY",
        "receiver_id": "LK.GOV.WBB.SRIS",
        "total_count": 1,
        "is_msg_encrypted": False,
        "status": "succ",
    }
    assert (event["reference_id"], event["data"]["reg_records"]) == ("item-1", RECORD)
    assert event["data"]["reg_event_type"] == "enrolment_status_change"


async def test_the_same_item_has_the_same_message_id_so_that_repeats_are_recognised(
    agency: Agency, reply: type
) -> None:
    server = await agency(lambda _: reply(body=TAKEN))
    adapter = callback(server)
    await adapter.deliver(ITEM)
    await adapter.deliver(ITEM)
    await adapter.deliver(Item("item-2", ITEM.service, RECORD))
    first, again, other = (request.json()["header"]["message_id"] for request in server.requests)
    assert first == again != other


async def test_identifiers_go_beside_the_record_when_the_item_is_about_a_person(agency: Agency, reply: type) -> None:
    server = await agency(lambda _: reply(body=TAKEN))
    subject = Subject(identifiers=(Identifier("NIC", "198534000123"),), birth_date=date(1985, 12, 5))
    record = {"event": "death", "date": "2026-03-01"}
    await callback(server).deliver(Item("item-3", "LK.GOV.WBB.SRIS/vital-event", record, subject))
    sent = server.requests[0].json()["message"]["notify_event"][0]["data"]["reg_records"]
    assert sent == {**record, "identifiers": [{"identifier_type": "NIC", "identifier_value": "198534000123"}]}


@pytest.mark.parametrize("count", [1, 3])
async def test_a_confirmation_counts_its_items_as_every_receiver_checks(
    agency: Agency, reply: type, count: int
) -> None:
    server = await agency(lambda _: reply(body=TAKEN))
    item = {"reference_id": "r", "timestamp": "2026-11-05T00:00:00Z", "status": "succ"}
    message = {"transaction_id": "t", "correlation_id": "c", "subscribe_response": [item] * count}
    await callback(server).send("on-subscribe", message, message_id="m-1")
    assert server.requests[0].json()["header"]["total_count"] == count


async def test_a_refusal_and_a_dead_receiver_are_told_apart(agency: Agency, reply: type) -> None:
    server = await agency(lambda _: reply(401, {"errors": [{"code": "err.signature.invalid"}]}))
    adapter = callback(server)
    with pytest.raises(AgencyRefused):
        await adapter.deliver(ITEM)
    server.handler = lambda _: reply(500)
    with pytest.raises(AgencyUnavailable):
        await adapter.deliver(ITEM)


async def test_a_callback_is_for_deliveries_only(agency: Agency, reply: type) -> None:
    server = await agency(lambda _: reply(body=TAKEN))
    adapter = callback(server)
    question = Question("LK.GOV.WBB.SRIS/enrolment", Subject(), frozenset(), date(2026, 10, 31))
    with pytest.raises(AgencyRejectedMessage):
        await adapter.ask(question)
    lines = [line async for line in adapter.ask_many([question, question])]
    assert [(place, error.code) for place, error in lines] == [(0, "push_only"), (1, "push_only")]
    with pytest.raises(AgencyRejectedMessage):
        adapter.normalise(question.service, RawAnswer({}, date(2026, 10, 31)))
    with pytest.raises(AgencyRejectedMessage):
        await adapter.deliver(Item("item-4", "LK.GOV.WBB.SRIS/gossip", {}))
    assert server.requests == []


@pytest.mark.parametrize("name", REG_TYPES)
async def test_an_event_of_a_dci_registry_names_it_and_its_word_is_of_that_file(
    agency: Agency, reply: type, name: str
) -> None:
    server = await agency(lambda _: reply(body=TAKEN))
    await callback(server).deliver(Item("item-5", f"LK.GOV.WBB.SR/{name}", {}))
    envelope = server.requests[0].json()
    data = envelope["message"]["notify_event"][0]["data"]
    interface = of_reg_type(data["reg_type"])
    assert interface is not None
    assert data["reg_event_type"] in interface.event_types
    assert schemas.validator(request_schema(interface, "notify")).is_valid(envelope)


def test_a_callback_url_inside_the_network_is_refused_at_registration() -> None:
    with pytest.raises(NotAllowed):
        CallbackAdapter("LK.X", "http://169.254.169.254/latest", "LK.Y", Dialler(), lambda _: "")


def test_every_callback_service_carries_a_canonical_record() -> None:
    assert all(record_schema_of(name) for name in RECORD_TYPES)
    assert record_schema_of("enrolment").is_valid(RECORD)
