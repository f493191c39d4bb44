"""The agencies' own way to the gateway: signed calls, deliveries, signed DCI messages.

A client is one system with the credentials file that the gateway's operator handed out
(`{gateway, client_id, system, private_jwk}`); the file is read at the first call, so it may come later than we do.
The gateway may be away for minutes: a call is repeated until `patience_s` is over, with the same idempotency key.
Source: RFC 7523 (private_key_jwt), RFC 9449 (DPoP), RFC 6749 section 4.4; `/v1/openapi.json`.
"""

import asyncio
import hashlib
import json
import secrets
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx

from . import dci
from .jose import OwnKey, b64

ASSERTION_TYPE = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
EARLY_S = 30.0  # a token is renewed this long before it ends
FIRST_PAUSE_S, LONGEST_PAUSE_S = 0.2, 5.0
PASSING = frozenset({429, 502, 503, 504})
FOR_GOOD = frozenset({"no_link"})  # of the 503s: waiting does not help
AT_ONCE = 16


class NoCredentials(Exception):
    """The credentials file is not there yet. The text names it."""


class GatewayUnreachable(Exception):
    """The gateway did not answer for as long as we were patient."""


class GatewayRefused(Exception):
    """The gateway said no; `code` is its own, of the problem document or the DCI error."""

    def __init__(self, status: int, code: str) -> None:
        super().__init__(f"the gateway refused: {status} {code}")
        self.status, self.code = status, code


@dataclass(frozen=True, slots=True)
class Delivery:
    """How far a delivery is; see `/v1/deliveries`."""

    id: str
    state: str
    outcome: str
    receiver_state: str


@dataclass(frozen=True, slots=True)
class _Who:
    gateway: str
    client_id: str
    system: str
    key: OwnKey


class Clients:
    """The systems of the sandbox that call the gateway, each by the name of its credentials file.

    Args:
        folder: where the files are, or will be.
        patience_s: seconds a call is repeated before `GatewayUnreachable`.
    """

    def __init__(self, folder: Path, *, patience_s: float = 240.0) -> None:
        self._folder, self._patience_s = folder, patience_s
        limits = httpx.Limits(max_connections=2 * AT_ONCE, max_keepalive_connections=AT_ONCE)
        self._http = httpx.AsyncClient(timeout=httpx.Timeout(60, connect=5), limits=limits, trust_env=False)
        self._known: dict[str, GatewayClient] = {}

    def named(self, name: str) -> "GatewayClient":
        """The client of one system; the same one every time."""
        if name not in self._known:
            self._known[name] = GatewayClient(self._folder / f"{name}.json", self._http, self._patience_s)
        return self._known[name]

    async def close(self) -> None:
        """Close all connections."""
        await self._http.aclose()


class GatewayClient:
    """One system's calls. Used from one event loop."""

    def __init__(self, file: Path, http: httpx.AsyncClient, patience_s: float) -> None:
        self._file, self._http, self._patience_s = file, http, patience_s
        self._found: _Who | None = None
        self._token, self._renew_at = "", 0.0
        self._turn = asyncio.Lock()
        self._room = asyncio.Semaphore(AT_ONCE)

    @property
    def key(self) -> OwnKey | None:
        """The system's key; None while its credentials are not there."""
        try:
            return self._who().key
        except NoCredentials:
            return None

    async def deliver(self, body: Mapping[str, object]) -> Delivery:
        """Hand one record over; the same `idempotency_key` gives the same delivery.

        Raises:
            GatewayRefused, GatewayUnreachable, NoCredentials.
        """
        return _delivery(await self._called("POST", "/v1/deliveries", lambda: json.dumps(body).encode()))

    async def delivery(self, delivery_id: str) -> Delivery:
        """How far one of our deliveries is. Raises as `deliver`."""
        return _delivery(await self._called("GET", f"/v1/deliveries/{delivery_id}", lambda: None))

    async def tell(self, action: str, receiver: str, message: Mapping[str, object], *, sender_uri: str = "") -> str:
        """Send a signed DCI message; gives the correlation id of the acknowledgement.

        Each attempt is a new message (`message_id`, `message_ts`); what makes a repetition recognisable are the ids
        inside `message`, which the caller keeps.

        Raises:
            GatewayRefused: not acknowledged. GatewayUnreachable, NoCredentials.
        """

        def content() -> bytes:
            who = self._who()
            header = dci.header(action, who.system.replace("/", "."), receiver, message)
            if sender_uri:
                header["sender_uri"] = sender_uri
            return json.dumps(dci.signed(header, message, who.key), ensure_ascii=False).encode()

        answer = await self._called("POST", f"/dci/registry/{action}", content)
        acknowledged = answer.get("message", {})
        if acknowledged.get("ack_status") not in {"ACK", "NACK"}:
            raise GatewayRefused(200, _code(answer))
        return str(acknowledged.get("correlation_id", ""))

    async def subscribe(self, provider: str, event: str, purpose: str) -> None:
        """Ask to be told events of a provider; again changes nothing. Raises as `deliver`."""
        body = {"provider": provider, "event_type": event, "purpose": purpose}
        await self._called("POST", "/v1/subscriptions", lambda: json.dumps(body).encode())

    async def exchange(self, body: Mapping[str, object]) -> dict[str, Any]:
        """Ask one question about one person; the record as it was released. Raises as `deliver`."""
        answer = await self._called("POST", "/v1/exchanges", lambda: json.dumps(body).encode())
        record: dict[str, Any] = answer.get("record") or {}
        return record

    async def record_consent(self, consent: Mapping[str, object]) -> None:
        """Record what a person agreed to (`own/consent.v1.json`); again changes nothing. Raises as `deliver`."""
        await self._called("POST", "/v1/consents", lambda: json.dumps(consent, ensure_ascii=False).encode())

    async def search(self, receiver: str, criteria: Mapping[str, object]) -> dict[str, Any]:
        """One DCI search through the gateway; the one `search_response` item. Raises as `deliver`."""

        def content() -> bytes:
            who = self._who()
            item = {"reference_id": "1", "timestamp": dci.stamp(), "search_criteria": dict(criteria), "locale": "eng"}
            message = {"transaction_id": secrets.token_urlsafe(12), "search_request": [item]}
            header = dci.header("search", who.system.replace("/", "."), receiver, message)
            return json.dumps(dci.signed(header, message, who.key), ensure_ascii=False).encode()

        answer = await self._called("POST", "/dci/registry/sync/search", content)
        (found,) = answer["message"]["search_response"]
        item: dict[str, Any] = found
        return item

    async def _called(self, method: str, path: str, content: Callable[[], bytes | None]) -> dict[str, Any]:
        ends, pause, denied = time.monotonic() + self._patience_s, FIRST_PAUSE_S, 0
        while True:
            answer = await self._attempt(method, path, content())
            if answer is not None and answer.status_code == 401 and denied < 2:
                denied, self._renew_at = denied + 1, 0.0  # restarted, or the token's time is over
                continue
            if answer is not None and not _passes(answer):
                return _read(answer)
            if time.monotonic() + pause > ends:
                raise GatewayUnreachable(f"{method} {path}: no answer for {self._patience_s:.0f} s; is it running?")
            await asyncio.sleep(pause)
            pause = min(2 * pause, LONGEST_PAUSE_S)

    async def _attempt(self, method: str, path: str, content: bytes | None) -> httpx.Response | None:
        """One signed call; None if no answer came, or no token."""
        who = self._who()
        async with self._room:
            try:
                token = await self._fresh_token(who)
                headers = {"authorization": f"DPoP {token}", "dpop": _proof(who, method, path, token)}
                if content is not None:
                    headers["content-type"] = "application/json"
                return await self._http.request(method, who.gateway + path, content=content, headers=headers)
            except httpx.TransportError:
                return None

    async def _fresh_token(self, who: _Who) -> str:
        async with self._turn:
            if time.monotonic() >= self._renew_at:
                now = int(time.time())
                claims = {"iss": who.client_id, "sub": who.client_id, "aud": who.gateway, "iat": now, "exp": now + 60}
                assertion = who.key.compact(
                    {"typ": "JWT", "kid": who.key.kid}, claims | {"jti": secrets.token_urlsafe(16)}
                )
                form = {
                    "grant_type": "client_credentials",
                    "client_assertion_type": ASSERTION_TYPE,
                    "client_assertion": assertion,
                }
                proof = _proof(who, "POST", "/oauth2/token", None)
                answer = await self._http.post(f"{who.gateway}/oauth2/token", data=form, headers={"dpop": proof})
                if answer.status_code in PASSING:
                    raise httpx.ReadError("no token now")
                body = _read(answer)
                lifetime = float(body["expires_in"])
                self._token, self._renew_at = str(body["access_token"]), time.monotonic() + lifetime - EARLY_S
            return self._token

    def _who(self) -> _Who:
        if self._found is None:
            try:
                found = json.loads(self._file.read_bytes())
            except FileNotFoundError:
                raise NoCredentials(f"{self._file} is missing: register the system at the gateway first") from None
            gateway = str(found["gateway"]).rstrip("/")
            self._found = _Who(gateway, found["client_id"], found["system"], OwnKey(found["private_jwk"]))
        return self._found


def _proof(who: _Who, method: str, path: str, token: str | None) -> str:
    claims: dict[str, object] = {"jti": secrets.token_urlsafe(16), "htm": method, "iat": int(time.time())}
    claims["htu"] = who.gateway + urlsplit(path).path
    if token is not None:
        claims["ath"] = b64(hashlib.sha256(token.encode("ascii")).digest())
    return who.key.compact({"typ": "dpop+jwt", "jwk": who.key.public}, claims)


def _passes(answer: httpx.Response) -> bool:
    return answer.status_code in PASSING and _code(_object(answer)) not in FOR_GOOD


def _read(answer: httpx.Response) -> dict[str, Any]:
    body = _object(answer)
    if answer.status_code >= 300:
        raise GatewayRefused(answer.status_code, _code(body))
    return body


def _object(answer: httpx.Response) -> dict[str, Any]:
    try:
        body = answer.json()
    except ValueError:
        return {}
    return body if isinstance(body, dict) else {}


def _code(body: Mapping[str, Any]) -> str:
    """The code of a problem document, of an OAuth error, or of a DCI error."""
    errors = body.get("errors") or [{}]
    return str(body.get("code") or body.get("error") or errors[0].get("code") or "unknown")


def _delivery(body: Mapping[str, Any]) -> Delivery:
    return Delivery(*(str(body.get(name) or "") for name in ("delivery_id", "state", "outcome", "receiver_state")))
