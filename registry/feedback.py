"""Step `enrolments`: what ESS tells about the people it was sent, by event, and what it answers when asked."""

import asyncio
import time
from collections import Counter
from collections.abc import Callable

from .checks import CHECKS, asked, done
from .progress import enrolled, households, standing, synced
from .push import pushed
from .stage import Stage


async def enrolments(stage: Stage) -> None:
    """Wait for events that are on their way, ask ESS about everyone pushed, confirm household by household."""
    people = set(pushed(stage.store))
    await quiet(stage, enough=lambda: _all_answered(stage, people))
    states = Counter(state for member, state in standing(stage.store).items() if member in people)
    stage.tell("by event: " + (", ".join(f"{state} {number}" for state, number in sorted(states.items())) or "nothing"))
    if done(stage, "sync"):
        _begin_anew(stage)
    await asked(stage, "sync", CHECKS["sync"])
    found = synced(stage.store)
    late = sum(found.values()) - len({member for member, yes in found.items() if yes} & _told_enrolled(stage))
    stage.tell(f"{len(enrolled(stage.store))} enrolled; {late} of them known only because we asked")
    findings = stage.store.count("SELECT count(*) FROM event WHERE name = 'finding' AND member IS NOT NULL")
    stage.tell(f"{findings} findings of counsellors came back")
    confirmed, all_ = households(stage.store)
    stage.tell(f"{confirmed} of {all_} households confirmed: every pushed member has an answer")


async def quiet(stage: Stage, enough: Callable[[], bool] = lambda: False) -> None:
    """Wait until there is enough, or no event has arrived for a while; at most as long as patience lasts."""
    begun = moved = time.monotonic()
    count = -1
    while time.monotonic() - moved < stage.settings.quiet_s and time.monotonic() - begun < stage.settings.patience_s:
        if enough():
            return
        now = stage.store.count("SELECT count(*) FROM event")
        if now != count:
            count, moved = now, time.monotonic()
        await asyncio.sleep(0.1)


def _all_answered(stage: Stage, people: set[str]) -> bool:
    states = standing(stage.store)
    return all(states.get(member) not in {None, "accepted"} for member in people)


def _told_enrolled(stage: Stage) -> set[str]:
    return {member for member, state in standing(stage.store).items() if state in {"enrolled", "confirmed"}}


def _begin_anew(stage: Stage) -> None:
    """The next round of the periodic question; the answers of the last one stand until they are replaced."""
    with stage.store.change() as connection:
        connection.execute("DELETE FROM batch WHERE step = 'sync'")
        connection.execute("DELETE FROM ask WHERE step = 'sync'")
