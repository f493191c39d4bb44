"""`/console/agency/adapters/{adapter}/{verb}`: the steps of a kept adapter. As the routes of `/v1/adapters/...`."""

from collections.abc import Awaitable, Callable, Mapping
from datetime import datetime, tzinfo
from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import Response

from pages import Refused, Wrong

from ..edges.refusal import ProblemError
from ..edges.v1 import adapters, adapters_running
from ..people import Right, SignedIn
from ..registration.errors import AdapterRefused
from ..wiring import Services
from . import manifest_faults
from .adapters import AT, show
from .doing import form_of, party_with, refusal
from .forms import shaped
from .page import done
from .surely import Asked, Sure, asked_first

router = APIRouter(prefix=AT, include_in_schema=False)
Step = Callable[[str, dict[str, Any], SignedIn, Services], Awaitable[object]]


async def _inputs(adapter: str, form: dict[str, Any], who: SignedIn, here: Services) -> object:
    """Fields left empty keep what is there: it is never shown, so it cannot be sent back."""
    values = {name.removeprefix("value:"): text for name, text in form.items() if name.startswith("value:") and text}
    body = shaped(adapters.InputsIn, {"stage": form.get("stage", ""), "values": values})
    return await adapters.post_inputs(adapter, body, who, here)


async def _test(adapter: str, form: dict[str, Any], who: SignedIn, here: Services) -> object:
    return await adapters.post_test(adapter, _number(form), who, here)


async def _release(adapter: str, form: dict[str, Any], who: SignedIn, here: Services) -> object:
    share = form.get("share", "")
    whole = share.isascii() and share.isdigit() and len(share) < 4
    body = {"way": form.get("way", ""), "share": int(share) if whole else share, "reason": form.get("reason", "")}
    asked = shaped(adapters.ReleaseIn, body)
    return await adapters.post_release(adapter, _number(form), asked, who, here, here.people)


async def _rollback(adapter: str, form: dict[str, Any], who: SignedIn, here: Services) -> object:
    return await adapters_running.post_rollback(adapter, who, here, form["why"])


async def _withdraw(adapter: str, form: dict[str, Any], who: SignedIn, here: Services) -> object:
    return await adapters_running.post_withdraw(adapter, _number(form), who, here, form["why"])


async def _retire(adapter: str, form: dict[str, Any], who: SignedIn, here: Services) -> object:
    return await adapters_running.post_retire(adapter, _number(form), who, here, form["why"])


async def _plan(adapter: str, form: dict[str, Any], who: SignedIn, here: Services) -> object:
    """The form's moments are by the country's clocks, as pages show them."""
    zone = here.profile.zone
    times = {name: _moment(str(form.get(name, "")), zone) for name in ("starts_at", "ends_at")}
    return await adapters_running.post_outage(adapter, shaped(adapters_running.OutageIn, times), who, here)


async def _back(adapter: str, form: dict[str, Any], who: SignedIn, here: Services) -> object:
    return await adapters_running.delete_outage(adapter, str(form.get("outage", "")), who, here)


STEPS: dict[str, Step] = {
    "inputs": _inputs,
    "test": _test,
    "release": _release,
    "rollback": _rollback,
    "withdraw": _withdraw,
    "retire": _retire,
    "outage": _plan,
    "outage-over": _back,
}
PLACES = {"inputs": "stage", "test": "test", "release": "way", "outage": "starts_at"}
"""Step -> the field, or the form, that a refusal is about which names none."""
SHOWN_AGAIN = frozenset({"stage", "way", "share", "reason", "starts_at", "ends_at"})
"""Of a form that was not taken; never an address or a secret."""
SURE: Mapping[str, Sure] = {
    "rollback": (
        "Go back to the version of %(adapter)s before?",
        ("The version before answers at once.", "To have this one again, a second person has to approve it."),
        "Go back to it",
    ),
    "withdraw": (
        "Withdraw version %(n)s of %(adapter)s?",
        ("It is asked nothing any more, at once.", "To have it again, a second person has to approve it."),
        "Withdraw it",
    ),
    "retire": (
        "Retire version %(n)s of %(adapter)s for good?",
        (
            "Whoever asks for its services is told that they are not available, at once.",
            "This version cannot run again.",
        ),
        "Retire it for good",
    ),
}
"""Step -> what is asked first. The next press takes back any other step."""


@router.post("/{adapter}/{verb}")
async def act(adapter: str, verb: str, request: Request) -> Response:
    """One step; what stands in its way is said beside the forms."""
    who, _, here = await party_with(request, Right.AGENCY_RUN)
    form = await form_of(request, who)
    if verb not in STEPS:
        raise ProblemError("not_found", "There is nothing to do by this name.")
    await adapters.seen(here, who, adapter)
    if verb in SURE:
        values = {"n": "" if verb == "rollback" else str(_number(form)), "adapter": adapter}
        why = asked_first(request, who, form, Asked(*SURE[verb], f"{AT}/{adapter}", values))
        if isinstance(why, Response):
            return why
        form["why"] = why
    told: dict[str, Any] = {}

    async def taken() -> None:
        found = await STEPS[verb](adapter, form, who, here)
        told.update(found if isinstance(found, dict) else {})

    kept = {name: text for name, text in form.items() if name in SHOWN_AGAIN}
    try:
        refused = await refusal(taken(), kept, PLACES.get(verb, "doing"))
    except AdapterRefused as error:
        refused = Refused([Wrong(PLACES.get(verb, "doing"), " ".join(map(manifest_faults.told, error.faults)))], kept)
    if refused or told.get("overheard"):  # what is not kept is shown at once
        return await show(adapter, request, refused, told.get("overheard", ()))
    return done(f"{AT}/{adapter}", _code(verb))


def _code(verb: str) -> str:
    return "proposed" if verb == "release" else "saved"


def _moment(text: str, zone: tzinfo) -> datetime | str:
    try:
        return datetime.fromisoformat(text).replace(tzinfo=zone)
    except ValueError:
        return ""


def _number(form: dict[str, Any]) -> int:
    text = str(form.get("version", ""))
    if not (text.isascii() and text.isdigit() and len(text) < 7):
        raise ProblemError("not_found", "There is no such version.")
    return int(text)
