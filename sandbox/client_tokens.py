"""OAuth 2.0 client credentials as the agencies' token endpoints give them.

Source: RFC 6749 sections 2.3.1, 4.4, 5.1, 5.2. Tokens are JWTs that only the agency reads; being signed with a
kept secret they outlive a restart of the sandbox.
"""

import secrets
import time
from base64 import b64decode
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import parse_qsl, unquote_plus

from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import OctKey
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from sandbox import strict

_LONGEST_FORM = 8192


@dataclass(frozen=True, slots=True)
class Client:
    """A registered client of one agency and the scopes it may have."""

    secret: str
    scopes: frozenset[str]


@dataclass(frozen=True, slots=True)
class Grant:
    """What a valid token says."""

    client_id: str
    scopes: frozenset[str]


class TokenRefused(Exception):
    """No token, or one this agency did not issue or that has expired. The text says which."""


class TokenIssuer:
    """Issues and checks the tokens of one agency.

    Args:
        issuer: the agency's name; a token of another agency is refused.
        clients: by client id.
        signing_secret: kept by the agency.
        lifetime_s: seconds until a token expires.
    """

    def __init__(self, issuer: str, clients: Mapping[str, Client], signing_secret: str, *, lifetime_s: int) -> None:
        self._issuer = issuer
        self._clients = clients
        self._key = OctKey.import_key(signing_secret)
        self._lifetime_s = lifetime_s

    async def endpoint(self, request: Request) -> Response:
        """The token endpoint. Credentials come in the form, in the query (OpenCRVS 1) or by HTTP Basic."""
        try:
            body = await strict.bounded(request.stream(), _LONGEST_FORM)
        except strict.BodyTooLarge as error:
            return _refused(413, "invalid_request", str(error))
        form = {**request.query_params, **dict(parse_qsl(body.decode("utf-8", "replace")))}
        client_id, secret = _basic(request) or (form.get("client_id", ""), form.get("client_secret", ""))
        if form.get("grant_type") != "client_credentials":
            return _refused(400, "unsupported_grant_type", "use grant_type=client_credentials")
        client = self._clients.get(client_id)
        if client is None or not secrets.compare_digest(client.secret.encode(), secret.encode()):
            return _refused(401, "invalid_client", "client_id or client_secret is wrong")
        asked = frozenset(form.get("scope", "").split())
        if not asked <= client.scopes:
            return _refused(400, "invalid_scope", "a scope was asked that the client does not have")
        return JSONResponse(self._granted(client_id, asked or client.scopes), headers={"Cache-Control": "no-store"})

    def _granted(self, client_id: str, scopes: frozenset[str]) -> dict[str, object]:
        now = int(time.time())
        scope = " ".join(sorted(scopes))
        claims = {
            "iss": self._issuer,
            "sub": client_id,
            "scope": scope,
            "exp": now + self._lifetime_s,
            "jti": secrets.token_hex(8),
        }
        token = jwt.encode({"alg": "HS256"}, claims, self._key)
        return {"access_token": token, "token_type": "bearer", "expires_in": self._lifetime_s, "scope": scope}

    def check(self, authorization: str) -> Grant:
        """Read an `Authorization` header.

        Raises:
            TokenRefused: see the class.
        """
        scheme, _, token = authorization.partition(" ")
        if scheme.lower() != "bearer" or not token:
            raise TokenRefused("send Authorization: Bearer <token>")
        try:
            claims = jwt.decode(token, self._key, algorithms=["HS256"]).claims
        except (JoseError, ValueError):
            raise TokenRefused("this agency did not issue the token") from None
        if claims.get("iss") != self._issuer or claims.get("sub") not in self._clients:
            raise TokenRefused("this agency did not issue the token")
        if claims["exp"] <= time.time():
            raise TokenRefused("the token has expired")
        return Grant(claims["sub"], frozenset(claims["scope"].split()))


def _basic(request: Request) -> tuple[str, str] | None:
    scheme, _, encoded = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() != "basic":
        return None
    try:
        client_id, _, secret = b64decode(encoded, validate=True).decode("utf-8").partition(":")
    except ValueError:
        return "", ""
    return unquote_plus(client_id), unquote_plus(secret)


def _refused(status: int, error: str, description: str) -> Response:
    return JSONResponse({"error": error, "error_description": description}, status)
