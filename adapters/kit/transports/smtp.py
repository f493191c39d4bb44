"""One message over SMTP: the dialler's connection, deadline, and what each reply means.

Source: RFC 5321 sections 3.3, 4.2, 4.3.2, 4.5.2; RFC 4954 (AUTH PLAIN); RFC 8314 (TLS from the start).
"""

import asyncio
import re
from base64 import b64encode
from dataclasses import dataclass, field

from adapters.kit.breaker import Breaker
from adapters.kit.contract import (
    AgencyAnswerMalformed,
    AgencyError,
    AgencyOutcomeUnknown,
    AgencyRefused,
    AgencyRejectedMessage,
    AgencyTimeout,
    AgencyUnavailable,
)
from adapters.kit.egress import Dialler, Stream

SMTPS = 465
LONGEST_LINE, MOST_LINES = 2048, 100
_REPLY = re.compile(rb"([2-5][0-9]{2})([ -])[\x20-\x7e\x80-\xff]*\r\n")
_BARE = re.compile(rb"\r(?!\n)|(?<!\r)\n")  # RFC 5321, section 2.3.8
_ADDRESS = re.compile(r"[A-Za-z0-9._%+-]{1,64}@[A-Za-z0-9.-]{3,190}", re.ASCII)


@dataclass(frozen=True, slots=True)
class Relay:
    """The mail relay we hand messages to. Without a user nothing is said about who we are."""

    host: str
    port: int
    user: str = ""
    password: str = field(default="", repr=False)
    name: str = "sandhi.invalid"  # what we call ourselves in EHLO


class Smtp:
    """One relay. A session for each message: letters are few."""

    def __init__(self, dialler: Dialler, relay: Relay, timeout_s: float, *, concurrent: int = 4) -> None:
        """`timeout_s`: of one message, waiting for a place included; `concurrent`: sessions at once."""
        self._dialler, self._relay, self._timeout_s = dialler, relay, timeout_s
        self._slots = asyncio.Semaphore(concurrent)
        self.breaker = Breaker()

    async def send(self, sender: str, receiver: str, message: bytes) -> str:
        """Hand one message over; the relay's own words for it, at most 80 characters.

        Args:
            message: lines end with CRLF; dots are stuffed here.

        Raises:
            AgencyRejectedMessage: this receiver or this message is not taken.
            AgencyRefused: the relay does not serve us.
            AgencyUnavailable: not reachable, or not now; nothing was sent. It failed repeatedly and is left alone for a
                moment: code `breaker_open`.
            AgencyOutcomeUnknown: cut after the whole message was sent and before the reply.
        """
        if not _ADDRESS.fullmatch(receiver) or not _ADDRESS.fullmatch(sender):
            raise AgencyRejectedMessage("the address cannot be written in an SMTP command", code="address")
        if _BARE.search(message):  # some relays end a message there, and what follows would be the next one
            raise AgencyRejectedMessage("a line of the message ends otherwise than with CRLF", code="lines")
        with self.breaker.guarding():
            return await self._handed(sender, receiver, message)

    async def _handed(self, sender: str, receiver: str, message: bytes) -> str:
        progress = _Progress()
        try:
            async with asyncio.timeout(self._timeout_s), self._slots:
                return await self._sent(sender, receiver, message, progress)
        except AgencyAnswerMalformed as error:
            if progress.handed:
                raise AgencyOutcomeUnknown("the relay's last word cannot be read", code=error.code) from None
            raise
        except (TimeoutError, OSError, asyncio.IncompleteReadError, asyncio.LimitOverrunError, ValueError) as error:
            if progress.handed:
                raise AgencyOutcomeUnknown("cut before the relay's last word", code=type(error).__name__) from None
            late = isinstance(error, TimeoutError)
            raise (AgencyTimeout if late else AgencyUnavailable)("the relay broke off", code="smtp") from None

    async def _sent(self, sender: str, receiver: str, message: bytes, progress: "_Progress") -> str:
        relay = self._relay
        stream = await self._dialler.stream(relay.host, relay.port, usual=SMTPS)
        try:
            session = _Session(stream)
            await session.expect(b"", "220")
            await session.expect(f"EHLO {relay.name}".encode(), "250")
            if relay.user:
                secret = b64encode(f"\0{relay.user}\0{relay.password}".encode())
                await session.expect(b"AUTH PLAIN " + secret, "235", refused=AgencyRefused)
            await session.expect(f"MAIL FROM:<{sender}>".encode(), "250", refused=AgencyRefused)
            await session.expect(f"RCPT TO:<{receiver}>".encode(), "250")
            await session.expect(b"DATA", "354")
            progress.handed = True
            said = await session.expect(_stuffed(message) + b".", "250")
            stream[1].write(b"QUIT\r\n")  # what comes of it changes nothing
            return said
        finally:
            stream[1].close()


@dataclass(slots=True)
class _Progress:
    handed: bool = False


class _Session:
    def __init__(self, stream: Stream) -> None:
        self._reader, self._writer = stream

    async def expect(self, command: bytes, code: str, *, refused: type[AgencyError] = AgencyRejectedMessage) -> str:
        """Send a command, none if empty; the text of the reply if it has the code."""
        if command:
            self._writer.write(command + b"\r\n")
            await self._writer.drain()
        got, text = await self._reply()
        if got == code:
            return text
        if got.startswith("4"):
            raise AgencyUnavailable("the relay takes nothing now", code=got)
        if got.startswith("5"):
            raise refused("the relay does not take it", code=got)
        raise AgencyAnswerMalformed("a reply that SMTP does not have here", code=got)

    async def _reply(self) -> tuple[str, str]:
        for _ in range(MOST_LINES):
            line = await self._reader.readline()
            if not line:
                raise asyncio.IncompleteReadError(b"", None)
            match = _REPLY.fullmatch(line) if len(line) <= LONGEST_LINE else None
            if match is None:
                raise AgencyAnswerMalformed("a line that is no SMTP reply", code="reply")
            if match[2] == b" ":
                return match[1].decode(), line[4:84].decode("ascii", "replace").strip()
        raise AgencyAnswerMalformed("a reply without end", code="reply")


def _stuffed(message: bytes) -> bytes:
    """RFC 5321 section 4.5.2: a line that begins with a dot gets another one."""
    lines = message.removesuffix(b"\r\n").split(b"\r\n")
    return b"".join((b"." if line.startswith(b".") else b"") + line + b"\r\n" for line in lines)
