"""Introspection, revocation, and what the endpoints remember: by private_key_jwt, and only of what is the caller's."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import httpx
import pytest
from sqlalchemy import select

from gateway.trust import register
from gateway.trust.policy import Policy
from gateway.trust.token_tables import revoked_token
from gateway.trust.uses import uses
from tests.small_gateway import Place, a_gateway
from tests.token_calls import asked, credentials, forged, status, token, with_whoami
from tests.trusting import ESS, NOW, ORIGIN, SR, Pair, form

PAIR, THEIRS = Pair(), Pair()
ESS_URN = "urn:sandhi:LK:GOV:DME:ESS"
INTROSPECT, REVOKE = "/oauth2/introspect", "/oauth2/revoke"


@pytest.fixture
async def place(tmp_path: Path) -> AsyncIterator[Place]:
    async with a_gateway(tmp_path) as built:
        await built.register(SR, PAIR)
        await built.register(ESS, THEIRS)
        yield with_whoami(built)


async def by_ess(place: Place, path: str, **more: str) -> httpx.Response:
    assertion = THEIRS.assertion(place.clock.now, iss=ESS.client_id, sub=ESS.client_id)
    async with place.client() as client:
        return await client.post(path, data=form(assertion, **more))


async def test_a_system_learns_what_a_token_that_is_meant_for_it_says(place: Place) -> None:
    access = await token(place, PAIR, resource=ESS_URN, scope="exchange")
    said = (await by_ess(place, INTROSPECT, token=access)).json()
    seconds = int(NOW.timestamp())
    assert said.pop("jti")
    assert said == {
        "active": True,
        "iss": ORIGIN,
        "sub": SR.client_id,
        "client_id": SR.client_id,
        "aud": ESS_URN,
        "iat": seconds,
        "exp": seconds + 300,
        "scope": "exchange",
        "token_type": "DPoP",
        "cnf": {"jkt": PAIR.thumbprint()},
    }


async def test_of_every_other_token_it_learns_that_it_is_not_active(place: Place) -> None:
    to_ess = await token(place, PAIR, resource=ESS_URN)
    tokens = {
        "for our own API": await token(place, PAIR),
        "for another system": await token(place, PAIR, resource="urn:sandhi:LK:GOV:WBB:SRIS"),
        "not a token": "x",
        "of nobody": forged(place, PAIR, aud=ESS_URN, sub="nobody", client_id="nobody"),
        "by another key": to_ess.rpartition(".")[0] + "." + forged(place, PAIR).rpartition(".")[2],
        "an assertion": PAIR.assertion(),
    }
    for name, text in tokens.items():
        response = await by_ess(place, INTROSPECT, token=text)
        assert (name, response.status_code, response.json()) == (name, 200, {"active": False})
    place.clock.pass_by(300)
    assert (await by_ess(place, INTROSPECT, token=to_ess)).json() == {"active": False}


async def test_a_client_may_not_introspect_its_own_token_nor_use_one_meant_for_another_system_here(
    place: Place,
) -> None:
    access = await token(place, PAIR, resource=ESS_URN)
    assert (await asked(place, PAIR, INTROSPECT, token=access)).json() == {"active": False}
    assert await status(place, credentials(place, access, PAIR)) == 401


async def test_a_token_of_a_client_that_is_suspended_since_is_not_active(place: Place) -> None:
    access = await token(place, PAIR, resource=ESS_URN)
    async with place.db.write() as connection:
        await register.set_state(connection, place.log, SR.id, "suspended", NOW)
    place.trust.forget()
    assert (await by_ess(place, INTROSPECT, token=access)).json() == {"active": False}


async def test_a_revoked_token_is_not_active(place: Place) -> None:
    access = await token(place, PAIR, resource=ESS_URN)
    assert (await asked(place, PAIR, REVOKE, token=access)).json() == {}
    assert (await by_ess(place, INTROSPECT, token=access)).json() == {"active": False}


@pytest.mark.parametrize("path", [INTROSPECT, REVOKE])
async def test_nobody_asks_without_authenticating_and_no_assertion_is_good_twice(place: Place, path: str) -> None:
    access = await token(place, PAIR)
    once = form(PAIR.assertion(), token=access)
    async with place.client() as client:
        assert (await client.post(path, data={"token": access})).status_code == 401
        assert (await client.post(path, data=form(Pair().assertion(), token=access))).status_code == 401
        assert (await client.post(path, data=form(PAIR.assertion()))).json()["error"] == "invalid_request"
        assert (await client.post(path, data=once)).status_code == 200
        assert (await client.post(path, data=once)).status_code == 401
        secret = {"client_id": SR.client_id, "client_secret": "x" * 32, "token": access}
        assert (await client.post(path, data=secret)).status_code == 401


async def test_another_clients_token_is_not_revoked_and_nobody_is_told_whether_it_was_one(place: Place) -> None:
    access = await token(place, PAIR)
    for text in (access, "x"):
        response = await by_ess(place, REVOKE, token=text)
        assert (response.status_code, response.json()) == (200, {})
    assert await status(place, credentials(place, access, PAIR)) == 200


async def test_revoking_again_changes_nothing_and_the_rows_go_when_they_are_not_needed_any_more(place: Place) -> None:
    access = await token(place, PAIR)
    for _ in range(2):
        assert (await asked(place, PAIR, REVOKE, token=access, token_type_hint="access_token")).status_code == 200
    place.clock.pass_by(361)
    assert (await asked(place, PAIR, REVOKE, token=await token(place, PAIR))).status_code == 200
    async with place.db.read() as connection:
        assert len((await connection.execute(select(revoked_token))).all()) == 1
    revocations = place.trust._callers._revocations
    revocations._looked_at = float("-inf")
    assert len(await revocations.fresh(place.clock.now)) == 1


async def test_a_revocation_counts_in_another_process_within_a_second(tmp_path: Path, database_url: str) -> None:
    async with a_gateway(tmp_path, database_url) as here, a_gateway(tmp_path, database_url) as there:
        await here.register(SR, PAIR)
        with_whoami(there)
        access = await token(here, PAIR)
        assert await status(there, credentials(there, access, PAIR)) == 200
        assert (await asked(here, PAIR, REVOKE, token=access)).status_code == 200
        await asyncio.sleep(1.05)
        assert await status(there, credentials(there, access, PAIR)) == 401


async def test_how_each_system_proves_itself_is_noted_without_a_write_for_each_call(
    tmp_path: Path, database_url: str
) -> None:
    async with a_gateway(tmp_path, database_url) as place:
        await place.register(replace(SR, policy=Policy(bearer=True)), PAIR)
        with_whoami(place)
        access = await token(place, PAIR)
        for _ in range(3):
            assert await status(place, credentials(place, access, PAIR)) == 200
        assert await status(place, {"authorization": f"Bearer {forged(place, PAIR, cnf=None)}"}) == 200
        async with place.db.read() as connection:
            assert await uses(connection) == ()
        await place.trust.uses.flush()
        place.clock.pass_by(60)
        assert await status(place, credentials(place, access, PAIR)) == 200
        await place.trust.uses.flush()
        async with place.db.read() as connection:
            found = {each.method: (each.last_used_at - NOW).seconds for each in await uses(connection)}
    assert found == {"private_key_jwt": 0, "dpop": 60, "bearer": 0}
