"""The outer contract: the paths that users rely on are there, and the document that describes them."""

from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest

from gateway.app import build_app
from gateway.settings import Settings
from tests.migrated import services_on_tables

NATIVE = """
POST /v1/exchanges
GET /v1/exchanges/{exchange_id}
POST /v1/batches
GET /v1/batches/{batch_id}
GET /v1/batches/{batch_id}/results
POST /v1/deliveries
GET /v1/deliveries/{delivery_id}
GET /v1/agreements
POST /v1/agreements
GET /v1/consents
POST /v1/consents
POST /v1/consents/withdraw
GET /v1/systems
POST /v1/systems
GET /v1/catalogue
POST /dci/registry/sync/search
POST /dci/{system}/registry/sync/search
POST /dci/registry/subscribe
POST /dci/registry/on-subscribe
POST /dci/registry/notify
POST /oauth2/token
POST /oauth2/client/token
GET /.well-known/jwks.json
GET /.well-known/oauth-authorization-server
"""
OPEN = [
    "/v1/openapi.json",
    "/.well-known/jwks.json",
    "/.well-known/oauth-authorization-server",
    "/livez",
    "/readyz",
    "/metrics",
    "/log/checkpoint",
    "/log/vkeys",
]


@pytest.fixture
async def client(tmp_path: Path) -> AsyncIterator[httpx.AsyncClient]:
    """The whole application on an empty database, without a server."""
    async with services_on_tables(Settings.read({"SANDHI_DATA_DIR": str(tmp_path)})) as services:
        transport = httpx.ASGITransport(build_app(services))
        async with httpx.AsyncClient(transport=transport, base_url="http://gateway.example") as found:
            yield found


async def test_the_openapi_document_has_every_promised_path(client: httpx.AsyncClient) -> None:
    document = (await client.get("/v1/openapi.json")).json()
    there = {f"{method.upper()} {path}" for path, item in document["paths"].items() for method in item}
    assert set(NATIVE.strip().splitlines()) <= there
    assert document["openapi"].startswith("3.")


async def test_every_operation_of_the_native_interface_says_what_it_does(client: httpx.AsyncClient) -> None:
    document = (await client.get("/v1/openapi.json")).json()
    silent = [
        f"{method} {path}"
        for path, item in document["paths"].items()
        for method, operation in item.items()
        if path.startswith("/v1") and not operation.get("description")
    ]
    assert silent == []


async def test_open_paths_need_no_credentials_and_the_others_do(client: httpx.AsyncClient) -> None:
    assert {path: (await client.get(path)).status_code for path in OPEN} == dict.fromkeys(OPEN, 200)
    document = (await client.get("/v1/openapi.json")).json()
    for path, item in document["paths"].items():
        if path.startswith(("/v1", "/dci")):
            for method in item:
                answer = await client.request(method.upper(), path, content=b"{not json")
                assert answer.status_code == 401, f"{method} {path}"
