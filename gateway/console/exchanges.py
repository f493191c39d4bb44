"""`/console/exchanges`: what was exchanged, for those who review it. The pages show what `/v1/audit` answers."""

import re
from collections.abc import Iterable, Mapping
from datetime import datetime, tzinfo
from typing import Any
from urllib.parse import urlencode

from fastapi import APIRouter, Request
from fastapi.responses import RedirectResponse, Response
from pydantic import ValidationError

import pages
from audit.wording import KINDS, OUTCOMES
from pages import Refused, Wrong

from ..edges.refusal import ProblemError
from ..edges.v1 import audit, audit_lines, audit_queries
from ..edges.v1.reviewing import Reading
from ..people import Right, SignedIn
from ..people.signin import local
from ..wiring import Services
from .doing import refusal
from .forms import posted, shaped
from .labels import LABELS
from .names import by_id, names_of
from .offered import meant, suggestions
from .page import A_PAGE, done, officer_of, page
from .reason import fault_in, keep, looking, reading, stated
from .refusals import told as refused_words

FILTERS = ("consumer", "provider", "service", "purpose", "agreement", "outcome", "case", "officer")
NAMED = frozenset({"system", "consumer", "provider", "service", "purpose", "agreement"})
OWN_WORDS = frozenset({"case", "officer"})
VERSIONED = re.compile(r"(\S+?)(?: v(\d+))?", re.ASCII)
UNUSABLE = "This cannot be looked for like this."
NOBODY = "Nothing here has this name or identifier."
PRESETS = ("Routine review", "A person asked", "A finding", "An agency asked")

router = APIRouter(prefix="/console", include_in_schema=False)


@router.get("/reason")
async def ask_reason(request: Request) -> Response:
    """Why do you look? Asked before evidence is shown."""
    who = await officer_of(request)
    who.need(Right.EVIDENCE_READ)
    return page(request, who, "console/reason.html", **_reason_form(request, stated(request, who)))


@router.post("/reason")
async def keep_reason(request: Request) -> Response:
    """Keep it, and go on to what was wanted."""
    who = await officer_of(request)
    who.need(Right.EVIDENCE_READ)
    form = await posted(request, who.csrf)
    here: Services = request.app.state.services
    text = form.get("reason", "").strip()
    fault = fault_in(text, here)
    if fault:
        refused = Refused([Wrong("reason", refused_words(fault))], {"reason": text})
        return page(request, who, "console/reason.html", refused=refused, **_reason_form(request, text))
    response = RedirectResponse(local(form.get("next", ""), "console"), 303)
    keep(response, who, text, secure=here.trust.origin.startswith("https://"))
    return response


def _reason_form(request: Request, text: str) -> dict[str, Any]:
    then = local(request.query_params.get("next", ""), "console")
    return {"reason": text, "next": then, "presets": PRESETS}


@router.get("/exchanges")
async def listed(request: Request) -> Response:
    """Exchanges, newest first; the filters stand in the address."""
    given = dict(request.query_params)
    return await _coded(request, given) or await _listed(request, given)


@router.post("/exchanges/search")
async def search(request: Request) -> Response:
    """Look for what the form names. A case or an officer may be anybody's own words: the address has their codes."""
    who, _, _ = await looking(request)
    given = {name: value for name, value in (await posted(request, who.csrf)).items() if value}
    sent = await _coded(request, given)
    if sent or not OWN_WORDS & given.keys():
        return sent or RedirectResponse(f"/console/exchanges?{urlencode(given)}", 303)
    return await _listed(request, given)


async def _coded(request: Request, given: Mapping[str, str]) -> Response | None:
    """To the same search by codes; None where it has them already, or cannot be one."""
    words = {name: given[name] for name in OWN_WORDS & given.keys() if given[name]}
    if not words:
        return None
    _, _, here = await looking(request)
    try:
        codes = audit.WantedIn.model_validate(words).coded(here)
    except (ValidationError, ProblemError):
        return None
    return None if codes == words else RedirectResponse(f"/console/exchanges?{urlencode({**given, **codes})}", 303)


async def _listed(request: Request, given: Mapping[str, str], refused: Refused | None = None) -> Response:
    """`refused`: why these filters were not kept as a search."""
    who, reviewer, read = await reading(request)
    names = await names_of(read.here, who)
    query = await by_id(read.here, {name: value for name, value in given.items() if value})
    shown: dict[str, Any] = {"filters": FILTERS, "query": query, "reason": read.reason}
    no_end = {"value": audit.UNENDED, "text": pages.words_of(audit.UNENDED)}
    shown["outcomes"] = [*outcomes_offered(), no_end]
    kept: Any = await audit_queries.get_queries(reviewer, read.here)
    shown["kept"] = [each | {"address": f"?{urlencode(each['filters'])}"} for each in kept["queries"]]
    shown["names"] = names
    shown["keepable"] = {name: value for name, value in query.items() if name in audit_queries.KeptIn.model_fields}
    shown |= {"suggested": await suggestions(request), "unknown": {}}
    shown["filtered"] = bool(shown["keepable"]) or bool({"case", "system"} & query.keys())
    try:
        wanted = audit.WantedIn.model_validate(as_api(query, read.here.profile.zone), strict=False)
        wanted.coded(read.here)
    except (ValidationError, ProblemError) as error:
        faults = _faulty(error)
        near = await meant(read.here, {name: query[name] for name in faults if name in query})
        shown["unknown"] = {name: ids for name, ids in near.items() if ids}
        told = {name: unusable(name) for name in faults}
        return page(request, who, "console/exchanges.html", refused=unlike(told), exchanges=[], **shown)
    found: Mapping[str, Any] = await audit.get_exchanges(wanted, reviewer, read)
    shown |= {"exchanges": found["exchanges"], "older": found["next"], "newer": found["previous"]}
    shown["unknown"] = await meant(read.here, {name: query[name] for name in found["unknown"]})
    if refused:
        return page(request, who, "console/exchanges.html", refused=refused, **shown)
    marked = unlike(dict.fromkeys(shown["unknown"], NOBODY)).shown()  # an answer, too: nothing is like this
    return page(request, who, "console/exchanges.html", **(shown | marked))


def unusable(name: str) -> str:
    """Why nothing can be looked for by what stands in this filter: a name or an id of nothing, or no day, no case."""
    return NOBODY if name in NAMED else UNUSABLE


def _faulty(error: ValidationError | ProblemError) -> set[str]:
    """Which filters cannot be looked for."""
    if isinstance(error, ProblemError):
        return {error.code.rpartition(".")[2]}
    return {str(each["loc"][0]) for each in error.errors() if each["loc"]}


def unlike(faults: Mapping[str, str]) -> Refused:
    """Filters that find nothing, by their names: each with its label. The fields keep what was typed by themselves."""
    places = {name: place for place, name in enumerate(LABELS)}
    said = {name: f"{pages.said(LABELS.get(name, 'Filters'))}: {pages.said(text)}" for name, text in faults.items()}
    return Refused([Wrong(name, said[name]) for name in sorted(said, key=lambda each: places.get(each, 0))])


def outcomes_offered() -> list[dict[str, str]]:
    """The choices of a form."""
    named = [{"value": code, "text": pages.words_of(code)} for code in OUTCOMES]
    return [{"value": "", "text": pages.said("All")}, *named]


def as_api(query: Mapping[str, str], zone: tzinfo) -> dict[str, object]:
    """The filters as the API takes them.

    A day of the form's date fields is the whole day by the country's clocks, a time the whole minute.
    """
    named: dict[str, object] = {"limit": A_PAGE}
    named |= {name: value for name, value in query.items() if name in {*FILTERS, "before", "after", "system"}}
    for name, whole_day, end in (("since", "00:00", "00"), ("until", "23:59", "59.999999")):
        day, time = query.get(name, ""), query.get(f"{name}_time", "")
        named |= {name: _at(f"{day}T{time or whole_day}:{end}", zone)} if day or time else {}
    return named


def _at(text: str, zone: tzinfo) -> str:
    """A moment by the country's clocks; what is none goes on to the API, which refuses it by its name."""
    try:
        return datetime.fromisoformat(text).replace(tzinfo=zone).isoformat()
    except ValueError:
        return text


@router.post("/exchanges")
async def keep_query(request: Request) -> Response:
    """Keep the search that the form carries, under a name."""
    who, reviewer, here = await looking(request)
    form = dict(await posted(request, who.csrf))
    named = {"name": form.pop("name", "")}
    filters = {key: value for key, value in form.items() if value}
    made: dict[str, Any] = {}

    async def work() -> None:
        body = shaped(audit_queries.QueryIn, named | {"filters": filters})
        made.update(await audit_queries.post_query(body, reviewer, here))

    if refused := await refusal(work(), named, "name"):
        return await _listed(request, filters, refused)
    return RedirectResponse(f"/console/exchanges?{urlencode(made['filters'] | {'done': 'saved'})}", 303)


@router.post("/queries/{query_id}/remove")
async def remove_query(query_id: str, request: Request) -> Response:
    """Keep it no more."""
    who, reviewer, here = await looking(request)
    await posted(request, who.csrf)
    await audit_queries.delete_query(query_id, reviewer, here)
    return done("/console/exchanges", "saved")


@router.get("/exchanges/{exchange_id}")
async def one(exchange_id: str, request: Request) -> Response:
    """One exchange on one page: the sentence, the numbered steps, and whether the log proves them."""
    who, reviewer, read = await reading(request)
    found = await audit.get_exchange(exchange_id, reviewer, read)
    return await _one(request, who, found)


async def _one(
    request: Request, who: SignedIn, found: Mapping[str, Any], *, refused: Refused | None = None, **values: Any
) -> Response:
    told: dict[str, Any] = {"replayed": None, "details": None, "acting": who.giving(Right.REVIEW_ACT)}
    told |= {"names": await names_of(request.app.state.services, who, values), "kinds": KINDS}
    told["refused_under"] = [] if found["agreements"] else _refused_under(found["timeline"])
    return page(request, who, "console/exchange.html", refused=refused, found=found, **(told | values))


def _refused_under(timeline: Iterable[Mapping[str, Any]]) -> list[dict[str, str]]:
    """The agreements that the rules of a refusal name, each version once; a rule says `DSA-1 v2`, or the id alone."""
    rules = [rule for step in timeline if step["result"] == "refused" for rule in step["rules"]]
    named = dict.fromkeys(str(each["phrase"]["values"].get("agreement", "")) for each in rules)
    found = filter(None, map(VERSIONED.fullmatch, named))
    return [{"named": each[0], "id": each[1], "version": each[2] or ""} for each in found]


@router.post("/exchanges/{exchange_id}/details")
async def reveal(exchange_id: str, request: Request) -> Response:
    """Show what is kept beside the log, for a reason of its own, which becomes an entry."""
    who, reviewer, read = await reading(request, Right.REVIEW_ACT)
    form = await posted(request, who.csrf)
    found = await audit.get_exchange(exchange_id, reviewer, read)
    reason = form.get("reason", "").strip()
    told: dict[str, Any] = {}

    async def work() -> None:
        if fault := fault_in(reason, read.here):
            raise ProblemError("bad_request.shape", fault)
        told.update(await audit.get_details(exchange_id, reviewer, Reading(read.here, reason)))

    if refused := await refusal(work(), form, "reason"):
        return await _one(request, who, found, refused=refused)
    return await _one(request, who, found, details=told)


@router.get("/exchanges/{exchange_id}/lines")
async def lines(exchange_id: str, request: Request) -> Response:
    """A batch person by person: how each line ended, and by which rules."""
    who, reviewer, read = await reading(request)
    text = request.query_params.get("after", "")
    after = int(text) if text.isascii() and text.isdecimal() and len(text) < 10 else -1
    found = await audit_lines.get_lines(exchange_id, reviewer, read, after, A_PAGE)
    return page(request, who, "console/lines.html", found=found, names=await names_of(read.here, who))


@router.get("/exchanges/{exchange_id}/bundle")
async def bundle(exchange_id: str, request: Request) -> Response:
    """The evidence, to take away."""
    _, reviewer, read = await reading(request)
    return await audit.get_bundle(exchange_id, reviewer, read)


@router.post("/exchanges/{exchange_id}/replay")
async def replay(exchange_id: str, request: Request) -> Response:
    """Decide it again on the facts as they were, and show both."""
    who, reviewer, read = await reading(request)
    await posted(request, who.csrf)
    replayed = await audit.post_replay(exchange_id, reviewer, read)
    found = await audit.get_exchange(exchange_id, reviewer, read)
    return await _one(request, who, found, replayed=replayed)
