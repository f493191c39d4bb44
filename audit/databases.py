"""A database in one argument: its URL, or an SQLite file."""

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from sqlalchemy import URL, Connection, create_engine, make_url
from sqlalchemy.exc import ArgumentError, InvalidRequestError, SQLAlchemyError
from sqlalchemy.ext.asyncio import create_async_engine

from .errors import SourceUnreadable

T = TypeVar("T")

DRIVERS = {"sqlite": "sqlite", "postgresql": "postgresql+asyncpg"}


async def in_database(where: str, work: Callable[[Connection], T], *, writing: bool = False) -> T:
    """Run `work` on a connection to a database URL or an SQLite file.

    Args:
        writing: in one transaction that commits at the end.

    Raises:
        SourceUnreadable: it cannot be reached, or holds no tables of a log.
    """
    url = _url(where)
    try:
        if url.get_backend_name() == "sqlite":
            return await asyncio.to_thread(_in_file, url, work, writing)
        return await _in_server(url, work, writing)
    except (SQLAlchemyError, OSError) as error:
        kind = type(getattr(error, "orig", None) or error).__name__
        raise SourceUnreadable(f"the database cannot be read ({kind}); check its URL and that it holds a log") from None


def _in_file(url: URL, work: Callable[[Connection], T], writing: bool) -> T:
    """SQLite without a hop between threads for each statement."""
    engine = create_engine(url)
    try:
        with engine.begin() if writing else engine.connect() as connection:
            return work(connection)
    finally:
        engine.dispose()


async def _in_server(url: URL, work: Callable[[Connection], T], writing: bool) -> T:
    engine = create_async_engine(url)
    try:
        async with engine.begin() if writing else engine.connect() as connection:
            return await connection.run_sync(work)
    finally:
        await engine.dispose()


def _url(where: str) -> URL:
    try:
        url = make_url(where if "://" in where else f"sqlite:///{where}")
        backend = url.get_backend_name()
        url = url.set(drivername=DRIVERS.get(backend, url.drivername))
        url.get_dialect()
    except (ArgumentError, InvalidRequestError):
        raise SourceUnreadable("not a database URL, a directory or an http(s) address") from None
    if backend == "sqlite" and not Path(url.database or "").is_file():
        raise SourceUnreadable("there is no such directory or SQLite file")
    return url
