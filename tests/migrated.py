"""Databases that have every table before a test begins: migrated once in a process, then copied.

Steps take a third of a second, and a thousand tests want the same empty tables. That a gateway makes them by itself is
what tests/contract/test_migrations.py and every flow show.
"""

import asyncio
import os
import tempfile
from collections.abc import AsyncIterator, Coroutine
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from functools import cache
from pathlib import Path
from typing import Any

import asyncpg
from sqlalchemy import make_url

from gateway.db import Database
from gateway.migrations import upgraded
from gateway.settings import Settings
from gateway.wiring import Services, open_services

SQLITE = "sqlite+aiosqlite:///"


@asynccontextmanager
async def services_on_tables(settings: Settings) -> AsyncIterator[Services]:
    """What `open_services` opens; a database that is not there yet has its tables already."""
    prepare(settings.database_url)
    async with open_services(settings) as services:
        yield services


def prepare(url: str) -> None:
    """Put the migrated tables into an SQLite file that does not exist, or a PostgreSQL database that is empty."""
    if not url.startswith(SQLITE):
        _apart(_copied(url))
        return
    file = Path(url.removeprefix(SQLITE))
    if not file.exists():
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(_file())


@cache
def _file() -> bytes:
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "migrated.db"
        _apart(_migrated(f"{SQLITE}{file}"))
        return file.read_bytes()


async def _migrated(url: str) -> None:
    db = Database(url)
    await upgraded(db)
    await db.close()


_templates: set[str] = set()


async def _copied(url: str) -> None:
    """Make the database again from a migrated one on the same server, unless somebody has put something there.

    The server's own database, which nobody can make again, gets its tables step by step.
    """
    name, template = make_url(url).database, f"sandhi_migrated_{os.getpid()}"
    if name == "postgres":
        await _migrated(url)
        return
    if await _tables(url):
        return
    whole = make_url(url).set(database="postgres").render_as_string(hide_password=False)
    if whole not in _templates:
        await _administer(whole, f"CREATE DATABASE {template}")
        await _migrated(make_url(url).set(database=template).render_as_string(hide_password=False))
        _templates.add(whole)
    await _administer(whole, f"DROP DATABASE {name}", f"CREATE DATABASE {name} TEMPLATE {template}")


async def _tables(url: str) -> int:
    connection = await asyncpg.connect(url.replace("+asyncpg", "", 1))
    try:
        found: int = await connection.fetchval("SELECT count(*) FROM pg_tables WHERE schemaname = 'public'")
        return found
    finally:
        await connection.close()


async def _administer(url: str, *statements: str) -> None:
    connection = await asyncpg.connect(url.replace("+asyncpg", "", 1))
    try:
        for each in statements:
            await connection.execute(each)
    finally:
        await connection.close()


def _apart(work: Coroutine[Any, Any, None]) -> None:
    """Run it on a thread of its own: the test may have a loop running."""
    with ThreadPoolExecutor(1) as thread:
        thread.submit(asyncio.run, work).result()
