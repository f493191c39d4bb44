"""A provider sees who used its data, approves each consumer, and stops one at once, in every process."""

import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from consent import FactsSource, Request, decide
from consent.history import replayed
from gateway.db import Database
from gateway.errors import RefusedByRules
from tests.citizen_house import (
    ANN,
    BEN,
    BOARD,
    FUND,
    OTHER,
    PURPOSE,
    STATUTE,
    STRANGER,
    House,
    a_house,
    document,
)
from tests.durable_house import CONSUMER, PROVIDER, READ

STOP = {"consumer": CONSUMER, "reason": "A laptop was stolen."}


@pytest.fixture
async def house(sqlite_url: str, tmp_path: Path) -> AsyncIterator[House]:
    async with a_house(tmp_path, sqlite_url) as opened:
        await opened.agree(document(legal_bases=STATUTE))
        await opened.agree(document("A2", consumer=OTHER, legal_bases=STATUTE))
        yield opened


@pytest.fixture
async def both(database_url: str, tmp_path: Path) -> AsyncIterator[House]:
    """For what rests on the database's own ways: the same test on SQLite and PostgreSQL."""
    async with a_house(tmp_path, database_url) as opened:
        await opened.agree(document(legal_bases=STATUTE))
        await opened.agree(document("A2", consumer=OTHER, legal_bases=STATUTE))
        yield opened


def request(house: House, number: str = ANN) -> Request:
    fields = frozenset({"a"})
    return Request(CONSUMER, PROVIDER, READ.id, "read", PURPOSE, fields, house.ref(number), frozenset({"NIC"}))


async def stopped(house: House, **changes: Any) -> str:
    answer = await house.call(FUND, "POST", "/stops", json=STOP | changes)
    assert answer.status_code == 201, answer.text
    return str(answer.json()["id"])


async def answers(house: House, consumer: str = CONSUMER) -> bool:
    """Whether a question is answered; what refuses it is what the provider said, and nothing else."""
    refusal = ""
    try:
        await house.ask(ANN, consumer=consumer)
    except RefusedByRules as error:
        refusal = error.reasons[-1].partition(": ")[2]
    assert refusal in {"", "stopped by the provider", "not approved by the provider"}
    return not refusal


async def test_a_stopped_consumer_gets_nothing_from_the_next_question_on_and_others_go_on(house: House) -> None:
    assert await answers(house)
    id_ = await stopped(house)
    asked_before = len(house.fund.asked)
    assert not await answers(house)
    assert len(house.fund.asked) == asked_before  # the agency is not even asked
    assert await answers(house, OTHER)
    assert (await house.call(FUND, "POST", f"/stops/{id_}/end")).status_code == 200
    assert await answers(house)
    kinds = [each["control"] for kind in ("consumer.stopped", "control.ended") for each in await house.facts(kind)]
    assert kinds == [id_, id_]


async def test_a_stop_is_seen_by_another_process_within_a_second(both: House, database_url: str) -> None:
    house = both
    elsewhere = Database(database_url)
    source = FactsSource(elsewhere.read)
    asked = request(house)
    try:
        assert decide(asked, await source.of(asked), house.clock[0]).allowed
        await stopped(house)
        begun = time.monotonic()
        while decide(asked, await source.of(asked), house.clock[0]).allowed:
            assert time.monotonic() - begun < 1
        (many,) = await source.of_many([asked])
        assert decide(asked, many, house.clock[0]).refusal == "stopped"
    finally:
        await source.close()
        await elsewhere.close()


async def test_deliveries_batches_and_results_that_wait_stop_too(both: House) -> None:
    house = both
    done = await house.batch([ANN, BEN])
    await house.work()
    delivery, running = await house.deliver(ANN), await house.batch([ANN, BEN])
    await stopped(house)
    await house.work()
    assert (await house.services.deliveries.show(CONSUMER, delivery)).outcome == "refused_by_rules"
    assert (await house.services.batches.show(CONSUMER, running)).outcomes == {"refused_by_rules": 2}
    house.clock[0] = house.clock[0].replace(hour=12)
    assert (await house.services.batches.released(CONSUMER, done)).outcomes == {"refused_by_rules": 2}
    assert house.fund.taken == []


async def test_what_an_agency_would_tell_a_stopped_receiver_is_refused(house: House) -> None:
    """The way of subscriptions: the data's owner hands over, the stopped one receives."""
    told = Request(PROVIDER, CONSUMER, "x/told", "push", PURPOSE, frozenset({"a"}), house.ref(ANN))
    back = {"member": "LK/GOV/WBB", "systems": [CONSUMER]}
    owner = {"member": "LK/GOV/EPF", "systems": [PROVIDER]}
    services = [{"service": "x/told", "actions": ["push"], "fields": ["a"]}]
    parties = {"provider": back, "consumer": owner, "services": services}
    await house.agree(document("A3", legal_bases=STATUTE) | parties)
    assert decide(told, await house.services.facts.of(told), house.clock[0]).allowed
    await stopped(house)
    assert decide(told, await house.services.facts.of(told), house.clock[0]).refusal == "stopped"


async def test_a_stop_may_be_for_one_service_or_for_a_whole_member(house: House) -> None:
    await stopped(house, service="fund.push")
    assert await answers(house)
    await stopped(house, consumer="LK/GOV/WBB", system=PROVIDER)
    assert not await answers(house)


async def test_only_approved_consumers_get_anything_once_the_provider_wants_it(house: House) -> None:
    assert await answers(house)
    on = await house.call(FUND, "POST", "/consumers/approve-each", json={"reason": "After the audit"})
    assert on.status_code == 201
    assert not await answers(house)
    approval = await house.call(FUND, "POST", "/consumers/approvals", json={"consumer": CONSUMER, "reason": "Checked"})
    assert await answers(house)
    assert not await answers(house, OTHER)
    shown = (await house.call(FUND, "GET", "/consumers")).json()
    assert [each["consumer"] for each in shown["consumers"]] == [OTHER, CONSUMER]
    assert [len(each["controls"]) for each in shown["consumers"]] == [0, 1]
    await house.call(FUND, "POST", f"/consumers/controls/{approval.json()['id']}/end")
    assert not await answers(house)
    await house.call(FUND, "POST", f"/consumers/controls/{on.json()['id']}/end")
    assert await answers(house)


async def test_nobody_stops_for_another_member_or_ends_another_s_stop(house: House) -> None:
    id_ = await stopped(house)
    for other in (BOARD, STRANGER):
        assert (await house.call(other, "POST", f"/stops/{id_}/end")).status_code == 404
        assert (await house.call(other, "GET", "/stops")).json() == {"stops": []}
        foreign = await house.call(other, "POST", "/stops", json={**STOP, "consumer": OTHER, "system": PROVIDER})
        assert foreign.status_code == 400
    assert (await house.call(FUND, "POST", "/stops", json=STOP)).status_code == 409
    (kept,) = (await house.call(FUND, "GET", "/stops")).json()["stops"]
    assert (kept["id"], kept["reason"], kept["ended_at"]) == (id_, "A laptop was stolen.", None)
    assert "stolen" not in str(await house.facts("consumer.stopped"))


async def test_a_decision_is_replayed_with_the_stops_as_they_were(house: House) -> None:
    await house.ask(ANN)
    before = house.clock[0]
    house.clock[0] = before.replace(hour=10)
    id_ = await stopped(house)
    house.clock[0] = before.replace(hour=11)
    await house.call(FUND, "POST", f"/stops/{id_}/end")
    async with house.services.db.read() as connection:
        said = [
            (await replayed(connection, request(house), before.replace(hour=hour, minute=30))).refusal
            for hour in (9, 10, 11)
        ]
    assert said == ["", "stopped", ""]


async def test_a_provider_sees_who_used_its_data_and_for_what(both: House) -> None:
    house = both
    for number in (ANN, ANN, BEN):
        await house.ask(number)
    await house.ask(ANN, consumer=OTHER)
    await house.batch([ANN, BEN, "199012300033", "199012300049"])
    await house.work()
    await house.deliver(ANN)
    await house.work()
    await stopped(house, consumer=OTHER)
    assert not await answers(house, OTHER)
    days = "?from=2026-11-01&to=2026-11-01"
    told = (await house.call(FUND, "GET", f"/uses{days}")).json()["uses"]
    read = {(each["consumer"], each["agreement"]): each for each in told}
    assert read[OTHER, None] | {"fields": []} == {
        "consumer": OTHER,
        "service": "fund.status",
        "purpose": PURPOSE,
        "agreement": None,
        "exchanges": 1,
        "answered": 0,
        "refused": 1,
        "people": 1,
        "fields": [],
    }
    mine = read[CONSUMER, "A1"]
    assert (mine["exchanges"], mine["people"], mine["refused"], mine["fields"]) == (7, 4, 0, ["a"])
    assert house.ref(ANN) not in str(told)
    assert (await house.call(STRANGER, "GET", f"/uses{days}")).json()["uses"] == []
    (sent,) = (await house.call(BOARD, "GET", f"/uses{days}")).json()["uses"]
    assert (sent["consumer"], sent["service"]) == (PROVIDER, "fund.push")  # what the board handed over is its own
    assert (await house.call(FUND, "GET", "/uses?service=fund.push&from=2026-11-01")).json()["uses"] == []
    assert (await house.call(FUND, "GET", "/uses?from=2026-01-01&to=2026-11-01")).status_code == 400
