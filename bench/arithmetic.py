"""Medians of interleaved rounds, percentiles, ratios: pure."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import median


@dataclass(frozen=True, slots=True)
class Round:
    """One measured round: completed pieces of work a second, and the latency of each piece in milliseconds."""

    rate: float
    p50: float | None = None
    p99: float | None = None

    @classmethod
    def of(cls, seconds: float, latencies: Sequence[float]) -> "Round":
        """From one latency (ms) for each completed piece of work."""
        if seconds <= 0 or not latencies:
            raise ValueError("a round without any completed work measures nothing")
        ordered = sorted(latencies)
        return cls(len(ordered) / seconds, percentile(ordered, 50), percentile(ordered, 99))


@dataclass(frozen=True, slots=True)
class Figure:
    """One line of the results.

    Attributes:
        value: in `unit`; the median of the rounds.
        p50, p99: latency in milliseconds, where there is one.
        reference: the name of what stands beside it in the same run.
        ratio: value through the reference's value.
        target: what the ratio (or the value, where there is no reference) should be, for people: `>= 0.03`.
    """

    name: str
    value: float
    unit: str
    p50: float | None = None
    p99: float | None = None
    reference: str | None = None
    ratio: float | None = None
    target: str = ""

    def wire(self) -> dict[str, object]:
        """The JSON object of `results.json`, three significant digits."""
        return {
            "name": self.name,
            "value": rounded(self.value),
            "unit": self.unit,
            "p50": rounded(self.p50),
            "p99": rounded(self.p99),
            "reference": self.reference,
            "ratio": rounded(self.ratio),
            "target": self.target,
        }

    @property
    def reached(self) -> bool | None:
        """Whether the target is reached; None without one."""
        if not self.target:
            return None
        sign, bound = self.target.split()[:2]
        measured = self.value if self.ratio is None else self.ratio
        return measured >= float(bound) if sign == ">=" else measured <= float(bound)


def percentile(ordered: Sequence[float], share: float) -> float:
    """The smallest value that `share` percent of the sorted values do not exceed (nearest rank)."""
    if not ordered:
        raise ValueError("no values, no percentile")
    return ordered[max(0, math.ceil(share / 100 * len(ordered)) - 1)]


def median_round(rounds: Sequence[Round]) -> Round:
    """Each number's own median over the rounds."""
    return Round(
        median(each.rate for each in rounds),
        _median([each.p50 for each in rounds]),
        _median([each.p99 for each in rounds]),
    )


def beside(name: str, found: Round, unit: str, reference: tuple[str, float] | None = None, target: str = "") -> Figure:
    """A figure of a rate, beside a reference of the same run."""
    ratio = ratio_of(found.rate, reference[1]) if reference else None
    return Figure(name, found.rate, unit, found.p50, found.p99, reference[0] if reference else None, ratio, target)


def ratio_of(value: float, reference: float) -> float:
    """Value through reference; a reference of nothing is a fault of the run."""
    if reference <= 0:
        raise ValueError("the reference measured nothing")
    return value / reference


def rounded(value: float | None, digits: int = 3) -> float | int | None:
    """To significant digits; whole numbers stay whole."""
    if value is None or value == 0:
        return value
    places = digits - 1 - math.floor(math.log10(abs(value)))
    return round(value, places) if places > 0 else round(value)


def merged(parts: Sequence[Mapping[str, object]]) -> tuple[float, list[float]]:
    """(seconds, latencies in ms) of load processes that ran side by side; the longest counts.

    Args:
        parts: `{"seconds": float, "micros": [int, ...]}` each.
    """
    seconds = max(float(str(part["seconds"])) for part in parts)
    latencies: list[float] = []
    for part in parts:
        micros = part["micros"]
        assert isinstance(micros, list)
        latencies += [each / 1000 for each in micros]
    return seconds, latencies


def _median(values: Sequence[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return median(known) if known else None
