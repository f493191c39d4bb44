"""`/v1/jobs`: how far anything is that a system gave the gateway to do, and exchanges that are answered later."""

from typing import Annotated

from fastapi import APIRouter, Depends, Request
from fastapi.responses import JSONResponse, Response

from ...delivery.status import standing, unfinished
from ...gate import utc_now
from ...wiring import Services
from ..body import StrictRoute
from ..signing import signed_ask
from .asking import by_officer, check_reach, check_subject, checked_ask
from .deps import Caller, caller, having, services
from .problems import ProblemError
from .shapes import ExchangeIn, Reference

router = APIRouter(tags=["jobs"], route_class=StrictRoute)
exchanging = having("exchange")
NO_SUCH = "This caller has no such work; what was over long ago is forgotten."

Here = Annotated[Services, Depends(services)]


@router.get("/jobs")
async def get_jobs(who: Annotated[Caller, Depends(caller)], here: Here) -> dict[str, object]:
    """What of the caller is not over, oldest first, at most a hundred: how often it was tried, when it is next."""
    found = await unfinished(here.db, who.system, utc_now())
    return {"jobs": [each.wire() for each in found]}


@router.get("/jobs/{job_id}", responses={404: {}})
async def get_job(job_id: Reference, who: Annotated[Caller, Depends(caller)], here: Here) -> dict[str, object]:
    """One piece of work of the caller, by its own id: a delivery, a batch, a campaign, a message, an exchange.

    An exchange that was answered later has the `answer`, decided once more for this call.
    """
    try:
        found = await standing(here.db, who.system, job_id, utc_now())
    except KeyError:
        raise ProblemError("not_found", NO_SUCH) from None
    told = found.wire()
    if found.kind == "message":
        (message,) = await here.transactions.find(who.system, "correlation_id", [job_id])
        told |= message.wire()
    elif found.kind == "exchange":
        told["answer"] = await here.waiting.released(who.system, job_id)
    return told


@router.post("/exchanges/later", status_code=202, responses={400: {}, 403: {}, 404: {}, 502: {}, 503: {}})
async def post_later(
    request: Request, body: ExchangeIn, who: Annotated[Caller, Depends(exchanging)], here: Here
) -> Response:
    """Ask an agency that answers later; `GET /v1/jobs/{id}` has the answer, decided again when it comes."""
    ask = by_officer(body.ask(who.system, body.subject.value(), here.today()), body.officer, here)
    check_subject(ask.subject, here.profile)
    check_reach(who, ask)
    ask = signed_ask(checked_ask(ask, here.catalogue, here.profile, now=False), request)
    exchange_id = await here.waiting.ask(ask)
    where = f"/v1/jobs/{exchange_id}"
    return JSONResponse({"exchange_id": exchange_id, "href": where}, 202, {"location": where})
