"""Whose token it is: the ways a token is tied to its owner, behind one interface.

A token is bound to a key (`cnf.jkt`, DPoP), to a client certificate (`cnf.x5t#S256`, mutual TLS), or, for a partner
that can do neither and has that exception in its policy, to nothing. Which one is decided when it is issued, is
written into the token, and cannot be changed by whoever presents it: the scheme has to fit.

Source: RFC 9449, RFC 8705 section 3, RFC 7800.
"""

import hmac
import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol

from starlette.datastructures import Headers

from .certificate import PeerCertificate
from .dpop import Bound, Proofs
from .errors import CredentialRefused
from .register import System

THUMBPRINT = re.compile(r"[A-Za-z0-9_-]{43}", re.ASCII)
CERTIFICATE = "sandhi.client_certificate"
"""Where the listener leaves the peer's certificate in `scope["state"]`; nothing that a caller sends gets there."""


@dataclass(frozen=True, slots=True)
class Presented:
    """The credentials of one request, as sent. `path` is raw, without the query."""

    method: str
    path: str
    authorization: Sequence[str]
    proofs: Sequence[str]
    certificate: PeerCertificate | None = None

    @classmethod
    def of(cls, scope: Any) -> "Presented":
        """From an ASGI scope; the body is not touched."""
        headers = Headers(scope=scope)
        path = (scope.get("raw_path") or scope["path"].encode()).partition(b"?")[0].decode("latin-1")
        certificate = scope.get("state", {}).get(CERTIFICATE)
        return cls(scope["method"], path, headers.getlist("authorization"), headers.getlist("dpop"), certificate)


@dataclass(frozen=True, slots=True)
class Confirmation:
    """What a token says of its binding. `member` is of its `cnf` claim; empty, with no thumbprint: unbound."""

    member: str = ""
    thumbprint: str = ""

    def claim(self) -> dict[str, dict[str, str]]:
        """The token's claim, RFC 7800."""
        return {"cnf": {self.member: self.thumbprint}} if self.member else {}


class Binding(Protocol):
    """One way to tie a token to its owner."""

    @property
    def scheme(self) -> str:
        """Of the `Authorization` header, and the `token_type`."""

    @property
    def member(self) -> str:
        """Of the `cnf` claim; empty: no claim."""

    @property
    def name(self) -> str:
        """How the posture page calls it."""

    def offered(self, presented: Presented, system: System, now: datetime) -> str | None:
        """What a new token for the system will be bound to; None if the request or the policy has none of it.

        Raises:
            CredentialRefused: it is there and not good.
        """

    def check(self, presented: Presented, bound: Bound, system: System, now: datetime) -> None:
        """Raise CredentialRefused unless the request is by the token's owner."""


@dataclass(frozen=True, slots=True)
class ByKey:
    """DPoP."""

    proofs: Proofs
    scheme: str = "DPoP"
    member: str = "jkt"
    name: str = "dpop"

    def offered(self, presented: Presented, system: System, now: datetime) -> str | None:
        """The thumbprint of the proof's key."""
        del system
        if not presented.proofs:
            return None
        return self._proved(presented, None, now)

    def check(self, presented: Presented, bound: Bound, system: System, now: datetime) -> None:
        """One fresh proof by the token's key; a registered certificate is looked at where there is one."""
        self._proved(presented, bound, now)
        check_certificate(presented, system)

    def _proved(self, presented: Presented, bound: Bound | None, now: datetime) -> str:
        if len(presented.proofs) != 1:
            raise CredentialRefused("not_one_proof")
        text, method, path = presented.proofs[0], presented.method, presented.path
        return self.proofs.verified(text, method=method, path=path, now=now, bound=bound).thumbprint


@dataclass(frozen=True, slots=True)
class ByCertificate:
    """Mutual TLS. The certificate has to be registered for the system, when the token is issued and at each use."""

    scheme: str = "Bearer"
    member: str = "x5t#S256"
    name: str = "mtls"

    def offered(self, presented: Presented, system: System, now: datetime) -> str | None:
        """The certificate's thumbprint, if the system registered it."""
        del now
        shown = presented.certificate
        return shown.thumbprint if shown and shown.thumbprint in system.policy.certificates else None

    def check(self, presented: Presented, bound: Bound, system: System, now: datetime) -> None:
        """The connection's certificate is the token's, and still the system's."""
        del now
        if presented.proofs:
            raise CredentialRefused("proof_beside_certificate")
        shown = presented.certificate
        if shown is None or not hmac.compare_digest(shown.thumbprint, bound.thumbprint):
            raise CredentialRefused("another_certificate")
        if shown.thumbprint not in system.policy.certificates:
            raise CredentialRefused("certificate_not_registered")


@dataclass(frozen=True, slots=True)
class Unbound:
    """A bearer token: whoever holds it is the caller. Only for a system whose policy says so, now."""

    scheme: str = "Bearer"
    member: str = ""
    name: str = "bearer"

    def offered(self, presented: Presented, system: System, now: datetime) -> str | None:
        """Nothing to be bound to, where that is allowed."""
        del presented, now
        return "" if system.policy.bearer else None

    def check(self, presented: Presented, bound: Bound, system: System, now: datetime) -> None:
        """The exception is still in the policy."""
        del bound, now
        if presented.proofs:
            raise CredentialRefused("proof_beside_bearer")
        if not system.policy.bearer:
            raise CredentialRefused("token_unbound")
        check_certificate(presented, system)


def check_certificate(presented: Presented, system: System) -> None:
    """Raise if a system that registered certificates is called for over a connection with another one."""
    shown, registered = presented.certificate, system.policy.certificates
    if shown and registered and shown.thumbprint not in registered:
        raise CredentialRefused("certificate_not_registered")


def bindings(proofs: Proofs) -> tuple[Binding, ...]:
    """All of them, in the order in which a new token takes the first that is offered."""
    return (ByKey(proofs), ByCertificate(), Unbound())
