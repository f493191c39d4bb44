"""`/console/approvals`: what one person proposed and another one decides. As `/v1/approvals`."""

import json
from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import Response

from pages import Refused

from ..edges.v1 import adapters, approvals
from ..people import Right, SignedIn
from ..registration import releasing
from ..wiring import Services
from .doing import form_of, officer_with, refusal
from .forms import shaped
from .names import names_of
from .page import done, page
from .proposed import changes, title, widening

router = APIRouter(prefix="/console/approvals", include_in_schema=False)
SHOWN = ("proposed", "approved", "rejected", "withdrawn", "expired")


@router.get("")
async def listed(request: Request) -> Response:
    """The queue; decided ones under their state."""
    who, here = await officer_with(request, Right.APPROVALS_READ)
    found: dict[str, Any] = await approvals.get_approvals(who, here.people)
    wanted = request.query_params.get("state", "")
    state = wanted if wanted in SHOWN else SHOWN[0]
    shown = [each | {"title": title(here, each)} for each in found["approvals"] if each["state"] == state]
    values: dict[str, Any] = {"state": state, "states": SHOWN, "me": who.id, "names": await names_of(here, who, shown)}
    return page(request, who, "console/approvals.html", found=shown, **values)


@router.get("/{approval_id}")
async def one(approval_id: str, request: Request) -> Response:
    """Exactly what would be done, who wants it and why."""
    who, here = await officer_with(request, Right.APPROVALS_READ)
    return await _one(approval_id, request, who, here)


@router.post("/{approval_id}/approve")
async def approve(approval_id: str, request: Request) -> Response:
    """Agree: it is done at once."""
    return await _decided(approval_id, request, approvals.RemarkIn, approvals.post_approve, "doing")


@router.post("/{approval_id}/reject")
async def reject(approval_id: str, request: Request) -> Response:
    """Refuse it for good, with a reason."""
    return await _decided(approval_id, request, approvals.RejectionIn, approvals.post_reject, "remark")


@router.post("/{approval_id}/withdraw")
async def withdraw(approval_id: str, request: Request) -> Response:
    """Take one's own back."""
    who, here = await officer_with(request, Right.APPROVALS_PROPOSE)
    await form_of(request, who)
    refused = await refusal(approvals.post_withdraw(approval_id, who, here.people), {}, "doing")
    if refused:
        return await _one(approval_id, request, who, here, refused)
    return done("/console/approvals", "saved")


async def _decided(approval_id: str, request: Request, shape: Any, operation: Any, at: str) -> Response:
    who, here = await officer_with(request, Right.APPROVALS_DECIDE)
    form = await form_of(request, who)

    async def work() -> None:
        await operation(approval_id, shaped(shape, form), who, here.people)

    refused = await refusal(work(), form, at, places={"conflict": "doing"})
    if refused:
        return await _one(approval_id, request, who, here, refused)
    return done(f"/console/approvals/{approval_id}", "decided")


async def _one(
    approval_id: str, request: Request, who: SignedIn, here: Services, refused: Refused | None = None
) -> Response:
    found: dict[str, Any] = await approvals.get_approval(approval_id, who, here.people)
    mine = found["proposed_by"] == who.id
    values: dict[str, Any] = {
        "found": found | {"title": title(here, found)},
        "document": json.dumps(found["document"], indent=2, ensure_ascii=False, sort_keys=True),
        "changes": await changes(here, found),
        "mine": mine,
        "files": await _files(found, who, here),
        "version": await _version(found, who, here),
        "agreement": await widening(who, here, found),
        "names": await names_of(here, who, found),
        "deciding": found["state"] == "proposed" and not mine and bool(who.giving(Right.APPROVALS_DECIDE)),
    }
    return page(request, who, "console/approval.html", refused=refused, **values)


async def _files(found: dict[str, Any], who: SignedIn, here: Services) -> dict[str, str]:
    """What would run, where an adapter is put on line: who decides reads it first."""
    if found["kind"] != releasing.KIND:
        return {}
    told: dict[str, Any] = await adapters.get_files(found["subject"], found["document"]["version"], who, here)
    return dict(told["files"])


async def _version(found: dict[str, Any], who: SignedIn, here: Services) -> dict[str, Any] | None:
    """What the test of that version found, likewise."""
    if found["kind"] != releasing.KIND:
        return None
    told: dict[str, Any] = await adapters.get_adapter(found["subject"], who, here)
    return next((each for each in told["versions"] if each["version"] == found["document"]["version"]), None)
