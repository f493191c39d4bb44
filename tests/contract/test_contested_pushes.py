"""Who is handed something that the person contests is told so; and a person who is erased leaves no case behind."""

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from consent import Objection
from consent import register as consent_register
from consent.tables import objection
from gateway.citizen.contests import forget_contests
from gateway.citizen.tables import contest
from tests.citizen_house import ANN, BEN, FUND, STATUTE, House, a_house, document, named

CASE = {"statement": "I never asked for this.", "subject": named(ANN)}


@pytest.fixture
async def house(tmp_path: Path) -> AsyncIterator[House]:
    async with a_house(tmp_path) as found:
        await found.agree(document(legal_bases=STATUTE))
        yield found


async def opened(house: House, number: str = ANN, **about: Any) -> str:
    mine = await house.citizen(number)
    body = {**CASE, "subject": named(number)} | about
    made = await mine.post("/v1/my/contests", json=body)
    assert made.status_code == 201, made.text
    return str(made.json()["id"])


async def test_a_contested_record_is_handed_over_with_the_mark(house: House) -> None:
    mark = Objection("O1", house.ref(ANN), "contest", services=frozenset({"LK/GOV/WBB"}))
    async with house.services.db.write() as connection:
        await consent_register.record_objection(connection, mark, by="person", now=house.clock[0])
    for number, key in ((ANN, "k1"), (BEN, "k2")):
        await house.deliver(number, key)
    await house.work()
    assert [each.contested for each in house.fund.taken] == [True, False]
    marked = [each.get("contested") for each in await house.facts("exchange.outcome")]
    assert sorted(marked, key=str) == [None, True]


async def test_a_contest_of_all_that_an_agency_tells_names_its_member_too(house: House) -> None:
    id_ = await opened(house, provider="LK/GOV/EPF")
    async with house.services.db.read() as connection:
        (found,) = await consent_register.list_objections(connection, "person", subject_ref=house.ref(ANN))
    assert found.id == id_
    assert "LK/GOV/EPF" in found.services


async def test_erasing_a_person_closes_the_open_case_and_leaves_nothing_that_was_written(house: House) -> None:
    open_, closed = await opened(house, provider="LK/GOV/EPF"), await opened(house, provider="LK/GOV/EPF")
    resolution = {"state": "confirmed", "answer": "It is right."}
    assert (await house.call(FUND, "POST", f"/contests/{closed}/resolve", json=resolution)).status_code == 200
    other = await opened(house, BEN, provider="LK/GOV/EPF")
    here = house.services
    async with here.db.write() as connection:
        now = house.clock[0] + timedelta(seconds=1)
        assert await forget_contests(connection, here.log, house.ref(ANN), by="dpo", now=now) == 2
    async with here.db.read() as connection:
        rows = {row.id: row for row in (await connection.execute(select(contest))).all()}
        marks = (await connection.execute(select(objection.c.id, objection.c.lifted_at))).all()
    lifted = {row.id: row.lifted_at for row in marks}
    assert [(rows[each].person_ref, rows[each].sealed, rows[each].sealed_answer) for each in (open_, closed)] == [
        ("", None, None)
    ] * 2
    assert [rows[each].state for each in (open_, closed, other)] == ["withdrawn", "confirmed", "open"]
    assert lifted[open_] is not None
    assert lifted[other] is None
    assert [each["id"] for each in (await house.call(FUND, "GET", "/contests")).json()["contests"]] == [other]
    ended = [(each["contest"], each["by"]) for each in await house.facts("contest.closed")]
    assert (open_, "dpo") in ended
    assert not (await house.ask(ANN)).contested


async def test_erasing_somebody_who_contested_nothing_changes_nothing(house: House) -> None:
    here = house.services
    before = await here.log.size()
    async with here.db.write() as connection:
        assert await forget_contests(connection, here.log, house.ref(BEN), by="dpo", now=house.clock[0]) == 0
    await asyncio.sleep(0)
    assert await here.log.size() == before
