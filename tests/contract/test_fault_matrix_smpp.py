"""The fault matrix of texts over SMPP: every fault of a bind, a text and a receipt ends in its outcome, within the
deadline; a text that may have been sent is never sent again by itself."""

import asyncio
import struct
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from adapters.kit import manifest as manifests
from adapters.kit.breaker import ENOUGH
from adapters.kit.contract import Item, StateTold
from adapters.kit.egress import Dialler
from adapters.kit.opening import open_adapter
from tests.broken_ways import DEADLINE_S, Passes, listening, our_time, outcome

FOLDER = Path(__file__).parents[2] / "adapters/second_wires/messaging"
BIND, SUBMIT, DELIVER, ANSWER = 0x09, 0x04, 0x05, 0x80000000


def pdu(command: int, status: int, sequence: int, body: bytes = b"") -> bytes:
    return struct.pack(">IIII", 16 + len(body), command, status, sequence) + body


def receipt(part: str, word: str, sequence: int = 900) -> bytes:
    text = f"id:{part} sub:001 dlvrd:001 stat:{word} err:000".encode()
    body = b"\0\1\1" + b"94771\0" + b"\1\1" + b"94110\0" + bytes([4, 0, 0]) + b"\0\0" + bytes([0, 0, 0, 0, len(text)])
    return pdu(DELIVER, 0, sequence, body + text)


Said = Sequence[bytes | float | None]
"""What is written for a request: bytes, seconds that pass in silence, None: hang up. `SEQ` stands for its number."""
SEQ = b"\xde\xad\xbe\xef"
FINE = struct.pack(">III", 19, SUBMIT | ANSWER, 0) + SEQ + b"m1\0"


@dataclass
class Provider:
    """Binds as `bind` says, and answers each submit as `said`; hears what is acknowledged."""

    said: Said
    bind: Said = (struct.pack(">III", 17, BIND | ANSWER, 0) + SEQ + b"\0",)
    passes: Passes = lambda _: None
    submits: int = 0
    acknowledged: int = 0

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while True:
            length, command, _, sequence = struct.unpack(">IIII", await reader.readexactly(16))
            await reader.readexactly(length - 16)
            self.submits += command == SUBMIT
            self.acknowledged += command == DELIVER | ANSWER
            for each in {BIND: self.bind, SUBMIT: self.said}.get(command, ()):
                if each is None:
                    return
                if isinstance(each, float):
                    self.passes(each)
                    await asyncio.sleep(0)
                else:
                    writer.write(each.replace(SEQ, struct.pack(">I", sequence)))
                    await writer.drain()


def refusal(command: int, status: int) -> bytes:
    return struct.pack(">III", 16, command | ANSWER, status) + SEQ


BINDS: dict[str, tuple[Said, str]] = {
    "not known": ((refusal(BIND, 0x0D),), "refused_by_source"),
    "wrong password": ((refusal(BIND, 0x0E),), "refused_by_source"),
    "throttled": ((refusal(BIND, 0x58),), "source_down"),
    "cut": ((None,), "source_down"),
    "slow": ((DEADLINE_S,), "source_down"),
    "garbled": ((b"\0\0\0\4",), "source_down"),
    "another protocol": ((b"HTTP/1.1 400 Bad Request\r\n\r\n",), "source_down"),
    "huge": ((b"\x7f\xff\xff\xff" + bytes(12),), "source_down"),
}
SUBMITS: dict[str, tuple[Said, str]] = {
    "throttled": ((refusal(SUBMIT, 0x58),), "source_down"),
    "queue full": ((refusal(SUBMIT, 0x14),), "source_down"),
    "number not taken": ((refusal(SUBMIT, 0x0B),), "our_error"),
    "not bound any more": ((refusal(SUBMIT, 0x04),), "refused_by_source"),
    "cut before the response": ((None,), "unknown"),
    "cut within the response": ((FINE[:9], None), "unknown"),
    "slow": ((DEADLINE_S,), "unknown"),
    "garbled": ((b"\0\0\0\4",), "unknown"),
    "huge": ((b"\x7f\xff\xff\xff" + bytes(12),), "unknown"),
    "a response without an id": ((pdu(SUBMIT | ANSWER, 0, 0)[:12] + SEQ,), "unknown"),
    "the response of another request": ((FINE.replace(SEQ, b"\0\0\x7f\xff"), DEADLINE_S), "unknown"),
    "twice the same response": ((FINE + FINE,), "answered"),
    "a nack of what nobody sent": ((pdu(ANSWER, 3, 77), FINE), "answered"),
}


@asynccontextmanager
async def texting(provider: Provider) -> AsyncIterator[Any]:
    with our_time() as provider.passes:
        async with _linked(provider) as adapter:
            yield adapter


@asynccontextmanager
async def _linked(provider: Provider) -> AsyncIterator[Any]:
    async with listening(provider.serve) as port:
        values = {"HOST": "127.0.0.1", "PORT": str(port), "SYSTEM_ID": "sandhi", "PASSWORD": "secret"}
        settings = {f"MESSAGING_SMPP_{name}": value for name, value in values.items()}
        settings["MESSAGING_FROM_SMS"] = "+94110000001"
        dialler = Dialler({f"127.0.0.1:{port}"})
        adapter: Any = open_adapter(FOLDER, settings.__getitem__, dialler)
        adapter._timeout_s = DEADLINE_S
        yield adapter
        await adapter.close()
        await dialler.close()


def text() -> Item:
    record = {"channel": "sms", "to": "+94771234501", "language": "eng", "text": "Please call us."}
    return Item("item-1", "messaging.alert", record)


@pytest.mark.parametrize("fault", BINDS)
async def test_every_fault_of_a_bind_ends_in_its_outcome_and_no_text_is_sent(fault: str) -> None:
    said, wanted = BINDS[fault]
    provider = Provider((FINE,), bind=said)
    async with texting(provider) as adapter:
        assert (await outcome(adapter.deliver(text())))[0] == wanted
    assert provider.submits == 0


@pytest.mark.parametrize("fault", SUBMITS)
async def test_every_fault_of_a_text_ends_in_its_outcome_and_it_is_sent_once(fault: str) -> None:
    said, wanted = SUBMITS[fault]
    provider = Provider(said)
    async with texting(provider) as adapter:
        assert (await outcome(adapter.deliver(text())))[0] == wanted
    assert provider.submits == 1


RECEIPTS: dict[str, tuple[Said, list[str]]] = {
    "late": ((FINE, 0.2, receipt("m1", "DELIVRD")), ["delivered"]),
    "before the response": ((receipt("m1", "DELIVRD"), FINE), ["delivered"]),
    "twice": ((FINE, receipt("m1", "DELIVRD"), receipt("m1", "DELIVRD")), ["delivered"]),
    "on its way, then there": ((FINE, receipt("m1", "ENROUTE"), receipt("m1", "DELIVRD")), ["delivered"]),
    "there, then on its way": ((FINE, receipt("m1", "DELIVRD"), receipt("m1", "ENROUTE")), ["delivered"]),
    "failed, then there": ((FINE, receipt("m1", "UNDELIV"), receipt("m1", "DELIVRD")), ["failed"]),
    "of a text that nobody sent": ((FINE, receipt("other", "DELIVRD")), []),
    "never": ((FINE,), []),
}


@pytest.mark.parametrize("case", RECEIPTS)
async def test_receipts_settle_a_delivery_once_whenever_and_however_often_they_come(case: str) -> None:
    said, wanted = RECEIPTS[case]
    provider = Provider(said)
    async with texting(provider) as adapter:
        assert (await outcome(adapter.deliver(text())))[0] == "answered"
        receipts = sum(isinstance(each, bytes) and each != FINE for each in said)
        for _ in range(3000):
            if provider.acknowledged == receipts:
                break
            await asyncio.sleep(0.01)
        states: list[StateTold] = []
        while not adapter._states.empty():
            states.append(adapter._states.get_nowait())
    assert provider.acknowledged == receipts, "every receipt is acknowledged, or it would come for ever"
    assert [each.state for each in states] == wanted


async def test_a_receipt_that_cannot_be_read_ends_the_session_and_the_next_text_opens_another() -> None:
    provider = Provider((FINE, pdu(DELIVER, 0, 901, b"\0\1\1")))
    async with texting(provider) as adapter:
        for _ in range(2):
            await outcome(adapter.deliver(text()))
            await asyncio.sleep(0.05)
        assert provider.submits == 2


async def test_a_provider_that_fails_repeatedly_is_left_alone_and_its_health_says_so() -> None:
    provider = Provider((FINE,), bind=(refusal(BIND, 0x58),))
    async with texting(provider) as adapter:
        for _ in range(ENOUGH):
            assert (await outcome(adapter.deliver(text())))[0] == "source_down"
        assert await outcome(adapter.deliver(text())) == ("source_down", "breaker_open")
        (health,) = adapter.health()
    assert (health.open, health.calls, health.failures) == (True, ENOUGH, ENOUGH)


def test_a_provider_cannot_tell_a_text_that_comes_twice_so_the_gateway_never_repeats_one() -> None:
    assert manifests.load(FOLDER).services["alert"].extra["repeatable"] is False
