"""Making things again from the evidence: the derived tables, or a whole database from an exported directory."""

from collections.abc import Iterator, Sequence
from pathlib import Path

from sqlalchemy import Connection, delete, func, select

from .entry import Entry
from .errors import SourceUnreadable
from .fsck import Progress, fsck, silent
from .note import Checkpoint, Verifier, unverified
from .rows import MOST_ROWS, insert_rows
from .sources import Page, directory
from .stored import StoredLog
from .tables import audit_batch, audit_open, audit_search, log_checkpoint, log_entry, log_head
from .writing import Pending, appended, first_use, indexing, microseconds


def rebuilt(connection: Connection, log: StoredLog, progress: Progress = silent) -> int:
    """Make `audit_search`, `audit_batch` and `audit_open` of one log anew from its entries; gives their number.

    In one transaction: searches see the old lines until it commits. `audit_subject` cannot be made again, for no entry
    says whom it is about.
    """
    size = log.size()
    for table in (audit_search, audit_batch):
        connection.execute(delete(table).where(table.c.log_id == log.log_id, table.c.seq < size))
    exchanges = select(audit_open.c.exchange_id).join(log_entry, log_entry.c.entry_id == audit_open.c.entry_id)
    mine = exchanges.where(log_entry.c.log_id == log.log_id)
    connection.execute(delete(audit_open).where(audit_open.c.exchange_id.in_(mine)))
    for first, bodies in _parts(log.pages(0, size)):
        for statement, values in indexing(connection.dialect, log.log_id, first, _pendings(bodies)):
            connection.exec_driver_sql(statement, tuple(values))
        progress(first + len(bodies), size)
    return size


def restored(connection: Connection, folder: Path, vkeys: Sequence[str], progress: Progress = silent) -> Checkpoint:
    """Fill an empty database from a directory that `export` wrote, in the caller's transaction.

    Args:
        connection: to a database that has the tables and no log of this origin.
        vkeys: keys that the auditor trusts; the directory's own when empty.

    Raises:
        SourceUnreadable: the directory does not verify, or the log is there already.
    """
    source = directory(folder)
    report = fsck(source, vkeys, (), progress)
    if not report.ok:
        raise SourceUnreadable(f"the directory does not verify, so nothing was restored: {report.findings[0]}")
    (note,) = source.notes()
    checkpoint = Checkpoint.from_text(unverified(note))
    there = select(func.count()).select_from(log_head).where(log_head.c.origin == checkpoint.origin)
    if connection.execute(there).scalar_one():
        raise SourceUnreadable(f"the database has a log {checkpoint.origin} already; restore into an empty one")
    for vkey in [vkey for vkey in reversed(source.vkeys()) if Verifier.from_vkey(vkey).name == checkpoint.origin]:
        log_id = first_use(connection, checkpoint.origin, vkey)
    for first, bodies in _parts(source.pages(0, checkpoint.size)):
        appended(connection, log_id, _pendings(bodies))
        progress(first + len(bodies), checkpoint.size)
    made = microseconds(Entry.from_body(bodies[-1]).at) if checkpoint.size else 0
    insert_rows(connection, log_checkpoint, [(log_id, checkpoint.size, checkpoint.root, note, made)])
    return checkpoint


def _pendings(bodies: Sequence[bytes]) -> list[Pending]:
    """The very bytes, not what our encoder would make of them today."""
    entries = [Entry.from_body(body) for body in bodies]
    return [Pending(entry, body, entry.id.bytes) for entry, body in zip(entries, bodies, strict=True)]


def _parts(pages: Iterator[Page]) -> Iterator[tuple[int, Sequence[bytes]]]:
    for page in pages:
        for at in range(0, len(page.bodies), MOST_ROWS):
            yield page.first + at, page.bodies[at : at + MOST_ROWS]
