"""Access tokens: short, bound to a key, and only ever narrowing.

A token says who calls and which key proves it; what the caller may do is decided again at every call. Header
`typ: at+jwt`, at most 300 seconds, one audience, `cnf.jkt` always. Never a person's identifier.

Source: RFC 9068 sections 2 and 4, RFC 9449 section 6, RFC 7800.
"""

import json
import secrets
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime

from .assertion import SKEW, whole
from .errors import CredentialRefused
from .jose import Key, check, json_object, sign, taken_apart

LONGEST = 4096
LIFETIME = 300
HEADER = frozenset({"alg", "kid", "typ"})


@dataclass(frozen=True, slots=True)
class Grant:
    """What a new token shall say. `thumbprint` is of the key it is bound to."""

    client_id: str
    scopes: frozenset[str]
    thumbprint: str
    token_id: str


@dataclass(frozen=True, slots=True)
class Token:
    """A verified access token. `expires` is seconds since 1970."""

    grant: Grant
    expires: int


def new_token_id() -> str:
    """128 random bits."""
    return secrets.token_urlsafe(16)


def issue(key: Key, grant: Grant, *, issuer: str, now: datetime) -> str:
    """The signed token. Its audience is the issuer's own API."""
    seconds = int(now.timestamp())
    claims = {
        "iss": issuer,
        "sub": grant.client_id,
        "client_id": grant.client_id,
        "aud": issuer,
        "iat": seconds,
        "nbf": seconds,
        "exp": seconds + LIFETIME,
        "jti": grant.token_id,
        "scope": " ".join(sorted(grant.scopes)),
        "cnf": {"jkt": grant.thumbprint},
    }
    return sign(json.dumps(claims, separators=(",", ":")).encode(), key, typ="at+jwt")


def verify(text: str, keys: Iterable[Key], *, issuer: str, now: datetime) -> Token:
    """Read one of our own tokens.

    Args:
        keys: the token keys we publish at this moment.

    Raises:
        CredentialRefused: `reason` says which rule was broken.
    """
    jws = taken_apart(text, limit=LONGEST, members=HEADER)
    if jws.header.get("typ") != "at+jwt":
        raise CredentialRefused("token_type")
    key = next((each for each in keys if each.kid == jws.header.get("kid")), None)
    if key is None:
        raise CredentialRefused("token_kid")
    check(jws.signed, jws.signature, key, jws.header["alg"])
    return _checked(json_object(jws.payload), issuer, int(now.timestamp()))


def _checked(claims: Mapping[str, object], issuer: str, now: int) -> Token:
    if claims.get("iss") != issuer or claims.get("aud") != issuer:
        raise CredentialRefused("token_audience")
    issued, expires = whole(claims.get("iat")), whole(claims.get("exp"))
    if not 0 < expires - issued <= LIFETIME or whole(claims.get("nbf", issued)) > now + SKEW:
        raise CredentialRefused("token_times")
    if issued > now + SKEW or expires <= now:
        raise CredentialRefused("token_expired")
    client, binding = claims.get("client_id"), claims.get("cnf")
    if not isinstance(client, str) or claims.get("sub") != client:
        raise CredentialRefused("token_subject")
    if not isinstance(binding, Mapping) or binding.keys() != {"jkt"} or not isinstance(binding["jkt"], str):
        raise CredentialRefused("token_binding")
    scope, token_id = claims.get("scope"), claims.get("jti")
    if not isinstance(scope, str) or not isinstance(token_id, str):
        raise CredentialRefused("token_members")
    return Token(Grant(client, frozenset(scope.split()), binding["jkt"], token_id), expires)
