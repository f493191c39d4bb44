"""The SMTP server. Source: RFC 5321 sections 4.1.4 (order of commands), 4.2 (replies), 4.5.2, 4.5.3; RFC 4954."""

import asyncio
import binascii
import contextlib
import re
import secrets
from base64 import b64decode
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from sandbox.faults import Fault, Faults
from sandbox.kept import Kept

LONGEST_COMMAND, LONGEST_LINE, MOST_BYTES = 512, 1000, 10 * 1024 * 1024  # with CRLF: sections 4.5.3.1.4 and 4.5.3.1.6
_PATH = re.compile(r"(FROM|TO):<([A-Za-z0-9._%+-]{1,64}@[A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)+)>", re.IGNORECASE)
_UNKNOWN = "nobody"  # a local part without a mailbox


@dataclass(frozen=True, slots=True)
class RelaySettings:
    """Everything made at the first start and kept. `host` and `port`: where it listens; 0 takes a free port."""

    user: str
    password: str = field(repr=False)
    signing_key: str = field(repr=False)
    certificate: str
    host: str = "127.0.0.1"
    port: int = 0

    def exported(self, port: int) -> dict[str, str]:
        """What the client is given, by the names of the sandbox settings file."""
        return {
            "LETTERS_SMTP_HOST": self.host,
            "LETTERS_SMTP_PORT": str(port),
            "LETTERS_SMTP_USER": self.user,
            "LETTERS_SMTP_PASSWORD": self.password,
            "LETTERS_SENDER": "letters@welfare.example",
            "LETTERS_SIGNING_KEY": self.signing_key,
            "LETTERS_CERTIFICATE": self.certificate,
        }


def make_settings(data_dir: Path) -> RelaySettings:
    """Make or read the settings; `data_dir` is the agency's own folder."""
    kept = Kept(data_dir)
    certificate = kept.certificate("letters", common_name="Welfare Benefits Board, letters")
    return RelaySettings("sandhi", kept.secret("password"), kept.rsa_key("letters"), certificate)


@dataclass(frozen=True, slots=True)
class Mail:
    """One message that was taken."""

    sender: str
    receiver: str
    content: bytes


class Relay:
    """A running relay. `mails` are those it took, in order."""

    def __init__(self, settings: RelaySettings, faults: Faults) -> None:
        self.settings, self.faults = settings, faults
        self.mails: list[Mail] = []
        self._talks: set[asyncio.Task[None]] = set()

    async def open(self) -> None:
        """Listen."""
        self._server = await asyncio.start_server(self._talk, self.settings.host, self.settings.port, limit=2**17)
        self.port = int(self._server.sockets[0].getsockname()[1])

    async def close(self) -> None:
        """Stop listening, and hang up."""
        self._server.close()
        for each in self._talks:
            each.cancel()
        await asyncio.gather(*self._talks, return_exceptions=True)

    def exported(self) -> dict[str, str]:
        """What the client is given, with the port that was taken."""
        return self.settings.exported(self.port)

    async def _talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None, "a connection has its task"
        self._talks.add(task)
        try:
            with contextlib.suppress(OSError, asyncio.IncompleteReadError, asyncio.LimitOverrunError, ValueError):
                await _Talk(self, reader, writer).run()
        finally:
            self._talks.discard(task)
            writer.close()


def _no_such_command(_: str) -> str:
    return "502 5.5.1 no such command here"


class _Talk:
    """One session: its state is who is known, who writes, to whom."""

    def __init__(self, relay: Relay, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._relay, self._reader, self._writer = relay, reader, writer
        self._greeted = self._known = False
        self._sender = self._receiver = ""
        self._verbs: dict[str, Callable[[str], str]] = {
            "EHLO": self._ehlo,
            "AUTH": self._auth,
            "MAIL": self._mail,
            "RCPT": self._rcpt,
            "RSET": self._rset,
            "NOOP": lambda _: "250 2.0.0 fine",
        }

    async def run(self) -> None:
        """Until QUIT, or until the client hangs up."""
        fault = self._relay.faults.take()
        if fault is Fault.DOWN:
            return
        if fault is Fault.SLOW:
            await asyncio.sleep(self._relay.faults.seconds)
        if fault is Fault.GARBLED:
            await self._say("\x00\x01 what?")
        await self._say("554 5.7.1 no service for you" if fault is Fault.REFUSE else "220 relay.example ESMTP")
        while line := await self._reader.readline():
            if len(line) > LONGEST_COMMAND or not line.endswith(b"\r\n") or not line.isascii():
                await self._say("500 5.5.2 a command is ASCII, ends with CRLF, and is short")
                continue
            verb, _, rest = line[:-2].decode("ascii").partition(" ")
            if verb.upper() == "QUIT":
                await self._say("221 2.0.0 bye")
                return
            if verb.upper() == "DATA":
                await self._data(fault)
            else:
                answer = self._verbs.get(verb.upper(), _no_such_command)
                await self._say(answer(rest))

    def _ehlo(self, name: str) -> str:
        self._greeted = bool(name)
        return "250-relay.example\r\n250-AUTH PLAIN\r\n250 8BITMIME" if name else "501 5.5.4 say who you are"

    def _auth(self, rest: str) -> str:
        kind, _, secret = rest.partition(" ")
        try:
            _, user, password = b64decode(secret, validate=True).decode().split("\0")
        except (binascii.Error, ValueError):
            return "501 5.5.2 not readable"
        own = self._relay.settings
        right = secrets.compare_digest(f"{user}\0{password}".encode(), f"{own.user}\0{own.password}".encode())
        self._known = self._greeted and kind.upper() == "PLAIN" and right
        return "235 2.7.0 welcome" if self._known else "535 5.7.8 user or password is wrong"

    def _mail(self, rest: str) -> str:
        if not self._known:
            return "530 5.7.0 sign in first"
        match = _PATH.fullmatch(rest)
        if match is None or match[1].upper() != "FROM":
            return "501 5.1.7 write MAIL FROM:<address>"
        self._sender, self._receiver = match[2], ""
        return "250 2.1.0 fine"

    def _rcpt(self, rest: str) -> str:
        if not self._sender:
            return "503 5.5.1 MAIL comes first"
        match = _PATH.fullmatch(rest)
        if match is None or match[1].upper() != "TO" or self._receiver:
            return "501 5.1.3 write RCPT TO:<address>, once"
        if match[2].startswith(_UNKNOWN):
            return "550 5.1.1 no such mailbox"
        self._receiver = match[2]
        return "250 2.1.5 fine"

    def _rset(self, _: str) -> str:
        self._sender = self._receiver = ""
        return "250 2.0.0 forgotten"

    async def _data(self, fault: Fault) -> None:
        if not self._receiver:
            await self._say("503 5.5.1 RCPT comes first")
            return
        await self._say("354 go on")
        content = bytearray()
        while (line := await self._reader.readuntil(b"\r\n")) != b".\r\n":
            content += line[1:] if line.startswith(b".") else line
            if len(line) > LONGEST_LINE or b"\n" in line[:-2] or b"\r" in line[:-2] or len(content) > MOST_BYTES:
                await self._say("554 5.6.0 a line is too long or ends wrongly, or the message is too large")
                raise ValueError("hang up")
        if fault is Fault.WRONG_SCHEMA:
            await self._say("299 what?")
            return
        self._relay.mails.append(Mail(self._sender, self._receiver, bytes(content)))
        self._rset("")
        await self._say(f"250 2.0.0 taken as {secrets.token_hex(6)}")

    async def _say(self, text: str) -> None:
        self._writer.write(text.encode() + b"\r\n")
        await self._writer.drain()
