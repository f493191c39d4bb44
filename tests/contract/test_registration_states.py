"""The life of a version as a table: what each step makes of each state, and that a refused step changes nothing."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from gateway.db import Database
from gateway.registration import steps, store, tables
from gateway.registration.errors import StepRefused
from gateway.registration.steps import Release
from gateway.registration.store import Registered, Version
from tests.trusting import LogInMemory

NOW = datetime(2026, 11, 1, tzinfo=UTC)
ACTIVE, OURS = 1, 2
WITHDRAWN_FROM = {"canary", "shadow"}
RELEASED_FROM = {"tested", "shadow", "canary", "active", "superseded", "withdrawn"}


class World:
    """Version 1 is active; version 2 is in the state of the test."""

    def __init__(self, db: Database) -> None:
        self.db, self.log = db, LogInMemory()

    async def has(self, state: str, *, grade: str = "bronze", sends: tuple[str, ...] = ("NIC",)) -> None:
        async with self.db.write() as connection:
            await store.add_adapter(connection, Registered("x", "LK/GOV/A", "LK/GOV/A/S"), NOW)
            given = {"id": "I", "adapter_id": "x", "stage": "production", "names": ["URL"], "sealed": b"", "by": "a"}
            await connection.execute(tables.inputs.insert().values(given | {"at": NOW}))
            for number, each in ((ACTIVE, "active"), (OURS, state)):
                told = ("NIC",) if number == ACTIVE else sends
                declared = {"references": {"base_url": "setting:URL"}, "services": {"x.s": {"sends": list(told)}}}
                share = 50 if each == "canary" else 0
                made = Version(
                    "x", number, f"d{number}", {}, declared, each, "a", NOW, NOW, share, "I", {"grade": grade}
                )
                await store.add_version(connection, made, {})

    async def states(self) -> dict[int, str]:
        async with self.db.read() as connection:
            return {each.number: each.state for each in await store.versions(connection, "x")}

    async def release(self, way: str = "active", share: int = 0, **changes: object) -> None:
        wanted = Release.read(Release(OURS, "d2", "I", way, share).document() | changes)
        async with self.db.write() as connection:
            await steps.release(connection, self.log, "x", wanted, by="b", approval="P", now=NOW)

    async def step(self, name: str) -> None:
        async with self.db.write() as connection:
            found = await store.version(connection, "x", OURS)
            if name == "lower":
                await steps.lower(connection, self.log, found, 10, by="a", now=NOW)
            else:
                await getattr(steps, name)(connection, self.log, found, by="a", now=NOW)

    async def rollback(self) -> None:
        async with self.db.write() as connection:
            await steps.rollback(connection, self.log, "x", by="a", now=NOW)


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    db = Database(f"sqlite+aiosqlite:///{tmp_path / 'x.db'}")
    async with db.write() as connection:
        await connection.run_sync(tables.metadata.create_all)
    yield World(db)
    await db.close()


@pytest.mark.parametrize("state", steps.STATES)
async def test_release_is_for_what_was_tested_and_takes_the_others_place(world: World, state: str) -> None:
    await world.has(state)
    if state not in RELEASED_FROM:
        with pytest.raises(StepRefused):
            await world.release()
        assert (await world.states())[OURS] == state
        assert world.log.entries == []
        return
    await world.release()
    assert await world.states() == {ACTIVE: "superseded", OURS: "active"}


@pytest.mark.parametrize("state", steps.STATES)
@pytest.mark.parametrize(
    ("step", "allowed", "after"),
    [
        ("withdraw", WITHDRAWN_FROM, "withdrawn"),
        ("lower", {"canary"}, "canary"),
        ("retire", set(steps.STATES) - {"retired"}, "retired"),
    ],
    ids=["withdraw", "lower", "retire"],
)
async def test_one_person_only_lessens(world: World, state: str, step: str, allowed: set[str], after: str) -> None:
    await world.has(state)
    if state in allowed:
        await world.step(step)
        assert (await world.states())[OURS] == after
        assert len(world.log.entries) == 1
        return
    with pytest.raises(StepRefused):
        await world.step(step)
    assert (await world.states())[OURS] == state
    assert world.log.entries == []


@pytest.mark.parametrize("state", sorted(set(steps.STATES) - {"active", "superseded"}))
async def test_there_is_no_way_back_without_a_version_before(world: World, state: str) -> None:
    await world.has(state)
    with pytest.raises(StepRefused):
        await world.rollback()
    assert await world.states() == {ACTIVE: "active", OURS: state}


async def test_a_rollback_leaves_the_bad_version_withdrawn(world: World) -> None:
    await world.has("tested")
    await world.release()
    await world.rollback()
    assert await world.states() == {ACTIVE: "active", OURS: "withdrawn"}
    await world.release()  # mended otherwise, approved anew
    assert await world.states() == {ACTIVE: "superseded", OURS: "active"}


@pytest.mark.parametrize("way", ["canary", "shadow"])
async def test_beside_an_active_version_nothing_sends_more(world: World, way: str) -> None:
    await world.has("tested", sends=("NIC", "names"))
    with pytest.raises(StepRefused, match="sends more"):
        await world.release(way, 10 if way == "canary" else 0)


async def test_a_version_without_a_grade_is_never_released(world: World) -> None:
    await world.has("tested", grade="none")
    with pytest.raises(StepRefused, match="until it has a grade"):
        await world.release()


@pytest.mark.parametrize(
    "changes",
    [{"digest": "d1"}, {"inputs": "J"}, {"share": 5}, {"as": "everywhere"}, {"version": True}, {"extra": 1}],
    ids=["digest", "inputs", "share", "as", "version", "extra"],
)
async def test_a_release_that_is_not_exact_is_refused(world: World, changes: dict[str, object]) -> None:
    await world.has("tested")
    with pytest.raises(StepRefused):
        await world.release(**changes)
    assert await world.states() == {ACTIVE: "active", OURS: "tested"}


async def test_an_outage_has_bounds(world: World) -> None:
    await world.has("tested")
    hour = timedelta(hours=1)
    wrong = [(NOW, NOW), (NOW + hour, NOW), (NOW - 2 * hour, NOW - hour), (NOW, NOW + 8 * timedelta(days=1))]
    for start, end in [*wrong, (NOW + timedelta(days=91), NOW + timedelta(days=92))]:
        with pytest.raises(StepRefused):
            async with world.db.write() as connection:
                await steps.plan_outage(connection, world.log, "x", start, end, by="a", now=NOW)
