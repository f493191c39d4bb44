"""`/console/agency/uses`, `/unmapped`, `/health`: who used an agency's data, what nobody could map, how it answers.

As `/v1/uses`, `/v1/consumers`, `/v1/stops`, `/v1/unmapped` and `/v1/agency-health`.
"""

from collections.abc import Awaitable, Callable
from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import Response

from pages import Refused

from ..edges.refusal import ProblemError
from ..edges.v1 import agency_health, quotas, stops, systems, unmapped, uses
from ..edges.v1.party import Party
from ..people import Right, SignedIn
from ..wiring import Services
from .doing import NO_PLACES, form_of, party_with, refusal
from .forms import shaped
from .names import names_of, titles_of
from .page import done, page

router = APIRouter(prefix="/console", include_in_schema=False)
Control = Callable[[dict[str, Any], Party, Services], Awaitable[object]]


async def _stop(form: dict[str, Any], party: Party, here: Services) -> object:
    return await stops.post_stop(shaped(stops.StopIn, form), party, here)


async def _approve(form: dict[str, Any], party: Party, here: Services) -> object:
    return await stops.post_approval(shaped(stops.StopIn, form), party, here)


async def _approve_each(form: dict[str, Any], party: Party, here: Services) -> object:
    return await stops.post_approve_each(shaped(stops.ApproveEachIn, form), party, here)


async def _end(form: dict[str, Any], party: Party, here: Services) -> object:
    return await stops.post_control_end(str(form.get("control", "")), party, here)


CONTROLS: dict[str, Control] = {"stop": _stop, "approve": _approve, "approve-each": _approve_each, "end": _end}
WORST_FIRST = ("open", "failing", "over_quota", "well", "untried", "no_link")
AT = {"stop": "consumer", "approve": "consumer", "approve-each": "system", "end": "controls"}
PLACES = {"approve-each": {"system": "of", "reason": "why-each"}}
"""Verb -> where its fields are on the page, where that is no place of their own name."""


@router.get("/agency/uses")
async def used(request: Request) -> Response:
    """The last seven days, and what may be done about a consumer."""
    return await _uses(request)


@router.post("/agency/uses/{verb}")
async def control(verb: str, request: Request) -> Response:
    """Stop a consumer, approve one, or approve each: counts at the next decision."""
    who, party, here = await party_with(request, Right.AGENCY_RUN)
    form = await form_of(request, who)
    if verb not in CONTROLS:
        raise ProblemError("not_found", "There is nothing to do by this name.")
    refused = await refusal(CONTROLS[verb](form, party, here), form, AT[verb], places=PLACES.get(verb, NO_PLACES))
    return await _uses(request, refused) if refused else done("/console/agency/uses", "saved")


@router.get("/agency/unmapped")
async def codes(request: Request) -> Response:
    """Codes that no mapping knows."""
    return await _unmapped(request)


@router.post("/agency/unmapped")
async def meant(request: Request) -> Response:
    """Say what a code means."""
    who, party, here = await party_with(request, Right.AGENCY_RUN)
    form = await form_of(request, who)

    part = str(form.pop("part", ""))

    async def work() -> None:
        await unmapped.post_unmapped(shaped(unmapped.MeaningIn, form), party, here)

    refused = await refusal(work(), form, "ours", part=part)
    return await _unmapped(request, refused) if refused else done("/console/agency/unmapped", "saved")


@router.get("/agency/health")
async def own_health(request: Request) -> Response:
    """How the agency's own adapters answer, and how new their data is."""
    who, party, here = await party_with(request, Right.AGENCY_RUN)
    return await _health(request, who, party, here, "/console/agency")


@router.get("/operation/health")
async def everybodys_health(request: Request) -> Response:
    """Every agency."""
    who, party, here = await party_with(request, Right.GATEWAY_RUN)
    return await _health(request, who, party, here, "/console/operation")


async def _names(here: Services, who: SignedIn) -> dict[str, str]:
    """With every agency's: one that has no system registered here is called what its first service is."""
    first = {offer.provider: offer.service.title for offer in reversed(list(here.catalogue)) if offer.service.title}
    return first | dict(await names_of(here, who))


async def _health(request: Request, who: SignedIn, party: Party, here: Services, back: str) -> Response:
    found = await agency_health.get_agency_health(party, here)
    agencies = sorted(found["agencies"], key=lambda each: WORST_FIRST.index(each["state"]))
    values: dict[str, Any] = {"found": agencies, "names": await _names(here, who), "back": back}
    return page(request, who, "console/health.html", quotas=await quotas.get_quotas(party, here), **values)


async def _uses(request: Request, refused: Refused | None = None) -> Response:
    who, party, here = await party_with(request, Right.AGENCY_RUN)
    values: dict[str, Any] = {
        "found": await uses.get_uses(party, here),
        "control": await stops.get_consumers(party, here),
        "stops": [each for each in (await stops.get_stops(party, here))["stops"] if not each["ended_at"]],
        "systems": (await systems.get_systems(party, here.trust))["systems"],
        "names": await titles_of(here, party.member) | dict(await names_of(here, who)),
    }
    return page(request, who, "console/uses.html", refused=refused, **values)


async def _unmapped(request: Request, refused: Refused | None = None) -> Response:
    who, party, here = await party_with(request, Right.AGENCY_RUN)
    found = await unmapped.get_unmapped(party, here)
    return page(request, who, "console/unmapped.html", refused=refused, found=found["unmapped"])
