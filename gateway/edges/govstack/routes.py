"""All routes of the GovStack Consent API that this gateway serves; which, and why not the others, is in
`docs/profiles/govstack-consent.md`. They are described by the published file, not by `/v1/openapi.json`."""

from fastapi import APIRouter

from . import amending, config, consent_records, individuals, verification

ROUTERS = (
    config.config,
    amending.router,
    config.service,
    config.audit,
    individuals.router,
    consent_records.router,
    verification.service,
    verification.audit,
)


def consent_routes() -> APIRouter:
    """All, below `/consent`."""
    routes = APIRouter(prefix="/consent", include_in_schema=False)
    for router in ROUTERS:
        routes.include_router(router)
    return routes
