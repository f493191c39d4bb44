"""The run: every check is asked, none stops another."""

import asyncio
from collections.abc import Callable, Iterable, Mapping

import httpx

from . import checks_door, checks_events, checks_search, checks_whole
from .suite import CHECKS, Check, Outcome, Report, Result
from .talk import Failed, Talk

MODULES = (checks_door, checks_search, checks_events, checks_whole)  # in the order they are asked
PLACES = {module.__name__: place for place, module in enumerate(MODULES)}


def listed() -> list[Check]:
    """All checks, in the order they are asked."""
    return sorted(CHECKS.values(), key=lambda each: PLACES[each.work.__module__])


async def run(talk: Talk, only: Iterable[str] = (), told: Callable[[Result], None] = lambda _: None) -> Report:
    """Ask every check, or those whose ids begin with one of `only`.

    Raises:
        Failed: the conversation cannot begin: no token, no keys.
    """
    await talk.begin()
    wanted = tuple(only)
    results: list[Result] = []
    for each in listed():
        if wanted and not each.id.startswith(wanted):
            continue
        outcome, detail = await _asked(each, talk)
        results.append(Result(each.id, each.title, each.source, outcome, detail))
        told(results[-1])
    return Report(tuple(results), tuple(sorted(talk.absent)))


async def _asked(each: Check, talk: Talk) -> tuple[Outcome, str]:
    if missing := [name for name in each.needs if not _there(talk, name)]:
        return "not run", f"give {', '.join(missing)} to look at it"
    if each.operation in talk.absent:
        if each.operation in talk.target.required:
            return "failed", f"the server has no {each.operation}"
        return "absent", f"the server has no {each.operation}"
    try:
        await asyncio.wait_for(each.work(talk), 60)
    except Failed as failure:
        return "failed", str(failure)
    except (httpx.HTTPError, TimeoutError) as error:
        return "failed", f"the server could not be talked to: {type(error).__name__}"
    return "passed", ""


def _there(talk: Talk, name: str) -> bool:
    found: Mapping[str, object] = {"callbacks": talk.callbacks, "keys": talk.keys}
    return bool(found[name] if name in found else getattr(talk.target, name))
