"""`/v1/consents/{id}/receipt` and `/v1/receipts/verify`: what a person takes home, and whether it is ours.

The receipt follows ISO/IEC TS 27560 and names no person. As JSON it comes with its signature; as HTML it is a page to
print that stands alone. Needs scope `consent`; the controller of a consent gets its receipts, anybody checks one.
"""

from typing import Annotated

from fastapi import APIRouter, Depends, Request, Response
from fastapi.responses import HTMLResponse, JSONResponse
from pydantic import StringConstraints

from consent import Consent, member_of
from consent import register as consent_register
from consent.errors import ConsentUnknown, SignatureRefused

from ...consent_receipts import called, checked, issued, page, policy
from ...db import Database
from ...gate import utc_now
from ...trust import Trust
from ...wiring import Services
from ..body import StrictRoute
from .deps import Caller, database, having, services, trust
from .recordings import refusals
from .shapes import Shape

router = APIRouter(tags=["consents"], route_class=StrictRoute)

Here = Annotated[Services, Depends(services)]
Keys = Annotated[Trust, Depends(trust)]
Reader = Annotated[Caller, Depends(having("consent"))]
Db = Annotated[Database, Depends(database)]


class ReceiptIn(Shape):
    """`POST /v1/receipts/verify`."""

    jws: Annotated[str, StringConstraints(min_length=1, max_length=65_536)]


@router.get("/consents/{consent_id}/receipt", responses={200: {"content": {"text/html": {}}}, 404: {}})
async def get_receipt(consent_id: str, request: Request, who: Reader, here: Here, keys: Keys, db: Db) -> Response:
    """The receipt and its signature; a page to print where `Accept` asks for `text/html`."""
    with refusals():
        consent = await _kept(db, consent_id, member_of(who.system))
    made = issued(consent, keys, here.profile, utc_now())
    if "text/html" not in request.headers.get("accept", ""):
        return JSONResponse({"receipt": made.document, "jws": made.jws})
    html = page(made, here.profile, called(here.catalogue, await keys.register()))
    headers = {
        "content-security-policy": policy(html),
        "cache-control": "no-store",
        "x-content-type-options": "nosniff",
    }
    return HTMLResponse(html, headers=headers)


@router.post("/receipts/verify")
async def post_verify(body: ReceiptIn, who: Reader, keys: Keys, db: Db) -> dict[str, object]:
    """Whether this gateway signed it. The controller learns beside it how the consent stands now."""
    try:
        receipt = checked(body.jws, keys)
    except SignatureRefused as error:
        return {"valid": False, "reason": error.code}
    told: dict[str, object] = {"valid": True, "receipt": receipt}
    try:
        consent = await _kept(db, str(receipt.get("record_id")), member_of(who.system))
    except ConsentUnknown:
        return told
    return told | {"standing": consent.standing(utc_now())}


async def _kept(db: Database, consent_id: str, controller: str) -> Consent:
    async with db.read() as connection:
        consent = await consent_register.read_consent(connection, consent_id)
    if consent.controller != controller:
        raise ConsentUnknown
    return consent
