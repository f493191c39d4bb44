"""The drill: stop the log, try every service, and see that nothing leaves. For a command and for a button.

It uses the gate, the pipeline and the log of this process as they are. Only the way to the agencies is watched: a call
that got as far would be counted, and stopped before it leaves.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime

from adapters.kit.contract import Identifier, RawAnswer, Subject
from audit import Entry, Log, new_id

from .errors import ExchangeError, NoEvidence, SourceUnavailable
from .gate import Gate
from .model import Ask, Closing, Handover, Opened, Permit
from .pipeline import exchange

STOPPED = "this is a drill: the log takes no entry, so nothing may be exchanged"
NOBODY = Subject((Identifier("DRILL", "nobody"),))


class DrillUnderWay(Exception):
    """Somebody else holds one in this process."""


@dataclass(frozen=True, slots=True)
class Drilled:
    """How many services were tried, how many refused for want of evidence, how many calls would have left."""

    tried: int
    refused: int
    left: int

    @property
    def passed(self) -> bool:
        """Nothing leaves without evidence."""
        return self.tried == self.refused and not self.left

    def __str__(self) -> str:
        verdict = "nothing leaves without evidence" if self.passed else "THE DRILL FAILED"
        return f"{self.tried} services tried, {self.refused} refused, {self.left} calls left: {verdict}"


async def drilled(gate: Gate, *, by: str, now: datetime) -> Drilled:
    """Hold the drill; it begins and ends with an entry. Exchanges of this process are refused meanwhile.

    Raises:
        DrillUnderWay: one at a time.
        LogUnavailable: the log takes no entry anyway.
    """
    watched = _Watched(gate)
    services = [offer.service.id for offer in gate.catalogue]
    with _stopped(gate.log):  # intents alone: what the drill has to say of itself is taken
        await gate.log.append(Entry(new_id(now), "drill.started", now, {"by": by}))
        refused = [await _refused(watched, service, now) for service in services]
        done = Drilled(len(services), sum(refused), watched.left)
        facts = {"by": by, "tried": done.tried, "refused": done.refused, "left": done.left}
        await gate.log.append(Entry(new_id(now), "drill.ended", now, facts))
    return done


class _Watched:
    """The gate, with the one line that talks to an agency replaced by a counter."""

    def __init__(self, gate: Gate) -> None:
        self._gate = gate
        self.left = 0

    async def opened(self, ask: Ask | Handover) -> Opened:
        return await self._gate.opened(ask)

    async def permit(self, ask: Ask | Handover) -> Permit:
        return await self._gate.permit(ask)

    async def charge(self, opened: Opened, ask: Ask | Handover, permit: Permit) -> None:
        await self._gate.charge(opened, ask, permit)

    async def remember(self, _ask: Ask, _permit: Permit, _raw: RawAnswer, _released: Mapping[str, object]) -> None:
        """A drill gets no answer."""

    async def fetch(self, _ask: Ask, _permit: Permit) -> RawAnswer:
        self.left += 1
        raise SourceUnavailable("A drill asks no source.")

    def normalise(self, ask: Ask, permit: Permit, raw: RawAnswer) -> Mapping[str, object]:
        return self._gate.normalise(ask, permit, raw)

    async def closed(self, opened: Opened, ask: Ask | Handover, closing: Closing) -> str:
        return await self._gate.closed(opened, ask, closing)


async def _refused(gate: _Watched, service: str, now: datetime) -> bool:
    ask = Ask("drill", service, "drill", NOBODY, now.date(), frozenset({"drill"}))
    try:
        await exchange(ask, gate)
    except NoEvidence:
        return True
    except ExchangeError:
        return False
    return False


@contextmanager
def _stopped(log: Log) -> Iterator[None]:
    if log.halted == STOPPED:
        raise DrillUnderWay
    before, log.halted = log.halted, STOPPED
    try:
        yield
    finally:
        if log.halted == STOPPED:  # else what watches the log has looked meanwhile, and knows better
            log.halted = before
