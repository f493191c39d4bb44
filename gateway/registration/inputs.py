"""Addresses and secrets of a registered adapter: written once as a set, sealed, and never read by anybody again.

A set is never changed. Another secret is another set (with the rest taken over), and what runs in production is bound
to one set by the release that two people made; so an address cannot be turned under an approval.
"""

import json
import re
from collections.abc import Callable, Mapping
from datetime import datetime

from sqlalchemy import insert, select
from sqlalchemy.ext.asyncio import AsyncConnection

from audit import new_id

from ..trust.addresses import MayDial, check_address
from ..trust.evidence import Log, entry
from ..trust.seal import Seal
from . import tables
from .errors import StepRefused

STAGES = ("test", "production")
LONGEST = 16 * 1024
MOST = 50
_NAME = re.compile(r"[A-Z][A-Z0-9_]{0,59}", re.ASCII)


async def given(
    connection: AsyncConnection,
    log: Log,
    seal: Seal,
    adapter: str,
    stage: str,
    values: Mapping[str, str],
    *,
    by: str,
    now: datetime,
) -> tuple[str, list[str]]:
    """Keep a new set of checked values: the one before with these in place; gives its id and the names it has.

    Raises:
        StepRefused: more than an adapter may have.
    """
    before = await newest(connection, adapter, stage)
    merged = {**(await opened(connection, seal, before) if before else {}), **values}
    if len(merged) > MOST:
        raise StepRefused(f"an adapter has at most {MOST} inputs")
    id_ = str(new_id(now))
    names = sorted(merged)
    row = {
        "id": id_,
        "adapter_id": adapter,
        "stage": stage,
        "names": names,
        "sealed": seal.sealed(f"registration_inputs:{id_}", json.dumps(merged).encode()),
        "by": by,
        "at": now,
    }
    await connection.execute(insert(tables.inputs).values(row))
    facts = {"by": by, "adapter": adapter, "stage": stage, "inputs": id_, "names": names, "changed": sorted(values)}
    await log.append_in(connection, entry("adapter.inputs_set", now, facts))
    return id_, names


async def newest(connection: AsyncConnection, adapter: str, stage: str) -> str:
    """The id of the newest set of a stage; empty without one."""
    held = tables.inputs.c
    statement = select(held.id).where(held.adapter_id == adapter, held.stage == stage)
    return (await connection.execute(statement.order_by(held.at.desc(), held.id.desc()).limit(1))).scalar() or ""


async def names_of(connection: AsyncConnection, id_: str) -> list[str]:
    """The names that a set has."""
    statement = select(tables.inputs.c.names).where(tables.inputs.c.id == id_)
    return list((await connection.execute(statement)).scalar() or ())


async def opened(connection: AsyncConnection, seal: Seal, id_: str) -> dict[str, str]:
    """The values of a set, for the process that asks the agency; nothing of no set. Raises SealBroken."""
    if not id_:
        return {}
    blob = (await connection.execute(select(tables.inputs.c.sealed).where(tables.inputs.c.id == id_))).scalar_one()
    found: dict[str, str] = json.loads(seal.opened(f"registration_inputs:{id_}", blob))
    return found


def lookup(values: Mapping[str, str]) -> Callable[[str], str]:
    """Value by name, for a kit. The gateway's own settings and environment are out of its reach."""
    return values.__getitem__


def check(stage: str, values: Mapping[str, str], may_dial: MayDial) -> None:
    """Raise unless these can be inputs.

    Raises:
        StepRefused: no such stage, or a name or value that cannot be one.
        AddressRefused: an address that is never dialled.
    """
    if stage not in STAGES:
        raise StepRefused(f"a stage is one of {', '.join(STAGES)}")
    for name, value in values.items():
        if not _NAME.fullmatch(name):
            raise StepRefused("an input is named as the manifest names it: capital letters, digits and `_`")
        if not value or len(value) > LONGEST or "\x00" in value:
            raise StepRefused(f"{name} is empty or longer than {LONGEST} characters")
        if "://" in value or name.endswith("_URL"):
            check_address(name, value, may_dial)
