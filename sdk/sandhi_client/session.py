"""Signed calls: a token renewed before it expires, a fresh proof for each request, patience with a busy gateway."""

import asyncio
import json
import ssl
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import httpx

from . import http_signatures
from .errors import AnswerNotSigned, NoToken, Problem, Unreachable, problem_of
from .http_signatures import Exchanged
from .keys import OwnKey, PublicKeys, detached_header
from .patience import Patience, retry_after
from .sealed import EncryptionKey

EARLY = 30.0  # seconds before its end at which a token is renewed
BUSY = frozenset({429, 503})
ACTING = frozenset({"PATCH", "POST"})  # twice is not once (RFC 9110 section 9.2.2)
LATER = frozenset({"source_down", "no_evidence", "too_many_requests"})  # 503s that pass; `no_link` does not
ASSERTION_TYPE = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"


@dataclass(frozen=True, slots=True)
class Credentials:
    """Who calls, and where: the content of `clients/<name>.json`.

    Attributes:
        certificate: PEM file of a client certificate and its key, registered for the system. With it, tokens are bound
            to the connection (RFC 8705) and calls carry no proofs.
        ca: PEM file of the certificates that the gateway's own must lead to; the system's where it is empty.
    """

    gateway: str
    client_id: str
    system: str
    private_jwk: Mapping[str, str]
    certificate: str = ""
    ca: str = ""

    @classmethod
    def read(cls, path: Path) -> "Credentials":
        """From the file; PEM files are named relative to it. Raises ValueError: not such a document."""
        found = json.loads(path.read_text(encoding="utf-8"))
        try:
            names = ("gateway", "client_id", "system", "private_jwk")
            beside = [str(path.parent / found[name]) if name in found else "" for name in ("certificate", "ca")]
            return cls(*(found[name] for name in names), *beside)
        except (KeyError, TypeError):
            raise ValueError(f"{path} needs gateway, client_id, system and private_jwk") from None

    def tls(self) -> ssl.SSLContext:
        """How to connect. Raises ValueError: a file cannot be used."""
        if not (self.certificate or self.ca or self.gateway.startswith("https:")):
            return ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)  # never used; it would trust nobody
        try:
            context = ssl.create_default_context(cafile=self.ca or None)
            if self.certificate:
                context.load_cert_chain(self.certificate)
        except OSError as error:
            raise ValueError(f"certificate or ca of {self.client_id} cannot be used: {error.strerror}") from None
        return context


@dataclass(frozen=True, slots=True)
class Reply:
    """A good answer, as it came."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    def json(self) -> Any:
        """The body as JSON."""
        return json.loads(self.body)


class Session:
    """One system's connection to one gateway. Safe for concurrent use within one event loop."""

    def __init__(
        self,
        credentials: Credentials,
        *,
        transport: httpx.AsyncBaseTransport | None = None,
        patience: Patience | None = None,
        timeout: float = 60.0,
        sign_messages: bool = False,
    ) -> None:
        """`sign_messages`: sign every call by RFC 9421, and take no answer that is not signed for it."""
        self.credentials = credentials
        self._signs = sign_messages
        self.key = OwnKey(credentials.private_jwk)
        self._origin = credentials.gateway.rstrip("/")
        self._patience = patience or Patience()
        limits = httpx.Limits(max_connections=128, max_keepalive_connections=64)
        self._http = httpx.AsyncClient(
            transport=transport,
            verify=True if transport else credentials.tls(),
            timeout=httpx.Timeout(timeout, connect=5.0),
            limits=limits,
            trust_env=False,
        )
        self._token, self._renew_at = "", 0.0
        self._turn = asyncio.Lock()
        self._gateway_keys: PublicKeys | None = None

    async def close(self) -> None:
        """Close the connections."""
        await self._http.aclose()

    async def token(self) -> str:
        """An access token that is good for half a minute at least.

        Raises:
            NoToken, Unreachable.
        """
        if time.monotonic() < self._renew_at:
            return self._token
        async with self._turn:
            if time.monotonic() >= self._renew_at:  # nobody renewed it while we waited
                self._token, lifetime = await self._fetched_token()
                self._renew_at = time.monotonic() + max(lifetime - EARLY, lifetime / 2)
            return self._token

    def proof(self, method: str, path: str, token: str) -> str:
        """The `DPoP` header for one request with this token."""
        return self.key.proof(method, self._origin + path.partition("?")[0], token)

    async def call(
        self,
        method: str,
        path: str,
        *,
        json: object = None,
        content: bytes | None = None,
        headers: Mapping[str, str] | None = None,
        repeatable: bool | None = None,
    ) -> Reply:
        """One signed call.

        Args:
            path: below the gateway's address, with its query.
            json: a value to send as `application/json`.
            content: bytes to send instead; say what they are in `headers`.
            repeatable: sending it twice does no harm, so an answer that was cut may be asked for again. Left out: a
                POST or PATCH only with an `idempotency_key` in `json`, anything else always.

        Raises:
            Problem: the gateway answered with one.
            NoToken, Unreachable.
        """
        sent = dict(headers or {})
        if repeatable is None:
            repeatable = method not in ACTING or (isinstance(json, Mapping) and "idempotency_key" in json)
        if json is not None:
            content, sent["content-type"] = _encoded(json), "application/json"
        for attempt in range(self._patience.attempts):
            last = attempt == self._patience.attempts - 1
            try:
                response = await self._once(method, path, content, sent)
            except httpx.TransportError as error:
                if last or not (repeatable or isinstance(error, httpx.ConnectError | httpx.ConnectTimeout)):
                    raise Unreachable(
                        f"{method} {self._origin}{path.partition('?')[0]}: {type(error).__name__}"
                    ) from error
                await asyncio.sleep(self._patience.pause(attempt, None))
                continue
            if response.status_code < 400:
                return Reply(response.status_code, response.headers, response.content)
            problem = _problem(response)
            if last or not self._worth_another(problem, attempt):
                raise problem
            await asyncio.sleep(self._patience.pause(attempt, problem.retry_after))
        raise Unreachable("no attempt was allowed")

    @asynccontextmanager
    async def lines(self, path: str) -> AsyncIterator[AsyncIterator[str]]:
        """A JSON Lines answer, line by line, without holding it in memory; begun later where the gateway is busy.

        Its lines are given as they come, so no signature over the whole is looked at.

        Raises:
            Problem, NoToken, Unreachable.
        """
        for attempt in range(self._patience.attempts):
            try:
                async with self._http.stream("GET", self._origin + path, headers=await self._asking(path)) as response:
                    if response.status_code < 400:
                        yield response.aiter_lines()
                        return
                    await response.aread()
            except httpx.TransportError as error:
                raise Unreachable(f"GET {self._origin}{path}: {type(error).__name__}") from error
            problem = _problem(response)
            if attempt == self._patience.attempts - 1 or not self._worth_another(problem, attempt):
                raise problem
            await asyncio.sleep(self._patience.pause(attempt, problem.retry_after))

    async def _asking(self, path: str) -> Mapping[str, str]:
        """The headers of a GET whose answer is read as it comes."""
        sent = self._signed("GET", path, await self.token())
        if not self._signs:
            return sent
        return http_signatures.signed(Exchanged("GET", self._origin + path, sent, b""), self.key)

    async def checked(self, reply: Reply) -> Any:
        """The JSON of an answer that the gateway signed.

        Raises:
            AnswerNotSigned: no signature over exactly these bytes by a key the gateway publishes.
        """
        signature = reply.headers.get("sandhi-signature", "")
        keys = await self.gateway_keys(signature)
        if not keys.signed(reply.body, signature):
            raise AnswerNotSigned("the answer does not carry the gateway's signature over these bytes")
        return reply.json()

    async def gateway_keys(self, signature: str) -> PublicKeys:
        """The gateway's published keys, to check a detached JWS with."""
        return await self.keys_with(str(detached_header(signature).get("kid", "")))

    async def keys_with(self, kid: str) -> PublicKeys:
        """The gateway's published keys, fetched again when one is named that we do not know."""
        if self._gateway_keys is None or not self._gateway_keys.knows(kid):
            response = await self._fetched("GET", "/.well-known/jwks.json")
            self._gateway_keys = PublicKeys(response.json())
        return self._gateway_keys

    async def encryption_key(self) -> EncryptionKey:
        """The gateway's key to encrypt DCI messages to.

        Raises:
            Unreachable: it publishes none.
        """
        listed = (await self._fetched("GET", "/.well-known/jwks.json")).json().get("keys", ())
        found = next((each for each in listed if each.get("use") == "enc"), None)
        if found is None:
            raise Unreachable("the gateway publishes no encryption key")
        return EncryptionKey(found)

    def _worth_another(self, problem: Problem, attempt: int) -> bool:
        if problem.status == 401:  # rotated, revoked or restarted: a new token tells, once
            self._renew_at = 0.0
            return attempt == 0
        return problem.status in BUSY and problem.code in LATER and self._patience.bears(problem.retry_after)

    async def _once(self, method: str, path: str, content: bytes | None, headers: Mapping[str, str]) -> httpx.Response:
        url = self._origin + path
        sent = {**headers, **self._signed(method, path, await self.token())}
        if not self._signs:
            return await self._http.request(method, url, content=content, headers=sent)
        asked = Exchanged(method, url, {name.lower(): value for name, value in sent.items()}, content or b"")
        asked = replace(asked, headers=http_signatures.signed(asked, self.key))
        response = await self._http.request(method, url, content=content, headers=asked.headers)
        if response.status_code < 400:
            await self._check_answer(response, asked)
        return response

    async def _check_answer(self, response: httpx.Response, asked: Exchanged) -> None:
        answer = Exchanged("", "", dict(response.headers), response.content, response.status_code, asked)
        keys = await self.keys_with(http_signatures.kid_of(answer))
        try:
            http_signatures.check(answer, keys)
        except ValueError as error:
            raise AnswerNotSigned(f"the answer is not signed for this request: {error}") from None

    def _signed(self, method: str, path: str, token: str) -> dict[str, str]:
        if self.credentials.certificate:
            return {"authorization": f"Bearer {token}"}
        return {"authorization": f"DPoP {token}", "dpop": self.proof(method, path, token)}

    async def _fetched_token(self) -> tuple[str, float]:
        response = await self._fetched("POST", "/oauth2/token")
        body = _object(response)
        if response.status_code != 200:
            raise NoToken(str(body.get("error", response.status_code)), str(body.get("error_description", "")))
        return str(body["access_token"]), float(body["expires_in"])

    async def _fetched(self, method: str, path: str) -> httpx.Response:
        """An open path; the token endpoint gets a fresh assertion and proof at every attempt."""
        for attempt in range(self._patience.attempts):
            form, headers = self._token_request(path) if method == "POST" else (None, {})
            wanted = None
            try:
                response = await self._http.request(method, self._origin + path, data=form, headers=headers)
            except httpx.TransportError as error:
                if attempt == self._patience.attempts - 1:
                    raise Unreachable(f"{method} {self._origin}{path}: {type(error).__name__}") from error
            else:
                if response.status_code not in BUSY:
                    return response
                wanted = retry_after(response.headers)
                if not self._patience.bears(wanted):
                    break
            await asyncio.sleep(self._patience.pause(attempt, wanted))
        raise Unreachable(f"{method} {path}: busy")

    def _token_request(self, path: str) -> tuple[dict[str, str], dict[str, str]]:
        form = {
            "grant_type": "client_credentials",
            "client_assertion_type": ASSERTION_TYPE,
            "client_assertion": self.key.assertion(self.credentials.client_id, self._origin),
        }
        if self.credentials.certificate:  # the token is bound to the connection's certificate instead
            return form, {}
        return form, {"dpop": self.key.proof("POST", self._origin + path)}


def _encoded(value: object) -> bytes:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"), allow_nan=False).encode()


def _problem(response: httpx.Response) -> Problem:
    return problem_of(response.status_code, _object(response), retry_after(response.headers))


def _object(response: httpx.Response) -> dict[str, Any]:
    try:
        body = response.json()
    except ValueError:
        return {"code": "unknown", "detail": "The answer is not JSON: this is not the gateway, or it is broken."}
    return body if isinstance(body, dict) else {}
