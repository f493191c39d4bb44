"""Providers stay in charge: a provider stops a consumer at once, or approves each one, whatever was agreed.

Every function works inside the caller's transaction and commits nothing. A change raises the generation of the
agreements, so every process sees it at its next lookup. A row is ended, never changed or taken away.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from .errors import ControlConflict, ControlUnknown, DocumentInvalid
from .model import Control, member_of
from .moments import micros, moment
from .reading import RECIPIENT, SERVICE
from .store import RAISE_GENERATION
from .tables import control as table


@dataclass(frozen=True, slots=True)
class KeptControl:
    """A control as it is kept: why, since when, by whom."""

    control: Control
    reason: str
    placed_by: str
    placed_at: datetime
    ended_by: str


async def place(connection: AsyncConnection, control: Control, *, reason: str, by: str, now: datetime) -> KeptControl:
    """Place one: it counts from the moment the caller commits.

    Raises:
        DocumentInvalid: a party or the service is not spelled like one.
        ControlConflict: the same stands already.
    """
    _check_shape(control)
    await connection.execute(RAISE_GENERATION)  # first: concurrent changes take turns
    same = {"kind": control.kind, "provider": control.provider}
    same |= {"consumer": control.consumer, "service": control.service}
    standing = select(table.c.id).filter_by(**same).where(table.c.ended_at.is_(None))
    if (known := await connection.scalar(standing)) is not None:
        raise ControlConflict(f"the same stands already as {known}")
    kept = {"id": control.id, "reason": reason, "placed_by": by, "placed_at": micros(now), "ended_by": ""}
    await connection.execute(insert(table).values(same | kept))
    return KeptControl(control, reason, by, now, "")


async def end(connection: AsyncConnection, id_: str, *, member: str, by: str, now: datetime) -> Control:
    """End one that this member, or one of its systems, placed. Gives it as it was.

    Raises:
        ControlUnknown: there is none, or it was ended before.
    """
    await connection.execute(RAISE_GENERATION)
    row = (await connection.execute(select(table).where(table.c.id == id_))).mappings().first()
    if row is None or row["ended_at"] is not None or member_of(row["provider"]) != member:
        raise ControlUnknown
    await connection.execute(update(table).where(table.c.id == id_).values(ended_at=micros(now), ended_by=by))
    return control_from(row)


async def standing_controls(connection: AsyncConnection) -> Sequence[Control]:
    """Every one that was not ended."""
    rows = await connection.execute(select(table).where(table.c.ended_at.is_(None)).order_by(table.c.id))
    return [control_from(row) for row in rows.mappings()]


async def controls_of(connection: AsyncConnection, member: str) -> Sequence[KeptControl]:
    """Those that a member and its systems placed, ended ones included, newest first."""
    mine = (table.c.provider == member) | table.c.provider.startswith(f"{member}/", autoescape=True)
    rows = await connection.execute(select(table).where(mine).order_by(table.c.placed_at.desc(), table.c.id))
    return [
        KeptControl(control_from(row), row["reason"], row["placed_by"], moment(row["placed_at"]), row["ended_by"])
        for row in rows.mappings()
    ]


def _check_shape(control: Control) -> None:
    named = {"provider": control.provider}
    named |= {"consumer": control.consumer} if control.kind != "approve_each" else {}
    for name, party in named.items():
        if not re.fullmatch(RECIPIENT, party):
            raise DocumentInvalid(f"/{name}: must be a member or a system, like LK/GOV/EPF or LK/GOV/EPF/MEMBERS")
    if control.service and not re.fullmatch(SERVICE, control.service):
        raise DocumentInvalid("/service: must be the id of a service, like pension.contributions")


def control_from(row: Mapping[Any, Any]) -> Control:
    """A control from its row."""
    named = (row["id"], row["kind"], row["provider"], row["consumer"], row["service"])
    return Control(*named, moment(row["ended_at"]))
