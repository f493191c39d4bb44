"""Who takes part: what may be registered and changed, that each change is one log entry, and that it counts at once."""

from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import select

from gateway.trust import Member, RegistrationRefused, System, jwks, register, tables
from gateway.trust.directory import Directory
from gateway.trust.errors import KeysRefused
from tests.small_gateway import Place, a_gateway
from tests.trusting import ESS, NOW, SR, Pair

BOARD = Member("LK/GOV/WBB", "Welfare Benefits Board", "desk@wbb.example")


@pytest.fixture
async def place(tmp_path: Path, database_url: str) -> AsyncIterator[Place]:
    async with a_gateway(tmp_path, database_url) as built:
        yield built


async def test_a_system_is_registered_with_its_keys_and_found_by_both_names(place: Place) -> None:
    await place.register(ESS, Pair())
    async with place.db.read() as connection:
        assert await register.find_system(connection, ESS.id) == ESS
        assert await register.find_system(connection, ESS.client_id) == ESS
        assert [key.kid for key in await register.keys_of(connection, ESS.id, NOW)] == ["k1"]
    assert place.log.kinds == ["member.registered", "system.registered", "key.added"]


async def test_the_log_gets_no_contact_and_no_callback(place: Place) -> None:
    async with place.db.write() as connection:
        await register.add_member(connection, place.log, BOARD, NOW)
    await place.register(ESS, Pair())
    told = " ".join(str(dict(entry.facts)) for entry in place.log.entries)
    assert "desk@wbb.example" not in told
    assert "http" not in told
    assert "LK.GOV.DME.ESS/progress" in told


async def test_without_a_log_entry_nothing_changes(place: Place) -> None:
    await place.register(SR, Pair())
    place.log.broken = True
    with pytest.raises(OSError, match="full"):
        async with place.db.write() as connection:
            await register.set_state(connection, place.log, SR.id, "suspended", NOW)
    async with place.db.read() as connection:
        found = await register.find_system(connection, SR.id)
    assert found
    assert found.state == "active"


@pytest.mark.parametrize(
    "member", [Member("LK/GOV", "x"), Member("lk/gov/wbb", "x"), Member("LK/GOV/WBB/SRIS", "x"), Member("", "x")]
)
async def test_a_malformed_member_is_refused(place: Place, member: Member) -> None:
    async with place.db.write() as connection:
        with pytest.raises(RegistrationRefused):
            await register.add_member(connection, place.log, member, NOW)
    assert place.log.entries == []


@pytest.mark.parametrize(
    "system",
    [
        System("LK/GOV/WBB", "c", "three parts"),
        System("LK/GOV/WBB/SR IS", "c", "a space"),
        System("LK/GOV/WBB/X", "c d", "client id with a space"),
        System("LK/GOV/WBB/X", "c", "a scope of stars", frozenset({"*"})),
        System("LK/GOV/WBB/X", "c", "a service twice", services=ESS.services * 2),
        System("LK/GOV/NOBODY/X", "c", "a member nobody registered"),
        System("LK/GOV/WBB/SRIS", "c", "an id that is taken"),
        System("LK/GOV/WBB/X", "LK.GOV.WBB.SRIS", "a client id that is taken"),
    ],
    ids=lambda system: system.name,
)
async def test_a_system_that_breaks_a_rule_is_refused(place: Place, system: System) -> None:
    await place.register(SR, Pair())
    before = place.log.kinds
    async with place.db.write() as connection:
        with pytest.raises(RegistrationRefused):
            await register.add_system(connection, place.log, system, NOW)
    assert place.log.kinds == before


STEPS = [
    (["suspended", "active", "suspended", "retired"], None),
    (["retired"], None),
    (["retired"], "active"),
    (["suspended"], "suspended"),
    ([], "active"),
    ([], "proposed"),
    ([], "gone"),
]


@pytest.mark.parametrize(("steps", "refused"), STEPS)
async def test_states_change_only_along_the_allowed_steps(place: Place, steps: list[str], refused: str | None) -> None:
    await place.register(SR, Pair())
    async with place.db.write() as connection:
        for step in steps:
            await register.set_state(connection, place.log, SR.id, step, NOW)
        if refused:
            with pytest.raises(RegistrationRefused):
                await register.set_state(connection, place.log, SR.id, refused, NOW)
    assert place.log.kinds[3:] == [f"system.{step}" for step in steps]


async def test_keys_rotate_with_overlap_and_a_kid_is_never_used_again(place: Place) -> None:
    await place.register(SR, Pair(kid="first"))
    second = jwks.checked({"keys": [Pair(kid="second").jwk]})
    async with place.db.write() as connection:
        await register.add_keys(connection, place.log, SR.id, second, NOW + timedelta(seconds=1))
        assert [key.kid for key in await register.keys_of(connection, SR.id, NOW)] == ["first", "second"]
        await register.retire_key(connection, place.log, SR.id, "first", NOW)
        assert [key.kid for key in await register.keys_of(connection, SR.id, NOW)] == ["second"]
        with pytest.raises(RegistrationRefused):
            await register.retire_key(connection, place.log, SR.id, "first", NOW)
        again = jwks.checked({"keys": [Pair(kid="first").jwk]})
        with pytest.raises(RegistrationRefused):
            await register.add_keys(connection, place.log, SR.id, again, NOW)
    assert place.log.kinds[3:] == ["key.added", "key.retired"]


async def test_no_more_than_eight_keys_are_in_force(place: Place) -> None:
    await place.register(SR, Pair())
    seven = jwks.checked({"keys": [Pair(kid=f"n{n}").jwk for n in range(7)]})
    async with place.db.write() as connection:
        await register.add_keys(connection, place.log, SR.id, seven, NOW)
        with pytest.raises(KeysRefused):
            await register.add_keys(connection, place.log, SR.id, jwks.checked({"keys": [Pair(kid="x").jwk]}), NOW)


async def test_a_member_signs_agreements_with_keys_of_its_own(place: Place) -> None:
    async with place.db.write() as connection:
        await register.add_member(connection, place.log, BOARD, NOW)
        await register.add_keys(connection, place.log, BOARD.id, jwks.checked({"keys": [Pair().jwk]}), NOW)
    place.trust.forget()
    assert [key["kid"] for key in await place.trust.member_keys(BOARD.id)] == ["k1"]
    assert await place.trust.member_keys("LK/GOV/NOBODY") == []


async def test_what_is_offered_is_found_while_its_system_is_in_force(place: Place) -> None:
    await place.register(ESS, Pair())
    found = (await place.trust.register()).offered("LK.GOV.DME.ESS/progress")
    assert found == (ESS, ESS.services[0])
    assert (await place.trust.register()).offered("LK.GOV.DME.ESS/other") is None
    async with place.db.write() as connection:
        await register.set_state(connection, place.log, "LK/GOV/DME", "suspended", NOW)
    place.trust.forget()
    assert (await place.trust.register()).offered("LK.GOV.DME.ESS/progress") is None


async def test_another_process_sees_a_change_without_being_told(place: Place) -> None:
    other = Directory(place.db, look_again=0.0)
    assert (await other.fresh()).callers == {}
    await place.register(SR, Pair())
    assert list((await other.fresh()).callers) == [SR.client_id]


async def test_nothing_is_read_again_while_nothing_changes(place: Place) -> None:
    directory = Directory(place.db, look_again=0.0)
    await place.register(SR, Pair())
    assert await directory.fresh() is await directory.fresh()


async def test_every_change_raises_the_generation(place: Place) -> None:
    await place.register(SR, Pair())
    async with place.db.read() as connection:
        assert await register.generation(connection) == len(place.log.entries)
        assert (await connection.execute(select(tables.generation.c.value))).scalars().all() == [3]
