"""The token endpoint: client credentials by `private_key_jwt`, bound by DPoP; nothing else exists here.

The checks run in the order of the reference and stop at the first failure. A refused client learns `invalid_client`
and no reason; the reason goes to the operator's log. Decision record 0003 says what of Authlib is used and why.

Source: RFC 6749 sections 4.4 and 5, RFC 7523, RFC 9449 section 5.
"""

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol
from urllib.parse import parse_qsl

from sqlalchemy import delete, insert
from sqlalchemy.exc import IntegrityError

from . import assertion, register, tables, tokens
from .assertion import Assertion
from .directory import Database
from .dpop import Proof, Proofs
from .errors import CredentialRefused
from .jose import Key
from .register import System
from .tokens import Grant, new_token_id

LARGEST_BODY = 16 * 1024
ASSERTION_TYPE = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"

logger = logging.getLogger(__name__)


PROOF_WANTED = "Send one DPoP header with a fresh proof for this address, made with the key to bind to."


class NoToken(Exception):
    """The OAuth error to answer with: `error` is the code of RFC 6749 section 5.2 or RFC 9449 section 5."""

    def __init__(self, error: str, description: str) -> None:
        super().__init__(error)
        self.error = error
        self.description = description

    @property
    def status(self) -> int:
        """401 for a client that is not authenticated, 400 for everything else."""
        return 401 if self.error == "invalid_client" else 400


@dataclass(frozen=True, slots=True)
class Asked:
    """One request as it came in. `proofs` are all DPoP headers, `path` is raw, `other_credentials`: Authorization."""

    body: bytes
    path: str
    proofs: Sequence[str]
    other_credentials: bool = False


@dataclass(frozen=True, slots=True)
class Issued:
    """A token and what it may be used for."""

    token: str
    scopes: frozenset[str]


class SigningKey(Protocol):
    """The token key in use at a moment."""

    def __call__(self, now: datetime) -> Key: ...


class TokenEndpoint:
    """Issues access tokens."""

    def __init__(self, db: Database, proofs: Proofs, signing_key: SigningKey, issuer: str) -> None:
        self._db = db
        self._proofs = proofs
        self._signing_key = signing_key
        self._issuer = issuer

    async def issued(self, asked: Asked, now: datetime) -> Issued:
        """A token, or the OAuth error to answer with.

        Raises:
            NoToken: the error to answer with.
        """
        form = _form(asked)
        try:
            system, believed = await self._client(form, now)
        except CredentialRefused as error:
            logger.warning("no token: %s client=%s", error.reason, error.client or "unknown")
            raise _unknown() from None
        proof = self._proof(asked, now)
        scopes = _scopes(form.get("scope"), system)
        grant = Grant(system.client_id, scopes, proof.thumbprint, new_token_id())
        token = tokens.issue(self._signing_key(now), grant, issuer=self._issuer, now=now)
        await self._record(believed, grant, now)
        return Issued(token, scopes)

    async def _client(self, form: dict[str, str], now: datetime) -> tuple[System, Assertion]:
        claimed = assertion.read(form["client_assertion"])
        if form.get("client_id", claimed.client_id) != claimed.client_id:
            raise CredentialRefused("client_id")
        async with self._db.read() as connection:
            system = await register.find_system(connection, claimed.client_id)
            if system is None or system.client_id != claimed.client_id:
                raise CredentialRefused("unknown_client")
            if not await register.in_force(connection, system):
                raise CredentialRefused("not_in_force", client=system.client_id)
            keys = await register.keys_of(connection, system.id)
        try:
            return system, assertion.verified(claimed, keys, issuer=self._issuer, now=now)
        except CredentialRefused as error:
            raise CredentialRefused(error.reason, client=system.client_id) from None

    def _proof(self, asked: Asked, now: datetime) -> Proof:
        if len(asked.proofs) != 1:
            raise NoToken("invalid_dpop_proof", PROOF_WANTED)
        try:
            return self._proofs.verified(asked.proofs[0], method="POST", path=asked.path, now=now)
        except CredentialRefused as error:
            logger.warning("no token: %s", error.reason)
            raise NoToken("invalid_dpop_proof", PROOF_WANTED) from None

    async def _record(self, believed: Assertion, grant: Grant, now: datetime) -> None:
        """Use the assertion up, durably; its primary key is what makes the second use fail."""
        row = {
            "client_id": believed.client_id,
            "jti": believed.jti,
            "token_id": grant.token_id,
            "key_thumbprint": grant.thumbprint,
            "issued_at": now,
            "assertion_expires_at": believed.expires_at,
        }
        used = tables.issued_token
        try:
            async with self._db.write() as connection:
                await connection.execute(delete(used).where(used.c.assertion_expires_at < now))
                await connection.execute(insert(used).values(row))
        except IntegrityError:
            logger.warning("no token: assertion_replayed client=%s", believed.client_id)
            raise _unknown() from None


def _unknown() -> NoToken:
    return NoToken("invalid_client", "The client was not authenticated.")


def _form(asked: Asked) -> dict[str, str]:
    """The parameters, each at most once, with exactly one way to authenticate."""
    try:
        pairs = parse_qsl(
            asked.body.decode("ascii"), keep_blank_values=True, strict_parsing=True, errors="strict", max_num_fields=16
        )
    except ValueError:
        raise NoToken("invalid_request", "Send application/x-www-form-urlencoded parameters.") from None
    form = dict(pairs)
    if len(form) != len(pairs):
        raise NoToken("invalid_request", "Send each parameter once.")
    if "grant_type" not in form:
        raise NoToken("invalid_request", "Send grant_type=client_credentials.")
    if form["grant_type"] != "client_credentials":
        raise NoToken("unsupported_grant_type", "Only client_credentials is offered.")
    if asked.other_credentials or "client_secret" in form or form.get("client_assertion_type") != ASSERTION_TYPE:
        raise NoToken("invalid_client", "Authenticate by private_key_jwt only.")
    if not form.get("client_assertion"):
        raise NoToken("invalid_client", "Send a client_assertion.")
    return form


def _scopes(asked: str | None, system: System) -> frozenset[str]:
    """All that the system is registered for, or the part it asks for."""
    if not asked:
        return system.scopes
    scopes = frozenset(asked.split(" "))
    if not scopes <= system.scopes:
        raise NoToken("invalid_scope", "The system is not registered for all of these scopes.")
    return scopes
