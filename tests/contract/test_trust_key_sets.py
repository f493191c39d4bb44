"""Keys that a system publishes itself: fetched from its registered address only, kept fresh, served stale for a day."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest
from fastapi import FastAPI
from fastapi.responses import Response

from adapters.kit.egress import Dialler
from gateway.trust.directory import Directory
from gateway.trust.errors import KeysRefused
from gateway.trust.key_sets import LARGEST, KeySets
from gateway.trust.policy import Policy
from tests.registering import Published, Signing
from tests.small_gateway import Place, a_gateway, served
from tests.trusting import ADMIN, ESS, Pair, form

URL = "https://ess.example/keys.json"
PATH = "/v1/systems/LK.GOV.DME.ESS"
FIRST, SECOND = Pair(kid="first"), Pair(kid="second")


@pytest.fixture
def published() -> Published:
    web = Published(headers={"cache-control": "public, max-age=600"})
    web.publish(FIRST)
    return web


@pytest.fixture
async def place(tmp_path: Path, database_url: str, published: Published) -> AsyncIterator[Place]:
    async with a_gateway(tmp_path, database_url) as built:
        built.trust.fetch_keys_with(KeySets(built.db, built.log, built.trust.directory, published))
        yield built


@pytest.fixture
async def admin(place: Place) -> Signing:
    caller = Signing(place, ADMIN, Pair("EdDSA", "a1"))
    await place.register(ADMIN, caller.pair)
    await caller.done("POST", "/v1/members", MEMBER)
    return caller


@pytest.fixture
async def ess(place: Place, admin: Signing) -> Signing:
    """Registered by the address of its keys alone."""
    await admin.done("POST", "/v1/systems", NEW | {"policy": {"jwks_uri": URL}})
    place.log.entries.clear()
    return Signing(place, ESS, FIRST)


MEMBER = {"id": "LK/GOV/DME", "name": "Manpower", "contact": "desk@dme.example"}
NEW = {"id": ESS.id, "name": "employment support", "scopes": ["exchange"]}


async def kids(place: Place) -> list[str]:
    place.trust.forget()
    return sorted(key.kid for key in (await place.trust.register()).keys.get(ESS.id, ()))


async def keep_fresh(place: Place) -> None:
    assert place.trust.key_sets
    await place.trust.key_sets.keep_fresh(place.clock())


async def test_a_system_registers_with_the_address_of_its_keys_and_calls(
    place: Place, ess: Signing, published: Published
) -> None:
    assert published.asked == [f"GET {URL}"]
    assert published.limits[0]
    assert (published.limits[0].max_bytes, published.limits[0].attempts) == (LARGEST, 1)
    assert (await ess.token()).status_code == 200
    assert (await ess.call("POST", f"{PATH}/keys", {"jwks": {"keys": [SECOND.jwk]}})).status_code == 409


async def test_an_address_that_gives_no_keys_is_not_registered(
    place: Place, admin: Signing, published: Published
) -> None:
    bodies: list[tuple[int, bytes]] = [
        (404, b"{}"),
        (302, b""),
        (200, b"<html>"),
        (200, b'{"keys": []}'),
        (200, b'{"keys": [], "keys": []}'),
        (200, b'{"keys": [{"kty": "RSA", "d": "AAAA"}]}'),
    ]
    for published.status, published.body in bodies:
        response = await admin.call("POST", "/v1/systems", NEW | {"policy": {"jwks_uri": URL}})
        assert (response.status_code, response.json()["code"]) == (400, "bad_request.keys")
    published.down = True
    assert (await admin.call("POST", "/v1/systems", NEW | {"policy": {"jwks_uri": URL}})).status_code == 400
    assert ESS.id not in (await place.trust.register()).systems


async def test_both_or_neither_way_to_give_keys_is_refused(admin: Signing) -> None:
    both = NEW | {"policy": {"jwks_uri": URL}, "jwks": {"keys": [FIRST.jwk]}}
    assert [(await admin.call("POST", "/v1/systems", each)).status_code for each in (both, NEW)] == [400, 400]


async def test_a_rotation_is_seen_when_it_is_due_and_logged_key_by_key(
    place: Place, ess: Signing, published: Published
) -> None:
    published.publish(FIRST, SECOND)
    place.clock.pass_by(599)
    await keep_fresh(place)
    assert (len(published.asked), place.log.kinds) == (1, [])
    place.clock.pass_by(2)
    await asyncio.gather(*(keep_fresh(place) for _ in range(4)))  # of several processes one fetches
    assert (len(published.asked), await kids(place)) == (2, ["first", "second"])
    published.publish(SECOND)
    place.clock.pass_by(601)
    await keep_fresh(place)
    assert await kids(place) == ["second"]
    assert place.log.kinds == ["key.added", "key.retired"]
    assert all(dict(entry.facts)["fetched"] is True for entry in place.log.entries)


@pytest.mark.parametrize(("asked", "waits"), [("max-age=5", 300), ("max-age=86400", 1200), ("no-store", 600)])
async def test_the_answer_may_ask_for_five_to_twenty_minutes(
    place: Place, ess: Signing, published: Published, asked: str, waits: int
) -> None:
    published.headers = {"cache-control": asked}
    place.clock.pass_by(1201)
    await keep_fresh(place)
    place.clock.pass_by(waits - 1)
    await keep_fresh(place)
    assert len(published.asked) == 2
    place.clock.pass_by(2)
    await keep_fresh(place)
    assert len(published.asked) == 3


async def test_an_unknown_kid_is_looked_up_at_once_and_at_most_once_a_minute(
    place: Place, ess: Signing, published: Published
) -> None:
    published.publish(FIRST, SECOND)
    rotated, stranger = Signing(place, ESS, SECOND), Signing(place, ESS, Pair(kid="stranger"))
    assert (await rotated.token()).status_code == 200
    assert len(published.asked) == 2
    assert [(await stranger.token()).status_code for _ in range(5)] == [401] * 5
    assert len(published.asked) == 2
    place.clock.pass_by(61)
    assert (await stranger.token()).status_code == 401
    assert len(published.asked) == 3


async def test_a_kid_of_somebody_whose_keys_are_uploaded_dials_nobody(
    place: Place, admin: Signing, published: Published
) -> None:
    await admin.done("POST", "/v1/systems", NEW | {"jwks": {"keys": [FIRST.jwk]}})
    assert (await Signing(place, ESS, SECOND).token()).status_code == 401
    assert published.asked == []


async def test_nothing_that_a_token_names_is_ever_fetched(place: Place, ess: Signing, published: Published) -> None:
    before = len(published.asked)
    for member in ({"jku": "https://evil.example/keys"}, {"x5u": "https://evil.example/cert"}, {"jwk": FIRST.jwk}):
        forged = FIRST.assertion(place.clock.now, header=member, iss=ESS.client_id, sub=ESS.client_id)
        async with place.client() as http:
            proof = FIRST.proof(place.clock.now)
            response = await http.post("/oauth2/token", data=form(forged), headers={"DPoP": proof})
        assert response.status_code == 401
    assert len(published.asked) == before


async def test_a_fetch_that_fails_leaves_the_keys_for_a_day_and_no_longer(
    place: Place, admin: Signing, ess: Signing, published: Published
) -> None:
    published.down = True
    place.clock.pass_by(23 * 3600)
    await keep_fresh(place)
    assert (await ess.token()).status_code == 200
    (shown,) = [each for each in (await admin.done("GET", "/v1/posture"))["systems"] if each["system"] == ESS.id]
    assert "cannot be fetched" in shown["key_set"]["problem"]
    place.clock.pass_by(3601)
    assert ((await ess.token()).status_code, await kids(place)) == (401, [])
    published.down = False
    await keep_fresh(place)
    assert ((await ess.token()).status_code, await kids(place)) == (200, ["first"])


async def test_another_key_under_a_known_kid_is_refused_and_the_old_one_stays(
    place: Place, ess: Signing, published: Published
) -> None:
    published.publish(Pair(kid="first"))
    place.clock.pass_by(1201)
    await keep_fresh(place)
    assert (await ess.token()).status_code == 200
    assert place.log.kinds == []


async def test_a_key_that_was_retired_here_does_not_come_back_by_itself_and_one_that_was_missing_does(
    place: Place, admin: Signing, ess: Signing, published: Published
) -> None:
    published.publish(FIRST, SECOND)
    place.clock.pass_by(1201)
    await keep_fresh(place)
    await admin.done("DELETE", f"{PATH}/keys/second")
    for pairs in ((SECOND,), (FIRST, SECOND)):
        published.publish(*pairs)
        place.clock.pass_by(1201)
        await keep_fresh(place)
    assert await kids(place) == ["first"]


async def test_fetched_keys_stay_when_the_address_goes_and_new_ones_come_with_an_address(
    place: Place, admin: Signing, ess: Signing, published: Published
) -> None:
    await admin.done("PUT", f"{PATH}/policy", {})
    place.clock.pass_by(86400 * 2)
    assert (await ess.token()).status_code == 200
    published.publish(SECOND)
    await admin.done("PUT", f"{PATH}/policy", {"jwks_uri": URL})
    assert await kids(place) == ["second"]


async def test_through_the_real_dialler_only_a_listed_address_answers_and_only_64_kilobytes(
    tmp_path: Path, sqlite_url: str
) -> None:
    web, size = FastAPI(openapi_url=None), {"bytes": 0}

    @web.get("/keys.json")
    async def keys() -> Response:
        published = Published()
        published.publish(FIRST)
        return Response(published.body + b" " * size["bytes"], media_type="application/jwk-set+json")

    async with a_gateway(tmp_path, sqlite_url) as place, served(web) as base:
        listed, others = Dialler([base.removeprefix("http://")]), Dialler()
        ess = replace(ESS, policy=Policy(jwks_uri=f"{base}/keys.json"))
        for dialler, extra, good in ((listed, 0, True), (others, 0, False), (listed, LARGEST, False)):
            size["bytes"] = extra
            key_sets = KeySets(place.db, place.log, Directory(place.db), dialler)
            if good:
                assert [key.kid for key in (await key_sets.fetched(ess)).keys] == ["first"]
                continue
            with pytest.raises(KeysRefused, match="cannot be fetched"):
                await key_sets.fetched(ess)
        await listed.close()
        await others.close()
