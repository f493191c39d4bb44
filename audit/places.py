"""Where a log may be, in one argument: a database URL, an SQLite file, a directory of tiles, an http(s) address."""

import asyncio
from collections.abc import Callable, Container, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TypeVar

from .databases import in_database
from .entry_check import PART, EntryCheck, in_processes, in_this_process
from .fsck import Finding, Progress, Report, fsck, silent
from .note import Checkpoint
from .sources import address, directory
from .stored import StoredLog, logs_in

T = TypeVar("T", bytes, Checkpoint)


def checked(
    where: str,
    vkeys: Sequence[str] = (),
    kept: Sequence[bytes] = (),
    progress: Progress = silent,
    *,
    processes: int = 1,
    remembered: Sequence[Checkpoint] = (),
) -> list[Report]:
    """fsck every log that is there: one report for an address or directory, one a log for a database.

    Args:
        where: see the module.
        vkeys: verifier keys the auditor trusts; the log's own when empty.
        kept: signed checkpoints the auditor kept.
        progress: is told how far it is.
        processes: how many may look at a large database; more than 1 needs a main module that may be imported.
        remembered: what the signer of the database's logs remembers to have signed (`memory.remembered`).

    Raises:
        NoteInvalid: a verifier key cannot be read.
        SourceUnreadable: there is no log, or it cannot be reached.
    """
    if where.startswith(("http://", "https://")):
        return [fsck(address(where), vkeys, kept, progress)]
    if Path(where).is_dir():
        return [fsck(directory(Path(where)), vkeys, kept, progress)]
    return asyncio.run(checked_database(where, vkeys, kept, progress, processes=processes, remembered=remembered))


async def checked_database(
    where: str,
    vkeys: Sequence[str] = (),
    kept: Sequence[bytes] = (),
    progress: Progress = silent,
    *,
    processes: int = 1,
    remembered: Sequence[Checkpoint] = (),
) -> list[Report]:
    """`checked` for a database, in a running loop; oldest log first."""

    def look(log: StoredLog) -> EntryCheck:
        large = processes > 1 and log.size() > 2 * PART
        return in_processes(where, log.log_id, processes) if large else in_this_process

    def each(logs: Sequence[StoredLog]) -> list[Report]:
        """fsck of every shard, each also against the checkpoint with which the next one begins."""
        known = [*kept, *filter(None, [log.begins_with() for log in logs])]
        names = {log.origin for log in logs}
        return [_followed(one(log, logs, known), log, names) for log in logs]

    def one(log: StoredLog, logs: Sequence[StoredLog], known: Sequence[bytes]) -> Report:
        notes, own = _about(known, _origin_in, log.origin, logs), _about(remembered, _origin_of, log.origin, logs)
        return fsck(log, _named(vkeys, log.origin), notes, progress, look(log), own)

    return await in_database(where, lambda connection: each(logs_in(connection)))


def _named(vkeys: Sequence[str], origin: str) -> Sequence[str]:
    """The keys of this shard; all of them where none is, so that a stranger's key confirms nothing."""
    return [vkey for vkey in vkeys if vkey.partition("+")[0] == origin] or vkeys


def _about(known: Sequence[T], named: Callable[[T], str], origin: str, logs: Sequence[StoredLog]) -> list[T]:
    """The checkpoints about this shard; the newest shard is also held against those that no shard is named in."""
    names, last = {log.origin for log in logs}, origin == logs[-1].origin
    return [each for each in known if named(each) == origin or (last and named(each) not in names)]


def _origin_in(note: bytes) -> str:
    return note.split(b"\n", 1)[0].decode(errors="replace")


def _origin_of(checkpoint: Checkpoint) -> str:
    return checkpoint.origin


def _followed(report: Report, log: StoredLog, names: Container[str]) -> Report:
    """The report, with a finding where a log was closed and the one that it names as the next is not there."""
    heir = log.goes_on_as()
    if heir is None or heir in names:
        return report
    gone = Finding(f"the log was closed and goes on as {heir}, which is not here: taken out, or never begun")
    return replace(report, findings=(*report.findings, gone))
