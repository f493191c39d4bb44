"""`make bench`: measure, print a table, write `bench/results.json`. Exit code 1 if a part could not be measured.

`SCALE=full` measures more and longer, `SCALE=short` a little of everything. Targets are shown and never fail a run.
"""

import argparse
import logging
import os
import shutil
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

import orjson
from rich.console import Console
from rich.table import Table

from bench.arithmetic import Figure, rounded
from bench.house import FEW, SCALES, Furnished, House
from bench.loaders import Loaders
from bench.machine import Cores, described, versions
from bench.parts import events, exchanges, inner, neighbours, pages, verification, workers
from bench.place import Agencies
from bench.postgres import postgres
from bench.processes import NotMeasured, Processes
from bench.references import Nginx
from gateway.cli.demo.choices import free_ports

RESULTS = Path(__file__).parent / "results.json"
SLOW_S, BRISK_S = "30", "0.02"
ALONE = ("entries", "growth", "verification", "events", "pages")  # need no gateway with people
PARTS = ("exchanges", "workers", "consents", "batches", "hanging", "live", *ALONE)
console = Console(width=150)


def main() -> int:
    """Run the parts that are asked for; all of them unless named."""
    parser = argparse.ArgumentParser(prog="sandhi bench", description="Measure, beside nginx and a bare forwarder.")
    parser.add_argument("part", nargs="*", choices=[*PARTS, []], help="parts to measure; all when left out")
    parser.add_argument("--no-write", action="store_true", help="leave bench/results.json as it is")
    parser.add_argument("--no-postgres", action="store_true", help="measure on SQLite only")
    asked = parser.parse_args()
    if missing := [
        name for name in ("nginx", "wrk") if shutil.which(name, path=os.environ["PATH"] + ":/usr/sbin") is None
    ]:
        console.print(f"missing: {', '.join(missing)}. Install them:  apt-get install -y nginx-light wrk")
        return 1
    os.environ["PATH"] += ":/usr/sbin"
    logging.getLogger("sandhi").setLevel(logging.ERROR)  # which adapters a profile leaves out is no news here
    cores = Cores.here()
    about = {"machine": described(cores), "versions": versions()}
    figures, failed = measured(cores, asked.part or PARTS, with_postgres=not asked.no_postgres)
    show(figures)
    if not asked.no_write:
        content = {**about, "scale": os.environ.get("SCALE") or "normal", "figures": [each.wire() for each in figures]}
        RESULTS.write_bytes(orjson.dumps(content, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE))
        console.print(f"written: {RESULTS.name}")
    return 1 if failed else 0


def measured(cores: Cores, wanted: tuple[str, ...] | list[str], *, with_postgres: bool) -> tuple[list[Figure], bool]:
    """The figures, and whether a part failed; everything that was started has ended."""
    folder = Path(tempfile.mkdtemp(prefix="sandhi-bench-"))
    (folder / "logs").mkdir()
    processes = Processes(folder / "logs")
    figures: list[Figure] = []
    failures = 0
    with ExitStack() as stack:
        stack.callback(shutil.rmtree, folder, ignore_errors=True)
        stack.callback(processes.stop_all)
        house = built(folder, processes, cores)
        url = stack.enter_context(postgres(folder, cores.database)) if with_postgres else ""
        for name, part in prepared(house, url, wanted):
            begun = time.perf_counter()
            try:
                figures += part()
            except NotMeasured as error:
                failures += 1
                console.print(f"{name} was not measured: {error}")
            except Exception:  # a fault in one part does not throw away what the others measured
                failures += 1
                logging.getLogger("bench").exception("%s broke", name)
            console.print(f"{name}: {time.perf_counter() - begun:.0f} s")
    return figures, failures > 0


def built(folder: Path, processes: Processes, cores: Cores) -> House:
    """Agencies and load processes, started."""
    agencies = Agencies(*free_ports(3))
    Nginx(folder, processes).backend(agencies.registry, cores.backend)
    for port, seconds in ((agencies.slow, SLOW_S), (agencies.brisk, BRISK_S)):
        processes.start(f"slow-{port}", [sys.executable, "-m", "bench.slow", str(port), seconds], cores.backend)
    scale = SCALES[os.environ.get("SCALE", "")]
    return House(folder, processes, cores, agencies, Loaders(processes, cores), scale)


def prepared(
    house: House, url: str, wanted: tuple[str, ...] | list[str]
) -> list[tuple[str, Callable[[], list[Figure]]]]:
    """The parts that are wanted, over gateways that are furnished once."""
    begun = time.perf_counter()
    few = house.furnished("few", min(FEW, house.scale.people))
    large = house.furnished("large", house.scale.people) if set(wanted) - set(ALONE) else few
    shared: Furnished | None = house.furnished("shared", min(100_000, house.scale.people), url) if url else None
    console.print(f"furnished, {large.people:,} consents: {time.perf_counter() - begun:.0f} s")
    parts: dict[str, Callable[[], list[Figure]]] = {
        "exchanges": lambda: exchanges.measure(house, large, few, shared),
        "workers": lambda: workers.measure(house, shared) if shared else [],
        "entries": lambda: inner.entries(house, shared),
        "growth": lambda: inner.growth(house),
        "consents": lambda: inner.consents(house, large, few),
        "batches": lambda: inner.batches(house, large),
        "hanging": lambda: neighbours.hanging(house, large),
        "live": lambda: neighbours.live_beside_batch(house, large),
        "verification": lambda: verification.measure(house),
        "events": lambda: events.measure(house),
        "pages": lambda: pages.measure(house, shared),
    }
    return [(name, parts[name]) for name in PARTS if name in wanted]


def show(figures: list[Figure]) -> None:
    """A table for people."""
    table = Table(title="Sandhi, measured", header_style="bold")
    for column in ("figure", "value", "unit", "p50 ms", "p99 ms", "beside", "ratio", "target"):
        table.add_column(column, justify="right" if column in {"value", "p50 ms", "p99 ms", "ratio"} else "left")
    for each in figures:
        colour = {True: "green", False: "yellow", None: ""}[each.reached]
        row = (each.name, _text(each.value), each.unit, _text(each.p50), _text(each.p99), each.reference or "")
        table.add_row(*row, _text(each.ratio), f"[{colour}]{each.target}[/]" if colour else each.target)
    console.print(table)


def _text(value: float | None) -> str:
    return "" if value is None else f"{rounded(value):,}"


if __name__ == "__main__":
    sys.exit(main())
