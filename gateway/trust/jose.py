"""Compact JWS with nothing lenient: three canonical base64url segments, a closed header, one algorithm per key.

Only ES256, PS256 and EdDSA with Ed25519 exist here. Whatever a header names (`jku`, `x5u`, `jwk` where it does not
belong, `crit`, another algorithm) is refused before any cryptography. joserfc does the signature arithmetic.

Source: RFC 7515, RFC 8725, FAPI 2.0 Security Profile section 5.4.
"""

import base64
import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from functools import lru_cache

from joserfc.errors import JoseError
from joserfc.jwk import Key as Material
from joserfc.jws import JWSRegistry

from adapters.kit import strict_json

from .errors import CredentialRefused

ALGORITHMS = frozenset({"EdDSA", "ES256", "PS256"})


@dataclass(frozen=True, slots=True)
class Key:
    """A key with the one algorithm it may be used with. `jwk` holds its public members only.

    Attributes:
        material: joserfc's key; private for our own keys.
        not_after: when it stops being a key; None: when it is retired.
        held: makes its signatures where the private half is in a security module and `material` is public.
    """

    kid: str
    alg: str
    jwk: Mapping[str, str]
    material: Material = field(repr=False)
    not_after: datetime | None = None
    held: Callable[[bytes], bytes] | None = field(default=None, repr=False, compare=False)

    @property
    def use(self) -> str:
        """`sig` or `enc`."""
        return self.jwk["use"]

    @property
    def thumbprint(self) -> str:
        """RFC 7638, SHA-256, base64url."""
        return self.material.thumbprint()

    def signature(self, content: bytes) -> bytes:
        """Ours over the content, as JWS has it (raw, not DER)."""
        return self.held(content) if self.held else JWSRegistry.algorithms[self.alg].sign(content, self.material)


@dataclass(frozen=True, slots=True)
class Jws:
    """A compact JWS taken apart; nothing in it is believed yet."""

    header: Mapping[str, object]
    payload: bytes
    signed: bytes  # what the signature covers
    signature: bytes


def b64(raw: bytes) -> str:
    """base64url without padding."""
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode("ascii")


def unb64(text: str) -> bytes:
    """Canonical base64url only: no padding, no foreign characters, no stray bits in the last one.

    Raises:
        CredentialRefused: any other spelling of the same bytes.
    """
    try:
        raw = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
    except ValueError:  # also what is not ASCII
        raise CredentialRefused("not_base64url") from None
    if b64(raw) != text:
        raise CredentialRefused("not_canonical_base64url")
    return raw


def taken_apart(text: str, *, limit: int, members: frozenset[str]) -> Jws:
    """Split a compact JWS and read its header.

    Args:
        limit: the most characters it may have.
        members: the header members allowed; `alg` is always required.

    Raises:
        CredentialRefused: too long, not three segments, a foreign header member or algorithm.
    """
    if len(text) > limit:
        raise CredentialRefused("too_long")
    segments = text.split(".")
    if len(segments) != 3:
        raise CredentialRefused("not_three_segments")
    header = read_header(segments[0], members)
    signed = f"{segments[0]}.{segments[1]}".encode("ascii", "replace")
    return Jws(header, unb64(segments[1]), signed, unb64(segments[2]))


def read_header(segment: str, members: frozenset[str]) -> Mapping[str, object]:
    """A protected header: a strict JSON object of allowed members with an algorithm of ours."""
    header = json_object(unb64(segment))
    if not header.keys() <= members:
        raise CredentialRefused("header_member")
    alg = header.get("alg")
    if not isinstance(alg, str) or alg not in ALGORITHMS:
        raise CredentialRefused("algorithm")
    return header


def json_object(raw: bytes) -> dict[str, object]:
    """A strictly read JSON object."""
    value = json_value(raw)
    if not isinstance(value, dict):
        raise CredentialRefused("not_an_object")
    return value


def json_value(raw: bytes) -> object:
    """Strictly read JSON (no duplicate keys, no NaN, no lone surrogate, no BOM)."""
    try:
        return strict_json.loads(raw)
    except strict_json.StrictError:
        raise CredentialRefused("not_strict_json") from None


def check(signed: bytes, signature: bytes, key: Key, alg: object) -> None:
    """Raise unless `signature` is the key's over `signed`, with the key's own algorithm.

    Raises:
        CredentialRefused: another algorithm than the key is registered for, or a wrong signature.
    """
    if alg != key.alg:
        raise CredentialRefused("algorithm_of_key")
    try:
        good = JWSRegistry.algorithms[key.alg].verify(signed, signature, key.material)
    except (JoseError, ValueError):
        good = False
    if not good:
        raise CredentialRefused("signature")


def sign(payload: bytes, key: Key, **header: str) -> str:
    """A compact JWS by one of our own keys; `alg` and `kid` are set from the key."""
    protected = _protected((("alg", key.alg), ("kid", key.kid), *header.items()))
    signed = f"{protected}.{b64(payload)}"
    return f"{signed}.{b64(key.signature(signed.encode('ascii')))}"


@lru_cache(maxsize=64)  # of each of our keys, for each kind of message
def _protected(header: tuple[tuple[str, str], ...]) -> str:
    return b64(json.dumps(dict(header), separators=(",", ":")).encode())


def sha256(text: str) -> str:
    """base64url SHA-256 of ASCII text, as `ath` and `x5t#S256` have it."""
    return b64(hashlib.sha256(text.encode("ascii", "replace")).digest())
