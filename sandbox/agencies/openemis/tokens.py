"""Access tokens for signed assertions: RS256, our address as audience, in time, and each used once.

Source: RFC 7523 sections 2.1, 3; what OpenEMIS adds: `scope` is API.
"""

import time
from urllib.parse import parse_qsl

from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import OctKey, RSAKey
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from sandbox.strict import BodyTooLarge, bounded

from .settings import OpenEmisSettings

GRANT = "urn:ietf:params:oauth:grant-type:jwt-bearer"
LONGEST_S = 3600  # that an assertion may be good for
SKEW_S = 60
_MOST_BYTES = 8192


class AssertionRefused(Exception):
    """RFC 6749 section 5.2's code, and what to do about it."""

    def __init__(self, code: str, text: str) -> None:
        super().__init__(code)
        self.code, self.text = code, text


class Tokens:
    """Gives tokens to the one client, and knows its own again."""

    def __init__(self, settings: OpenEmisSettings) -> None:
        self._settings = settings
        self._public = RSAKey.import_key(RSAKey.import_key(settings.client_key).as_dict(private=False))
        self._own = OctKey.import_key(settings.token_secret)
        self._used: dict[str, float] = {}

    async def endpoint(self, request: Request) -> Response:
        """`POST /oauth/token`, a form."""
        try:
            form = dict(parse_qsl((await bounded(request.stream(), _MOST_BYTES)).decode("utf-8", "replace")))
            self._check(form)
        except BodyTooLarge as error:
            return JSONResponse({"error": "invalid_request", "error_description": str(error)}, 413)
        except AssertionRefused as error:
            return JSONResponse({"error": error.code, "error_description": error.text}, 400)
        claims = {"sub": self._settings.client_id, "exp": int(time.time()) + self._settings.token_valid_s}
        token = jwt.encode({"alg": "HS256"}, claims, self._own)
        told = {"access_token": token, "token_type": "Bearer", "expires_in": self._settings.token_valid_s}
        return JSONResponse(told, headers={"Cache-Control": "no-store"})

    def known(self, authorization: str) -> bool:
        """Whether the header carries a token of ours that is still good."""
        scheme, _, token = authorization.partition(" ")
        try:
            claims = jwt.decode(token, self._own, algorithms=["HS256"]).claims
        except (JoseError, ValueError):
            return False
        return bool(scheme.lower() == "bearer" and claims["exp"] > time.time())

    def _check(self, form: dict[str, str]) -> None:
        """Raises AssertionRefused."""
        if form.get("grant_type") != GRANT:
            raise AssertionRefused("unsupported_grant_type", f"use grant_type={GRANT}")
        try:
            claims = jwt.decode(form.get("assertion", ""), self._public, algorithms=["RS256"]).claims
        except (JoseError, ValueError):
            raise AssertionRefused("invalid_grant", "the assertion is not signed by a registered key") from None
        now = time.time()
        issued, ends = claims.get("iat"), claims.get("exp")
        if claims.get("iss") != self._settings.client_id or claims.get("aud") != f"{self._settings.url}/oauth/token":
            raise AssertionRefused("invalid_grant", "iss is the client id, aud the address of this endpoint")
        if not isinstance(issued, int) or not isinstance(ends, int) or issued > now + SKEW_S:
            raise AssertionRefused("invalid_grant", "iat and exp are seconds, and iat is not in the future")
        if not now < ends <= issued + LONGEST_S:
            raise AssertionRefused("invalid_grant", "the assertion has ended, or is good for too long")
        if claims.get("scope", "API") != "API":
            raise AssertionRefused("invalid_scope", "the scope is API")
        self._once(str(claims.get("jti", form["assertion"])), float(ends))

    def _once(self, name: str, ends: float) -> None:
        now = time.time()
        self._used = {each: until for each, until in self._used.items() if until > now}
        if name in self._used:
            raise AssertionRefused("invalid_grant", "the assertion was used before")
        self._used[name] = ends
