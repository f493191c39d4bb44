"""`/console/events` and `/console/person`: what changed the rules and who read evidence; what concerns one person."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import Response

import pages
from audit.wording import KINDS
from pages import Refused, Wrong

from ..edges.refusal import ProblemError
from ..edges.v1 import audit, audit_agreements
from ..wiring import Services
from .exchanges import as_api, outcomes_offered
from .forms import FieldsRefused, posted, shaped
from .names import by_id, names_of
from .offered import suggestions
from .page import A_PAGE, page
from .reason import reading
from .refusals import told as refused_words

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
    found: dict[str, Any] = {"events": [], "next": None, "previous": None}
    refused = None
    try:
        found |= await audit.get_events(shaped(audit.EventsIn, wanted), reviewer, read)
    except FieldsRefused as error:
        refused = Refused(error.wrong or [Wrong("kind", error.detail)], query)
    named = [{"value": code, "text": pages.said(text)} for code, text in sorted(KINDS.items())]
    kinds = [{"value": "", "text": ""}, *named]
    values: dict[str, Any] = {"events": found["events"], "query": query, "kinds": kinds, "said": KINDS}
    values |= {"older": found["next"], "newer": found["previous"]}
    values["names"] = await names_of(read.here, who, found)
    return page(request, who, "console/events.html", refused=refused, **values)


@router.get("/person")
async def ask_person(request: Request) -> Response:
    """Which person? The number goes into a form's body and never into an address."""
    who, _, _ = await reading(request)
    return page(request, who, "console/person.html", **await _form(request), exchanges=None)


@router.post("/person")
async def find_person(request: Request) -> Response:
    """What was exchanged about this person; the number becomes a keyed pseudonym and is shown nowhere again."""
    who, reviewer, read = await reading(request)
    form = await posted(request, who.csrf)
    wanted = {"type": form.get("type", ""), "value": form.get("value", "").strip()}
    query = {name: form[name] for name in (*NARROWING, "before", "after") if form.get(name)}
    values: dict[str, Any] = await _form(request, query) | {"exchanges": None}
    try:
        filters = as_api(await by_id(read.here, query), read.here.profile.zone)
        body = shaped(audit.PersonWantedIn, {"subject": {"identifiers": [wanted]}} | filters)
        found = await audit.post_search(body, reviewer, read)
    except ProblemError as error:
        return page(request, who, "console/person.html", refused=_refused(error, form), **values)
    values |= {
        "exchanges": found["exchanges"],
        "names": await names_of(read.here, who),
        "older": found["next"],
        "newer": found["previous"],
        "wanted": wanted,
    }
    return page(request, who, "console/person.html", **values)


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
        values: dict[str, Any] = await _form(request) | {"exchanges": None}
        return page(request, who, "console/person.html", refused=_refused(error, form), **values)
    return page(request, who, "console/consents.html", found=found["consents"], names=await names_of(read.here, who))


async def _form(request: Request, query: Mapping[str, str] = EMPTY) -> dict[str, Any]:
    """`query`: what the search was narrowed to."""
    here: Services = request.app.state.services
    wanted = {"type": here.profile.person_key, "value": ""}
    shown: dict[str, Any] = {"names": {}, "types": numbers(here), "wanted": wanted, "outcomes": outcomes_offered()}
    shown["suggested"] = await suggestions(request)
    return shown | {"query": {name: value for name, value in query.items() if name not in {"before", "after"}}}


def _refused(error: ProblemError, form: Mapping[str, str]) -> Refused:
    """What is wrong with the form; the number goes back to whoever has just typed it, and nowhere else."""
    told = error.wrong if isinstance(error, FieldsRefused) else ()
    return Refused(told or [Wrong("value", refused_words(error.detail))], form)


def numbers(here: Services) -> list[dict[str, str]]:
    """The kinds of numbers that people have in this country, for a select; the one they are known by comes first."""
    first, known = here.profile.person_key, here.profile.numbers
    kinds = [first, *sorted(known.keys() - {first})]
    return [{"value": each, "text": f"{pages.said(known[each])} ({each})"} for each in kinds]
