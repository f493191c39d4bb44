"""What the filters of a search name: a member's id stands for all its systems, and a wrong id is told as such."""

from collections.abc import Collection
from dataclasses import replace
from itertools import product

from consent import member_of
from consent.errors import AgreementUnknown
from consent.store import read_agreement

from ...review.breach import Criteria
from ...review.errors import ReviewRefused
from ...review.search import SIDES, Facts, Filters
from ...wiring import Services

WRONG = {
    "agreement": "No agreement has this identifier; nothing was opened.",
    "system": "No system and no member has this name or identifier; nothing was opened.",
}


async def of_members(here: Services, filters: Filters) -> Filters:
    """The same search, with all systems of a member where a filter names the member."""
    if not filters.system and not any(name in SIDES for name, _ in filters.facts):
        return filters
    known = await systems_known(here)
    facts = tuple((name, value) for name, value in filters.facts if name not in SIDES or value in known)
    wide = [(name, value) for name, value in filters.facts if (name, value) not in facts]
    ways: list[list[Facts]] = [[((name, each),) for each in _systems(value, known)] for name, value in wide]
    if filters.system:
        ways.append([((side, each),) for side in SIDES for each in _systems(filters.system, known)])
    if not ways:
        return filters
    any_of = tuple(sum(some, ()) for some in product(*ways))
    return replace(filters, facts=facts, system="", any_of=any_of)


def _systems(named: str, known: Collection[str]) -> tuple[str, ...]:
    return tuple(each for each in sorted(known) if named in {each, member_of(each)}) or (named,)


async def of_case(here: Services, wanted: Criteria) -> Criteria:
    """What a breach affects, with all systems of a member where it names the member."""
    return replace(wanted, systems=_systems(wanted.system, await systems_known(here)) if wanted.system else ())


async def check_case_named(here: Services, wanted: Criteria) -> None:
    """Before the clock runs for nothing: for who has found nothing. Raises ReviewRefused."""
    facts = (("agreement", wanted.agreement),) if wanted.agreement else ()
    if unknown := await nobody_has(here, Filters(facts, wanted.system)):
        raise ReviewRefused(WRONG[unknown[0]])


async def systems_known(here: Services) -> Collection[str]:
    """Those that are registered, and those that adapters stand for."""
    return {*(await here.trust.register()).systems, *(offer.provider for offer in here.catalogue)}


async def nobody_has(here: Services, filters: Filters) -> list[str]:
    """The filters whose id nobody has here, by name; for who has found nothing."""
    register = await here.trust.register()
    systems = {*await systems_known(here), *register.members}
    named = [*filters.facts, *([("system", filters.system)] if filters.system else [])]
    known = dict.fromkeys((*SIDES, "system"), systems) | {"purpose": here.profile.purposes.keys()}
    known["service"] = {*(offer.service.id for offer in here.catalogue), *register.names}
    unknown = {name for name, value in named if name in known and value not in known[name]}
    agreement = dict(filters.facts).get("agreement")
    if agreement and not await _agreed(here, agreement):
        unknown.add("agreement")
    return sorted(unknown)


async def _agreed(here: Services, agreement: str) -> bool:
    async with here.db.read() as connection:
        try:
            await read_agreement(connection, agreement)
        except AgreementUnknown:
            return False
    return True
