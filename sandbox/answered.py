"""Messages an agency has answered, so that a repeated one is answered alike and does nothing again."""

import hashlib
import sqlite3
from uuid import uuid4

from .dci import Received, Refused

_TABLE = """
create table if not exists seen (message_id text primary key, digest text not null, correlation_id text not null)
"""


class Answered:
    """In the agency's own database; used within the transaction that does what the message says."""

    def __init__(self, database: sqlite3.Connection) -> None:
        self._database = database
        database.execute(_TABLE)

    def before(self, message: Received) -> str | None:
        """The correlation id a repeated message was answered with; None for a new message.

        Raises:
            Refused: another message came under this id.
        """
        query = "select digest, correlation_id from seen where message_id = ?"
        row = self._database.execute(query, (message.message_id,)).fetchone()
        if row is None:
            return None
        if row[0] != _digest(message):
            text = "another message came under this message_id"
            raise Refused(400, "err.request.bad", text, reject="rjct.message_id.duplicate")
        return str(row[1])

    def now(self, message: Received) -> str:
        """Remember a message; gives the correlation id to acknowledge it with."""
        correlation_id = str(uuid4())
        values = (message.message_id, _digest(message), correlation_id)
        self._database.execute("insert into seen values (?, ?, ?)", values)
        return correlation_id


def _digest(message: Received) -> str:
    return hashlib.sha256(message.content).hexdigest()
