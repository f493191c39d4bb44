"""`/my-data`: what a signed-in person sees first, and the forms behind it. Works without scripts."""

from collections.abc import Awaitable, Callable
from time import monotonic

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response

import pages
from consent import register
from consent.errors import ConsentError

from ..citizen import Citizens, Reader
from ..citizen.finding import Period, Place
from ..citizen.reading import shown_consent
from ..people import Citizen
from ..recording import Recording
from .failures import NotSignedIn
from .forms import posted
from .guard import refused

Front = Callable[[Request, Citizen], Awaitable[Response]]
A_PAGE = 25


def front(here: Citizens) -> Front:
    """The list of uses and the consents, as one page."""

    async def page(request: Request, who: Citizen) -> Response:
        if here.pace.wait(who.person_ref, monotonic()):
            return refused("That was too fast. Wait a little, then reload.", back="/my-data", status=429)
        await here.reading.opened(Reader(who.person_ref), "uses and consents")
        found = await here.reading.page(who.person_ref, Period(), _before(request), A_PAGE)
        given = await here.reading.consents(who.person_ref)
        async with here.services.db.read() as connection:
            words = await here.reading.words(connection)
        now = here.services.gate.clock()
        shown = [shown_consent(each, words, now) for each in given]
        chrome = {"home": "/my-data", "signed_in": {"name": "", "leave": "/my-data/sign-out"}, "csrf": who.csrf}
        values = chrome | {"uses": [each.wire() for each in found.uses], "next": found.next}
        return HTMLResponse(pages.rendered("my-data.html", consents=shown, **values))

    return page


def my_data_routes(here: Citizens) -> APIRouter:
    """The forms."""
    routes = APIRouter(include_in_schema=False)

    @routes.post("/my-data/consents/{consent_id}/withdraw")
    async def withdraw(consent_id: str, request: Request) -> Response:
        """Withdraw one of the person's own consents."""
        who = await here.services.people.citizen(request.cookies)
        if who is None:
            raise NotSignedIn("my-data")
        await posted(request, who.csrf)
        services = here.services
        try:
            async with services.db.read() as connection:
                kept = await register.read_consent(connection, consent_id)
        except ConsentError:
            kept = None
        if kept is None or kept.subject_ref != who.person_ref:
            return refused("There is no such consent of yours.", back="/my-data", status=404)
        recording = Recording(services.db, services.log, services.gate.clock)
        await recording.withdrawal(consent_id, controller=kept.controller, by="person")
        return RedirectResponse("/my-data", 303)

    return routes


def _before(request: Request) -> Place | None:
    """Where the page begins; a text that is no place is the newest."""
    try:
        return Place.read(request.query_params["before"])
    except (KeyError, ValueError):
        return None
