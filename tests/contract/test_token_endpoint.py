"""The token endpoint over real HTTP: one good way in, and every other way refused in OAuth's words."""

import asyncio
import base64
import json
import logging
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import httpx
import pytest
from authlib.oauth2.rfc8414 import AuthorizationServerMetadata
from sqlalchemy import select
from sqlalchemy.exc import OperationalError

from gateway.trust import register, tables
from tests.small_gateway import Place, a_gateway, served
from tests.trusting import NOW, SR, Pair, form

PAIR = Pair()
URL = "/oauth2/token"


@pytest.fixture
async def place(tmp_path: Path, sqlite_url: str) -> AsyncIterator[Place]:
    async with a_gateway(tmp_path, sqlite_url) as built:
        await built.register(SR, PAIR)
        yield built


async def asked(place: Place, data: dict[str, str] | None = None, **headers: str) -> httpx.Response:
    async with place.client() as client:
        sent = {"DPoP": PAIR.proof()} | headers
        return await client.post(URL, data=data or form(PAIR.assertion()), headers=sent)


def read(token: str) -> tuple[dict[str, Any], dict[str, Any]]:
    parts = [json.loads(base64.urlsafe_b64decode(part + "==")) for part in token.split(".")[:2]]
    return parts[0], parts[1]


async def test_a_good_client_gets_a_bound_token_for_five_minutes(place: Place) -> None:
    response = await asked(place)
    body = response.json()
    assert (response.status_code, body["token_type"], body["expires_in"], body["scope"]) == (
        200,
        "DPoP",
        300,
        "audit exchange",
    )
    assert response.headers["cache-control"] == "no-store"
    header, claims = read(body["access_token"])
    assert (header["typ"], header["alg"]) == ("at+jwt", "ES256")
    assert claims["cnf"] == {"jkt": PAIR.thumbprint()}
    assert (claims["sub"], claims["client_id"], claims["exp"] - claims["iat"]) == (SR.client_id, SR.client_id, 300)


async def test_dcis_path_types_expires_in_as_dci_does(place: Place) -> None:
    async with place.client() as client:
        proof = PAIR.proof(htu="http://127.0.0.1:8080/oauth2/client/token")
        response = await client.post("/oauth2/client/token", data=form(PAIR.assertion()), headers={"DPoP": proof})
    assert response.json()["expires_in"] == "300"


async def test_a_client_may_ask_for_less(place: Place) -> None:
    assert (await asked(place, form(PAIR.assertion(), scope="audit"))).json()["scope"] == "audit"


async def test_a_client_may_not_ask_for_more(place: Place) -> None:
    response = await asked(place, form(PAIR.assertion(), scope="audit admin"))
    assert (response.status_code, response.json()["error"]) == (400, "invalid_scope")


async def test_the_client_may_name_itself(place: Place) -> None:
    assert (await asked(place, form(PAIR.assertion(), client_id=SR.client_id))).status_code == 200


HOSTILE_FORMS = {
    "no grant type": ({"grant_type": ""}, "unsupported_grant_type"),
    "password grant": ({"grant_type": "password"}, "unsupported_grant_type"),
    "another assertion type": ({"client_assertion_type": "urn:x"}, "invalid_client"),
    "a client secret beside": ({"client_secret": "s"}, "invalid_client"),
    "another client's name beside": ({"client_id": "LK.GOV.DME.ESS"}, "invalid_client"),
    "no assertion": ({"client_assertion": ""}, "invalid_client"),
    "a broken assertion": ({"client_assertion": "a.b.c"}, "invalid_client"),
    "a kid that is a list": ({"client_assertion": PAIR.assertion(header={"kid": ["k1"]})}, "invalid_client"),
    "an unknown client": ({"client_assertion": PAIR.assertion(iss="nobody", sub="nobody")}, "invalid_client"),
    "the system's id for its client id": ({"client_assertion": PAIR.assertion(iss=SR.id, sub=SR.id)}, "invalid_client"),
    "another key": ({"client_assertion": Pair().assertion()}, "invalid_client"),
    "an expired assertion": (
        {"client_assertion": PAIR.assertion(iat=int(NOW.timestamp()) - 400, exp=int(NOW.timestamp()) - 200)},
        "invalid_client",
    ),
}


@pytest.mark.parametrize(("changed", "error"), HOSTILE_FORMS.values(), ids=HOSTILE_FORMS.keys())
async def test_a_hostile_form_is_refused(place: Place, changed: dict[str, str], error: str) -> None:
    response = await asked(place, form(PAIR.assertion()) | changed)
    assert response.json()["error"] == error
    assert response.status_code == (401 if error == "invalid_client" else 400)


RAW = {
    "a parameter twice": (urlencode(form("x")) + "&client_assertion=y", 400),
    "the same scope twice": (urlencode(form("x")) + "&scope=a&scope=a", 400),
    "not a form": ('{"grant_type": "client_credentials"}', 400),
    "empty": ("", 400),
    "more than sixteen parameters": ("&".join(f"p{n}=1" for n in range(17)), 400),
    "more than 16 kB": (urlencode(form("x" * 20_000)), 413),
    "a byte that is no UTF-8": ("grant_type=%ff", 400),
}


@pytest.mark.parametrize(("body", "status"), RAW.values(), ids=RAW.keys())
async def test_a_hostile_body_is_refused(place: Place, body: str, status: int) -> None:
    async with place.client() as client:
        kind = {"content-type": "application/x-www-form-urlencoded", "DPoP": PAIR.proof()}
        response = await client.post(URL, content=body, headers=kind)
    assert (response.status_code, response.json()["error"]) == (status, "invalid_request")


async def test_json_is_not_a_form(place: Place) -> None:
    async with place.client() as client:
        response = await client.post(URL, json=form(PAIR.assertion()), headers={"DPoP": PAIR.proof()})
    assert response.status_code == 415


async def test_basic_authentication_beside_an_assertion_is_refused(place: Place) -> None:
    response = await asked(place, Authorization="Basic eDp5")
    assert (response.status_code, response.json()["error"]) == (401, "invalid_client")


async def test_without_a_proof_there_is_no_token(place: Place) -> None:
    async with place.client() as client:
        response = await client.post(URL, data=form(PAIR.assertion()))
    assert (response.status_code, response.json()["error"]) == (400, "invalid_dpop_proof")


@pytest.mark.parametrize(
    "changed", [{"htm": "GET"}, {"htu": "http://127.0.0.1:8080/oauth2/client/token"}, {"ath": "x"}]
)
async def test_a_proof_for_something_else_is_no_proof(place: Place, changed: dict[str, str]) -> None:
    response = await asked(place, DPoP=PAIR.proof(**changed))
    assert (response.status_code, response.json()["error"]) == (400, "invalid_dpop_proof")


async def test_an_assertion_is_good_once_even_after_a_restart(place: Place, tmp_path: Path, sqlite_url: str) -> None:
    data = form(PAIR.assertion())
    assert (await asked(place, data)).status_code == 200
    async with a_gateway(tmp_path, sqlite_url) as restarted:
        response = await asked(restarted, data)
    assert (response.status_code, response.json()["error"]) == (401, "invalid_client")


async def test_of_many_at_once_with_one_assertion_exactly_one_wins(tmp_path: Path, database_url: str) -> None:
    async with a_gateway(tmp_path, database_url) as place:
        await place.register(SR, PAIR)
        data = form(PAIR.assertion())
        answers = await asyncio.gather(*(asked(place, data, DPoP=PAIR.proof()) for _ in range(12)))
    assert sorted(answer.status_code for answer in answers) == [200] + [401] * 11


async def test_a_used_assertion_is_forgotten_only_when_it_could_not_be_used_any_more(place: Place) -> None:
    await asked(place)
    place.clock.pass_by(89)
    await asked(place, form(PAIR.assertion(place.clock.now)), DPoP=PAIR.proof(place.clock.now))
    async with place.db.read() as connection:
        assert len((await connection.execute(select(tables.issued_token))).all()) == 2
    place.clock.pass_by(2)
    await asked(place, form(PAIR.assertion(place.clock.now)), DPoP=PAIR.proof(place.clock.now))
    async with place.db.read() as connection:
        assert len((await connection.execute(select(tables.issued_token))).all()) == 2


@pytest.mark.parametrize("owner", [SR.id, SR.member_id])
async def test_a_suspended_system_or_member_gets_no_token(place: Place, owner: str) -> None:
    async with place.db.write() as connection:
        await register.set_state(connection, place.log, owner, "suspended", NOW)
    assert (await asked(place)).status_code == 401


async def test_a_retired_key_gets_no_token(place: Place) -> None:
    async with place.db.write() as connection:
        await register.retire_key(connection, place.log, SR.id, "k1", NOW)
    assert (await asked(place)).status_code == 401


async def test_why_is_in_the_operators_log_and_not_in_the_answer(
    place: Place, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING):
        response = await asked(place, form(PAIR.assertion(aud="https://other.example")))
    assert caplog.messages == ["no token: audience client=LK.GOV.WBB.SRIS"]
    assert "audience" not in response.text


async def test_a_name_that_nobody_registered_is_not_written_to_the_log(
    place: Place, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING):
        await asked(place, form(PAIR.assertion(iss="199012345678", sub="199012345678")))
    assert caplog.messages == ["no token: unknown_client client=unknown"]


async def test_metadata_is_rfc_8414s_and_names_what_is_offered(tmp_path: Path) -> None:
    async with a_gateway(tmp_path, origin="https://gateway.example") as place, place.client() as client:
        found = (await client.get("/.well-known/oauth-authorization-server")).json()
    AuthorizationServerMetadata(found).validate()
    assert found["issuer"] == "https://gateway.example"
    assert found["token_endpoint_auth_methods_supported"] == ["private_key_jwt"]
    assert "ES256" in found["dpop_signing_alg_values_supported"]


async def test_the_key_set_holds_public_keys_only(place: Place) -> None:
    async with place.client() as client:
        keys = (await client.get("/.well-known/jwks.json")).json()["keys"]
    assert {key["use"] for key in keys} <= {"sig", "enc"}
    assert all("d" not in key for key in keys)


async def test_over_a_real_socket_as_well(place: Place) -> None:
    async with served(place.app) as base, httpx.AsyncClient(base_url=base) as client:
        response = await client.post(URL, data=form(PAIR.assertion()), headers={"DPoP": PAIR.proof()})
        again = await client.post(URL, data=form(PAIR.assertion()), headers={"DPoP": PAIR.proof(htu=f"{base}{URL}")})
    assert response.status_code == 200
    assert again.json()["error"] == "invalid_dpop_proof"  # the address it was reached at is not the configured one


@pytest.mark.parametrize("path", [URL, "/oauth2/client/token"])
async def test_a_database_that_cannot_be_read_is_told_in_oauths_words(
    place: Place, monkeypatch: pytest.MonkeyPatch, path: str
) -> None:
    def unreadable() -> None:
        raise OperationalError("SELECT 1", {}, Exception("database is locked"))

    monkeypatch.setattr(place.db, "read", unreadable)
    async with place.client() as client:
        response = await client.post(path, data=form(PAIR.assertion()), headers={"DPoP": PAIR.proof()})
    assert (response.status_code, response.json()["error"]) == (503, "temporarily_unavailable")
    assert response.headers["retry-after"]
