"""`/console` and `/my-data`: the sign-in page, the way to the identity provider and back, the front page, sign-out."""

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response
from starlette.exceptions import HTTPException

import pages
from pages.cookies import cookies_of

from ..people import Citizen, People
from ..people.people import CONSOLE, MY_DATA
from ..people.signin import away, back, local
from . import (
    adapter_steps,
    adapters,
    agency,
    agency_data,
    agreements,
    approvals,
    cases,
    contested,
    drafts,
    events,
    exchanges,
    findings,
    offered,
    officers,
    operation,
    overview,
    own_traffic,
    provided,
    reason,
    reports,
    reviews,
    signed,
    signing,
)
from .failures import NotSignedIn
from .forms import posted
from .my_data import Front
from .page import officer_of

PAGES = (
    overview.router,
    offered.router,
    exchanges.router,
    findings.router,
    events.router,
    agreements.router,
    reviews.router,
    reports.router,
    cases.router,
    approvals.router,
    agency.router,
    signed.router,
    signing.router,
    agency_data.router,
    contested.router,
    own_traffic.router,
    provided.router,
    adapters.router,
    adapter_steps.router,
    operation.router,
    officers.router,
)
WORDS = {
    CONSOLE: ("Sign in to the console", "For officers of the agencies that exchange data here."),
    MY_DATA: ("Sign in to see your data", "For everybody whose data is exchanged here."),
}


def page_routes() -> APIRouter:
    """The console's pages behind the sign-in."""
    routes = APIRouter(include_in_schema=False)
    for each in PAGES:
        routes.include_router(each)
    return routes


def console_routes(people: People, my_front: Front) -> APIRouter:
    """Signing in and out, the front page of who sees their own data, and static files.

    Args:
        my_front: what a signed-in person sees at `/my-data`.
    """
    routes = APIRouter(include_in_schema=False)
    for area in (CONSOLE, MY_DATA):
        _sign_in(routes, people, area)
        _sign_out(routes, people, area)

    @routes.get("/")
    async def start(request: Request) -> Response:
        """Who types the address into a browser lands at the console; a program asks for a path of its own."""
        if "text/html" not in request.headers.get("accept", ""):
            raise HTTPException(404)
        return RedirectResponse("/console", 303)

    @routes.get("/favicon.ico")
    async def icon() -> Response:
        """For browsers that look here where no page said otherwise."""
        return RedirectResponse("/static/sandhi.svg", 308)

    @routes.get("/console/confirm")
    async def confirm(request: Request) -> Response:
        """Step-up: prove anew who you are, at the provider that vouched for you."""
        who = await officer_of(request)
        same = [each.key for each in people.offered(CONSOLE) if each.issuer == who.session.issuer]
        if not same:
            raise NotSignedIn(CONSOLE)  # its provider was taken out of the settings
        return await away(people, request, CONSOLE, same[0], again=who)

    @routes.get("/my-data")
    async def my_data(request: Request) -> Response:
        who = await _citizen(people, request)
        await drafts.look(request, MY_DATA, who)
        return await my_front(request, who)

    @routes.get("/static/{name:path}")
    async def asset(name: str, v: str = "") -> Response:
        found = pages.ASSETS.get(name)
        if found is None:
            raise HTTPException(404)
        kept = "public, max-age=31536000, immutable" if v == found.version else "public, max-age=300"
        return Response(found.content, media_type=found.media_type, headers={"cache-control": kept})

    return routes


def _sign_in(routes: APIRouter, people: People, area: str) -> None:
    heading, told = WORDS[area]

    @routes.get(f"/{area}/sign-in")
    async def choose(request: Request) -> Response:
        then = local(request.query_params.get("next", ""), area)
        values = {
            "heading": pages.said(heading),
            "told": pages.said(told),
            "area": area,
            "next": then,
            "providers": people.offered(area),
        }
        return HTMLResponse(pages.rendered("sign-in.html", **values))

    @routes.get(f"/{area}/sign-in/{{provider}}")
    async def leave(provider: str, request: Request) -> Response:
        return await away(people, request, area, provider)

    @routes.get(f"/{area}/signed-in/{{provider}}")
    async def arrive(provider: str, request: Request) -> Response:
        """A page, not a redirect: a Strict cookie goes along only with what a page of ours begins."""
        secret, then = await back(people, request, area, provider)
        response = HTMLResponse(pages.rendered("landed.html", next=then))
        people.cookies.begin(response, area, secret)
        people.cookies.forget_sign_in(response)
        return response


def _sign_out(routes: APIRouter, people: People, area: str) -> None:
    @routes.post(f"/{area}/sign-out")
    async def leave(request: Request) -> Response:
        who = await (officer_of(request) if area == CONSOLE else _citizen(people, request))
        await posted(request, who.csrf)
        await people.sign_out(request, area)
        response = RedirectResponse(f"/{area}/sign-in", 303)
        people.cookies.end(response, area)
        reason.forget(response)
        return response


async def _citizen(people: People, request: Request) -> Citizen:
    who = await people.citizen(cookies_of(request.headers))
    if who is None:
        raise NotSignedIn(MY_DATA)
    return who
