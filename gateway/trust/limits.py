"""How much a system may ask, and how systems share what there is: rate, calls at once, fair parts, an honest wait.

Three limits stand one behind the other; a call is refused by the first that it meets, before anything is read:

1. the system's own: so many calls a second, so many at once (its policy, else the settings);
2. the whole gateway, shared by the systems that are at work in it;
3. the exchanges between two members, shared by the consumer's systems that are at work in them.

Who is no system (a stranger at the token endpoint or a page, an officer) has a rate alone, by where it comes from.

What is shared is free for whoever comes while there is enough of it. When it is used up, only systems below their equal
part get in: one that floods cannot keep another out. Everything is kept in this process's memory and is no evidence:
decision record 0040 says what holds across processes.

Source: the bucket is GCRA (ITU-T I.371, annex A): one number for each, the moment at which it would be full again.
"""

import math
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from .policy import Limits

WANTING_S = 2.0  # a system counts as wanting its part of a rate for so long after its last call
LONGEST_WAIT_S = 60
UNLIMITED = 0
MOST_PEERS = 10_000  # whose rates are remembered; then the longest silent are forgotten


class OverLimit(Exception):
    """Refused for now.

    `which` is the limit: `rate`, `concurrent`, `gateway`, `agreement` or `peer`; `after_s` is in whole seconds.
    """

    def __init__(self, which: str, after_s: float) -> None:
        super().__init__(which)
        self.which = which
        self.after_s = min(max(math.ceil(after_s), 1), LONGEST_WAIT_S)


@dataclass(slots=True)
class Bucket:
    """The calls of one system that a rate still allows."""

    full_at: float = 0.0

    def wait(self, now: float, per_second: float, burst: float) -> float:
        """Take one call and give 0; or take none and give the seconds until there is one."""
        full_at = max(self.full_at, now) + 1 / per_second
        late = full_at - now - max(burst, 1) / per_second
        if late > 1e-9:
            return late
        self.full_at = full_at
        return 0.0


@dataclass(slots=True)
class Shared:
    """Calls at once, and a rate, that several systems have parts in. 0 is no limit.

    Who comes when all is used up gets its equal part at once, and nobody's call is cut short for it: the n-th system to
    come adds at most max(`concurrent` // n, 1), so n never hold more than the sum of these (decision record 0143).
    """

    name: str
    concurrent: int
    per_second: float = 0.0
    held: dict[str, int] = field(default_factory=dict)
    total: int = 0
    buckets: dict[str, Bucket] = field(default_factory=dict)

    def enter(self, system: str, now: float, typical_s: float) -> None:
        """One call begins. Raises OverLimit."""
        mine = self.held.get(system, 0)
        if self.concurrent and self.total >= self.concurrent:
            parts = len(self.held) + (mine == 0)
            if mine >= max(self.concurrent // parts, 1):
                raise OverLimit(self.name, typical_s)
        if self.per_second and (wait := self._wait(system, now)):
            raise OverLimit(self.name, wait)
        self.held[system] = mine + 1
        self.total += 1

    def leave(self, system: str) -> None:
        """It is over."""
        self.total -= 1
        left = self.held[system] - 1
        if left:
            self.held[system] = left
        else:
            del self.held[system]

    def _wait(self, system: str, now: float) -> float:
        for other in [each for each, bucket in self.buckets.items() if now - bucket.full_at > WANTING_S]:
            del self.buckets[other]
        bucket = self.buckets.setdefault(system, Bucket(now))
        part = self.per_second / len(self.buckets)
        return bucket.wait(now, part, part)


class Shares:
    """All limits of one process."""

    def __init__(
        self,
        usual: Limits,
        *,
        gateway: int = UNLIMITED,
        agreement: Limits | None = None,
        peer: Limits | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """
        Args:
            usual: of a system whose policy says nothing; its zeros are no limit.
            gateway: calls at once of all systems together.
            agreement: of the exchanges between two members.
            peer: of one address, certificate or officer; only its rate counts.
            clock: seconds, monotonic.
        """
        self.refused: Counter[str] = Counter()
        self._usual = usual
        self._agreement = agreement or Limits()
        self._peer = peer or Limits()
        self._peers: dict[str, Bucket] = {}
        self._clock = clock
        self._gateway = Shared("gateway", gateway)
        self._pairs: dict[tuple[str, str], Shared] = {}
        self._buckets: dict[str, Bucket] = {}
        self._typical_s = 0.1

    def enter(self, system: str, own: Limits) -> float:
        """A call of this system begins; `leave` takes what this returns.

        Raises:
            OverLimit: counted in `refused`.
        """
        now = self._clock()
        try:
            self._check_own(system, own, now)
            self._gateway.enter(system, now, self._typical_s)
        except OverLimit as over:
            self.refused[over.which] += 1
            raise
        return now

    def leave(self, system: str, entered: float) -> None:
        """It is over, however it went."""
        self._gateway.leave(system)
        self._typical_s += 0.05 * (self._clock() - entered - self._typical_s)

    def admit(self, peer: str) -> None:
        """A call by somebody who is no system, from this address, certificate or session.

        Raises:
            OverLimit: counted in `refused`.
        """
        if not self._peer.per_second:
            return
        bucket = self._peers.pop(peer, None) or Bucket()
        self._peers[peer] = bucket  # the last to come is the last to be forgotten
        if len(self._peers) > MOST_PEERS:
            del self._peers[next(iter(self._peers))]
        if wait := bucket.wait(self._clock(), self._peer.per_second, self._peer.burst or self._peer.per_second):
            self.refused["peer"] += 1
            raise OverLimit("peer", wait)

    @contextmanager
    def between(self, consumer: str, provider: str) -> Iterator[None]:
        """An exchange between the members of these systems, as long as the block runs.

        Raises:
            OverLimit: counted in `refused`.
        """
        pair = (consumer.rpartition("/")[0], provider.rpartition("/")[0])
        shared = self._pairs.get(pair)
        if shared is None:
            limits = self._agreement
            shared = self._pairs[pair] = Shared("agreement", limits.concurrent, limits.per_second)
        try:
            shared.enter(consumer, self._clock(), self._typical_s)
        except OverLimit as over:
            self.refused[over.which] += 1
            raise
        try:
            yield
        finally:
            shared.leave(consumer)

    def _check_own(self, system: str, own: Limits, now: float) -> None:
        most = own.concurrent or self._usual.concurrent
        if most and self._gateway.held.get(system, 0) >= most:
            raise OverLimit("concurrent", self._typical_s)
        per_second = own.per_second or self._usual.per_second
        if not per_second:
            return
        burst = own.burst or self._usual.burst or per_second
        if wait := self._buckets.setdefault(system, Bucket()).wait(now, per_second, burst):
            raise OverLimit("rate", wait)
