"""Who may ask whom, placed for a picture: who asks on the left, who is asked on the right, an arrow for each flow.

Numbers only, no markup. A member that does both stands on both sides, so that no arrow crosses a name.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

WIDTH, MARGIN = 1160, 24
LEFT_X, RIGHT_X = 350, 810
ROW = 58
"""Height of a name of three lines."""
GAP = 20
"""Between an arrow's end and the middle of a member's dot."""


@dataclass(frozen=True, slots=True)
class Dot:
    """A member on one side; `anchor` is where its name, which stands outside, begins: `end` on the left."""

    id: str
    x: float
    y: float
    anchor: str

    @property
    def name_x(self) -> float:
        """Where the name stands."""
        return self.x + (18 if self.anchor == "start" else -18)


@dataclass(frozen=True, slots=True)
class Arrow:
    """From who asks to who is asked. `flow` is what it stands for."""

    path: str
    flow: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Map:
    """The picture."""

    dots: Sequence[Dot]
    arrows: Sequence[Arrow]
    height: int
    width: int = WIDTH


def drawn(flows: Sequence[Mapping[str, Any]]) -> Map:
    """The flows of `GET /v1/audit/flows`: those who ask most on top, and each who is asked near those who ask it."""
    asked_by: dict[str, list[str]] = defaultdict(list)
    asking: dict[str, int] = defaultdict(int)
    for each in flows:
        asked_by[each["provider"]].append(each["consumer"])
        asking[each["consumer"]] += 1
    left = sorted(asking, key=lambda each: (-asking[each], each))
    place = {each: number for number, each in enumerate(left)}
    right = sorted(asked_by, key=lambda each: (sum(map(place.__getitem__, asked_by[each])) / len(asked_by[each]), each))
    rows = max(len(left), len(right), 1)
    begins, ends = _column(left, rows, LEFT_X, "end"), _column(right, rows, RIGHT_X, "start")
    arrows = [Arrow(_path(begins[each["consumer"]], ends[each["provider"]]), each) for each in flows]
    return Map([*begins.values(), *ends.values()], arrows, rows * ROW + 2 * MARGIN)


def _column(members: Iterable[str], rows: int, x: float, anchor: str) -> dict[str, Dot]:
    """Member -> its dot, evenly over the height of the longer column."""
    some = list(members)
    step = rows * ROW / max(len(some), 1)
    return {each: Dot(each, x, round(MARGIN + step * (n + 0.5), 1), anchor) for n, each in enumerate(some)}


def _path(begin: Dot, end: Dot) -> str:
    """A curve that leaves and arrives level, so that where it comes from can be followed by eye."""
    tip, middle = end.x - GAP, (begin.x + end.x) / 2
    return f"M{begin.x} {begin.y} C{middle} {begin.y} {middle} {end.y} {tip} {end.y}"
