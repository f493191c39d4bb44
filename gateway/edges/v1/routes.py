"""All routes of `/v1`."""

from fastapi import APIRouter

from . import (
    agreement_views,
    agreements,
    approvals,
    audit,
    audit_findings,
    audit_people,
    audit_reports,
    batches,
    catalogue,
    consents,
    contests,
    deliveries,
    emergencies,
    erasures,
    exchanges,
    members,
    officers,
    policies,
    posture,
    proposals,
    receipts,
    relationships,
    statements,
    stops,
    systems,
    uses,
)

MODULES = (
    exchanges,
    batches,
    deliveries,
    catalogue,
    agreement_views,
    agreements,
    proposals,
    consents,
    relationships,
    receipts,
    erasures,
    members,
    systems,
    policies,
    posture,
    officers,
    approvals,
    emergencies,
    contests,
    uses,
    stops,
    audit,
    audit_findings,
    audit_reports,
    audit_people,
    statements,
)


def v1_routes() -> APIRouter:
    """All routes of `/v1`, but for the one that stands ahead of them (`exchanges.first_in`)."""
    routes = APIRouter(prefix="/v1")
    for module in MODULES:
        routes.include_router(module.router)
    return routes
