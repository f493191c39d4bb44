"""`/v1/exchanges`: one question about one person, answered now."""

from dataclasses import replace
from typing import Annotated, Any

from fastapi import APIRouter, Depends, FastAPI, Request
from fastapi.responses import Response

from audit import Entry, Wanted

from ...errors import shown_as
from ...pipeline import exchange
from ...wiring import Services
from ..body import HotRoute, StrictRoute
from ..door import around
from ..limited import between
from ..short import Short, Ways
from ..signing import signed_ask, signed_json
from .asking import by_officer, check_reach, check_subject, checked_ask
from .deps import Caller, having, services
from .problems import ProblemError
from .shapes import ExchangeIn

router = APIRouter(tags=["exchanges"], route_class=StrictRoute)
PATH = "/v1/exchanges"
exchanging = having("exchange")

ASKED = ("exchange_id", "consumer", "provider", "service", "action", "purpose", "asked", "lines")
OF_ANSWER = (
    "released",
    "contested",
    "kept_at",
    "withheld",
    "source_code",
    "answer",
    "agreement",
    "agreement_version",
    "basis",
)
OF_FAILURE = ("source_code",)


def first_in(app: FastAPI) -> None:
    """Add the busiest route ahead of all others, and a short way to it where the application knows such ways."""
    app.router.add_api_route(
        PATH,
        post_exchange,
        methods=["POST"],
        tags=["exchanges"],
        responses={400: {}, 403: {}, 404: {}, 502: {}, 503: {}},
        route_class_override=HotRoute,
    )
    route = app.router.routes[-1]
    if isinstance(app, Ways) and isinstance(route, HotRoute):
        app.short = {("POST", PATH): around(Short(app, route), app)}


async def post_exchange(request: Request, body: ExchangeIn) -> Response:
    """One question about one person, answered now. Errors: see `docs/errors.md`."""
    who, here = await exchanging(request), await services(request)
    ask = body.ask(who.system, body.subject.value(), here.today())
    if body.emergency:
        ask = replace(ask, emergency=body.emergency.reason)
    ask = by_officer(ask, body.officer, here)
    check_subject(ask.subject, here.profile)
    check_reach(who, ask)
    ask = signed_ask(checked_ask(ask, here.catalogue, here.profile, now=True), request)
    with between(here, who.system, ask.service):
        answer = await exchange(ask, here.gate)
    return signed_json(answer.wire(), here.trust)


@router.get("/exchanges/{exchange_id}")
async def get_exchange(
    exchange_id: str,
    who: Annotated[Caller, Depends(exchanging)],
    here: Annotated[Services, Depends(services)],
) -> dict[str, Any]:
    """What the log holds of one exchange of this caller, as far as its answer told: never data, never reasons."""
    found = await here.log.search(Wanted(facts=(("exchange_id", exchange_id), ("consumer", who.system))))
    if not found:
        raise ProblemError("not_found", "This caller has no such exchange.")
    entries = [each.entry for each in await here.log.find([each.entry_id for each in found])]
    return {"exchange_id": exchange_id, "entries": [_told(each) for each in entries]}


def _told(entry: Entry) -> dict[str, object]:
    """An entry as its caller may see it: a hidden outcome is told as in the answer."""
    facts = entry.facts
    named: dict[str, object] = {"id": str(entry.id), "kind": entry.kind, "at": entry.at.isoformat()}
    asked = {name: facts[name] for name in ASKED if name in facts}
    told = named | asked
    if "outcome" not in facts:
        return told
    outcome = shown_as(str(facts["outcome"]), facts.get("may_know_existence") is True)
    if outcome != facts["outcome"]:
        return {"kind": entry.kind} | asked | {"outcome": outcome}  # its time, also in its id, would tell what happened
    shown = OF_ANSWER if outcome in {"answered", "no_data"} else OF_FAILURE
    return told | {"outcome": outcome} | {name: facts[name] for name in shown if name in facts}
