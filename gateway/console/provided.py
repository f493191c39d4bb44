"""`/console/agency/provided`: what an agency answers here, adapter by adapter, and when it is off line by plan.

As `/v1/provided-adapters`: the adapters that came with the gateway, and those that the agency registered in the wizard.
"""

from collections.abc import Awaitable, Callable, Mapping
from datetime import datetime, tzinfo
from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import Response

from pages import Refused

from ..edges.refusal import ProblemError
from ..edges.v1 import provided
from ..edges.v1.party import Party
from ..edges.v1.why import Why
from ..people import Right
from ..wiring import Services
from .doing import form_of, party_with, refusal
from .forms import shaped
from .names import names_of
from .page import done, page

AT = "/console/agency/provided"
router = APIRouter(prefix=AT, include_in_schema=False)
TYPED = "%Y-%m-%dT%H:%M"  # of `datetime-local` (HTML, valid local date and time)
Form = Mapping[str, Any]
Step = Callable[[str, Form, Party, Services], Awaitable[object]]


async def _announce(adapter: str, form: Form, party: Party, here: Services) -> object:
    return await provided.post_window(adapter, _times(form, here), party, here, _why(form, here))


async def _change(adapter: str, form: Form, party: Party, here: Services) -> object:
    times, why = _times(form, here), _why(form, here)
    return await provided.put_window(adapter, str(form.get("window", "")), times, party, here, why)


async def _end(adapter: str, form: Form, party: Party, here: Services) -> object:
    return await provided.delete_window(adapter, str(form.get("window", "")), party, here, _why(form, here))


STEPS: Mapping[str, Step] = {"announce": _announce, "change": _change, "end": _end}


@router.get("")
async def listed(request: Request) -> Response:
    """The agency's adapters, whichever way they came."""
    who, party, here = await party_with(request, Right.AGENCY_RUN)
    found: dict[str, Any] = await provided.get_provided(party, here)
    return page(request, who, "console/provided.html", found=found["provided"], names=await names_of(here, who))


@router.get("/{adapter}")
async def one(adapter: str, request: Request) -> Response:
    """What it answers, where it is reached, how it has been, its plans, quotas and unknown codes."""
    return await _one(adapter, request)


@router.post("/{adapter}/{verb}")
async def act(adapter: str, verb: str, request: Request) -> Response:
    """Announce, move or end a maintenance window."""
    who, party, here = await party_with(request, Right.AGENCY_RUN)
    form = await form_of(request, who)
    if verb not in STEPS:
        raise ProblemError("not_found", "There is nothing to do by this name.")
    part = str(form.get("part", ""))

    async def work() -> None:
        await STEPS[verb](adapter, form, party, here)

    refused = await refusal(work(), form, "starts_at", places={"bad_request.shape": "reason"}, part=part)
    return await _one(adapter, request, refused) if refused else done(f"{AT}/{adapter}", "saved")


async def _one(adapter: str, request: Request, refused: Refused | None = None) -> Response:
    who, party, here = await party_with(request, Right.AGENCY_RUN)
    found: dict[str, Any] = await provided.get_provided_one(adapter, party, here)
    zone = here.profile.zone
    windows = [
        each | {"typed": {name: _typed(each[name], zone) for name in ("starts_at", "ends_at")}}
        for each in found["windows"]
    ]
    values: dict[str, Any] = {"windows": windows, "names": await names_of(here, who, found)}
    return page(request, who, "console/provided-one.html", refused=refused, found=found, **values)


def _times(form: Form, here: Services) -> provided.WindowIn:
    """The form's moments are by the country's clocks, as pages show them. Raises FieldsRefused."""
    zone = here.profile.zone
    times = {name: _moment(str(form.get(name, "")), zone) for name in ("starts_at", "ends_at")}
    read: provided.WindowIn = shaped(provided.WindowIn, times)
    return read


def _why(form: Form, here: Services) -> Why:
    """Raises ProblemError."""
    return Why.said(str(form.get("reason", "")).strip(), here.profile)


def _moment(text: str, zone: tzinfo) -> datetime | str:
    try:
        return datetime.fromisoformat(text).replace(tzinfo=zone)
    except ValueError:
        return text


def _typed(text: str, zone: tzinfo) -> str:
    return datetime.fromisoformat(text).astimezone(zone).strftime(TYPED)
