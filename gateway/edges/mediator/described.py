"""Services that members describe by an OpenAPI file of their own, beside those that adapters answer.

They are listed and described; data flows only through what an agreement grants, so nothing is relayed to `serviceUrl`.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import ColumnElement, delete, insert, select
from sqlalchemy.ext.asyncio import AsyncConnection

from . import tables


@dataclass(frozen=True, slots=True)
class Described:
    """One service. `document` is its OpenAPI description, as text."""

    application: str
    code: str
    spec_url: str
    service_url: str
    document: str


async def of_application(connection: AsyncConnection, application: str) -> Sequence[Described]:
    """All of one application, by code."""
    return await _where(connection, tables.service.c.application == application)


async def of_member(connection: AsyncConnection, member: str) -> Sequence[Described]:
    """All of a member's applications."""
    return await _where(connection, tables.service.c.application.startswith(f"{member}/", autoescape=True))


async def _where(connection: AsyncConnection, condition: ColumnElement[bool]) -> Sequence[Described]:
    found = select(tables.service).where(condition).order_by(tables.service.c.application, tables.service.c.code)
    rows = (await connection.execute(found)).all()
    return [Described(row.application, row.code, row.spec_url, row.service_url, row.document) for row in rows]


async def put(connection: AsyncConnection, described: Described, now: datetime) -> None:
    """Add one, or take the place of the one before."""
    await remove(connection, described.application, described.code)
    row = {
        "application": described.application,
        "code": described.code,
        "spec_url": described.spec_url,
        "service_url": described.service_url,
        "document": described.document,
        "changed": now.timestamp(),
    }
    await connection.execute(insert(tables.service).values(row))


async def remove(connection: AsyncConnection, application: str, code: str) -> None:
    """Take one out; nothing where there is none."""
    same = (tables.service.c.application == application, tables.service.c.code == code)
    await connection.execute(delete(tables.service).where(*same))
