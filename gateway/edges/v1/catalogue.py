"""`/v1/catalogue`: what can be asked here, by whom it is provided, and for which purposes."""

from typing import Annotated

from fastapi import APIRouter, Depends

from adapters.kit.claims import CLAIMS, Claim

from ...catalogue import Offer
from ...wiring import Services
from .deps import Caller, caller, services

router = APIRouter(tags=["catalogue"])


@router.get("/catalogue")
async def get_catalogue(
    _who: Annotated[Caller, Depends(caller)],
    here: Annotated[Services, Depends(services)],
) -> dict[str, object]:
    """Every service with its fields, claims and identifiers; `linked` is false while the source is not connected."""
    return {
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
        "summary": service.summary,
    }
