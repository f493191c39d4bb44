"""Exchanges beside nginx and the forwarder; latency added; evenness; memory; start."""

import sys
from collections import defaultdict
from collections.abc import Callable, Mapping
from functools import partial

from bench import people, place
from bench.arithmetic import Figure, Round, beside, median_round, ratio_of
from bench.house import Furnished, House
from bench.loaders import Target
from bench.machine import memory_mb
from bench.references import Nginx, wrk
from gateway.cli.demo.choices import free_ports

MANY, SOME = 128, 32
SQLITE, POSTGRES = "SQLite", "PostgreSQL"


def measure(house: House, large: Furnished, few: Furnished, postgres: Furnished | None) -> list[Figure]:
    """One worker on one core. `large` and `postgres` behind httptools, `few` behind h11."""
    figures = [started(house, large)]
    gateways = {SQLITE: large} | ({POSTGRES: postgres} if postgres else {})
    workers = {name: house.gateway(each)[0] for name, each in gateways.items()}
    strict = house.gateway(few, "h11")[0]
    try:
        figures += _throughput(house, gateways, few) + _latency(house, gateways) + _evenness(house, gateways)
        figures.append(
            Figure("memory of a worker after the rounds", memory_mb(workers[SQLITE].pid), "MB", target="<= 150")
        )
    finally:
        for process in (*workers.values(), strict):
            house.processes.stop(process)
    return figures


def started(house: House, at: Furnished) -> Figure:
    """Start to ready on an existing database; the second start counts, the first one fills the disk cache."""
    seconds = 0.0
    for _ in range(2):
        process, seconds = house.gateway(at)
        house.processes.stop(process)
    return Figure("start to ready on an existing database", seconds, "s", target="<= 2")


def _throughput(house: House, gateways: dict[str, Furnished], few: Furnished) -> list[Figure]:
    nginx, forwarder = _references(house)
    seconds = house.scale.seconds
    measured: dict[str, Callable[[], Round]] = {
        "nginx": lambda: wrk(nginx, place.ASK, MANY, seconds, house.cores, house.folder),
        "httpx": lambda: wrk(forwarder, place.ASK, MANY, seconds, house.cores, house.folder),
        f"{SQLITE}, h11": lambda: house.loaders.round(few.target(), MANY, seconds),
    }
    for name, at in gateways.items():
        measured[name] = partial(house.loaders.round, at.target(), MANY, seconds)
    found = interleaved(measured, house.scale.rounds)
    references = {name: (name, found[name].rate) for name in ("nginx", "httpx")}
    figures = [beside(name, found[name], "requests/s") for name in references]
    for name in (*gateways, f"{SQLITE}, h11"):
        title = f"exchanges, one worker, {name}, {MANY} concurrent"
        figures.append(beside(title, found[name], "exchanges/s", references["nginx"], ">= 0.03"))
        figures.append(beside(title, found[name], "exchanges/s", references["httpx"], ">= 3"))
    return figures


def _latency(house: House, gateways: dict[str, Furnished]) -> list[Figure]:
    body = {"nic": people.nic(0), "day": "2026-10-31"}
    direct = Target([house.agencies.registry], "/person", body, rate=20_000)
    measured = {"provider": partial(house.loaders.round, direct, 1, house.scale.seconds)}
    for name, at in gateways.items():
        measured[name] = partial(house.loaders.round, at.target(rate=1000), 1, house.scale.seconds)
    found = interleaved(measured, house.scale.rounds)
    figures = [beside("provider called directly, 1 client", found["provider"], "requests/s")]
    targets = {SQLITE: ("<= 2.5", "<= 8"), POSTGRES: ("<= 4", "<= 10")}
    for name in gateways:
        for share, target in zip(("p50", "p99"), targets[name], strict=True):
            ours, theirs = getattr(found[name], share), getattr(found["provider"], share)
            figures.append(Figure(f"latency added, 1 client, {name}, {share}", ours - theirs, "ms", target=target))
    return figures


def _evenness(house: House, gateways: dict[str, Furnished]) -> list[Figure]:
    seconds = house.scale.seconds
    measured = {name: partial(house.loaders.round, at.target(), SOME, seconds) for name, at in gateways.items()}
    found = interleaved(measured, house.scale.rounds)
    figures = []
    for name, each in found.items():
        assert each.p50 is not None
        assert each.p99 is not None
        title = f"evenness, {name}, {SOME} concurrent: p99 through p50"
        figures.append(
            Figure(title, each.p99, "ms", each.p50, each.p99, "own p50", ratio_of(each.p99, each.p50), "<= 3")
        )
    return figures


def _references(house: House) -> tuple[str, str]:
    proxy, forwarder = free_ports(2)
    Nginx(house.folder, house.processes).proxy(proxy, house.agencies.registry, house.cores.server)
    target = {"BENCH_TARGET": f"http://127.0.0.1:{house.agencies.registry}/person"}
    command = [sys.executable, "-m", "bench.forwarder", str(forwarder)]
    process = house.processes.start("forwarder", command, house.cores.server, target)
    house.processes.wait_for(process, f"http://127.0.0.1:{forwarder}/docs")
    return f"http://127.0.0.1:{proxy}/v1/exchanges", f"http://127.0.0.1:{forwarder}/v1/exchanges"


def interleaved(measured: Mapping[str, Callable[[], Round]], rounds: int) -> dict[str, Round]:
    """Each variant once a round, so that the machine's moods hit all alike; medians."""
    found: dict[str, list[Round]] = defaultdict(list)
    for _ in range(rounds):
        for name, once in measured.items():
            found[name].append(once())
    return {name: median_round(each) for name, each in found.items()}
