"""What one running gateway knows about trust, joined: its keys, the register, the door and the token endpoint."""

import logging
import time
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path

from adapters.kit.dial_rules import DialRules

from ..db import Database
from . import signatures
from .addresses import MayDial
from .by_certificate import certified
from .callbacks import CallbackProofs
from .caller import Caller, Callers, Presented
from .directory import Directory, Snapshot
from .dpop import Proofs
from .errors import KeyFileBroken
from .jose import Key, sign
from .key_sets import KeySets
from .keys import GatewayKeys
from .keystore import Care
from .messages import Messages
from .metadata import metadata
from .policy import SignaturePolicy
from .revocation import Revocations
from .seal import Seal
from .token_endpoint import Answer, Asked, TokenEndpoint
from .uses import Uses

logger = logging.getLogger(__name__)

LOOK_AGAIN = 1.0  # seconds for which a rotation by another process may go unnoticed


def utc_now() -> datetime:
    """The clock, unless a test gives another."""
    return datetime.now(UTC)


class Trust:
    """Opened once for the life of the process; safe for concurrent use. Lives at `app.state.trust`."""

    def __init__(
        self,
        db: Database,
        folder: Path,
        origin: str,
        *,
        clock: Callable[[], datetime] = utc_now,
        care: Care | None = None,
    ) -> None:
        """
        Args:
            db: where members, systems and keys are.
            folder: of the gateway's own keys, made on the first start.
            origin: the public address callers use, without a trailing slash: issuer, audience and proof target.
            care: how the gateway's own keys are kept; in plain files by default.

        Raises:
            KeyFileBroken: a key file cannot be used.
        """
        self.origin = origin.rstrip("/")
        self.clock = clock
        self.keys = GatewayKeys.open(folder, clock(), care)
        self.key_sets: KeySets | None = None
        self.callback_proofs: CallbackProofs | None = None
        self.may_dial: MayDial = DialRules(()).place  # what the deployment lists besides, its wiring says
        self._keys_stamp: tuple[int, ...] = ()
        self._keys_looked_at = time.monotonic()
        self._published: tuple[Key, ...] = ()
        self.directory = Directory(db, clock=clock)
        self.seal = Seal(self.keys.seal)
        proofs, revocations, self.uses = Proofs(self.origin), Revocations(db), Uses(db)
        self._callers = Callers(self.directory, proofs, revocations, self.uses, self.origin)
        self.endpoint = TokenEndpoint(
            db, self.directory, proofs, revocations, self.uses, keys=self._token_keys, issuer=self.origin
        )

        self.messages = Messages(
            db, self.directory, signing=self._message_key, opening=self.decryption_keys, clock=clock
        )

    def fetch_keys_with(self, key_sets: KeySets) -> None:
        """From now on, look again at the published key set of a system that uses a kid we do not know."""
        self.key_sets = self.endpoint.key_sets = self.messages.key_sets = key_sets

    async def authenticated(self, presented: Presented) -> Caller:
        """Who is calling. Raises CredentialRefused."""
        now = self.clock()
        published = self._current(now).token.published(now)
        if published != self._published:
            self._published = published
        return await self._callers.authenticated(presented, self._published, now)

    async def certified(self, presented: Presented) -> Caller:
        """Who is calling, by the certificate of the connection alone. Raises CredentialRefused."""
        now = self.clock()
        return self._callers.noted(certified(await self.directory.fresh(), presented, now), presented, now)

    async def token(self, asked: Asked) -> Answer:
        """A token for a client, or the OAuth error."""
        return await self.endpoint.token(asked, self.clock())

    async def introspected(self, asked: Asked) -> Answer:
        """What a token says, for the system that it is meant for. RFC 7662."""
        return await self.endpoint.introspected(asked, self.clock())

    async def revoked(self, asked: Asked) -> Answer:
        """A client's own token taken back. RFC 7009."""
        return await self.endpoint.revoked(asked, self.clock())

    def jwks(self) -> dict[str, list[dict[str, str]]]:
        """Our public keys, for `/.well-known/jwks.json`."""
        now = self.clock()
        return self._current(now).jwks(now)

    def metadata(self) -> dict[str, object]:
        """RFC 8414 authorization server metadata."""
        return metadata(self.origin)

    def sign_envelope(self, envelope: Mapping[str, object]) -> str:
        """The `signature` member for a DCI `{"header", "message"}` that the gateway sends. Raises NotCanonical."""
        now = self.clock()
        return signatures.signed(envelope["header"], envelope["message"], self._current(now).message.signing(now))

    def sign_bytes(self, content: bytes) -> str:
        """A detached JWS over bytes that the gateway sends as they are: answers, and whatever is no envelope."""
        now = self.clock()
        return signatures.detached(content, self._current(now).message.signing(now))

    def sign_compact(self, payload: bytes, kind: str) -> str:
        """A compact JWS over canonical JSON, of a type of its own (`typ`), by the key of our messages."""
        now = self.clock()
        return sign(payload, self._current(now).message.signing(now), typ=kind)

    def message_keys(self) -> tuple[Key, ...]:
        """Every key that our messages were ever signed with, as long as its file is kept, oldest first."""
        return tuple(each.key for each in self._current(self.clock()).message.keys)

    async def member_keys(self, member: str) -> Sequence[Mapping[str, str]]:
        """The public JWKs a member signs agreements with; none for one that is not registered."""
        return [key.jwk for key in (await self.register()).keys.get(member, ())]

    async def register(self) -> Snapshot:
        """The register as it is now."""
        return await self.directory.fresh()

    def forget(self) -> None:
        """Look at the database and the key files before the next answer: call after every committed change."""
        self.directory.forget()
        self._keys_looked_at = float("-inf")

    def _message_key(self, policy: SignaturePolicy) -> Key:
        """A partner that has to sign with RS256 reads nothing else; there is a key for it once one was made."""
        now = self.clock()
        keys = self._current(now)
        return (keys.partner if policy.algorithms and keys.partner else keys.message).signing(now)

    def decryption_keys(self, kid: str = "") -> tuple[Key, ...]:
        """The private keys that open what partners encrypt to us, oldest first; with `kid`, the one that has it."""
        now = self.clock()
        found = self._opening(now, kid)
        if kid and not found:  # published by another process a moment ago
            self._keys_looked_at = float("-inf")
            found = self._opening(now, kid)
        return found

    def _opening(self, now: datetime, kid: str) -> tuple[Key, ...]:
        return tuple(key for key in self._current(now).encryption.published(now) if kid in {"", key.kid})

    def _reopen(self, now: datetime) -> None:
        try:
            self.keys = GatewayKeys.open(self.keys.folder, now, self.keys.care)
        except KeyFileBroken as error:
            logger.critical("the key files were changed and cannot be used; those remembered stay: %s", error.detail)

    def _token_keys(self, now: datetime) -> tuple[Key, tuple[Key, ...]]:
        ring = self._current(now).token
        return ring.signing(now), ring.published(now)

    def _current(self, now: datetime) -> GatewayKeys:
        if time.monotonic() - self._keys_looked_at > LOOK_AGAIN:
            self._keys_looked_at = time.monotonic()
            stamp = self.keys.stamp()
            if stamp != self._keys_stamp:
                self._keys_stamp = stamp
                self._reopen(now)
        return self.keys
