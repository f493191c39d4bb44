"""`/console/agency/contests`: what people say is wrong in the agency's answers about them. As `/v1/contests`."""

from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import Response

from pages import Refused

from ..edges.v1 import contests
from ..people import Right
from .doing import form_of, party_with, refusal
from .forms import shaped
from .names import names_of
from .page import done, page

router = APIRouter(prefix="/console/agency/contests", include_in_schema=False)
ADDRESS = "/console/agency/contests"
STATES = ("corrected", "confirmed", "deleted")
MOST_OVER = 25


@router.get("")
async def listed(request: Request) -> Response:
    """The cases that wait, the oldest first, and the newest of those that were answered."""
    return await _listed(request)


@router.post("/{contest_id}")
async def answered(contest_id: str, request: Request) -> Response:
    """Say what became of one; the person reads the answer."""
    who, party, _ = await party_with(request, Right.AGENCY_RUN)
    form = await form_of(request, who)
    part = str(form.pop("part", ""))

    async def work() -> None:
        body = shaped(contests.ResolutionIn, form)
        await contests.post_resolution(contest_id, body, party, await contests.citizens(request))

    refused = await refusal(work(), form, "answer", part=part)
    return await _listed(request, refused) if refused else done(ADDRESS, "saved")


async def _listed(request: Request, refused: Refused | None = None) -> Response:
    who, party, here = await party_with(request, Right.AGENCY_RUN)
    found: dict[str, Any] = await contests.get_contests(party, await contests.citizens(request))
    every = found["contests"]
    values: dict[str, Any] = {
        "waiting": [each for each in reversed(every) if each["state"] == "open"],
        "over": [each for each in every if each["state"] != "open"][:MOST_OVER],
        "states": STATES,
        "names": await names_of(here, who),
    }
    return page(request, who, "console/contests.html", refused=refused, **values)
