"""Messages an agency has answered, so that a repeated one is answered alike and does nothing again."""

import hashlib
import sqlite3
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any
from uuid import uuid4

from .dci import Received, Refused

_TABLE = """
create table if not exists answered (
    receiver text not null, message_id text not null, digest text not null, correlation_id text not null,
    primary key (receiver, message_id)
)
"""


class Answered:
    """In the agency's own database; used within the transaction that does what the message says. `receiver` tells
    systems apart that share a database."""

    def __init__(self, database: sqlite3.Connection) -> None:
        self._database = database
        database.execute(_TABLE)

    def once(self, message: Received, take: Callable[[Mapping[str, Any]], None]) -> str:
        """Do what a new message says, item by item, in a transaction of its own; gives the correlation id to
        acknowledge it with, the same for the same message.

        Raises:
            Refused: another message came under this id, or `take` refuses an item: then nothing is kept.
        """
        if (known := self.before(message)) is not None:
            return known
        with self._database:
            for item in message.items:
                take(item)
            return self.now(message)

    def before(self, message: Received, receiver: str = "") -> str | None:
        """The correlation id a repeated message was answered with; None for a new message.

        Raises:
            Refused: another message came under this id.
        """
        query = "select digest, correlation_id from answered where receiver = ? and message_id = ?"
        row = self._database.execute(query, (receiver, message.message_id)).fetchone()
        if row is None:
            return None
        if row[0] != _digest(message):
            text = "another message came under this message_id"
            raise Refused(400, "err.request.bad", text, reject="rjct.message_id.duplicate")
        return str(row[1])

    def now(self, message: Received, receiver: str = "") -> str:
        """Remember a message; gives the correlation id to acknowledge it with."""
        correlation_id = str(uuid4())
        values = (receiver, message.message_id, _digest(message), correlation_id)
        self._database.execute("insert into answered values (?, ?, ?, ?)", values)
        return correlation_id


class AgencyBook:
    """What an agency knows, in SQLite: one connection, used from one event loop; restart-safe.

    Writing methods of a subclass belong to the caller's `with book.transaction():`.
    """

    def __init__(self, path: Path, tables: str) -> None:
        self.database = sqlite3.connect(path, check_same_thread=False)
        self.database.execute("pragma journal_mode = wal")
        self.database.execute("pragma synchronous = normal")  # a killed process loses nothing, a power cut may
        self.database.executescript(tables)
        self.answered = Answered(self.database)

    def close(self) -> None:
        """Let go of the file."""
        self.database.close()

    def transaction(self) -> AbstractContextManager[object]:
        """All or nothing; committed at the end of the block."""
        return self.database


def _digest(message: Received) -> str:
    return hashlib.sha256(message.content).hexdigest()
