"""Files over SFTP: a pinned host key, a key login, `.part` then rename, byte caps and deadlines.

Source: draft-ietf-secsh-filexfer-02 (protocol 3, what OpenSSH speaks). The socket comes from the dialler.

SSH takes a third of a second and 10 MB to load, so it is loaded when the first account is opened, not by every command
that knows the agencies.
"""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass, field, replace
from importlib import import_module
from typing import TYPE_CHECKING, Any

from adapters.kit.base import Kit
from adapters.kit.breaker import Breaker
from adapters.kit.contract import (
    AgencyAnswerMalformed,
    AgencyError,
    AgencyRefused,
    AgencyTimeout,
    AgencyUnavailable,
)
from adapters.kit.egress import Dialler, Limits

if TYPE_CHECKING:
    import asyncssh

PART = ".part"
NAMES_LIMIT = 100_000  # of one directory
_BLOCK = 256 * 1024


@dataclass(frozen=True, slots=True)
class Login:
    """Where and as whom.

    Attributes:
        client_key: our private key, OpenSSH or PEM text.
        host_key: the server's public key line, as in `known_hosts` without the host name.
    """

    host: str
    port: int
    user: str
    client_key: str = field(repr=False)
    host_key: str


class LoginError(ValueError):
    """A key in the settings cannot be read; the text names the setting's role, never the key."""


class NameTaken(Exception):
    """The server refused the final name: it exists, or may not be used again. Nothing was left behind."""


class Sftp:
    """One account at one server. Sessions are short; each opens its own connection.

    Raises:
        LoginError: a key is not readable.
    """

    def __init__(self, dialler: Dialler, login: Login, limits: Limits) -> None:
        self._dialler = dialler
        self._login = login
        self._limits = limits
        self._slots = asyncio.Semaphore(limits.concurrent)
        self.breaker = Breaker()
        try:
            self._client_key = _ssh().import_private_key(login.client_key)
            self._host_key = _ssh().import_public_key(login.host_key)
        except _ssh().KeyImportError:
            raise LoginError("the client key or the pinned host key cannot be read; see README") from None

    @asynccontextmanager
    async def session(self) -> AsyncIterator["Session"]:
        """A logged-in session, within the account's deadline for everything done in it, waiting for a place included.

        Raises:
            AgencyTimeout: not done in time.
            AgencyUnavailable: not reachable, cut, broken, or not the pinned host key (code `host_key`); it failed
                repeatedly and is left alone for a moment (code `breaker_open`).
            AgencyRefused: our key is not accepted, or a path is not ours.
        """
        with self.breaker.guarding():
            async with self._opened() as session:
                yield session

    @asynccontextmanager
    async def _opened(self) -> AsyncIterator["Session"]:
        try:
            with _translated():
                async with (
                    asyncio.timeout(self._limits.timeout_s),
                    self._slots,
                    self._connected() as connection,
                    connection.start_sftp_client() as client,
                ):
                    yield Session(client, self._limits.max_bytes)
        except TimeoutError:
            raise AgencyTimeout("the SFTP server was too slow") from None

    @asynccontextmanager
    async def _connected(self) -> AsyncIterator["asyncssh.SSHClientConnection"]:
        sock = await self._dialler.connect(self._login.host, self._login.port)
        try:
            connection = await _ssh().run_client(
                sock,
                config=(),  # nothing of this machine's ~/.ssh is read
                username=self._login.user,
                client_keys=[self._client_key],
                known_hosts=([self._host_key], [], []),
                agent_path=None,
                preferred_auth="publickey",
                gss_kex=False,
                gss_auth=False,
                login_timeout=self._limits.timeout_s,
                client_version="Sandhi",
            )
        except BaseException:
            sock.close()
            raise
        async with connection:
            yield connection


def account(kit: Kit, *, session_s: float, prefix: str = "") -> Sftp:
    """The account that the manifest's `host`, `port`, `user`, `client_key` and `host_key` name.

    Args:
        session_s: most of one log-in; the manifest's `timeout_s` is for a whole answer, and may be shorter.
        prefix: of those keys, where an adapter has a second server (`print_`).

    Raises:
        NotConfigured: one of them is missing.
        LoginError: a key is not readable.
    """
    login = Login(
        host=kit.setting(f"{prefix}host"),
        port=int(kit.setting(f"{prefix}port")),
        user=kit.setting(f"{prefix}user"),
        client_key=kit.setting(f"{prefix}client_key"),
        host_key=kit.setting(f"{prefix}host_key"),
    )
    limits = kit.limits()
    sftp = Sftp(kit.dialler, login, replace(limits, timeout_s=min(limits.timeout_s, session_s)))
    kit.breakers.append(sftp.breaker)
    return sftp


def answer_deadline_s(kit: Kit, setting: str) -> float:
    """Seconds to wait for a file: the manifest's, unless the deployment agreed on another time with the agency."""
    try:
        return float(kit.settings(setting))
    except LookupError:
        return kit.limits().timeout_s


class Session:
    """What an open session can do. Paths are absolute on the server."""

    def __init__(self, client: "asyncssh.SFTPClient", max_bytes: int) -> None:
        self._client = client
        self._max_bytes = max_bytes

    async def names(self, folder: str) -> frozenset[str]:
        """Names of the entries of a directory, without `.` and `..`.

        Raises:
            AgencyAnswerMalformed: more entries than we read.
        """
        found: set[str] = set()
        async for entry in self._client.scandir(folder):
            found.add(_decoded(entry.filename))
            if len(found) > NAMES_LIMIT:
                raise AgencyAnswerMalformed(f"a directory holds more than {NAMES_LIMIT} entries; clear it")
        return frozenset(found - {".", ".."})

    async def upload(self, path: str, content: bytes) -> None:
        """Write `path.part`, then rename: a file under its final name is complete. Never overwrites.

        Raises:
            NameTaken: the server refused the rename.
        """
        part = path + PART
        async with self._client.open(part, "wb") as file:
            await file.write(content)
        try:
            await self._client.rename(part, path)
        except (_ssh().SFTPConnectionLost, _ssh().SFTPNoConnection):
            raise
        except _ssh().SFTPError:
            with suppress(_ssh().SFTPError):
                await self._client.remove(part)
            raise NameTaken from None

    async def download(self, path: str) -> bytes:
        """The whole file.

        Raises:
            AgencyAnswerMalformed: larger than the byte cap.
            AgencyUnavailable: it was written to while it was read (code `changing`), so it is not one state of it.
        """
        content = bytearray()
        async with self._client.open(path, "rb") as file:
            before = await file.stat()
            while block := await file.read(_BLOCK):
                assert isinstance(block, bytes), "opened in binary mode"
                content += block
                if len(content) > self._max_bytes:
                    raise AgencyAnswerMalformed(f"a file is larger than {self._max_bytes} bytes", code="too_large")
            after = await file.stat()
        if (before.size, before.mtime) != (after.size, after.mtime) or after.size != len(content):
            raise AgencyUnavailable("a file changed while it was read; ask again", code="changing")
        return bytes(content)

    async def remove(self, path: str) -> None:
        """Remove one file; one that is gone already is fine."""
        with suppress(_ssh().SFTPNoSuchFile):
            await self._client.remove(path)


@contextmanager
def _translated() -> Iterator[None]:
    """asyncssh's failures as ours. Server texts are not carried on: they may name files."""
    try:
        yield
    except _ssh().HostKeyNotVerifiable:
        raise AgencyUnavailable(
            "the server does not have the pinned host key; nothing was sent", code="host_key"
        ) from None
    except _ssh().PermissionDenied:
        raise AgencyRefused("the SFTP server does not accept our key", code="login") from None
    except _ssh().SFTPPermissionDenied:
        raise AgencyRefused("the SFTP server refused a path", code="sftp_permission") from None
    except (_ssh().Error, OSError) as error:
        if isinstance(error, TimeoutError):
            raise
        raise _unavailable(error) from None


def load_library() -> None:
    """Import asyncssh now, for a process that may write no file later."""
    _ssh()


def _ssh() -> Any:
    return import_module("asyncssh")


def _unavailable(error: Exception) -> AgencyError:
    return AgencyUnavailable("the SFTP session broke off", code=type(error).__name__)


def _decoded(name: bytes | str) -> str:
    return name if isinstance(name, str) else name.decode("utf-8", "replace")
