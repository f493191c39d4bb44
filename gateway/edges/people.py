"""People at `/v1`: the few paths that a session opens, and only from our own pages.

The door asks here before it looks for a token. A request with an `Authorization` header is a system's, always.
"""

import hmac
from typing import cast

from fastapi import Request
from starlette.datastructures import Headers
from starlette.types import Scope

from pages.cookies import cookies_of
from pages.desk.guard import SAFE, same_origin

from ..people import Citizen, People, SignedIn
from ..people.people import CONSOLE, MY_DATA
from .refusal import ProblemError

PATHS = {
    "/v1/officers": CONSOLE,
    "/v1/audit": CONSOLE,
    "/v1/approvals": CONSOLE,
    "/v1/adapters": CONSOLE,
    "/v1/emergencies": CONSOLE,
    "/v1/letters": CONSOLE,
    "/v1/queues": CONSOLE,
    "/v1/members": CONSOLE,
    "/v1/gateway": CONSOLE,
    "/v1/systems": CONSOLE,
    "/v1/posture": CONSOLE,
    "/v1/forecast": CONSOLE,
    "/v1/agreements": CONSOLE,
    "/v1/proposals": CONSOLE,
    "/v1/stops": CONSOLE,
    "/v1/unmapped": CONSOLE,
    "/v1/contests": CONSOLE,
    "/v1/agency-health": CONSOLE,
    "/v1/quotas": CONSOLE,
    "/v1/provided-adapters": CONSOLE,
    "/v1/consumers": CONSOLE,
    "/v1/uses": CONSOLE,
    "/v1/traffic": CONSOLE,
    "/v1/assisted": CONSOLE,
    "/v1/my": MY_DATA,
}
"""Path -> the area whose session opens it, and what is below it."""


async def admitted(scope: Scope, people: People) -> SignedIn | Citizen | None:
    """The officer or citizen whose session the request carries; None: look for a token.

    Raises:
        ProblemError: `forbidden`: the session is good, but the request does not come from a page of ours.
    """
    path = scope["path"]
    area = next((PATHS[each] for each in PATHS if path == each or path.startswith(f"{each}/")), None)
    if area is None:
        return None
    headers = Headers(scope=scope)
    if "authorization" in headers or "cookie" not in headers:
        return None
    cookies = cookies_of(headers)
    who = await (people.officer(cookies) if area == CONSOLE else people.citizen(cookies))
    if who is not None and scope["method"] not in SAFE:
        token = headers.get("x-csrf-token", "").encode("utf-8", "replace")
        if not same_origin(headers, people.origin, "application/json") or not hmac.compare_digest(
            token, who.csrf.encode()
        ):
            raise ProblemError("forbidden", "Send it from a page of this gateway, with X-CSRF-Token and as JSON.")
    return who


async def officer(request: Request) -> SignedIn:
    """A dependency: the signed-in officer. Raises ProblemError `forbidden`: a system called."""
    found = getattr(request.state, "officer", None)
    if not isinstance(found, SignedIn):
        raise ProblemError("forbidden", "This is for officers who are signed in at /console.")
    return found


async def citizen(request: Request) -> Citizen:
    """A dependency: the signed-in citizen. Raises ProblemError `forbidden`: somebody else called."""
    found = getattr(request.state, "citizen", None)
    if not isinstance(found, Citizen):
        raise ProblemError("forbidden", "This is for people who are signed in at /my-data.")
    return found


async def people(request: Request) -> People:
    """A dependency: the part for people."""
    return cast("People", request.app.state.people)
