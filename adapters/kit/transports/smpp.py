"""SMPP 3.4: the PDUs we write and read, and one bound session over the dialler's connection.

Source: SMPP Protocol Specification v3.4 issue 1.2, sections 3.2 (format), 4.1 (bind), 4.4 (submit_sm), 4.6
(deliver_sm), 5.1.3 (status), appendix B (receipts); 3GPP TS 23.040 section 9.2.3.24.1 (parts of a text), TS 23.038
(alphabets).
"""

import asyncio
import itertools
import struct
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from adapters.kit.contract import AgencyAnswerMalformed, AgencyRefused, AgencyUnavailable
from adapters.kit.egress import Dialler, Stream

PORT = 3550  # of SMPP with TLS, by custom; any other is on the allow-list
BIND, SUBMIT, DELIVER, UNBIND, ENQUIRE = 0x09, 0x04, 0x05, 0x06, 0x15
RESPONSE, NACK = 0x80000000, 0x80000000
HEADER, LONGEST = 16, 64 * 1024
GSM, UCS2, WITH_HEADER, RECEIPT = 0x00, 0x08, 0x40, 0x04
RECEIPTED_ID, MESSAGE_STATE = 0x001E, 0x0427  # optional parameters of a receipt
BUSY = {0x08: "ESME_RSYSERR", 0x14: "ESME_RMSGQFUL", 0x58: "ESME_RTHROTTLED"}
_SAME_IN_GSM = frozenset("\n\r !\"#%&'()*+,-./0123456789:;<=>?ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz")
"""Letters with one code in ASCII and in the default alphabet of GSM; with any other the text goes in UCS-2."""


@dataclass(frozen=True, slots=True)
class Pdu:
    """One message: command, status, sequence number, body."""

    command: int
    status: int
    sequence: int
    body: bytes = b""

    def wire(self) -> bytes:
        """Its bytes."""
        return struct.pack(">IIII", HEADER + len(self.body), self.command, self.status, self.sequence) + self.body


@dataclass(frozen=True, slots=True)
class Receipt:
    """What became of one part: the provider's id of it, and its word (`DELIVRD`)."""

    message_id: str
    word: str


@dataclass(frozen=True, slots=True)
class Account:
    """Where and as whom."""

    host: str
    port: int
    system_id: str
    password: str = field(repr=False)


class Refused(Exception):
    """The provider did not take a part; `status` is its own."""

    def __init__(self, status: int) -> None:
        super().__init__(f"{status:#010x}")
        self.status = status


def parts(text: str, reference: int) -> tuple[int, list[bytes]]:
    """Data coding and the octets of each part; `reference` (0 to 255) is the same in the parts of one text.

    One part has 160 letters, or 70 in UCS-2; of several each has 153, or 67. No character is cut in two.
    """
    coding = GSM if _SAME_IN_GSM.issuperset(text) else UCS2
    one, more = (160, 153) if coding == GSM else (140, 134)
    units = [_octets(each, coding) for each in text]
    if sum(map(len, units)) <= one:
        return coding, [b"".join(units)]
    cut: list[bytes] = [b""]
    for each in units:
        if len(cut[-1]) + len(each) > more:
            cut.append(b"")
        cut[-1] += each
    return coding, [bytes([5, 0, 3, reference, len(cut), number]) + each for number, each in enumerate(cut, start=1)]


def submit_body(sender: str, receiver: str, coding: int, part: bytes, *, split: bool) -> bytes:
    """The body of one `submit_sm` that asks for a receipt; numbers are E.164 without `+`."""
    fields = [_text(""), b"\x01\x01", _text(sender.lstrip("+")), b"\x01\x01", _text(receiver.lstrip("+"))]
    esm = WITH_HEADER if split else 0
    flags = bytes([esm, 0, 0]) + _text("") + _text("") + bytes([1, 0, coding, 0, len(part)])
    return b"".join(fields) + flags + part


def receipt_of(body: bytes) -> Receipt | None:
    """The receipt in a `deliver_sm`; None for a message of a person.

    Raises:
        AgencyAnswerMalformed: cut, or a receipt without id or state.
    """
    try:
        at = body.index(0) + 1
        for _ in range(2):
            at = body.index(0, at + 2) + 1
        esm = body[at]
        at = body.index(0, body.index(0, at + 3) + 1) + 1
        length = body[at + 4]
    except (ValueError, IndexError):
        raise AgencyAnswerMalformed("a deliver_sm that was cut", code="pdu") from None
    text, rest = body[at + 5 : at + 5 + length], body[at + 5 + length :]
    if esm & 0x3C != RECEIPT or len(text) != length:
        return None
    told = dict(each.split(":", 1) for each in text.decode("latin-1").split() if ":" in each)
    optional = _optional(rest)
    message_id = optional.get(RECEIPTED_ID, b"").rstrip(b"\0").decode("latin-1") or told.get("id", "")
    if not message_id or "stat" not in told:
        raise AgencyAnswerMalformed("a receipt without id or stat", code="receipt")
    return Receipt(message_id, told["stat"])


class Session:
    """One bound connection. It ends when the provider hangs up or breaks the protocol; then nothing waits any more."""

    def __init__(self, stream: Stream, heard: Callable[[Receipt], None]) -> None:
        self._reader, self._writer = stream
        self._heard = heard
        self._numbers = itertools.count(1)
        self._waiting: dict[int, asyncio.Future[Pdu]] = {}
        self._listening = asyncio.create_task(self._listen())

    @staticmethod
    async def bound(
        dialler: Dialler, account: Account, heard: Callable[[Receipt], None], *, timeout_s: float
    ) -> "Session":
        """Connect and bind as transceiver.

        Raises:
            AgencyRefused: the provider does not know us.
            AgencyUnavailable: not reachable, broken off, or busy.
        """
        session = Session(await dialler.stream(account.host, account.port, usual=PORT), heard)
        body = _text(account.system_id) + _text(account.password) + _text("") + bytes([0x34, 0, 0]) + _text("")
        try:
            async with asyncio.timeout(timeout_s):
                await session.asked(BIND, body)
        except Refused as error:
            await session.close()
            if error.status in BUSY:
                raise AgencyUnavailable("the provider binds nobody now", code=BUSY[error.status]) from None
            raise AgencyRefused("the provider does not bind us", code=f"{error.status:#x}") from None
        except BaseException:
            await session.close()
            raise
        return session

    @property
    def alive(self) -> bool:
        """Whether it can still be used."""
        return not self._listening.done()

    async def asked(self, command: int, body: bytes) -> bytes:
        """Send one request; the body of its response.

        Raises:
            Refused: another status than 0.
            AgencyUnavailable: the session ended before the response.
        """
        number = next(self._numbers) & 0x7FFFFFFF
        future = self._waiting[number] = asyncio.get_running_loop().create_future()
        try:
            if not self.alive:
                raise AgencyUnavailable("the session has ended", code="smpp")
            await self._say(Pdu(command, 0, number, body))
            answer: Pdu = await future
        except OSError as error:
            raise AgencyUnavailable("the session broke off", code=type(error).__name__) from None
        finally:
            self._waiting.pop(number, None)
        if answer.status or answer.command != command | RESPONSE:
            raise Refused(answer.status or NACK)
        return answer.body

    async def close(self) -> None:
        """Hang up."""
        self._writer.close()
        self._listening.cancel()
        await asyncio.gather(self._listening, return_exceptions=True)

    async def _say(self, pdu: Pdu) -> None:
        self._writer.write(pdu.wire())
        await self._writer.drain()

    async def _listen(self) -> None:
        ended: Exception = AgencyUnavailable("the provider hung up", code="smpp")
        try:
            while True:
                await self._took(await read(self._reader))
        except AgencyAnswerMalformed as error:
            ended = error
        except (OSError, asyncio.IncompleteReadError):
            pass  # hung up
        finally:
            self._writer.close()
            for future in self._waiting.values():
                if not future.done():
                    future.set_exception(ended)

    async def _took(self, pdu: Pdu) -> None:
        if pdu.command & RESPONSE:
            future = self._waiting.get(pdu.sequence)
            if future is not None and not future.done():
                future.set_result(pdu)
        elif pdu.command == DELIVER:
            if (receipt := receipt_of(pdu.body)) is not None:
                self._heard(receipt)
            await self._say(Pdu(DELIVER | RESPONSE, 0, pdu.sequence, b"\0"))
        elif pdu.command in {ENQUIRE, UNBIND}:
            await self._say(Pdu(pdu.command | RESPONSE, 0, pdu.sequence))
        else:
            await self._say(Pdu(NACK, 3, pdu.sequence))  # ESME_RINVCMDID


async def read(reader: asyncio.StreamReader) -> Pdu:
    """The next PDU.

    Raises:
        AgencyAnswerMalformed: a length that no PDU has.
        asyncio.IncompleteReadError: the connection ended.
    """
    length, command, status, sequence = struct.unpack(">IIII", await _header(reader))
    if not HEADER <= length <= LONGEST:
        raise AgencyAnswerMalformed("a PDU of an impossible length", code="pdu")
    return Pdu(command, status, sequence, await reader.readexactly(length - HEADER))


def message_id(body: bytes) -> str:
    """The id in a `submit_sm_resp`; printable ASCII."""
    text = body.partition(b"\0")[0].decode("ascii", "replace")
    if not text or len(text) > 64 or not text.isprintable() or not body.endswith(b"\0"):
        raise AgencyAnswerMalformed("a response without a message id", code="id")
    return text


async def _header(reader: asyncio.StreamReader) -> bytes:
    start = await reader.readexactly(4)
    if not HEADER <= struct.unpack(">I", start)[0] <= LONGEST:
        raise AgencyAnswerMalformed("a PDU of an impossible length", code="pdu")
    return start + await reader.readexactly(HEADER - 4)


def _octets(each: str, coding: int) -> bytes:
    return each.encode("ascii" if coding == GSM else "utf-16-be")


def _text(text: str) -> bytes:
    return text.encode("ascii") + b"\0"


def _optional(rest: bytes) -> dict[int, bytes]:
    found, at = dict[int, bytes](), 0
    while at + 4 <= len(rest):
        tag, length = struct.unpack(">HH", rest[at : at + 4])
        found[tag] = rest[at + 4 : at + 4 + length]
        at += 4 + length
    return found


__all__: Sequence[str] = ["Account", "Pdu", "Receipt", "Refused", "Session", "message_id", "parts", "receipt_of"]
