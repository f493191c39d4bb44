"""Databases that break, and such as are not the agency's: each fault ends in its outcome, within the deadline."""

import asyncio
import struct
from typing import Any

import pytest

from adapters.kit.contract import (
    AgencyAnswerMalformed,
    AgencyError,
    AgencyRefused,
    AgencyTimeout,
    AgencyUnavailable,
)
from gateway.errors import translated
from tests.broken_ways import listening
from tests.view_place import NIC, TAKEN_IN, authentication, linked, message, question, refused, signed_in

SIGNED_IN = b"as PostgreSQL does"  # instead of words of its own
COLUMN = message(b"T", b"\0\1office\0" + bytes(18))
FAULTS: dict[str, tuple[bytes, bytes, type[AgencyError]]] = {
    "garbled at once": (b"HTTP/1.1 400 Bad Request\r\n\r\n", b"", AgencyAnswerMalformed),
    "cut before a word": (b"", b"", AgencyUnavailable),
    "cut within a row": (SIGNED_IN, COLUMN + message(b"D", b"\0\1\0\0\0\5LK-11")[:9], AgencyUnavailable),
    "a row of another shape": (
        SIGNED_IN,
        COLUMN + message(b"D", b"\0\2\0\0\0\1a\0\0\0\1b") + message(b"Z", b"I"),
        AgencyAnswerMalformed,
    ),
    "a row that says more than it has": (
        SIGNED_IN,
        COLUMN + message(b"D", b"\0\1\0\0\xff\xffa") + message(b"Z", b"I"),
        AgencyAnswerMalformed,
    ),
    "no UTF-8": (SIGNED_IN, COLUMN + message(b"D", b"\0\1\0\0\0\1\xff") + message(b"Z", b"I"), AgencyAnswerMalformed),
    "huge": (SIGNED_IN, COLUMN + b"D" + struct.pack(">i", 2**31 - 1), AgencyAnswerMalformed),
    "a size below nothing": (SIGNED_IN, b"D" + struct.pack(">i", -5), AgencyAnswerMalformed),
    "many small ones without end": (SIGNED_IN, message(b"N", bytes(60_000)) * 2, AgencyAnswerMalformed),
    "the password itself is wanted": (message(b"R", struct.pack(">i", 3)), b"", AgencyRefused),
    "an error without a code": (
        SIGNED_IN,
        message(b"E", b"Mfull of values\0\0") + message(b"Z", b"I"),
        AgencyAnswerMalformed,
    ),
    "stopping": (SIGNED_IN, message(b"E", b"C57P01\0Mbye\0\0") + message(b"Z", b"I"), AgencyUnavailable),
    "too many of us": (message(b"E", b"C53300\0\0") + message(b"Z", b"I"), b"", AgencyUnavailable),
}


@pytest.mark.parametrize("fault", FAULTS)
async def test_every_fault_of_a_database_ends_in_its_outcome(fault: str) -> None:
    hello, then, kind = FAULTS[fault]

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if hello is SIGNED_IN:
            await signed_in(reader, writer)
        else:
            await reader.read(65536)
            writer.write(hello)
        if then:
            await reader.read(65536)
            writer.write(then)
        await writer.drain()

    async with listening(serve) as port, linked(port, timeout_s=3.0) as adapter:
        error = await refused(adapter)
    assert type(error) is kind
    assert translated(error).code == ("refused_by_source" if kind is AgencyRefused else "source_down")


async def test_a_database_that_says_nothing_takes_no_longer_than_the_deadline() -> None:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        del writer
        await reader.read()

    async with listening(serve) as port, linked(port, timeout_s=0.3) as adapter:
        assert isinstance(await refused(adapter), AgencyTimeout)


NOT_THE_AGENCY: dict[str, bytes] = {
    "taken in without a word": TAKEN_IN,
    "an end without being taken in": message(b"Z", b"I"),
    "taken in half way": authentication(10, b"SCRAM-SHA-256\0\0") + TAKEN_IN,
    "a proof before a question": authentication(12, b"v=") + TAKEN_IN,
}


@pytest.mark.parametrize("how", NOT_THE_AGENCY)
async def test_who_takes_us_in_without_proving_that_it_knows_the_password_is_asked_nothing(how: str) -> None:
    """On a plain road of the allow-list nothing else tells the agency's database from somebody on the way."""
    heard = bytearray()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(65536)
        writer.write(NOT_THE_AGENCY[how])
        while block := await reader.read(65536):
            heard.extend(block)

    async with listening(serve) as port, linked(port) as adapter:
        error = await refused(adapter)
    assert (type(error), error.code) == (AgencyUnavailable, "server_proof")
    assert NIC.encode() not in heard


def cell(text: str) -> bytes:
    return struct.pack(">i", len(text)) + text.encode()


ABSENT = struct.pack(">i", -1)
NAMES = ("office", "code", "kind", "title", "places", "starts", "nothing")
ROW = message(b"T", struct.pack(">h", len(NAMES)) + b"".join(each.encode() + bytes(19) for each in NAMES))


async def test_what_comes_unasked_is_never_taken_for_the_answer_to_the_next_question() -> None:
    asked = 0

    def row(office: str) -> bytes:
        return ROW + message(b"D", struct.pack(">h", 7) + cell(office) + ABSENT * 5 + cell("t")) + message(b"Z", b"I")

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal asked
        await signed_in(reader, writer)
        while block := await reader.read(65536):
            if block.endswith(message(b"S", b"")):
                asked += 1
                writer.write(2 * row(f"LK-{asked}"))

    async with listening(serve) as port, linked(port) as adapter:
        heard: list[object] = []
        for _ in range(3):
            payload: Any = (await adapter.ask(question(NIC))).payload
            heard.append(payload["rows"][0]["office"])
            await asyncio.sleep(0.05)
    assert heard == ["LK-1", "LK-2", "LK-3"]
    health = adapter.health()[-1]
    assert health.failures == 0, "a connection that is not used again is no outage"
