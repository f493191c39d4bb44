"""`/console/agreements`: the rules in plain sentences, how they changed, who may ask whom, what a draft would do."""

import json
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import Response

from adapters.kit import strict_json
from pages import Refused

from ..edges.refusal import ProblemError
from ..edges.v1 import audit_agreements
from ..edges.v1.reviewing import Reading, Reviewer
from . import draft_form
from .doing import refusal
from .flows import drawn
from .forms import posted
from .names import names_of
from .page import page
from .reason import looking, reading

router = APIRouter(prefix="/console/agreements", include_in_schema=False)
LARGEST_DRAFT = 256 * 1024
EMPTY: Mapping[str, Any] = MappingProxyType({})


@router.get("")
async def listed(request: Request) -> Response:
    """The newest version of each; or only those that carry one flow."""
    who, reviewer, here = await looking(request)
    found = await audit_agreements.get_all_agreements(reviewer, here)
    sides = {name: request.query_params.get(name, "") for name in ("consumer", "provider")}
    versions: Any = found["agreements"]
    newest = {each["id"]: each for each in versions}
    shown = [each for each in newest.values() if all(value in {"", each[name]} for name, value in sides.items())]
    offered = {name: sorted({each[name] for each in newest.values()}) for name in sides}
    unknown = [name for name, value in sides.items() if value and value not in offered[name]]
    values: dict[str, Any] = {"sides": sides, "offered": offered, "unknown": unknown}
    names = await names_of(here, who)
    return page(request, who, "console/agreements.html", found=shown, names=names, **values)


@router.get("/flows")
async def flows(request: Request) -> Response:
    """Who may ask whom, as a picture with a table beside it."""
    who, reviewer, here = await looking(request)
    found: dict[str, Any] = await audit_agreements.get_flows(reviewer, here)
    shown: dict[str, Any] = {"map": drawn(found["flows"]), "names": await names_of(here, who)}
    return page(request, who, "console/flows.html", found=found, **shown)


@router.get("/draft")
async def draft(request: Request) -> Response:
    """A form for a draft; it begins as the newest version of an agreement, if one is named."""
    return await _draft(request, request.query_params.get("of", ""))


@router.post("/draft")
async def simulate(request: Request) -> Response:
    """What it would do. Nothing is kept."""
    who, reviewer, read = await reading(request)
    form = await posted(request, who.csrf, largest=LARGEST_DRAFT)
    named, text = form.get("of", ""), form.get("document", "")
    found: dict[str, Any] = {}

    async def work() -> None:
        nonlocal text
        if not text and named:
            text = _text(draft_form.changed(await _begun(named, reviewer, read), form))
        body = audit_agreements.DraftIn(document=_document(text))
        found.update(await audit_agreements.post_draft(body, reviewer, read))

    at = "document" if text or not named else "change"
    refused = await refusal(work(), form, at)
    return await _draft(request, named, text, form=form, found=found, refused=refused)


@router.get("/{agreement_id}")
async def one(agreement_id: str, request: Request) -> Response:
    """One version: what it says, what changed, and all versions there are."""
    who, reviewer, here = await looking(request)
    found: dict[str, Any] = await audit_agreements.get_one_agreement(
        agreement_id, reviewer, here, _number(request.query_params, "version")
    )
    if before := _number(request.query_params, "before"):
        changed = await audit_agreements.get_changes(agreement_id, reviewer, here, before, found["version"])
        found["since_before"] = changed
    values: dict[str, Any] = {"document": _text(found["document"]), "names": await names_of(here, who)}
    return page(request, who, "console/agreement.html", found=found, **values)


async def _draft(
    request: Request,
    named: str,
    text: str = "",
    *,
    form: Mapping[str, str] = EMPTY,
    found: Mapping[str, Any] = EMPTY,
    refused: Refused | None = None,
) -> Response:
    """The page, with what a draft would do where one was tried."""
    who, reviewer, read = await reading(request)
    document = await _begun(named, reviewer, read) if named else {}
    values: dict[str, Any] = {"of": named, "form": form, "found": {} if refused else found}
    values["choices"] = draft_form.choices(read.here.catalogue, document) if document else {}
    values["document"] = text or (_text(document) if document else "")
    values["sums"] = draft_form.sums(found["past_exchanges"]["different"]) if values["found"] else []
    names = await names_of(read.here, who)
    return page(request, who, "console/draft.html", refused=refused, names=names, **values)


async def _begun(named: str, reviewer: Reviewer, read: Reading) -> dict[str, Any]:
    """The newest version of an agreement. Raises ProblemError: there is none of this id."""
    found: Any = (await audit_agreements.get_one_agreement(named, reviewer, read.here))["document"]
    return dict(found)


def _text(document: object) -> str:
    return json.dumps(document, indent=2, ensure_ascii=False)


def _number(query: Mapping[str, str], name: str) -> int | None:
    """A version's number of the address; None: not given, or none."""
    text = query.get(name, "")
    return int(text) if text.isascii() and text.isdecimal() and len(text) < 7 else None


def _document(text: str) -> dict[str, Any]:
    """The draft. Raises ProblemError."""
    try:
        read = strict_json.loads(text.encode(), limit=LARGEST_DRAFT)
    except strict_json.StrictError:
        read = None
    if not isinstance(read, dict):
        raise ProblemError("bad_request.json", "The draft is not JSON. Begin with an agreement that there is.")
    return read
