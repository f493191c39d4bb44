"""What one running gateway knows about trust, joined: its keys, the register, the door and the token endpoint."""

import time
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path

from . import signatures
from .caller import Caller, Callers, Presented
from .directory import Database, Directory, Snapshot
from .dpop import Proofs
from .errors import SignatureRefused
from .jose import Key
from .keys import GatewayKeys
from .seal import Seal
from .token_endpoint import Asked, Issued, TokenEndpoint

LOOK_AGAIN = 1.0  # seconds for which a rotation by another process may go unnoticed


def utc_now() -> datetime:
    """The clock, unless a test gives another."""
    return datetime.now(UTC)


class Trust:
    """Opened once for the life of the process; safe for concurrent use. Lives at `app.state.trust`."""

    def __init__(self, db: Database, folder: Path, origin: str, *, clock: Callable[[], datetime] = utc_now) -> None:
        """
        Args:
            db: where members, systems and keys are.
            folder: of the gateway's own keys, made on the first start.
            origin: the public address callers use, without a trailing slash: issuer, audience and proof target.

        Raises:
            KeyFileBroken: a key file cannot be used.
        """
        self.origin = origin.rstrip("/")
        self.clock = clock
        self.keys = GatewayKeys.open(folder, clock())
        self._keys_stamp: tuple[int, ...] = ()
        self._keys_looked_at = time.monotonic()
        self._published: tuple[Key, ...] = ()
        self.directory = Directory(db)
        self.seal = Seal(self.keys.seal)
        proofs = Proofs(self.origin)
        self._callers = Callers(self.directory, proofs, self.origin)
        self._endpoint = TokenEndpoint(db, proofs, lambda now: self._current(now).token.signing(now), self.origin)

    async def authenticated(self, presented: Presented) -> Caller:
        """Who is calling. Raises CredentialRefused."""
        now = self.clock()
        published = self._current(now).token.published(now)
        if published != self._published:
            self._published = published
        return await self._callers.authenticated(presented, self._published, now)

    async def token(self, asked: Asked) -> Issued:
        """A token for a client. Raises `token_endpoint.NoToken`."""
        return await self._endpoint.issued(asked, self.clock())

    def jwks(self) -> dict[str, list[dict[str, str]]]:
        """Our public keys, for `/.well-known/jwks.json`."""
        now = self.clock()
        return self._current(now).jwks(now)

    def metadata(self) -> dict[str, object]:
        """RFC 8414 authorization server metadata, with the members of RFC 9449 section 5.1."""
        algorithms = ["EdDSA", "ES256", "PS256"]
        return {
            "issuer": self.origin,
            "token_endpoint": f"{self.origin}/oauth2/token",
            "jwks_uri": f"{self.origin}/.well-known/jwks.json",
            "grant_types_supported": ["client_credentials"],
            "response_types_supported": ["none"],  # a required member, though there is no authorization endpoint
            "token_endpoint_auth_methods_supported": ["private_key_jwt"],
            "token_endpoint_auth_signing_alg_values_supported": algorithms,
            "dpop_signing_alg_values_supported": algorithms,
        }

    def sign_envelope(self, envelope: Mapping[str, object]) -> str:
        """The `signature` member for a DCI `{"header", "message"}` that the gateway sends. Raises NotCanonical."""
        now = self.clock()
        return signatures.signed(envelope["header"], envelope["message"], self._current(now).message.signing(now))

    def sign_bytes(self, content: bytes) -> str:
        """A detached JWS over bytes that the gateway sends as they are: answers, and whatever is no envelope."""
        now = self.clock()
        return signatures.detached(content, self._current(now).message.signing(now))

    async def sender(self, envelope: Mapping[str, object], system: str) -> Key:
        """The key with which the system of this id signed the envelope. Raises SignatureRefused."""
        keys = (await self.directory.fresh()).keys.get(system, ())
        if not keys:
            raise SignatureRefused("The sender has no key in force.")
        return signatures.verify(envelope, keys)

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

    def _current(self, now: datetime) -> GatewayKeys:
        if time.monotonic() - self._keys_looked_at > LOOK_AGAIN:
            self._keys_looked_at = time.monotonic()
            stamp = self.keys.stamp()
            if stamp != self._keys_stamp:
                self.keys, self._keys_stamp = GatewayKeys.open(self.keys.folder, now), stamp
        return self.keys
