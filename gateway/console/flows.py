"""Who may ask whom, placed for a picture: members around a circle, an arrow for each flow. Numbers only, no markup."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import cos, hypot, pi, sin
from typing import Any

WIDTH, HEIGHT = 1160, 620
CENTRE_X, CENTRE_Y = WIDTH / 2, HEIGHT / 2
RADIUS_X, RADIUS_Y = 300, 240
GAP = 26
"""Between an arrow's end and the middle of a member's dot."""


@dataclass(frozen=True, slots=True)
class Dot:
    """A member and where it stands; `anchor` is where its name begins, for the side of the circle it is on."""

    id: str
    name: str
    x: float
    y: float
    anchor: str

    @property
    def name_x(self) -> float:
        """Where the name stands."""
        return self.x + {"start": 16, "end": -16}.get(self.anchor, 0)

    @property
    def name_y(self) -> float:
        """Beside the dot, or above and below it."""
        below = 28 if self.y > CENTRE_Y else -18
        return self.y + (below if self.anchor == "middle" else 5)


@dataclass(frozen=True, slots=True)
class Arrow:
    """From who asks to who is asked; bent, so that there and back are two. `flow` is what it stands for."""

    path: str
    flow: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Map:
    """The picture."""

    dots: Sequence[Dot]
    arrows: Sequence[Arrow]
    width: int = WIDTH
    height: int = HEIGHT


def drawn(members: Sequence[Mapping[str, str]], flows: Sequence[Mapping[str, Any]]) -> Map:
    """The members of `GET /v1/audit/flows` around a circle, and its flows between them."""
    dots = {each["id"]: _dot(each, number, len(members)) for number, each in enumerate(members)}
    return Map(
        list(dots.values()), [Arrow(_path(dots[each["consumer"]], dots[each["provider"]]), each) for each in flows]
    )


def _dot(member: Mapping[str, str], number: int, count: int) -> Dot:
    angle = 2 * pi * number / count - pi / 2
    across = cos(angle)
    anchor = "middle" if abs(across) < 0.3 else "start" if across > 0 else "end"
    x, y = CENTRE_X + RADIUS_X * across, CENTRE_Y + RADIUS_Y * sin(angle)
    return Dot(member["id"], member["name"], round(x, 1), round(y, 1), anchor)


def _path(begin: Dot, end: Dot) -> str:
    """A curve from edge to edge, bent to its left; a member that asks itself has a loop."""
    if begin.id == end.id:
        return f"M{begin.x - 8} {begin.y - 10} c-30 -50 46 -50 16 0"
    across, down = end.x - begin.x, end.y - begin.y
    long = hypot(across, down)
    bend_x = (begin.x + end.x) / 2 - down / long * 30
    bend_y = (begin.y + end.y) / 2 + across / long * 30
    back = hypot(end.x - bend_x, end.y - bend_y)
    tip_x, tip_y = end.x - (end.x - bend_x) / back * GAP, end.y - (end.y - bend_y) / back * GAP
    return f"M{begin.x} {begin.y} Q{bend_x:.1f} {bend_y:.1f} {tip_x:.1f} {tip_y:.1f}"
