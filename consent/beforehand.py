"""What agreements say of a request whoever it is about: how many people at once, and whether it has to wait."""

from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime

from .covering import RULES, Rule
from .model import Agreement, Facts, Request, State

NOBODY = Facts()
BEFORE_PEOPLE: tuple[Rule, ...] = tuple(rule for code, rule in RULES if code == "no_agreement")


def granting(request: Request, agreements: Iterable[Agreement], now: datetime) -> list[Agreement]:
    """The agreements between the systems that are in force and grant service, action and purpose."""
    return [each for each in agreements if not any(rule(each, request, NOBODY, now) for rule in BEFORE_PEOPLE)]


def most_lines(request: Request, agreements: Iterable[Agreement], now: datetime) -> int | None:
    """How many people may be asked about at once.

    None: as many as one likes, or no agreement grants it at all, which the decision on each person will say.
    """
    limits = [each.quota.bulk_lines for each in granting(request, agreements, now)]
    return max((each for each in limits if each is not None), default=None) if None not in limits else None


def on_hold(request: Request, agreements: Iterable[Agreement], now: datetime) -> bool:
    """Whether none grants it now, and one would that is suspended: it may be resumed, so what was taken can wait."""
    known = list(agreements)
    if granting(request, known, now):
        return False
    resumed = [replace(each, state=State.IN_FORCE) for each in known if each.state is State.SUSPENDED]
    return bool(granting(request, resumed, now))
