"""The cases, in SQLite: who is responsible, how far each is, what came of it. Restart-safe."""

import json
import sqlite3
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import date, timedelta
from pathlib import Path
from typing import Any

from sandbox.bearer import Refused

TABLE = """
create table if not exists cases (
    number text primary key, item text not null unique, nic text not null, record text not null, office text not null,
    state text not null, outcome text not null, score_after text not null, opened text not null, changed text not null
);
create index if not exists cases_nic on cases (nic);
create table if not exists actions (item text primary key, number text not null, record text not null);
"""
DAYS = {"grievance": 21, "appeal": 30}  # within which the person is to have an answer
NEXT = {"NEW": frozenset({"ASG"}), "ASG": frozenset({"INV"}), "INV": frozenset({"DEC"}), "DEC": frozenset({"CLO"})}


class NotOpen(Exception):
    """The case cannot go there from where it is."""


@dataclass(frozen=True, slots=True)
class Case:
    """One grievance or appeal.

    Attributes:
        item: the sender's id of what opened it.
        record: as it was opened, canonical.
        state: NEW | ASG | INV | DEC | CLO.
        outcome: UPH | PAR | REJ, or empty.
        score_after: of an appeal that was upheld; else empty.
        opened, changed: days.
        action: what was done about it as last reported, canonical; empty for nothing.
    """

    number: str
    item: str
    nic: str
    record: Mapping[str, Any]
    office: str
    state: str
    outcome: str
    score_after: str
    opened: str
    changed: str
    action: Mapping[str, Any] = field(default_factory=dict)

    @property
    def due(self) -> str:
        """By when the person is to have an answer."""
        return (date.fromisoformat(self.opened) + timedelta(days=DAYS[self.record["kind"]])).isoformat()

    def wire(self) -> dict[str, object]:
        """As the profile writes it."""
        told = {name: self.record[name] for name in ("kind", "category", "programme")}
        scores = {"scoreBefore": self.record.get("score"), "scoreAfter": self.score_after}
        days = {"openedOn": self.opened, "changedOn": self.changed, "dueOn": self.due}
        done = {"action": self.action.get("action"), "actedOn": self.action.get("acted_on")}
        found = {"outcome": self.outcome, **scores, **done}
        return (
            {"number": self.number, **told, "office": self.office, "state": self.state}
            | {name: value for name, value in found.items() if value}
            | days
        )


def office_for(record: Mapping[str, Any]) -> str:
    """The responsible office: an appeal goes to the division's committee, money to the payment desk of the district,
    a complaint about officers to the district and never to the division it is about; the rest to the division."""
    division = str(record["ds_division"])
    if record["kind"] == "appeal":
        return f"AC-{division}"
    if record["category"] == "payment":
        return f"PAY-{division[:5]}"
    return f"DI-{division[:5]}" if record["category"] == "conduct" else f"DS-{division}"


class Desk:
    """What the desk knows and does. Used from one event loop."""

    def __init__(self, store: Path) -> None:
        self._database = sqlite3.connect(store, isolation_level=None, check_same_thread=False)
        self._database.executescript(TABLE)

    def opened(self, item: str, nic: str, record: Mapping[str, Any], day: date) -> Case:
        """The case that an item opens; the same one when it comes again.

        Raises:
            Refused: another case came under this item.
        """
        if (known := self._one("item", item)) is not None:
            if (known.nic, known.record) != (nic, dict(record)):
                raise Refused(409, "ITEM_DIFFERS", "another case came under this item")
            return known
        (count,) = self._database.execute("select count(*) from cases").fetchone()
        number, today = f"GR-{day.year}-{count + 1:06d}", day.isoformat()
        case = Case(number, item, nic, dict(record), office_for(record), "NEW", "", "", today, today)
        self._keep(case)
        return case

    def of(self, nic: str) -> list[Case]:
        """The cases of one person, the oldest first."""
        rows = self._database.execute("select * from cases where nic = ? order by number", (nic,))
        return [replace(case, action=self._action(case.number)) for case in map(_case, rows)]

    def acted(self, item: str, nic: str, record: Mapping[str, Any]) -> None:
        """What was done about a case, reported by who did it; the same item again changes nothing.

        Raises:
            Refused: no such case of this person, or another report came under this item.
        """
        case, told = self._one("number", str(record["case"])), json.dumps(dict(record), sort_keys=True)
        if case is None or case.nic != nic:
            raise Refused(404, "CASE_UNKNOWN", "this person has no such case")
        self._database.execute("insert or ignore into actions values (?, ?, ?)", (item, case.number, told))
        (known,) = self._database.execute("select record from actions where item = ?", (item,)).fetchone()
        if known != told:
            raise Refused(409, "ITEM_DIFFERS", "another report came under this item")

    def moved(self, number: str, state: str, day: date, *, outcome: str = "", score: str = "") -> Case:
        """A case goes on; what is decided has an outcome, and only an appeal that was upheld a new score.

        Raises:
            NotOpen: no such case, a state that does not follow, or an outcome that does not belong there.
        """
        case = self._one("number", number)
        if case is None or state not in NEXT.get(case.state, ()) or bool(outcome) != (state == "DEC"):
            raise NotOpen(f"{number} cannot become {state}")
        if score and (case.record["kind"] != "appeal" or outcome == "REJ"):
            raise NotOpen("a score changes only by an appeal that was upheld")
        moved = replace(
            case,
            state=state,
            outcome=outcome or case.outcome,
            score_after=score or case.score_after,
            changed=day.isoformat(),
        )
        self._keep(moved)
        return moved

    def close(self) -> None:
        """Close the store."""
        self._database.close()

    def _action(self, number: str) -> Mapping[str, Any]:
        query = "select record from actions where number = ? order by rowid desc limit 1"
        row = self._database.execute(query, (number,)).fetchone()
        return dict(json.loads(row[0])) if row else {}

    def _one(self, column: str, value: str) -> Case | None:
        query = {"item": "select * from cases where item = ?", "number": "select * from cases where number = ?"}
        row = self._database.execute(query[column], (value,)).fetchone()
        return _case(row) if row else None

    def _keep(self, case: Case) -> None:
        opened_as = (case.number, case.item, case.nic, json.dumps(dict(case.record)))
        values = (*opened_as, case.office, case.state, case.outcome, case.score_after, case.opened, case.changed)
        self._database.execute("insert or replace into cases values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)", values)


def _case(row: tuple[str, ...]) -> Case:
    number, item, nic, record, office, state, outcome, score_after, opened, changed = row
    return Case(number, item, nic, json.loads(record), office, state, outcome, score_after, opened, changed)
