"""All routes of the Information Mediator, below `/im`, with and without the `/r1` that the harness leaves out."""

from fastapi import APIRouter, Request
from fastapi.responses import Response

from ..v1.deps import caller
from ..xroad.rest import METHODS, called_over_im
from . import config, directory, permissions, pubsub
from .route import failure


def mediator_routes() -> APIRouter:
    """The routes; described by the published files, not by `/v1/openapi.json`."""
    routes = APIRouter(prefix="/im", include_in_schema=False)
    routes.include_router(directory.clients)
    routes.include_router(config.router)
    routes.include_router(permissions.router)
    for prefix in ("/r1", ""):
        routes.include_router(directory.router, prefix=prefix)
        routes.include_router(pubsub.router, prefix=prefix)
    routes.add_api_route("/r1/{path:path}", called_over_im, methods=METHODS)
    routes.add_api_route("/{path:path}", _nothing, methods=METHODS)
    routes.add_api_route("", _nothing, methods=METHODS)
    return routes


async def _nothing(request: Request) -> Response:
    await caller(request)
    return failure(404, "not_found", "There is nothing here; see docs/guides/x-road.md.")
