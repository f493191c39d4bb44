"""World truth: how well a list agrees with what people really do, informal work included. It judges nothing."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date

from .months import years_between
from .nic import normal
from .truth import NOT_EMPLOYED, OLDEST, YOUNGEST
from .world import Reality, Registers

ON_THE_LIST = frozenset({"listed", "to_verify"})


@dataclass(frozen=True, slots=True)
class Quality:
    """People on the list, people with productive potential among those flagged, and those who are both."""

    listed: int
    potential: int
    both: int

    @property
    def precision(self) -> float:
        """Share of the list that has productive potential; 1 for an empty list."""
        return self.both / self.listed if self.listed else 1.0

    @property
    def recall(self) -> float:
        """Share of the flagged people with productive potential that is on the list; 1 if there are none."""
        return self.both / self.potential if self.potential else 1.0


def quality(lines: Iterable[Mapping[str, object]], registers: Registers, day: date) -> Quality:
    """Compare a list (lines of `list.jsonl`) with reality, person by person.

    Raises:
        KeyError: a line's id is no member of this population.
    """
    records = registers.registrations()
    flagged = {normal(each.nic) for each in records.values() if each.employment_status == NOT_EMPLOYED}
    listed = {normal(records[str(line["id"])].nic) for line in lines if line["outcome"] in ON_THE_LIST}
    potential = {nic for nic in flagged if has_potential(registers.reality(nic), day)}
    return Quality(len(listed), len(potential), len(listed & potential))


def has_potential(reality: Reality, day: date) -> bool:
    """Alive, 18 to 59, able to work, and neither at work, studying full time, pensioned nor enrolled already."""
    world = reality.world
    of_age = YOUNGEST <= years_between(reality.birth_date, day) <= OLDEST
    taken = world.working or world.studying or world.pensioner or world.enrolled
    return of_age and world.alive and world.able and not taken
