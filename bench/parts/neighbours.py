"""What one consumer notices of others: of an agency that hangs, and of a batch that runs."""

import asyncio
import threading
from pathlib import Path

from sandhi_client import Client, Identifier, Subject

from bench import people, place
from bench.arithmetic import Figure, Round, median_round, ratio_of
from bench.house import Furnished, House

LIVE, HANGING = 8, 48


def hanging(house: House, at: Furnished) -> list[Figure]:
    """One agency answers in 30 s; the others' throughput and p99 with and without."""
    process, _ = house.gateway(at)
    slow, seconds = at.target(place.ASK_SLOW, rate=100), house.scale.seconds
    alone, beside_it = [], []
    try:
        for _ in range(house.scale.rounds):
            alone.append(house.loaders.alone(at.target(rate=1500), LIVE, seconds))
            beside_it.append(house.loaders.beside((at.target(rate=1500), LIVE), (slow, HANGING), seconds))
    finally:
        house.processes.stop(process)
    return _compared(median_round(alone), median_round(beside_it))


def _compared(alone: Round, beside_it: Round) -> list[Figure]:
    assert alone.p99 is not None
    assert beside_it.p99 is not None
    title = f"{LIVE} clients while {HANGING} others wait for an agency that takes 30 s"
    return [
        Figure(
            f"{title}: throughput",
            beside_it.rate,
            "exchanges/s",
            beside_it.p50,
            beside_it.p99,
            "without it",
            ratio_of(beside_it.rate, alone.rate),
            ">= 0.95",
        ),
        Figure(
            f"{title}: p99",
            beside_it.p99,
            "ms",
            beside_it.p50,
            beside_it.p99,
            "without it",
            ratio_of(beside_it.p99, alone.p99),
            "<= 1.2",
        ),
    ]


def live_beside_batch(house: House, at: Furnished) -> list[Figure]:
    """p99 of live exchanges while a batch runs in the same worker; the rounds before the batch stand beside it."""
    process, _ = house.gateway(at)
    lines = min(100_000, house.scale.batch * 5, at.people)
    try:
        target, seconds = at.target(rate=1500), house.scale.seconds
        alone = median_round([house.loaders.round(target, LIVE, seconds) for _ in range(house.scale.rounds)])
        batch = Batch(at.data / "client.json", lines)
        batch.start()
        batch.accepted.wait(120)
        during = [house.loaders.round(target, LIVE, seconds) for _ in range(house.scale.rounds)]
        still = not batch.finished.is_set()
        batch.stop.set()
        batch.join(30)
    finally:
        house.processes.stop(process)
    found = median_round(during)
    assert alone.p99 is not None
    assert found.p99 is not None
    title = f"live p99, {LIVE} clients, while a batch of {lines:,} runs" + (
        "" if still else " (it ended before the rounds)"
    )
    ratio = ratio_of(found.p99, alone.p99)
    return [Figure(title, found.p99, "ms", found.p50, found.p99, "without it", ratio, "<= 1.5")]


class Batch(threading.Thread):
    """Hands a batch in and watches it, beside the rounds."""

    def __init__(self, credentials: Path, lines: int) -> None:
        super().__init__(daemon=True)
        self.accepted, self.finished, self.stop = threading.Event(), threading.Event(), threading.Event()
        self._credentials, self._lines = credentials, lines

    def run(self) -> None:
        """See `threading.Thread`."""
        asyncio.run(self._watched())

    async def _watched(self) -> None:
        async with Client.from_file(self._credentials, timeout=120.0) as client:
            service = "bench_bulk.employment"
            taken = await client.batch_start(
                service=service,
                purpose=place.PURPOSE,
                fields=place.FIELDS[service][:2],
                lines=[(str(n), Subject((Identifier("NIC", people.nic(n)),))) for n in range(self._lines)],
            )
            self.accepted.set()
            while not self.stop.is_set():
                await asyncio.sleep(0.25)
                if (await client.batch_status(taken.id)).state != "running":
                    self.finished.set()
                    return
