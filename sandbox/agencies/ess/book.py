"""What ESS knows, in SQLite: people referred, what became of them, subscriptions, messages seen. Restart-safe."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import uuid4

from sandbox.answered import AgencyBook

TABLES = """
create table if not exists member (
    member_id text primary key, nic text not null, office text not null, record text not null, state text not null,
    reason text not null, programme text not null
);
create index if not exists member_nic on member (nic);
create table if not exists said (
    member_id text not null, kind text not null, reference text primary key, record text not null
);
create table if not exists subscriber (event_type text primary key, code text not null);
create table if not exists own_subscription (event_type text primary key, correlation_id text not null);
create table if not exists confirmed (correlation_id text primary key, code text not null);
"""


@dataclass(frozen=True, slots=True)
class Member:
    """One referred person.

    Attributes:
        office: district code of the local office, as the referral's location has it.
        record: the referral, canonical.
        state: accepted | rejected | enrolled | declined | not_reached | completed | placed | dropped_out | left |
            deceased.
        reason: why rejected; empty otherwise.
    """

    member_id: str
    nic: str
    office: str
    record: Mapping[str, Any]
    state: str
    reason: str = ""
    programme: str = ""


class Book(AgencyBook):
    """Members, what was said of them, and subscriptions."""

    def __init__(self, path: Path) -> None:
        super().__init__(path, TABLES)

    def add(self, member: Member) -> None:
        """A person referred for the first time; a repeated referral changes nothing."""
        values = (member.member_id, member.nic, member.office, json.dumps(member.record, ensure_ascii=False))
        self.database.execute(
            "insert or ignore into member values (?, ?, ?, ?, ?, ?, ?)",
            (*values, member.state, member.reason, member.programme),
        )

    def find(self, member_id: str) -> Member | None:
        row = self.database.execute("select * from member where member_id = ?", (member_id,)).fetchone()
        return _member(row) if row else None

    def by_nic(self, nic: str) -> Member | None:
        """The person with this number (new form) whom ESS took on, else any with it."""
        query = "select * from member where nic = ? order by state = 'rejected', member_id"
        row = self.database.execute(query, (nic,)).fetchone()
        return _member(row) if row else None

    def members(self) -> list[Member]:
        """Everybody referred, by member id."""
        return [_member(row) for row in self.database.execute("select * from member order by member_id")]

    def became(self, member_id: str, state: str, *, programme: str = "") -> None:
        """A new state; a programme, once known, stays."""
        self.database.execute(
            "update member set state = ?, programme = case ? when '' then programme else ? end where member_id = ?",
            (state, programme, programme, member_id),
        )

    def note(self, kind: str, member_id: str, reference: str, record: Mapping[str, Any]) -> bool:
        """Keep an update or a finding; False if this item was kept before."""
        values = (member_id, kind, reference, json.dumps(record, ensure_ascii=False))
        return self.database.execute("insert or ignore into said values (?, ?, ?, ?)", values).rowcount == 1

    def notes(self, kind: str) -> dict[str, Mapping[str, Any]]:
        """What was said last of each person, by member id."""
        query = "select member_id, record from said where kind = ? order by rowid"
        return {member_id: json.loads(record) for member_id, record in self.database.execute(query, (kind,))}

    def subscribe(self, event_type: str) -> str:
        """The code of the partner's subscription to our events; a repeated one keeps its code."""
        self.database.execute("insert or ignore into subscriber values (?, ?)", (event_type, str(uuid4())))
        row = self.database.execute("select code from subscriber where event_type = ?", (event_type,)).fetchone()
        return str(row[0])

    def subscribed(self) -> set[str]:
        """The kinds of our events that the partner wants to be told."""
        return {row[0] for row in self.database.execute("select event_type from subscriber")}

    def subscribing(self, event_type: str, correlation_id: str) -> None:
        """We asked to be told; the confirmation carries this correlation id, and may have come already."""
        self.database.execute("insert or replace into own_subscription values (?, ?)", (event_type, correlation_id))

    def confirm(self, correlation_id: str, code: str) -> None:
        """A provider confirms a subscription of ours."""
        self.database.execute("insert or replace into confirmed values (?, ?)", (correlation_id, code))

    def forget(self, code: str) -> None:
        """A subscription of ours is over."""
        self.database.execute("delete from confirmed where code = ?", (code,))

    def own_code(self, event_type: str) -> str:
        """The code of our own subscription; empty until it is confirmed."""
        query = "select code from own_subscription join confirmed using (correlation_id) where event_type = ?"
        row = self.database.execute(query, (event_type,)).fetchone()
        return str(row[0]) if row else ""


def _member(row: tuple[Any, ...]) -> Member:
    member_id, nic, office, record, *rest = row
    return Member(member_id, nic, office, json.loads(record), *rest)
