"""What each office has on offer: made up from the district's code, the same in every run."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta

from sandbox.luck import luck

TITLES = (
    ("job", "J", "Machine operator, garments", "8"),
    ("job", "J", "Care assistant", "5"),
    ("training", "T", "Welding, NVQ 3", "7"),
    ("training", "T", "Office software, certificate", "4"),
    ("apprenticeship", "A", "Electrician", "7"),
    ("self_employment", "S", "Tools and a first order", "6"),
)
MOST_PLACES = 12
COURSES = frozenset({"training", "apprenticeship"})


@dataclass(frozen=True, slots=True)
class Offer:
    """One offer of one office; `starts` is empty for what can begin at once."""

    code: str
    kind: str
    title: str
    places: int
    occupation: str
    starts: str = ""

    def wire(self) -> dict[str, object]:
        """As the profile writes it."""
        told: dict[str, object] = {"code": self.code, "kind": self.kind, "title": self.title, "places": self.places}
        return told | {"isco": self.occupation} | ({"startsOn": self.starts} if self.starts else {})


def offers_of(district: str, day: date) -> list[Offer]:
    """The offers of one office; some have none."""
    return list(_offers(district, day))


def _offers(district: str, day: date) -> Iterator[Offer]:
    for number, (kind, letter, title, occupation) in enumerate(TITLES, start=1):
        drawn = luck("offers", f"{district}:{number}")
        if drawn % 3:
            starts = (day + timedelta(days=7 + drawn % 60)).isoformat() if kind in COURSES else ""
            code = f"{district}-{letter}-{number:04d}"
            yield Offer(code, kind, title, drawn // 7 % MOST_PLACES, occupation, starts)
