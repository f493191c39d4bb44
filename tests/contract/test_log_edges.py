"""`/log` as the gateway serves it: who may cache what, closed years, and the witness role."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path

import httpx
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from fastapi import FastAPI

from audit import Entry, FileMemory, Log, Signer, new_id
from audit.cosignature import Cosigner, Witness, cosigned
from audit.merkle import EMPTY_ROOT
from audit.note import Checkpoint, signed, verifier_of, with_lines
from audit.tables import metadata
from audit.witness import Asked, WitnessRole
from gateway.db import Database
from gateway.edges.log import log_routes

BASE = "gw.example/log"
KEY = Ed25519PrivateKey.from_private_bytes(b"k" * 32)
OTHER = Ed25519PrivateKey.from_private_bytes(b"o" * 32)
NOW = datetime(2026, 10, 31, 12, 0, tzinfo=UTC)
NOTE = signed(Checkpoint("tax.example/log", 0, EMPTY_ROOT).text(), "tax.example/log", OTHER)


@pytest.fixture
async def log(tmp_path: Path) -> AsyncIterator[Log]:
    db = Database(f"sqlite+aiosqlite:///{tmp_path / 'log.db'}")
    async with db.write() as connection:
        await connection.run_sync(metadata.create_all)

    def signer_of(origin: str) -> Signer:
        return Signer(origin, KEY, FileMemory(tmp_path / origin.replace("/", "_")))

    made = await Log.open(db.engine, signer_of(BASE), db.write_lock, signer_of=signer_of)
    async with db.write() as connection:
        await made.append_all_in(connection, [Entry(new_id(NOW), "k", NOW, {"n": n}) for n in range(300)])
    yield made
    await made.close()
    await db.close()


@pytest.fixture
async def web(log: Log) -> AsyncIterator[httpx.AsyncClient]:
    cosigner = Cosigner("gw.example/witness", Ed25519PrivateKey.from_private_bytes(b"w" * 32))
    role = WitnessRole(cosigner, log.store, {"tax.example/log": [verifier_of("tax.example/log", OTHER)]})
    app = FastAPI(openapi_url=None)
    app.include_router(log_routes(log, public="entries", witness=role))
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://gw.example") as client:
        yield client


async def test_tiles_are_cached_for_ever_and_the_checkpoint_for_a_second(web: httpx.AsyncClient, log: Log) -> None:
    await log.checkpoint()
    for path in ("tile/0/000", "tile/0/001.p/44", "tile/1/000.p/1", "tile/entries/000"):
        assert (await web.get(f"/log/{path}")).headers["cache-control"] == "public, max-age=31536000, immutable"
    assert (await web.get("/log/checkpoint")).headers["cache-control"] == "public, max-age=1"
    missing = await web.get("/log/tile/0/009")
    assert (missing.status_code, missing.headers["cache-control"]) == (404, "private, no-store")


async def test_closed_year_stays_where_it_is_named(web: httpx.AsyncClient, log: Log) -> None:
    before = (await web.get("/log/tile/0/000")).content
    await log.rotate(f"{BASE}/2027", "a new year", NOW)
    assert (await web.get("/log/first/tile/0/000")).content == before
    assert (await web.get("/log/first/checkpoint")).text.startswith(f"{BASE}\n301\n")
    assert (await web.get("/log/checkpoint")).text.startswith(f"{BASE}/2027\n1\n")
    assert (await web.get("/log/first/vkeys")).text == verifier_of(BASE, KEY).vkey + "\n"
    assert len((await web.get("/log/first/tile/entries/001.p/45")).content) > 1000
    assert (await web.get("/log/2031/checkpoint")).status_code == 404


async def test_witness_cosigns_over_http_as_c2sp_says(web: httpx.AsyncClient) -> None:
    asked = Asked(0, (), NOTE).body()
    answer = await web.post("/log/witness/add-checkpoint", content=asked)
    assert (answer.status_code, answer.headers["content-type"]) == (200, "text/plain; charset=utf-8")
    witness = Witness.from_vkey((await web.get("/log/witness/vkey")).text)
    assert len(cosigned(with_lines(NOTE, [answer.text]), [witness])) == 1
    digest = sha256(b"tax.example/log").hexdigest()
    kept = await web.get(f"/log/witness/{digest}/checkpoint")
    assert len(cosigned(kept.content, [witness])) == 1
    conflict = await web.post("/log/witness/add-checkpoint", content=Asked(5, (), NOTE).body())
    assert conflict.status_code == 400
    grown = signed(Checkpoint("tax.example/log", 7, b"r" * 32).text(), "tax.example/log", OTHER)
    told = await web.post("/log/witness/add-checkpoint", content=Asked(3, (), grown).body())
    assert (told.status_code, told.text, told.headers["content-type"]) == (409, "0\n", "text/x.tlog.size")


async def test_witness_reads_no_more_than_a_request_can_be(web: httpx.AsyncClient) -> None:
    assert (await web.post("/log/witness/add-checkpoint", content=b"x" * 70_000)).status_code == 413
    assert (await web.get(f"/log/witness/{'0' * 64}/checkpoint")).status_code == 404
