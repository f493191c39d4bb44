"""What the ids in sentences and lists are called: systems, members, purposes and officers that are registered."""

import re
from collections.abc import Mapping

import orjson
from sqlalchemy import and_, or_

from consent import member_of

from ..people import SignedIn, access, officers
from ..trust import register
from ..wiring import Services

OFFICER_ID = re.compile(rf"OFF-[{officers.ALPHABET}]{{8}}", re.ASCII)


async def names_of(here: Services, who: SignedIn, shown: object = ()) -> Mapping[str, str]:
    """Id or code -> name, for `_phrase` and `named` in templates.

    Args:
        shown: what the page shows, JSON-like. Of the officers whose ids stand in it those are named whom `who` may see:
            of many thousand officers a page never reads more than it tells of.
    """
    systems = (await here.trust.register()).systems
    ids = set(OFFICER_ID.findall(orjson.dumps(shown).decode()))
    async with here.db.read() as connection:
        members = {each.id: each.name for each in await register.members(connection)}
        told = and_(access.visible(who, here.people.clock()), or_(*map(officers.named, ids))) if ids else None
        near = () if told is None else await officers.listed(connection, told)
    ours = here.profile.gateway
    itself = dict.fromkeys((ours, member_of(ours), "gateway"), "the gateway") | {
        officers.SHELL: "the gateway's own host"
    }
    people = {each.id: each.name for each in near}
    return {**here.profile.purposes, **itself, **members, **people, **{each.id: each.name for each in systems.values()}}
