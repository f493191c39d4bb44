"""The token, introspection and revocation endpoints: load, let Authlib's server decide, store, answer.

The checks run in the order of the reference and stop at the first failure. A refused client learns `invalid_client`
and no reason; the reason goes to the operator's log.

Source: RFC 6749 sections 4.4 and 5, RFC 7523, RFC 7662, RFC 7009; decision record 0020.
"""

import logging
from dataclasses import replace
from datetime import datetime
from typing import Protocol

from authlib.oauth2.base import OAuth2Error
from sqlalchemy import delete, insert
from sqlalchemy.exc import IntegrityError

from ..db import Database
from . import assertion, client_secrets, register, tables
from .binding import bindings
from .directory import Directory
from .dpop import Proofs
from .errors import CredentialRefused
from .form import BY_KEY, BY_SECRET, LARGEST_BODY, Asked, method_of, read_form
from .jose import Key
from .key_sets import KeySets
from .oauth import Answer, Exchange, InvalidDetails, Loaded, NotNow, Server, UnknownClient
from .reach import Detail
from .register import System
from .revocation import Revocations
from .uses import Use, Uses

__all__ = ["LARGEST_BODY", "Answer", "Asked", "TokenEndpoint"]

MOST_HASHING = 32  # secrets that wait to be checked; some 50 ms each, two at a time

logger = logging.getLogger(__name__)


class TokenKeys(Protocol):
    """Our token keys at a moment: the one in use, and all that are published."""

    def __call__(self, now: datetime) -> tuple[Key, tuple[Key, ...]]: ...


class Agreed(Protocol):
    """Whether an agreement in force covers what a token shall be narrowed to."""

    async def __call__(self, consumer: str, detail: Detail, now: datetime) -> bool: ...


class TokenEndpoint:
    """The three endpoints. `agreed` is set by the wiring; without it no `authorization_details` are granted. So is
    `key_sets`; without it only keys that are registered already are known."""

    def __init__(
        self,
        db: Database,
        directory: Directory,
        proofs: Proofs,
        revocations: Revocations,
        uses: Uses,
        *,
        keys: TokenKeys,
        issuer: str,
    ) -> None:
        self._db = db
        self._directory = directory
        self._revocations = revocations
        self._uses = uses
        self._keys = keys
        self._hashing = 0
        self._issuer = issuer
        self._server = Server(issuer, bindings(proofs))
        self.agreed: Agreed | None = None
        self.key_sets: KeySets | None = None

    async def token(self, asked: Asked, now: datetime) -> Answer:
        """A token, or the OAuth error."""
        return await self._answer("token", asked, now)

    async def introspected(self, asked: Asked, now: datetime) -> Answer:
        """What a token says, for the system that it is meant for; `{"active": false}` for everybody else."""
        return await self._answer("introspection", asked, now)

    async def revoked(self, asked: Asked, now: datetime) -> Answer:
        """Nothing, once the token is worth nothing."""
        return await self._answer("revocation", asked, now)

    async def _answer(self, endpoint: str, asked: Asked, now: datetime) -> Answer:
        try:
            form = read_form(asked.body)
            exchange = Exchange(form, asked.presented, await self._loaded(form, asked, now), self._issuer, now)
            answer: Answer = (
                self._server.create_token_response(exchange)
                if endpoint == "token"
                else self._server.create_endpoint_response(endpoint, exchange)
            )
            await self._check_agreed(exchange, now)
            await self._store(exchange, now)
        except OAuth2Error as error:
            if isinstance(error, UnknownClient):
                logger.warning("no token: %s client=%s", error.reason, error.client or "unknown")
            status, body, _ = error()
            return Answer(status, body)
        return answer

    async def _loaded(self, form: dict[str, str], asked: Asked, now: datetime) -> Loaded:
        signing, published = self._keys(now)
        method = method_of(form, asked.presented.authorization)
        snapshot = await self._directory.fresh()
        revoked = await self._revocations.fresh(now)
        loaded = Loaded(method, snapshot, signing, published, revoked)
        try:
            if method == BY_KEY:
                loaded = await self._with_assertion(loaded, form, now)
            elif method == BY_SECRET:
                loaded = await self._with_secret(loaded, form, now)
        except CredentialRefused as error:
            return replace(loaded, refused=error.reason, named=error.client)
        return loaded

    async def _with_assertion(self, loaded: Loaded, form: dict[str, str], now: datetime) -> Loaded:
        claimed = assertion.read(form["client_assertion"])
        if form.get("client_id", claimed.client_id) != claimed.client_id:
            raise CredentialRefused("client_id")
        system, keys = await self._client(claimed.client_id, now)
        known = any(key.kid == claimed.jws.header.get("kid") for key in keys)
        if not known and self.key_sets and await self.key_sets.met(system, now):  # it publishes its keys, and rotated
            system, keys = await self._client(claimed.client_id, now)
        return replace(loaded, claimed=claimed, system=system, keys=keys)

    async def _with_secret(self, loaded: Loaded, form: dict[str, str], now: datetime) -> Loaded:
        """Whether the name is registered, or may have a secret, costs the same to find out: one Argon2id."""
        if not any(each.policy.client_secret for each in loaded.snapshot.callers.values()):
            raise CredentialRefused("secrets_are_off")  # for everyone, so that no stranger makes us hash
        hashes: tuple[str, ...] = ()
        try:
            system, _ = await self._client(form["client_id"], now)
            async with self._db.read() as connection:
                hashes = await register.client_secret_hashes(connection, system, now)
        finally:
            right = await self._is_right(form["client_secret"], hashes)
        return replace(loaded, system=system, secret_right=right)

    async def _is_right(self, secret: str, hashes: tuple[str, ...]) -> bool:
        if self._hashing >= MOST_HASHING:
            raise NotNow
        self._hashing += 1
        try:
            return await client_secrets.accepted(secret, hashes)
        finally:
            self._hashing -= 1

    async def _client(self, client_id: str, now: datetime) -> tuple[System, tuple[Key, ...]]:
        """As the database has it now: a token must not outlive what another process took away."""
        async with self._db.read() as connection:
            system = await register.find_system(connection, client_id)
            if system is None or system.client_id != client_id:
                raise CredentialRefused("unknown_client")
            if not await register.in_force(connection, system):
                raise CredentialRefused("not_in_force", client=system.client_id)
            return system, await register.keys_of(connection, system.id, now)

    async def _check_agreed(self, exchange: Exchange, now: datetime) -> None:
        """Only for a client that is authenticated by now: agreements are not read for strangers."""
        for each in exchange.granted.details if exchange.granted else ():
            if self.agreed is None or not await self.agreed(exchange.system.id, each, now):
                raise InvalidDetails

    async def _store(self, exchange: Exchange, now: datetime) -> None:
        """Use the assertion up, durably; its primary key is what makes the second use fail."""
        if exchange.believed is not None:
            await self._use_up(exchange, now)
        if exchange.revoked is not None:
            await self._revocations.revoke(exchange.revoked, now)
        self._uses.note(Use(exchange.system.id, exchange.auth_method, now))

    async def _use_up(self, exchange: Exchange, now: datetime) -> None:
        believed, granted = exchange.believed, exchange.granted
        assert believed is not None
        row = {
            "client_id": believed.client_id,
            "jti": believed.jti,
            "token_id": granted.token_id if granted else "",
            "key_thumbprint": granted.confirmation.thumbprint if granted else "",
            "issued_at": now,
            "assertion_expires_at": believed.expires_at,
        }
        used = tables.issued_token
        try:
            async with self._db.write() as connection:
                await connection.execute(delete(used).where(used.c.assertion_expires_at < now))
                await connection.execute(insert(used).values(row))
        except IntegrityError:
            raise UnknownClient("assertion_replayed", believed.client_id) from None
