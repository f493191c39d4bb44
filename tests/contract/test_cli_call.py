"""`sandhi call` while an agency is down: who waits is told so, and not for long."""

import asyncio
import json
from collections import Counter
from pathlib import Path

import pytest
from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse
from typer.testing import CliRunner

from gateway.cli.main import app
from gateway.trust.keys import new_key
from tests.small_gateway import client_file, served
from tests.trusting import SR

DOWN = {"code": "source_down", "detail": "The agency does not answer."}


@pytest.mark.parametrize(("pause", "asked"), [("0", 3), ("3600", 1)], ids=["soon", "in an hour"])
async def test_an_agency_that_is_down_is_asked_three_times_at_most_and_whoever_waits_is_told(
    pause: str, asked: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SANDHI_DATA_DIR", str(tmp_path))
    gateway, calls = FastAPI(openapi_url=None), Counter[str]()

    @gateway.post("/oauth2/token")
    async def token() -> dict[str, object]:
        return {"access_token": "t", "expires_in": 300}

    @gateway.api_route("/{path:path}", methods=["GET", "POST"])
    async def down(request: Request) -> JSONResponse:
        calls[request.url.path] += 1
        return JSONResponse(DOWN, 503, {"retry-after": pause})

    (tmp_path / "clients").mkdir()
    async with served(gateway) as base:
        name = client_file(tmp_path / "clients", base, SR, new_key("ES256")).stem
        told = await asyncio.to_thread(CliRunner().invoke, app, ["call", "GET", "/v1/x", "--as", name])
    assert (told.exit_code, calls) == (1, {"/v1/x": asked})
    assert json.loads(told.stdout)["code"] == "source_down"
    *waits, last = told.stderr.splitlines()
    assert [each.partition("; ")[2][:14] for each in waits] == [f"attempt {n} of 3" for n in range(2, asked + 1)]
    assert last == "HTTP 503"
