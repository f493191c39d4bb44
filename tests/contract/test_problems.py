"""Bad input gets a clear problem document, never a 500, and never sees its own values again."""

import json
import re
from collections.abc import AsyncIterator, Callable
from datetime import date
from pathlib import Path
from typing import Annotated

import httpx
import pytest
from fastapi import APIRouter, FastAPI, Request
from pydantic import BaseModel, Field
from sqlalchemy.exc import OperationalError
from sqlalchemy.exc import TimeoutError as PoolEmpty
from starlette.exceptions import HTTPException

from audit import LogUnavailable
from gateway import errors
from gateway.db import DatabaseBusy
from gateway.edges.body import StrictRoute, json_lines, read_json
from gateway.edges.v1 import problems
from gateway.trust import NoIdentifier, RegistrationRefused

SECRET = "199012345678"
DOCS = Path(__file__).parents[2] / "docs" / "errors.md"


class Thing(BaseModel, extra="forbid"):
    name: Annotated[str, Field(max_length=20)]
    born: date
    tags: dict[str, int] = {}


def _app() -> FastAPI:
    app = FastAPI(openapi_url=None)
    problems.install(app)
    router = APIRouter(route_class=StrictRoute)

    @router.post("/thing")
    async def thing(body: Thing) -> dict[str, str]:
        return {"name": body.name}

    @router.get("/number/{n}")
    async def number(n: int) -> int:
        return n

    @router.post("/raw")
    async def raw(request: Request) -> dict[str, object]:
        return {"value": await read_json(request, largest=100)}

    @router.post("/lines")
    async def lines(request: Request) -> dict[str, object]:
        return {"values": [value async for value in json_lines(request, largest=200_000)]}

    for path, error in FAILURES.items():
        router.get(path)(_raising(error))
    app.include_router(router)
    return app


def _raising(error: Exception) -> Callable[[], None]:
    def fail() -> None:
        raise error

    return fail


FAILURES: dict[str, Exception] = {
    "/fails/rules": errors.RefusedByRules("why"),
    "/fails/nobody": NoIdentifier("The subject needs at least one identifier."),
    "/fails/taken": RegistrationRefused("taken"),
    "/fails/log": LogUnavailable("the log's database refused the entry; try again"),
    "/fails/locked": OperationalError(SECRET, {}, Exception(SECRET)),
    "/fails/pool": PoolEmpty(SECRET),
    "/fails/turn": DatabaseBusy("busy"),
    "/fails/teapot": HTTPException(418, SECRET),
}


@pytest.fixture
async def client() -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient(transport=httpx.ASGITransport(_app()), base_url="http://t") as found:
        yield found


GOOD = {"name": "x", "born": "2000-01-01"}
BAD = {
    "malformed": (b"{", "bad_request.json"),
    "empty": (b"", "bad_request.json"),
    "duplicate keys": (b'{"name": "a", "name": "b", "born": "2000-01-01"}', "bad_request.json"),
    "NaN": (b'{"name": NaN}', "bad_request.json"),
    "infinity": (b'{"name": 1e999}', "bad_request.json"),
    "a lone surrogate": (b'{"name": "\\ud800", "born": "2000-01-01"}', "bad_request.json"),
    "a thousand levels": (b'{"a":' * 1000 + b"1" + b"}" * 1000, "bad_request.json"),
    "a byte order mark": (b"\xef\xbb\xbf{}", "bad_request.json"),
    "UTF-16": (json.dumps(GOOD).encode("utf-16"), "bad_request.json"),
    "larger than 1 MiB": (b" " * (1024 * 1024 + 1), "bad_request.too_large"),
    "an array": (b"[]", "bad_request.shape"),
    "null": (b"null", "bad_request.shape"),
    "a wrong type": (json.dumps({"name": [SECRET], "born": SECRET}).encode(), "bad_request.shape"),
    "too long": (json.dumps({"name": SECRET * 9, "born": "2000-01-01"}).encode(), "bad_request.shape"),
    "a member named by a number": (json.dumps(GOOD | {SECRET: 1}).encode(), "bad_request.shape"),
    "a value under a number": (json.dumps(GOOD | {"tags": {SECRET: "x"}}).encode(), "bad_request.shape"),
    "a member named by a name": (json.dumps(GOOD | {"perera": SECRET}).encode(), "bad_request.shape"),
}


@pytest.mark.parametrize(("body", "code"), BAD.values(), ids=BAD.keys())
async def test_a_bad_body_is_named_and_not_repeated(client: httpx.AsyncClient, body: bytes, code: str) -> None:
    response = await client.post("/thing", content=body, headers={"content-type": "application/json"})
    document = response.json()
    assert response.headers["content-type"] == "application/problem+json"
    assert (document["code"], document["status"], response.status_code) == (code, *[problems.CODES[code].status] * 2)
    assert SECRET not in response.text
    assert "perera" not in response.text


async def test_a_good_body_passes(client: httpx.AsyncClient) -> None:
    assert (await client.post("/thing", json=GOOD)).json() == {"name": "x"}


async def test_faults_say_where_and_what(client: httpx.AsyncClient) -> None:
    document = (await client.post("/thing", json={"born": "someday"})).json()
    assert document["faults"] == [
        {"at": "/body/name", "fault": "missing"},
        {"at": "/body/born", "fault": "date_from_datetime_parsing"},
    ]


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"content-type": "text/plain"},
        {"content-type": "application/json; charset=utf-16"},
        {"content-type": "application/json", "content-encoding": "gzip"},
    ],
    ids=str,
)
async def test_another_media_type_is_refused(client: httpx.AsyncClient, headers: dict[str, str]) -> None:
    response = await client.post("/thing", content=json.dumps(GOOD), headers=headers)
    assert (response.status_code, response.json()["code"]) == (415, "bad_request.content_type")


async def test_a_length_announced_too_large_is_refused_before_reading(client: httpx.AsyncClient) -> None:
    headers = {"content-type": "application/json", "content-length": "9" * 30}
    assert (await client.post("/raw", content=b"{}", headers=headers)).status_code == 413


async def test_a_body_without_announced_length_is_cut_when_it_grows_too_large(client: httpx.AsyncClient) -> None:
    async def endless() -> AsyncIterator[bytes]:
        for _ in range(1000):
            yield b" " * 50

    response = await client.post("/raw", content=endless(), headers={"content-type": "application/json"})
    assert response.status_code == 413


@pytest.mark.parametrize(
    ("method", "path", "status", "code"),
    [
        ("GET", "/nothing", 404, "not_found"),
        ("PUT", "/thing", 405, "bad_request.method"),
        ("GET", f"/number/{SECRET}x", 400, "bad_request.shape"),
        ("GET", "/fails/rules", 404, "not_available"),
        ("GET", "/fails/nobody", 400, "bad_request.identifier"),
        ("GET", "/fails/taken", 409, "conflict"),
        ("GET", "/fails/teapot", 400, "bad_request.shape"),
    ],
)
async def test_every_failure_has_a_code(
    client: httpx.AsyncClient, method: str, path: str, status: int, code: str
) -> None:
    response = await client.request(method, path)
    assert (response.status_code, response.json()["code"]) == (status, code)
    assert SECRET not in response.text


async def test_lines_are_read_one_by_one_whatever_the_pieces(client: httpx.AsyncClient) -> None:
    async def pieces() -> AsyncIterator[bytes]:
        for piece in (b'{"a"', b': 1}\n\n{"b": 2', b"}\n", b"3"):
            yield piece

    response = await client.post("/lines", content=pieces(), headers={"content-type": "application/x-ndjson"})
    assert response.json() == {"values": [{"a": 1}, {"b": 2}, 3]}


@pytest.mark.parametrize(
    ("content", "line"), [(b'{"a": 1}\n{"a": 1, "a": 2}\n', 2), (b"1\n2\n{", 3), (b"1\n" + b" " * 70_000, 2)]
)
async def test_a_bad_line_is_named_by_its_number(client: httpx.AsyncClient, content: bytes, line: int) -> None:
    response = await client.post("/lines", content=content, headers={"content-type": "application/x-ndjson"})
    assert response.json()["code"] == "bad_request.line"
    assert f"Line {line} " in response.json()["detail"]


def test_docs_and_code_name_the_same_codes() -> None:
    documented = re.findall(r"^### `([a-z_.]+)`", DOCS.read_text(encoding="utf-8"), re.MULTILINE)
    assert sorted(documented) == sorted({*problems.CODES, "answered", "no_data"})


def test_docs_and_code_agree_on_the_status() -> None:
    told = dict(re.findall(r"^### `([a-z_.]+)` \((\d+)\)", DOCS.read_text(encoding="utf-8"), re.MULTILINE))
    assert {code: int(told[code]) for code in problems.CODES} == {
        code: known.status for code, known in problems.CODES.items()
    }


def test_every_exchange_error_has_a_known_code() -> None:
    waiting = list(errors.ExchangeError.__subclasses__())
    while waiting:
        kind = waiting.pop()
        waiting += kind.__subclasses__()
        assert kind.code in {*problems.CODES, "no_data"}
        if kind.code != "no_data":
            assert problems.CODES[kind.code].status == kind.status


@pytest.mark.parametrize("path", ["/fails/log", "/fails/locked", "/fails/pool", "/fails/turn"])
async def test_a_log_or_database_that_cannot_be_used_is_no_evidence(client: httpx.AsyncClient, path: str) -> None:
    response = await client.get(path)
    document = response.json()
    assert (response.status_code, document["code"], document["retryable"]) == (503, "no_evidence", True)
    assert response.headers["retry-after"]
    assert SECRET not in response.text
