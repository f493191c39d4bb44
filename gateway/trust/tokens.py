"""Access tokens: short, bound, and only ever narrowing.

A token says who calls, what proves it, and how far it reaches; what the caller may do is decided again at every call.
Header `typ: at+jwt`, at most 300 seconds, one audience, one binding. Never a person's identifier.

Source: RFC 9068 sections 2 and 4, RFC 7800, RFC 9449 section 6, RFC 8705 section 3.1, RFC 9396 section 9.1.
"""

import json
import secrets
from collections.abc import Container, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime

from .assertion import SKEW, whole
from .binding import THUMBPRINT, Confirmation
from .errors import CredentialRefused
from .jose import Key, check, json_object, sign, taken_apart
from .reach import Detail, part_of, read_details

LONGEST = 4096
LIFETIME = 300
HEADER = frozenset({"alg", "kid", "typ"})
CONFIRMATIONS = ({"jkt"}, {"x5t#S256"})


@dataclass(frozen=True, slots=True)
class Grant:
    """What a new token shall say. `audience` is our API, a part of it, or another system's URN."""

    client_id: str
    scopes: frozenset[str]
    confirmation: Confirmation
    token_id: str
    audience: str
    details: tuple[Detail, ...] = ()


@dataclass(frozen=True, slots=True)
class Token:
    """A verified access token. `issued` and `expires` are seconds since 1970."""

    grant: Grant
    issued: int
    expires: int


def new_token_id() -> str:
    """128 random bits."""
    return secrets.token_urlsafe(16)


def issue(key: Key, grant: Grant, *, issuer: str, now: datetime) -> str:
    """The signed token."""
    seconds = int(now.timestamp())
    claims = {
        "iss": issuer,
        "sub": grant.client_id,
        "client_id": grant.client_id,
        "aud": grant.audience,
        "iat": seconds,
        "nbf": seconds,
        "exp": seconds + LIFETIME,
        "jti": grant.token_id,
        "scope": " ".join(sorted(grant.scopes)),
        **grant.confirmation.claim(),
        **details_claim(grant.details),
    }
    return sign(json.dumps(claims, separators=(",", ":")).encode(), key, typ="at+jwt")


def details_claim(details: tuple[Detail, ...]) -> dict[str, object]:
    """The `authorization_details` member of a token and of a token response, where there are any."""
    return {"authorization_details": [each.document() for each in details]} if details else {}


def verify(
    text: str, keys: Iterable[Key], *, issuer: str, now: datetime, unbound: Container[str] = frozenset()
) -> Token:
    """Read one of our own tokens that is meant for our own API.

    Args:
        keys: the token keys we publish at this moment.
        unbound: the clients that may hold a token which is bound to nothing.

    Raises:
        CredentialRefused: `reason` says which rule was broken.
    """
    token = read(text, keys, issuer=issuer, now=now)
    part_of(token.grant.audience, issuer)
    if not token.grant.confirmation.member and token.grant.client_id not in unbound:
        raise CredentialRefused("token_unbound", client=token.grant.client_id)
    return token


def read(text: str, keys: Iterable[Key], *, issuer: str, now: datetime) -> Token:
    """Read one of our own tokens, whomever it is meant for and whatever it is bound to. Raises CredentialRefused."""
    jws = taken_apart(text, limit=LONGEST, members=HEADER)
    if jws.header.get("typ") != "at+jwt":
        raise CredentialRefused("token_type")
    key = next((each for each in keys if each.kid == jws.header.get("kid")), None)
    if key is None:
        raise CredentialRefused("token_kid")
    check(jws.signed, jws.signature, key, jws.header["alg"])
    claims = json_object(jws.payload)
    if claims.get("iss") != issuer:
        raise CredentialRefused("token_issuer")
    issued, expires = _checked_times(claims, int(now.timestamp()))
    return Token(_grant(claims), issued, expires)


def _checked_times(claims: Mapping[str, object], now: int) -> tuple[int, int]:
    issued, expires = whole(claims.get("iat")), whole(claims.get("exp"))
    if not 0 < expires - issued <= LIFETIME or whole(claims.get("nbf", issued)) > now + SKEW:
        raise CredentialRefused("token_times")
    if issued > now + SKEW or expires <= now:
        raise CredentialRefused("token_expired")
    return issued, expires


def _grant(claims: Mapping[str, object]) -> Grant:
    client = claims.get("client_id")
    if not isinstance(client, str) or claims.get("sub") != client:
        raise CredentialRefused("token_subject")
    audience, scope, token_id = claims.get("aud"), claims.get("scope"), claims.get("jti")
    if not isinstance(audience, str):
        raise CredentialRefused("token_audience")
    if not isinstance(scope, str) or not isinstance(token_id, str):
        raise CredentialRefused("token_members")
    details = read_details(claims["authorization_details"]) if "authorization_details" in claims else ()
    return Grant(client, frozenset(scope.split()), _confirmation(claims), token_id, audience, details)


def _confirmation(claims: Mapping[str, object]) -> Confirmation:
    """One known method with a thumbprint. No `cnf` at all is an unbound token, which needs an exception in force."""
    if "cnf" not in claims:
        return Confirmation()
    confirmed = claims["cnf"]
    if not isinstance(confirmed, Mapping) or confirmed.keys() not in CONFIRMATIONS:
        raise CredentialRefused("token_binding")
    [(member, thumbprint)] = confirmed.items()
    if not isinstance(thumbprint, str) or not THUMBPRINT.fullmatch(thumbprint):
        raise CredentialRefused("token_binding")
    return Confirmation(member, thumbprint)
