"""The same provider over SMPP 3.4: bind, submit_sm, receipts by deliver_sm. Reads and refuses what 3.4 does.

Source: SMPP 3.4 issue 1.2, sections 4.1, 4.4, 4.6, 5.1.3 and appendix B.
"""

import asyncio
import contextlib
import secrets
import struct
from dataclasses import dataclass, field
from datetime import UTC, datetime

from sandbox.faults import Fault, Faults

from .journey import OPTED_OUT, journey, luck

OK, INVALID_LENGTH, INVALID_COMMAND, NOT_BOUND, ALREADY_BOUND = 0, 0x02, 0x03, 0x04, 0x05
SYSTEM_ERROR, INVALID_SOURCE, INVALID_TARGET, BIND_FAILED = 0x08, 0x0A, 0x0B, 0x0D
WRONG_PASSWORD, INVALID_ESM, THROTTLED, INVALID_CODING = 0x0E, 0x43, 0x58, 0x104
BIND, SUBMIT, DELIVER, UNBIND, ENQUIRE, RESPONSE = 0x09, 0x04, 0x05, 0x06, 0x15, 0x80000000
HEADER, LONGEST = 16, 4096
RECEIPT = 0x04


class Rejected(Exception):
    """A status other than 0."""

    def __init__(self, status: int) -> None:
        super().__init__(status)
        self.status = status


@dataclass(frozen=True, slots=True)
class Text:
    """One part as it came: `text` without the header of parts; `place` is (reference, total, number) of several."""

    id: str
    sender: str
    receiver: str
    text: str
    place: tuple[int, int, int] | None


@dataclass(slots=True)
class Gate:
    """A running provider. `texts` are the parts it took; `throttle`: so many parts of a session are taken, no more."""

    system_id: str
    password: str = field(repr=False)
    sender: str
    faults: Faults
    pace: float = 0.02
    throttle: int = 1000
    texts: list[Text] = field(default_factory=list)
    port: int = 0
    _talks: set["asyncio.Task[None]"] = field(default_factory=set)
    _server: asyncio.Server | None = None

    async def open(self) -> None:
        """Listen on loopback."""
        self._server = await asyncio.start_server(self._talk, "127.0.0.1", self.port)
        self.port = int(self._server.sockets[0].getsockname()[1])

    async def close(self) -> None:
        """Stop, and hang up."""
        assert self._server is not None, "opened before"
        self._server.close()
        for each in self._talks:
            each.cancel()
        await asyncio.gather(*self._talks, return_exceptions=True)

    def exported(self) -> dict[str, str]:
        """What the client is given, by the names of the sandbox settings file."""
        return {
            "MESSAGING_SMPP_HOST": "127.0.0.1",
            "MESSAGING_SMPP_PORT": str(self.port),
            "MESSAGING_SMPP_SYSTEM_ID": self.system_id,
            "MESSAGING_SMPP_PASSWORD": self.password,
            "MESSAGING_FROM_SMS": self.sender,
        }

    async def _talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None, "a connection has its task"
        self._talks.add(task)
        try:
            with contextlib.suppress(OSError, asyncio.IncompleteReadError):
                await _Talk(self, reader, writer).run()
        finally:
            self._talks.discard(task)
            writer.close()


class _Talk:
    """One session."""

    def __init__(self, gate: Gate, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._gate, self._reader, self._writer = gate, reader, writer
        self._bound, self._taken, self._number = False, 0, 0
        self._receipts: set[asyncio.Task[None]] = set()

    async def run(self) -> None:
        """Until the client unbinds or hangs up."""
        fault = self._gate.faults.take()
        if fault is Fault.DOWN:
            return
        try:
            while True:
                length, command, _, sequence = struct.unpack(">IIII", await self._reader.readexactly(HEADER))
                if not HEADER <= length <= LONGEST:
                    self._say(RESPONSE, INVALID_LENGTH, 0, b"")
                    return
                body = await self._reader.readexactly(length - HEADER)
                if fault is Fault.SLOW:
                    await asyncio.sleep(self._gate.faults.seconds)
                if command & RESPONSE == 0:
                    self._answer(command, sequence, body, fault)
                await self._writer.drain()
                if command == UNBIND:
                    return
        finally:
            for each in self._receipts:
                each.cancel()

    def _answer(self, command: int, sequence: int, body: bytes, fault: Fault) -> None:
        try:
            answer = self._answered(command, body, fault)
        except Rejected as rejected:
            self._say(command | RESPONSE if command in {BIND, SUBMIT} else RESPONSE, rejected.status, sequence, b"")
            return
        if command == SUBMIT and fault is Fault.GARBLED:
            self._writer.write(b"\x00\x00\x00\x02")
        elif command == SUBMIT and fault is Fault.WRONG_SCHEMA:
            self._say(SUBMIT | RESPONSE, OK, sequence, b"")
        else:
            self._say(command | RESPONSE, OK, sequence, answer)

    def _answered(self, command: int, body: bytes, fault: Fault) -> bytes:
        if command == BIND:
            return self._bind(body, fault)
        if command not in {SUBMIT, ENQUIRE, UNBIND}:
            raise Rejected(INVALID_COMMAND)
        if not self._bound:
            raise Rejected(NOT_BOUND)
        if command != SUBMIT:
            return b""
        if self._taken >= self._gate.throttle:
            raise Rejected(THROTTLED)
        text, wants = submitted(body, self._gate.sender)
        self._taken += 1
        self._gate.texts.append(text)
        if wants:
            task = asyncio.create_task(self._receipt(text))
            self._receipts.add(task)
            task.add_done_callback(self._receipts.discard)
        return text.id.encode() + b"\0"

    def _bind(self, body: bytes, fault: Fault) -> bytes:
        if self._bound:
            raise Rejected(ALREADY_BOUND)
        fields = body.split(b"\0", 2)
        if fault is Fault.REFUSE or len(fields) != 3:
            raise Rejected(BIND_FAILED)
        given, own = b"\0".join(fields[:2]), f"{self._gate.system_id}\0{self._gate.password}".encode()
        if not secrets.compare_digest(given, own):
            raise Rejected(WRONG_PASSWORD)
        self._bound = True
        return b"sandbox\0"

    async def _receipt(self, text: Text) -> None:
        await asyncio.sleep(self._gate.pace)
        word = "UNDELIV" if journey("sms", f"+{text.receiver}", template=False).error else "DELIVRD"
        day = datetime.now(UTC).strftime("%y%m%d%H%M")
        told = f"id:{text.id} sub:001 dlvrd:001 submit date:{day} done date:{day} stat:{word} err:000 text:"
        addresses = b"\x01\x01" + text.receiver.encode() + b"\0\x01\x01" + text.sender.encode() + b"\0"
        flags = bytes([RECEIPT, 0, 0]) + b"\0\0" + bytes([0, 0, 0, 0, len(told)])
        self._number += 1
        self._say(DELIVER, OK, self._number, b"\0" + addresses + flags + told.encode())

    def _say(self, command: int, status: int, sequence: int, body: bytes) -> None:
        self._writer.write(struct.pack(">IIII", HEADER + len(body), command, status, sequence) + body)


def submitted(body: bytes, own: str) -> tuple[Text, bool]:
    """A `submit_sm` that is right in every field, and whether a receipt is wanted.

    Raises:
        Rejected: with the status of 5.1.3.
    """
    try:
        service, rest = body.split(b"\0", 1)
        source, rest = rest[2:].split(b"\0", 1)
        target, rest = rest[2:].split(b"\0", 1)
        esm, schedule = rest[0], rest[3:]
        _, _, tail = schedule.split(b"\0", 2)
        registered, coding, length, octets = tail[0], tail[2], tail[4], tail[5:]
    except (ValueError, IndexError):
        raise Rejected(INVALID_LENGTH) from None
    if len(octets) != length or length > 140 + 20 * (coding == 0) or service:
        raise Rejected(INVALID_LENGTH)
    if source != own.lstrip("+").encode():
        raise Rejected(INVALID_SOURCE)
    receiver = target.decode("ascii", "replace")
    if not (receiver.isdecimal() and 7 <= len(receiver) <= 15) or luck("sms", f"+{receiver}") % OPTED_OUT == 0:
        raise Rejected(INVALID_TARGET)
    if esm not in {0, 0x40}:
        raise Rejected(INVALID_ESM)
    place, text = _placed(octets) if esm else (None, octets)
    return Text(secrets.token_hex(8), source.decode(), receiver, _decoded(text, coding), place), bool(registered)


def _placed(octets: bytes) -> tuple[tuple[int, int, int], bytes]:
    if octets[:3] != b"\x05\x00\x03" or len(octets) < 7 or not 1 <= octets[5] <= octets[4]:
        raise Rejected(INVALID_ESM)
    return (octets[3], octets[4], octets[5]), octets[6:]


def _decoded(octets: bytes, coding: int) -> str:
    """GSM's default alphabet as far as it is ASCII's, or UCS-2."""
    try:
        if coding == 0:
            text = octets.decode("ascii")
            if set(text) & set("$@[\\]^_`{|}~"):
                raise Rejected(INVALID_CODING)  # other letters in GSM's alphabet
            return text
        if coding == 8:
            return octets.decode("utf-16-be")
    except UnicodeDecodeError:
        pass  # told below
    raise Rejected(INVALID_CODING)
