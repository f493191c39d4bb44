"""Write a log as static files, for a web server, an object store or an archive: C2SP tlog-tiles."""

import os
from collections.abc import Iterator
from pathlib import Path

from sqlalchemy import Connection

from . import reading
from .errors import SourceUnreadable
from .note import Checkpoint, unverified
from .stored import StoredLog
from .tiles import LEVELS, WIDTH, entries_path, tile_path, width_at


def export(connection: Connection, log: StoredLog, folder: Path) -> Checkpoint:
    """Write all that the newest stored checkpoint covers, the checkpoint last; full tiles that are there stay.

    Args:
        connection: to the log's database.
        log: which log.
        folder: made when absent; may hold an earlier export of the same log.

    Returns:
        The checkpoint.

    Raises:
        SourceUnreadable: nothing was signed yet.
    """
    note = reading.latest_checkpoint(connection, log.log_id)
    if note is None:
        raise SourceUnreadable("the log has no checkpoint yet; start the gateway once")
    checkpoint = Checkpoint.from_text(unverified(note))
    for level, n, width in _resources(checkpoint.size):
        path = folder / (entries_path(n, width) if level is None else tile_path(level, n, width))
        if width == WIDTH and path.exists():
            continue
        if level is None:
            _write(path, reading.entries(connection, log.log_id, n, width))
        else:
            _write(path, reading.tile(connection, log.log_id, level, n, width))
    _write(folder / "vkeys", "".join(f"{vkey}\n" for vkey in log.vkeys()).encode())
    _write(folder / "checkpoint", note)
    return checkpoint


def _resources(size: int) -> Iterator[tuple[int | None, int, int]]:
    """(level, n, width) of all tiles of a tree of this size; level None: entry bundles."""
    for level in (None, *range(LEVELS)):
        count = size >> 8 * (level or 0)
        for n in range(-(-count // WIDTH)):
            yield level, n, width_at(size, level or 0, n)


def _write(path: Path, content: bytes) -> None:
    """Write beside, then rename: a reader never meets half a file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    scratch = path.with_name(path.name + ".new")
    with scratch.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    scratch.replace(path)
