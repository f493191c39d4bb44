"""Reading and writing the rows of registered adapters. No rule stands here; see `steps`."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from hashlib import sha256
from typing import Any

from sqlalchemy import RowMapping, func, insert, select, text, update
from sqlalchemy.ext.asyncio import AsyncConnection

from . import tables
from .errors import AdapterUnknown
from .folder import Files


@dataclass(frozen=True, slots=True)
class Registered:
    """An adapter that an agency registered. `system` is the provider it speaks for."""

    id: str
    member: str
    system: str


@dataclass(frozen=True, slots=True)
class Version:
    """One state of the folder, and where it is in its life (`steps.STATES`)."""

    adapter: str
    number: int
    digest: str
    files: Mapping[str, str]
    declared: Mapping[str, Any]
    state: str
    by: str
    proposed_at: datetime
    changed_at: datetime
    share: int = 0
    inputs: str = ""
    report: Mapping[str, Any] = field(default_factory=dict)

    @property
    def grade(self) -> str:
        """`none` before it was tested."""
        return str(self.report.get("grade", "none"))

    @property
    def connector(self) -> bool:
        """Whether the agency runs this version in its own network."""
        return bool(self.declared.get("connector", False))

    def conformance(self) -> dict[str, Any]:
        """The grade as consumers see it: of which version, and what it is excused from for which reason."""
        return {"version": self.number, "grade": self.grade, "exempt": dict(self.report.get("exempt", {}))}

    @property
    def needed(self) -> frozenset[str]:
        """Names of the addresses and secrets that it refers to."""
        return frozenset(str(each).partition(":")[2] for each in self.declared["references"].values())


@dataclass(frozen=True, slots=True)
class Window:
    """A planned outage: from `starts_at` until just before `ends_at`."""

    id: str
    adapter: str
    starts_at: datetime
    ends_at: datetime
    by: str

    def covers(self, now: datetime) -> bool:
        """Whether the agency is off line now, as announced."""
        return self.starts_at <= now < self.ends_at


async def adapters(connection: AsyncConnection) -> list[Registered]:
    """All of them, by id."""
    rows = (await connection.execute(select(tables.adapter).order_by(tables.adapter.c.id))).mappings()
    return [Registered(row["id"], row["member_id"], row["system_id"]) for row in rows]


async def adapter(connection: AsyncConnection, id_: str, *, to_change: bool = False) -> Registered:
    """One of them. `to_change`: until the transaction ends nobody else changes it.

    Raises:
        AdapterUnknown: there is none.
    """
    statement = select(tables.adapter).where(tables.adapter.c.id == id_)
    row = (await connection.execute(statement.with_for_update() if to_change else statement)).mappings().first()
    if row is None:
        raise AdapterUnknown
    return Registered(row["id"], row["member_id"], row["system_id"])


async def add_adapter(connection: AsyncConnection, made: Registered, now: datetime) -> None:
    """A new row."""
    row = {"id": made.id, "member_id": made.member, "system_id": made.system, "changed_at": now}
    await connection.execute(insert(tables.adapter).values(row))


async def versions(connection: AsyncConnection, adapter_id: str) -> list[Version]:
    """All versions of one adapter, newest first."""
    held = tables.version.c
    statement = select(tables.version).where(held.adapter_id == adapter_id).order_by(held.number.desc())
    return [_version(row) for row in (await connection.execute(statement)).mappings()]


async def version(connection: AsyncConnection, adapter_id: str, number: int) -> Version:
    """One version. Raises AdapterUnknown: there is none."""
    found = next((each for each in await versions(connection, adapter_id) if each.number == number), None)
    if found is None:
        raise AdapterUnknown
    return found


async def live_versions(connection: AsyncConnection, states: Sequence[str]) -> list[Version]:
    """The versions of all adapters in these states."""
    statement = select(tables.version).where(tables.version.c.state.in_(states))
    return [_version(row) for row in (await connection.execute(statement)).mappings()]


async def add_version(connection: AsyncConnection, made: Version, files: Files) -> None:
    """A new version with its files; what another version has already is not stored again."""
    known = await _known(connection, list(made.files.values()))
    fresh = {sha256(each).hexdigest(): each for each in files.values()}
    rows = [{"digest": name, "bytes": each} for name, each in fresh.items() if name not in known]
    if rows:
        await connection.execute(insert(tables.content), rows)
    await connection.execute(insert(tables.version).values(_row(made)))


async def files_of(connection: AsyncConnection, found: Version) -> Files:
    """The files of a version."""
    held = tables.content.c
    statement = select(held.digest, held.bytes).where(held.digest.in_(list(found.files.values())))
    contents = {row.digest: row.bytes for row in await connection.execute(statement)}
    return {name: contents[each] for name, each in sorted(found.files.items())}


async def change_version(connection: AsyncConnection, found: Version, now: datetime, **changes: object) -> None:
    """Write members of one version: `state`, `share`, `inputs_id`, `report`."""
    held = tables.version.c
    this = (held.adapter_id == found.adapter) & (held.number == found.number)
    await connection.execute(update(tables.version).where(this).values(changes | {"changed_at": now}))


async def windows(connection: AsyncConnection, since: datetime, adapter_id: str = "") -> list[Window]:
    """Planned outages that are not over yet, the next one first."""
    held = tables.window.c
    statement = select(tables.window).where(held.ends_at > since).order_by(held.starts_at, held.id)
    if adapter_id:
        statement = statement.where(held.adapter_id == adapter_id)
    rows = (await connection.execute(statement)).mappings()
    return [Window(row["id"], row["adapter_id"], row["starts_at"], row["ends_at"], row["by"]) for row in rows]


async def counts(connection: AsyncConnection, adapter_id: str) -> dict[int, dict[str, int]]:
    """Version -> what was counted -> how often, over all days and processes."""
    held = tables.count.c
    total = func.sum(held.times)
    statement = select(held.number, held.what, total).where(held.adapter_id == adapter_id)
    found: dict[int, dict[str, int]] = {}
    for number, what, times in await connection.execute(statement.group_by(held.number, held.what)):
        found.setdefault(number, {})[what] = int(times)
    return found


ADD = text(
    "INSERT INTO registration_count (adapter_id, number, day, what, times)"
    " VALUES (:adapter, :number, :day, :what, :times)"
    " ON CONFLICT (adapter_id, number, day, what) DO UPDATE SET times = registration_count.times + :times"
)
FIRST = text(
    "INSERT INTO registration_count (adapter_id, number, day, what, times)"
    " VALUES (:adapter, :number, :day, :what, 1) ON CONFLICT (adapter_id, number, day, what) DO NOTHING"
)


async def generation(connection: AsyncConnection) -> int:
    """Raised with every change of what runs."""
    return int((await connection.execute(select(tables.generation.c.value))).scalar() or 0)


async def raise_generation(connection: AsyncConnection) -> None:
    """Let every process look again."""
    raised = await connection.execute(update(tables.generation).values(value=tables.generation.c.value + 1))
    if raised.rowcount == 0:
        await connection.execute(insert(tables.generation).values(id=1, value=1))


async def _known(connection: AsyncConnection, digests: Sequence[str]) -> set[str]:
    held = tables.content.c
    return set((await connection.execute(select(held.digest).where(held.digest.in_(digests)))).scalars())


def _row(made: Version) -> dict[str, Any]:
    return {
        "adapter_id": made.adapter,
        "number": made.number,
        "digest": made.digest,
        "files": dict(made.files),
        "declared": dict(made.declared),
        "state": made.state,
        "share": made.share,
        "inputs_id": made.inputs,
        "report": dict(made.report),
        "by": made.by,
        "proposed_at": made.proposed_at,
        "changed_at": made.changed_at,
    }


def _version(row: RowMapping) -> Version:
    what = (row["adapter_id"], row["number"], row["digest"], row["files"], row["declared"], row["state"])
    when = (row["by"], row["proposed_at"], row["changed_at"])
    return Version(*what, *when, share=row["share"], inputs=row["inputs_id"], report=row["report"])
