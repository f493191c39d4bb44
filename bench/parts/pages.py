"""Pages of the console at a big log, beside a page that reads nothing of it: in one process, without sockets."""

import asyncio
import time
from collections.abc import Mapping

import httpx

from bench import console
from bench.arithmetic import Figure, Round, median_round, ratio_of
from bench.house import Furnished, House
from bench.postgres import database
from gateway.settings import Settings
from gateway.wiring import open_services

DEMO = 20_000
"""Entries of the small log: as many as a demo leaves."""
PASSES = 20
EMPTY = "/console/reviews"
"""A page of links: it asks who the officer is, and nothing else."""


def measure(house: House, shared: Furnished | None) -> list[Figure]:
    """Latency of lists and searches as a ratio to a page that lists nothing: a demo's log on SQLite, a long one on
    PostgreSQL, in a database of its own: what other parts leave in the shared one is no gateway's log.
    """
    figures = asyncio.run(_measured("SQLite", house.furnished("pages", 1).environment, house, DEMO))
    if shared:
        long = house.furnished("long", 1, database(shared.database, "pages"))
        figures += asyncio.run(_measured("PostgreSQL", long.environment, house, house.scale.entries))
    return figures


async def _measured(name: str, environment: Mapping[str, str], house: House, entries: int) -> list[Figure]:
    settings = Settings.read({**environment, "SANDHI_LIMIT_PEER_RATE": "0"})  # one officer, as fast as pages come
    async with open_services(settings) as services, console.officer_browser(services) as browser:
        await console.grown(services, entries)
        asked = {**console.lists(), "empty": ("GET", EMPTY)}
        await _passes(browser, asked, 3)  # warms up
        rounds = [await _passes(browser, asked, PASSES) for _ in range(house.scale.rounds)]
    found = {title: median_round([each[title] for each in rounds]) for title in asked}
    empty = found.pop("empty")
    size = f"{entries:,} entries, {name}"
    return [_figure(f"page, {size}: {title}", each, empty) for title, each in found.items()]


def _figure(title: str, each: Round, empty: Round) -> Figure:
    ratio = ratio_of(each.p50 or 0.0, empty.p50 or 0.0)
    return Figure(title, each.p50 or 0.0, "ms", each.p50, each.p99, "a page without a list", ratio, "<= 3")


async def _passes(browser: httpx.AsyncClient, asked: Mapping[str, tuple[str, str]], count: int) -> dict[str, Round]:
    """Each page once, again and again, so that what else the machine does falls on all alike."""
    took: dict[str, list[float]] = {title: [] for title in asked}
    for _ in range(count):
        for title, which in asked.items():
            begun = time.perf_counter()
            await console.turned(browser, *which)
            took[title].append((time.perf_counter() - begun) * 1000)
    return {title: Round.of(sum(each) / 1000, each) for title, each in took.items()}
