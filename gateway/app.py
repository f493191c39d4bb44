"""The HTTP application: every edge mounted, nothing else."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from functools import cache

from fastapi import APIRouter, FastAPI, Request
from starlette.routing import BaseRoute

from pages import Speaking

from .citizen import Citizens
from .console import Guard, console_routes, page_routes
from .console import install as install_pages
from .console.identity import idp_routes
from .console.my_data import front, my_data_routes
from .edges import door
from .edges.citizen import citizen_routes
from .edges.dci.answers import answer_later
from .edges.dci.routes import dci_routes
from .edges.explained import explained_routes
from .edges.govstack.routes import consent_routes
from .edges.hooks import hook_routes
from .edges.identity import identity_routes
from .edges.log import log_routes
from .edges.mediator.routes import mediator_routes
from .edges.openapi import Documented
from .edges.operation import operation_routes
from .edges.v1 import exchanges
from .edges.v1.routes import v1_routes
from .edges.xroad.rest import xroad_rest_routes
from .edges.xroad.soap import xroad_soap_routes
from .review.overview import Counting
from .trust.caller import Presented
from .trust.errors import CredentialRefused
from .wiring import Services
from .working import working


def build_app(services: Services) -> FastAPI:
    """The application over services that somebody else opened and will close."""

    @asynccontextmanager
    async def life(_app: FastAPI) -> AsyncIterator[None]:
        async with working(services):
            yield

    app = Documented(
        title="Sandhi",
        summary="Data-exchange gateway for social protection",
        version="1",
        openapi_url="/v1/openapi.json",
        docs_url=None,
        redoc_url=None,
        lifespan=life,
    )
    app.router.redirect_slashes = False  # to the scheme and `Host` of the request: with a body, to anywhere
    answer_later(services)
    _publish(app, services)
    door.install(app)
    install_pages(app)
    app.add_middleware(Guard, origin=services.trust.origin)
    app.add_middleware(Speaking, zone=services.profile.zone, secure=services.trust.origin.startswith("https://"))
    exchanges.first_in(app)
    app.router.routes.extend(_shared())
    app.include_router(hook_routes(services))
    app.include_router(identity_routes(services.trust))
    public, may_read = services.settings["LOG_PUBLIC"], auditing(services)
    app.include_router(log_routes(services.log, public=public, may_read=may_read, witness=services.keeper.witness))
    app.include_router(operation_routes(services))
    app.include_router(console_routes(services.people, front(app.state.citizens)))
    app.include_router(my_data_routes(app.state.citizens))
    if services.people.idp:
        app.include_router(idp_routes(services.people.idp))
    return app


@cache
def _shared() -> tuple[BaseRoute, ...]:
    """Routes that read their services from the request, so that applications of one process have the same.

    Made anew for each they were half of the time it takes to open one, and tests open hundreds.
    """
    routes = APIRouter()
    for each in (
        v1_routes(),
        dci_routes(),
        consent_routes(),
        mediator_routes(),
        xroad_rest_routes(),
        xroad_soap_routes(),
        explained_routes(),
        citizen_routes(),
        page_routes(),
    ):
        routes.include_router(each)
    return tuple(routes.routes)


def auditing(services: Services) -> Callable[[Request], Awaitable[bool]]:
    """Whether a caller of an open path brought credentials with the scope `audit`."""

    async def may_read(request: Request) -> bool:
        try:
            caller = await services.trust.authenticated(Presented.of(request.scope))
        except CredentialRefused:
            return False
        return "audit" in caller.scopes and not caller.reach.is_narrow

    return may_read


def _publish(app: FastAPI, services: Services) -> None:
    """What dependencies of routes read from `request.app.state`."""
    app.state.services = services
    app.state.db = services.db
    app.state.log = services.log
    app.state.trust = services.trust
    app.state.people = services.people
    app.state.citizens = Citizens.of(services)
    app.state.counting = Counting(services.profile.zone)
    app.state.suggested = {}
    app.state.shares = services.shares
    app.state.gate = services.gate
    app.state.person_ref = services.person_ref
    app.state.member_keys = services.trust.member_keys
