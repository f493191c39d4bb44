"""One registered adapter while it answers: which version an exchange gets, planned outages, shadow, drift.

An exchange stays with one version from its question to its record: the answer remembers which one gave it, so a release
or a rollback in between changes nothing for what is under way.
"""

import asyncio
import hashlib
import logging
from collections import Counter
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass, field, fields
from datetime import datetime

from adapters.kit.contract import (
    Adapter,
    AgencyAnswerMalformed,
    AgencyError,
    AgencyUnavailable,
    AnswersLater,
    Handed,
    Item,
    Question,
    RawAnswer,
    TakesHooks,
)
from adapters.kit.egress import Dialler

from ..current_exchange import CURRENT_EXCHANGE
from .drift import Drift
from .store import Window

logger = logging.getLogger("sandhi.registration")

MOST_SHADOWS = 16


@dataclass(frozen=True, slots=True)
class Running:
    """One opened version. `services`: full ids; `dialler`: has its connections; `share`: a canary's, in per cent."""

    number: int
    adapter: Adapter
    services: frozenset[str]
    dialler: Dialler
    share: int = 0
    drift: Drift = field(default_factory=Drift)

    async def close(self) -> None:
        """Close what is idle; what is under way ends by itself."""
        await self.adapter.close()
        await self.dialler.close()


@dataclass(frozen=True, slots=True)
class Answered(RawAnswer):
    """An agency's answer that remembers which version gave it."""

    by: Running | None = None


class PlannedOutage(AgencyUnavailable):
    """The agency said beforehand that it is off line now."""

    def __init__(self, window: Window, now: datetime) -> None:
        until = window.ends_at.strftime("%Y-%m-%dT%H:%M:%SZ")
        super().__init__(
            f"The source is under planned maintenance until {until}; ask again then.", code="planned_outage"
        )
        self.back_in_s = max(1, int((window.ends_at - now).total_seconds()) + 1)


class VersionedAdapter:
    """Implements `Adapter` over the versions of one registered adapter that run now. Replaced whole by every change."""

    def __init__(
        self,
        id_: str,
        active: Running,
        *,
        canary: Running | None = None,
        shadow: Running | None = None,
        windows: Sequence[Window] = (),
        clock: Callable[[], datetime],
        counted: Counter[tuple[str, int, str]],
    ) -> None:
        """`counted` is shared with whoever writes the counts: (adapter, version, what) -> times."""
        self.id = id_
        self.active, self.canary, self.shadow = active, canary, shadow
        self._windows, self._clock, self._counted = tuple(windows), clock, counted
        self._comparing: set[asyncio.Task[None]] = set()

    async def ask(self, question: Question) -> RawAnswer:
        """See `Adapter.ask`. Raises PlannedOutage in a planned outage."""
        self._check_open()
        version = self._chosen(question.service, CURRENT_EXCHANGE.get())
        raw = self._noted(version, await self._asked(version, question))
        self._shadowed(question, raw)
        return raw

    async def ask_many(self, questions: Sequence[Question]) -> AsyncIterator[tuple[int, RawAnswer | AgencyError]]:
        """See `Adapter.ask_many`: each line by the version that its place gives it."""
        try:
            self._check_open()
        except PlannedOutage as outage:
            for place in range(len(questions)):
                yield place, outage
            return
        key = CURRENT_EXCHANGE.get()
        chosen = [self._chosen(each.service, f"{key}:{place}") for place, each in enumerate(questions)]
        for version in (self.active, self.canary):
            places = [place for place, each in enumerate(chosen) if each is version]
            if version is None or not places:
                continue
            async for line, answer in version.adapter.ask_many([questions[place] for place in places]):
                if isinstance(answer, AgencyError):
                    self._note_error(version, answer)
                    yield places[line], answer
                else:
                    yield places[line], self._noted(version, answer)

    async def deliver(self, item: Item) -> Handed:
        """See `Adapter.deliver`; an item's id is its exchange's."""
        self._check_open()
        version = self._chosen(item.service, item.id)
        self._count(version, "asked")
        try:
            return await version.adapter.deliver(item)
        except AgencyError as error:
            self._note_error(version, error)
            raise

    def normalise(self, service: str, raw: RawAnswer) -> dict[str, object]:
        """See `Adapter.normalise`: by the version that gave the answer."""
        version = (raw.by if isinstance(raw, Answered) else None) or self.active
        try:
            return version.adapter.normalise(service, raw)
        except AgencyAnswerMalformed:
            version.drift.see_broken()
            self._count(version, "malformed")
            raise

    @property
    def hooks(self) -> TakesHooks | None:
        """Who reads what the agency calls us for: the active version, if it says how; also in a planned outage."""
        return self.active.adapter if isinstance(self.active.adapter, TakesHooks) else None

    @property
    def versions(self) -> Sequence[Adapter]:
        """What answers now, the active one last: each has lists of codes of its own."""
        return [each.adapter for each in (self.shadow, self.canary, self.active) if each is not None]

    async def close(self) -> None:
        """Nothing: versions are closed by who opened them, when none of them runs any more."""

    async def settled(self) -> None:
        """Wait for what the shadow is still asked."""
        while self._comparing:
            await asyncio.gather(*self._comparing)

    def _check_open(self) -> None:
        if not self._windows:
            return
        now = self._clock()
        for each in self._windows:
            if each.covers(now):
                raise PlannedOutage(each, now)

    def _chosen(self, service: str, key: str) -> Running:
        canary = self.canary
        if canary is None or service not in canary.services:
            return self.active
        return canary if _place(key) < canary.share else self.active

    async def _asked(self, version: Running, question: Question) -> RawAnswer:
        self._count(version, "asked")
        try:
            return await version.adapter.ask(question)
        except AgencyError as error:
            self._note_error(version, error)
            raise

    def _noted(self, version: Running, raw: RawAnswer) -> Answered:
        if version.drift.see(raw.payload):
            self._count(version, "unknown_members")
        self._count(version, "answers")
        return Answered(**{each.name: getattr(raw, each.name) for each in fields(RawAnswer)}, by=version)

    def _note_error(self, version: Running, error: AgencyError) -> None:
        if isinstance(error, AgencyAnswerMalformed):
            version.drift.see_broken()
            self._count(version, "malformed")
        elif isinstance(error, AgencyUnavailable):
            self._count(version, "unavailable")
        else:
            self._count(version, "said_no")

    def _count(self, version: Running, what: str) -> None:
        self._counted[self.id, version.number, what] += 1

    def _shadowed(self, question: Question, raw: Answered) -> None:
        """Ask the shadow the same, beside the caller: nobody waits for it and nothing of it is released."""
        shadow = self.shadow
        if shadow is None or question.service not in shadow.services:
            return
        if len(self._comparing) >= MOST_SHADOWS:
            self._count(shadow, "shadow_skipped")
            return
        task = asyncio.create_task(self._compared(shadow, question, raw))
        self._comparing.add(task)
        task.add_done_callback(self._comparing.discard)

    async def _compared(self, shadow: Running, question: Question, raw: Answered) -> None:
        """Count whether the records are the same; which fields differ, never how."""
        ours, theirs = await asyncio.gather(
            _record(raw.by or self.active, question, raw), _record(shadow, question, None), return_exceptions=True
        )
        if isinstance(ours, BaseException) or isinstance(theirs, BaseException):
            broken = [isinstance(each, BaseException) for each in (ours, theirs)]
            what = {(True, True): "shadow_same", (True, False): "shadow_only", (False, True): "shadow_failed"}
            self._count(shadow, what[broken[0], broken[1]])
            if isinstance(theirs, Exception) and not isinstance(theirs, AgencyError):
                logger.error("a shadow of %s failed: %s", self.id, type(theirs).__name__)
            return
        differing = [name for name in ours.keys() | theirs.keys() if ours.get(name) != theirs.get(name)]
        self._count(shadow, "shadow_different" if differing else "shadow_same")
        for name in differing:
            self._count(shadow, f"differs:{name}")


class VersionedAdapterLater(VersionedAdapter):
    """One whose active version takes questions now and is answered later (`contract.AnswersLater`)."""

    async def ask_later(self, question: Question, reference: str) -> None:
        """See `AnswersLater.ask_later`; the answer is mapped by the version that is active when it comes."""
        self._check_open()
        self._count(self.active, "asked")
        assert isinstance(self.active.adapter, AnswersLater)
        try:
            await self.active.adapter.ask_later(question, reference)
        except AgencyError as error:
            self._note_error(self.active, error)
            raise


async def _record(version: Running, question: Question, raw: RawAnswer | None) -> dict[str, object]:
    answer = raw or await version.adapter.ask(question)
    return version.adapter.normalise(question.service, answer)


def _place(key: str) -> int:
    """Where an exchange stands between 0 and 99: the same for each try of it, spread evenly over all."""
    return int.from_bytes(hashlib.sha256(key.encode()).digest()[:4], "big") * 100 >> 32
