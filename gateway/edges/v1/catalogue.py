"""`/v1/catalogue`: what the calling system may call, and everything there is here."""

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request

from adapters.kit.claims import CLAIMS, Claim
from consent import store

from ...catalogue import Offer
from ...gate import utc_now
from ...wiring import Services
from .deps import Caller, caller, services
from .offered import WAYS, offered, why_empty

router = APIRouter(tags=["catalogue"])


@router.get("/catalogue")
async def get_catalogue(
    request: Request,
    who: Annotated[Caller, Depends(caller)],
    here: Annotated[Services, Depends(services)],
) -> dict[str, Any]:
    """What the caller may call, and everything there is.

    `yours` has a line for each service of each agreement in force: purposes, actions, fields, claims, quota, and the
    ways to ask (`sync`, `later`, `batch`, `delivery`, `feed`) with the paths that take them. It is what was agreed:
    each call is decided anew, with the person's consent where that is the basis. `empty_because` says why `yours` is
    empty. `services` is every service here with its fields, claims and identifiers; `linked` is false while the source
    is not connected. `conformance` is of what an agency registered itself: version, grade (bronze, silver, gold) and
    what it is excused from, with the reasons; null for what this installation brings.
    """
    now = utc_now()
    async with here.db.read() as connection:
        agreements = [each.agreement for each in await store.agreements_for(connection, who.system)]
    yours = offered(agreements, here.catalogue, request.app.openapi()["paths"], now)
    wanted = {WAYS[way].scope for line in yours for way in line["ways"]}
    return {
        "system": who.system,
        "scopes": sorted(who.scopes),
        "missing_scopes": sorted(wanted - who.scopes),
        "yours": yours,
        "empty_because": "" if yours else why_empty(who.system, agreements, now),
        "services": [_shown(offer) for offer in here.catalogue],
        "claims": {claim.name: _claim(claim) for claim in CLAIMS.values()},
        "purposes": dict(here.profile.purposes),
        "identifiers": {kind: pattern.pattern for kind, pattern in here.profile.patterns.items()},
    }


def _claim(claim: Claim) -> dict[str, object]:
    """What a claim tells, from which record, and what it is asked with; `answers` are its members."""
    return {
        "summary": claim.summary,
        "record_schema": claim.record,
        "parameters": claim.parameters,
        "answers": sorted(claim.answers),
        "compares_names": claim.compares,
    }


def _shown(offer: Offer) -> dict[str, object]:
    service = offer.service
    return {
        "service": service.id,
        "provider": offer.provider,
        "linked": offer.adapter is not None,
        "actions": sorted(service.actions),
        "fields": sorted(service.fields),
        "claims": sorted(service.claims),
        "identifiers": list(service.id_types),
        "sent_to_the_agency": sorted(service.sent),
        "record_schema": service.record_schema,
        "sensitivity": service.sensitivity,
        "immediate": service.immediate,
        "title": service.title or service.id,
        "summary": service.summary,
        "conformance": offer.conformance and dict(offer.conformance),
    }
