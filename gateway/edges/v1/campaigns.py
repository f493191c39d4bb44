"""`/v1/campaigns`: one question about so many people that the agency needs days for it."""

from typing import Annotated

from fastapi import APIRouter, Depends, Request
from fastapi.responses import JSONResponse, Response, StreamingResponse

from ...delivery.campaign_values import Campaign, CampaignRefused
from ...delivery.deliveries import KeyReused
from ...model import Subject
from ...wiring import Services
from ..body import read_json
from ..signing import signed_ask
from .asking import bad, by_officer, checked_ask
from .batches import MOST_BYTES, line_in
from .deps import Caller, having, services
from .problems import ProblemError
from .shapes import LongCampaignIn, Reference, shaped

router = APIRouter(tags=["campaigns"])
exchanging = having("exchange")
NO_SUCH = "This caller has no such campaign."
MOST_LINES = 1_000_000

Who = Annotated[Caller, Depends(exchanging)]
Here = Annotated[Services, Depends(services)]


@router.post("/campaigns", status_code=202, responses={400: {}, 409: {}, 413: {}, 503: {}})
async def post_campaign(request: Request, who: Who, here: Here) -> Response:
    """Take a campaign. It asks as much a day as the agency allows; `expected_end` says when it has asked everybody."""
    body = shaped(LongCampaignIn, await read_json(request, largest=MOST_BYTES))
    if len(body.lines) > MOST_LINES:
        raise bad("too_many_lines", f"A campaign has at most {MOST_LINES} lines; send several.")
    lines = await here.batches.turns.each(lambda each: line_in(*each, here.profile), enumerate(body.lines))
    if len({each.key for each in lines}) != len(lines):
        raise bad("duplicate_line", "Two lines have the same name.")
    pattern = checked_ask(body.ask(who.system, Subject(), here.today()), here.catalogue, here.profile, now=False)
    asked = signed_ask(by_officer(pattern, body.officer, here), request)
    try:
        taken = await here.campaigns.accept(
            asked, lines, key=body.idempotency_key, max_age_days=body.max_age_days, per_day=body.per_day
        )
    except KeyReused:
        raise ProblemError("conflict", "This idempotency key was used with another body.") from None
    except CampaignRefused as error:
        raise bad("campaign", f"{str(error)[:1].upper()}{str(error)[1:]}.") from None
    return JSONResponse(taken.wire(), 202, {"location": f"/v1/campaigns/{taken.id}"})


@router.get("/campaigns")
async def get_campaigns(who: Who, here: Here) -> dict[str, object]:
    """The caller's campaigns, the newest first, at most a hundred."""
    return {"campaigns": [each.wire() for each in await here.campaigns.listed(who.system)]}


@router.get("/campaigns/{campaign_id}", responses={404: {}})
async def get_campaign(campaign_id: Reference, who: Who, here: Here) -> dict[str, object]:
    """How far a campaign of the caller is, and when it will have asked everybody."""
    return (await _own(campaign_id, who, here)).wire()


@router.post("/campaigns/{campaign_id}/pause", responses={404: {}, 409: {}})
async def post_pause(campaign_id: Reference, who: Who, here: Here) -> dict[str, object]:
    """Ask nothing more; what is under way is finished."""
    await _own(campaign_id, who, here)
    try:
        return (await here.campaigns.pause(who.system, campaign_id)).wire()
    except CampaignRefused as error:
        raise ProblemError("conflict", f"{error}.") from None


@router.post("/campaigns/{campaign_id}/resume", responses={404: {}, 409: {}})
async def post_resume(campaign_id: Reference, who: Who, here: Here) -> dict[str, object]:
    """Go on asking."""
    await _own(campaign_id, who, here)
    try:
        return (await here.campaigns.resume(who.system, campaign_id)).wire()
    except CampaignRefused as error:
        raise ProblemError("conflict", f"{error}.") from None


@router.get("/campaigns/{campaign_id}/results", responses={404: {}, 409: {}})
async def get_results(campaign_id: Reference, who: Who, here: Here) -> Response:
    """The lines as JSON Lines, in the order they were asked. What is no longer allowed is withheld by now."""
    found = await _own(campaign_id, who, here)
    if found.state == "erased":
        raise ProblemError("not_found", "The results were erased when their time was over; ask again.")
    if found.state != "done":
        raise ProblemError("conflict", f"The campaign is {found.state}; fetch the results when its state is done.")
    return StreamingResponse(here.campaigns.results(found), 200, media_type="application/x-ndjson")


async def _own(campaign_id: str, who: Caller, here: Services) -> Campaign:
    try:
        return await here.campaigns.show(who.system, campaign_id)
    except KeyError:
        raise ProblemError("not_found", NO_SUCH) from None
