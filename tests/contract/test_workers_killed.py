"""Many workers, each a process, on one PostgreSQL, killed with SIGKILL at moments drawn by lot while others go on:
every delivery arrives, none is lost, each acts once, and each exchange has one outcome."""

import asyncio
import subprocess
from collections.abc import Callable
from contextlib import ExitStack
from datetime import timedelta
from pathlib import Path
from random import Random

import pytest

from gateway.delivery import jobs
from tests.contract.delivery_worker import KEY, killable
from tests.durable_house import a_house
from tests.patient_receiver import a_receiver, dialling
from tests.receiving_place import Place

WORKERS = 2


async def until(holds: Callable[[], bool]) -> None:
    async with asyncio.timeout(60):
        while not holds():
            await asyncio.sleep(0.005)


@pytest.mark.parametrize("kills", [2, pytest.param(20, marks=pytest.mark.nightly)])
async def test_of_many_workers_some_are_killed_and_everything_arrives_and_acts_once(
    postgres_url: str, tmp_path: Path, kills: int
) -> None:
    random, count = Random(kills), 60 * kills
    async with a_receiver() as receiver, dialling(receiver.url) as dialler:
        receiver.shuffled = random
        async with a_house(postgres_url, tmp_path, key=KEY) as house:
            ids = await Place(house, receiver, dialler).accepted(count)
        with ExitStack() as ends:

            def started(ahead_s: int = 0) -> "subprocess.Popen[bytes]":
                worker = killable(postgres_url, tmp_path, receiver.url, ahead_s)
                ends.callback(worker.wait)
                ends.callback(worker.kill)
                return worker

            workers = [started() for _ in range(WORKERS)]
            for stop_at in sorted(random.sample(range(1, count // 2), kills)):
                await until(lambda stop_at=stop_at: len(receiver.effects) >= stop_at)
                unlucky = random.randrange(WORKERS)
                workers[unlucky].kill()
                workers[unlucky] = started()
            for _ in range(WORKERS):  # of tomorrow: for them the leases of the dead have run out
                started(ahead_s=2 * int(jobs.LEASE_S))
            await until(lambda: len(receiver.effects) == count)
        async with a_house(postgres_url, tmp_path, key=KEY) as house:  # what the last ones did not write down
            house.clock[0] += timedelta(hours=1)
            place = Place(house, receiver, dialler)
            await place.passed(timedelta(minutes=1))
            await place.ended_once(ids)
