"""Who is calling: the check at the door of every protected path, before anything of the body is read.

    Authorization: DPoP <access token>            or, over mutual TLS:   Authorization: Bearer <access token>
    DPoP: <proof for this method and address, made now, with the token's key>

A token's signature is checked once and remembered, whole, until it expires, is revoked, a key rotates, or anything in
the register changes; what it is bound to is checked at every call.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime

from starlette.requests import Request

from . import tokens
from .binding import Binding, Presented, bindings
from .directory import Directory, Snapshot
from .dpop import Bound, Proofs
from .errors import CredentialRefused
from .jose import Key, sha256
from .reach import EXCHANGE, Reach, reach_of, within
from .register import System
from .revocation import Revocations
from .uses import Use, Uses

__all__ = ["Caller", "Callers", "Presented", "authenticated"]


@dataclass(frozen=True, slots=True)
class Caller:
    """An authenticated system. `system` is its id (`LK/GOV/WBB/SRIS`), `reach` how far its token reaches."""

    client_id: str
    system: str
    scopes: frozenset[str]
    reach: Reach = field(default_factory=Reach)


@dataclass(frozen=True, slots=True)
class _Known:
    caller: Caller
    system: System
    binding: Binding
    bound: Bound
    token_id: str
    expires: int


class Callers:
    """Checks tokens and what they are bound to; remembers verified tokens, at most `most` of them."""

    def __init__(
        self,
        directory: Directory,
        proofs: Proofs,
        revocations: Revocations,
        uses: Uses,
        issuer: str,
        *,
        most: int = 4096,
    ) -> None:
        self._directory = directory
        self._proofs = proofs
        self._revocations = revocations
        self._uses = uses
        self._issuer = issuer
        self._most = most
        self._bindings = {each.member: each for each in bindings(proofs)}
        self._unbound: frozenset[str] = frozenset()
        self._known: dict[str, _Known] = {}
        self._valid_for: tuple[Snapshot, Sequence[Key]] | None = None

    async def authenticated(self, presented: Presented, keys: Sequence[Key], now: datetime) -> Caller:
        """The caller, or the reason why not.

        Args:
            keys: the token keys we publish at this moment; the same object as long as nothing rotated.

        Raises:
            CredentialRefused: `reason` is for the operator's log.
        """
        if len(presented.authorization) != 1:
            raise CredentialRefused("not_one_token")
        scheme, _, token = presented.authorization[0].partition(" ")
        snapshot = await self._directory.fresh()
        revoked = await self._revocations.fresh(now)
        known = self._verified(token, snapshot, keys, now)
        if known.token_id in revoked:
            self._known.pop(token, None)
            raise CredentialRefused("token_revoked", client=known.caller.client_id)
        self._check(presented, scheme, known, now)
        return known.caller

    def noted(self, caller: Caller, presented: Presented, now: datetime) -> Caller:
        """The caller, whose certificate was the credential; noted for the forecast and the posture page."""
        ends = presented.certificate.not_after if presented.certificate else None
        self._uses.note(Use(caller.system, "mtls", now, ends))
        return caller

    def _check(self, presented: Presented, scheme: str, known: _Known, now: datetime) -> None:
        binding = known.binding
        try:
            if scheme.lower() != binding.scheme.lower():
                raise CredentialRefused("scheme_of_another_binding")
            if not known.caller.reach.has(presented.path):
                raise CredentialRefused("token_for_another_path")
            binding.check(presented, known.bound, known.system, now)
        except CredentialRefused as error:
            error.client = known.caller.client_id
            raise
        shown = presented.certificate if binding.name == "mtls" else None
        self._uses.note(Use(known.system.id, binding.name, now, shown.not_after if shown else None))

    def _verified(self, token: str, snapshot: Snapshot, keys: Sequence[Key], now: datetime) -> _Known:
        if self._valid_for is None or self._valid_for[0] is not snapshot or self._valid_for[1] is not keys:
            self._known.clear()
            self._valid_for = (snapshot, keys)
            self._unbound = frozenset(name for name, each in snapshot.callers.items() if each.policy.bearer)
        known = self._known.get(token)
        if known is None:
            known = self._remembered(token, snapshot, keys, now)
        if known.expires <= now.timestamp():
            self._known.pop(token, None)
            raise CredentialRefused("token_expired", client=known.caller.client_id)
        return known

    def _remembered(self, token: str, snapshot: Snapshot, keys: Sequence[Key], now: datetime) -> _Known:
        verified = tokens.verify(token, keys, issuer=self._issuer, now=now, unbound=self._unbound)
        grant = verified.grant
        system = snapshot.callers.get(grant.client_id)
        if system is None:
            raise CredentialRefused("not_in_force", client=grant.client_id)
        binding = self._bindings[grant.confirmation.member]
        bound = Bound(grant.confirmation.thumbprint, sha256(token))
        known = _Known(self._caller(grant, system), system, binding, bound, grant.token_id, verified.expires)
        self._make_room(now)
        self._known[token] = known
        return known

    def _caller(self, grant: tokens.Grant, system: System) -> Caller:
        scopes = within(grant.scopes, system.scopes)
        reach = reach_of(grant.audience, self._issuer, scopes, grant.details)
        named = {EXCHANGE} if any(each.startswith(f"{EXCHANGE}:") for each in scopes) else set()
        return Caller(grant.client_id, system.id, scopes | named, reach)

    def _make_room(self, now: datetime) -> None:
        """Drop what has expired, and the oldest where that is not enough; all live equally long."""
        while self._known:
            oldest, known = next(iter(self._known.items()))
            if len(self._known) < self._most and known.expires > now.timestamp():
                return
            del self._known[oldest]


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
