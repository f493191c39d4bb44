"""`/console/events` and `/console/person`: what changed the rules and who read evidence; what concerns one person."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import Response

import pages
from audit.wording import KINDS

from ..edges.refusal import ProblemError
from ..edges.v1 import audit, audit_agreements
from ..wiring import Services
from .exchanges import as_api, outcomes_offered
from .forms import posted, shaped
from .names import by_id, names_of
from .page import A_PAGE, page
from .reason import reading

NARROWING = ("consumer", "provider", "purpose", "outcome", "since", "until")
EMPTY: Mapping[str, str] = MappingProxyType({})

router = APIRouter(prefix="/console", include_in_schema=False)


@router.get("/events")
async def listed(request: Request) -> Response:
    """Entries that are no exchanges, newest first."""
    who, reviewer, read = await reading(request)
    known = audit.EventsIn.model_fields
    query = {name: value for name, value in request.query_params.items() if value and name in known}
    wanted: dict[str, object] = {"limit": A_PAGE, **query}
    found = await audit.get_events(shaped(audit.EventsIn, wanted), reviewer, read)
    named = [{"value": code, "text": pages.said(text)} for code, text in sorted(KINDS.items())]
    kinds = [{"value": "", "text": ""}, *named]
    values: dict[str, Any] = {"events": found["events"], "query": query, "kinds": kinds, "said": KINDS}
    values |= {"older": found["next"], "newer": found["previous"]}
    values["names"] = await names_of(read.here, who, found)
    return page(request, who, "console/events.html", **values)


@router.get("/person")
async def ask_person(request: Request) -> Response:
    """Which person? The number goes into a form's body and never into an address."""
    who, _, read = await reading(request)
    return page(request, who, "console/person.html", **_form(read.here), exchanges=None, fault="")


@router.post("/person")
async def find_person(request: Request) -> Response:
    """What was exchanged about this person; the number becomes a keyed pseudonym and is shown nowhere again."""
    who, reviewer, read = await reading(request)
    form = await posted(request, who.csrf)
    wanted = {"type": form.get("type", ""), "value": form.get("value", "").strip()}
    query = {name: form[name] for name in (*NARROWING, "before", "after") if form.get(name)}
    values: dict[str, Any] = _form(read.here, query) | {"exchanges": None}
    try:
        filters = as_api(await by_id(read.here, query), read.here.profile.zone)
        body = shaped(audit.PersonWantedIn, {"subject": {"identifiers": [wanted]}} | filters)
        found = await audit.post_search(body, reviewer, read)
    except ProblemError as error:
        return page(request, who, "console/person.html", status=400, fault=error.detail, **values)
    values |= {
        "exchanges": found["exchanges"],
        "names": await names_of(read.here, who),
        "older": found["next"],
        "newer": found["previous"],
        "wanted": wanted,
    }
    return page(request, who, "console/person.html", fault="", **values)


@router.post("/person/consents")
async def find_consents(request: Request) -> Response:
    """What this person consented to, with every controller; nothing of the number is shown again."""
    who, reviewer, read = await reading(request)
    form = await posted(request, who.csrf)
    wanted = {"type": form.get("type", ""), "value": form.get("value", "").strip()}
    try:
        body = shaped(audit_agreements.PersonIn, {"subject": {"identifiers": [wanted]}})
        found = await audit_agreements.post_consents_search(body, reviewer, read)
    except ProblemError as error:
        values: dict[str, Any] = _form(read.here) | {"exchanges": None, "fault": error.detail}
        return page(request, who, "console/person.html", status=400, **values)
    return page(request, who, "console/consents.html", found=found["consents"], names=await names_of(read.here, who))


def _form(here: Services, query: Mapping[str, str] = EMPTY) -> dict[str, Any]:
    """`query`: what the search was narrowed to."""
    wanted = {"type": here.profile.person_key, "value": ""}
    shown: dict[str, Any] = {"names": {}, "types": numbers(here), "wanted": wanted, "outcomes": outcomes_offered()}
    shown["faults"] = ()  # a filter that cannot be used is told like any other fault of the form
    return shown | {"query": {name: value for name, value in query.items() if name not in {"before", "after"}}}


def numbers(here: Services) -> list[dict[str, str]]:
    """The kinds of numbers that people have in this country, for a select; the one they are known by comes first."""
    first = here.profile.person_key
    kinds = [first, *sorted(here.profile.patterns.keys() - {first})]
    return [{"value": each, "text": each} for each in kinds]
