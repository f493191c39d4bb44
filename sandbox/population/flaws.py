"""Everything that is planted: what is changed, how often, and what the rule must make of it.

The table is `flaws.tsv`. Its columns: `name`; `outcome` and `reasons` that the rule must find for the carrier (other
reasons may join them); `from_age`, `to_age` and `old_number` (the NIC number has an old form) that a carrier needs;
`what` is so in the carrier's records.

Rate: every flaw once in each block of `HOUSEHOLDS` registered households (about 390 people), among the first
`PLANTED_IN` of them (about 275 people). So 300 people hold one of each and 2,000 hold five. The carrier is somebody
whom every register knows, out of work or informally at work, flagged as not employed, with all consents: without the
flaw the rule lists the person. Rows whose outcome is `listed` change nothing that may matter: a careless consumer
would trip over them.
"""

import csv
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.resources import files
from random import Random

from ..nic import has_old_form
from .changes import CHANGES, Change
from .households import Outline

HOUSEHOLDS, PLANTED_IN = 102, 72
YOUNGEST, OLDEST = 19, 57  # carriers: old enough for a past job, and no birthday near an age limit


@dataclass(frozen=True, slots=True)
class Flaw:
    """One row of the table, with its change."""

    name: str
    outcome: str
    reasons: tuple[str, ...]
    from_age: int
    to_age: int
    old_number: bool
    what: str
    change: Change

    @property
    def has_limits(self) -> bool:
        return self.old_number or (self.from_age, self.to_age) != (YOUNGEST, OLDEST)

    def fits(self, outline: Outline) -> bool:
        of_age = self.from_age <= outline.age <= self.to_age
        return of_age and (not self.old_number or has_old_form(outline.nic))


def _table() -> tuple[Flaw, ...]:
    text = (files("sandbox") / "population" / "flaws.tsv").read_text(encoding="utf-8")
    return tuple(_flaw(**row) for row in csv.DictReader(text.splitlines(), delimiter="\t"))


def _flaw(*, name: str, reasons: str, from_age: str, to_age: str, old_number: str, outcome: str, what: str) -> Flaw:
    return Flaw(
        name=name,
        outcome=outcome,
        reasons=tuple(reasons.split()),
        from_age=int(from_age or YOUNGEST),
        to_age=int(to_age or OLDEST),
        old_number=old_number == "yes",
        what=what,
        change=CHANGES[name],
    )


FLAWS = _table()


def carriers(outlines: Sequence[Outline], random: Random) -> dict[int, Flaw]:
    """Who carries which flaw, by person number: people out of work first, each at most one."""
    free = [outline for outline in outlines if YOUNGEST <= outline.age <= OLDEST]
    random.shuffle(free)
    free.sort(key=lambda outline: outline.activity == "employed")
    chosen: dict[int, Flaw] = {}
    for flaw in sorted(FLAWS, key=lambda flaw: not flaw.has_limits):  # fewer people fit where there are limits
        carrier = next((outline for outline in free if flaw.fits(outline)), None)
        if carrier:
            free.remove(carrier)
            chosen[carrier.number] = flaw
    return chosen
