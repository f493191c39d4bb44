"""What a posted form did: nothing in its way, or the words that say what is."""

from collections.abc import Awaitable, Mapping
from types import MappingProxyType
from typing import Any

from fastapi import Request

from pages import Refused, Wrong

from ..edges.refusal import ProblemError
from ..edges.v1.changing import Changes
from ..edges.v1.party import Party, of_officer
from ..people import PeopleError, Right, SignedIn
from ..people.errors import ApprovalUnknown, NotAllowed, NotFresh, OfficerUnknown
from ..trust.errors import RegistrationRefused
from ..wiring import Services
from .forms import FieldsRefused, posted
from .page import officer_of
from .refusals import told

NO_PLACES: Mapping[str, str] = MappingProxyType({})
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


async def refusal(
    work: Awaitable[object],
    form: Mapping[str, object],
    at: str,
    *,
    places: Mapping[str, str] = NO_PLACES,
    part: str = "",
) -> Refused | None:
    """Do it; what stood in its way, for beside the fields of the form.

    Args:
        form: what was typed, without secrets; the page shows it again.
        at: the field that a refusal is about which names none.
        places: field of the body, or code of a problem -> its field on the page, where that is another one.
        part: what makes the ids of this form's fields other ones than those of the same form once more on the page.

    Raises:
        NotAllowed, NotFresh, ProblemError: `not_found`, and whatever else has a page of its own.
    """

    def place(name: str) -> str:
        return f"{places.get(name, name)}{part}"

    try:
        await work
    except PAGES_OF_THEIR_OWN:
        raise
    except FieldsRefused as error:
        wrong = [Wrong(place(each.at), each.text) for each in error.wrong] or [Wrong(place(at), error.detail)]
    except (PeopleError, ProblemError) as error:
        if error.code == "not_found":
            raise
        wrong = [Wrong(place(error.code if error.code in places else at), told(error.detail))]
    except RegistrationRefused as error:
        wrong = [Wrong(place(at), told(str(error)))]
    else:
        return None
    return Refused(wrong, typed(form, places, part))


def typed(form: Mapping[str, object], places: Mapping[str, str] = NO_PLACES, part: str = "") -> dict[str, str]:
    """What was typed, by the ids of the page."""
    return {f"{places.get(name, name)}{part}": str(value) for name, value in form.items()}
