"""Reading evidence needs a reason and is itself an entry; free text is kept beside the log, which commits to it."""

import re
from collections.abc import Mapping
from datetime import datetime

from sqlalchemy import insert, select
from sqlalchemy.ext.asyncio import AsyncConnection

from audit import Entry, Log, commit, new_id
from audit.randomness import new_salt

from ..profile import Profile
from . import tables
from .errors import ReviewRefused

SHORTEST_REASON = 10
WORD = re.compile(r"[A-Za-z0-9-]+", re.ASCII)


def check_text(text: str, profile: Profile) -> str:
    """The text, if no word of it has the form of a person's number: the log could never forget it.

    Raises:
        ReviewRefused: one has; the text names the type, never the value.
    """
    for kind in sorted(profile.recognisable):
        if any(profile.patterns[kind].fullmatch(word) for word in WORD.findall(text)):
            raise ReviewRefused(f"The text holds something of the form of an identifier of type {kind}; leave it out.")
    return text


def check_reason(reason: str, profile: Profile) -> str:
    """A reason for reading, of ten characters or more, that names no person by a number. Raises ReviewRefused."""
    if len(reason.strip()) < SHORTEST_REASON:
        raise ReviewRefused(f"Say why in {SHORTEST_REASON} characters or more; it becomes an entry of the log.")
    return check_text(reason.strip(), profile)


async def note_reading(log: Log, *, by: str, how: str, reason: str, now: datetime, **facts: object) -> None:
    """Write that somebody reads evidence, before it is read. It is in nobody's index, so there is no loop.

    Args:
        how: which kind of reading: `search`, `exchange`, `bundle`, ...
        facts: which filters were used and how much was found; never a value about a person.

    Raises:
        LogUnavailable: then nothing may be shown.
    """
    told = {"by": by, "how": how, "reason": reason, **facts}
    await log.append(Entry(new_id(now), "evidence.read", now, told))


async def noted(connection: AsyncConnection, log: Log, kind: str, now: datetime, facts: Mapping[str, object]) -> str:
    """An entry in the transaction of what it tells; gives the receipt."""
    return str(await log.append_in(connection, Entry(new_id(now), kind, now, facts)))


async def kept_text(connection: AsyncConnection, about: str, by: str, text: str, now: datetime) -> str:
    """Keep a remark beside the log; gives the commitment for its entry."""
    salt = new_salt()
    row = {"about": about, "by": by, "at": now, "text": text, "salt": salt.hex()}
    await connection.execute(insert(tables.comment).values(row))
    return commit("remark", salt, text.encode())


async def texts_about(connection: AsyncConnection, about: str) -> list[dict[str, object]]:
    """The remarks on something, oldest first."""
    table = tables.comment.c
    query = select(table.by, table.at, table.text).where(table.about == about).order_by(table.number)
    rows = (await connection.execute(query)).all()
    return [{"by": row.by, "at": row.at.isoformat(), "text": row.text} for row in rows]
