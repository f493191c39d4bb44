"""A form that came after its sign-in: kept until its sender has signed in again, then filled in once more.

That is where a step wants a sign-in of a moment ago, and where a session ended while somebody was typing.
"""

from urllib.parse import urlsplit

from fastapi import Request
from fastapi.responses import HTMLResponse
from starlette.routing import Match

import pages
from pages import drafts
from pages.cookies import cookies_of

from ..edges.refusal import ProblemError
from ..people import Citizen, People, SignedIn
from ..people.sessions import csrf_token
from ..people.signin import local
from .forms import FormRefused, posted


def stood_on(request: Request, area: str) -> str:
    """The page that a form was sent from, with its query: where to go on after a sign-in.

    A page that was itself the answer to a form has no address of its own: then it is the one above it.
    """
    from_ = urlsplit(request.headers.get("referer", ""))
    if _is_page(request, from_.path):
        found = local(f"{from_.path}?{from_.query}" if from_.query else from_.path, area)
        return found if found.partition("?")[0] == from_.path else local(from_.path, area)
    path = request.url.path
    while path.count("/") > 1:
        path = path.rpartition("/")[0]
        if _is_page(request, path):
            return local(path, area)
    return f"/{area}"


async def keep(request: Request, area: str, then: str) -> bool:
    """Keep the form that this request brought; False: there was none of this session, or it is not known any more."""
    people: People = request.app.state.people
    secret = people.cookies.secret(cookies_of(request.headers), area)
    fields = getattr(request.state, "posted", None)
    if fields is None and secret and request.method == "POST":
        try:
            fields = await posted(request, csrf_token(secret), largest=drafts.LARGEST)
        except (FormRefused, ProblemError):
            return False
    if fields is None:
        return False
    draft = drafts.kept(request.url.path, then, fields, people.clock().timestamp())
    return await people.keep_draft(cookies_of(request.headers), area, draft)


async def look(request: Request, area: str, who: SignedIn | Citizen) -> None:
    """If a form waits for this page, take it out, for `shown`."""
    if request.method != "GET" or who.session.draft is None:
        return
    people: People = request.app.state.people
    request.state.draft = await people.draft(cookies_of(request.headers), area, who.session, request.url.path)


def waiting_here(request: Request) -> drafts.Draft | None:
    """What `look` took out."""
    found: drafts.Draft | None = getattr(request.state, "draft", None)
    return found


def shown(request: Request, template: str, status: int, values: dict[str, object]) -> HTMLResponse:
    """The page; with the form that waited for it filled in, and a notice."""
    draft = waiting_here(request)
    if draft is None or status != 200:
        return HTMLResponse(pages.rendered(template, **values), status)
    return HTMLResponse(drafts.shown(draft, template, values))


def _is_page(request: Request, path: str) -> bool:
    scope = {"type": "http", "method": "GET", "path": path, "root_path": ""}
    return any(route.matches(scope)[0] is Match.FULL for route in request.app.router.routes)
