"""Where a log may be, in one argument: a database URL, an SQLite file, a directory of tiles, an http(s) address."""

import asyncio
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TypeVar

from sqlalchemy import Connection, make_url
from sqlalchemy.exc import ArgumentError, InvalidRequestError, SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

from .errors import SourceUnreadable
from .fsck import Report, fsck
from .sources import address, directory
from .stored import logs_in

T = TypeVar("T")

DRIVERS = {"sqlite": "sqlite+aiosqlite", "postgresql": "postgresql+asyncpg"}


def checked(where: str, vkeys: Sequence[str] = (), kept: Sequence[bytes] = ()) -> list[Report]:
    """fsck every log that is there: one report for an address or directory, one a log for a database.

    Args:
        where: see the module.
        vkeys: verifier keys the auditor trusts; the log's own when empty.
        kept: signed checkpoints the auditor kept.

    Raises:
        NoteInvalid: a verifier key cannot be read.
        SourceUnreadable: there is no log, or it cannot be reached.
    """
    if where.startswith(("http://", "https://")):
        return [fsck(address(where), vkeys, kept)]
    if Path(where).is_dir():
        return [fsck(directory(Path(where)), vkeys, kept)]
    return asyncio.run(checked_database(where, vkeys, kept))


async def checked_database(where: str, vkeys: Sequence[str] = (), kept: Sequence[bytes] = ()) -> list[Report]:
    """`checked` for a database, in a running loop; oldest log first."""
    return await in_database(where, lambda connection: [fsck(log, vkeys, kept) for log in logs_in(connection)])


async def in_database(where: str, work: Callable[[Connection], T]) -> T:
    """Run `work` on a connection to a database URL or an SQLite file.

    Raises:
        SourceUnreadable: it cannot be reached, or holds no tables of a log.
    """
    engine = _engine(where)
    try:
        async with engine.connect() as connection:
            return await connection.run_sync(work)
    except (SQLAlchemyError, OSError) as error:
        kind = type(getattr(error, "orig", None) or error).__name__
        raise SourceUnreadable(f"the database cannot be read ({kind}); check its URL and that it holds a log") from None
    finally:
        await engine.dispose()


def _engine(where: str) -> AsyncEngine:
    try:
        url = make_url(where if "://" in where else f"sqlite:///{where}")
        backend = url.get_backend_name()
        engine = create_async_engine(url.set(drivername=DRIVERS.get(backend, url.drivername)))
    except (ArgumentError, InvalidRequestError):
        raise SourceUnreadable("not a database URL, a directory or an http(s) address") from None
    if backend == "sqlite" and not Path(url.database or "").is_file():
        raise SourceUnreadable("there is no such directory or SQLite file")
    return engine
