"""Signing in, step by step: away to the identity provider, back again, and into a session of its own number.

Where a person is sent afterwards is a path of our own pages; anything else is the front page (no open redirect).
"""

import logging
import re

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from pages.cookies import cookies_of

from .access import SignedIn
from .errors import SignInRefused
from .openid import SKEW
from .people import CONSOLE, People
from .sessions import hashed

logger = logging.getLogger("sandhi.people")

LOCAL = re.compile(r"/(?:console|my-data)(?:/[A-Za-z0-9._~-]+)*(?:\?[A-Za-z0-9._~=&%-]*)?", re.ASCII)


def local(path: str, area: str) -> str:
    """The path, if it is one of the area's own pages; else the area's front page."""
    return path if LOCAL.fullmatch(path) and path.startswith(f"/{area}") and "/.." not in path else f"/{area}"


async def away(people: People, request: Request, area: str, key: str, *, again: SignedIn | None = None) -> Response:
    """To the provider.

    Args:
        again: the officer who shall prove anew who they are (step-up).

    Raises:
        SignInRefused: there is no such provider, or it cannot be reached.
    """
    now = people.clock()
    request.scope["session"] = {}
    location = await people.client(area, key).redirect(request, again=again is not None)
    content: dict[str, object] = {"provider": key, "next": local(request.query_params.get("next", ""), area)}
    content |= {"officer": again.id, "since": now.timestamp()} if again else {}
    content["before"] = hashed(people.cookies.secret(cookies_of(request.headers), area))
    response = RedirectResponse(location, 302)
    people.cookies.keep_sign_in(response, content | {"session": request.session}, now)
    return response


async def back(people: People, request: Request, area: str, key: str) -> tuple[str, str]:
    """From the provider: the number of the new session, and where to go on.

    Raises:
        SignInRefused: this browser began no such sign-in, or the answer is not good.
    """
    client = people.client(area, key)  # an unknown one ends here
    begun = people.cookies.sign_in(request, people.clock())
    if begun is None or begun["provider"] != key:
        raise SignInRefused("no_sign_in_of_this_browser")
    request.scope["session"] = begun["session"]
    identity = await client.identity(request, people.clock())
    # the provider's way back is another site's: the browser sends no strict cookie on it, so the sign-in holds its hash
    before = str(begun.get("before", ""))
    if area != CONSOLE:
        return await people.admit_citizen(identity, before=before), begun["next"]
    if begun.get("officer") and identity.authenticated_at.timestamp() < begun["since"] - SKEW.total_seconds():
        raise SignInRefused("not_anew", "The identity provider did not ask you again who you are.")
    return await people.admit_officer(identity, before=before, same=begun.get("officer", "")), begun["next"]
