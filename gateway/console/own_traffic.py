"""`/console/agency/traffic`: what an agency's systems asked and were asked, how it went, and what goes out again.

As `/v1/traffic` and what is below it.
"""

from collections.abc import Mapping
from typing import Any, get_args
from urllib.parse import urlencode

from fastapi import APIRouter, Request
from fastapi.responses import Response
from pydantic import ValidationError

import pages
from pages import Refused, Wrong

from ..edges.refusal import ProblemError
from ..edges.v1 import approvals, traffic
from ..people import Right
from ..wiring import Services
from .doing import form_of, party_with, refusal
from .exchanges import NOBODY, unlike, unusable
from .forms import shaped
from .names import by_id, names_of
from .offered import meant
from .page import done, page

router = APIRouter(prefix="/console/agency/traffic", include_in_schema=False)
FILTERS = ("from", "to", "service", "outcome", "direction", "before", "after")


@router.get("")
async def listed(request: Request) -> Response:
    """The newest exchanges; the filters stand in the address."""
    return await _listed(request)


@router.post("/resend")
async def resend(request: Request) -> Response:
    """Propose to try a group again; somebody else agrees."""
    who, party, here = await party_with(request, Right.AGENCY_RUN)
    form = await form_of(request, who)

    async def work() -> None:
        group = {name: str(form.get(name, "")) for name in ("kind", "cause", "target")}
        body = {"kind": "letters.release", "subject": group["target"], "member": party.member, "document": group}
        asked = shaped(approvals.ApprovalIn, body | {"reason": form.get("reason", "")})
        await approvals.post_approval(asked, who, here.people, here.trust)

    refused = await refusal(work(), form, "reason", part=str(form.get("part", "")))
    back = f"/console/agency/traffic?{urlencode(_given(request))}".removesuffix("?")
    return await _listed(request, refused) if refused else done(back, "proposed")


@router.get("/{exchange_id}")
async def one(exchange_id: str, request: Request) -> Response:
    """One exchange: how its tries went, and the way to have it sent again."""
    who, party, here = await party_with(request, Right.AGENCY_RUN)
    found: Any = await traffic.get_traffic_exchange(exchange_id, party, here)
    return page(request, who, "console/traffic-one.html", found=found, names=await names_of(here, who))


async def _listed(request: Request, refused: Refused | None = None) -> Response:
    who, party, here = await party_with(request, Right.AGENCY_RUN)
    query = await by_id(here, _given(request))
    given: Mapping[str, Any] = await traffic.get_traffic(party, here)
    values: dict[str, Any] = {**given, "query": query, "kept": urlencode(query), "unknown": {}}
    values |= {"outcomes": get_args(traffic.Ended), "services": _services(here), "names": await names_of(here, who)}
    found: dict[str, Any] = {"exchanges": [], "next": None, "previous": None}
    try:
        wanted = traffic.TrafficIn.model_validate(query, strict=False)
        found = await traffic.get_traffic_exchanges(wanted, party, here)
        refused = refused or await _unheard(query, values, here)
    except ValidationError as error:
        faults = [str(each["loc"][0]) for each in error.errors() if each["loc"]]
        refused = unlike({name: unusable(name) for name in faults})
    except ProblemError as error:
        refused = Refused([Wrong("from", pages.said(error.detail))])
    return page(request, who, "console/traffic.html", refused=refused, found=found, **values)


def _given(request: Request) -> dict[str, str]:
    return {name: value for name in FILTERS if (value := request.query_params.get(name, ""))}


async def _unheard(query: Mapping[str, str], values: dict[str, Any], here: Services) -> Refused | None:
    """A service that nobody offers finds nothing: that is said, with those that are written alike."""
    service = query.get("service", "")
    known = {each["value"] for each in values["services"]} | (await here.trust.register()).names.keys()
    if not service or service in known:
        return None
    values["unknown"] = await meant(here, {"service": service})
    return unlike({"service": NOBODY})


def _services(here: Services) -> list[dict[str, str]]:
    """What the filter offers while somebody types."""
    offered = {each.service.id: pages.said(each.service.title or each.service.summary) for each in here.catalogue}
    return [{"value": id_, "text": text} for id_, text in sorted(offered.items())]
