"""Nobody passes without good credentials, whatever the body; what is taken away counts at the next call."""

import asyncio
import json
import time
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest
from fastapi import FastAPI
from sqlalchemy.exc import OperationalError
from starlette.requests import Request

from gateway.edges import door
from gateway.trust import CredentialRefused, register
from gateway.trust.caller import Presented
from gateway.trust.keys import add_to_ring, new_key
from tests.small_gateway import Place, a_gateway, served
from tests.trusting import ADMIN, ESS, NOW, ORIGIN, SR, Pair, ath, form

PAIR = Pair()
ADMINS = Pair("EdDSA", "a1")
BODIES = {
    "none": b"",
    "good": b'{"service": "tax.employment"}',
    "not JSON": b"{",
    "deep": b"[" * 1000 + b"]" * 1000,
    "large": b"x" * 3_000_000,
    "a lone surrogate": b'{"a": "\\ud800"}',
}


@pytest.fixture
async def place(tmp_path: Path, sqlite_url: str) -> AsyncIterator[Place]:
    async with a_gateway(tmp_path, sqlite_url) as built:
        await built.register(SR, PAIR)
        await built.register(ADMIN, ADMINS)
        _more_routes(built.app)
        yield built


def _more_routes(app: FastAPI) -> None:
    @app.api_route("/v1/whoami", methods=["GET", "POST"])
    async def whoami(request: Request) -> dict[str, object]:
        return {"system": request.state.caller.system, "scopes": sorted(request.state.caller.scopes)}

    @app.get("/v1/fault")
    async def fault() -> None:
        raise KeyError("199012345678")

    @app.get("/open")
    async def open_to_all() -> dict[str, bool]:
        return {"open": True}


async def token(place: Place, pair: Pair = PAIR, client: str = SR.client_id) -> str:
    async with place.client() as http:
        now = place.clock.now
        response = await http.post(
            "/oauth2/token",
            data=form(pair.assertion(now, iss=client, sub=client)),
            headers={"DPoP": pair.proof(now)},
        )
    return str(response.json()["access_token"])


def signed(
    place: Place, access: str, method: str = "GET", path: str = "/v1/whoami", pair: Pair = PAIR
) -> dict[str, str]:
    proof = pair.proof(place.clock.now, htm=method, htu=ORIGIN + path, ath=ath(access))
    return {"authorization": f"DPoP {access}", "dpop": proof}


async def test_a_good_caller_is_known_by_its_system_and_scopes(place: Place) -> None:
    async with place.client() as client:
        response = await client.get("/v1/whoami?x=1", headers=signed(place, await token(place)))
    assert response.json() == {"system": "LK/GOV/WBB/SRIS", "scopes": ["audit", "exchange"]}


@pytest.mark.parametrize("path", ["/v1/exchanges", "/v1/nothing", "/dci/registry/sync/search", "/im/x", "/consent/x"])
async def test_an_unknown_caller_is_refused_whatever_the_body(place: Place, path: str) -> None:
    async with served(place.app) as base, httpx.AsyncClient() as client:
        for name, body in BODIES.items():
            response = await client.post(base + path, content=body, headers={"content-type": "application/json"})
            assert (name, response.status_code) == (name, 401)
            assert response.headers["www-authenticate"].startswith("MutualTLS" if path == "/im/x" else "DPoP ")


async def test_the_refusal_has_each_surfaces_own_shape(place: Place) -> None:
    async with place.client() as client:
        native, dci, rest, soap = [
            await client.post(path)
            for path in ("/v1/exchanges", "/dci/registry/sync/search", "/r1/LK/GOV/x", "/xroad/soap")
        ]
    assert native.headers["content-type"] == "application/problem+json"
    assert (native.json()["code"], native.json()["status"]) == ("unauthenticated", 401)
    assert dci.json()["errors"] == [{"code": "err.request.unauthorized", "message": "The caller is not authenticated."}]
    assert dci.json().keys() == {
        "header",
        "message",
        "errors",
    }  # every shape that DCI publishes; see `edges.dci.failure`
    assert (dci.json()["header"]["status"], dci.json()["message"]["search_response"]) == ("rjct", [])
    kind = "Server.ClientProxy.SslAuthenticationFailed"
    assert rest.headers["x-road-error"] == rest.json()["type"] == kind
    assert f"<faultcode>{kind}</faultcode>" in soap.text


@pytest.mark.parametrize("path", ["/v1", "/v1/", "/dci/x", "/r1/x", "/xroad/soap", "/im/x", "/consent/x", "/%761/x"])
def test_protected(path: str) -> None:
    assert door.protected(path.replace("%76", "v"))


@pytest.mark.parametrize("path", ["/v1/openapi.json", "/oauth2/token", "/.well-known/jwks.json", "/livez", "/v10/x"])
def test_open(path: str) -> None:
    assert not door.protected(path)


async def test_open_paths_need_nothing(place: Place) -> None:
    async with place.client() as client:
        assert (await client.get("/open")).json() == {"open": True}


HOSTILE = [
    "bearer scheme",
    "no proof",
    "two proofs",
    "two tokens",
    "token in the query",
    "proof of another token",
    "proof for another path",
    "proof for another method",
    "proof by a thief's key",
    "proof used before",
    "token cut",
    "token of nobody",
    "token with another payload",
    "token expired",
    "empty authorization",
]


def hostile(name: str, place: Place, access: str) -> list[tuple[str, str]]:
    good = signed(place, access)
    head, payload, signature = access.split(".")
    thief = Pair()
    changed: dict[str, dict[str, str]] = {
        "bearer scheme": {"authorization": f"Bearer {access}"},
        "proof of another token": {"dpop": PAIR.proof(htm="GET", htu=f"{ORIGIN}/v1/whoami", ath=ath("x.y.z"))},
        "proof for another path": signed(place, access, path="/v1/other"),
        "proof for another method": signed(place, access, method="POST"),
        "proof by a thief's key": signed(place, access, pair=thief),
        "token cut": {"authorization": f"DPoP {access[:-1]}"},
        "token of nobody": {"authorization": "DPoP a.b.c"},
        "token with another payload": {"authorization": f"DPoP {head}.{payload[:-2]}AA.{signature}"},
        "empty authorization": {"authorization": ""},
    }
    headers = list((good | changed.get(name, {})).items())
    if name == "no proof":
        headers = headers[:1]
    if name == "two proofs":
        headers.append(("dpop", PAIR.proof(htm="GET", htu=f"{ORIGIN}/v1/whoami", ath=ath(access))))
    if name == "two tokens":
        headers.append(("authorization", f"DPoP {access}"))
    return [] if name == "token in the query" else headers


@pytest.mark.parametrize("cached", [False, True], ids=["first use", "token known"])
@pytest.mark.parametrize("name", HOSTILE)
async def test_stolen_replayed_and_confused_credentials_are_refused(place: Place, name: str, cached: bool) -> None:
    access = await token(place)
    async with place.client() as client:
        if cached:
            assert (await client.get("/v1/whoami", headers=signed(place, access))).status_code == 200
        headers = hostile(name, place, access)
        if name == "proof used before":
            assert (await client.get("/v1/whoami", headers=headers)).status_code == 200
        if name == "token expired":
            place.clock.pass_by(300)
            headers = list(signed(place, access).items())
        query = f"?access_token={access}" if name == "token in the query" else ""
        response = await client.get(f"/v1/whoami{query}", headers=headers)
    assert (response.status_code, response.json()["code"]) == (401, "unauthenticated")


async def test_a_full_memory_of_proofs_refuses_with_429_and_a_pause(place: Place) -> None:
    access = await token(place)
    place.trust._callers._proofs._replays._most = 0
    async with place.client() as client:
        response = await client.get("/v1/whoami", headers=signed(place, access))
        dci = await client.get("/dci/x", headers=signed(place, access, path="/dci/x"))
    assert (response.status_code, response.json()["code"]) == (429, "too_many_requests")
    assert response.headers["retry-after"] == dci.headers["retry-after"] == "5"
    assert dci.json()["errors"][0]["code"] == "err.request.too_many_requests"


async def test_a_client_assertion_is_no_access_token(place: Place) -> None:
    async with place.client() as client:
        headers = signed(place, PAIR.assertion())
        assert (await client.get("/v1/whoami", headers=headers)).status_code == 401


@pytest.mark.parametrize("owner", [SR.id, SR.member_id])
async def test_suspension_counts_at_the_next_call(place: Place, owner: str) -> None:
    access = await token(place)
    async with place.client() as client:
        assert (await client.get("/v1/whoami", headers=signed(place, access))).status_code == 200
        async with place.db.write() as connection:
            await register.set_state(connection, place.log, owner, "suspended", NOW)
        place.trust.forget()
        assert (await client.get("/v1/whoami", headers=signed(place, access))).status_code == 401


async def test_a_token_of_a_rotated_out_key_is_refused(place: Place) -> None:
    access = await token(place)
    add_to_ring(place.trust.keys.folder, "token", new_key("ES256"), NOW)
    place.trust.forget()
    async with place.client() as client:
        assert (await client.get("/v1/whoami", headers=signed(place, access))).status_code == 200  # overlap
        assert (await client.get("/v1/whoami", headers=signed(place, await token(place)))).status_code == 200
    place.clock.pass_by(299)
    async with place.client() as client:
        assert (await client.get("/v1/whoami", headers=signed(place, access))).status_code == 200
        place.clock.pass_by(32)
        assert (await client.get("/v1/whoami", headers=signed(place, access))).status_code == 401


async def test_rotation_under_load_refuses_nobody(place: Place) -> None:
    """Both sides rotate while calls go on: our token key, and the system's own key."""
    second = Pair("EdDSA", "k2")

    async def calls(pair: Pair, count: int) -> list[int]:
        statuses = []
        for _ in range(count):
            access = await token(place, pair)
            async with place.client() as client:
                statuses.append((await client.get("/v1/whoami", headers=signed(place, access, pair=pair))).status_code)
        return statuses

    async def rotation() -> None:
        async with place.client() as client:
            access = await token(place)
            path = "/v1/systems/LK.GOV.WBB.SRIS/keys"
            added = await client.post(
                path, json={"jwks": {"keys": [second.jwk]}}, headers=signed(place, access, "POST", path)
            )
            assert added.status_code == 201
        add_to_ring(place.trust.keys.folder, "token", new_key("ES256"), NOW)
        place.trust.forget()

    first, _ = await asyncio.gather(calls(PAIR, 20), rotation())
    assert set(first + await calls(second, 5)) == {200}


async def test_the_cache_of_verified_tokens_is_bounded(place: Place) -> None:
    callers = place.trust._callers
    callers._most = 2
    for _ in range(4):
        access = await token(place)
        headers = signed(place, access)
        await place.trust.authenticated(Presented("GET", "/v1/whoami", [headers["authorization"]], [headers["dpop"]]))
    assert len(callers._known) == 2


async def test_a_refused_token_is_not_remembered(place: Place) -> None:
    with pytest.raises(CredentialRefused):
        await place.trust.authenticated(Presented("GET", "/v1/whoami", ["DPoP a.b.c"], [PAIR.proof()]))
    assert place.trust._callers._known == {}


async def test_a_known_caller_is_checked_in_well_under_a_millisecond(place: Place) -> None:
    access = await token(place)
    rounds = []
    for _ in range(5):  # the best of them: others share the machine
        calls = [signed(place, access) for _ in range(60)]
        started = time.process_time()
        for each in calls:
            await place.trust.authenticated(Presented("GET", "/v1/whoami", [each["authorization"]], [each["dpop"]]))
        rounds.append(time.process_time() - started)
    assert min(rounds) / 60 < 0.001


async def test_a_fault_shows_no_details_to_the_caller_nor_values_to_the_operator(
    place: Place, caplog: pytest.LogCaptureFixture
) -> None:
    async with place.client() as client:
        response = await client.get("/v1/fault", headers=signed(place, await token(place), path="/v1/fault"))
    assert (response.status_code, response.json()["code"]) == (500, "unknown")
    assert "199012345678" not in response.text + caplog.text
    assert "fault KeyError at" in caplog.text


async def admin(place: Place, method: str, path: str, body: object = None) -> httpx.Response:
    access = await token(place, ADMINS, ADMIN.client_id)
    async with place.client() as client:
        headers = signed(place, access, method, path, ADMINS) | {"content-type": "application/json"}
        content = None if body is None else json.dumps(body).encode()
        return await client.request(method, path, content=content, headers=headers)


NEW = {
    "id": ESS.id,
    "name": "ESS",
    "scopes": ["exchange"],
    "services": [{"name": "progress", "callback_url": "https://ess.example/x", "record_schema": "canonical/x.v1.json"}],
    "jwks": {"keys": [Pair(kid="e1").jwk]},
}


async def test_an_administrator_registers_members_and_systems_and_each_step_is_in_the_log(place: Place) -> None:
    before = len(place.log.entries)
    member = {"id": "LK/GOV/DME", "name": "Employment", "contact": "desk", "jwks": {"keys": [Pair().jwk]}}
    assert (await admin(place, "POST", "/v1/members", member)).status_code == 201
    registered = await admin(place, "POST", "/v1/systems", NEW)
    assert len(registered.json()["receipts"]) == 2
    state = await admin(place, "POST", "/v1/systems/LK.GOV.DME.ESS/state", {"state": "suspended"})
    assert state.status_code == 200
    kinds = ["member.registered", "key.added", "system.registered", "key.added", "system.suspended"]
    assert place.log.kinds[before:] == kinds
    shown = (await admin(place, "GET", "/v1/systems/LK.GOV.DME.ESS")).json()
    assert (shown["state"], [key["kid"] for key in shown["jwks"]["keys"]]) == ("suspended", ["e1"])
    assert shown["services"][0]["service"] == "LK.GOV.DME.ESS/progress"
    assert "LK/GOV/DME" in [each["id"] for each in (await admin(place, "GET", "/v1/members")).json()["members"]]


REFUSED = {
    "member unknown": (NEW | {"id": "LK/GOV/NONE/X"}, 409, "conflict"),
    "private key": (NEW | {"jwks": {"keys": [Pair().jwk | {"d": "AAAA"}]}}, 400, "bad_request.keys"),
    "unknown member of the shape": (NEW | {"admin": True}, 400, "bad_request.shape"),
    "not an object": ([], 400, "bad_request.shape"),
    "callback not a URL": (
        NEW | {"services": [{"name": "x", "callback_url": "file:///etc", "record_schema": "x"}]},
        400,
        "bad_request.shape",
    ),
    **{
        f"a callback at {url}": (
            NEW | {"services": [{"name": "x", "callback_url": url, "record_schema": "x"}]},
            400,
            "bad_request.address",
        )
        for url in (
            "http://ess.example/x",
            "https://127.0.0.1/x",
            "https://10.1.2.3/x",
            "https://169.254.169.254/latest/meta-data",
            "https://[::1]/x",
            "https://ess.example:8443/x",
            "https://2130706433/x",
        )
    },
}


@pytest.mark.parametrize(("body", "status", "code"), REFUSED.values(), ids=REFUSED.keys())
async def test_a_bad_registration_is_refused_with_a_code(place: Place, body: object, status: int, code: str) -> None:
    response = await admin(place, "POST", "/v1/systems", body)
    assert (response.status_code, response.json()["code"]) == (status, code)


async def test_a_system_sees_and_changes_itself_only(place: Place) -> None:
    access = await token(place)
    tries = [
        ("GET", "/v1/systems", 200, None),
        ("GET", "/v1/systems/LK.GOV.WBB.SRIS", 200, None),
        ("GET", "/v1/systems/LK.GOV.SANDHI.CONSOLE", 404, None),
        ("GET", "/v1/members", 403, None),
        ("POST", "/v1/systems", 403, NEW),
        ("POST", "/v1/systems/LK.GOV.WBB.SRIS/state", 403, {"state": "retired"}),
        ("POST", "/v1/systems/LK.GOV.SANDHI.CONSOLE/keys", 404, {"jwks": {"keys": [Pair(kid="z").jwk]}}),
        ("DELETE", "/v1/systems/LK.GOV.SANDHI.CONSOLE/keys/a1", 404, None),
        ("DELETE", "/v1/systems/LK.GOV.WBB.SRIS/keys/k1", 200, None),
    ]
    async with place.client() as client:
        for method, path, status, body in tries:
            response = await client.request(method, path, json=body, headers=signed(place, access, method, path))
            assert (method, path, response.status_code) == (method, path, status)
            if path == "/v1/systems" and method == "GET":
                assert [each["id"] for each in response.json()["systems"]] == [SR.id]


@pytest.mark.parametrize(("path", "code"), [("/v1/whoami", "no_evidence"), ("/dci/x", "err.service.unavailable")])
async def test_a_database_that_cannot_be_read_is_an_outage_in_the_surfaces_shape(
    place: Place, monkeypatch: pytest.MonkeyPatch, path: str, code: str
) -> None:
    async def unreadable() -> None:
        raise OperationalError("SELECT 1", {}, Exception("database is locked"))

    access = await token(place)
    monkeypatch.setattr(place.trust.directory, "fresh", unreadable)
    async with place.client() as client:
        response = await client.get(path, headers=signed(place, access, path=path))
    document = response.json()
    assert response.status_code == 503
    assert response.headers["retry-after"]
    assert (document["errors"][0] if path.startswith("/dci") else document)["code"] == code
