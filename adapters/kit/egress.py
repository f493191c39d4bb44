"""The dialler: the only module that opens sockets to the outside.

Every new connection is vetted inside the connect itself: the name is resolved once, **all** answers must be
public (unless the operator has listed `host:port`), and the vetted address is the one dialled, so a name that
changes its mind between check and use gains nothing. No redirects, no proxies from the environment, no
compression, a total deadline and a byte cap. Callbacks, webhooks and key sets go through here too.
"""

import asyncio
import socket
import ssl
from collections.abc import Collection
from typing import Any
from urllib.parse import urlsplit

import aiohttp
from aiohttp.abc import AbstractResolver, ResolveResult

from adapters.kit.addresses import is_public
from adapters.kit.contract import AgencyTimeout, AgencyUnavailable
from adapters.kit.http_client import CONNECT_S, HttpAnswer, HttpClient, Limits, NotAllowed

__all__ = ["Dialler", "HttpAnswer", "HttpClient", "Limits", "NotAllowed"]


class Dialler:
    """Opens connections on behalf of adapters. One per process.

    Args:
        allowed: `host:port` pairs, lower case, that may be dialled although they are not public, and in plain HTTP
            (an agency inside the government network, the sandbox on loopback). Everything else must be https to a
            public address.
        tls: trust anchors for https; the system's by default.
    """

    def __init__(self, allowed: Collection[str] = (), tls: ssl.SSLContext | None = None) -> None:
        self._allowed = frozenset(allowed)
        self.tls = tls or ssl.create_default_context()
        self._clients: list[HttpClient] = []

    def http(self, base_url: str, limits: Limits | None = None) -> HttpClient:
        """A client for one origin, to be kept for the life of the process.

        Raises:
            NotAllowed: the URL is neither https nor on the allow-list, or carries credentials.
        """
        client = HttpClient(self, base_url, limits or Limits())
        self._clients.append(client)
        return client

    def check_url(self, url: str) -> tuple[str, int]:
        """Host and port of a URL that may be dialled (its address is vetted at each connect).

        Raises:
            NotAllowed: as in `http`.
        """
        try:
            parts = urlsplit(url)
            host, port = parts.hostname or "", parts.port or {"http": 80, "https": 443}.get(parts.scheme, 0)
        except ValueError:
            raise NotAllowed("not a URL") from None
        if not host or not port or parts.username is not None or parts.fragment:
            raise NotAllowed("not an http(s) URL of a plain host")
        if parts.scheme != "https" and not self._listed(host, port):
            raise NotAllowed("only https may be dialled, unless host:port is on the allow-list")
        return host, port

    async def resolve(
        self, host: str, port: int, family: int = socket.AF_UNSPEC
    ) -> list[tuple[socket.AddressFamily, str]]:
        """Addresses of a host, all of them vetted.

        Raises:
            NotAllowed: one of them is not public and `host:port` is not on the allow-list.
            OSError: the name does not resolve.
        """
        found = await asyncio.get_running_loop().getaddrinfo(host, port, family=family, type=socket.SOCK_STREAM)
        addresses: list[tuple[socket.AddressFamily, str]] = [(each[0], str(each[4][0])) for each in found]
        if not self._listed(host, port) and not all(is_public(address) for _, address in addresses):
            raise NotAllowed("the host has an address that is not public; list host:port to allow it")
        return addresses

    async def connect(self, host: str, port: int, *, timeout_s: float = CONNECT_S) -> socket.socket:
        """A vetted, connected, non-blocking TCP socket (SFTP and other protocols that bring their own layers).

        Raises:
            NotAllowed: as in `resolve`.
            AgencyTimeout: no connection within the time.
            AgencyUnavailable: refused, or the name does not resolve.
        """
        try:
            async with asyncio.timeout(timeout_s):
                return await self._connected(await self.resolve(host, port), port)
        except TimeoutError:
            raise AgencyTimeout("no connection in time") from None
        except OSError as error:
            raise AgencyUnavailable("cannot connect", code=type(error).__name__) from None

    async def close(self) -> None:
        """Close every client that was made here."""
        for client in self._clients:
            await client.close()
        self._clients.clear()

    def session(self, host: str, port: int, connections: int) -> aiohttp.ClientSession:
        """A pool for one origin that vets each connection it opens (used by `HttpClient` only)."""

        def vetted(info: Any) -> socket.socket:
            family, kind, protocol, _, address = info
            if not self._listed(host, port) and not is_public(str(address[0])):
                raise NotAllowed("the address is not public")  # an address literal never meets the resolver
            return socket.socket(family, kind, protocol)

        connector = aiohttp.TCPConnector(
            limit=connections,
            resolver=_Resolver(self),
            use_dns_cache=False,
            socket_factory=vetted,
            ssl=self.tls,
        )
        return aiohttp.ClientSession(
            connector=connector,
            trust_env=False,
            auto_decompress=False,
            cookie_jar=aiohttp.DummyCookieJar(),
            timeout=aiohttp.ClientTimeout(total=None, sock_connect=CONNECT_S),  # the client sets the deadline
        )

    def _listed(self, host: str, port: int) -> bool:
        return f"{host.lower()}:{port}" in self._allowed

    @staticmethod
    async def _connected(addresses: list[tuple[socket.AddressFamily, str]], port: int) -> socket.socket:
        last: OSError = OSError("no address")
        for family, address in addresses:
            opened = socket.socket(family, socket.SOCK_STREAM)
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


class _Resolver(AbstractResolver):
    def __init__(self, dialler: Dialler) -> None:
        self._dialler = dialler

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_UNSPEC
    ) -> list[ResolveResult]:
        addresses = await self._dialler.resolve(host, port, family)
        return [
            ResolveResult(hostname=host, host=address, port=port, family=kind, proto=0, flags=socket.AI_NUMERICHOST)
            for kind, address in addresses
        ]

    async def close(self) -> None:
        return None
