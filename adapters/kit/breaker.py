"""A circuit breaker per provider: a source that is down is left alone, with one probe every few seconds."""

from asyncio import CancelledError
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from time import monotonic
from typing import NamedTuple

from adapters.kit.contract import AgencyError, AgencyOutcomeUnknown, AgencyUnavailable

WINDOW_S = 30.0
ENOUGH = 20  # calls in the window before anything is concluded
SHARE = 0.5
PROBE_S = 5.0
LONG_S = 5.0  # whoever waits so long and goes has met an outage
RETRY_SHARE = 0.1  # of calls may be repeated, so that a dying source gets at most 1.1 times the load
RETRY_BURST = 10.0


class Health(NamedTuple):
    """Calls and failures of the last 30 s, and how many seconds ago a call last went well and last failed; None: never
    in this process. While it is `open`, calls are refused but for probes."""

    open: bool
    calls: int
    failures: int
    ok_ago_s: float | None
    failed_ago_s: float | None


class Breaker:
    """Counts outcomes in a sliding window of 30 s; opens when half of at least 20 calls failed.

    A failure is an outage (unreachable, too slow, 5xx). A refusal is an answer, and counts as success.
    """

    def __init__(self, clock: Callable[[], float] = monotonic) -> None:
        self._clock = clock
        self._outcomes: deque[tuple[float, bool]] = deque()
        self._failures = 0
        self._next_probe: float | None = None  # set while open
        self._retries = RETRY_BURST
        self._last_ok: float | None = None
        self._last_failure: float | None = None

    @property
    def is_open(self) -> bool:
        """True while calls are being refused."""
        return self._next_probe is not None

    def check(self) -> None:
        """Ask before each call.

        Raises:
            AgencyUnavailable: open, and it is not yet time for a probe; code `breaker_open`.
        """
        if self._next_probe is None:
            return
        now = self._clock()
        if now < self._next_probe:
            raise AgencyUnavailable("the agency failed repeatedly and is left alone for a moment", code="breaker_open")
        self._next_probe = now + PROBE_S  # this call is the probe

    @contextmanager
    def guarding(self) -> Iterator[None]:
        """Around one call: refused as `check` says, and recorded as it ends; see `given_up`.

        Raises:
            AgencyUnavailable: as `check`.
        """
        self.check()
        begun = self._clock()
        try:
            yield
        except CancelledError:
            self.given_up(self._clock() - begun)
            raise
        except AgencyError as error:  # but for an outage an answer, though not a pleasant one
            self.record(ok=not isinstance(error, AgencyUnavailable | AgencyOutcomeUnknown))
            raise
        self.record(ok=True)

    def given_up(self, after_s: float) -> None:
        """Tell that a caller went away, or the exchange's own deadline was over, after so long: soon it says nothing of
        the agency, and late it is an outage, or an agency that is always slower than we wait would never be left alone.
        """
        if after_s >= LONG_S:
            self.record(ok=False)

    def may_retry(self) -> bool:
        """Ask before repeating a call; takes one retry from the budget."""
        if self._next_probe is not None or self._retries < 1:
            return False
        self._retries -= 1
        return True

    def health(self) -> "Health":
        """How the agency has been lately, for people to look at."""
        now = self._clock()
        recent = [ok for at, ok in self._outcomes if at >= now - WINDOW_S]
        ages = [None if at is None else now - at for at in (self._last_ok, self._last_failure)]
        return Health(self.is_open, len(recent), recent.count(False), *ages)

    def record(self, *, ok: bool) -> None:
        """Tell how a call ended."""
        now = self._clock()
        if ok:
            self._last_ok = now
        else:
            self._last_failure = now
        self._retries = min(RETRY_BURST, self._retries + RETRY_SHARE)
        if self._next_probe is not None:
            if ok:
                self._close()
            return
        self._outcomes.append((now, ok))
        self._failures += not ok
        while self._outcomes and self._outcomes[0][0] < now - WINDOW_S:
            self._failures -= not self._outcomes.popleft()[1]
        if len(self._outcomes) >= ENOUGH and self._failures >= SHARE * len(self._outcomes):
            self._next_probe = now + PROBE_S

    def _close(self) -> None:
        self._outcomes.clear()
        self._failures = 0
        self._next_probe = None
