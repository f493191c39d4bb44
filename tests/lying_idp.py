"""An identity provider for tests that can lie in every way. It is made with `cryptography` and joserfc-free code, so
that the code under test does not check itself.
"""

import base64
import hashlib
import hmac
import secrets
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlencode

from fastapi import FastAPI, Request, Response
from fastapi.responses import JSONResponse, RedirectResponse

from tests.trusting import Pair, b64, compact, present


@dataclass(slots=True)
class LyingIdp:
    """Good but for what is overridden; None takes a member away. `redeemed` collects the token requests."""

    issuer: str = ""
    pair: Pair = field(default_factory=Pair)
    claims: dict[str, Any] = field(default_factory=dict)
    header: dict[str, Any] = field(default_factory=dict)
    metadata: dict[str, Any] = field(default_factory=dict)
    answer: dict[str, Any] = field(default_factory=dict)  # what it appends to the way back
    forge: str = ""  # `none`, `hs256`: how the ID token is signed instead
    token_status: int = 200
    redeemed: list[dict[str, str]] = field(default_factory=list)
    asked: list[dict[str, str]] = field(default_factory=list)

    def app(self) -> FastAPI:
        """Its endpoints."""
        app = FastAPI(openapi_url=None)
        app.add_api_route("/.well-known/openid-configuration", self._metadata)
        app.add_api_route("/jwks", self._jwks)
        app.add_api_route("/authorize", self._authorize)
        app.add_api_route("/token", self._token, methods=["POST"])
        return app

    async def _metadata(self) -> Response:
        good: dict[str, Any] = {name: f"{self.issuer}/{end}" for name, end in ENDS.items()}
        good |= {"issuer": self.issuer, "id_token_signing_alg_values_supported": ["ES256", "HS256", "none"]}
        return JSONResponse(present(good | self.metadata))

    async def _jwks(self) -> Response:
        return JSONResponse({"keys": [self.pair.jwk]})

    async def _authorize(self, request: Request) -> Response:
        asked = dict(request.query_params)
        self.asked.append(asked)
        good = {"code": secrets.token_urlsafe(8), "state": asked["state"], "iss": self.issuer}
        return RedirectResponse(f"{asked['redirect_uri']}?{urlencode(present(good | self.answer))}", 302)

    async def _token(self, request: Request) -> Response:
        async with request.form() as form:
            self.redeemed.append({name: str(value) for name, value in form.items()})
        if self.token_status != 200:
            return JSONResponse({"error": "invalid_grant"}, self.token_status)
        return JSONResponse({"access_token": "a", "token_type": "Bearer", "id_token": self.id_token()})

    def id_token(self) -> str:
        """The token for the newest question."""
        asked, now = self.asked[-1], int(time.time())
        good = {"iss": self.issuer, "sub": "kamal", "aud": asked["client_id"], "nonce": asked["nonce"]}
        full = present(good | {"iat": now, "exp": now + 60, "auth_time": now} | self.claims)
        top = present({"alg": "ES256", "kid": self.pair.kid, "typ": "JWT"} | self.header)
        return self._forged(top, full) if self.forge else self.pair.jws(top, full)

    def _forged(self, top: Mapping[str, Any], full: Mapping[str, Any]) -> str:
        signed = (
            f"{b64(compact(dict(top) | {'alg': {'none': 'none', 'hs256': 'HS256'}[self.forge]}))}.{b64(compact(full))}"
        )
        if self.forge == "none":
            return f"{signed}."
        public = compact(self.pair.jwk)  # the classic: the public key as the secret
        return f"{signed}.{b64(hmac.digest(public, signed.encode(), 'sha256'))}"

    def verified_challenge(self) -> bool:
        """Whether the newest code was redeemed with the verifier of its challenge (RFC 7636)."""
        digest = hashlib.sha256(self.redeemed[-1]["code_verifier"].encode()).digest()
        return base64.urlsafe_b64encode(digest).rstrip(b"=").decode() == self.asked[-1]["code_challenge"]


ENDS = {"authorization_endpoint": "authorize", "token_endpoint": "token", "jwks_uri": "jwks"}
