"""When gateway, database or disk fail in the middle of exchanges: nothing leaves without both of its entries."""

import asyncio
import contextlib
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text

from adapters.kit.contract import Identifier, Question, RawAnswer, Subject
from audit import Wanted
from audit.places import checked_database
from gateway.db import Database
from gateway.errors import NoEvidence
from gateway.model import Ask
from gateway.pipeline import exchange
from gateway.working import working
from tests.own_postgres import own_postgres, stopped_at_once, url_of
from tests.reviewing import CONSUMER, Fund, House, a_house

RUNNER = Path(__file__).with_name("exchange_runner.py")
ROUNDS, RELEASED = 2, 40
RESTART_S = 10.0
PUBLIC = [{"kind": "public_task", "reference": "Act 7"}]


@dataclass
class Told:
    """What a process said until it ended."""

    ready_s: float
    asked: list[str] = field(default_factory=list)
    released: dict[str, str] = field(default_factory=dict)
    refused: int = 0

    def take(self, line: str) -> None:
        what, *rest = line.split()
        if not line.endswith("\n"):
            return  # cut by the kill
        if what == "asked":
            self.asked.append(rest[0])
        elif what == "released":
            self.released[rest[0]] = rest[1]
        else:
            self.refused += 1


def ran(url: str, folder: Path, mode: str, *, killed_after: int = 1 << 60) -> Told:
    """One life of a gateway that exchanges."""
    root = RUNNER.parents[2]
    command = [sys.executable, str(RUNNER), url, str(folder), mode]
    began = time.monotonic()
    environment = {"PYTHONPATH": f"{root}:{root / 'tests'}"}
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=root, env=environment) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        told = Told(time.monotonic() - began)
        for line in process.stdout:
            told.take(line)
            if len(told.released) == killed_after:
                process.send_signal(signal.SIGKILL)
        return told


async def whole(house: House, url: str, lives: Iterable[Told]) -> None:
    """Each answer that left has its intent and its outcome where its receipt says; each question has an intent."""
    log = house.services.log
    for told in lives:
        for exchange_id, receipt in told.released.items():
            found = {each.kind: each for each in await log.search(Wanted((("exchange_id", exchange_id),)))}
            assert found.keys() == {"exchange.intent", "exchange.outcome"}
            outcome = found["exchange.outcome"]
            assert (outcome.facts["outcome"], f":{outcome.seq}:{outcome.entry_id}" in receipt) == ("answered", True)
        for number in told.asked:
            ref = house.services.person_ref(Subject((Identifier("NIC", number),)))
            kinds = [each.kind for each in await log.search(Wanted(subject_ref=ref))]
            assert "exchange.intent" in kinds
    await log.checkpoint()
    (report,) = await checked_database(url)
    assert report.findings == ()


async def test_killed_gateway_released_nothing_without_both_entries_and_is_back_in_seconds(
    tmp_path: Path, database_url: str
) -> None:
    lives = [await asyncio.to_thread(ran, database_url, tmp_path, "go", killed_after=RELEASED) for _ in range(ROUNDS)]
    assert all(each.ready_s < RESTART_S and len(each.released) >= RELEASED for each in lives)
    async with a_house(tmp_path, database_url) as house, working(house.services):
        await whole(house, database_url, lives)
        if house.services.db.is_sqlite:  # the only process: what was cut is closed at the start
            assert await house.services.log.open_intents() == []


async def test_full_disk_releases_nothing_more_and_goes_on_when_there_is_room(tmp_path: Path) -> None:
    url = f"sqlite+aiosqlite:///{tmp_path / 'gateway.db'}"
    told = await asyncio.to_thread(ran, url, tmp_path, "full")
    assert told.released
    assert told.refused >= 5
    async with a_house(tmp_path, url) as house, working(house.services):
        await whole(house, url, [told])
        assert await house.asked()


class Counted(Fund):
    """The agency, counting how often it is asked."""

    asked = 0

    async def ask(self, question: Question) -> RawAnswer:
        self.asked += 1
        return await super().ask(question)


@asynccontextmanager
async def counting(tmp_path: Path, url: str) -> AsyncIterator[tuple[House, Counted]]:
    """A gateway with a counting agency and an agreement."""
    async with a_house(tmp_path, url) as house:
        await house.agreed(legal_bases=PUBLIC)
        fund: Any = next(each.adapter for each in house.services.catalogue if each.adapter)
        fund.__class__ = Counted
        yield house, fund


def ask(number: int) -> Ask:
    person = Subject((Identifier("NIC", f"1990123{number:05}"),))
    asked = ("pension.contributions", "employment-support.eligibility", person, date(2026, 10, 31))
    return Ask(CONSUMER, *asked, frozenset({"months"}))


async def refused(house: House, number: int) -> None:
    with pytest.raises(NoEvidence) as raised:
        await exchange(ask(number), house.services.gate)
    assert (raised.value.status, raised.value.code) == (503, "no_evidence")


async def test_read_only_database_asks_no_agency(tmp_path: Path, sqlite_url: str) -> None:
    async with counting(tmp_path, sqlite_url) as (house, fund):
        await exchange(ask(1), house.services.gate)
        store = house.services.log.store
        await store.write(lambda connection: connection.exec_driver_sql("PRAGMA query_only=ON").close())
        await refused(house, 2)
        assert fund.asked == 1


async def test_lock_that_another_program_holds_asks_no_agency_and_recovers(tmp_path: Path, database_url: str) -> None:
    async with counting(tmp_path, database_url) as (house, fund):
        other = Database(database_url)
        async with other.engine.begin() as connection:
            await connection.execute(text("UPDATE log_head SET size = size"))
            began = time.monotonic()
            await refused(house, 1)
            assert time.monotonic() - began < 5
            await connection.rollback()
        await other.close()
        assert fund.asked == 0
        await exchange(ask(2), house.services.gate)
        assert fund.asked == 1


async def test_database_server_that_dies_again_and_again_lets_nothing_out_and_is_followed_back(tmp_path: Path) -> None:
    with own_postgres() as server:
        url = url_of(server)
        async with counting(tmp_path, url) as (house, _):
            told = Told(0.0)
            for life in range(ROUNDS):
                exchanging = [asyncio.create_task(until_refused(house, told, life, name)) for name in range(4)]
                await asyncio.sleep(0.5)
                await asyncio.to_thread(stopped_at_once, server.get_pid())
                await asyncio.gather(*exchanging)
                began = time.monotonic()
                await asyncio.to_thread(server.ensure_postgres_running)
                answer = await exchange(ask(90_000 + life), house.services.gate)
                assert time.monotonic() - began < RESTART_S
                told.released[answer.exchange_id] = answer.receipt
            assert len(told.released) > 2 * ROUNDS
            await whole(house, url, [told])


async def until_refused(house: House, told: Told, life: int, name: int) -> None:
    with contextlib.suppress(NoEvidence):
        for number in range(10_000):
            answer = await exchange(ask(life * 40_000 + name * 10_000 + number), house.services.gate)
            told.released[answer.exchange_id] = answer.receipt
