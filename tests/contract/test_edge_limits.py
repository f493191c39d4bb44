"""Limits over HTTP: refused before the body is read, in the surface's own shape, with the time to wait."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
from fastapi import Request

from gateway.edges.limited import peer_of
from gateway.settings import SettingError, Settings
from gateway.trust import Policy
from gateway.trust.binding import CERTIFICATE
from gateway.trust.certificate import PeerCertificate
from gateway.trust.policy import Limits
from gateway.wiring import shares_of
from tests.certified_place import Shown
from tests.small_gateway import Place, a_gateway
from tests.trusting import ESS, NOW, ORIGIN, SR, Pair, ath, form

SHOWN = PeerCertificate("A" * 43, NOW + timedelta(days=1))
PAIRS = {SR.client_id: Pair(), ESS.client_id: Pair("EdDSA")}


@pytest.fixture
async def place(tmp_path: Path, sqlite_url: str) -> AsyncIterator[Place]:
    async with a_gateway(tmp_path, sqlite_url) as built:
        few = Policy(limits=Limits(per_second=0.05, burst=3, concurrent=2), certificates=(SHOWN.thumbprint,))
        await built.register(replace(SR, policy=few), PAIRS[SR.client_id])
        await built.register(ESS, PAIRS[ESS.client_id])
        built.app.state.going_on = asyncio.Event()

        @built.app.api_route("/v1/read", methods=["POST"])
        async def read(request: Request) -> int:
            return len(await request.body())

        @built.app.get("/v1/wait")
        async def wait(request: Request) -> None:
            await request.app.state.going_on.wait()

        yield built


async def headers(place: Place, method: str, path: str, client: str = SR.client_id) -> dict[str, str]:
    pair, now = PAIRS[client], place.clock.now
    async with place.client() as http:
        assertion = form(pair.assertion(now, iss=client, sub=client))
        got = await http.post("/oauth2/token", data=assertion, headers={"DPoP": pair.proof(now)})
    access = got.json()["access_token"]
    proof = pair.proof(now, htm=method, htu=ORIGIN + path, ath=ath(access))
    return {"authorization": f"DPoP {access}", "dpop": proof}


async def test_over_its_rate_a_system_is_told_when_to_come_again(place: Place) -> None:
    async with place.client() as http:
        for _ in range(3):
            assert (
                await http.get("/v1/systems", headers=await headers(place, "GET", "/v1/systems"))
            ).status_code == 200
        over = await http.get("/v1/systems", headers=await headers(place, "GET", "/v1/systems"))
        other = await http.get("/v1/systems", headers=await headers(place, "GET", "/v1/systems", ESS.client_id))
    assert (over.status_code, over.headers["content-type"]) == (429, "application/problem+json")
    assert over.json()["code"] == "too_many_requests"
    assert "spread its calls" in over.json()["detail"]
    assert int(over.headers["retry-after"]) == 20
    assert other.status_code == 200


async def test_the_refusal_has_each_surface_s_own_shape(place: Place) -> None:
    async with place.client() as http:
        for _ in range(3):
            await http.get("/v1/systems", headers=await headers(place, "GET", "/v1/systems"))
        path = "/dci/registry/sync/search"
        dci = await http.post(path, headers=await headers(place, "POST", path))
    shown = httpx.ASGITransport(Shown(place.app, SHOWN))
    async with httpx.AsyncClient(transport=shown, base_url=ORIGIN) as certified:
        rest, soap = [await certified.post(path) for path in ("/r1/LK/GOV/x", "/xroad/soap")]
    assert {each.status_code for each in (dci, rest, soap)} == {429}
    assert {each.headers["retry-after"] for each in (dci, rest, soap)} == {"20"}
    assert dci.json()["errors"][0]["code"] == "err.request.too_many_requests"
    assert rest.json()["detail"] == "too_many_requests"
    assert "too_many_requests" in soap.text


async def test_a_refused_body_is_not_read(place: Place) -> None:
    async def receive() -> dict[str, object]:
        raise AssertionError("somebody reads the body")

    sent: list[Any] = []

    async def send(message: Any) -> None:
        sent.append(message)

    async with place.client() as http:
        for _ in range(3):
            told = await headers(place, "POST", "/v1/read")
            assert (await http.post("/v1/read", headers=told, content=b"ok")).json() == 2
    told = await headers(place, "POST", "/v1/read") | {"content-length": "1000000"}
    raw = [(name.encode(), value.encode()) for name, value in told.items()]
    scope = {"type": "http", "method": "POST", "path": "/v1/read", "raw_path": b"/v1/read", "query_string": b""}
    await place.app({**scope, "headers": raw, "scheme": "http", "state": {}}, receive, send)
    assert sent[0]["status"] == 429


async def test_places_are_held_until_the_answer_is_out(place: Place) -> None:
    async with place.client() as http:
        told = [await headers(place, "GET", "/v1/wait", SR.client_id) for _ in range(2)]
        running = [asyncio.create_task(http.get("/v1/wait", headers=each)) for each in told]
        await asyncio.sleep(0.05)
        over = await http.get("/v1/systems", headers=await headers(place, "GET", "/v1/systems"))
        place.app.state.going_on.set()
        done = await asyncio.gather(*running)
        after = await http.get("/v1/systems", headers=await headers(place, "GET", "/v1/systems"))
    assert (over.status_code, "as many calls open" in over.json()["detail"]) == (429, True)
    assert [each.status_code for each in done] == [200, 200]
    assert after.status_code == 200


async def test_who_is_not_known_uses_nobody_s_places(place: Place) -> None:
    async with place.client() as http:
        for _ in range(10):
            assert (await http.get("/v1/systems")).status_code == 401
        assert (await http.get("/v1/systems", headers=await headers(place, "GET", "/v1/systems"))).status_code == 200


@pytest.mark.parametrize(
    ("path", "media_type"), [("/oauth2/token", "application/json"), ("/console/sign-in/x", "text/html; charset=utf-8")]
)
async def test_an_address_that_floods_what_is_open_to_all_is_told_to_wait_and_the_others_are_not(
    tmp_path: Path, path: str, media_type: str
) -> None:
    async with a_gateway(tmp_path, peer=Limits(per_second=0.05, burst=3)) as place:
        first = [await asked_from(place, "192.0.2.1", path) for _ in range(4)]
        assert [each.status_code == 429 for each in first] == [False, False, False, True]
        assert (first[3].headers["content-type"], first[3].headers["retry-after"]) == (media_type, "20")
        assert (await asked_from(place, "192.0.2.2", path)).status_code != 429
        assert (await asked_from(place, "192.0.2.1", "/.well-known/jwks.json")).status_code == 200


async def test_one_network_of_ipv6_is_one_caller(tmp_path: Path) -> None:
    async with a_gateway(tmp_path, peer=Limits(per_second=0.05, burst=1)) as place:
        for address, status in (("2001:db8::1", 415), ("2001:db8::2:ffff", 429), ("2001:db8:0:1::1", 415)):
            assert (await asked_from(place, address, "/oauth2/token")).status_code == status


def test_who_comes_with_a_certificate_is_that_certificate_and_who_signed_in_that_officer() -> None:
    scope = {"type": "http", "path": "/oauth2/token", "client": ("192.0.2.1", 1)}
    assert peer_of(scope) == "address 192.0.2.1"
    shown = PeerCertificate("thumb", NOW)
    assert peer_of(scope | {"state": {CERTIFICATE: shown}}) == "certificate thumb"
    assert peer_of(scope | {"client": None}) == ""  # behind a proxy, which limits by address itself
    assert peer_of(scope | {"path": "/livez"}) == ""


async def asked_from(place: Place, address: str, path: str) -> httpx.Response:
    transport = httpx.ASGITransport(place.app, client=(address, 50000))
    async with httpx.AsyncClient(transport=transport, base_url=ORIGIN) as http:
        return await http.request("POST" if "oauth2" in path else "GET", path)


def test_the_settings_say_how_much_and_a_wrong_one_is_named() -> None:
    assert shares_of(Settings.read({})).refused == {}
    for value in ("many", "-1", "nan", "inf"):
        with pytest.raises(SettingError, match="SANDHI_LIMIT_RATE is a number"):
            shares_of(Settings.read({"SANDHI_LIMIT_RATE": value}))
