"""Columns of a chart, day by day and in parts: numbers only, no markup; the table beside it says the same."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

WIDTH, HEIGHT = 640, 200
MOST = 5
"""Parts that have a colour of their own; the others are one."""
OTHERS = ""


@dataclass(frozen=True, slots=True)
class Part:
    """What is told apart: a code, its place among the colours, its sum, and its number of each day."""

    name: str
    place: int
    total: int
    days: Sequence[int]


@dataclass(frozen=True, slots=True)
class Shape:
    """All of one part, column by column: `path` as SVG takes it."""

    place: int
    path: str


@dataclass(frozen=True, slots=True)
class Columns:
    """A chart: its parts with the most first, `days` as the API names them, the shapes to draw, the highest day."""

    parts: Sequence[Part]
    days: Sequence[str]
    shapes: Sequence[Shape]
    most: int
    width: int = WIDTH
    height: int = HEIGHT


def columns(counted: Sequence[Mapping[str, Any]], days: Sequence[Mapping[str, Any]]) -> Columns:
    """One column a day.

    Args:
        counted: what is told apart, `{"name", "exchanges", "days": [n, ...]}`, the most first.
        days: `{"day", "exchanges"}`, the oldest first.
    """
    parts = [Part(each["name"], place, each["exchanges"], each["days"]) for place, each in enumerate(counted[:MOST])]
    if rest := counted[MOST:]:
        summed = [sum(numbers) for numbers in zip(*(each["days"] for each in rest), strict=True)]
        parts.append(Part(OTHERS, MOST, sum(summed), summed))
    most = max(1, *(each["exchanges"] for each in days))
    drawn: list[list[str]] = [[] for _ in parts]
    step = WIDTH / len(days)
    for at in range(len(days)):
        y = float(HEIGHT)
        for part, blocks in zip(parts, drawn, strict=True):
            height = HEIGHT * part.days[at] / most
            y -= height
            if height:
                blocks.append(_block(at * step + step * 0.1, y, step * 0.8, height))
    shapes = [Shape(part.place, "".join(blocks)) for part, blocks in zip(parts, drawn, strict=True)]
    return Columns(parts, [str(each["day"]) for each in days], shapes, most)


def _block(x: float, y: float, width: float, height: float) -> str:
    """One rectangle of a path."""
    return f"M{x:.1f} {y:.1f}h{width:.1f}v{height:.1f}h-{width:.1f}z"
