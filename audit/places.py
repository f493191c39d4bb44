"""Where a log may be, in one argument: a database URL, an SQLite file, a directory of tiles, an http(s) address."""

import asyncio
from collections.abc import Sequence
from pathlib import Path

from .databases import in_database
from .fsck import Progress, Report, fsck, silent
from .looking import PART, Looking, alone, together
from .sources import address, directory
from .stored import StoredLog, logs_in


def checked(
    where: str,
    vkeys: Sequence[str] = (),
    kept: Sequence[bytes] = (),
    progress: Progress = silent,
    *,
    processes: int = 1,
) -> list[Report]:
    """fsck every log that is there: one report for an address or directory, one a log for a database.

    Args:
        where: see the module.
        vkeys: verifier keys the auditor trusts; the log's own when empty.
        kept: signed checkpoints the auditor kept.
        progress: is told how far it is.
        processes: how many may look at a large database; more than 1 needs a main module that may be imported.

    Raises:
        NoteInvalid: a verifier key cannot be read.
        SourceUnreadable: there is no log, or it cannot be reached.
    """
    if where.startswith(("http://", "https://")):
        return [fsck(address(where), vkeys, kept, progress)]
    if Path(where).is_dir():
        return [fsck(directory(Path(where)), vkeys, kept, progress)]
    return asyncio.run(checked_database(where, vkeys, kept, progress, processes=processes))


async def checked_database(
    where: str,
    vkeys: Sequence[str] = (),
    kept: Sequence[bytes] = (),
    progress: Progress = silent,
    *,
    processes: int = 1,
) -> list[Report]:
    """`checked` for a database, in a running loop; oldest log first."""

    def look(log: StoredLog) -> Looking:
        large = processes > 1 and log.size() > 2 * PART
        return together(where, log.log_id, processes) if large else alone

    def each(logs: Sequence[StoredLog]) -> list[Report]:
        """fsck of every shard, each also against the checkpoint with which the next one begins."""
        known = [*kept, *filter(None, [log.begins_with() for log in logs])]
        return [
            fsck(log, _named(vkeys, log.origin), _about(known, log.origin, logs), progress, look(log)) for log in logs
        ]

    return await in_database(where, lambda connection: each(logs_in(connection)))


def _named(vkeys: Sequence[str], origin: str) -> Sequence[str]:
    """The keys of this shard; all of them where none is, so that a stranger's key confirms nothing."""
    return [vkey for vkey in vkeys if vkey.partition("+")[0] == origin] or vkeys


def _about(kept: Sequence[bytes], origin: str, logs: Sequence[StoredLog]) -> list[bytes]:
    """The checkpoints about this shard; the newest shard is also held against those that no shard is named in."""
    names = {log.origin for log in logs}
    lines = [(note, note.split(b"\n", 1)[0].decode(errors="replace")) for note in kept]
    last = origin == logs[-1].origin
    return [note for note, name in lines if name == origin or (last and name not in names)]
