"""Searches that an officer keeps under a name. Nobody else sees them, and others' do not exist for anybody."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import delete, func, insert, select
from sqlalchemy.ext.asyncio import AsyncConnection

from audit import new_id

from . import tables
from .errors import NothingFound, ReviewRefused

MOST = 50
"""Kept by one officer."""


@dataclass(frozen=True, slots=True)
class Query:
    """A kept search; `filters` are those of the list of exchanges, by name."""

    id: str
    name: str
    filters: Mapping[str, str]

    def wire(self) -> dict[str, Any]:
        """As JSON."""
        return {"id": self.id, "name": self.name, "filters": dict(self.filters)}


async def kept_by(connection: AsyncConnection, officer: str) -> list[Query]:
    """What an officer keeps, by name."""
    table = tables.query.c
    query = select(table.id, table.name, table.filters).where(table.officer_id == officer).order_by(table.name)
    return [Query(row.id, row.name, row.filters) for row in await connection.execute(query)]


async def keep(
    connection: AsyncConnection, officer: str, name: str, filters: Mapping[str, str], now: datetime
) -> Query:
    """Keep one; another of the same name is replaced. Raises ReviewRefused: there are `MOST`."""
    table = tables.query
    mine = table.c.officer_id == officer
    await connection.execute(delete(table).where(mine, table.c.name == name))
    count = (await connection.execute(select(func.count()).select_from(table).where(mine))).scalar_one()
    if count >= MOST:
        raise ReviewRefused(f"You keep {MOST} searches; take one out first.")
    made = Query(str(new_id(now)), name, filters)
    values = {"id": made.id, "officer_id": officer, "name": name, "filters": dict(filters), "made_at": now}
    await connection.execute(insert(table).values(values))
    return made


async def take_out(connection: AsyncConnection, officer: str, id_: str) -> None:
    """Keep it no more. Raises NothingFound: this officer keeps none of this id."""
    table = tables.query
    gone = await connection.execute(delete(table).where(table.c.officer_id == officer, table.c.id == id_))
    if not gone.rowcount:
        raise NothingFound("kept search")
