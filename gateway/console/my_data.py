"""`/my-data`: a signed-in person's own data, and what they may do about it. Works without scripts.

The pages show what `/v1/my` answers. No route takes a person; what is not the person's own does not exist.
"""

from collections.abc import Awaitable, Callable, Iterator, Mapping
from typing import Any
from urllib.parse import urlencode

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response

import pages
from pages.cookies import cookies_of

from ..citizen import Citizens, Reader
from ..consent_receipts import page as receipt_page
from ..edges.citizen import doing
from ..edges.refusal import ProblemError
from ..people import Citizen
from ..people.people import MY_DATA
from . import contest_form, drafts
from .failures import NotSignedIn
from .forms import FieldsRefused, posted, shaped

Front = Callable[[Request, Citizen], Awaitable[Response]]
A_PAGE = 10
PERIOD = ("from", "to")
TO_MEND = ("bad_request.", "forbidden", "conflict")
"""What faults begin with that are told on the form; others are no matter of what was typed."""
RECORDED = frozenset({"title", "reference", "why", "people"})
"""Values of an agreement's phrases that its members wrote themselves."""
DONE = {
    "withdrawn": "The consent is withdrawn. It counts from now on.",
    "contested": "Your case is open. Until the agency has looked, its answers about you are marked.",
    "taken-back": "Your case is closed.",
}
"""What the page may say after a form, by the code in its address: never a text from outside."""


def front(here: Citizens) -> Front:
    """Who used the person's data; what they consented to; what they contest."""

    async def page(request: Request, who: Citizen) -> Response:
        me, query = _reader(here, who), request.query_params
        days, refused = _days(query)
        try:
            before = query.get("before", "")[:60]
            used = await doing.uses(here, me, since=days.since, until=days.to, before=before, limit=A_PAGE)
        except ProblemError as error:
            if error.code == "too_many_requests":
                raise
            return RedirectResponse("/my-data", 303)  # an address that somebody typed
        if refused:
            used = {"uses": [], "next": None}  # not another list than the one that was asked for
        values = {"uses": used["uses"], "older": _older(query, used["next"])}
        values |= await doing.consents(here, me) | await doing.contests(here, me)
        values["consents"].sort(key=_standing)
        values |= {"names": (await here.reading.words()).all, "authority": here.services.profile.authority}
        values |= {"query": query} | (refused.shown() if refused else {})
        return _page(request, who, "my-data.html", status=400 if refused else 200, **values)

    return page


def my_data_routes(here: Citizens) -> APIRouter:
    """What the front page leads to, and the forms."""
    routes = APIRouter(prefix="/my-data", include_in_schema=False)
    _consents(routes, here)
    _contests(routes, here)

    @routes.get("/agreements")
    async def agreements(request: Request) -> Response:
        """The agreements that touched the person."""
        who = await _signed_in(here, request)
        found = await doing.agreements(here, _reader(here, who))
        own = {text: text for each in found["agreements"] for said in each["phrases"] for text in _recorded(said)}
        names = {**own, **pages.FIELDS, **(await here.reading.words()).all}
        return _page(request, who, "my-agreements.html", found=found["agreements"], names=names)

    return routes


def _consents(routes: APIRouter, here: Citizens) -> None:
    """What a person does with a consent of their own."""

    @routes.get("/consents/{consent_id}/withdraw")
    async def sure(consent_id: str, request: Request) -> Response:
        """What it means to withdraw this consent, and the button that does it."""
        who = await _signed_in(here, request)
        consent = await doing.own_consent(here, _reader(here, who), consent_id)
        return _page(request, who, "withdraw.html", consent=consent, names=(await here.reading.words()).all)

    @routes.post("/consents/{consent_id}/withdraw")
    async def withdraw(consent_id: str, request: Request) -> Response:
        """Withdraw one of the person's own consents."""
        who = await _signed_in(here, request)
        await posted(request, who.csrf)
        await doing.withdrawn(here, _reader(here, who), consent_id)
        return _back("withdrawn")

    @routes.get("/consents/{consent_id}/receipt")
    async def receipt(consent_id: str, request: Request) -> Response:
        """The receipt, to print or to keep."""
        who = await _signed_in(here, request)
        made = await doing.consent_receipt(here, _reader(here, who), consent_id)
        words = await here.reading.words()
        return HTMLResponse(receipt_page(made, here.services.profile, words.all, served=True))


def _contests(routes: APIRouter, here: Citizens) -> None:
    """What a person does about what is wrong."""

    @routes.get("/contest")
    async def wrong(request: Request) -> Response:
        """A form: what is wrong? The address names a use that the person sees."""
        who = await _signed_in(here, request)
        query = request.query_params
        return await _contest(here, request, who, {name: query.get(name, "")[:120] for name in ("about", "exchange")})

    @routes.post("/contest")
    async def contest(request: Request) -> Response:
        """Open a case with the agency."""
        who = await _signed_in(here, request)
        form = dict(await posted(request, who.csrf))
        try:
            await doing.contested(here, _reader(here, who), contest_form.wish(here, form))
        except ProblemError as error:
            if not error.code.startswith(TO_MEND):
                raise
            return await _contest(here, request, who, form, error)
        return _back("contested")

    @routes.get("/contests/{contest_id}/withdraw")
    async def surely(contest_id: str, request: Request) -> Response:
        """What it means to take this case back, and the button that does it."""
        who = await _signed_in(here, request)
        case = await doing.own_contest(here, _reader(here, who), contest_id)
        return _page(request, who, "take-back.html", case=case, names=(await here.reading.words()).all)

    @routes.post("/contests/{contest_id}/withdraw")
    async def take_back(contest_id: str, request: Request) -> Response:
        """Take a case back."""
        who = await _signed_in(here, request)
        await posted(request, who.csrf)
        await doing.contest_withdrawn(here, _reader(here, who), contest_id)
        return _back("taken-back")


async def _signed_in(here: Citizens, request: Request) -> Citizen:
    who = await here.services.people.citizen(cookies_of(request.headers))
    if who is None:
        raise NotSignedIn(MY_DATA)
    await drafts.look(request, MY_DATA, who)
    return who


def _reader(here: Citizens, who: Citizen) -> Reader:
    """The person, at a person's pace. Raises ProblemError."""
    doing.paced(here, who.person_ref)
    return Reader(who.person_ref)


def _page(request: Request, who: Citizen, template: str, *, status: int = 200, **values: object) -> Response:
    chrome = {
        "home": "/my-data",
        "signed_in": {"name": "", "leave": "/my-data/sign-out"},
        "csrf": who.csrf,
        "just_done": pages.said(DONE.get(request.query_params.get("done", ""), "")),
    }
    return drafts.shown(request, template, status, chrome | values)


def _back(code: str) -> Response:
    return RedirectResponse(f"/my-data?{urlencode({'done': code})}", 303)


def _days(query: Mapping[str, str]) -> tuple[doing.PeriodIn, pages.Refused | None]:
    """The days that are asked for; all of them, with why, where one is none."""
    typed = {name: query.get(name, "")[:40] for name in PERIOD}
    try:
        return shaped(doing.PeriodIn, typed), None
    except FieldsRefused as error:
        return doing.PeriodIn(), pages.Refused(error.wrong, typed)


def _older(query: Mapping[str, str], place: str | None) -> str:
    """The address of what is older, within the same days."""
    kept = {name: query[name] for name in PERIOD if query.get(name)}
    return f"/my-data?{urlencode(kept | {'before': place})}" if place else ""


def _standing(consent: Mapping[str, Any]) -> tuple[bool, str]:
    """What one may still withdraw comes first; of those the ones that end first."""
    return consent["standing"] not in {"in force", "not yet valid"}, consent["valid_until"]


def _recorded(said: Mapping[str, Any]) -> Iterator[str]:
    """The texts that members wrote into an agreement: told in a language that has words for them."""
    for name, value in said["values"].items():
        if name in RECORDED and isinstance(value, str):
            yield value
        elif isinstance(value, Mapping) and "values" in value:
            yield from _recorded(value)


async def _contest(
    here: Citizens, request: Request, who: Citizen, form: Mapping[str, str], error: ProblemError | None = None
) -> Response:
    """The form, empty or with what was typed and what is to be mended."""
    reader = Reader(who.person_ref)
    if form.get("exchange"):
        await doing.noted(here, reader, "uses")
    values = await contest_form.offered(here, reader, form)
    values |= {"form": form, "key": here.services.profile.person_key, "names": (await here.reading.words()).all}
    shown = contest_form.refused(error, form).shown() if error else {}
    return _page(request, who, "contest.html", status=400 if error else 200, **(values | shown))
