"""The gateway keeps what each of DCI's six files says: schemathesis asks every operation of every interface, and no
answer is a fault or one that the file does not have. The documents are those of `schemas/dci`, fixed where
`schemas/dci/SOURCE.md` says so. In every run a question for each operation, at night many, good and bad ones."""

import asyncio
import os
from collections.abc import AsyncIterator
from typing import Any
from uuid import uuid4

import hypothesis
import pytest
import pytest_asyncio
import requests
import schemathesis
from hypothesis import HealthCheck, Phase, settings
from schemathesis import GenerationMode, checks

import schemas
from gateway.edges.dci.operations import INTERFACES, OPERATIONS
from tests.dci_house import NIC, Client, House, dci_house
from tests.dci_played import PROVIDERS, local, stamp
from tests.small_gateway import served

pytestmark = pytest.mark.asyncio(loop_scope="module")
EXAMPLES, LONGEST_S = (200, 1800) if os.environ.get("SANDHI_NIGHTLY") else (1, 300)
CHECKED = [checks.not_a_server_error, checks.status_code_conformance, checks.response_schema_conformance]
ASKED = [
    pytest.param(name, mode, id=f"{name}-{mode.value}", marks=() if n == m else pytest.mark.nightly)
    for n, name in enumerate(sorted(INTERFACES))
    for m, mode in zip((n, 1), (GenerationMode.POSITIVE, GenerationMode.NEGATIVE), strict=True)
]
JSON = "application/json"


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def house(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[House]:
    async with dci_house(tmp_path_factory.mktemp("openapi")) as opened:
        yield opened


def document(name: str) -> dict[str, Any]:
    """The interface's file as an OpenAPI document again."""
    operations: Any = schemas.load(INTERFACES[name].schema)["operations"]
    paths = {
        f"/dci{path}": {
            "post": {
                "requestBody": {"required": True, "content": {JSON: {"schema": each["request"]}}},
                "responses": {
                    status: {"description": status, "content": {JSON: {"schema": schema}}}
                    for status, schema in each["responses"].items()
                },
            }
        }
        for path, each in operations.items()
    }
    return {"openapi": "3.0.3", "info": {"title": name, "version": "1.0.0"}, "paths": paths}


def meant(body: Any, client: Client, path: str) -> Any:
    """Two of three as the client's own, of now and about a known person, so that more than the header is looked at."""
    if not isinstance(body, dict) or not isinstance(body.get("header"), dict) or uuid4().int % 3 == 0:
        return body
    operation = OPERATIONS[path]
    message = body["message"] if isinstance(body.get("message"), dict) else {}
    items = message.get(operation.items) if operation.items else None
    own = {"message_id": str(uuid4()), "message_ts": stamp(), "sender_id": client.id, "version": "1.0.0"}
    own |= {"total_count": len(items) if isinstance(items, list) else 1, "is_msg_encrypted": False}
    header = {name: value for name, value in body["header"].items() if name != "sender_uri"}
    header |= own | {"receiver_id": PROVIDERS[client.interface].replace("/", ".")}
    if isinstance(items, list):
        for each in items:
            if isinstance(each, dict) and isinstance(each.get("search_criteria"), dict):
                each["search_criteria"] |= {"query_type": "idtype-value", "query": {"type": "UIN", "value": NIC}}
    return {**body, "header": header}


def ask(url: str, client: Client, token: str, mode: GenerationMode) -> set[str]:
    """What was wrong with the answers of one interface."""
    schema = schemathesis.openapi.from_dict(document(client.interface))
    schema.config.base_url = url
    faults: set[str] = set()
    for result in schema.get_all_operations():
        operation = result.ok()

        @hypothesis.seed(20261122)
        @hypothesis.given(operation.as_strategy(generation_mode=mode))
        @settings(
            max_examples=EXAMPLES,
            deadline=None,
            database=None,
            phases=[Phase.generate],
            suppress_health_check=list(HealthCheck),
        )
        def asked(case: Any) -> None:
            path = case.operation.path.partition("/registry/")[2]
            case.body = meant(case.body, client, path)
            answer: requests.Response = case.call(headers={"authorization": f"Bearer {token}"}, timeout=20)
            try:
                case.validate_response(answer, checks=CHECKED)
            except schemathesis.checks.FailureGroup as group:
                told = f"{case.operation.label} {answer.status_code} {answer.content[:300]!r}"
                faults.update(f"{told}: {str(each)[:300]}" for each in group.exceptions)

        asked()
    return faults


@pytest.mark.timeout(LONGEST_S)
@pytest.mark.parametrize(("name", "mode"), ASKED)
async def test_no_answer_is_a_fault_or_undocumented(house: House, name: str, mode: GenerationMode) -> None:
    client = house.clients[name]
    await client.agree(
        signature={"dialect": "none", "required": False},
        dci={"interface": name, "purpose": "employment-support.eligibility"},
    )
    async with local(house.app, "http://127.0.0.1:8080") as http:
        token = await client.token(http)
    async with served(house.app) as url:
        assert sorted(await asyncio.to_thread(ask, url, client, token, mode)) == []
