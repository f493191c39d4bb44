"""The fault matrix of letters over SMTP: every fault at every stage ends in the outcome of the table, within the
deadline; a letter that may have been taken is never sent again by itself."""

import asyncio
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from adapters.kit import manifest as manifests
from adapters.kit.breaker import ENOUGH
from adapters.kit.egress import Dialler
from adapters.kit.transports.smtp import Relay, Smtp
from tests.broken_ways import DEADLINE_S, Passes, listening, our_time, outcome

FOLDER = Path(__file__).parents[2] / "adapters/e_letters"
STAGES = ("greeting", "EHLO", "MAIL", "RCPT", "DATA", "the letter")
GOOD = ("220 relay", "250 relay", "250 fine", "250 fine", "354 go on", "250 taken")
REPLIES: dict[str, bytes | None] = {
    "refused for good": b"554 5.7.1 no\r\n",
    "refused for now": b"451 4.3.0 later\r\n",
    "closing": b"421 4.3.2 bye\r\n",
    "cut": b"",
    "slow": None,
    "garbled": b"\x00\xff\r\n",
    "another protocol": b"HTTP/1.1 400 Bad Request\r\n",
    "a code that SMTP does not have here": b"299 what?\r\n",
    "huge": b"250-" + b"x" * 100_000 + b"\r\n",
    "without end": b"250-more\r\n" * 200,
}


@dataclass
class Scripted:
    """A relay that says the right thing until a stage, then one fault; `letters` are those that it was given whole."""

    stage: int
    fault: bytes | None
    passes: Passes = lambda _: None
    letters: list[bytes] = field(default_factory=list)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        for at, good in enumerate(GOOD):
            if at == len(GOOD) - 1:
                self.letters.append(await reader.readuntil(b"\r\n.\r\n"))
            elif at:
                await reader.readuntil(b"\r\n")
            if at == self.stage:
                if self.fault is None:
                    self.passes(DEADLINE_S)
                    await asyncio.sleep(3600)
                writer.write(self.fault or b"")
                await writer.drain()
                return
            writer.write(good.encode() + b"\r\n")
            await writer.drain()
        await reader.read(100)


def wanted(stage: int, fault: str) -> str:
    """Before the letter is out, nothing was done; after it, only a clear no says so."""
    if fault == "refused for good":
        return "refused_by_source" if STAGES[stage] == "MAIL" else "our_error"
    if STAGES[stage] == "the letter" and fault not in {"refused for now", "closing"}:
        return "unknown"
    return "source_down"


async def _mailed(stage: int, fault: str, passes: Passes) -> tuple[str, int]:
    relay = Scripted(stage, REPLIES[fault], passes)
    async with listening(relay.serve) as port:
        smtp = Smtp(Dialler({f"127.0.0.1:{port}"}), Relay("127.0.0.1", port), DEADLINE_S)
        told = await outcome(smtp.send("a@mail.example", "b@mail.example", b"Subject: x\r\n\r\ny\r\n"))
    return told[0], len(relay.letters)


@pytest.mark.parametrize("fault", REPLIES)
async def test_every_fault_of_a_relay_at_every_stage_ends_in_its_outcome(fault: str) -> None:
    for stage in range(len(STAGES)):
        with our_time() as passes:
            told, letters = await _mailed(stage, fault, passes)
        assert told == wanted(stage, fault), STAGES[stage]
        assert letters == (STAGES[stage] == "the letter"), "sent once, or not at all"


@pytest.mark.parametrize("smuggled", [b"\n.\r\nMAIL FROM:<x@y.example>\r\n", b"\r.\r\n", b"\n.\n", b"\r\r\n"])
async def test_a_second_letter_within_a_letter_never_leaves(smuggled: bytes) -> None:
    relay = Scripted(len(GOOD), None)
    async with listening(relay.serve) as port:
        smtp = Smtp(Dialler({f"127.0.0.1:{port}"}), Relay("127.0.0.1", port), DEADLINE_S)
        told = await outcome(smtp.send("a@mail.example", "b@mail.example", b"Subject: x\r\n\r\ny" + smuggled))
    assert told == ("our_error", "lines")
    assert relay.letters == []


async def test_a_relay_that_is_gone_is_an_outage_and_a_word_too_many_changes_nothing() -> None:
    gone = Smtp(Dialler({"127.0.0.1:1"}), Relay("127.0.0.1", 1), DEADLINE_S)
    assert await outcome(gone.send("a@mail.example", "b@mail.example", b"x\r\n")) == (
        "source_down",
        "ConnectionRefusedError",
    )
    twice = Scripted(len(STAGES) - 1, b"250 taken\r\n250 taken\r\n451 or not\r\n")
    async with listening(twice.serve) as port:
        smtp = Smtp(Dialler({f"127.0.0.1:{port}"}), Relay("127.0.0.1", port), DEADLINE_S)
        assert (await outcome(smtp.send("a@mail.example", "b@mail.example", b"x\r\n")))[0] == "answered"
    assert len(twice.letters) == 1


async def test_a_relay_that_fails_repeatedly_is_left_alone_and_its_health_says_so() -> None:
    smtp = Smtp(Dialler({"127.0.0.1:1"}), Relay("127.0.0.1", 1), DEADLINE_S)
    for _ in range(ENOUGH):
        assert (await outcome(smtp.send("a@mail.example", "b@mail.example", b"x\r\n")))[0] == "source_down"
    told = await outcome(smtp.send("a@mail.example", "b@mail.example", b"x\r\n"))
    assert told == ("source_down", "breaker_open")
    assert smtp.breaker.health()[:3] == (True, ENOUGH, ENOUGH)


async def test_no_more_sessions_at_once_than_the_relay_allows() -> None:
    open_now, most = 0, 0

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal open_now, most
        open_now += 1
        most = max(most, open_now)
        await asyncio.sleep(0.02)
        await Scripted(len(GOOD), None).serve(reader, writer)
        open_now -= 1

    async with listening(serve) as port:
        smtp = Smtp(Dialler({f"127.0.0.1:{port}"}), Relay("127.0.0.1", port), DEADLINE_S, concurrent=2)
        letters = (outcome(smtp.send("a@mail.example", "b@mail.example", b"x\r\n")) for _ in range(6))
        assert {told for told, _ in await asyncio.gather(*letters)} == {"answered"}
    assert most <= 3, "a session may end while the next one begins"


def test_a_relay_cannot_tell_a_letter_that_comes_twice_so_the_gateway_never_repeats_one() -> None:
    assert manifests.load(FOLDER).services["email"].extra["repeatable"] is False
