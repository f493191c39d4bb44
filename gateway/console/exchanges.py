"""`/console/exchanges`: what was exchanged, for those who review it. The pages show what `/v1/audit` answers."""

from collections.abc import Mapping
from typing import Any
from urllib.parse import urlencode

from fastapi import APIRouter, Request
from fastapi.responses import RedirectResponse, Response
from pydantic import ValidationError

import pages
from audit.wording import OUTCOMES

from ..edges.refusal import ProblemError
from ..edges.v1 import audit
from ..edges.v1.reviewing import checked_text
from ..people import Right
from ..people.signin import local
from ..wiring import Services
from .forms import posted
from .page import officer_of, page
from .reason import keep, reading, stated

FILTERS = ("consumer", "provider", "service", "purpose", "agreement", "outcome", "case", "officer")
PRESETS = ("Routine review", "A person asked", "A finding", "An agency asked")

router = APIRouter(prefix="/console", include_in_schema=False)


@router.get("/reason")
async def ask_reason(request: Request) -> Response:
    """Why do you look? Asked before evidence is shown."""
    who = await officer_of(request)
    who.need(Right.EVIDENCE_READ)
    return page(request, who, "console/reason.html", **_reason_form(request, stated(request), ""))


@router.post("/reason")
async def keep_reason(request: Request) -> Response:
    """Keep it, and go on to what was wanted."""
    who = await officer_of(request)
    who.need(Right.EVIDENCE_READ)
    form = await posted(request, who.csrf)
    here: Services = request.app.state.services
    text = form.get("reason", "").strip()
    fault = _fault(text, here)
    if fault:
        return page(request, who, "console/reason.html", status=400, **_reason_form(request, text, fault))
    response = RedirectResponse(local(form.get("next", ""), "console"), 303)
    keep(response, text, secure=here.trust.origin.startswith("https://"))
    return response


def _reason_form(request: Request, text: str, fault: str) -> dict[str, Any]:
    then = local(request.query_params.get("next", ""), "console")
    return {"reason": text, "fault": fault, "next": then, "presets": PRESETS}


def _fault(text: str, here: Services) -> str:
    if not 10 <= len(text) <= 300 or not text.isprintable():
        return "Say why in 10 to 300 characters."
    try:
        checked_text(text, here)
    except ProblemError as error:
        return error.detail
    return ""


@router.get("/exchanges")
async def listed(request: Request) -> Response:
    """Exchanges, newest first; the filters stand in the address."""
    who, reviewer, read = await reading(request)
    query = {name: value for name, value in request.query_params.items() if value}
    shown: dict[str, Any] = {"filters": FILTERS, "query": query, "outcomes": _outcomes(), "reason": read.reason}
    try:
        wanted = audit.WantedIn.model_validate(_as_api(query), strict=False)
    except ValidationError as error:
        names = sorted({str(each["loc"][0]) for each in error.errors() if each["loc"]})
        return page(request, who, "console/exchanges.html", status=400, faults=names, exchanges=[], older="", **shown)
    found: Mapping[str, Any] = await audit.get_exchanges(wanted, reviewer, read)
    older = f"?{urlencode(query | {'before': found['next']})}" if found["next"] else ""
    return page(request, who, "console/exchanges.html", faults=[], exchanges=found["exchanges"], older=older, **shown)


def _outcomes() -> list[dict[str, str]]:
    """The choices of the form."""
    return [{"value": "", "text": pages.said("All")}, *({"value": code, "text": code} for code in sorted(OUTCOMES))]


def _as_api(query: Mapping[str, str]) -> dict[str, str]:
    """A day of the form's date fields is the whole day, in UTC."""
    named = {name: value for name, value in query.items() if name in {*FILTERS, "before", "system"}}
    since, until = query.get("since", ""), query.get("until", "")
    named |= {"since": f"{since}T00:00:00Z"} if since else {}
    return named | ({"until": f"{until}T23:59:59.999999Z"} if until else {})


@router.get("/exchanges/{exchange_id}")
async def one(exchange_id: str, request: Request) -> Response:
    """One exchange on one page: the sentence, the numbered steps, and whether the log proves them."""
    who, reviewer, read = await reading(request)
    found = await audit.get_exchange(exchange_id, reviewer, read)
    return page(request, who, "console/exchange.html", found=found, replayed=None)


@router.get("/exchanges/{exchange_id}/bundle")
async def bundle(exchange_id: str, request: Request) -> Response:
    """The evidence, to take away."""
    _, reviewer, read = await reading(request)
    return await audit.get_bundle(exchange_id, reviewer, read)


@router.post("/exchanges/{exchange_id}/replay")
async def replay(exchange_id: str, request: Request) -> Response:
    """Decide it again on the facts as they were, and show both."""
    who, reviewer, read = await reading(request)
    await posted(request, who.csrf)
    replayed = await audit.post_replay(exchange_id, reviewer, read)
    found = await audit.get_exchange(exchange_id, reviewer, read)
    return page(request, who, "console/exchange.html", found=found, replayed=replayed)
