"""A page of the console for a signed-in officer: the menu, the name, the form token, and what has just been done."""

from urllib.parse import urlencode

from fastapi import Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response

import pages
from pages import Refused
from pages.cookies import cookies_of

from ..people import People, SignedIn
from ..people.people import CONSOLE
from . import drafts
from .failures import NotSignedIn
from .navigation import menu

A_PAGE = 25
"""Lines of a list; what is older is a link away."""
DONE = {
    "saved": "Saved.",
    "sent": "Sent.",
    "signed": "Signed. It becomes an agreement when the other side has signed, too.",
    "agreed": "Both sides have signed. It is an agreement now.",
    "ended": "It is closed. Nothing of it counts.",
    "looked": "The log was looked through.",
    "decided": "Decided.",
    "nothing": "Nothing was issued: nothing was asked in that month, or its statements were issued before.",
    "proposed": "Proposed. Somebody else decides under Approvals.",
}
"""What a page may say after a form, by the code in its address: never a text from outside."""


async def officer_of(request: Request) -> SignedIn:
    """The officer whose session the request carries. Raises NotSignedIn."""
    people: People = request.app.state.people
    who = await people.officer(cookies_of(request.headers))
    if who is None:
        raise NotSignedIn(CONSOLE)
    await drafts.look(request, CONSOLE, who)
    return who


def page(
    request: Request,
    who: SignedIn,
    template: str,
    *,
    status: int = 200,
    refused: Refused | None = None,
    **values: object,
) -> HTMLResponse:
    """`template` below `pages/templates`, with everything around it that an officer sees on every page.

    `refused`: why a form of the page was not taken; it is shown again with what was typed.
    """
    chrome = {
        "signed_in": {"name": who.officer.name, "leave": "/console/sign-out"},
        "navigation": menu(who, request.url.path),
        "csrf": who.csrf,
        "just_done": pages.said(DONE.get(request.query_params.get("done", ""), "")),
    }
    shown = refused.shown() if refused else {}
    return drafts.shown(request, template, 400 if refused else status, chrome | values | shown)


def done(address: str, code: str) -> Response:
    """After a form: to the page that shows the result (RFC 9110, 15.4.4), which says `DONE[code]`."""
    joint = "&" if "?" in address else "?"
    return RedirectResponse(f"{address}{joint}{urlencode({'done': code})}" if code else address, 303)
