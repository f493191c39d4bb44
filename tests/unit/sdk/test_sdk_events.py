"""A notification counts only when the gateway signed exactly it, for us, now."""

import json
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sandhi_client import EventRefused, Session
from sandhi_client.events import Incoming, acknowledgement, refusal
from sandhi_client.jcs import canonical as sdk_canonical
from sandhi_client.session import Credentials

from gateway.trust.errors import NotCanonical
from gateway.trust.jcs import canonical
from gateway.trust.keys import new_key, private_jwk
from tests.small_gateway import Place, a_gateway
from tests.trusting import ORIGIN, SR, Clock

HEADER = {
    "version": "1.0.0",
    "message_id": "m1",
    "message_ts": "",
    "action": "notify",
    "status": "succ",
    "sender_id": "LK.GOV.SANDHI.GATEWAY",
    "receiver_id": "LK.GOV.WBB.SRIS",
}
EVENT: dict[str, Any] = {
    "reference_id": "r1",
    "timestamp": "2026-11-02T09:00:00Z",
    "data": {
        "reg_event_type": "enrolment_status_change",
        "reg_record_type": "sandhi:enrolment-event:v1",
        "reg_records": {"status": "Active", "name": "கமலா"},
    },
}
MESSAGE = {"transaction_id": "t1", "notify_event": [EVENT]}


@pytest.fixture
async def place(tmp_path: Path) -> AsyncIterator[Place]:
    async with a_gateway(tmp_path, clock=Clock(datetime.now(UTC))) as built:
        yield built


@pytest.fixture
async def incoming(place: Place) -> AsyncIterator[Incoming]:
    credentials = Credentials(ORIGIN, SR.client_id, SR.id, private_jwk(new_key("ES256")))
    session = Session(credentials, transport=httpx.ASGITransport(place.app))
    yield Incoming(session, accepted_from="LK.GOV.SANDHI.GATEWAY")
    await session.close()


def envelope(place: Place, *, signed: bool = True, off: float = 0.0, **header: Any) -> dict[str, Any]:
    sent = (datetime.now(UTC) + timedelta(seconds=off)).isoformat()
    covered: dict[str, Any] = {"header": HEADER | {"message_ts": sent} | header, "message": MESSAGE}
    return covered | ({"signature": place.trust.sign_envelope(covered)} if signed else {})


async def test_a_good_notification_gives_its_events(place: Place, incoming: Incoming) -> None:
    notice = await incoming.verified(json.dumps(envelope(place)).encode())
    assert (notice.message_id, notice.sender, notice.transaction_id) == ("m1", "LK.GOV.SANDHI.GATEWAY", "t1")
    (event,) = notice.events
    assert (event.kind, event.event) == ("sandhi:enrolment-event:v1", "enrolment_status_change")
    assert event.record == {"status": "Active", "name": "கமலா"}
    told = json.loads(acknowledgement(notice))["message"]
    assert (told["ack_status"], told["correlation_id"]) == ("ACK", "m1")


async def test_what_a_person_contests_is_marked(place: Place, incoming: Incoming) -> None:
    marked = EVENT | {"data": dict(EVENT["data"], contested=True)}
    covered = envelope(place, signed=False) | {"message": MESSAGE | {"notify_event": [EVENT, marked]}}
    signed = covered | {"signature": place.trust.sign_envelope(covered)}
    notice = await incoming.verified(json.dumps(signed).encode())
    assert [each.contested for each in notice.events] == [False, True]


def altered(place: Place) -> dict[str, Any]:
    return envelope(place) | {"message": MESSAGE | {"transaction_id": "t2"}}


HOSTILE = {
    "not signed": (lambda place: envelope(place, signed=False), "err.signature.missing"),
    "a stub": (lambda place: envelope(place) | {"signature": "unsigned-stub"}, "err.signature.invalid"),
    "signed by nobody we know": (lambda place: envelope(place) | {"signature": "e30..AA"}, "err.signature.invalid"),
    "altered": (altered, "err.signature.invalid"),
    "for somebody else": (lambda place: envelope(place, receiver_id="LK.GOV.DME.ESS"), "err.receiver_id.invalid"),
    "from somebody else": (lambda place: envelope(place, sender_id="LK.GOV.DME.ESS"), "err.sender_id.invalid"),
    "too old": (lambda place: envelope(place, off=-400), "err.request.bad"),
    "from the future": (lambda place: envelope(place, off=400), "err.request.bad"),
    "not a notify": (lambda place: envelope(place, action="search"), "err.request.bad"),
    "no header": (lambda place: {"message": MESSAGE, "signature": "x"}, "err.request.bad"),
    "an array": (lambda place: [], "err.request.bad"),
}


@pytest.mark.parametrize(("made", "code"), HOSTILE.values(), ids=HOSTILE.keys())
async def test_a_hostile_notification_is_refused(place: Place, incoming: Incoming, made: Any, code: str) -> None:
    with pytest.raises(EventRefused) as refused:
        await incoming.verified(json.dumps(made(place)).encode())
    assert refused.value.code == code
    told = json.loads(refusal(refused.value))["message"]
    assert (told["ack_status"], told["error"]["code"]) == ("ERR", code)


@pytest.mark.parametrize(
    "body", [b"{", b"\xff", b'{"header":{},"header":{}}', b'{"header": NaN}', b"[" * 100_000], ids=range(5)
)
async def test_what_is_not_strict_json_is_refused(incoming: Incoming, body: bytes) -> None:
    with pytest.raises(EventRefused):
        await incoming.verified(body)


async def test_a_member_twice_does_not_hide_behind_a_good_signature(place: Place, incoming: Incoming) -> None:
    text = json.dumps(envelope(place))
    doubled = text.replace('"transaction_id": "t1"', '"transaction_id": "t2", "transaction_id": "t1"')
    with pytest.raises(EventRefused):
        await incoming.verified(doubled.encode())


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=6), inner, max_size=4),
    max_leaves=15,
)


@given(VALUES)
def test_gateway_and_sdk_agree_on_the_bytes_that_are_signed(value: object) -> None:
    try:
        ours: bytes | None = canonical(value)
    except NotCanonical:
        ours = None
    try:
        theirs: bytes | None = sdk_canonical(value)
    except ValueError:
        theirs = None
    assert ours == theirs
