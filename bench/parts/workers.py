"""Four workers on one PostgreSQL, which shares the cores with them and with the load."""

from bench.arithmetic import Figure, beside
from bench.house import Furnished, House
from bench.parts.exchanges import MANY, interleaved
from gateway.cli.demo.choices import free_ports

WORKERS = 4


def measure(house: House, postgres: Furnished) -> list[Figure]:
    """Exchanges a second of four workers beside one."""
    everything = house.cores.server | house.cores.backend | house.cores.database
    ports = free_ports(WORKERS - 1)
    places = sorted(everything)
    workers = [
        house.gateway(postgres, port=port, cores=frozenset({places[n % len(places)]}))[0]
        for n, port in enumerate([postgres.port, *ports])
    ]
    try:
        one, four = postgres.target(), postgres.target(postgres.target().body, *ports, rate=8000)
        found = interleaved(
            {
                "one": lambda: house.loaders.round(one, MANY, house.scale.seconds),
                "four": lambda: house.loaders.round(four, MANY, house.scale.seconds),
            },
            house.scale.rounds,
        )
    finally:
        for process in workers:
            house.processes.stop(process)
    title = f"exchanges, {WORKERS} workers on PostgreSQL that share {len(places)} cores with load and database"
    return [beside(title, found["four"], "exchanges/s", ("one worker", found["one"].rate), ">= 3")]
