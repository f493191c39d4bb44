"""`/console/agency/agreements`: what waits for the agency's signature, in plain sentences. As `/v1/proposals`.

The gateway never sees the member's key: the browser signs (`pages/static/keys.js`), or the document is taken away,
signed with `sandhi agreement sign`, and the signature pasted here.
"""

from collections.abc import Mapping
from hashlib import sha256
from typing import Any
from urllib.parse import quote

from fastapi import APIRouter, Request
from fastapi.responses import Response

import pages
from adapters.kit import strict_json
from consent.canonical import canonical
from consent.proposals import OPEN
from pages import Refused, Wrong

from ..edges.refusal import ProblemError
from ..edges.v1 import agreements, proposals
from ..people import Right
from ..proposing import Proposing
from .doing import form_of, party_with, refusal
from .forms import shaped
from .names import names_of
from .page import done, page
from .surely import Asked, Sure, sure

router = APIRouter(prefix="/console/agency/agreements", include_in_schema=False)
CLOSED = "It is closed for both sides at once. To have it, it has to be proposed and signed anew."
ENDING: Mapping[str, Sure] = {
    "reject": ("Reject this proposal?", (CLOSED,), "Reject it"),
    "withdraw": ("Withdraw this proposal?", (CLOSED,), "Withdraw it"),
}
"""Verb -> what is asked first."""
UNSIGNED = "Make the signature with your key, or paste it."
REFUSED = {
    "signature_malformed": "This is no signature of an agreement. Paste all of it: three parts with dots between them.",
    "algorithm_refused": "This kind of signature is not taken. Sign with an Ed25519, P-256 or RSA key.",
    "document_altered": "This signs another document, or another version of it. Sign the document of this page.",
    "wrong_signer": "No key that your agency has registered made this signature. "
    "Use a registered one, or ask the operator to register yours.",
    "agreement_conflict": "The proposal is not open any more, or does not follow from what is in force. Propose anew.",
}
"""Why a signature was not taken (`consent.errors`), for people."""


@router.get("")
async def listed(request: Request) -> Response:
    """Open proposals, what waits for this agency first; and every agreement that it is a party to."""
    who, party, here = await party_with(request, Right.AGENCY_RUN)
    found: dict[str, Any] = await proposals.get_proposals(party, here.db)
    waiting = sorted(found["proposals"], key=lambda each: not each["waits_for_you"])
    own: dict[str, Any] = await agreements.get_agreements(party, here.db)
    newest = {each["id"]: each for each in own["agreements"]}.values()
    values: dict[str, Any] = {"found": waiting, "agreements": newest, "member": party.member}
    return page(request, who, "console/proposals.html", names=await names_of(here, who), **values)


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
    if verb in ENDING:
        back = f"/console/agency/agreements/{number}"
        await proposals.get_proposal(_number(number), party, here.db)  # nobody is asked about what is not theirs
        if asks := sure(request, who, form, Asked(*ENDING[verb], back, {})):
            return asks
    changes = Proposing(here.db, here.log)
    made: dict[str, Any] = {}

    async def work() -> None:
        if verb == "sign":
            body, keys = _signed(str(form.get("signature", "")), party.member), request.app.state.member_keys
            made.update(await proposals.post_signature(_number(number), body, party, keys, changes))
        else:
            ending: Any = "reject" if verb == "reject" else "withdraw"
            made.update(await proposals.post_end(_number(number), ending, party, changes))

    at = "ending" if verb != "sign" else "key-file" if form.get("made") else "signature"
    if refused := await refusal(work(), form, at, places={"signature": at}):
        told = [_placed(each) for each in refused.wrong]
        return await _one(number, request, Refused(told, refused.typed))
    if "digest" in made:  # of an agreement: both have signed
        return done(f"/console/agency/agreements/signed/{quote(made['id'], safe='')}", "agreed")
    return done("/console/agency/agreements", "signed" if verb == "sign" else "ended")


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


def _signed(text: str, member: str) -> proposals.SignatureIn:
    """What the API takes. Raises ProblemError: there is none."""
    if not (found := _signature(text, member)):
        raise ProblemError("bad_request.shape", UNSIGNED)
    made: proposals.SignatureIn = shaped(proposals.SignatureIn, {"signature": found})
    return made


def _placed(fault: Wrong) -> Wrong:
    """A closed proposal has no field to sign in any more, so that this is told where it says that it is closed."""
    closed = fault.text.lower().startswith("agreement_conflict")
    return Wrong("ending" if closed else fault.at, _plainly(fault.text))


def _plainly(fault: str) -> str:
    """What a refusal's code means for people; a fault without such a code as it is."""
    known = REFUSED.get(fault.partition(": ")[0].lower())
    return pages.said(known) if known else fault


async def _one(number: str, request: Request, refused: Refused | None = None) -> Response:
    who, party, here = await party_with(request, Right.AGENCY_RUN)
    found: dict[str, Any] = await proposals.get_proposal(_number(number), party, here.db)
    mine = found["proposed_by"] == party.member
    values: dict[str, Any] = {"found": found, "mine": mine, "member": party.member}
    values["waits"] = found["standing"] == OPEN and party.member in found["missing"]
    values["names"] = await names_of(here, who)
    values["digest"] = sha256(canonical(found["document"])).hexdigest()
    return page(request, who, "console/proposal.html", refused=refused, **values)
