"""One provider's HTTP: deadline, byte cap, retries, breaker and bulkhead around the dialler's vetted connections.

The aiohttp session is used directly: httpx's own layers would double the cost of a call (architecture, decision 4).
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Protocol
from urllib.parse import urlsplit

import aiohttp
from tenacity import AsyncRetrying, RetryCallState, retry_if_exception, stop_after_attempt, stop_before_delay
from tenacity.wait import wait_exponential_jitter

from adapters.kit.breaker import Breaker
from adapters.kit.contract import (
    AgencyAnswerMalformed,
    AgencyError,
    AgencyOutcomeUnknown,
    AgencyTimeout,
    AgencyUnavailable,
)

CONNECT_S = 2.0
_OURS = frozenset({"User-Agent", "Content-Type"})  # never added by the library
_SENT_NOTHING = (aiohttp.ClientConnectorError, aiohttp.ConnectionTimeoutError)


@dataclass(frozen=True, slots=True)
class HttpAnswer:
    """What came back. Header names are in lower case; the body is at most `max_bytes` long and not decoded."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def content_type(self) -> str:
        """The media type without parameters, in lower case; empty if none was sent."""
        return self.headers.get("content-type", "").partition(";")[0].strip().lower()


class NotAllowed(AgencyUnavailable):
    """The address may not be dialled: it is not public and `host:port` is not on the allow-list, or not https.

    To whoever asked, the agency is simply not reachable; to an operator the text says what to change.
    """

    def __init__(self, detail: str) -> None:
        super().__init__(detail, code="not_allowed")


class _Later(AgencyUnavailable):
    """429 or 5xx; `after_s` is what the agency asked for."""

    def __init__(self, answer: HttpAnswer) -> None:
        super().__init__(f"the agency answered {answer.status}", code=str(answer.status))
        asked = answer.headers.get("retry-after", "")
        self.after_s = float(asked) if asked.isascii() and asked.isdecimal() else 0.0


@dataclass(frozen=True, slots=True)
class Limits:
    """What one provider may cost us."""

    timeout_s: float = 10.0  # one call, waiting and retries included
    attempts: int = 3  # repeatable calls only
    concurrent: int = 16
    max_bytes: int = 1024 * 1024


class Sessions(Protocol):
    """What the client needs of the dialler: vetted URLs and connections."""

    def check_url(self, url: str) -> tuple[str, int]:
        """Host and port of a URL that may be dialled."""

    def session(self, host: str, port: int, connections: int) -> aiohttp.ClientSession:
        """A pool for one origin."""


class HttpClient:
    """One provider's HTTP client: vetted connections, total deadline, byte cap, retries, breaker, bulkhead."""

    def __init__(self, dialler: Sessions, base_url: str, limits: Limits) -> None:
        self._host, self._port = dialler.check_url(base_url)
        self._dialler = dialler
        self._base = base_url.rstrip("/")
        parts = urlsplit(base_url)
        self._origin = (parts.scheme, self._host, self._port)
        self._limits = limits
        self._slots = asyncio.Semaphore(limits.concurrent)
        self._session: aiohttp.ClientSession | None = None
        self.breaker = Breaker()

    async def request(
        self,
        method: str,
        url: str,
        *,
        headers: Mapping[str, str] | None = None,
        content: bytes | None = None,
        repeatable: bool = True,
        faults: bool = False,
        timeout_s: float | None = None,
    ) -> HttpAnswer:
        """One call.

        Args:
            url: a path below the base URL (`/individuals/matching/`), or a full URL of the same origin.
            repeatable: asking twice does no harm, so it is tried again while time is left. Otherwise it is tried
                once, and a call that was cut after it may have been read raises AgencyOutcomeUnknown.
            faults: hand 5xx answers over, for protocols that carry their faults in them (SOAP).
            timeout_s: for all of it, instead of the provider's.

        Raises:
            AgencyTimeout: not done in time.
            AgencyUnavailable: not reachable, 429, or 5xx; `code` is the status or the kind of failure.
            AgencyAnswerMalformed: larger than the byte cap, or not HTTP; a compressed body counts as malformed.
            AgencyOutcomeUnknown: as `repeatable` says.
            NotAllowed: another origin, or an address that may not be dialled.
        """
        target = self._target(url)
        sent = _HEADERS | {name.lower(): value for name, value in (headers or {}).items()}
        deadline = asyncio.get_running_loop().time() + (timeout_s or self._limits.timeout_s)

        async def attempt() -> HttpAnswer:
            return await self._attempt(
                method, target, sent, content, deadline=deadline, repeatable=repeatable, faults=faults
            )

        if not repeatable or self._limits.attempts == 1:
            return await attempt()
        try:
            return await attempt()
        except AgencyUnavailable as error:
            return await self._again(attempt, error, deadline)

    async def close(self) -> None:
        """Close the pool."""
        if self._session is not None:
            await self._session.close()
            self._session = None

    async def _again(
        self, attempt: Callable[[], Awaitable[HttpAnswer]], failed: AgencyUnavailable, deadline: float
    ) -> HttpAnswer:
        """Further attempts after the first one failed; apart, so that a call that succeeds pays nothing for them."""
        earlier = [failed]

        async def attempted() -> HttpAnswer:
            if earlier:
                raise earlier.pop()
            return await attempt()

        left = deadline - asyncio.get_running_loop().time()
        retrying = AsyncRetrying(
            retry=retry_if_exception(self._worth_repeating),
            wait=_pause,
            stop=stop_after_attempt(self._limits.attempts) | stop_before_delay(max(left, 0)),
            reraise=True,
        )
        return await retrying(attempted)

    def _target(self, url: str) -> str:
        if url.startswith("/"):
            return self._base + url
        host, port = self._dialler.check_url(url)
        if (urlsplit(url).scheme, host, port) != self._origin:
            raise NotAllowed("this client speaks to one origin only")
        return url

    def _worth_repeating(self, error: BaseException) -> bool:
        repeatable = isinstance(error, AgencyUnavailable) and not isinstance(error, NotAllowed)
        return repeatable and self.breaker.may_retry()

    async def _attempt(
        self,
        method: str,
        url: str,
        headers: Mapping[str, str],
        content: bytes | None,
        *,
        deadline: float,
        repeatable: bool,
        faults: bool,
    ) -> HttpAnswer:
        self.breaker.check()
        try:
            async with asyncio.timeout_at(deadline), self._slots:
                answer = await self._exchanged(method, url, headers, content, repeatable=repeatable)
        except TimeoutError:
            self.breaker.record(ok=False)
            if repeatable:
                raise AgencyTimeout("no answer in time") from None
            raise AgencyOutcomeUnknown("no answer in time; it may have been acted on") from None
        except AgencyError as error:
            self.breaker.record(ok=False)
            if isinstance(error, AgencyAnswerMalformed) and not repeatable:
                raise AgencyOutcomeUnknown("the answer cannot be read; it may have been acted on") from None
            raise
        self.breaker.record(ok=answer.status < 500 and answer.status != 429)
        if answer.status == 429 or (answer.status >= 500 and not faults):
            if repeatable or answer.status in {429, 503}:
                raise _Later(answer)
            raise AgencyOutcomeUnknown("the agency failed while acting", code=str(answer.status))
        return answer

    async def _exchanged(
        self, method: str, url: str, headers: Mapping[str, str], content: bytes | None, *, repeatable: bool
    ) -> HttpAnswer:
        sending = self._opened().request(
            method, url, headers=headers, data=content or None, skip_auto_headers=_OURS, allow_redirects=False
        )
        try:
            async with sending as response:
                return HttpAnswer(response.status, _plain(response.headers), await self._read(response))
        except aiohttp.ClientResponseError:
            raise AgencyAnswerMalformed("the answer is not HTTP") from None
        except aiohttp.ClientError as error:
            raise _translated(error, repeatable=repeatable) from None

    async def _read(self, response: aiohttp.ClientResponse) -> bytes:
        if response.headers.get("content-encoding", "identity") != "identity":
            raise AgencyAnswerMalformed("the answer is compressed though we asked for identity")
        body = bytearray()
        async for chunk in response.content.iter_any():
            body += chunk
            if len(body) > self._limits.max_bytes:
                raise AgencyAnswerMalformed(f"the answer is larger than {self._limits.max_bytes} bytes")
        return bytes(body)

    def _opened(self) -> aiohttp.ClientSession:
        if self._session is None:
            self._session = self._dialler.session(self._host, self._port, self._limits.concurrent)
        return self._session


_HEADERS = {"accept": "*/*", "accept-encoding": "identity", "user-agent": "sandhi"}


def _plain(headers: Mapping[str, str]) -> dict[str, str]:
    """Names in lower case; values of a repeated header are joined (RFC 9110, section 5.3)."""
    plain: dict[str, str] = {}
    for name, value in headers.items():
        key = name.lower()
        plain[key] = f"{plain[key]}, {value}" if key in plain else value
    return plain


def _translated(error: aiohttp.ClientError, *, repeatable: bool) -> AgencyError:
    if isinstance(error, _SENT_NOTHING):
        return AgencyUnavailable("cannot connect", code=type(error).__name__)
    if isinstance(error, aiohttp.InvalidURL):
        return NotAllowed("not a URL")
    if not repeatable:
        return AgencyOutcomeUnknown("the connection was cut; it may have been acted on")
    if isinstance(error, TimeoutError):
        return AgencyTimeout("no answer in time")
    return AgencyUnavailable("the connection was cut", code=type(error).__name__)


_JITTER = wait_exponential_jitter(multiplier=0.1, max=2.0, jitter=0.1)


def _pause(state: RetryCallState) -> float:
    error = state.outcome.exception() if state.outcome else None
    return max(_JITTER(state), error.after_s if isinstance(error, _Later) else 0.0)
