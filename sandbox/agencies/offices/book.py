"""What the offices know, in SQLite: their people, how outreach went, messages seen. Restart-safe."""

import hashlib
import json
import sqlite3
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import uuid4

from sandbox.dci import Received, Refused

TABLES = """
create table if not exists person (
    office text not null, member_id text not null, nic text not null, record text not null, contact text not null,
    why text not null, primary key (office, member_id)
);
create table if not exists seen (
    office text not null, message_id text not null, digest text not null, correlation_id text not null,
    primary key (office, message_id)
);
create table if not exists sent_away (office text primary key, people integer not null);
"""


@dataclass(frozen=True, slots=True)
class Client:
    """One person of one office.

    Attributes:
        record: the referral, canonical.
        contact: empty until outreach has ended; then reached | visit | opted_out | no_basis | unknown.
        why: of `visit`: no_phone | not_delivered.
    """

    office: str
    member_id: str
    nic: str
    record: Mapping[str, Any]
    contact: str = ""
    why: str = ""


class Book:
    """One connection, used from one event loop."""

    def __init__(self, path: Path) -> None:
        self.database = sqlite3.connect(path, check_same_thread=False)
        self.database.execute("pragma journal_mode = wal")
        self.database.execute("pragma synchronous = normal")  # a killed process loses nothing, a power cut may
        self.database.executescript(TABLES)

    def close(self) -> None:
        self.database.close()

    def transaction(self) -> AbstractContextManager[object]:
        """All or nothing; committed at the end of the block."""
        return self.database

    def add(self, client: Client) -> None:
        """A person referred to an office; a repeated referral changes nothing."""
        record = json.dumps(client.record, ensure_ascii=False)
        self.database.execute(
            "insert or ignore into person values (?, ?, ?, ?, '', '')",
            (client.office, client.member_id, client.nic, record),
        )

    def people(self) -> list[Client]:
        """Everybody, by office and member id."""
        return [_client(row) for row in self.database.execute("select * from person order by office, member_id")]

    def find(self, office: str, member_id: str) -> Client | None:
        query = "select * from person where office = ? and member_id = ?"
        row = self.database.execute(query, (office, member_id)).fetchone()
        return _client(row) if row else None

    def numbered(self, office: str) -> dict[int, Client]:
        """The people of one office by row number, which says nothing about them."""
        query = "select rowid, * from person where office = ? order by member_id"
        return {number: _client(row) for number, *row in self.database.execute(query, (office,))}

    def ended(self, client: Client, contact: str, why: str = "") -> None:
        """How outreach to a person ended."""
        with self.database:
            self.database.execute(
                "update person set contact = ?, why = ? where office = ? and member_id = ?",
                (contact, why, client.office, client.member_id),
            )

    def sent_away(self, office: str) -> None:
        """Somebody of another district was sent to this office."""
        with self.database:
            self.database.execute(
                "insert into sent_away values (?, 1) on conflict do update set people = people + 1", (office,)
            )

    def counts_sent_away(self) -> dict[str, int]:
        """How often that happened, by office."""
        return dict(self.database.execute("select office, people from sent_away order by office").fetchall())

    def answered_before(self, office: str, message: Received) -> str | None:
        """The correlation id a repeated message was answered with; None for a new one.

        Raises:
            Refused: another message came under this id.
        """
        query = "select digest, correlation_id from seen where office = ? and message_id = ?"
        row = self.database.execute(query, (office, message.message_id)).fetchone()
        if row is None:
            return None
        if row[0] != _digest(message):
            text = "another message came under this message_id"
            raise Refused(400, "err.request.bad", text, reject="rjct.message_id.duplicate")
        return str(row[1])

    def answer(self, office: str, message: Received) -> str:
        """Remember a message; gives the correlation id to acknowledge it with."""
        correlation_id = str(uuid4())
        values = (office, message.message_id, _digest(message), correlation_id)
        self.database.execute("insert into seen values (?, ?, ?, ?)", values)
        return correlation_id


def _client(row: Sequence[Any]) -> Client:
    office, member_id, nic, record, *rest = row
    return Client(office, member_id, nic, json.loads(record), *rest)


def _digest(message: Received) -> str:
    return hashlib.sha256(message.content).hexdigest()
