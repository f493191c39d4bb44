"""What the filters of searches may be: ids with their names, as suggestions of the browser and as a page of its own."""

import time
from collections.abc import Mapping
from difflib import get_close_matches

from fastapi import APIRouter, Request
from fastapi.responses import Response

import pages
from pages.languages import NOW

from ..people import Right
from ..wiring import Services
from .names import titles_of
from .page import officer_of, page

router = APIRouter(prefix="/console", include_in_schema=False)

MOST = 300
"""Suggestions that a page carries itself. A country has some thousand systems: then the browser asks for them."""
KEPT_S = 30.0
KINDS = ("member", "system", "purpose", "service", "agreement", "key")
TAKING: Mapping[str, tuple[str, ...]] = dict.fromkeys(("consumer", "provider", "system"), ("system", "member")) | {
    kind: (kind,) for kind in ("purpose", "service", "agreement")
}
"""Filter -> the kinds of ids that it takes."""
Offers = dict[str, list[dict[str, str]]]


@router.get("/exchanges/offers")
async def offers(request: Request) -> Response:
    """What can be looked for, with names and ids; each leads to its exchanges. Forms take their suggestions from it."""
    who = await officer_of(request)
    who.need(Right.EVIDENCE_READ)
    found = await offered(request.app.state.services)
    return page(request, who, "console/offers.html", offered=found)


async def offered(here: Services) -> Offers:
    """Kind -> ids with their names, by name."""
    return {kind: _by_name(await _named(here, kind)) for kind in KINDS}


def _by_name(named: Mapping[str, str]) -> list[dict[str, str]]:
    return [{"value": id_, "text": text} for id_, text in sorted(named.items(), key=lambda each: each[1].casefold())]


async def _named(here: Services, kind: str) -> Mapping[str, str]:
    """Ids of one kind, with their names."""
    if kind == "agreement":
        return await titles_of(here)
    if kind == "purpose":
        return {code: pages.said(name) for code, name in here.profile.purposes.items()}
    if kind == "service":
        services = (each.service for each in here.catalogue)
        return {each.id: pages.said(each.title or each.summary.removesuffix(".")) for each in services}
    known = await here.trust.register()
    if kind == "key":
        return {key.kid: each.name for each in known.systems.values() for key in known.keys.get(each.id, ())}
    return {id_: known.names[id_] for id_ in (known.systems if kind == "system" else known.members)}


async def suggestions(request: Request) -> str:
    """The suggestions as HTML for a page, where they are few; made anew twice a minute."""
    kept: dict[str, tuple[float, str]] = request.app.state.suggested
    language, now = NOW.get().language.code, time.monotonic()
    at, html = kept.get(language, (-KEPT_S, ""))
    if now - at < KEPT_S:
        return html
    found = await offered(request.app.state.services)
    few = sum(map(len, found.values())) <= MOST
    made = pages.rendered("console/suggested.html", offered=found) if few else ""
    kept[language] = now, made
    return made


async def meant(here: Services, typed_in: Mapping[str, str]) -> dict[str, list[str]]:
    """Filter -> ids like what was typed into it; those that take no id of ours are left out."""
    near: dict[str, list[str]] = {}
    for name, typed in typed_in.items():
        known = [pair for kind in TAKING.get(name, ()) for pair in (await _named(here, kind)).items()]
        said = {text.casefold(): id_ for id_, called in known for text in (id_, called)}
        if name in TAKING:
            near[name] = list(dict.fromkeys(said[each] for each in get_close_matches(typed.casefold(), said, n=3)))
    return near
