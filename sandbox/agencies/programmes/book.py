"""What one programme knows, in SQLite: people, vacancies, confirmations, messages seen. Restart-safe."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import uuid4

from sandbox.answered import AgencyBook

TABLES = """
create table if not exists person (
    member_id text primary key, nic text not null, ds_division text not null, record text not null,
    state text not null, enrolled_on text not null, changed_on text not null, confirmed_on text not null
);
create index if not exists person_nic on person (nic);
create table if not exists vacancy (
    id text primary key, ds_division text not null, reason text not null, opened_on text not null,
    filled_by text not null
);
create table if not exists confirmation (reference text primary key, member_id text not null, record text not null);
create table if not exists grievance (id text primary key, member_id text not null, state text not null);
create table if not exists subscriber (event_type text primary key, code text not null);
"""


@dataclass(frozen=True, slots=True)
class Person:
    """One candidate or beneficiary.

    Attributes:
        record: the candidate, canonical.
        state: checking | unverified | waiting | refused | active | suspended | graduated | exited | deceased.
        enrolled_on, changed_on, confirmed_on: days; empty while there is none.
    """

    member_id: str
    nic: str
    ds_division: str
    record: Mapping[str, Any]
    state: str
    enrolled_on: str = ""
    changed_on: str = ""
    confirmed_on: str = ""


@dataclass(frozen=True, slots=True)
class Vacancy:
    """A place that became free; `filled_by` is a member id, or empty."""

    id: str
    ds_division: str
    reason: str
    opened_on: str
    filled_by: str = ""


class Book(AgencyBook):
    """The programme's people, vacancies, confirmations, grievances and subscriptions."""

    def __init__(self, path: Path) -> None:
        super().__init__(path, TABLES)

    def put(self, person: Person) -> None:
        """A person as they are now."""
        record = json.dumps(person.record, ensure_ascii=False)
        values = (person.member_id, person.nic, person.ds_division, record, person.state)
        self.database.execute(
            "insert or replace into person values (?, ?, ?, ?, ?, ?, ?, ?)",
            (*values, person.enrolled_on, person.changed_on, person.confirmed_on),
        )

    def find(self, member_id: str) -> Person | None:
        row = self.database.execute("select * from person where member_id = ?", (member_id,)).fetchone()
        return _person(row) if row else None

    def by_nic(self, nic: str) -> Person | None:
        """The person with this number (new form)."""
        query = "select * from person where nic = ? and nic <> '' order by member_id"
        row = self.database.execute(query, (nic,)).fetchone()
        return _person(row) if row else None

    def people(self, *states: str) -> list[Person]:
        """Everybody in these states, by member id."""
        query = "select * from person where state in (select value from json_each(?)) order by member_id"
        return [_person(row) for row in self.database.execute(query, (json.dumps(states),))]

    def taken(self, ds_division: str) -> int:
        """Places that are taken in a division; a suspended beneficiary keeps theirs."""
        query = "select count(*) from person where ds_division = ? and state in ('active', 'suspended')"
        return int(self.database.execute(query, (ds_division,)).fetchone()[0])

    def next_waiting(self, ds_division: str) -> Person | None:
        """First of the waiting list of a division, by rank."""
        waiting = [each for each in self.people("waiting") if each.ds_division == ds_division]
        return min(waiting, key=lambda each: (each.record["rank"], each.member_id), default=None)

    def put_vacancy(self, vacancy: Vacancy) -> None:
        values = (vacancy.id, vacancy.ds_division, vacancy.reason, vacancy.opened_on, vacancy.filled_by)
        self.database.execute("insert or replace into vacancy values (?, ?, ?, ?, ?)", values)

    def vacancy(self, vacancy_id: str) -> Vacancy | None:
        row = self.database.execute("select * from vacancy where id = ?", (vacancy_id,)).fetchone()
        return Vacancy(*row) if row else None

    def vacancies(self) -> list[Vacancy]:
        """All of them, in the order they opened."""
        return [Vacancy(*row) for row in self.database.execute("select * from vacancy order by rowid")]

    def note_confirmation(self, reference: str, member_id: str, record: Mapping[str, Any]) -> bool:
        """Keep a confirmation; False if this item was kept before."""
        values = (reference, member_id, json.dumps(record, ensure_ascii=False))
        return self.database.execute("insert or ignore into confirmation values (?, ?, ?)", values).rowcount == 1

    def confirmations(self, member_id: str) -> list[Mapping[str, Any]]:
        """What officers certified of a person, in the order it came."""
        query = "select record from confirmation where member_id = ? order by rowid"
        return [json.loads(record) for (record,) in self.database.execute(query, (member_id,))]

    def put_grievance(self, case: str, member_id: str, state: str) -> None:
        self.database.execute("insert or replace into grievance values (?, ?, ?)", (case, member_id, state))

    def subscribe(self, event_type: str) -> str:
        """The code of the partner's subscription to our events; a repeated one keeps its code."""
        self.database.execute("insert or ignore into subscriber values (?, ?)", (event_type, str(uuid4())))
        row = self.database.execute("select code from subscriber where event_type = ?", (event_type,)).fetchone()
        return str(row[0])

    def subscribed(self) -> set[str]:
        """The kinds of our events that the partner wants to be told."""
        return {row[0] for row in self.database.execute("select event_type from subscriber")}


def _person(row: tuple[Any, ...]) -> Person:
    member_id, nic, ds_division, record, *rest = row
    return Person(member_id, nic, ds_division, json.loads(record), *rest)
