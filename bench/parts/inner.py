"""What happens inside: durable entries, growth of log and consents, batches."""

import asyncio
import os
import time
from collections.abc import Sequence
from statistics import median
from typing import Any

from audit import Wanted
from audit.databases import in_database
from audit.derived import with_search_tables
from audit.places import checked
from audit.scope import scope
from bench.arithmetic import Figure, Round, median_round, ratio_of
from bench.house import FEW, Furnished, House
from bench.processes import NotMeasured

ONE_BY_ONE_MOST = 5_000
AGENCIES = 3


def entries(house: House, postgres: Furnished | None) -> list[Figure]:
    """Durable entries a second, group commit beside a batch limit of 1, at 128 concurrent."""
    folder = house.folder
    urls = {"SQLite": [f"sqlite+aiosqlite:///{folder / name}.db" for name in ("group", "one")]}
    if postgres:  # two logs of one database would share its head row's table, not its row: the same server, no harm
        urls["PostgreSQL"] = [postgres.database, postgres.database]
    found = house.inside("log", urls=urls, rounds=house.scale.rounds, seconds=house.scale.seconds)
    figures = []
    for name, modes in found.items():
        group, one = (median_round(_rounds(modes[mode])) for mode in ("group", "one"))
        title = f"durable log entries, group commit, {name}, 128 concurrent"
        ratio = ratio_of(group.rate, one.rate)
        figures.append(Figure(title, group.rate, "entries/s", group.p50, group.p99, "batch limit 1", ratio, ">= 15"))
    return figures


def growth(house: House) -> list[Figure]:
    """What an append, a proof and a search page cost as the log grows."""
    sizes = [FEW, 1_000_000, house.scale.entries] if house.scale.entries > 1_000_000 else [FEW, house.scale.entries]
    url = f"sqlite+aiosqlite:///{house.folder / 'growth.db'}"
    found = house.inside("growth", url=url, sizes=sizes, rounds=house.scale.rounds)
    figures = []
    for kind in ("append", "proof", "search"):
        small, *larger = [median_round(_rounds(each[kind])) for each in found]
        for size, each in zip(sizes[1:], larger, strict=True):
            title = f"log of {size:,} entries, SQLite: {kind}"
            cost, ratio = 1e6 / each.rate, ratio_of(small.rate, each.rate)
            figures.append(Figure(title, cost, "us", each.p50, each.p99, f"{FEW:,} entries", ratio, "<= 1.2"))
    figures += [_verified(url, processes) for processes in sorted({1, os.cpu_count() or 1})]
    return [*figures, _searched(url), _scoped(url)]


def _verified(url: str, processes: int) -> Figure:
    """The whole log rehashed, its tree rebuilt and compared: what `sandhi audit verify` does first."""
    begun = time.perf_counter()
    (report,) = checked(url, processes=processes)
    rate = report.size / (time.perf_counter() - begun)
    if not report.ok:
        raise NotMeasured(f"the log does not verify: {report.findings[0]}")
    title = f"log of {report.size:,} entries, SQLite: whole verification, {processes} process{'es' * (processes > 1)}"
    return Figure(title, rate, "entries/s", target=">= 300000")


def _searched(url: str) -> Figure:
    """The search tables held against every entry: what `sandhi audit verify` does then, in one process."""
    reports = checked(url)
    begun = time.perf_counter()
    (report,) = with_search_tables(url, reports)
    rate = report.size / (time.perf_counter() - begun)
    if not report.ok:
        raise NotMeasured(f"the search tables stray: {report.findings[0]}")
    return Figure(f"log of {report.size:,} entries, SQLite: search tables against the entries", rate, "entries/s")


def _scoped(url: str) -> Figure:
    """Whom a breach of an agreement that released everything in the log concerns, which fields, to whom."""
    wanted = Wanted(facts=(("agreement", "BENCH-1"),))
    begun = time.perf_counter()
    found = asyncio.run(in_database(url, lambda connection: scope(connection, wanted)))
    seconds = time.perf_counter() - begun
    title = f"log of {found.exchanges:,} entries, SQLite: scope of a breach, {len(found.persons):,} people"
    return Figure(title, seconds, "s", target="<= 60")


def consents(house: House, large: Furnished, few: Furnished) -> list[Figure]:
    """What a decision costs as the table of consents grows."""
    environments = [dict(few.environment), dict(large.environment)]
    counts = [few.people, large.people]
    found = house.inside("consents", environments=environments, counts=counts, rounds=house.scale.rounds)
    small, each = (median_round(_rounds(rounds)) for rounds in found)
    title = f"decision with {large.people:,} consents, SQLite, 64 concurrent"
    ratio = ratio_of(small.rate, each.rate)
    return [Figure(title, 1e6 / each.rate, "us", each.p50, each.p99, f"{few.people:,} consents", ratio, "<= 1.2")]


def batches(house: House, large: Furnished) -> list[Figure]:
    """Batches: 500 people a call, one a call, and one a call of an agency that takes 20 ms.

    A person who is asked about at three agencies is three lines of three batches.
    """
    bulk, single, slow = "bench_bulk.employment", "bench_registry.employment", "bench_slow.enrolment"
    most = min(house.scale.batch, large.people)
    services = {bulk: most, single: min(most, ONE_BY_ONE_MOST), slow: min(most, ONE_BY_ONE_MOST)}
    found: dict[str, Sequence[float]] = house.inside(
        "batch",
        environment={**large.environment, "SANDHI_BENCH_SLOW_URL": f"http://127.0.0.1:{house.agencies.brisk}"},
        services=services,
        rounds=house.scale.rounds,
        known=large.people,
    )
    rates = {service: median(each) for service, each in found.items()}
    limit = 64 / 0.02  # of the slow agency: calls in flight through seconds a call
    ratio = ratio_of(rates[bulk], rates[single])
    return [
        Figure(
            f"batches of {most:,} people x {AGENCIES} agencies, 500 a call, SQLite",
            rates[bulk] / AGENCIES,
            "people/s",
            target=">= 25000",
        ),
        Figure("batch, 500 a call", rates[bulk], "lines/s", None, None, "one id a call", ratio, ">= 8"),
        Figure(
            "batch, one id a call, agency takes 20 ms",
            rates[slow],
            "lines/s",
            None,
            None,
            "in flight / latency",
            ratio_of(rates[slow], limit),
            ">= 0.9",
        ),
    ]


def _rounds(found: Sequence[Sequence[Any]]) -> list[Round]:
    return [Round(*each) for each in found]
