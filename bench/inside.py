"""What is measured inside one process, without HTTP: the log, the decision, batches. `python -m bench.inside PART`.

Reads its arguments as JSON from standard input and prints what it found as JSON.
"""

import asyncio
import logging
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import AsyncExitStack
from datetime import UTC, date, datetime
from pathlib import Path
from random import Random
from typing import Any

import orjson
import uvloop
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from sqlalchemy import make_url

from audit import Entry, FileMemory, Log, Signer, Wanted, new_id
from bench import people, place
from bench.arithmetic import Round
from bench.telling import told as events
from consent import decide
from gateway.cli.serve import spare_collector
from gateway.db import Database
from gateway.delivery import jobs
from gateway.delivery.batch_values import Line
from gateway.migrations import upgraded
from gateway.model import Ask, Subject
from gateway.settings import Settings
from gateway.wiring import Services, open_services

Work = Callable[[int], Awaitable[object]]
DAY = date(2026, 10, 31)
CHUNK = 5_000
CASES = 100  # so that a page of a search is full in the small log too


async def together(work: Work, *, concurrent: int, seconds: float = 3600.0, most: int = 1 << 60) -> Round:
    """`work(n)` for n = 0, 1, ... by so many at once, for so long or so often."""
    latencies: list[float] = []
    numbers = iter(range(most))
    begun = time.perf_counter()

    async def one() -> None:
        while (now := time.perf_counter()) - begun < seconds and (number := next(numbers, None)) is not None:
            await work(number)
            latencies.append((time.perf_counter() - now) * 1000)

    await asyncio.gather(*(one() for _ in range(concurrent)))
    return Round.of(time.perf_counter() - begun, latencies)


async def log(urls: Mapping[str, Sequence[str]], rounds: int, seconds: float) -> object:
    """Durable entries a second, for each store: [database for group commit, database for a batch limit of 1]."""
    found: dict[str, dict[str, list[Round]]] = {name: {"group": [], "one": []} for name in urls}
    async with AsyncExitStack() as stack:
        logs = [
            (name, mode, await _log(stack, url, batch))
            for name, pair in urls.items()
            for (mode, batch), url in zip((("group", 256), ("one", 1)), pair, strict=True)
        ]
        for _ in range(rounds):
            for name, mode, opened in logs:
                append = _appending(opened)
                found[name][mode].append(await together(append, concurrent=128, seconds=seconds))
    return found


async def growth(url: str, sizes: Sequence[int], rounds: int) -> object:
    """Append, proof and search at several sizes of one log: milliseconds each, by size."""
    found: list[dict[str, list[Round]]] = []
    async with AsyncExitStack() as stack:
        db = Database(url)
        stack.push_async_callback(db.close)
        opened = await _log(stack, url, 256, db)
        ids: list[Entry] = []
        for size in sizes:
            begun = time.perf_counter()
            ids = await _grown(db, opened, size - await opened.size())
            kept = Random(7).sample(ids, min(200, len(ids)))
            measured: dict[str, list[Round]] = {"append": [], "proof": [], "search": []}
            for _ in range(rounds):
                measured["append"].append(await together(_appending(opened), concurrent=128, most=4000))
                proof = _proving(opened, kept)
                measured["proof"].append(await together(proof, concurrent=1, most=200))
                measured["search"].append(await together(_searching(opened), concurrent=1, most=200))
            found.append(measured | {"seconds": [Round(time.perf_counter() - begun)]})
    return found


async def consents(environments: Sequence[Mapping[str, str]], counts: Sequence[int], rounds: int) -> object:
    """Facts and decision for random people, by table."""
    found: list[list[Round]] = [[] for _ in counts]
    async with AsyncExitStack() as stack:
        settings = [Settings.read(each) for each in environments]
        opened = [await stack.enter_async_context(open_services(each)) for each in settings]
        for each in settings:
            _into_memory(Path(make_url(each.database_url).database or ""))
        for number in range(rounds + 1):
            for place_, (services, count) in enumerate(zip(opened, counts, strict=True)):
                measured = await together(_deciding(services, count, number), concurrent=64, most=4000)
                if number:  # the first round warms the caches
                    found[place_].append(measured)
    return found


def _into_memory(path: Path) -> None:
    """So that the system has the file at hand, as on a machine that serves: else the disk is measured."""
    with path.open("rb") as file:
        while file.read(1 << 24):
            pass


async def batch(environment: Mapping[str, str], services: Mapping[str, int], rounds: int, known: int) -> object:
    """Lines a second through a batch, by service -> how many people."""
    found: dict[str, list[float]] = {service: [] for service in services}
    async with open_services(Settings.read(environment), writing=True) as opened:
        spare_collector()
        for number in range(rounds):
            for service, count in services.items():
                found[service].append(await _batch(opened, service, count, number * count % max(1, known - count)))
    return found


async def _batch(services: Services, service: str, count: int, first: int) -> float:
    pattern = _ask(service, Subject())
    lines = [Line(str(number), people.subject(first + number)) for number in range(count)]
    taken = await services.batches.accept(pattern, lines)
    async with services.db.write() as connection:
        (job,) = await jobs.claim(connection, now=time.time(), most=1, lane=jobs.BULK)
    begun = time.perf_counter()
    await services.batches.run(job)
    seconds = time.perf_counter() - begun
    shown = await services.batches.show(place.CALLER, taken.id)
    if shown.outcomes != {"answered": count}:
        raise RuntimeError(f"not every line was answered: {dict(shown.outcomes)}")
    return count / seconds


def _ask(service: str, subject: Subject) -> Ask:
    fields = frozenset(place.FIELDS[service][:2])
    return Ask(place.CALLER, service, place.PURPOSE, subject, DAY, fields)


def _deciding(services: Services, count: int, seed: int) -> Work:
    random = Random(seed)
    subjects = [people.subject(random.randrange(count)) for _ in range(4000)]

    async def work(number: int) -> None:
        request = services.gate.request(_ask("bench_registry.employment", subjects[number]))
        decision = decide(request, await services.facts.of(request), datetime.now(UTC))
        assert decision.allowed

    return work


def _entry(number: int) -> Entry:
    now = datetime.now(UTC)
    entry_id = new_id(now)
    facts = {
        "exchange_id": str(entry_id),
        "consumer": place.CALLER,
        "provider": place.PROVIDERS[1],
        "service": "bench_registry.employment",
        "action": "read",
        "purpose": place.PURPOSE,
        "asked": ["closed_month", "employments"],
        "case_ref": f"CASE-{number % CASES}",
        "outcome": "answered",
        "agreement": "BENCH-1",
        "released": ["closed_month", "employments"],
    }
    return Entry(entry_id, "exchange.outcome", now, facts, (f"{number % 100_000:064x}",))


def _appending(opened: Log) -> Work:
    return lambda number: opened.append(_entry(number))


def _proving(opened: Log, kept: Sequence[Entry]) -> Work:
    return lambda number: opened.proof(kept[number % len(kept)].id)


def _searching(opened: Log) -> Work:
    return lambda number: opened.search(Wanted(facts=(("case_ref", f"CASE-{number % CASES}"),)))


async def _grown(db: Database, opened: Log, count: int) -> list[Entry]:
    """Append so many in large transactions; gives some of them."""
    kept: list[Entry] = []
    for start in range(0, count, CHUNK):
        entries = [_entry(number) for number in range(start, min(start + CHUNK, count))]
        async with db.write() as connection:
            await opened.append_all_in(connection, entries)
        kept += entries[::100]
    await place.settled(db)
    return kept


async def _log(stack: AsyncExitStack, url: str, batch_entries: int, db: Database | None = None) -> Log:
    if db is None:
        db = Database(url)
        stack.push_async_callback(db.close)
    await upgraded(db)
    folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
    signer = Signer("bench/log", Ed25519PrivateKey.generate(), FileMemory(folder / "signed"))
    opened = await Log.open(db.engine, signer, write_lock=db.write_lock, batch_entries=batch_entries, deadline_s=30.0)
    stack.push_async_callback(opened.close)
    return opened


PARTS: Mapping[str, Callable[..., Awaitable[object]]] = {
    "log": log,
    "growth": growth,
    "consents": consents,
    "batch": batch,
    "events": events,
}


async def _measured(part: str, arguments: Mapping[str, Any]) -> object:
    return await PARTS[part](**arguments)


def _plain(value: Any) -> object:
    if isinstance(value, Round):
        return [value.rate, value.p50, value.p99]
    raise TypeError


if __name__ == "__main__":
    logging.disable(logging.WARNING)
    asked = orjson.loads(sys.stdin.buffer.read())
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        told = runner.run(_measured(sys.argv[1], asked))
    sys.stdout.buffer.write(orjson.dumps(told, default=_plain, option=orjson.OPT_PASSTHROUGH_DATACLASS))
