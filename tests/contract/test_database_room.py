"""Many processes share the connections of one PostgreSQL: each has its limit, and a full server is told in words."""

import asyncio
import logging
import secrets
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path

import asyncpg
import pytest
import pytest_asyncio
from sqlalchemy import text

from gateway.db import Database, NoConnectionLeft
from gateway.edges.refusal import is_outage
from gateway.settings import SettingError, Settings
from gateway.wiring import open_services


@pytest_asyncio.fixture
async def for_three(postgres_url: str) -> AsyncIterator[str]:
    """The URL of a user who may have three connections; the server's own limit is everybody's."""
    role = f"few_{secrets.token_hex(4)}"
    owner = await asyncpg.connect(postgres_url.replace("+asyncpg", ""))
    await owner.execute(f"CREATE ROLE {role} LOGIN CONNECTION LIMIT 3; GRANT ALL ON SCHEMA public TO {role}")
    before, _, place = postgres_url.partition("://")
    yield f"{before}://{role}@{place.partition('@')[2]}"
    await owner.execute(f"DROP OWNED BY {role}; DROP ROLE {role}")
    await owner.close()


async def test_a_server_that_is_full_is_an_outage_that_says_what_to_set(for_three: str) -> None:
    db = Database(for_three, connections=40)
    async with AsyncExitStack() as held:
        for _ in range(3):
            await held.enter_async_context(db.read())
        with pytest.raises(NoConnectionLeft, match="SANDHI_DATABASE_CONNECTIONS") as full:
            async with db.write():
                pass
    assert is_outage(full.value)
    await db.close()


@pytest.mark.parametrize("connections", [8, 24, 40])
async def test_a_process_opens_no_more_than_it_may(postgres_url: str, connections: int) -> None:
    db = Database(postgres_url, connections=connections)
    before = await db.room()
    assert before is not None

    async def asleep(n: int) -> None:
        async with db.write() if n % 2 else db.read() as connection:
            await connection.execute(text("SELECT pg_sleep(0.05)"))

    asking = asyncio.gather(*(asleep(n) for n in range(100)))
    fewest = before
    while not asking.done():
        async with db.read() as connection:
            seen = text("SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()")
            fewest = min(fewest, -int((await connection.execute(seen)).scalar_one()))
    await asking
    assert connections // 2 < -fewest <= connections
    await db.close()


async def test_little_room_is_told_at_the_start(
    tmp_path: Path, postgres_url: str, caplog: pytest.LogCaptureFixture
) -> None:
    told = {"SANDHI_DATA_DIR": str(tmp_path), "SANDHI_DATABASE_URL": postgres_url}
    with caplog.at_level(logging.WARNING, "sandhi"):
        async with open_services(Settings.read(told | {"SANDHI_DATABASE_CONNECTIONS": "1000"})):
            pass
    assert "set SANDHI_DATABASE_CONNECTIONS lower" in caplog.text


async def test_fewer_than_work_needs_is_refused(tmp_path: Path) -> None:
    told = {"SANDHI_DATA_DIR": str(tmp_path), "SANDHI_DATABASE_CONNECTIONS": "2"}
    with pytest.raises(SettingError, match="8 or more"):
        async with open_services(Settings.read(told)):
            pass
