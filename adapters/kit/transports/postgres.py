"""PostgreSQL's own protocol, as much of it as one question needs: sign in, one statement, its rows.

It goes over the dialler's connection, so that address, deadline and size are ours to limit; nothing of this machine's
environment (`PGHOST`, `.pgpass`) is read. The extended protocol takes exactly one statement, values apart from it.

Source: PostgreSQL documentation, chapter "Frontend/Backend Protocol" (version 3.0), sections Message Flow and Message
Formats; RFC 5802 and RFC 7677 (SCRAM-SHA-256); appendix A (SQLSTATE).
"""

import asyncio
import hashlib
import hmac
import secrets
import struct
from base64 import b64decode, b64encode
from binascii import Error as NotBase64
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field

from adapters.kit.contract import (
    AgencyAnswerMalformed,
    AgencyError,
    AgencyRefused,
    AgencyRejectedMessage,
    AgencyUnavailable,
)
from adapters.kit.egress import Dialler, Stream

PORT, VERSION, TLS_REQUEST = 5432, 196608, 80877103
SIGNED_IN, SCRAM, CONTINUED, FINAL = 0, 10, 11, 12  # kinds of an Authentication message
METHOD = "SCRAM-SHA-256"
MOST_ROUNDS = 100_000  # of PBKDF2 that a server may ask for; PostgreSQL's default is 4096
MOST_COLUMNS = 1600
_ASIDE = frozenset(b"NSKA")  # notices, parameters, our key to cancel, notifications: nothing to do

Row = dict[str, str | None]


@dataclass(frozen=True, slots=True)
class Account:
    """Where and as whom."""

    host: str
    port: int
    database: str
    user: str
    password: str = field(repr=False)


class Session:
    """One signed-in connection, one question at a time. After an AgencyError that is no answer it is of no more use.

    Args:
        most: bytes of one answer.
    """

    def __init__(self, stream: Stream, most: int) -> None:
        self._reader, self._writer = stream
        self._most = most

    @staticmethod
    async def opened(dialler: Dialler, account: Account, most: int) -> "Session":
        """Connect, with TLS unless host:port is on the allow-list, and sign in; every transaction reads only.

        Raises:
            AgencyRefused: the database does not let us in, or wants the password itself.
            AgencyUnavailable: not reachable, or broken off; or it took us in without proving that it knows the password
                (code `server_proof`): SCRAM-SHA-256 is what tells the agency's database from another one.
        """
        session = Session(await dialler.stream(account.host, account.port, usual=PORT, before=_asked_for_tls), most)
        try:
            await session._sign_in(account)
        except BaseException:
            session.close()
            raise
        return session

    async def rows(self, statement: str, values: Sequence[str]) -> list[Row]:
        """The rows of one statement with `$1`, `$2`... bound to values, each column as text.

        Raises:
            AgencyRefused: we may not read this.
            AgencyRejectedMessage: the statement does not fit the database, or would change something.
            AgencyUnavailable: stopped, overloaded or broken off.
            AgencyAnswerMalformed: not the protocol, or more bytes than we read.
        """
        bound = b"".join(struct.pack(">i", len(each)) + each for each in (value.encode() for value in values))
        formats = struct.pack(">hh", 0, len(values))
        self._write(b"P", b"\0" + _text(statement) + b"\0\0")
        self._write(b"B", b"\0\0" + formats + bound + b"\0\0")
        self._write(b"D", b"P\0")
        self._write(b"E", b"\0" + struct.pack(">i", 0))
        self._write(b"S", b"")
        await self._writer.drain()
        names: list[str] = []
        found: list[Row] = []
        failed: AgencyError | None = None
        async for kind, body in self._answer():
            if kind == b"T":
                names = _names(body)
            elif kind == b"D":
                found.append(_row(names, body))
            elif kind == b"E":
                failed = _error(body)
        if failed is not None:
            raise failed
        return found

    async def quiet(self) -> bool:
        """Whether it may be asked again: since the last answer came neither an end nor what nobody asked for."""
        try:
            async with asyncio.timeout(0):
                await self._reader.readexactly(1)
        except TimeoutError:
            return True
        except (OSError, asyncio.IncompleteReadError):
            pass  # hung up
        return False

    def close(self) -> None:
        """Say good-bye, without waiting for anything."""
        self._write(b"X", b"")
        self._writer.close()

    async def _sign_in(self, account: Account) -> None:
        options = {"user": account.user, "database": account.database, "client_encoding": "UTF8"}
        options |= {"application_name": "sandhi", "default_transaction_read_only": "on"}
        told = b"".join(_text(each) for pair in options.items() for each in pair)
        self._writer.write(struct.pack(">ii", len(told) + 9, VERSION) + told + b"\0")
        proof = _Scram(account.password)
        async for kind, body in self._answer():
            if kind == b"E":
                raise _error(body)
            if kind != b"R":
                continue
            if len(body) < 4:
                raise AgencyAnswerMalformed("an authentication message that was cut", code="message")
            asked = struct.unpack(">i", body[:4])[0]
            if asked == SCRAM and METHOD.encode() in body[4:].split(b"\0"):
                self._write(b"p", _text(METHOD) + struct.pack(">i", len(proof.first)) + proof.first)
            elif asked == CONTINUED:
                self._write(b"p", proof.answer(body[4:]))
            elif asked == FINAL:
                proof.check(body[4:])
            elif asked != SIGNED_IN:
                raise AgencyRefused("the database wants another sign-in than SCRAM-SHA-256", code="sign_in")
        if not proof.shown:  # "signed in" without a proof: anybody on the way can say that
            raise _no_proof()

    async def _answer(self) -> AsyncIterator[tuple[bytes, bytes]]:
        """Messages up to ReadyForQuery."""
        left = self._most
        while True:
            head = await self._read(5)
            size = struct.unpack(">i", head[1:])[0] - 4
            left -= size
            if size < 0 or not head[:1].isalnum():
                raise AgencyAnswerMalformed("a message that PostgreSQL does not have", code="message")
            if left < 0:
                raise AgencyAnswerMalformed(f"an answer is larger than {self._most} bytes", code="too_large")
            body = await self._read(size)
            if head[:1] == b"Z":
                return
            if head[0] not in _ASIDE:
                yield head[:1], body

    async def _read(self, size: int) -> bytes:
        try:
            return await self._reader.readexactly(size)
        except (OSError, asyncio.IncompleteReadError) as error:
            raise AgencyUnavailable("the database hung up", code=type(error).__name__) from None

    def _write(self, kind: bytes, body: bytes) -> None:
        self._writer.write(kind + struct.pack(">i", len(body) + 4) + body)


class _Scram:
    """The client's half of SCRAM-SHA-256: neither side learns the password, and the server proves that it knew it."""

    def __init__(self, password: str) -> None:
        self._password = password.encode()
        self._bare = f"n=,r={secrets.token_urlsafe(18)}"
        self._expected = b""
        self.shown = False  # the server proved that it knows the password

    @property
    def first(self) -> bytes:
        """client-first-message; no channel binding."""
        return f"n,,{self._bare}".encode()

    def answer(self, server_first: bytes) -> bytes:
        """client-final-message."""
        try:
            told = dict(part.split("=", 1) for part in server_first.decode("ascii").split(","))
            nonce, salt, rounds = told["r"], b64decode(told["s"], validate=True), int(told["i"])
        except (KeyError, ValueError, NotBase64):
            raise AgencyAnswerMalformed("a SCRAM message that cannot be read", code="sign_in") from None
        if not nonce.startswith(self._bare.partition("r=")[2]) or not 4096 <= rounds <= MOST_ROUNDS:
            raise AgencyAnswerMalformed("SCRAM with another nonce, or an odd number of rounds", code="sign_in")
        salted = hashlib.pbkdf2_hmac("sha256", self._password, salt, rounds)
        bare = f"c=biws,r={nonce}"
        signed = f"{self._bare},{server_first.decode('ascii')},{bare}".encode()
        key = _hmac(salted, b"Client Key")
        signature = _hmac(hashlib.sha256(key).digest(), signed)
        self._expected = _hmac(_hmac(salted, b"Server Key"), signed)
        proof = bytes(one ^ other for one, other in zip(key, signature, strict=True))
        return f"{bare},p={b64encode(proof).decode()}".encode()

    def check(self, server_final: bytes) -> None:
        """The server's proof.

        Raises:
            AgencyUnavailable: it did not know the password: this is not the agency's database.
        """
        shown = b"v=" + b64encode(self._expected)
        if not self._expected or not hmac.compare_digest(server_final, shown):
            raise _no_proof()
        self.shown = True


def _no_proof() -> AgencyUnavailable:
    return AgencyUnavailable("the server could not prove that it is the agency's database", code="server_proof")


async def _asked_for_tls(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """SSLRequest, in the clear; the server says `S` before it turns to TLS."""
    writer.write(struct.pack(">ii", 8, TLS_REQUEST))
    if await reader.read(2) != b"S":  # who says more than that before TLS would be believed after it (CVE-2021-23222)
        raise AgencyUnavailable("the database does not speak TLS; nothing was sent", code="tls")


def _names(body: bytes) -> list[str]:
    """Columns of a RowDescription."""
    try:
        count, at, found = struct.unpack(">h", body[:2])[0], 2, list[str]()
        for _ in range(count):
            end = body.index(0, at)
            found.append(body[at:end].decode())
            at = end + 19
    except (struct.error, ValueError):
        raise AgencyAnswerMalformed("a description of rows that cannot be read", code="message") from None
    if at != len(body) or count > MOST_COLUMNS or len(set(found)) != len(found):
        raise AgencyAnswerMalformed("a description of rows that was cut, or names a column twice", code="message")
    return found


def _row(names: Sequence[str], body: bytes) -> Row:
    """A DataRow."""
    try:
        count, at, found = struct.unpack(">h", body[:2])[0], 2, list[str | None]()
        for _ in range(count):
            (size,) = struct.unpack(">i", body[at : at + 4])
            at += 4 + max(size, 0)
            found.append(None if size < 0 else body[at - size : at].decode())
        if at != len(body):
            raise ValueError("cut")
        return dict(zip(names, found, strict=True))
    except (struct.error, ValueError):
        raise AgencyAnswerMalformed("a row that does not fit its description", code="message") from None


def _error(body: bytes) -> AgencyError:
    """An ErrorResponse by its SQLSTATE. Its words are not carried on: they may hold values."""
    told = {part[:1]: part[1:] for part in body.split(b"\0")}
    state = told.get(b"C", b"").decode("ascii", "replace")
    if not (len(state) == 5 and state.isalnum()):
        return AgencyAnswerMalformed("an error without SQLSTATE", code="message")
    if state.startswith("28") or state in {"42501", "3D000"}:
        return AgencyRefused("the database does not let us read this", code=state)
    if state[:2] in {"22", "25", "42", "0A", "3F"}:
        return AgencyRejectedMessage("the database cannot read our question", code=state)
    return AgencyUnavailable("the database cannot answer now", code=state)


def _hmac(key: bytes, message: bytes) -> bytes:
    return hmac.digest(key, message, "sha256")


def _text(text: str) -> bytes:
    return text.encode() + b"\0"
