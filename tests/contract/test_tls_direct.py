"""The gateway ends the TLS itself: who shows no certificate of the CA is not let in, and a token is for one of them."""

import json
import ssl
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import httpx
import pytest
from sandhi_client import Client
from starlette.requests import Request

from gateway.trust import register
from gateway.trust.keys import new_key
from gateway.trust.policy import Policy
from tests.listening import free_port, listening
from tests.small_ca import OFFICES, Issued, SmallCa
from tests.small_gateway import Place, a_gateway, client_file
from tests.trusting import NOW, ORIGIN, SR, Clock, Pair, ath, form

PAIR = Pair()
PARSERS = ("h11", "httptools")


@pytest.fixture
def authority(tmp_path: Path) -> SmallCa:
    return SmallCa(tmp_path / "ca")


@pytest.fixture
async def place(tmp_path: Path) -> AsyncIterator[Place]:
    async with a_gateway(tmp_path) as built:
        add_whoami(built)
        yield built


def add_whoami(place: Place) -> None:
    @place.app.get("/v1/whoami")
    async def whoami(request: Request) -> dict[str, object]:
        return {"system": request.state.caller.system}


def settings(authority: SmallCa, **more: str) -> dict[str, str]:
    found = {"TLS_CERT": str(authority.server().path), "TLS_CLIENT_CA": str(authority.path)}
    return found | {"PUBLIC_URL": "http://127.0.0.1:8080"} | more


async def registered(place: Place, *certificates: Issued) -> None:
    await place.register(replace(SR, policy=Policy(certificates=tuple(each.thumbprint for each in certificates))), PAIR)


def client(authority: SmallCa, port: int, shown: Issued | None) -> httpx.AsyncClient:
    return httpx.AsyncClient(base_url=f"https://127.0.0.1:{port}", verify=authority.context(shown))


async def token(caller: httpx.AsyncClient) -> str:
    response = await caller.post("/oauth2/token", data=form(PAIR.assertion()))
    assert (response.status_code, response.json()["token_type"]) == (200, "Bearer")
    return str(response.json()["access_token"])


@pytest.mark.parametrize("parser", PARSERS)
async def test_each_office_of_the_secure_channel_is_known_by_its_own_certificate(
    place: Place, authority: SmallCa, tmp_path: Path, parser: str
) -> None:
    offices = [authority.client(name) for name in OFFICES]
    await registered(place, *offices)
    async with listening(place.app, tmp_path, settings(authority, HTTP_PARSER=parser)) as port:
        for office in offices:
            async with client(authority, port, office) as caller:
                access = await token(caller)
                answer = await caller.get("/v1/whoami", headers={"authorization": f"Bearer {access}"})
                assert answer.json() == {"system": SR.id}


@pytest.mark.parametrize("parser", PARSERS)
async def test_a_stolen_token_over_another_registered_certificate_is_refused(
    place: Place, authority: SmallCa, tmp_path: Path, parser: str
) -> None:
    board, ministry = authority.client("board"), authority.client("ministry")
    await registered(place, board, ministry)
    async with listening(place.app, tmp_path, settings(authority, HTTP_PARSER=parser)) as port:
        async with client(authority, port, board) as owner:
            access = await token(owner)
            headers = {"authorization": f"Bearer {access}"}
            assert (await owner.get("/v1/whoami", headers=headers)).status_code == 200
            assert (await owner.get("/v1/whoami", headers={"authorization": f"DPoP {access}"})).status_code == 401
        async with client(authority, port, ministry) as thief:
            assert (await thief.get("/v1/whoami", headers=headers)).status_code == 401
            proof = PAIR.proof(htm="GET", htu="http://127.0.0.1:8080/v1/whoami", ath=ath(access))
            assert (await thief.get("/v1/whoami", headers=headers | {"DPoP": proof})).status_code == 401


async def test_a_certificate_taken_from_the_policy_counts_at_the_next_call(
    place: Place, authority: SmallCa, tmp_path: Path
) -> None:
    board = authority.client("board")
    await registered(place, board)
    async with listening(place.app, tmp_path, settings(authority)) as port, client(authority, port, board) as caller:
        headers = {"authorization": f"Bearer {await token(caller)}"}
        assert (await caller.get("/v1/whoami", headers=headers)).status_code == 200
        other = Policy(certificates=("A" * 43,))
        async with place.db.write() as connection:
            await register.change_policy(connection, place.log, SR.id, other, NOW)
        place.trust.forget()
        assert (await caller.get("/v1/whoami", headers=headers)).status_code == 401


async def test_a_certificate_that_is_not_the_clients_gets_no_token(
    place: Place, authority: SmallCa, tmp_path: Path
) -> None:
    await registered(place, authority.client("board"))
    async with (
        listening(place.app, tmp_path, settings(authority)) as port,
        client(authority, port, authority.client("district")) as caller,
    ):
        plain = await caller.post("/oauth2/token", data=form(PAIR.assertion()))
        proved = await caller.post("/oauth2/token", data=form(PAIR.assertion()), headers={"DPoP": PAIR.proof()})
    assert (plain.status_code, plain.json()["error"]) == (401, "invalid_client")
    assert proved.status_code == 401


async def test_the_client_library_calls_over_mutual_tls(authority: SmallCa, tmp_path: Path) -> None:
    key, office, port = new_key("ES256"), authority.client("board"), free_port()
    origin = f"https://127.0.0.1:{port}"
    async with a_gateway(tmp_path, clock=Clock(datetime.now(UTC)), origin=origin) as place:
        add_whoami(place)
        known = replace(SR, policy=Policy(certificates=(office.thumbprint,)))
        await place.register(known, Pair(key.alg, key.kid, key.material.private_key))
        path = client_file(tmp_path / "ca", origin, SR, key)
        path.write_text(json.dumps(json.loads(path.read_text()) | {"certificate": "board.pem", "ca": "ca.pem"}))
        async with listening(place.app, tmp_path, settings(authority, PORT=str(port))):
            for signs in (False, True):
                async with Client.from_file(path, sign_messages=signs) as caller:
                    assert (await caller.call("GET", "/v1/whoami")).json() == {"system": SR.id}


def test_a_certificate_that_cannot_be_used_is_named_at_once(tmp_path: Path) -> None:
    path = client_file(tmp_path, ORIGIN, SR, new_key("ES256"))
    path.write_text(json.dumps(json.loads(path.read_text()) | {"certificate": "none.pem"}))
    with pytest.raises(ValueError, match=r"certificate or ca of LK\.GOV\.WBB\.SRIS cannot be used"):
        Client.from_file(path)


@pytest.mark.parametrize("foreign", [False, True], ids=["none", "of another CA"])
async def test_without_a_certificate_of_the_ca_there_is_no_connection(
    place: Place, authority: SmallCa, tmp_path: Path, foreign: bool
) -> None:
    shown = SmallCa(tmp_path / "other", "Other CA").client("board") if foreign else None
    async with listening(place.app, tmp_path, settings(authority)) as port, client(authority, port, shown) as caller:
        with pytest.raises((httpx.TransportError, ssl.SSLError)):
            await caller.get("/.well-known/jwks.json")


async def test_where_certificates_are_optional_a_proof_is_as_good(
    place: Place, authority: SmallCa, tmp_path: Path
) -> None:
    await registered(place, authority.client("board"))
    chosen = settings(authority, TLS_CLIENT="optional")
    async with listening(place.app, tmp_path, chosen) as port, client(authority, port, None) as caller:
        bare = await caller.post("/oauth2/token", data=form(PAIR.assertion()))
        proved = await caller.post("/oauth2/token", data=form(PAIR.assertion()), headers={"DPoP": PAIR.proof()})
    assert (bare.status_code, bare.json()["error"]) == (400, "invalid_dpop_proof")
    assert proved.json()["token_type"] == "DPoP"


@pytest.mark.parametrize("parser", PARSERS)
async def test_a_client_cert_header_is_refused_and_believed_by_nobody(
    place: Place, authority: SmallCa, tmp_path: Path, parser: str
) -> None:
    board, ministry = authority.client("board"), authority.client("ministry")
    await registered(place, board)
    async with (
        listening(place.app, tmp_path, settings(authority, HTTP_PARSER=parser)) as port,
        client(authority, port, ministry) as thief,
    ):
        for value in (board.header, "::", "", board.header[1:-1]):
            response = await thief.post("/oauth2/token", data=form(PAIR.assertion()), headers={"client-cert": value})
            assert (response.status_code, response.json()["code"]) == (400, "bad_request.framing")


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
async def test_only_modern_tls_with_forward_secrecy(
    place: Place, authority: SmallCa, tmp_path: Path, version: ssl.TLSVersion
) -> None:
    board = authority.client("board")
    async with listening(place.app, tmp_path, settings(authority)) as port:
        context = authority.context(board)
        context.minimum_version = context.maximum_version = version
        async with httpx.AsyncClient(verify=context) as caller:
            assert (await caller.get(f"https://127.0.0.1:{port}/.well-known/jwks.json")).status_code == 200
        weak = authority.context(board)
        weak.maximum_version = ssl.TLSVersion.TLSv1_2
        weak.set_ciphers("ECDHE-ECDSA-AES128-SHA256:AES128-SHA")
        async with httpx.AsyncClient(verify=weak) as caller:
            with pytest.raises(httpx.ConnectError):
                await caller.get(f"https://127.0.0.1:{port}/.well-known/jwks.json")
