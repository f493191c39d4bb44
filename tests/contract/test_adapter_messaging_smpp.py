"""The second wire of messaging: its promises, the adapter against the sandbox over SMPP, what that refuses in bytes."""

import asyncio
import struct
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.kit.conformance import suite
from adapters.kit.contract import (
    AgencyAnswerMalformed,
    AgencyError,
    AgencyOutcomeUnknown,
    AgencyRefused,
    AgencyRejectedMessage,
    AgencyUnavailable,
    Item,
    StateTold,
    TellsStates,
)
from adapters.kit.egress import Dialler
from adapters.kit.opening import open_adapter
from adapters.kit.transports.smpp import Receipt, parts, receipt_of, submit_body
from sandbox.agencies.messaging import smpp
from sandbox.agencies.messaging.journey import OPTED_OUT, journey, luck
from sandbox.agencies.messaging.smpp import Gate, Rejected, submitted
from sandbox.faults import Faults

FOLDER = Path(__file__).parents[2] / "adapters/second_wires/messaging"
TestMessaging = suite(FOLDER)

FROM = "+94110000001"
SINHALA = "ඔබේ රැකියා සේවා කාර්යාලයේ පුහුණු අවස්ථාවක් ඇත. "
NUMBERS = [f"+9477{n:07}" for n in range(2000)]
WELL = next(n for n in NUMBERS if journey("sms", n, template=False).error is None and luck("sms", n) % OPTED_OUT)
AWAY = next(n for n in NUMBERS if journey("sms", n, template=False).error and luck("sms", n) % OPTED_OUT)
OPTED = next(n for n in NUMBERS if luck("sms", n) % OPTED_OUT == 0)


@dataclass
class Place:
    adapter: Any
    gate: Gate

    async def state(self) -> StateTold:
        async with asyncio.timeout(5):
            return StateTold(*await anext(_fields(self.adapter.states())))


async def _fields(states: AsyncIterator[StateTold]) -> AsyncIterator[tuple[str, str, int]]:
    async for each in states:
        yield each.item, each.state, each.rank


@pytest.fixture
async def place() -> AsyncIterator[Place]:
    gate = Gate("sandhi", "secret", FROM, Faults())
    await gate.open()
    dialler = Dialler({f"127.0.0.1:{gate.port}"})
    adapter = open_adapter(FOLDER, gate.exported().__getitem__, dialler)
    yield Place(adapter, gate)
    await adapter.close()
    await dialler.close()
    await gate.close()


def alert(text: str = "Hello", item: str = "item-1", **changed: Any) -> Item:
    record = {"channel": "sms", "to": WELL, "language": "eng", "text": text}
    return Item(item, "messaging.alert", record | changed)


async def test_a_text_is_sent_once_and_its_receipt_settles_the_delivery(place: Place) -> None:
    handed = await place.adapter.deliver(alert())
    (sent,) = place.gate.texts
    assert (handed.reference, handed.state) == (sent.id, "sent")
    assert (sent.text, sent.receiver, sent.place) == ("Hello", WELL[1:], None)
    assert isinstance(place.adapter, TellsStates)
    assert await place.state() == StateTold("item-1", "delivered", 2)


async def test_a_long_text_in_sinhala_goes_in_parts_of_67_and_is_delivered_when_all_are(place: Place) -> None:
    text = SINHALA * 4
    await place.adapter.deliver(alert(text, language="sin"))
    assert "".join(each.text for each in place.gate.texts) == text
    assert max(len(each.text) for each in place.gate.texts) <= 67
    placed = [each.place for each in place.gate.texts if each.place]
    assert [each[1:] for each in placed] == [(len(placed), number) for number in range(1, len(placed) + 1)]
    assert len({each[0] for each in placed}) == 1
    assert await place.state() == StateTold("item-1", "delivered", 2)
    assert place.adapter._states.empty()


async def test_a_phone_that_is_away_is_a_failed_delivery(place: Place) -> None:
    await place.adapter.deliver(alert(to=AWAY))
    assert await place.state() == StateTold("item-1", "failed", 2)


@pytest.mark.parametrize(
    ("item", "code"),
    [
        (alert(to=OPTED), "0x0000000b"),
        (alert(channel="whatsapp"), "channel"),
        (alert(to="0771234567"), "record"),
    ],
    ids=["opted out", "another channel", "local number"],
)
async def test_what_the_provider_or_the_wire_does_not_take_is_rejected(place: Place, item: Item, code: str) -> None:
    with pytest.raises(AgencyRejectedMessage) as raised:
        await place.adapter.deliver(item)
    assert raised.value.code == code
    assert not place.gate.texts


async def test_each_fault_has_its_kind_and_the_next_session_works_again(place: Place) -> None:
    kinds: dict[str, type[AgencyError]] = {
        "down": AgencyUnavailable,
        "refuse": AgencyRefused,
        "garbled": AgencyOutcomeUnknown,
        "wrong_schema": AgencyOutcomeUnknown,
    }
    for fault, kind in kinds.items():
        await place.adapter.close()
        place.gate.faults.set(fault)
        with pytest.raises(AgencyError) as raised:
            await place.adapter.deliver(alert())
        assert isinstance(raised.value, kind), fault
    await place.adapter.close()
    place.gate.faults.clear()
    assert (await place.adapter.deliver(alert())).state == "sent"


async def test_throttling_is_an_outage_before_the_first_part_and_unknown_after_it(place: Place) -> None:
    place.gate.throttle = 0
    with pytest.raises(AgencyUnavailable):
        await place.adapter.deliver(alert())
    place.gate.throttle = 1
    with pytest.raises(AgencyOutcomeUnknown):
        await place.adapter.deliver(alert(SINHALA * 4))


@given(st.text(min_size=1, max_size=500), st.integers(0, 255))
def test_parts_come_together_again_and_none_is_too_long(text: str, reference: int) -> None:
    coding, cut = parts(text, reference)
    texts = [submitted(submit_body(FROM, WELL, coding, each, split=len(cut) > 1), FROM)[0] for each in cut]
    assert "".join(each.text for each in texts) == text
    assert all(len(each) <= (160 if coding == 0 else 140) for each in cut)


@given(st.binary(max_size=200))
def test_no_deliver_sm_breaks_the_reader(body: bytes) -> None:
    try:
        found = receipt_of(body)
    except AgencyAnswerMalformed:
        return
    assert found is None or isinstance(found, Receipt)


def test_a_receipt_is_known_by_its_optional_parameter_too() -> None:
    flags = bytes([4, 0, 0]) + b"\0\0" + bytes([0, 0, 0, 0, 12])
    body = b"\0\x01\x011\0\x01\x012\0" + flags + b"stat:DELIVRD" + struct.pack(">HH", 0x1E, 3) + b"ab\0"
    assert receipt_of(body) == Receipt("ab", "DELIVRD")
    assert receipt_of(body.replace(flags, b"\0" + flags[1:])) is None


def _body(**changed: object) -> bytes:
    told: dict[str, Any] = {"sender": FROM, "to": WELL, "esm": 0, "coding": 0, "text": b"Hi", "length": 2, **changed}
    flags = bytes([told["esm"], 0, 0]) + b"\0\0" + bytes([1, 0, told["coding"], 0, told["length"]])
    addresses = f"\0\1\1{told['sender'].lstrip('+')}\0\1\1{told['to'].lstrip('+')}\0".encode()
    return addresses + flags + bytes(told["text"])


REFUSED: dict[str, tuple[bytes, int]] = {
    "empty": (b"", smpp.INVALID_LENGTH),
    "cut": (_body()[:20], smpp.INVALID_LENGTH),
    "a length that is not the text's": (_body(length=9), smpp.INVALID_LENGTH),
    "too long for UCS-2": (_body(coding=8, text=b"\0a" * 71, length=142), smpp.INVALID_LENGTH),
    "another sender": (_body(sender="+94110000009"), smpp.INVALID_SOURCE),
    "a receiver that is no number": (_body(to="somebody"), smpp.INVALID_TARGET),
    "opted out": (_body(to=OPTED), smpp.INVALID_TARGET),
    "a mode that is not open": (_body(esm=3), smpp.INVALID_ESM),
    "a header of parts that is none": (_body(esm=0x40, text=b"\x05\x00\x03\x01\x02\x03a", length=7), smpp.INVALID_ESM),
    "a coding nobody agreed": (_body(coding=4), smpp.INVALID_CODING),
    "half a UCS-2 letter": (_body(coding=8, text=b"\x0d", length=1), smpp.INVALID_CODING),
    "a letter that is another in GSM": (_body(text=b"a@", length=2), smpp.INVALID_CODING),
}


@pytest.mark.parametrize("case", REFUSED)
def test_the_provider_refuses(case: str) -> None:
    body, status = REFUSED[case]
    with pytest.raises(Rejected) as raised:
        submitted(body, FROM)
    assert raised.value.status == status


@pytest.mark.parametrize(
    ("sent", "answer"),
    [
        (struct.pack(">IIII", 16, 4, 0, 7), (0x80000004, smpp.NOT_BOUND, 7)),
        (struct.pack(">IIII", 16, 0x21, 0, 7), (0x80000000, smpp.INVALID_COMMAND, 7)),
        (struct.pack(">IIII", 15, 9, 0, 7), (0x80000000, smpp.INVALID_LENGTH, 0)),
        (struct.pack(">IIII", 2**31, 9, 0, 7), (0x80000000, smpp.INVALID_LENGTH, 0)),
        (struct.pack(">IIII", 25, 9, 0, 7) + b"sandhi\0x\0", (0x80000009, smpp.WRONG_PASSWORD, 7)),
    ],
    ids=["not bound", "unknown command", "too short", "too long", "wrong password"],
)
async def test_the_session_refuses(place: Place, sent: bytes, answer: tuple[int, int, int]) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", place.gate.port)
    writer.write(sent)
    assert struct.unpack(">IIII", await reader.readexactly(16))[1:] == answer
    writer.close()
