"""Lists and searches of a long log read what they show: rows visited on PostgreSQL, with its statistics.

A plan's shape says too little here: with statistics of a long log PostgreSQL walked it for what is rare, which no test
of a small one told. So the log is as long as its mistakes need, and the rows are counted that each query goes through.
"""

import json
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
from sqlalchemy import event

from bench import place
from bench.console import grown, lists, officer_browser, turned
from gateway.settings import Settings
from gateway.wiring import Services, open_services

ENTRIES = 100_000
MOST = 3_000
"""Rows that one query may go through; a walk through the log, or through what is asked for often in it, is more."""
_Asked = list[tuple[str, Any]]


@pytest.fixture
async def services(tmp_path: Path, postgres_url: str) -> AsyncIterator[Services]:
    variables = place.environment(tmp_path, 8080, "http://127.0.0.1:8080", place.Agencies(9, 9, 9), postgres_url)
    await place.furnish(variables, 1)
    async with open_services(Settings.read({**variables, "SANDHI_LIMIT_PEER_RATE": "0"})) as opened:
        await grown(opened, ENTRIES)
        yield opened


async def test_no_list_walks_through_a_long_log(services: Services) -> None:
    walked: dict[str, int] = {}
    async with officer_browser(services) as browser:
        for title, which in lists().items():
            await turned(browser, *which)  # what is counted once and kept, as the overview's past hours, is there then
            for statement, values in await read_by(services, browser, which):
                rows = await visited(services, statement, values)
                if rows > MOST:
                    walked[f"{title}: {statement}"] = rows
    assert walked == {}


async def read_by(services: Services, browser: httpx.AsyncClient, which: tuple[str, str]) -> _Asked:
    """What a page reads of the log, with the values it gives."""
    with overheard(services) as asked:
        await turned(browser, *which)
    return [each for each in asked if "audit_" in each[0] and each[0].startswith("SELECT")]


@contextmanager
def overheard(services: Services) -> Iterator[_Asked]:
    asked: _Asked = []

    def hears(_connection: Any, _cursor: Any, statement: str, values: Any, *_: Any) -> None:
        asked.append((statement, values))

    engine = services.db.engine.sync_engine
    event.listen(engine, "before_cursor_execute", hears)
    try:
        yield asked
    finally:
        event.remove(engine, "before_cursor_execute", hears)


async def visited(services: Services, statement: str, values: Any) -> int:
    """Rows that the parts of its plan gave or passed over."""
    async with services.db.read() as connection:
        told = await connection.exec_driver_sql(f"EXPLAIN (ANALYZE, FORMAT JSON) {statement}", values)
        plan = told.scalar_one()
    (whole,) = json.loads(plan) if isinstance(plan, str) else plan
    return sum(map(_rows, _parts(whole["Plan"])))


def _parts(plan: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield plan
    for part in plan.get("Plans", ()):
        yield from _parts(part)


def _rows(part: dict[str, Any]) -> int:
    passed = [count for name, count in part.items() if name.startswith("Rows Removed by")]
    return int(part["Actual Loops"] * (part["Actual Rows"] + sum(passed)))
