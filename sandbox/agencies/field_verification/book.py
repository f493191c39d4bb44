"""The households on the lists of the divisions, in SQLite. The data as it came is never
written over once the household was visited. Restart-safe."""

import json
import sqlite3
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path
from typing import Any

from sandbox.bearer import Refused

TABLE = """
create table if not exists household (
    list text not null, household text not null, nic text not null, position integer not null, visit text not null,
    state text not null, told text not null, primary key (list, household)
);
create index if not exists household_nic on household (nic);
create table if not exists item (id text primary key, content text not null);
"""
Acts = Mapping[str, Any]


class NotNow(Exception):
    """An officer's act that does not follow from what was done before."""


@dataclass(frozen=True, slots=True)
class Household:
    """One household of one list.

    Attributes:
        visit: as it came with the list, canonical; never changed.
        state: LST | VIS | CLR | REV | APP | REF.
        told: what was added since, as the profile writes it (visitedOn, finding, clearance, revised, ...).
    """

    list: str
    household: str
    nic: str
    position: int
    visit: Acts
    state: str
    told: Acts

    def wire(self) -> dict[str, object]:
        """As the profile writes it."""
        known = {"list": self.list, "household": self.household, "state": self.state}
        return {**known, "original": self.visit["original"], **self.told}


class Book:
    """What the divisions know, and what their officers do. Used from one event loop."""

    def __init__(self, store: Path, day: date) -> None:
        self._database = sqlite3.connect(store, isolation_level=None, check_same_thread=False)
        self._database.executescript(TABLE)
        self._day = day.isoformat()

    def listed(self, item: str, nic: str, visit: Acts) -> Household:
        """A line of a list that goes out; a newer version of the list replaces a line that nobody has visited.

        Raises:
            Refused: another line under this item, or a household that was visited already.
        """
        place = (str(visit["list"]), str(visit["household_id"]))
        known = self.find(*place)
        if not self._new(item, {"nic": nic, "visit": visit}) and known:
            return known
        if known and (known.state != "LST" or known.visit["list_version"] > visit["list_version"]):
            raise Refused(409, "LIST_CLOSED", "the household was visited, or a newer version of the list is here")
        found = Household(*place, nic, int(visit["position"]), dict(visit), "LST", {})
        self._keep(found)
        return found

    def revised(self, item: str, nic: str, revision: Acts) -> Household:
        """The data as edited: taken only on the clearance that was given for this household.

        Raises:
            Refused: nobody's household, not cleared, another clearance, or another revision under this item.
        """
        known = self.find(str(revision["list"]), str(revision["household_id"]))
        if known is None or known.nic != nic:
            raise Refused(404, "HOUSEHOLD_UNKNOWN", "no list has this household")
        if known.state == "REV" and not self._new(item, {"nic": nic, "revision": revision}):
            return known
        if known.state != "CLR" or known.told["clearance"]["reference"] != revision["clearance"]:
            raise Refused(403, "NOT_CLEARED", "the household is not cleared for editing under this reference")
        self._new(item, {"nic": nic, "revision": revision})
        edit = {name: revision[ours] for name, ours in EDIT.items()}
        return self._moved(known, "REV", edit)

    def visited(self, at: str, household: str, finding: str) -> Household:
        """The committee was there: SAME, DIFF or GONE."""
        return self._moved(self._in(at, household, "LST"), "VIS", {"visitedOn": self._day, "finding": finding})

    def cleared(self, at: str, household: str, by: str) -> Household:
        """The divisional secretary's first approval: the data may be edited."""
        found = self._in(at, household, "VIS")
        clearance = {"reference": f"CLR-{at[3:7]}-{found.position}", "by": by, "on": self._day}
        return self._moved(found, "CLR", {"clearance": clearance})

    def approved(self, at: str, household: str, by: str) -> Household:
        """The second approval, of what was edited; never by the officer who edited."""
        found = self._in(at, household, "REV")
        if found.told["editedBy"] == by:
            raise NotNow("who edited does not approve")
        approval = {"reference": f"APP-{at[3:7]}-{found.position}", "by": by, "on": self._day}
        return self._moved(found, "APP", {"approval": approval})

    def of(self, nic: str) -> Household | None:
        """The household of a person on the newest list that has it."""
        query = "select * from household where nic = ? order by list desc limit 1"
        row = self._database.execute(query, (nic,)).fetchone()
        return _household(row) if row else None

    def division(self, at: str) -> list[Household]:
        """One division's list, in its order."""
        rows = self._database.execute("select * from household where list = ? order by position", (at,))
        return [_household(row) for row in rows]

    def complete(self, at: str) -> bool:
        """Whether every line of the list has come."""
        lines = self.division(at)
        return bool(lines) and [each.position for each in lines] == list(range(1, int(lines[0].visit["of"]) + 1))

    def find(self, at: str, household: str) -> Household | None:
        """One household of one list."""
        query = "select * from household where list = ? and household = ?"
        row = self._database.execute(query, (at, household)).fetchone()
        return _household(row) if row else None

    def close(self) -> None:
        """Close the store."""
        self._database.close()

    def _in(self, at: str, household: str, state: str) -> Household:
        found = self.find(at, household)
        if found is None or found.state != state:
            raise NotNow(f"no household of this list is {state} under this name")
        return found

    def _moved(self, known: Household, state: str, more: Acts) -> Household:
        moved = replace(known, state=state, told={**known.told, **more})
        self._keep(moved)
        return moved

    def _new(self, item: str, content: object) -> bool:
        """Remember an item. Raises Refused when another one came under its id."""
        text = json.dumps(content, sort_keys=True)
        row = self._database.execute("select content from item where id = ?", (item,)).fetchone()
        if row and row[0] != text:
            raise Refused(409, "ITEM_DIFFERS", "another line came under this item")
        if row is None:
            self._database.execute("insert into item values (?, ?)", (item, text))
        return row is None

    def _keep(self, found: Household) -> None:
        place = (found.list, found.household, found.nic, found.position)
        values = (*place, json.dumps(dict(found.visit)), found.state, json.dumps(dict(found.told)))
        self._database.execute("insert or replace into household values (?, ?, ?, ?, ?, ?, ?)", values)


EDIT = {"revised": "revised", "editedBy": "edited_by", "editedOn": "edited_on"}


def _household(row: tuple[Any, ...]) -> Household:
    at, household, nic, position, visit, state, told = row
    return Household(at, household, nic, position, json.loads(visit), state, json.loads(told))
