"""What the rules no longer allow when results are fetched is not handed out, and the log says so."""

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import date, timedelta
from hashlib import sha256
from pathlib import Path

import orjson
import pytest
from sqlalchemy import select

from audit import Wanted, commit
from gateway.delivery.batch_values import Line, content_digest
from gateway.delivery.decisions import decisions_root
from gateway.delivery.tables import batch_decision
from gateway.model import Ask, Subject
from tests.durable_house import CONSUMER, House, a_house, agreement, subject

PATTERN = Ask(CONSUMER, "fund.status", "p", Subject(), date(2026, 10, 31), frozenset({"a"}))


@pytest.fixture
async def house(database_url: str, tmp_path: Path) -> AsyncIterator[House]:
    async with a_house(database_url, tmp_path) as opened:
        yield opened


async def a_batch(house: House, count: int) -> str:
    asked = [Line(str(n), subject(f"1990123{n:05}")) for n in range(1, count + 1)]
    taken = await house.batches.accept(PATTERN, asked)
    await house.work()
    house.clock[0] += timedelta(hours=1)
    return taken.id


async def fetched(house: House, batch_id: str) -> list[dict[str, object]]:
    await house.batches.released(CONSUMER, batch_id)
    body = b"".join([part async for part in house.batches.results(batch_id)])
    return [orjson.loads(line) for line in body.splitlines()]


async def entries(house: House, batch_id: str) -> list[str]:
    found = await house.log.search(Wanted(facts=(("exchange_id", batch_id),)))
    return [each.kind for each in found]


async def test_results_that_are_still_allowed_are_handed_out_as_they_are(house: House) -> None:
    batch_id = await a_batch(house, 3)
    before = await house.batches.show(CONSUMER, batch_id)
    assert await house.batches.released(CONSUMER, batch_id) == before
    assert [line["outcome"] for line in await fetched(house, batch_id)] == ["answered"] * 3
    assert "exchange.withheld" not in await entries(house, batch_id)


async def test_an_agreement_that_ended_withholds_every_line_for_good(house: House) -> None:
    batch_id = await a_batch(house, 260)  # more than one chunk
    known = list(house.agreements)
    house.agreements.clear()
    lines = await fetched(house, batch_id)
    assert {line["outcome"] for line in lines} == {"not_available"}
    assert not any("record" in line for line in lines)
    assert (await house.batches.show(CONSUMER, batch_id)).outcomes == {"not_available": 260}
    house.agreements[:] = known
    assert await fetched(house, batch_id) == lines
    assert sorted(await entries(house, batch_id)) == ["exchange.intent", "exchange.outcome", "exchange.withheld"]


async def test_an_agreement_that_no_longer_grants_the_field_withholds_the_line(house: House) -> None:
    batch_id = await a_batch(house, 1)
    grant = house.agreements[0].grants["fund.status"]
    other = replace(grant, fields=frozenset({"b"}))
    house.agreements[:] = [replace(agreement(), grants={"fund.status": other})]
    (line,) = await fetched(house, batch_id)
    assert line["outcome"] == "refused_by_rules"


async def test_the_entry_commits_to_what_the_withheld_lines_say_now(house: House) -> None:
    batch_id = await a_batch(house, 3)
    house.agreements.clear()
    lines = await fetched(house, batch_id)
    (found,) = await house.log.search(Wanted(facts=(("exchange_id", batch_id),), kind="exchange.withheld"))
    (logged,) = await house.log.find([found.entry_id])
    mine = select(batch_decision).where(batch_decision.c.exchange_id == str(found.entry_id))
    async with house.db.read() as connection:
        rows = (await connection.execute(mine.order_by(batch_decision.c.line))).all()
    assert (logged.entry.facts["lines"], logged.entry.facts["outcomes"]) == (3, {"refused_by_rules": 3})
    assert logged.entry.facts["decisions_root"] == decisions_root(row.decision for row in rows)
    for line, row in zip(lines, rows, strict=True):
        salt = bytes.fromhex(str(line.pop("salt")))
        content = orjson.dumps(line, option=orjson.OPT_SORT_KEYS)
        assert orjson.loads(row.decision)["answer"] == commit("line", salt, content)


async def test_the_digest_is_that_of_the_lines_that_are_handed_out(house: House) -> None:
    batch_id = await a_batch(house, 260)
    first = (await house.batches.show(CONSUMER, batch_id)).digest
    house.agreements.clear()
    found = await house.batches.released(CONSUMER, batch_id)
    body = b"".join([part async for part in house.batches.results(batch_id)])
    assert found.digest == content_digest(sha256(body).digest()) != first


async def test_results_fetched_at_once_are_not_judged_a_third_time(house: House) -> None:
    taken = await house.batches.accept(PATTERN, [Line("1", subject("199012300001"))])
    await house.work()
    house.agreements.clear()
    assert [line["outcome"] for line in await fetched(house, taken.id)] == ["answered"]
