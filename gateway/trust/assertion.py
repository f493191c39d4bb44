"""The client assertion at the token endpoint: who is the client.

Strict on purpose where stock checks are not: a closed header, the issuer as the one audience (no list, no endpoint
URL), integer times, at most 300 seconds of life, a `jti` worth remembering.

Source: RFC 7523 section 3; draft-ietf-oauth-rfc7523bis (audience); FAPI 2.0 Security Profile section 5.3.2.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from .errors import CredentialRefused
from .jose import Jws, Key, check, json_object, taken_apart

LONGEST = 8192
HEADER = frozenset({"alg", "kid", "typ"})
TYPES = (None, "JWT", "client-authentication+jwt")
LIFETIME = 300
SKEW = 30


@dataclass(frozen=True, slots=True)
class Claimed:
    """An assertion read but not yet believed: `client_id` only says whose keys to check it with."""

    client_id: str
    jws: Jws
    claims: dict[str, object]


@dataclass(frozen=True, slots=True)
class Assertion:
    """A verified assertion. `jti` must be stored, in the transaction that issues the token, until `expires_at`."""

    client_id: str
    jti: str
    expires_at: datetime


def read(text: str) -> Claimed:
    """Take an assertion apart.

    Raises:
        CredentialRefused: not a strict JWT of the allowed types, or without a subject.
    """
    jws = taken_apart(text, limit=LONGEST, members=HEADER)
    if jws.header.get("typ") not in TYPES:
        raise CredentialRefused("type")
    claims = json_object(jws.payload)
    subject = claims.get("sub")
    if not isinstance(subject, str) or not 1 <= len(subject) <= 128:
        raise CredentialRefused("subject")
    return Claimed(subject, jws, claims)


def verified(claimed: Claimed, keys: Iterable[Key], *, issuer: str, now: datetime) -> Assertion:
    """Believe it, or not.

    Args:
        claimed: as `read` gave it.
        keys: the registered keys of the client it names.
        issuer: our issuer string, the only audience accepted.

    Raises:
        CredentialRefused: `reason` says which rule was broken.
    """
    kid = claimed.jws.header.get("kid")
    key = next((each for each in keys if each.kid == kid), None)
    if key is None:
        raise CredentialRefused("unknown_kid")
    check(claimed.jws.signed, claimed.jws.signature, key, claimed.jws.header["alg"])
    claims = claimed.claims
    if claims.get("iss") != claimed.client_id:
        raise CredentialRefused("issuer")
    if claims.get("aud") != issuer:
        raise CredentialRefused("audience")
    expires = _checked_times(claims, int(now.timestamp()))
    jti = claims.get("jti")
    if not isinstance(jti, str) or not 16 <= len(jti) <= 128:
        raise CredentialRefused("jti")
    return Assertion(claimed.client_id, jti, datetime.fromtimestamp(expires, UTC) + timedelta(seconds=SKEW))


def _checked_times(claims: dict[str, object], now: int) -> int:
    issued, expires = whole(claims.get("iat")), whole(claims.get("exp"))
    if not 0 < expires - issued <= LIFETIME:
        raise CredentialRefused("lifetime")
    if issued > now + SKEW:
        raise CredentialRefused("from_the_future")
    if expires <= now - SKEW:
        raise CredentialRefused("expired")
    if "nbf" in claims and whole(claims["nbf"]) > now + SKEW:
        raise CredentialRefused("not_yet")
    return expires


def whole(value: object) -> int:
    """A NumericDate as we accept it: a JSON integer in this era."""
    if type(value) is not int or not 0 < value < 1 << 35:
        raise CredentialRefused("time")
    return value
