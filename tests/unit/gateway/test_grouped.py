"""Small writes share transactions, and nobody suffers for another's."""

import asyncio
from collections.abc import Sequence

import pytest
from sqlalchemy.exc import IntegrityError

from gateway.grouped import Grouped


class Table:
    """Writes groups; refuses whole groups that hold a bad row, or all while it is away."""

    def __init__(self) -> None:
        self.groups: list[list[int]] = []
        self.away = False

    async def together(self, rows: Sequence[int]) -> list[int]:
        await asyncio.sleep(0.01)
        if self.away:
            raise OSError
        if any(row < 0 for row in rows):
            raise IntegrityError("insert", {}, ValueError())
        self.groups.append(list(rows))
        return [row * 2 for row in rows]


async def test_what_arrives_while_one_write_runs_is_the_next_group() -> None:
    table = Table()
    grouped = Grouped(table.together)
    assert await asyncio.gather(*(grouped(n) for n in range(5))) == [0, 2, 4, 6, 8]
    assert await grouped(9) == 18
    assert table.groups == [[0, 1, 2, 3, 4], [9]]


async def test_a_row_that_is_refused_fails_alone() -> None:
    table = Table()
    grouped = Grouped(table.together)
    found = await asyncio.gather(*(grouped(n) for n in (1, -1, 2)), return_exceptions=True)
    assert (found[0], found[2]) == (2, 4)
    assert isinstance(found[1], IntegrityError)


async def test_a_database_that_is_away_fails_everybody_once_and_the_next_write_works() -> None:
    table = Table()
    grouped = Grouped(table.together)
    table.away = True
    found = await asyncio.gather(*(grouped(n) for n in range(3)), return_exceptions=True)
    assert [type(each) for each in found] == [OSError] * 3
    table.away = False
    assert await grouped(1) == 2


async def test_a_caller_that_hangs_up_leaves_the_others_their_answers() -> None:
    table = Table()
    grouped = Grouped(table.together)
    calls = [asyncio.create_task(grouped(n)) for n in range(3)]
    await asyncio.sleep(0)
    calls[1].cancel()
    found = await asyncio.gather(*calls, return_exceptions=True)
    assert (found[0], found[2]) == (0, 4)
    with pytest.raises(asyncio.CancelledError):
        await calls[1]
