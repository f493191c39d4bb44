"""What a posted form did: nothing in its way, or the words that say what is."""

from collections.abc import Awaitable, Mapping
from typing import Any

from fastapi import Request

from ..edges.refusal import ProblemError
from ..edges.v1.changing import Changes
from ..edges.v1.party import Party, of_officer
from ..people import PeopleError, Right, SignedIn
from ..people.errors import ApprovalUnknown, NotAllowed, NotFresh, OfficerUnknown
from ..trust.errors import RegistrationRefused
from ..wiring import Services
from .forms import posted
from .page import officer_of

PAGES_OF_THEIR_OWN = (NotAllowed, NotFresh, OfficerUnknown, ApprovalUnknown)


async def officer_with(request: Request, right: Right) -> tuple[SignedIn, Services]:
    """The officer, who has this right somewhere. Raises NotSignedIn, NotAllowed."""
    who = await officer_of(request)
    who.need(right)
    return who, request.app.state.services


async def party_with(request: Request, right: Right) -> tuple[SignedIn, Party, Services]:
    """The officer, and for whom they speak. Raises NotSignedIn, NotAllowed."""
    who, here = await officer_with(request, right)
    return who, of_officer(who, right), here


async def form_of(request: Request, who: SignedIn) -> dict[str, Any]:
    """A posted form with the session's token. Raises FormRefused."""
    found: Mapping[str, str] = await posted(request, who.csrf)
    return dict(found)


def changes_of(here: Services) -> Changes:
    """As the API's routes get it."""
    return Changes(here.db, here.log, here.trust)


async def fault_of(work: Awaitable[object]) -> str:
    """Do it; what stood in its way, for beside the form, or nothing.

    Raises:
        NotAllowed, NotFresh, ProblemError: `not_found`, and whatever else has a page of its own.
    """
    try:
        await work
    except PAGES_OF_THEIR_OWN:
        raise
    except PeopleError as error:
        return _sentence(error.detail)
    except ProblemError as error:
        if error.code == "not_found":
            raise
        return _sentence(error.detail)
    except RegistrationRefused as error:
        return _sentence(str(error))
    return ""


def _sentence(text: str) -> str:
    return f"{text[:1].upper()}{text[1:]}".rstrip(".") + "."
