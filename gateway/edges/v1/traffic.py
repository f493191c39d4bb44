"""`GET /v1/traffic`: what a member's systems asked, were asked and gave the gateway to do; what did not go through.

A system sees its own, the member's administrator those of all its systems. Ids and states only, never content, and
nothing that an answer did not tell. A group of dead letters goes out again when two people agree: propose
`letters.release` at `/v1/approvals`.
"""

from collections.abc import Collection, Mapping
from datetime import UTC, datetime, time, timedelta
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Depends, Query
from pydantic import Field
from sqlalchemy import Row

from audit import Wanted
from consent import member_of
from consent.model import HANDED_OVER

from ...delivery import letters
from ...delivery.jobs import KEPT
from ...delivery.status import recent, tries
from ...errors import HIDDEN, shown_as
from ...gate import utc_now
from ...review.errors import NothingFound
from ...review.search import Exchange, Filters, one_exchange
from ...wiring import Services
from ..body import StrictRoute
from .asking import bad
from .audit import Before, page_of, place_of, turns
from .deps import services
from .party import Keeper, Party, Reader, kept
from .problems import ProblemError
from .shapes import Code, Day, Reference, Shape

router = APIRouter(tags=["jobs"], route_class=StrictRoute)
Here = Annotated[Services, Depends(services)]
MOST = 100
SIDES = {"by_us": "consumer", "of_us": "provider"}
"""Direction -> the side of an exchange on which the own system stands."""
Ended = Literal["answered", "not_available", "source_down", "source_stale", "no_link", "our_error", "unknown"]
"""What is looked for. Outcomes that an answer may hide are one: a search tells no more than an answer."""


@router.get("/traffic")
async def get_traffic(who: Keeper, here: Here) -> dict[str, Any]:
    """The newest hundred pieces of work, and the groups of dead letters that were meant for these systems."""
    systems = kept(who, (await here.trust.register()).systems)
    targets = letters.targets(systems)
    found = [(each.id, one) for each in systems for one in await recent(here.db, each.id, utc_now(), most=MOST)]
    newest = sorted(found, key=lambda pair: -pair[1].created)[:MOST]
    async with here.db.read() as connection:
        dead = [each.wire() for each in await letters.groups(connection) if each.target in targets]
    return {"work": [one.wire() | {"system": system} for system, one in newest], "letters": dead}


class TrafficIn(Shape):
    """The filters of `GET /v1/traffic/exchanges`; both days are included, by the country's clocks."""

    start: Day | None = Field(None, alias="from")
    end: Day | None = Field(None, alias="to")
    service: Code | None = None
    outcome: Ended | None = None
    direction: Literal["by_us", "of_us"] | None = None
    before: Before = ""
    after: Before = ""
    limit: Annotated[int, Field(ge=1, le=200)] = 25

    def filters(self, systems: Collection[str], here: Services) -> Filters:
        """What is looked for: each own system on each side, by its index. Raises ProblemError."""
        if self.start and self.end and self.start > self.end:
            raise bad("query", "`from` is not after `to`.")
        zone, day = here.profile.zone, timedelta(days=1)
        since = datetime.combine(self.start, time(), zone) if self.start else None
        until = datetime.combine(self.end + day, time(), zone) if self.end else None
        window = Wanted(
            since=since, until=until, limit=self.limit, before=place_of(self.before), after=place_of(self.after)
        )
        sides = [SIDES[self.direction]] if self.direction else list(SIDES.values())
        codes = sorted(HIDDEN) if self.outcome == "not_available" else [self.outcome]
        ends = [(("outcome", each),) if each else () for each in codes]
        any_of = [((side, system), *end) for side in sides for system in sorted(systems) for end in ends]
        facts = (("service", self.service),) if self.service else ()
        return Filters(facts, window=window, any_of=tuple(any_of))


@router.get("/traffic/exchanges", responses={400: {}})
async def get_traffic_exchanges(wanted: Annotated[TrafficIn, Query()], who: Reader, here: Here) -> dict[str, object]:
    """Exchanges that the own systems asked, and that were asked of them, the newest first.

    `untold` says why what is null is: `hidden` (the answer told no more), `not_decided`, `several` (one a line), `none`
    (no agreement allowed it), `not_tried`, `never_tried` (it ended before), or `erased` (kept for seven days).
    `next` is the `before` of the page after this one, `previous` the `after` of the one before it.
    """
    systems = await _own(who, here)
    window, page = await page_of(here, wanted.filters(systems, here))
    tried = await tries(here.db, [each.id for each in page])
    lines = [_line(each, systems, tried.get(each.id)) for each in page]
    return {"exchanges": lines} | turns(window, [each.place for each in page])


@router.get("/traffic/exchanges/{exchange_id}", responses={404: {}})
async def get_traffic_exchange(exchange_id: Reference, who: Reader, here: Here) -> dict[str, object]:
    """One of them: how its tries went, and the dead letters it waits among, where these are for the own systems."""
    systems = await _own(who, here)
    found = await _one(exchange_id, here)
    if found is None or systems.isdisjoint(_facts(found).get(side) for side in SIDES.values()):
        raise ProblemError("not_found", "Your systems have no such exchange.")
    tried = (await tries(here.db, [found.id])).get(found.id)
    told = _line(found, systems, tried)
    job: dict[str, object] = {"state": None, "last_failure": None, "next_at": None}
    if tried and told["attempts"] is not None:
        later = tried.state == "ready" and tried.not_before > utc_now().timestamp()
        next_at = datetime.fromtimestamp(tried.not_before, UTC).isoformat() if later else None
        job = {"state": tried.state, "last_failure": tried.failure or None, "next_at": next_at}
    erased = _erased_on(found, here) if told["untold"].get("attempts") == "erased" else None
    return told | job | {"erased_on": erased, "letters": await _letters(found.id, systems, here)}


def _erased_on(found: Exchange, here: Services) -> str:
    """The day, by the country's clocks, on which what was kept of its tries was erased."""
    return (found.entries[0].at + KEPT).astimezone(here.profile.zone).date().isoformat()


async def _one(exchange_id: str, here: Services) -> Exchange | None:
    try:
        return await here.log.store.read(lambda connection: one_exchange(connection, exchange_id))
    except NothingFound:
        return None


async def _letters(exchange_id: str, systems: Collection[str], here: Services) -> dict[str, object] | None:
    """The group of dead letters that it waits in, for whom that is meant; as a proposal to release it names it."""
    register = (await here.trust.register()).systems
    meant = letters.targets(each for each in register.values() if each.id in systems)
    async with here.db.read() as connection:
        group = await letters.group_of(connection, exchange_id)
    named: dict[str, object] = {"kind": group.kind, "cause": group.cause, "target": group.target} if group else {}
    return named if named.get("target") in meant else None


def _facts(found: Exchange) -> dict[str, Any]:
    return {name: value for each in (found.intent, found.outcome) if each for name, value in each.facts.items()}


def _line(found: Exchange, systems: Collection[str], tried: Row[Any] | None) -> dict[str, Any]:
    """An exchange as its side may see it: who asked is told an outcome as the answer told it, and nothing beside it."""
    facts = _facts(found)
    asked = facts.get("consumer") in systems
    ended, may_know = facts.get("outcome"), not asked or facts.get("may_know_existence") is True
    told = shown_as(str(ended), may_know) if ended else None
    hidden = told != ended
    agreement = None if hidden else facts.get("agreement")
    attempts = None if hidden else _attempts(facts, tried)
    untold = {"agreement": _no_agreement(facts, hidden)} if agreement is None else {}
    untold |= {"attempts": _no_attempts(found, ended, hidden)} if attempts is None else {}
    own, other = ("consumer", "provider") if asked else ("provider", "consumer")
    return {
        "exchange_id": found.id,
        "at": found.entries[0].at.isoformat(),
        "direction": "by_us" if asked else "of_us",
        "system": facts.get(own),
        "other": facts.get(other),
        "outcome": told,
        "agreement": agreement,
        "attempts": attempts,
        "untold": untold,
    } | {name: facts.get(name) for name in ("service", "action", "purpose", "lines")}


def _no_agreement(facts: Mapping[str, object], hidden: bool) -> str:
    """Why no agreement is told."""
    if hidden:
        return "hidden"
    if "lines" in facts:
        return "several"
    return "none" if facts.get("outcome") else "not_decided"


def _no_attempts(found: Exchange, ended: object, hidden: bool) -> str:
    """Why it is not told how often it was tried."""
    if hidden:
        return "hidden"
    if not ended:
        return "not_tried"
    return "erased" if found.entries[0].at + KEPT <= utc_now() else "never_tried"


def _attempts(facts: Mapping[str, object], tried: Row[Any] | None) -> int | None:
    """How often it was tried; None where that is not kept any more. What is answered at once is tried once."""
    if tried:
        return int(tried.attempts)
    return None if "lines" in facts or facts.get("action") in HANDED_OVER else 1


async def _own(who: Party, here: Services) -> frozenset[str]:
    """A system itself; of a member all its systems and what it is linked as. Nobody has those of everybody here."""
    if not who.officer:
        return frozenset({who.by})
    known = {*(await here.trust.register()).systems, *(offer.provider for offer in here.catalogue)}
    return frozenset(each for each in known if member_of(each) == who.member)
