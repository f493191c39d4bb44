"""`/console/agency/agreements/signed`: what the agency has agreed to. As `/v1/agreements`, and `/v1/approvals` for what
takes an officer of each side.
"""

from typing import Any
from urllib.parse import quote

from fastapi import APIRouter, Request
from fastapi.responses import Response

from consent.model import State
from pages import Refused

from ..edges.v1 import agreements, approvals
from ..edges.v1.party import Party
from ..people import Right, SignedIn
from ..wiring import Services
from .doing import form_of, officer_with, party_with, refusal
from .forms import shaped
from .names import names_of
from .page import done, page

router = APIRouter(prefix="/console/agency/agreements/signed", include_in_schema=False)
WIDENING = "agreement.widening"


@router.get("/{agreement_id}")
async def one(agreement_id: str, request: Request) -> Response:
    """One version, the newest unless the address names another: its state, what it says, who signed it."""
    return await _one(agreement_id, request)


@router.post("/{agreement_id}/widen")
async def widen(agreement_id: str, request: Request) -> Response:
    """Propose that a version which widens takes over; an officer of the other side decides."""
    who, party, here = await party_with(request, Right.AGENCY_RUN)
    form = await form_of(request, who)
    found: dict[str, Any] = await agreements.get_agreement(agreement_id, party, here.db)

    async def work() -> None:
        sides = sorted({found["consumer"], found["provider"]})
        told = {"version": found["version"], "members": sides}
        body = {"kind": WIDENING, "subject": found["id"], "member": party.member, "document": told}
        asked = shaped(approvals.ApprovalIn, body | {"reason": form.get("reason", "")})
        await approvals.post_approval(asked, who, here.people, here.trust)

    if refused := await refusal(work(), form, "reason"):
        return await _one(agreement_id, request, refused)
    return done(f"/console/agency/agreements/signed/{quote(agreement_id, safe='')}", "proposed")


async def _one(agreement_id: str, request: Request, refused: Refused | None = None) -> Response:
    who, party, here = await party_with(request, Right.AGENCY_RUN)
    text = request.query_params.get("version", "")
    version = int(text) if text.isascii() and text.isdecimal() and 0 < len(text) < 7 else None
    found: dict[str, Any] = await agreements.get_agreement(agreement_id, party, here.db, version)
    every: dict[str, Any] = await agreements.get_agreements(party, here.db)
    values: dict[str, Any] = {
        "found": found,
        "versions": [each for each in every["agreements"] if each["id"] == found["id"]],
        "widens": found["state"] == State.AGREED.value,
        "waiting": await _waiting(found["id"], request),
        "names": await names_of(here, who),
    }
    return page(request, who, "console/agreement-signed.html", refused=refused, **values)


async def to_widen(who: SignedIn, party: Party, here: Services) -> list[dict[str, Any]]:
    """What both sides signed, allows more than before, and waits for a step of this agency.

    `{"id", "title", "approval"}`: the id of the other side's proposal, or empty where nobody proposed yet.
    """
    every: dict[str, Any] = await agreements.get_agreements(party, here.db)
    newest = {each["id"]: each for each in every["agreements"]}.values()
    asked: dict[str, Any] = await approvals.get_approvals(who, here.people)
    known = [each for each in asked["approvals"] if (each["kind"], each["state"]) == (WIDENING, "proposed")]
    ours = {each["subject"] for each in known if each["member"] == party.member}
    theirs = {each["subject"]: each["id"] for each in known}
    return [
        {"id": each["id"], "title": each["title"], "approval": theirs.get(each["id"], "")}
        for each in newest
        if each["state"] == State.AGREED.value and each["id"] not in ours
    ]


async def _waiting(agreement_id: str, request: Request) -> list[dict[str, Any]]:
    """Proposals to let it take over that nobody has decided yet."""
    who, here = await officer_with(request, Right.APPROVALS_READ)
    found: dict[str, Any] = await approvals.get_approvals(who, here.people)
    mine = [each for each in found["approvals"] if (each["kind"], each["subject"]) == (WIDENING, agreement_id)]
    return [each for each in mine if each["state"] == "proposed"]
