"""The registers' indexes, over records held once: by national number, registration numbers, day of birth."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from datetime import date

from sandbox.person import CivilRecord


class RecordIndex:
    """All records of the authority, as `Records` reads them. A record given twice is held once."""

    def __init__(self, records: Iterable[CivilRecord]) -> None:
        self._births = {record.birth_registration: record for record in records}
        self._deaths: dict[str, CivilRecord] = {}
        self._by_nic: defaultdict[str, list[CivilRecord]] = defaultdict(list)
        self._by_birth_date: defaultdict[date, list[CivilRecord]] = defaultdict(list)
        for record in self._births.values():
            self._by_birth_date[record.birth_date].append(record)
            if record.nic is not None:
                self._by_nic[record.nic].append(record)
            if record.death_registration is not None:
                self._deaths[record.death_registration] = record

    def civil_by_nic(self, nic: str) -> Sequence[CivilRecord]:
        """See `Records`."""
        return self._by_nic.get(nic, ())

    def civil_by_birth_registration(self, number: str) -> CivilRecord | None:
        """See `Records`."""
        return self._births.get(number)

    def civil_by_death_registration(self, number: str) -> CivilRecord | None:
        """See `Records`."""
        return self._deaths.get(number)

    def civil_by_birth_date(self, day: date) -> Sequence[CivilRecord]:
        """See `Records`."""
        return self._by_birth_date.get(day, ())
