"""All routes of `/v1`."""

from fastapi import APIRouter

from . import agreements, batches, catalogue, consents, deliveries, exchanges, systems


def v1_routes() -> APIRouter:
    """All routes of `/v1`."""
    routes = APIRouter(prefix="/v1")
    routes.include_router(exchanges.hot)
    for module in (exchanges, batches, deliveries, catalogue, agreements, consents, systems):
        routes.include_router(module.router)
    return routes
