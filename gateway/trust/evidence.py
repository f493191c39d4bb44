"""How trust writes to the log: one entry a change, in the change's own transaction."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Protocol

from sqlalchemy import insert, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection

from audit import Entry, new_id

from . import tables
from .errors import RegistrationRefused


class Log(Protocol):
    """The one thing trust needs of `audit.Log`."""

    async def append_in(self, connection: AsyncConnection, entry: Entry) -> object:
        """Inside the caller's transaction; `str()` of what it gives is the receipt."""


def entry(kind: str, now: datetime, facts: Mapping[str, object]) -> Entry:
    """An entry about an organisation, a system or a key: never about a person."""
    return Entry(new_id(now), kind, now, facts)


async def recorded(connection: AsyncConnection, log: Log, kind: str, now: datetime, **facts: object) -> str:
    """Raise the register's generation, by which every process looks again, and write the entry; gives its receipt."""
    raised = await connection.execute(update(tables.generation).values(value=tables.generation.c.value + 1))
    if raised.rowcount == 0:
        await connection.execute(insert(tables.generation).values(id=1, value=1))
    return str(await log.append_in(connection, entry(kind, now, facts)))


def act(**said: str) -> dict[str, str]:
    """Who did it (`by`), why (`reason`, which names no person), after which `approval`; what is empty is left out."""
    return {name: text for name, text in said.items() if text}


async def inserted(connection: AsyncConnection, statement: Any, taken: str) -> None:
    """Insert a row, or raise RegistrationRefused with `taken` when its key is."""
    try:
        async with connection.begin_nested():
            await connection.execute(statement)
    except IntegrityError:
        raise RegistrationRefused(taken) from None
