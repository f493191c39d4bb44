"""A gateway of trust alone, for tests: its tables, the open identity routes and `/v1/systems`, behind the real door."""

import asyncio
import json
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import httpx
import uvicorn
from fastapi import APIRouter, FastAPI
from starlette.routing import BaseRoute

from gateway.db import Database
from gateway.edges import door
from gateway.edges.identity import identity_routes
from gateway.edges.v1 import members, policies, posture, systems
from gateway.trust import Member, System, Trust, register
from gateway.trust.jwks import checked
from gateway.trust.keys import private_jwk
from gateway.trust.limits import Shares
from gateway.trust.policy import Limits
from tests.migrated import SQLITE, prepare
from tests.trusting import ORIGIN, Clock, LogInMemory, Pair


@dataclass(slots=True)
class Place:
    """A small gateway: trust, its tables, the open identity routes and `/v1/systems`."""

    db: Database
    trust: Trust
    log: LogInMemory
    clock: Clock
    app: FastAPI

    async def register(self, system: System, pair: Pair) -> None:
        async with self.db.write() as connection:
            known = {each.id for each in await register.members(connection)}
            if system.member_id not in known:
                await register.add_member(connection, self.log, Member(system.member_id, "member"), self.clock())
            await register.add_system(connection, self.log, system, self.clock())
            await register.add_keys(connection, self.log, system.id, checked({"keys": [pair.jwk]}), self.clock())
        self.trust.forget()

    def client(self) -> httpx.AsyncClient:
        transport = httpx.ASGITransport(self.app, raise_app_exceptions=False)
        return httpx.AsyncClient(transport=transport, base_url=ORIGIN)


@cache
def _shared() -> tuple[BaseRoute, ...]:
    """As `gateway.app` shares them: routes that read their services from the request."""
    routes = APIRouter(prefix="/v1")
    for module in (members, systems, policies, posture):
        routes.include_router(module.router)
    return tuple(routes.routes)


@asynccontextmanager
async def a_gateway(
    folder: Path, url: str = "", *, clock: Clock | None = None, origin: str = ORIGIN, peer: Limits | None = None
) -> AsyncIterator[Place]:
    """A gateway on a fresh database."""
    url = url or f"{SQLITE}{folder / 'trust.db'}"
    prepare(url)
    db, clock = Database(url), clock or Clock()
    place = Place(db, Trust(db, folder / "keys", origin, clock=clock), LogInMemory(), clock, FastAPI(openapi_url=None))
    place.app.state.trust, place.app.state.db, place.app.state.log = place.trust, db, place.log
    place.app.state.shares = Shares(Limits(), peer=peer)
    door.install(place.app)
    place.app.include_router(identity_routes(place.trust))
    place.app.router.routes.extend(_shared())
    try:
        yield place
    finally:
        await db.close()


@asynccontextmanager
async def served(app: FastAPI, port: int = 0) -> AsyncIterator[str]:
    """The application behind a real uvicorn on a free loopback port; gives its base URL."""
    listening = socket.create_server(("127.0.0.1", port))
    listening.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)  # asyncio does not on a socket that it is given
    config = uvicorn.Config(app, log_config=None, lifespan="off", http="h11", ws="none")
    server = uvicorn.Server(config)
    running = asyncio.create_task(server.serve([listening]))
    try:
        yield f"http://127.0.0.1:{listening.getsockname()[1]}"
    finally:
        server.should_exit = True
        await running
        listening.close()


def client_file(folder: Path, gateway: str, system: System, key: Any) -> Path:
    """`clients/<name>.json` of a system, with a key of `gateway.trust.keys.new_key`."""
    path = folder / f"{system.client_id}.json"
    document = {"gateway": gateway, "client_id": system.client_id, "system": system.id, "private_jwk": private_jwk(key)}
    path.write_text(json.dumps(document), encoding="utf-8")
    return path
