"""One provider's HTTP: deadline, byte cap, retries, breaker and bulkhead around the dialler's vetted connections.

What a call says and hears is `http_wire`: the layers of a general client cost more than the rest of a call together
(decision record 0083).
"""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from math import ceil
from typing import Protocol
from urllib.parse import quote, urlsplit

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
from adapters.kit.http_wire import HttpAnswer, Wire, request_bytes

__all__ = ["HttpAnswer", "HttpClient", "Limits", "NotAllowed"]

CONNECT_S = 2.0
DAY_S = 86_400.0
KEPT_S = 15.0  # that a connection nobody uses is kept
_USUAL = {"https": 443, "http": 80}
_OF_A_TARGET = "!#$%&'()*+,/:;=?@[]~"  # stays as it is; whatever else is not a letter or a digit is quoted


Overhear = Callable[[bytes, HttpAnswer], None]
"""Told of each call what went out, head and body (RFC 9112), and what came, whatever came of it."""

Faults = Callable[[HttpAnswer], bool]
"""Of an answer of 5xx: whether the agency is out, rather than saying something."""


def always(_: HttpAnswer) -> bool:
    """Whatever it says, it is an outage."""
    return True


class NotAllowed(AgencyUnavailable):
    """The address may not be dialled: it is not public and `host:port` is not on the allow-list, or not https.

    To whoever asked, the agency is simply not reachable; to an operator the text says what to change.
    """

    def __init__(self, detail: str) -> None:
        super().__init__(detail, code="not_allowed")


class _Later(AgencyUnavailable):
    """429 or 5xx; `after_s` is what the agency asked for, which our own caller is told too."""

    def __init__(self, answer: HttpAnswer) -> None:
        super().__init__(f"the agency answered {answer.status}", code=str(answer.status))
        self.after_s = _asked_pause(answer.headers.get("retry-after", ""))
        self.back_in_s = ceil(self.after_s) or None


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

    async def wired(self, host: str, port: int, *, tls: bool) -> Wire:
        """A new connection."""


class HttpClient:
    """One provider's HTTP client: vetted connections, total deadline, byte cap, retries, breaker, bulkhead."""

    def __init__(self, dialler: Sessions, base_url: str, limits: Limits, overhear: Overhear | None = None) -> None:
        self._host, self._port = dialler.check_url(base_url)
        self._dialler = dialler
        parts = urlsplit(base_url)
        self._origin = (parts.scheme, self._host, self._port)
        self._written, self._below = parts.path or "/", parts.path.rstrip("/")
        self._headers = {"host": _authority(parts.scheme, self._host, self._port), **_HEADERS}
        self._limits = limits
        self._slots = asyncio.Semaphore(limits.concurrent)
        self._idle: deque[Wire] = deque()  # the one that was used last is used first
        self.breaker = Breaker()
        self._overhear = overhear

    async def request(
        self,
        method: str,
        url: str,
        *,
        headers: Mapping[str, str] | None = None,
        content: bytes | None = None,
        repeatable: bool = True,
        faults: Faults | None = None,
        timeout_s: float | None = None,
    ) -> HttpAnswer:
        """One call.

        Args:
            url: a path below the base URL (`/individuals/matching/`), nothing for the base URL as it is written, or a
                full URL of the same origin.
            repeatable: asking twice does no harm, so it is tried again while time is left. Otherwise it is tried
                once, and a call that was cut after it may have been read raises AgencyOutcomeUnknown.
            faults: hand 5xx answers over, for protocols that carry their faults in them (SOAP); says which are outages.
            timeout_s: for all of it, instead of the provider's.

        Raises:
            AgencyTimeout: not done in time.
            AgencyUnavailable: not reachable, 429, or 5xx; `code` is the status or the kind of failure.
            AgencyAnswerMalformed: larger than the byte cap, or not HTTP; a compressed body counts as malformed.
            AgencyOutcomeUnknown: as `repeatable` says.
            NotAllowed: another origin, or an address that may not be dialled.
        """
        sent = self._headers | {name.lower(): value for name, value in (headers or {}).items()}
        request = request_bytes(method, self._target(url), sent, content)
        deadline = asyncio.get_running_loop().time() + (timeout_s or self._limits.timeout_s)

        async def attempt() -> HttpAnswer:
            return await self._attempt(request, deadline, repeatable=repeatable, faults=faults)

        if not repeatable or self._limits.attempts == 1:
            return await attempt()
        try:
            return await attempt()
        except AgencyUnavailable as error:
            return await self._again(attempt, error, deadline)

    async def close(self) -> None:
        """Close what is kept."""
        while self._idle:
            self._idle.pop().close()

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
        if not url:
            return quote(self._written, safe=_OF_A_TARGET)
        if url.startswith("/"):
            return quote(self._below + url, safe=_OF_A_TARGET)
        host, port = self._dialler.check_url(url)
        parts = urlsplit(url)
        if (parts.scheme, host, port) != self._origin:
            raise NotAllowed("this client speaks to one origin only")
        query = f"?{parts.query}" if parts.query else ""
        return quote(f"{parts.path or '/'}{query}", safe=_OF_A_TARGET)

    def _worth_repeating(self, error: BaseException) -> bool:
        repeatable = isinstance(error, AgencyUnavailable) and not isinstance(error, NotAllowed)
        return repeatable and self.breaker.may_retry()

    async def _attempt(self, request: bytes, deadline: float, *, repeatable: bool, faults: Faults | None) -> HttpAnswer:
        self.breaker.check()
        asked: list[Wire] = []
        clock = asyncio.get_running_loop().time
        begun = clock()
        try:
            async with asyncio.timeout_at(deadline), self._slots:
                answer = await self._exchanged(request, asked, repeatable=repeatable)
        except TimeoutError:
            self.breaker.record(ok=False)
            if repeatable or not asked:  # whoever still waited for a place or a connection has sent nothing
                raise AgencyTimeout("no answer in time") from None
            raise AgencyOutcomeUnknown("no answer in time; it may have been acted on") from None
        except asyncio.CancelledError:
            self.breaker.given_up(clock() - begun)
            raise
        except AgencyError as error:
            self.breaker.record(ok=False)
            if isinstance(error, AgencyAnswerMalformed) and not repeatable:
                raise AgencyOutcomeUnknown("the answer cannot be read; it may have been acted on") from None
            raise
        return self._judged(answer, repeatable=repeatable, faults=faults)

    def _judged(self, answer: HttpAnswer, *, repeatable: bool, faults: Faults | None) -> HttpAnswer:
        """The answer, unless its status says that the agency is out of order; the breaker is told which."""
        if faults is not None and answer.status >= 500:  # a fault of the protocol, which its reader will understand
            self.breaker.record(ok=not faults(answer))
            return answer
        outage = answer.status >= 500 or answer.status == 429
        self.breaker.record(ok=not outage)
        if not outage:
            return answer
        if repeatable or answer.status in {429, 503}:
            raise _Later(answer)
        raise AgencyOutcomeUnknown("the agency failed while acting", code=str(answer.status))

    async def _exchanged(self, request: bytes, asked: list[Wire], *, repeatable: bool) -> HttpAnswer:
        kept = self._kept()
        wire = kept or await self._dialler.wired(self._host, self._port, tls=self._origin[0] == "https")
        asked.append(wire)
        try:
            answer = await wire.call(request, self._limits.max_bytes)
        except ConnectionError:
            if not repeatable:
                raise AgencyOutcomeUnknown("the connection was cut; it may have been acted on") from None
            if kept and wire.silent:  # the agency closed it just then, and so may it all the others
                await self.close()
                return await self._exchanged(request, asked, repeatable=repeatable)
            raise AgencyUnavailable("the connection was cut", code="cut") from None
        self._keep(wire)
        if self._overhear is not None:
            self._overhear(request, answer)
        if answer.headers.get("content-encoding", "identity") != "identity":
            raise AgencyAnswerMalformed("the answer is compressed though we asked for identity")
        return answer

    def _kept(self) -> Wire | None:
        while self._idle:
            wire = self._idle.pop()
            if wire.usable and asyncio.get_running_loop().time() - wire.idle_since < KEPT_S:
                return wire
            wire.close()
        return None

    def _keep(self, wire: Wire) -> None:
        if wire.usable:
            wire.idle_since = now = asyncio.get_running_loop().time()
            self._idle.append(wire)
            if now - self._idle[0].idle_since >= KEPT_S:
                self._idle.popleft().close()


_HEADERS = {"accept": "*/*", "accept-encoding": "identity", "user-agent": "sandhi"}


def _authority(scheme: str, host: str, port: int) -> str:
    """As the `Host` header has it."""
    name = f"[{host}]" if ":" in host else host.encode("idna").decode("ascii")
    return name if port == _USUAL[scheme] else f"{name}:{port}"


def _asked_pause(told: str) -> float:
    """Seconds that `Retry-After` says, at most a day; 0 if it cannot be read. Source: RFC 9110, section 10.2.3."""
    if told.isascii() and told.isdecimal():
        return min(float(told), DAY_S)
    try:
        until = parsedate_to_datetime(told).astimezone(UTC)
    except (ValueError, OverflowError):
        return 0.0
    return min(max((until - datetime.now(UTC)).total_seconds(), 0.0), DAY_S)


_JITTER = wait_exponential_jitter(multiplier=0.1, max=2.0, jitter=0.1)


def _pause(state: RetryCallState) -> float:
    error = state.outcome.exception() if state.outcome else None
    return max(_JITTER(state), error.after_s if isinstance(error, _Later) else 0.0)
