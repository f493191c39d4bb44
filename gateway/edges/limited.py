"""Limits at the edges: refused calls end here, before their body is read.

Pure ASGI, just inside the door: it needs to know who calls. Evidence is not limited: what has begun is written down.
Where nobody has to be known and an answer costs work (a token, a sign-in, a page), the caller is known by its
certificate, else by its address; behind a proxy without either the proxy limits (`deploy/haproxy`).
"""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from ipaddress import IPv6Address, IPv6Network
from typing import Any

from starlette.types import ASGIApp, Receive, Scope, Send

from ..people import SignedIn
from ..trust.binding import CERTIFICATE
from ..trust.caller import Caller
from ..trust.limits import OverLimit, Shares
from ..trust.policy import Limits
from ..trust.trust import Trust
from ..wiring import Services
from .refusal import ProblemError

TOLD = {
    "rate": "The system asks more often than it may; spread its calls, or agree on more with the operator.",
    "concurrent": "The system has as many calls open as it may; wait for some to end.",
    "gateway": "The gateway is busy, and the system has its fair part; wait for some of its calls to end.",
    "agreement": "Between these two members no more can be asked at once, and the system has its fair part.",
    "peer": "Too many calls from here; wait a moment.",
}
COSTLY = ("/oauth2", "/idp", "/console", "/my-data")  # and open to everyone
NOTHING_AGREED = Limits()


class Limited:
    """Lets a system's calls in, as far as its limits go."""

    def __init__(
        self, app: ASGIApp, trust: Trust, shares: Shares, refused: Callable[[str, OverLimit], ASGIApp]
    ) -> None:
        """`refused` gives the answer to a path, in its surface's own shape."""
        self._app, self._trust, self._shares, self._refused = app, trust, shares, refused

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """ASGI."""
        if scope["type"] != "http":
            return await self._app(scope, receive, send)
        caller = scope.get("state", {}).get("caller")
        if not isinstance(caller, Caller):
            return await self._by_peer(scope, receive, send)
        system = self._trust.directory.snapshot.systems.get(caller.system)
        try:
            entered = self._shares.enter(caller.system, system.policy.limits if system else NOTHING_AGREED)
        except OverLimit as over:
            return await self._refused(scope["path"], over)(scope, receive, send)
        try:
            return await self._app(scope, receive, send)
        finally:
            self._shares.leave(caller.system, entered)

    async def _by_peer(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            if peer := peer_of(scope):
                self._shares.admit(peer)
        except OverLimit as over:
            return await self._refused(scope["path"], over)(scope, receive, send)
        return await self._app(scope, receive, send)


def peer_of(scope: Mapping[str, Any]) -> str:
    """By what a caller that is no system is told from others; empty where it is not limited, or cannot be told."""
    state = scope.get("state", {})
    if isinstance(officer := state.get("officer"), SignedIn):
        return f"officer {officer.id}"
    if not any(scope["path"].startswith(f"{prefix}/") or scope["path"] == prefix for prefix in COSTLY):
        return ""
    if certificate := state.get(CERTIFICATE):
        return f"certificate {certificate.thumbprint}"
    host = str((scope.get("client") or ("",))[0])
    return f"address {_network(host)}" if host else ""


def _network(host: str) -> str:
    """An IPv6 caller has a whole /64 to call from."""
    if ":" not in host:
        return host
    address = IPv6Address(host.partition("%")[0])
    return str(address.ipv4_mapped or IPv6Network((address, 64), strict=False))


@contextmanager
def between(here: Services, consumer: str, service: str) -> Iterator[None]:
    """An exchange of a known service, within the limits of the two members.

    Raises:
        ProblemError: `too_many_requests`, before anything is recorded.
    """
    try:
        with here.shares.between(consumer, here.catalogue.offer(service).provider):
            yield
    except OverLimit as over:
        raise ProblemError("too_many_requests", TOLD[over.which], after_s=over.after_s) from None
