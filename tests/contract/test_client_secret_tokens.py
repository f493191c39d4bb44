"""A client secret and an unbound token: each an exception for one partner, off for everyone else, in DCI's shape."""

from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import httpx
import pytest

from gateway.trust import client_secrets
from gateway.trust.policy import Policy
from gateway.trust.uses import uses
from tests.small_gateway import Place, a_gateway
from tests.token_calls import PATH, status, with_whoami
from tests.trusting import ESS, NOW, ORIGIN, SR, Pair, ath, form

PAIR, THEIRS = Pair(), Pair()
DCI = "/oauth2/client/token"
PARTNER = replace(ESS, policy=Policy(client_secret=True, bearer=True))


@pytest.fixture
async def place(tmp_path: Path) -> AsyncIterator[Place]:
    async with a_gateway(tmp_path) as built:
        await built.register(SR, PAIR)
        yield with_whoami(built)


async def with_secret(place: Place, policy: Policy = PARTNER.policy) -> str:
    partner = replace(ESS, policy=policy)
    await place.register(partner, THEIRS)
    async with place.db.write() as connection:
        secret, _ = await client_secrets.make(connection, place.log, replace(ESS, policy=PARTNER.policy), NOW)
    return secret


async def sent(place: Place, path: str = DCI, proof: str = "", **parameters: str) -> httpx.Response:
    data = {"grant_type": "client_credentials"} | parameters
    async with place.client() as client:
        return await client.post(path, data=data, headers={"DPoP": proof} if proof else {})


async def test_a_partner_with_both_exceptions_calls_as_dcis_contract_says(place: Place) -> None:
    secret = await with_secret(place)
    answer = (await sent(place, client_id=ESS.client_id, client_secret=secret)).json()
    assert (answer["token_type"], answer["expires_in"], answer["scope"]) == ("Bearer", "300", "exchange")
    assert await status(place, {"authorization": f"Bearer {answer['access_token']}"}) == 200
    await place.trust.uses.flush()
    async with place.db.read() as connection:
        assert [each.method for each in await uses(connection)] == ["bearer", "client_secret_post"]


async def test_a_secret_without_the_other_exception_still_needs_a_key_to_bind_to(place: Place) -> None:
    secret = await with_secret(place, Policy(client_secret=True))
    bare = await sent(place, client_id=ESS.client_id, client_secret=secret)
    assert (bare.status_code, bare.json()["error"]) == (400, "invalid_dpop_proof")
    proof = THEIRS.proof(htu=ORIGIN + DCI)
    bound = (await sent(place, client_id=ESS.client_id, client_secret=secret, proof=proof)).json()
    assert bound["token_type"] == "DPoP"
    use = THEIRS.proof(htm="GET", htu=ORIGIN + PATH, ath=ath(bound["access_token"]))
    assert await status(place, {"authorization": f"DPoP {bound['access_token']}", "dpop": use}) == 200


async def test_wrong_unknown_and_not_allowed_are_one_answer(place: Place) -> None:
    secret = await with_secret(place)
    tries = [
        {"client_id": ESS.client_id, "client_secret": "x" * 43},
        {"client_id": ESS.client_id, "client_secret": secret + "x"},
        {"client_id": ESS.client_id, "client_secret": "x" * 5000},
        {"client_id": ESS.client_id, "client_secret": ""},
        {"client_id": ESS.id, "client_secret": secret},
        {"client_id": SR.client_id, "client_secret": secret},
        {"client_id": "nobody", "client_secret": secret},
        {"client_secret": secret},
        {"client_id": ESS.client_id, "client_secret": secret, "client_assertion_type": "urn:x"},
        form(THEIRS.assertion(iss=ESS.client_id, sub=ESS.client_id), client_secret=secret, client_id=ESS.client_id),
    ]
    answers = [await sent(place, **each) for each in tries]
    assert {(each.status_code, each.text) for each in answers} == {(401, answers[0].text)}
    assert "www-authenticate" not in answers[0].headers


async def test_the_secret_in_a_basic_header_is_refused(place: Place) -> None:
    secret = await with_secret(place)
    async with place.client() as client:
        response = await client.post(DCI, data={"grant_type": "client_credentials"}, auth=(ESS.client_id, secret))
    assert response.status_code == 401


async def test_with_the_exception_off_the_secret_is_worth_nothing(place: Place) -> None:
    secret = await with_secret(place, Policy())
    assert (await sent(place, client_id=ESS.client_id, client_secret=secret)).status_code == 401


async def test_where_nobody_may_have_a_secret_no_stranger_makes_us_hash(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    hashed: list[str] = []

    async def accepted(secret: str, _hashes: tuple[str, ...]) -> bool:
        hashed.append(secret)
        return False

    monkeypatch.setattr(client_secrets, "accepted", accepted)
    assert (await sent(place, client_id=SR.client_id, client_secret="x" * 43)).status_code == 401
    assert hashed == []


async def test_an_unknown_name_costs_as_much_work_as_a_known_one(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    await with_secret(place)
    counted: list[tuple[str, ...]] = []
    real = client_secrets.accepted

    async def counting(secret: str, hashes: tuple[str, ...]) -> bool:
        counted.append(hashes)
        return await real(secret, hashes)

    monkeypatch.setattr(client_secrets, "accepted", counting)
    for name in (ESS.client_id, "nobody", SR.client_id):
        await sent(place, client_id=name, client_secret="x" * 43)
    assert [len(each) for each in counted] == [1, 0, 0]  # without a hash it checks against nobody's


async def test_too_many_at_once_are_told_to_come_again(place: Place) -> None:
    secret = await with_secret(place)
    place.trust.endpoint._hashing = 1_000
    response = await sent(place, client_id=ESS.client_id, client_secret=secret)
    assert (response.status_code, response.json()["error"]) == (503, "temporarily_unavailable")
    assert response.headers["retry-after"]


async def test_a_system_without_the_exception_gets_no_unbound_token_by_its_key_either(place: Place) -> None:
    async with place.client() as client:
        response = await client.post(DCI, data=form(PAIR.assertion()))
    assert (response.status_code, response.json()["error"]) == (400, "invalid_dpop_proof")
