"""What the offices know, in SQLite: their people, how outreach went, messages seen. Restart-safe."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sandbox.answered import AgencyBook

TABLES = """
create table if not exists person (
    office text not null, member_id text not null, nic text not null, record text not null, contact text not null,
    why text not null, primary key (office, member_id)
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


class Book(AgencyBook):
    """The offices' people, and how outreach to them went."""

    def __init__(self, path: Path) -> None:
        super().__init__(path, TABLES)

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


def _client(row: Sequence[Any]) -> Client:
    office, member_id, nic, record, *rest = row
    return Client(office, member_id, nic, json.loads(record), *rest)
