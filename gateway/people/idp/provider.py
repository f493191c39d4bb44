"""An OpenID provider of the smallest useful size: code flow with PKCE for the clients it was made with.

It keeps no session of its own: every authorization asks for the password, so `auth_time` is always now. Codes live one
minute, in memory, for one use.

Source: OpenID Connect Core 1.0 section 3.1, RFC 6749 section 4.1, RFC 7636, RFC 9207.
"""

import base64
import hashlib
import json
import secrets
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import NamedTuple
from urllib.parse import parse_qsl, unquote_plus, urlencode, urlsplit

from ...secret import Secret
from ...trust.jose import Key, b64, sign
from ...trust.keys import new_key
from ..errors import SignInRefused
from .accounts import Account, Accounts

CODE_LIVES = timedelta(seconds=60)
TOKEN_LIVES = timedelta(seconds=300)
MOST_CODES = 1000
LONGEST = 1000
ASKED = ("client_id", "redirect_uri", "response_type", "scope", "state", "nonce", "code_challenge")


@dataclass(frozen=True, slots=True)
class Client:
    """Who may ask: its secret, and where it is answered, compared letter by letter."""

    secret: Secret
    redirect_uris: frozenset[str]


@dataclass(frozen=True, slots=True)
class Asked:
    """An authorization request that may be answered. `parameters` are those that the login form repeats."""

    client_id: str
    redirect_uri: str
    state: str
    nonce: str
    challenge: str
    parameters: Mapping[str, str]


class NotSo(Exception):
    """The client asks wrongly, and is told so at its own address. `error` is a code of RFC 6749 section 4.1.2.1."""

    def __init__(self, error: str, location: str) -> None:
        super().__init__(error)
        self.location = location


class Told(NamedTuple):
    """An answer as JSON."""

    status: int
    body: Mapping[str, object]

    def json(self) -> bytes:
        """The body's bytes."""
        return json.dumps(self.body).encode()


@dataclass(frozen=True, slots=True)
class _Code:
    asked: Asked
    account: Account
    at: datetime


class IdentityProvider:
    """One issuer."""

    def __init__(
        self, issuer: str, clients: Mapping[str, Client], accounts: Accounts, clock: Callable[[], datetime]
    ) -> None:
        self.issuer = issuer
        self.accounts = accounts
        self._clients = clients
        self._clock = clock
        self._key: Key = new_key("ES256")
        self._codes: dict[str, _Code] = {}

    def asked(self, pairs: Sequence[tuple[str, str]]) -> Asked:
        """An authorization request, checked.

        Raises:
            SignInRefused: no such client, or not its address: never answered there.
            NotSo: anything else, told to the client.
        """
        given = dict(pairs)
        client, redirect_uri = self._clients.get(given.get("client_id", "")), given.get("redirect_uri", "")
        twice = len(given) != len(pairs)
        if client is None or redirect_uri not in client.redirect_uris or twice or len(str(pairs)) > 4 * LONGEST:
            raise SignInRefused("idp_client", "The application that sent you here is not registered like this.")
        kept = {name: given.get(name, "") for name in ASKED} | {"code_challenge_method": "S256"}
        wrong = _fault(given)
        if wrong:
            raise NotSo(wrong, _located(redirect_uri, error=wrong, state=kept["state"], iss=self.issuer))
        return Asked(kept["client_id"], redirect_uri, kept["state"], kept["nonce"], kept["code_challenge"], kept)

    async def allowed(self, asked: Asked, login: str, password: str) -> str:
        """Where to send the person with a code. Raises SignInRefused: wrong password, or tried too often."""
        account = await self.accounts.checked(login, password)
        now = self._clock()
        for old in [code for code, held in self._codes.items() if held.at + CODE_LIVES <= now]:
            del self._codes[old]
        if len(self._codes) >= MOST_CODES:
            raise SignInRefused("idp_busy", "Too many people sign in at this moment. Try again in a minute.")
        code = secrets.token_urlsafe(32)
        self._codes[code] = _Code(asked, account, now)
        return _located(asked.redirect_uri, code=code, state=asked.state, iss=self.issuer)

    def answer(self, method: str, path: str, authorization: str, body: bytes) -> Told:
        """What a program gets: discovery, keys, tokens; `path` is below the issuer."""
        if (method, path) == ("GET", "/.well-known/openid-configuration"):
            return Told(200, self._metadata())
        if (method, path) == ("GET", "/jwks"):
            return Told(200, {"keys": [dict(self._key.jwk)]})
        if (method, path) == ("POST", "/token"):
            return self._token(authorization, body)
        return Told(404, {"error": "not_found"})

    def _token(self, authorization: str, body: bytes) -> Told:
        client_id = self._authenticated(authorization)
        if client_id is None:
            return Told(401, {"error": "invalid_client"})
        pairs = _form(body)
        form = dict(pairs)
        held = self._codes.pop(form.get("code", ""), None)
        if form.get("grant_type") != "authorization_code" or len(form) != len(pairs):
            return Told(400, {"error": "invalid_request"})
        now = self._clock()
        if held is None or held.at + CODE_LIVES <= now or held.asked.client_id != client_id:
            return Told(400, {"error": "invalid_grant"})
        challenge = b64(hashlib.sha256(form.get("code_verifier", "").encode()).digest())
        if form.get("redirect_uri") != held.asked.redirect_uri or challenge != held.asked.challenge:
            return Told(400, {"error": "invalid_grant"})
        access = {"access_token": secrets.token_urlsafe(32), "token_type": "Bearer"}  # opens nothing here
        lives = int(TOKEN_LIVES.total_seconds())
        return Told(200, access | {"expires_in": lives, "id_token": self._id_token(held, now)})

    def _authenticated(self, authorization: str) -> str | None:
        """The client, by HTTP Basic with form-encoded parts (RFC 6749 section 2.3.1)."""
        scheme, _, encoded = authorization.partition(" ")
        try:
            client_id, _, secret = base64.b64decode(encoded, validate=True).decode().partition(":")
        except ValueError:
            return None
        client = self._clients.get(unquote_plus(client_id))
        good = client is not None and client.secret == Secret(unquote_plus(secret))
        return unquote_plus(client_id) if good and scheme.lower() == "basic" else None

    def _id_token(self, held: _Code, now: datetime) -> str:
        claims = dict(held.account.claims) | {
            "iss": self.issuer,
            "sub": held.account.subject,
            "aud": held.asked.client_id,
            "nonce": held.asked.nonce,
            "iat": int(now.timestamp()),
            "exp": int((now + TOKEN_LIVES).timestamp()),
            "auth_time": int(held.at.timestamp()),
        }
        return sign(json.dumps(claims).encode(), self._key)

    def _metadata(self) -> Mapping[str, object]:
        return {
            "issuer": self.issuer,
            "authorization_endpoint": f"{self.issuer}/authorize",
            "token_endpoint": f"{self.issuer}/token",
            "jwks_uri": f"{self.issuer}/jwks",
            "end_session_endpoint": f"{self.issuer}/end-session",
            "response_types_supported": ["code"],
            "subject_types_supported": ["public"],
            "scopes_supported": ["openid"],
            "id_token_signing_alg_values_supported": [self._key.alg],
            "token_endpoint_auth_methods_supported": ["client_secret_basic"],
            "code_challenge_methods_supported": ["S256"],
            "authorization_response_iss_parameter_supported": True,
        }


def _fault(given: Mapping[str, str]) -> str:
    """The error code of a request by a client that is known; empty: it is good."""
    if given.get("response_type") != "code":
        return "unsupported_response_type"
    if "openid" not in given.get("scope", "").split():
        return "invalid_scope"
    pkce = given.get("code_challenge_method") == "S256" and len(given.get("code_challenge", "")) == 43
    if not (pkce and given.get("nonce") and given.get("state")) or "request" in given:
        return "invalid_request"
    return "login_required" if given.get("prompt") == "none" else ""


def _located(redirect_uri: str, **parameters: str) -> str:
    joint = "&" if urlsplit(redirect_uri).query else "?"
    return f"{redirect_uri}{joint}{urlencode(parameters)}"


def _form(body: bytes) -> list[tuple[str, str]]:
    try:
        return parse_qsl(body.decode("ascii"), keep_blank_values=True, strict_parsing=True, max_num_fields=16)
    except ValueError:
        return []
