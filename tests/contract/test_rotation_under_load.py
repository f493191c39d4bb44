"""Keys change on both sides while callers call, and no call fails: the gateway's rings, and a system's own key.

Two processes (two `Trust`s with memories of their own) answer in turns. A caller verifies each answer with the
published keys, encrypts to the published key, and gets itself a new token at every call.
"""

import asyncio
import itertools
import json
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import httpx
import pytest
from fastapi import FastAPI, Request
from fastapi.responses import Response
from joserfc import jwe, jwk
from joserfc.errors import JoseError

from gateway.edges import door
from gateway.edges.identity import identity_routes
from gateway.trust import Trust, TrustError, jwks, register
from gateway.trust.jose import b64, check, unb64
from gateway.trust.keys import ALG, AT_ONCE
from gateway.trust.rotation import rotate
from tests.small_gateway import Place, a_gateway
from tests.trusting import ORIGIN, SR, Clock, Pair, ath, form

CONTENT = "சந்தி සන්ධි".encode()


@dataclass(slots=True)
class Caller:
    """One system that keeps calling; every failure is kept by its name, and every key that it met."""

    apps: list[FastAPI]
    pair: Pair
    calls: int = 0
    failed: list[str] = field(default_factory=list)
    kids: dict[str, set[str]] = field(default_factory=lambda: {use: set() for use in ALG})

    async def run(self, stop: asyncio.Event) -> None:
        """Call until told to stop, each step at the process whose turn it is."""
        clients = [httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url=ORIGIN) for app in self.apps]
        for client in itertools.cycle(clients):
            if stop.is_set():
                break
            other = clients[clients.index(client) - 1]
            try:
                await self._once(client, other)
            except (AssertionError, ValueError, TrustError, JoseError, httpx.HTTPError) as error:
                self.failed.append(f"{type(error).__name__}: {error}")
            self.calls += 1
        for client in clients:
            await client.aclose()

    async def _once(self, one: httpx.AsyncClient, other: httpx.AsyncClient) -> None:
        now, pair = datetime.now(UTC), self.pair
        issued = await one.post(
            "/oauth2/token",
            data=form(pair.assertion(now, iss=SR.client_id, sub=SR.client_id)),
            headers={"DPoP": pair.proof(now)},
        )
        token = issued.raise_for_status().json()["access_token"]
        self.kids["token"].add(json.loads(unb64(token.partition(".")[0]))["kid"])
        published = (await one.get("/.well-known/jwks.json")).raise_for_status().json()
        (to,) = [each for each in published["keys"] if each["use"] == "enc"]
        self.kids["encryption"].add(to["kid"])
        header = {"alg": to["alg"], "enc": "A256GCM", "kid": to["kid"]}
        sealed = jwe.encrypt_compact(header, CONTENT, jwk.import_key(to), algorithms=[to["alg"], "A256GCM"])
        proof = pair.proof(now, htm="POST", htu=f"{ORIGIN}/v1/opened", ath=ath(token))
        headers = {"authorization": f"DPoP {token}", "dpop": proof, "content-type": "text/plain"}
        answer = (await other.post("/v1/opened", content=sealed, headers=headers)).raise_for_status()
        assert answer.content == CONTENT
        await self._check_signature(one, answer)

    async def _check_signature(self, one: httpx.AsyncClient, answer: httpx.Response) -> None:
        """With the key set as somebody fetches it who meets this kid for the first time."""
        protected, _, signature = answer.headers["x-signature"].split(".")
        kid = json.loads(unb64(protected))["kid"]
        published = (await one.get("/.well-known/jwks.json")).raise_for_status().json()
        (key,) = [jwks.public_key(each) for each in published["keys"] if each["kid"] == kid]
        check(f"{protected}.{b64(answer.content)}".encode(), unb64(signature), key, key.alg)
        self.kids["message"].add(kid)


def a_process(place: Place, folder: Path) -> FastAPI:
    """A process of its own on the same database and the same key folder."""
    app = FastAPI(openapi_url=None)
    trust = app.state.trust = Trust(place.db, folder / "keys", ORIGIN)
    app.state.db, app.state.log = place.db, place.log
    door.install(app)
    app.include_router(identity_routes(trust))

    @app.post("/v1/opened")
    async def opened(request: Request) -> Response:
        sealed = (await request.body()).decode()
        (key,) = trust.decryption_keys(json.loads(unb64(sealed.partition(".")[0]))["kid"])
        content = jwe.decrypt_compact(sealed, key.material, algorithms=[key.alg, "A256GCM"]).plaintext or b""
        return Response(content, headers={"x-signature": trust.sign_bytes(content)})

    return app


async def under_load(callers: list[Caller], work: Callable[[], Awaitable[None]]) -> None:
    """Run the work while all of them call."""
    stop = asyncio.Event()
    running = [asyncio.create_task(caller.run(stop)) for caller in callers]
    try:
        await work()
    finally:
        stop.set()
        await asyncio.gather(*running)


async def test_the_gateway_rotates_every_ring_at_once_and_no_call_fails(tmp_path: Path, database_url: str) -> None:
    await gateway_rotates(tmp_path, database_url, callers=3, rounds=1)


@pytest.mark.nightly
async def test_the_gateway_rotates_every_ring_five_times_under_more_load(tmp_path: Path, postgres_url: str) -> None:
    await gateway_rotates(tmp_path, postgres_url, callers=16, rounds=5)


async def gateway_rotates(folder: Path, url: str, *, callers: int, rounds: int) -> None:
    pair = Pair()
    async with a_gateway(folder, url, clock=Clock(datetime.now(UTC))) as place:
        await place.register(SR, pair)
        early = [a_process(place, folder) for _ in range(callers)]
        await asyncio.sleep(0.5)  # they look at the key files at different times
        calling = [Caller([each, a_process(place, folder)], pair) for each in early]

        async def work() -> None:
            for number in range(rounds):
                for use in ALG:
                    now = datetime.now(UTC)
                    await rotate(place.db, place.log, folder / "keys", use, now=now, use_from=now + AT_ONCE)
                await asyncio.sleep(AT_ONCE.total_seconds() + 1)
                await everybody_met(calling, number + 2)

        await under_load(calling, work)
    assert [caller.failed for caller in calling] == [[]] * callers
    assert all(caller.calls > 10 for caller in calling)
    for caller in calling:
        assert {use: len(kids) for use, kids in caller.kids.items()} == dict.fromkeys(ALG, rounds + 1)


async def everybody_met(calling: Sequence[Caller], count: int) -> None:
    """Wait until each has met so many keys of every use: a busy machine lets some call later than others."""
    for _ in range(200):
        if all(len(caller.kids[use]) >= count for caller in calling for use in ALG):
            return
        await asyncio.sleep(0.1)


async def test_a_system_rotates_its_own_key_while_it_calls_and_no_call_fails(tmp_path: Path, database_url: str) -> None:
    pairs = [Pair(kid=f"k{number}") for number in range(4)]
    async with a_gateway(tmp_path, database_url, clock=Clock(datetime.now(UTC))) as place:
        await place.register(SR, pairs[0])
        calling = [Caller([a_process(place, tmp_path), a_process(place, tmp_path)], pairs[0]) for _ in range(3)]

        async def work() -> None:
            for old, new in itertools.pairwise(pairs):
                async with place.db.write() as connection:
                    added = jwks.checked({"keys": [new.jwk]})
                    await register.add_keys(connection, place.log, SR.id, added, datetime.now(UTC))
                for caller in calling:
                    caller.pair = new
                await asyncio.sleep(0.5)  # what is under way with the old key ends
                async with place.db.write() as connection:
                    await register.retire_key(connection, place.log, SR.id, old.kid, datetime.now(UTC))
                await asyncio.sleep(0.2)

        await under_load(calling, work)
        async with place.db.read() as connection:
            held = await register.keys_of(connection, SR.id, datetime.now(UTC))
    assert [caller.failed for caller in calling] == [[]] * 3
    assert all(caller.calls > 5 for caller in calling)
    assert [key.kid for key in held] == ["k3"]
