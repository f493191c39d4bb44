"""Checkpoints of SQLite's write-ahead log (WAL), beside the writers and not in the middle of a commit.

Left to itself, SQLite copies the WAL back into the database in whichever commit finds it long: 32 MB, with everybody
who wants to write behind it. Here another connection copies while writers go on; what they wrote meanwhile is little,
and is copied while nobody writes, after which the WAL begins anew. Should this fail, SQLite does it as before
(`db.PRAGMAS`).

Source: https://www.sqlite.org/wal.html, section 2.1 (checkpointing). Checkpoints of the audit log are something else.
"""

import asyncio
import logging
import sqlite3
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple, TypeVar

from .db import Database

logger = logging.getLogger("sandhi")

T = TypeVar("T")
FRAMES = 4_000  # pages of 4 KiB that the WAL is meant to have: half of what SQLite itself waits for
FEW = 200  # frames that are copied within a few milliseconds
PASSES = 4
SHORTEST_S, LONGEST_S = 0.05, 1.0


class Pass(NamedTuple):
    """What one pass found: how many frames the WAL had when it began, and how many of them are in the database now."""

    frames: int
    copied: int


class WalCheckpointer:
    """One for a process that serves from SQLite. `run_once` and `close` one at a time."""

    def __init__(self, db: Database) -> None:
        self._write_lock = db.write_lock
        self._address = f"{Path(db.engine.url.database or '').resolve().as_uri()}?mode=rw"  # never a new, empty file
        self._thread = ThreadPoolExecutor(1, "wal")
        self._connection: sqlite3.Connection | None = None
        self._version = 0  # of the database, when it was looked at last

    async def run(self) -> None:
        """Until cancelled."""
        pause = LONGEST_S
        try:
            while True:
                await asyncio.sleep(pause)
                pause = next_pause(pause, await self._run_once_or_log())
        finally:
            self.close()

    async def run_once(self) -> int:
        """Copy what there is, so that the next writer begins the WAL anew; gives how many frames it had.

        Raises:
            sqlite3.Error: the database cannot be read or written now.
        """
        if not await self._in_thread(self._changed):
            return 0
        before = await self._in_thread(self._pass)
        most = before.frames
        for _ in range(PASSES):
            found = await self._in_thread(self._pass)
            most, written = max(most, found.frames), found.frames - before.copied
            before = found
            if written <= FEW:
                break
        async with self._write_lock:
            await self._in_thread(self._pass)
        return most

    def close(self) -> None:
        """Let go of the file."""
        self._thread.submit(self._let_go)
        self._thread.shutdown()

    async def _run_once_or_log(self) -> int:
        try:
            return await self.run_once()
        except sqlite3.Error:
            logger.exception("the WAL was not copied; SQLite does it within a commit until this works again")
            await self._in_thread(self._let_go)
            return 0

    async def _in_thread(self, work: Callable[[], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._thread, work)

    def _changed(self) -> bool:
        if self._connection is None:
            self._connection = sqlite3.connect(self._address, uri=True, isolation_level=None, check_same_thread=False)
        before = self._version
        (self._version,) = self._connection.execute("PRAGMA data_version").fetchone()
        return self._version != before

    def _pass(self) -> Pass:
        assert self._connection is not None
        _busy, frames, copied = self._connection.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchone()
        return Pass(frames, copied)

    def _let_go(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection, self._version = None, 0


def next_pause(pause: float, frames: int) -> float:
    """Seconds until the next run, so that the WAL has about `FRAMES` then, if it grows on as it did in this pause."""
    if not frames:
        return LONGEST_S
    return min(LONGEST_S, max(SHORTEST_S, pause * FRAMES / frames))
