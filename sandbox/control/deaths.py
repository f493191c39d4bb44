"""Deaths registered while the sandbox runs: they stand in the civil register from then on, restarts included."""

import sqlite3
from collections.abc import Sequence
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Protocol

from sandbox.person import CivilRecord

TABLE = """
create table if not exists death (birth_registration text primary key, day text not null, told integer not null);
"""


class Records(Protocol):
    """The civil register as the population has it; see `agencies.civil_registration.Records`."""

    def civil_by_nic(self, nic: str) -> Sequence[CivilRecord]: ...

    def civil_by_birth_registration(self, number: str) -> CivilRecord | None: ...

    def civil_by_death_registration(self, number: str) -> CivilRecord | None: ...

    def civil_by_birth_date(self, day: date) -> Sequence[CivilRecord]: ...


class Deaths:
    """The civil register with the deaths registered since; reads like the register itself."""

    def __init__(self, records: Records, store: Path) -> None:
        self._records = records
        self._db = sqlite3.connect(store, check_same_thread=False)
        self._db.executescript(TABLE)
        rows = self._db.execute("select birth_registration, day from death")
        self._days = {number: date.fromisoformat(day) for number, day in rows}

    def close(self) -> None:
        self._db.close()

    def register(self, birth_registration: str, day: date) -> CivilRecord:
        """The record with its death; a death registered before keeps its day.

        Raises:
            KeyError: no such birth registration.
        """
        found = self._records.civil_by_birth_registration(birth_registration)
        if found is None:
            raise KeyError(birth_registration)
        with self._db:
            values = (birth_registration, day.isoformat())
            self._db.execute("insert or ignore into death values (?, ?, 0)", values)
        self._days.setdefault(birth_registration, day)
        return self._now(found)

    def registered(self) -> list[CivilRecord]:
        """All of them, in the order they were registered."""
        rows = self._db.execute("select birth_registration from death order by rowid").fetchall()
        found = (self._records.civil_by_birth_registration(number) for (number,) in rows)
        return [self._now(record) for record in found if record is not None]

    def told(self, birth_registration: str, subscribers: int | None = None) -> int:
        """How many subscribers were told of a death; with a number, remember it first."""
        if subscribers is not None:
            with self._db:
                query = "update death set told = ? where birth_registration = ?"
                self._db.execute(query, (subscribers, birth_registration))
        query = "select told from death where birth_registration = ?"
        return int(self._db.execute(query, (birth_registration,)).fetchone()[0])

    def civil_by_nic(self, nic: str) -> Sequence[CivilRecord]:
        """See `Records`."""
        return [self._now(record) for record in self._records.civil_by_nic(nic)]

    def civil_by_birth_registration(self, number: str) -> CivilRecord | None:
        """See `Records`."""
        found = self._records.civil_by_birth_registration(number)
        return self._now(found) if found is not None else None

    def civil_by_death_registration(self, number: str) -> CivilRecord | None:
        """See `Records`."""
        here = (record for record in self.registered() if record.death_registration == number)
        return self._records.civil_by_death_registration(number) or next(here, None)

    def civil_by_birth_date(self, day: date) -> Sequence[CivilRecord]:
        """See `Records`."""
        return [self._now(record) for record in self._records.civil_by_birth_date(day)]

    def _now(self, record: CivilRecord) -> CivilRecord:
        day = self._days.get(record.birth_registration)
        if day is None or record.death_date is not None:
            return record
        number = f"D{record.birth_registration[1:]}"
        return replace(record, death_date=day, death_registration=number, death_has_nic=record.nic is not None)
