"""What the ids in sentences and lists are called: systems, members, officers, purposes, fields, what systems take."""

import re
from collections.abc import Collection, Mapping

import orjson
from sqlalchemy import and_, or_

import pages
from consent import member_of

from ..people import SignedIn, access, officers
from ..wiring import Services

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
    ours = here.profile.gateway
    itself = dict.fromkeys((ours, member_of(ours), "gateway"), "the gateway") | {
        officers.SHELL: "the gateway's own host"
    }
    return {**pages.FIELDS, **here.profile.purposes, **itself, **people, **known.names}


async def _officers(here: Services, who: SignedIn, ids: Collection[str]) -> Mapping[str, str]:
    told = and_(access.visible(who, here.people.clock()), or_(*map(officers.named, ids)))
    async with here.db.read() as connection:
        return {each.id: each.name for each in await officers.listed(connection, told)}
