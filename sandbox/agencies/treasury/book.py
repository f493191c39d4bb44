"""Reports that came, those that are expected, and when each is due (section 2 of the profile)."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

from sandbox.bearer import Refused

REFERENCE = re.compile(r"RPT-([A-Z]+)-(LK(?:-[0-9]{1,7})?)-([0-9]{4}-(?:0[1-9]|1[0-2]))", re.ASCII)
CODES = {
    "CASH": "cash_forecast",
    "REL": "release",
    "EXP": "expenditure",
    "PHYS": "physical_progress",
    "PROG": "programme",
    "REC": "reconciliation",
}
HOLIDAYS = frozenset({(2, 4), (5, 1), (12, 25)})
DIVISION_DIGITS = 4
TOO_FEW = 5


@dataclass(frozen=True, slots=True)
class Expected:
    """One report by its reference: what kind, of which unit, for which month."""

    reference: str
    kind: str
    unit: str
    month: str


def expected(reference: str) -> Expected | None:
    """What a reference says; None for one that the profile does not know."""
    match = REFERENCE.fullmatch(reference)
    if match is None or match[1] not in CODES:
        return None
    return Expected(reference, CODES[match[1]], match[2], match[3])


def due_on(report: Expected) -> date:
    """Forecasts: the second working day of their month from divisions, the fifth from districts. All else: the 5th of
    the month after."""
    first = date.fromisoformat(f"{report.month}-01")
    if report.kind != "cash_forecast":
        return (first + timedelta(days=31)).replace(day=5)
    digits = len(report.unit.partition("-")[2])
    left, day = (2 if digits >= DIVISION_DIGITS else 5), first
    while left := left - (day.weekday() < 5 and (day.month, day.day) not in HOLIDAYS):
        day += timedelta(days=1)
    return day


class Book:
    """Reports by reference. In memory: a restart forgets them. `day` is today and may be moved."""

    def __init__(self, day: date) -> None:
        self.day = day
        self.reports: dict[str, Mapping[str, Any]] = {}
        self.letters: dict[str, tuple[Mapping[str, Any], date]] = {}
        self._received: dict[str, date] = {}
        self._wanted: dict[str, Expected] = {}

    def expect(self, *references: str) -> None:
        """Reports that are waited for; a reference that nobody knows is a mistake of the caller.

        Raises:
            KeyError: see there.
        """
        for each in references:
            if (found := expected(each)) is None:
                raise KeyError(each)
            self._wanted[each] = found

    def receive(self, report: Mapping[str, Any]) -> dict[str, object]:
        """Keep a report; the first day it came on counts."""
        reference = str(report["report"])
        self.reports[reference] = report
        self._received.setdefault(reference, self.day)
        return self.state(reference)

    def allot(self, letter: Mapping[str, Any]) -> dict[str, object]:
        """Keep an allocation letter; the same one again is the same letter.

        Raises:
            Refused: another letter has this reference.
        """
        reference = str(letter["letter"])
        known, day = self.letters.setdefault(reference, (letter, self.day))
        if known != letter:
            raise Refused(409, "LETTER_DIFFERS", "another letter came under this reference")
        return {"letter": reference, "state": "RECEIVED", "receivedOn": day.isoformat()}

    def state(self, reference: str) -> dict[str, object]:
        """The state of a report with a known reference.

        Raises:
            KeyError: nobody waits for such a report, and none came.
        """
        known = expected(reference)
        if known is None or (reference not in self._wanted and reference not in self._received):
            raise KeyError(reference)
        due, received = due_on(known), self._received.get(reference)
        if received is None:
            state = "OVERDUE" if self.day > due else "EXPECTED"
        else:
            state = "LATE" if received > due else "IN_TIME"
        day = received.isoformat() if received else None
        return {"report": reference, "state": state, "dueOn": due.isoformat(), "receivedOn": day}

    def overdue(self) -> list[dict[str, object]]:
        """The states of the reports that did not come in time."""
        states = (self.state(each) for each in self._wanted)
        return [each for each in states if each["state"] == "OVERDUE"]
