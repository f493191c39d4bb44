"""What the ids in sentences and lists are called: systems, members, officers, purposes, fields, kinds of numbers."""

import re
from collections.abc import Collection, Mapping

import orjson
from sqlalchemy import and_, or_

import pages
from consent import member_of
from consent.store import list_agreements

from .. import places
from ..people import SignedIn, access, officers
from ..profile import Profile
from ..wiring import Services

THE_GATEWAY, ITS_HOST = "the gateway", "the gateway's own host"
OFFICER_ID = re.compile(rf"OFF-[{officers.ALPHABET}]{{8}}", re.ASCII)


async def names_of(here: Services, who: SignedIn, shown: object = ()) -> Mapping[str, str]:
    """Id or code -> name, for `_phrase` and `named` in templates.

    Args:
        shown: what the page shows, JSON-like. Of the officers whose ids stand in it those are named whom `who` may see:
            of many thousand officers a page never reads more than it tells of.
    """
    known = await here.trust.register()
    ids = set(OFFICER_ID.findall(orjson.dumps(shown).decode()))
    people = await _officers(here, who, ids) if ids else {}
    profile = here.profile
    said = {**pages.FIELDS, **profile.numbers, **profile.purposes, **here.catalogue.titles, **ourselves(profile)}
    return {**said, **places.names(profile.folder), **people, **known.names}


def ourselves(profile: Profile) -> dict[str, str]:
    """What the gateway, whoever runs it, and its host are called where nobody has registered them."""
    ours = profile.gateway
    return {ours: THE_GATEWAY, member_of(ours): THE_GATEWAY, "gateway": THE_GATEWAY, officers.SHELL: ITS_HOST}


async def titles_of(here: Services, member: str | None = None) -> dict[str, str]:
    """Id -> title of each agreement, as its newest version has it; of one member, on either side, if named."""
    async with here.db.read() as connection:
        return {each.agreement.id: each.agreement.title for each in await list_agreements(connection, member)}


async def by_id(here: Services, query: Mapping[str, str]) -> dict[str, str]:
    """A search with the id where somebody typed what a system, a purpose or a service is called.

    Each is looked for among its own kind, in English and as the page shows it: a member may call its system like
    somebody else's purpose.
    """
    known = await here.trust.register()
    members = {each.id: each.name for each in known.members.values()}
    systems = {**{each.id: each.name for each in known.systems.values()}, **members}
    kinds: dict[str, Mapping[str, str]] = dict.fromkeys(("consumer", "provider", "system"), systems)
    kinds |= {"purpose": here.profile.purposes, "service": {**known.names, **here.catalogue.titles}}
    found = dict(query)
    if " " in query.get("agreement", ""):  # no id has one
        found["agreement"] = _id_of(query["agreement"], await titles_of(here))
    return found | {name: _id_of(query[name], kinds[name]) for name in kinds.keys() & query.keys()}


def _id_of(typed: str, names: Mapping[str, str]) -> str:
    wanted = typed.casefold()
    if typed in names:
        return typed
    return next((id_ for id_, name in names.items() if wanted in {name.casefold(), pages.said(name).casefold()}), typed)


async def _officers(here: Services, who: SignedIn, ids: Collection[str]) -> Mapping[str, str]:
    told = and_(access.visible(who, here.people.clock()), or_(*map(officers.named, ids)))
    async with here.db.read() as connection:
        return {each.id: each.name for each in await officers.listed(connection, told)}
