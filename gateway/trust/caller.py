"""Who is calling: the check at the door of every protected path, before anything of the body is read.

    Authorization: DPoP <access token>
    DPoP: <proof for this method and address, made now, with the token's key>

A token's signature is checked once and remembered, whole, until it expires, a key rotates, or anything in the register
changes; the proof is checked at every call.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from starlette.datastructures import Headers
from starlette.requests import Request

from . import tokens
from .directory import Directory, Snapshot
from .dpop import Bound, Proofs
from .errors import CredentialRefused
from .jose import Key, sha256

SCHEME = "DPoP "


@dataclass(frozen=True, slots=True)
class Caller:
    """An authenticated system. `system` is its id (`LK/GOV/WBB/SRIS`)."""

    client_id: str
    system: str
    scopes: frozenset[str]


@dataclass(frozen=True, slots=True)
class Presented:
    """The credentials of one request, as sent. `path` is raw, without the query."""

    method: str
    path: str
    authorization: Sequence[str]
    proofs: Sequence[str]

    @classmethod
    def of(cls, scope: Any) -> "Presented":
        """From an ASGI scope; the body is not touched."""
        headers = Headers(scope=scope)
        path = (scope.get("raw_path") or scope["path"].encode()).partition(b"?")[0].decode("latin-1")
        return cls(scope["method"], path, headers.getlist("authorization"), headers.getlist("dpop"))


@dataclass(frozen=True, slots=True)
class _Known:
    caller: Caller
    bound: Bound
    expires: int


class Callers:
    """Checks tokens and proofs; remembers verified tokens, at most `most` of them."""

    def __init__(self, directory: Directory, proofs: Proofs, issuer: str, *, most: int = 4096) -> None:
        self._directory = directory
        self._proofs = proofs
        self._issuer = issuer
        self._most = most
        self._known: dict[str, _Known] = {}
        self._valid_for: tuple[Snapshot, Sequence[Key]] | None = None

    async def authenticated(self, presented: Presented, keys: Sequence[Key], now: datetime) -> Caller:
        """The caller, or the reason why not.

        Args:
            keys: the token keys we publish at this moment; the same object as long as nothing rotated.

        Raises:
            CredentialRefused: `reason` is for the operator's log.
        """
        if len(presented.authorization) != 1 or len(presented.proofs) != 1:
            raise CredentialRefused("not_one_token_and_one_proof")
        token = presented.authorization[0]
        if token[: len(SCHEME)].lower() != SCHEME.lower():
            raise CredentialRefused("scheme")
        snapshot = await self._directory.fresh()
        known = self._verified(token[len(SCHEME) :], snapshot, keys, now)
        self._proofs.verified(
            presented.proofs[0], method=presented.method, path=presented.path, now=now, bound=known.bound
        )
        return known.caller

    def _verified(self, token: str, snapshot: Snapshot, keys: Sequence[Key], now: datetime) -> _Known:
        if self._valid_for is None or self._valid_for[0] is not snapshot or self._valid_for[1] is not keys:
            self._known.clear()
            self._valid_for = (snapshot, keys)
        known = self._known.get(token)
        if known is None:
            known = self._remembered(token, snapshot, keys, now)
        if known.expires <= now.timestamp():
            self._known.pop(token, None)
            raise CredentialRefused("token_expired", client=known.caller.client_id)
        return known

    def _remembered(self, token: str, snapshot: Snapshot, keys: Sequence[Key], now: datetime) -> _Known:
        verified = tokens.verify(token, keys, issuer=self._issuer, now=now)
        grant = verified.grant
        system = snapshot.callers.get(grant.client_id)
        if system is None:
            raise CredentialRefused("not_in_force", client=grant.client_id)
        if len(self._known) >= self._most:
            del self._known[next(iter(self._known))]
        caller = Caller(grant.client_id, system.id, grant.scopes & system.scopes)
        known = _Known(caller, Bound(grant.thumbprint, sha256(token)), verified.expires)
        self._known[token] = known
        return known


async def authenticated(request: Request) -> Caller:
    """The caller of this request: as the door found it, or checked now where there is no door.

    Raises:
        CredentialRefused: see `Callers.authenticated`.
    """
    found = getattr(request.state, "caller", None)
    if isinstance(found, Caller):
        return found
    caller: Caller = await request.app.state.trust.authenticated(Presented.of(request.scope))
    request.state.caller = caller
    return caller
