"""The HTTP application: every edge mounted, nothing else."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

from fastapi import FastAPI, Request

from .edges import door
from .edges.dci.routes import dci_routes
from .edges.hooks import hook_routes
from .edges.identity import identity_routes
from .edges.log import log_routes
from .edges.operation import operation_routes
from .edges.v1.routes import v1_routes
from .trust.caller import Presented
from .trust.errors import CredentialRefused
from .wiring import Services, working


def build_app(services: Services) -> FastAPI:
    """The application over services that somebody else opened and will close."""

    @asynccontextmanager
    async def life(_app: FastAPI) -> AsyncIterator[None]:
        async with working(services):
            yield

    app = FastAPI(
        title="Sandhi",
        summary="Data-exchange gateway for social protection",
        version="1",
        openapi_url="/v1/openapi.json",
        docs_url=None,
        redoc_url=None,
        lifespan=life,
    )
    _publish(app, services)
    door.install(app)
    app.include_router(v1_routes())
    app.include_router(dci_routes())
    app.include_router(hook_routes(services))
    app.include_router(identity_routes(services.trust))
    app.include_router(log_routes(services.log, public=services.settings["LOG_PUBLIC"], may_read=auditing(services)))
    app.include_router(operation_routes(services))
    return app


def auditing(services: Services) -> Callable[[Request], Awaitable[bool]]:
    """Whether a caller of an open path brought credentials with the scope `audit`."""

    async def may_read(request: Request) -> bool:
        try:
            caller = await services.trust.authenticated(Presented.of(request.scope))
        except CredentialRefused:
            return False
        return "audit" in caller.scopes

    return may_read


def _publish(app: FastAPI, services: Services) -> None:
    """What dependencies of routes read from `request.app.state`."""
    app.state.services = services
    app.state.db = services.db
    app.state.log = services.log
    app.state.trust = services.trust
    app.state.gate = services.gate
    app.state.person_ref = services.person_ref
    app.state.member_keys = services.trust.member_keys
