"""`/hooks/{adapter}`: agencies call us. Who calls is proved by the agency's own signature, which its adapter checks."""

import logging

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse, Response

from adapters.kit.contract import Hook, HookRefused, TakesHooks
from audit import LogUnavailable

from ..catalogue import Offer
from ..delivery.outbox import note
from ..gate import utc_now
from ..registration.versioned import VersionedAdapter
from ..wiring import Services
from .body import read
from .v1.problems import problem

logger = logging.getLogger("sandhi.hooks")


def hook_routes(services: Services) -> APIRouter:
    """GET for challenges, POST for events; anything else, and any other adapter, is not found."""
    routes = APIRouter(prefix="/hooks", include_in_schema=False)

    async def hooked(adapter: str, request: Request) -> Response:
        link = next((each for each in services.catalogue if each.service.id.startswith(f"{adapter}.")), None)
        taking = _taking(link)
        if link is None or taking is None:
            return problem("not_found", "No agency calls us here.")
        try:
            said = taking.hook(await _hook(services, request))
        except HookRefused as error:
            logger.warning("hook refused: %s", error.code, extra={"source": adapter, "code": error.code})
            return problem("forbidden", error.detail)
        try:
            await services.events.take(said.events, link.provider)
        except LogUnavailable:
            return problem("no_evidence", "The log takes nothing now, so the events were not taken; tell again.")
        for each in said.states:
            async with services.db.write() as connection:
                now = utc_now().timestamp()
                await note(connection, each.item, each.state, rank=each.rank, now=now)
        for answer in said.answers:  # one that nobody waits for (any more) changes nothing
            await services.waiting.tell(link.provider, answer.reference, answer.told)
        return JSONResponse(dict(said.content))

    routes.add_api_route("/{adapter}", hooked, methods=["GET", "POST"])
    return routes


def _taking(link: Offer | None) -> TakesHooks | None:
    """Who reads this agency's calls: its adapter, or the active version of a registered one."""
    adapter = link.adapter if link else None
    if isinstance(adapter, TakesHooks):
        return adapter
    return adapter.hooks if isinstance(adapter, VersionedAdapter) else None


async def _hook(services: Services, request: Request) -> Hook:
    query = request.url.query
    return Hook(
        method=request.method,
        url=f"{services.trust.origin}{request.url.path}{f'?{query}' if query else ''}",
        headers={name.lower(): value for name, value in request.headers.items()},
        query=dict(request.query_params),
        body=await read(request),
        at=utc_now(),
    )
