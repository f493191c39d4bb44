"""A database that may lose what it acknowledged is refused at start."""

from pathlib import Path

import pytest
from sqlalchemy import event
from sqlalchemy.ext.asyncio import create_async_engine

from audit import Log, Signer, UnsafeDurability
from audit.tables import metadata


async def opened(url: str, signer: Signer, *pragmas: str, allow_unsafe: bool = False) -> Log:
    engine = create_async_engine(url)

    @event.listens_for(engine.sync_engine, "connect")
    def prepare(connection, _record):
        for pragma in pragmas:
            connection.execute(f"PRAGMA {pragma}").close()

    try:
        async with engine.begin() as connection:
            await connection.run_sync(metadata.create_all)
        return await Log.open(engine, signer, allow_unsafe=allow_unsafe)
    finally:
        await engine.dispose()


@pytest.mark.parametrize(
    ("pragmas", "named"),
    [
        (["journal_mode=DELETE", "synchronous=FULL"], "journal_mode"),
        (["journal_mode=WAL", "synchronous=NORMAL"], "synchronous"),
        (["journal_mode=WAL", "synchronous=OFF"], "synchronous"),
    ],
)
async def test_unsafe_sqlite_is_refused_by_name(tmp_path: Path, signer: Signer, pragmas: list[str], named: str) -> None:
    with pytest.raises(UnsafeDurability, match=named):
        await opened(f"sqlite+aiosqlite:///{tmp_path / 'x.db'}", signer, *pragmas)


async def test_unsafe_database_is_taken_only_when_a_test_says_so(tmp_path: Path, signer: Signer) -> None:
    log = await opened(f"sqlite+aiosqlite:///{tmp_path / 'x.db'}", signer, "synchronous=OFF", allow_unsafe=True)
    await log.close()


async def test_database_in_memory_is_never_taken(signer: Signer) -> None:
    with pytest.raises(UnsafeDurability, match="file"):
        await opened("sqlite+aiosqlite:///:memory:", signer, allow_unsafe=True)
