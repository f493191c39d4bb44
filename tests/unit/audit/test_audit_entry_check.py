"""Several processes see of a log what one sees."""

from collections.abc import Awaitable, Callable

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from audit import Entry, Log
from audit.databases import in_database
from audit.entry_check import in_processes, in_this_process
from audit.fsck import Report, fsck
from audit.merkle import CompactRange, full_root, leaf_hash
from audit.stored import logs_in

Fill = Callable[[int], Awaitable[list[Entry]]]
SIZE, PART = 700, 256


async def reports(engine: AsyncEngine) -> tuple[Report, Report]:
    """What one process says, and what three say."""
    where = engine.url.render_as_string(hide_password=False)
    with_one, with_three = in_this_process, in_processes(where, 1, 3, PART)
    told = [
        await in_database(where, lambda connection, check=check: fsck(logs_in(connection)[0], entry_check=check))
        for check in (with_one, with_three)
    ]
    return told[0], told[1]


async def tampered(engine: AsyncEngine, *statements: str) -> None:
    async with engine.begin() as connection:
        for trigger in ("log_entry_no_update", "log_entry_no_delete"):
            await connection.exec_driver_sql(f"DROP TRIGGER {trigger}")
        for statement in statements:
            await connection.exec_driver_sql(statement)


@pytest.mark.parametrize(
    ("statement", "firsts"),
    [
        ("", []),
        ("UPDATE log_entry SET body = x'00' WHERE seq IN (3, 300, 699)", [3, 300, 699]),
        ("UPDATE log_entry SET entry_id = randomblob(16) WHERE seq = 512", [512]),
        ("DELETE FROM log_entry WHERE seq = 400", [400]),
        ("DELETE FROM log_entry WHERE seq >= 512", [512]),
    ],
)
async def test_many_processes_find_what_one_finds(
    engine: AsyncEngine, log: Log, filled: Fill, statement: str, firsts: list[int]
) -> None:
    for _ in range(4):
        await filled(SIZE // 4)
        await log.checkpoint()
    if statement:
        await tampered(engine, statement)
    one, three = await reports(engine)
    assert one == three
    assert [each.first for each in one.findings] == firsts


def test_tree_grown_by_whole_tiles_is_the_one_grown_by_leaves() -> None:
    leaves = [leaf_hash(b"%d" % n) for n in range(3 * 256)]
    tree, complete = CompactRange(), []
    for at in range(0, len(leaves), 256):
        tree, nodes = tree.with_tile(full_root(leaves[at : at + 256]))
        complete += nodes
    assert (tree, complete) == CompactRange().extended(leaves)
