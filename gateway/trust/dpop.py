"""Proof of possession: the caller holds the key that the token is bound to, for this request, once.

Source: RFC 9449 section 4.3. The target is compared with the configured public origin and the request's path, never
with a Host or forwarded header. Proofs are remembered per process for as long as they could be replayed (decision
record 0020 says why that is enough); the store is bounded and refuses when full.
"""

import hashlib
import os
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from urllib.parse import urlsplit

from .assertion import whole
from .errors import CredentialRefused, KeysRefused, ReplaysFull
from .jose import Key, check, json_object, read_header, unb64
from .jwks import public_key

LONGEST = 4096
HEADER = frozenset({"typ", "alg", "jwk"})
WINDOW = 60  # seconds around now in which a proof may have been made
SLICE = 10  # seconds of proofs that are forgotten together
PORTS = {"http": 80, "https": 443}


@dataclass(frozen=True, slots=True)
class Bound:
    """What a token asks of its proofs: `thumbprint` is its `cnf.jkt`, `ath` its base64url SHA-256."""

    thumbprint: str
    ath: str


@dataclass(frozen=True, slots=True)
class Proof:
    """A verified proof. `thumbprint` is the key's (RFC 7638): a new token is bound to it."""

    thumbprint: str
    jti: str


class Replays:
    """Remembers each mark for exactly as long as it could be replayed, in slices by the time the proof names.

    A mark is 16 bytes of a keyed hash, about 90 bytes of memory with its place in the set. A million of them last for
    a million calls in 60 to 80 seconds, since honest clocks are near now and their slices go soon.
    """

    def __init__(self, *, most: int = 1_000_000) -> None:
        """`most`: marks in all slices together."""
        self._most = most
        self._slices: dict[int, set[bytes]] = {}
        self._key = os.urandom(16)

    def once(self, mark: str, made: int, now: int) -> None:
        """Remember `mark`, of a proof that says it was made at `made`; both in seconds since 1970.

        Raises:
            CredentialRefused: it was seen before.
            ReplaysFull: nothing more can be remembered; letting it through unremembered would be a hole.
        """
        self._forget(now)
        short = hashlib.blake2b(mark.encode(), digest_size=16, key=self._key).digest()
        if any(short in each for each in self._slices.values()):
            raise CredentialRefused("proof_replayed")
        if self.held >= self._most:
            raise ReplaysFull
        self._slices.setdefault(made // SLICE, set()).add(short)

    @property
    def held(self) -> int:
        """How many marks are remembered."""
        return sum(map(len, self._slices.values()))

    def _forget(self, now: int) -> None:
        oldest = (now - WINDOW) // SLICE
        for gone in [each for each in self._slices if each < oldest]:
            del self._slices[gone]


class Proofs:
    """Checks proofs against one public origin."""

    def __init__(self, origin: str, *, replays: Replays | None = None, remembered_keys: int = 4096) -> None:
        self._origin = origin
        self._parts = _origin_of(origin)
        self._replays = replays or Replays()
        self._keys: dict[str, tuple[Key, str]] = {}  # a client repeats its header byte for byte
        self._most_keys = remembered_keys

    def verified(self, text: str, *, method: str, path: str, now: datetime, bound: Bound | None = None) -> Proof:
        """Check one proof and use it up.

        Args:
            text: the `DPoP` header's value.
            method: of the request.
            path: the request's raw path, without the query.
            bound: of the access token it comes with; None at the token endpoint.

        Raises:
            CredentialRefused: `reason` says which rule was broken.
        """
        segments = text.split(".")
        if len(text) > LONGEST or len(segments) != 3:
            raise CredentialRefused("proof_form")
        key, thumbprint = self._keys.get(segments[0]) or self._remembered(segments[0])
        claims = json_object(unb64(segments[1]))
        seconds = int(now.timestamp())
        made = self._checked_claims(claims, method, path, seconds)
        if bound and thumbprint != bound.thumbprint:
            raise CredentialRefused("proof_by_another_key")
        if claims.get("ath") != (bound.ath if bound else None):
            raise CredentialRefused("proof_of_another_token")
        check(f"{segments[0]}.{segments[1]}".encode("ascii"), unb64(segments[2]), key, key.alg)
        jti = str(claims["jti"])
        self._replays.once(f"{thumbprint}{jti}", made, seconds)
        return Proof(thumbprint, jti)

    def _remembered(self, segment: str) -> tuple[Key, str]:
        header = read_header(segment, HEADER)
        if header.get("typ") != "dpop+jwt":
            raise CredentialRefused("proof_type")
        found = embedded_key(header)
        if len(self._keys) >= self._most_keys:
            del self._keys[next(iter(self._keys))]
        self._keys[segment] = found
        return found

    def _checked_claims(self, claims: Mapping[str, object], method: str, path: str, now: int) -> int:
        """When the proof says it was made."""
        if claims.get("htm") != method:
            raise CredentialRefused("proof_of_another_method")
        if claims.get("htu") != self._origin + path and not self._same_target(claims.get("htu"), path):
            raise CredentialRefused("proof_of_another_target")
        made = whole(claims.get("iat"))
        if abs(made - now) > WINDOW:
            raise CredentialRefused("proof_time")
        jti = claims.get("jti")
        if not isinstance(jti, str) or not 16 <= len(jti) <= 128:
            raise CredentialRefused("proof_jti")
        return made

    def _same_target(self, target: object, path: str) -> bool:
        """Query and fragment do not count, nor does the spelling of scheme, host and default port."""
        if not isinstance(target, str):
            return False
        try:
            return _origin_of(target) == self._parts and urlsplit(target).path == path
        except ValueError:
            return False


def embedded_key(header: Mapping[str, object]) -> tuple[Key, str]:
    """The public key in a proof's header and its thumbprint; a key of the registered kinds, nothing private."""
    member = header.get("jwk")
    if not isinstance(member, Mapping):
        raise CredentialRefused("proof_key")
    if member.get("alg", header["alg"]) != header["alg"] or member.get("use", "sig") != "sig":
        raise CredentialRefused("proof_key")
    try:
        key = public_key({**member, "kid": "proof", "alg": header["alg"], "use": "sig"})
    except KeysRefused:
        raise CredentialRefused("proof_key") from None
    return key, key.thumbprint


def _origin_of(url: str) -> tuple[str, str | None, int | None]:
    parts = urlsplit(url)
    if parts.username is not None or parts.password is not None:
        raise ValueError("credentials in a URL")
    return parts.scheme.lower(), parts.hostname, parts.port or PORTS.get(parts.scheme.lower())
