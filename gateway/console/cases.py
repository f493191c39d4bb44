"""`/console/breaches` and `/console/access-requests`: what runs against a clock, and whom it concerns."""

from collections.abc import Mapping
from datetime import datetime, tzinfo
from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import Response

from pages import Refused

from ..edges.v1 import audit_people
from ..people import Right, SignedIn
from ..wiring import Services
from .doing import refusal
from .events import numbers
from .forms import posted, shaped
from .names import by_id, names_of, titles_of
from .offered import suggestions
from .page import done, page
from .reason import looking, reading
from .surely import Asked, Sure, sure

router = APIRouter(prefix="/console", include_in_schema=False)
MOMENTS = {"since": "T00:00:00", "until": "T23:59:59.999999", "known_at": ":00"}
"""What makes a moment, by the clocks of the country, of a field that holds a day, or a day and a time."""

STOPPED = "The clock stops now, and nobody can start it again. The log keeps the moment and who said so."
NOTIFIED: Sure = ("Was the authority notified?", (STOPPED,), "Yes, it was notified")
HANDED: Sure = ("Was the package handed over?", (STOPPED,), "Yes, it was handed over")
"""What is asked before a clock is stopped."""


@router.get("/breaches")
async def breaches(request: Request) -> Response:
    """All cases, the nearest deadline first; a case reads evidence, so the reason is asked before its form."""
    await reading(request)
    return await _breaches(request)


@router.post("/breaches")
async def open_breach(request: Request) -> Response:
    """Open a case: its scope is looked up now, and the clock runs."""
    who, reviewer, read = await reading(request, Right.REVIEW_ACT)
    form = dict(await posted(request, who.csrf))
    made: dict[str, Any] = {}

    async def work() -> None:
        wanted = await _criteria(form, read.here)
        made.update(await audit_people.post_breach(shaped(audit_people.BreachIn, wanted), reviewer, read))

    refused = await refusal(work(), form, "kid")
    return await _breaches(request, refused) if refused else done(f"/console/breaches/{made['id']}", "saved")


async def _criteria(form: Mapping[str, str], here: Services) -> dict[str, str]:
    """As the API takes them: a system by its id where somebody typed its name, moments with their zone."""
    wanted = {name: f"{value}{MOMENTS.get(name, '')}" for name, value in form.items() if value}
    for name in MOMENTS.keys() & wanted.keys():
        wanted[name] = _at(wanted[name], here.profile.zone)
    return await by_id(here, wanted)


def _at(text: str, zone: tzinfo) -> str:
    """A moment with its zone; what is none goes on to the API, which refuses it by its name."""
    try:
        return datetime.fromisoformat(text).replace(tzinfo=zone).isoformat()
    except ValueError:
        return text


@router.get("/breaches/{breach_id}")
async def one_breach(breach_id: str, request: Request) -> Response:
    """One case with its clock and its drafts."""
    who, reviewer, here = await looking(request)
    found = await audit_people.get_breach(breach_id, reviewer, here)
    values: dict[str, Any] = {"acting": who.giving(Right.REVIEW_ACT), "persons": who.giving(Right.PERSONS_READ)}
    return page(request, who, "console/breach.html", found=found, names=await _names(here, who, found), **values)


async def _names(here: Services, who: SignedIn, shown: object = ()) -> dict[str, str]:
    """With every agreement's: a case is about one, or tells under which ones data left."""
    return await titles_of(here) | dict(await names_of(here, who, shown))


@router.get("/breaches/{breach_id}/people")
async def affected(breach_id: str, request: Request) -> Response:
    """The pseudonyms of those whom it concerns, as a file."""
    _, reviewer, read = await reading(request, Right.PERSONS_READ)
    found = await audit_people.get_affected(breach_id, reviewer, read)
    found.headers["content-disposition"] = 'attachment; filename="people.jsonl"'
    return found


@router.post("/breaches/{breach_id}/notified")
async def notified(breach_id: str, request: Request) -> Response:
    """The authority was told: the clock stops."""
    who, reviewer, here = await looking(request, Right.REVIEW_ACT)
    form = await posted(request, who.csrf)
    if asks := sure(request, who, form, Asked(*NOTIFIED, f"/console/breaches/{breach_id}", {})):
        return asks
    await audit_people.post_notified(breach_id, reviewer, here)
    return done(f"/console/breaches/{breach_id}", "saved")


async def _breaches(request: Request, refused: Refused | None = None) -> Response:
    who, reviewer, here = await looking(request)
    found = await audit_people.get_breaches(reviewer, here)
    values: dict[str, Any] = {"found": found["breaches"]}
    values |= {"acting": who.giving(Right.REVIEW_ACT), "names": await _names(here, who)}
    values["suggested"] = await suggestions(request)
    return page(request, who, "console/breaches.html", refused=refused, **values)


@router.get("/access-requests")
async def requests(request: Request) -> Response:
    """Who waits for an answer, by the day it is due; nothing says whose it is."""
    return await _requests(request)


@router.post("/access-requests")
async def receive(request: Request) -> Response:
    """Somebody asks what is known about them: the clock runs."""
    who, reviewer, here = await looking(request, Right.PERSONS_READ)
    form = await posted(request, who.csrf)
    wanted = {"type": form.get("type", ""), "value": form.get("value", "").strip()}

    async def work() -> None:
        body = shaped(audit_people.AccessIn, {"subject": {"identifiers": [wanted]}})
        await audit_people.post_access_request(body, reviewer, here)

    refused = await refusal(work(), form, "value")
    return await _requests(request, refused) if refused else done("/console/access-requests", "saved")


@router.get("/access-requests/{request_id}/package")
async def package(request_id: str, request: Request) -> Response:
    """The ZIP to hand over."""
    _, reviewer, read = await reading(request, Right.PERSONS_READ)
    return await audit_people.get_package(request_id, reviewer, read)


@router.post("/access-requests/{request_id}/handed")
async def handed(request_id: str, request: Request) -> Response:
    """It was handed over: the clock stops."""
    who, reviewer, here = await looking(request, Right.PERSONS_READ)
    form = await posted(request, who.csrf)
    if asks := sure(request, who, form, Asked(*HANDED, "/console/access-requests", {})):
        return asks
    await audit_people.post_handed(request_id, reviewer, here)
    return done("/console/access-requests", "saved")


async def _requests(request: Request, refused: Refused | None = None) -> Response:
    who, reviewer, here = await looking(request, Right.PERSONS_READ)
    found = await audit_people.get_access_requests(reviewer, here)
    values: dict[str, Any] = {"found": found["requests"], "types": numbers(here)}
    return page(request, who, "console/access-requests.html", refused=refused, **values)
