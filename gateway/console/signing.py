"""`/console/agency/agreements`: what waits for the agency's signature, in plain sentences. As `/v1/proposals`.

The gateway never sees the member's key: the browser signs (`pages/static/keys.js`), or the document is taken away,
signed with `sandhi agreement sign`, and the signature pasted here.
"""

from hashlib import sha256
from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import Response

from adapters.kit import strict_json
from consent.canonical import canonical

from ..edges.refusal import ProblemError
from ..edges.v1 import proposals
from ..people import Right
from ..proposing import Proposing
from .doing import fault_of, form_of, party_with
from .forms import shaped
from .names import names_of
from .page import done, page

router = APIRouter(prefix="/console/agency/agreements", include_in_schema=False)


@router.get("")
async def listed(request: Request) -> Response:
    """Open proposals: what waits for this agency first."""
    who, party, here = await party_with(request, Right.AGENCY_RUN)
    found: dict[str, Any] = await proposals.get_proposals(party, here.db)
    waiting = sorted(found["proposals"], key=lambda each: not each["waits_for_you"])
    return page(request, who, "console/proposals.html", found=waiting, names=await names_of(here, who))


@router.get("/{number}")
async def one(number: str, request: Request) -> Response:
    """What both would sign, what it changes, and whom it would newly expose."""
    return await _one(number, request)


@router.get("/{number}/document")
async def document(number: str, request: Request) -> Response:
    """The canonical document: exactly the bytes that are signed."""
    _, party, here = await party_with(request, Right.AGENCY_RUN)
    found: dict[str, Any] = await proposals.get_proposal(_number(number), party, here.db)
    name = f'attachment; filename="agreement-{number}.json"'
    headers = {"content-disposition": name}
    return Response(canonical(found["document"]), media_type="application/json", headers=headers)


@router.post("/{number}/{verb}")
async def act(number: str, verb: str, request: Request) -> Response:
    """Sign it, reject the other member's, or withdraw one's own."""
    who, party, here = await party_with(request, Right.AGENCY_RUN)
    form = await form_of(request, who)
    changes = Proposing(here.db, here.log)

    async def work() -> None:
        if verb == "sign":
            body = shaped(
                proposals.SignatureIn, {"signature": _signature(str(form.get("signature", "")), party.member)}
            )
            await proposals.post_signature(_number(number), body, party, request.app.state.member_keys, changes)
        else:
            ending: Any = "reject" if verb == "reject" else "withdraw"
            await proposals.post_end(_number(number), ending, party, changes)

    fault = await fault_of(work())
    return await _one(number, request, fault) if fault else done("/console/agency/agreements", "saved")


def _number(text: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) < 16):
        raise ProblemError("not_found", "There is no such proposal.")
    return int(text)


def _signature(text: str, member: str) -> str:
    """The bare signature, or the member's in the file that `sandhi agreement sign` writes."""
    try:
        found = strict_json.loads(text.encode("utf-8", "replace"))
    except strict_json.StrictError:
        return text.strip()
    signatures = found.get("signatures", {}) if isinstance(found, dict) else {}
    return str(signatures.get(member, "")) if isinstance(signatures, dict) else ""


async def _one(number: str, request: Request, fault: str = "") -> Response:
    who, party, here = await party_with(request, Right.AGENCY_RUN)
    found: dict[str, Any] = await proposals.get_proposal(_number(number), party, here.db)
    mine = found["proposed_by"] == party.member
    values: dict[str, Any] = {"found": found, "mine": mine, "waits": party.member in found["missing"], "fault": fault}
    values["names"] = await names_of(here, who)
    values["digest"] = sha256(canonical(found["document"])).hexdigest()
    return page(request, who, "console/proposal.html", status=400 if fault else 200, **values)
