"""The dialler: the only module that opens sockets to the outside.

Every new connection is vetted inside the connect itself: the name is resolved once, **all** answers must be
permitted (`dial_rules`), and the vetted address is the one dialled, so a name that changes its mind between check and
use gains nothing; TLS still names and checks the host. No redirects, no proxies from the environment, no unix sockets,
no compression, a total deadline, and caps on body and headers. Callbacks, webhooks and key sets go through here too.
`tests/architecture` keeps every other module from opening a socket.
"""

import asyncio
import socket
import ssl
from collections.abc import Awaitable, Callable, Collection
from functools import partial
from typing import NamedTuple

from adapters.kit.contract import AgencyTimeout, AgencyUnavailable
from adapters.kit.dial_rules import SFTP, BadListing, DialRules
from adapters.kit.http_client import CONNECT_S, HttpAnswer, HttpClient, Limits, NotAllowed
from adapters.kit.http_wire import Wire

Stream = tuple[asyncio.StreamReader, asyncio.StreamWriter]
Before = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]

__all__ = ["BadListing", "Call", "Dialler", "HttpAnswer", "HttpClient", "Limits", "NotAllowed"]


class Call(NamedTuple):
    """One call as it went out, head and body (RFC 9112), and what came."""

    request: bytes
    answer: HttpAnswer


class Dialler:
    """Opens connections on behalf of adapters. One per process.

    Args:
        allowed: `host:port` pairs that may be dialled although they are not public or not on the usual port, and in
            plain HTTP (an agency inside the government network, the sandbox on loopback); see `dial_rules`.
        tls: trust anchors for https; the system's by default.

    Raises:
        BadListing: an entry of `allowed` is no `host:port`.
    """

    def __init__(self, allowed: Collection[str] = (), tls: ssl.SSLContext | None = None) -> None:
        self._rules = DialRules(allowed)
        self.tls = tls or ssl.create_default_context()
        self._clients: list[HttpClient] = []
        self._overhearing = False
        self._heard: dict[int, Call] = {}

    def apart(self, *, overhearing: bool = False) -> "Dialler":
        """The same rules and trust anchors with clients of its own, for what is closed before the process ends.

        Args:
            overhearing: keep of each client's last call what went out and what came, for `heard`.
        """
        made = Dialler(tls=self.tls)
        made._rules, made._overhearing = self._rules, overhearing
        return made

    def http(self, base_url: str, limits: Limits | None = None) -> HttpClient:
        """A client for one origin, to be kept for the life of the process.

        Raises:
            NotAllowed: the URL is neither https nor on the allow-list, or carries credentials.
        """
        overhear = partial(self._overhear, len(self._clients)) if self._overhearing else None
        client = HttpClient(self, base_url, limits or Limits(), overhear)
        self._clients.append(client)
        return client

    def _overhear(self, client: int, request: bytes, answer: HttpAnswer) -> None:
        self._heard[client] = Call(request, answer)

    def heard(self) -> dict[int, Call]:
        """Client, numbered in the order in which they were opened -> its last call since this was asked before."""
        found, self._heard = self._heard, {}
        return found

    def check_url(self, url: str) -> tuple[str, int]:
        """Host and port of a URL that may be dialled (its address is vetted at each connect).

        Raises:
            NotAllowed: as in `http`.
        """
        return self._rules.place(url)[1:]

    async def resolve(
        self, host: str, port: int, family: int = socket.AF_UNSPEC
    ) -> list[tuple[socket.AddressFamily, str]]:
        """Addresses of a host, all of them vetted.

        Raises:
            NotAllowed: one of them may not be dialled for this host.
            OSError: the name does not resolve.
        """
        found = await asyncio.get_running_loop().getaddrinfo(host, port, family=family, type=socket.SOCK_STREAM)
        addresses: list[tuple[socket.AddressFamily, str]] = [(each[0], str(each[4][0])) for each in found]
        for _, address in addresses:
            self._vet(host, port, address)
        return addresses

    async def connect(self, host: str, port: int, *, timeout_s: float = CONNECT_S, usual: int = SFTP) -> socket.socket:
        """A vetted, connected, non-blocking TCP socket (SFTP and other protocols that bring their own layers).

        Raises:
            NotAllowed: as in `resolve`; also for a port other than the protocol's `usual` one that is not on the
                allow-list.
            AgencyTimeout: no connection within the time.
            AgencyUnavailable: refused, or the name does not resolve.
        """
        self._rules.check(host, port, usual=usual)
        try:
            async with asyncio.timeout(timeout_s):
                return await self._connected(await self.resolve(host, port), port)
        except TimeoutError:
            raise AgencyTimeout("no connection in time") from None
        except OSError as error:
            raise AgencyUnavailable("cannot connect", code=type(error).__name__) from None

    async def stream(
        self, host: str, port: int, *, usual: int, timeout_s: float = CONNECT_S, before: Before | None = None
    ) -> Stream:
        """A vetted connection to read and write (SMTP, SMPP, SQL): TLS, unless host:port is on the allow-list.

        Args:
            before: what has to be said in the clear before TLS; it says nothing of ours.

        Raises:
            NotAllowed, AgencyTimeout, AgencyUnavailable: as in `connect`; also if the certificate is not the host's.
        """
        connected = await self.connect(host, port, timeout_s=timeout_s, usual=usual)
        tls = self.tls if self.encrypts(host, port) else None
        try:
            async with asyncio.timeout(timeout_s):
                if before is None or tls is None:
                    return await asyncio.open_connection(sock=connected, ssl=tls, server_hostname=host if tls else None)
                reader, writer = await asyncio.open_connection(sock=connected)
                try:
                    await before(reader, writer)
                    await writer.start_tls(tls, server_hostname=host)
                except BaseException:
                    writer.close()
                    raise
                return reader, writer
        except OSError as error:  # TimeoutError and ssl's are some, too
            connected.close()
            raise AgencyUnavailable("cannot connect", code=type(error).__name__) from None

    def encrypts(self, host: str, port: int) -> bool:
        """Whether `stream` speaks TLS there."""
        return not self._rules.lists(host, port)

    async def close(self) -> None:
        """Close every client that was made here."""
        for client in self._clients:
            await client.close()
        self._clients.clear()

    async def wired(self, host: str, port: int, *, tls: bool) -> Wire:
        """A vetted connection for HTTP, to a host and port of `check_url` (used by `HttpClient` only).

        Raises:
            NotAllowed: as in `resolve`.
            AgencyUnavailable: nothing was sent: refused, no connection in time, or not the host's certificate.
        """
        try:
            async with asyncio.timeout(CONNECT_S):
                connected = await self._connected(await self.resolve(host, port), port)
                return await self._wired(connected, host if tls else None)
        except OSError as error:  # TimeoutError and ssl's are some, too
            raise AgencyUnavailable("cannot connect", code=type(error).__name__) from None

    async def _wired(self, connected: socket.socket, host: str | None) -> Wire:
        try:
            _, wire = await asyncio.get_running_loop().create_connection(
                Wire, sock=connected, ssl=self.tls if host else None, server_hostname=host
            )
        except BaseException:
            connected.close()
            raise
        return wire

    def _vet(self, host: str, port: int, address: str) -> None:
        if not self._rules.permits(host, port, address):
            raise NotAllowed("the host has an address that may not be dialled; list host:port to allow a private one")

    @staticmethod
    async def _connected(addresses: list[tuple[socket.AddressFamily, str]], port: int) -> socket.socket:
        last: OSError = OSError("no address")
        for family, address in addresses:
            opened = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)  # so asyncio sends at once
            opened.setblocking(False)
            try:
                await asyncio.get_running_loop().sock_connect(opened, (address, port))
            except OSError as error:
                opened.close()
                last = error
                continue
            except BaseException:
                opened.close()
                raise
            return opened
        raise last
