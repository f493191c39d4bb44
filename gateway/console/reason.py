"""Why an officer reads evidence: asked once, kept with the browser for an hour, written into every entry of reading.

It stands in a cookie, as the officer's own words: the session's other pages need it, and an address would be kept in
too many places.
"""

import base64
import re
from binascii import Error as NotBase64

from fastapi import Request
from fastapi.responses import Response

from pages.cookies import cookies_of

from ..edges.refusal import ProblemError
from ..edges.v1.officers import PRINTED
from ..edges.v1.reviewing import Reading, Reviewer, checked_text
from ..people import Right, SignedIn
from ..wiring import Services
from .failures import ReasonWanted
from .page import officer_of

COOKIE = "sandhi-reason"
AN_HOUR_S = 3600


def stated(request: Request, who: SignedIn) -> str:
    """What this officer said, or nothing; what another one said at this browser before does not count."""
    try:
        kept = base64.urlsafe_b64decode(cookies_of(request.headers).get(COOKIE, "")[:2000].encode()).decode()
    except (NotBase64, ValueError):
        return ""
    by, _, reason = kept.partition(" ")
    return reason if by == who.id and is_reason(reason) else ""


def is_reason(text: str) -> bool:
    """Whether a text has the shape that the API asks of `Audit-Reason`."""
    return 10 <= len(text) <= 300 and bool(re.fullmatch(PRINTED, text))


def fault_in(text: str, here: Services) -> str:
    """Why it is no reason, in words for the page; nothing where it is one."""
    if not is_reason(text):
        return "Say why in 10 to 300 characters."
    try:
        checked_text(text, here)
    except ProblemError as error:
        return error.detail
    return ""


def keep(response: Response, who: SignedIn, reason: str, *, secure: bool) -> None:
    """Keep it with the browser."""
    value = base64.urlsafe_b64encode(f"{who.id} {reason}".encode()).decode()
    response.set_cookie(
        COOKIE, value, max_age=AN_HOUR_S, path="/console", httponly=True, samesite="strict", secure=secure
    )


def forget(response: Response) -> None:
    """The officer leaves."""
    response.delete_cookie(COOKIE, path="/console")


async def reading(request: Request, right: Right = Right.EVIDENCE_READ) -> tuple[SignedIn, Reviewer, Reading]:
    """Who reads, as the API's own operations take it, and why.

    Raises:
        NotSignedIn, NotAllowed: as every page.
        ReasonWanted: nothing was said yet.
        ProblemError: what was said holds something of the form of a person's number.
    """
    who = await officer_of(request)
    who.need(right)
    here: Services = request.app.state.services
    reason = stated(request, who)
    if not reason:
        raise ReasonWanted
    return who, Reviewer(who.id, who), Reading(here, reason)


async def looking(request: Request, right: Right = Right.EVIDENCE_READ) -> tuple[SignedIn, Reviewer, Services]:
    """Who looks at what is no evidence about anybody, so that no reason is asked for. Raises as every page."""
    who = await officer_of(request)
    who.need(right)
    return who, Reviewer(who.id, who), request.app.state.services
