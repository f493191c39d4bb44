"""The log's pages: what is served, to whom, and how long it may be cached."""

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path

import httpx
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from fastapi import FastAPI
from starlette.requests import Request

from audit import Entry, FileMemory, Log, Signer, new_id
from audit.note import Checkpoint
from audit.proofs import Proof
from audit.tables import metadata
from audit.tiles import unbundle
from gateway.db import Database
from gateway.edges.log import log_routes

NOW = datetime(2026, 10, 31, 12, 0, tzinfo=UTC)
ENTRIES = [Entry(new_id(NOW), "system.registered", NOW, {"n": n}) for n in range(300)]


@pytest.fixture
def signer(tmp_path: Path) -> Signer:
    return Signer("gw.example.gov/log", Ed25519PrivateKey.generate(), FileMemory(tmp_path / "signed"))


@pytest.fixture
async def log(tmp_path: Path, signer: Signer) -> AsyncIterator[Log]:
    db = Database(f"sqlite+aiosqlite:///{tmp_path / 'log.db'}")
    async with db.write() as connection:
        await connection.run_sync(metadata.create_all)
    opened = await Log.open(db.engine, signer, db.write_lock, deadline_s=60)
    await asyncio.gather(*map(opened.append, ENTRIES))
    await opened.checkpoint()
    yield opened
    await opened.close()
    await db.close()


async def auditor(request: Request) -> bool:
    return request.headers.get("authorization") == "DPoP auditor"


def client(log: Log, public: str) -> httpx.AsyncClient:
    app = FastAPI(openapi_url=None)
    app.include_router(log_routes(log, public=public, may_read=auditor))
    return httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://gw")


async def test_checkpoint_is_plain_text_and_cached_for_seconds(log: Log, signer: Signer) -> None:
    async with client(log, "hashes") as http:
        answer = await http.get("/log/checkpoint")
    assert answer.headers["content-type"] == "text/plain; charset=utf-8"
    assert answer.headers["cache-control"] == "public, max-age=1"
    assert Checkpoint.from_note(answer.content, [signer.verifier]).size == 300


async def test_verifier_key_is_a_line(log: Log, signer: Signer) -> None:
    async with client(log, "hashes") as http:
        assert (await http.get("/log/vkeys")).text == f"{signer.vkey}\n"


@pytest.mark.parametrize(
    ("path", "length"), [("0/000", 8192), ("0/001.p/44", 1408), ("0/001.p/3", 96), ("1/000.p/1", 32)]
)
async def test_tiles_are_immutable_bytes_for_everyone(log: Log, path: str, length: int) -> None:
    async with client(log, "hashes") as http:
        answer = await http.get(f"/log/tile/{path}")
    assert (answer.status_code, len(answer.content)) == (200, length)
    assert answer.headers["content-type"] == "application/octet-stream"
    assert "immutable" in answer.headers["cache-control"]


async def test_entries_need_the_right_to_read_unless_they_are_public(log: Log) -> None:
    async with client(log, "hashes") as http:
        refused = await http.get("/log/tile/entries/001.p/44")
        allowed = await http.get("/log/tile/entries/001.p/44", headers={"authorization": "DPoP auditor"})
    async with client(log, "entries") as http:
        open_to_all = await http.get("/log/tile/entries/001.p/44")
    assert (refused.status_code, refused.headers["cache-control"]) == (403, "private, no-store")
    assert allowed.headers["cache-control"] == "private, no-store"
    assert "immutable" in open_to_all.headers["cache-control"]
    assert unbundle(allowed.content) == unbundle(open_to_all.content) == [each.body() for each in ENTRIES[256:]]


async def test_proof_of_an_entry_verifies(log: Log, signer: Signer) -> None:
    async with client(log, "hashes") as http:
        answer = await http.get(f"/log/proof/{ENTRIES[7].id}")
    assert Proof.from_text(answer.text).verify(ENTRIES[7].body(), [signer.verifier]).size == 300


@pytest.mark.parametrize(
    "path",
    [
        *(
            "tile/0/002",
            "tile/0/001",
            "tile/0/001.p/45",
            "tile/0/0",
            "tile/0/000.p/256",
            "tile/2/000.p/1",
            "tile/9/000",
        ),
        *("tile/x/000", "tile/-1/000", "tile/99999999999999999999/000", "tile/0/x999/x999/x999/x999/x999/x999/999"),
        *("proof/x", "proof/01a1c6a8-5b2e-7c3d-8f10-000000000000", "tile/entries/002", "nothing"),
    ],
)
async def test_what_is_not_there_is_404_and_never_cached(log: Log, path: str) -> None:
    async with client(log, "entries") as http:
        answer = await http.get(f"/log/{path}")
    assert answer.status_code == 404
    assert "immutable" not in answer.headers.get("cache-control", "")


async def test_unknown_setting_is_refused(log: Log) -> None:
    with pytest.raises(ValueError, match="hashes, entries"):
        log_routes(log, public="everything")
