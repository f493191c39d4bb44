"""Where a signer remembers what it signed: a file (kept apart from the database), or a table."""

import asyncio
import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sqlalchemy import Connection, insert, select, update
from sqlalchemy.exc import IntegrityError

from .errors import NoteInvalid, SignerRefused
from .note import Checkpoint
from .signer import Head
from .store import Store
from .tables import log_signer


class FileMemory:
    """Remembers in one small file per signer: the last checkpoint's text. Processes of one machine may share it."""

    def __init__(self, path: Path) -> None:
        self._path = path

    async def last(self, name: str) -> Head | None:
        """See `Memory`.

        Raises:
            SignerRefused: the file is damaged or belongs to another signer. Never delete it: restore it.
        """
        return await asyncio.to_thread(self._last, name)

    async def replace(self, name: str, old: Head | None, new: Head) -> bool:
        """See `Memory`."""
        return await asyncio.to_thread(self._replace, name, old, new)

    def _last(self, name: str) -> Head | None:
        if not self._path.exists():
            return None
        known = _read(self._path)
        if known.origin != name:
            raise SignerRefused(f"the signer's memory {self._path} belongs to {known.origin}, not to {name}")
        return Head(known.size, known.root)

    def _replace(self, name: str, old: Head | None, new: Head) -> bool:
        with self._locked():
            if self._last(name) != old:
                return False
            if new != old:
                self._write(Checkpoint(name, new.size, new.root).text())
            return True

    def _write(self, text: str) -> None:
        scratch = self._path.with_name(self._path.name + ".new")
        with scratch.open("w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        scratch.replace(self._path)
        directory = os.open(self._path.parent, os.O_RDONLY)
        try:
            os.fsync(directory)  # without it a power loss may bring the older memory back
        finally:
            os.close(directory)

    @contextmanager
    def _locked(self) -> Iterator[None]:
        with self._path.with_name(self._path.name + ".lock").open("w") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            yield


def remembered(folder: Path) -> list[Checkpoint]:
    """What the signers whose files (`log*.signed`) are in a folder signed last, for `fsck` to hold the log against.

    Raises:
        SignerRefused: a file is damaged.
    """
    return [_read(path) for path in sorted(folder.glob("log*.signed"))]


def _read(path: Path) -> Checkpoint:
    try:
        return Checkpoint.from_text(path.read_text(encoding="utf-8"))
    except (NoteInvalid, UnicodeDecodeError):
        raise SignerRefused(f"the signer's memory {path} is damaged; restore it from a backup") from None


class TableMemory:
    """Remembers in the table `log_signer`, for processes on several machines.

    In the log's own database it stops a copied process but not a restored backup; give it another one if you can.
    """

    def __init__(self, store: Store) -> None:
        self._store = store

    async def last(self, name: str) -> Head | None:
        """See `Memory`."""
        return await self._store.read(lambda connection: _remembered(connection, name))

    async def replace(self, name: str, old: Head | None, new: Head) -> bool:
        """See `Memory`."""
        try:
            return await self._store.write(lambda connection: _replaced(connection, name, old, new))
        except IntegrityError:  # two processes remembered their first checkpoint at once
            return False


def _remembered(connection: Connection, name: str) -> Head | None:
    query = select(log_signer.c.size, log_signer.c.root).where(log_signer.c.name == name)
    row = connection.execute(query).first()
    return Head(row.size, row.root) if row else None


def _replaced(connection: Connection, name: str, old: Head | None, new: Head) -> bool:
    if old is None:
        if _remembered(connection, name) is not None:
            return False
        connection.execute(insert(log_signer).values(name=name, size=new.size, root=new.root))
        return True
    same = (log_signer.c.name == name) & (log_signer.c.size == old.size) & (log_signer.c.root == old.root)
    return connection.execute(update(log_signer).where(same).values(size=new.size, root=new.root)).rowcount == 1
