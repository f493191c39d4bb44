"""Everything a part of the run may use."""

import asyncio
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson

from bench import place
from bench.loaders import Loaders, Target
from bench.machine import Cores
from bench.place import Agencies
from bench.processes import NotMeasured, Processes, pinned
from gateway.cli.demo.choices import free_ports


@dataclass(frozen=True, slots=True)
class Scale:
    """How much is measured. `people`: consents of the large table; `entries`: of the grown log."""

    people: int
    entries: int
    batch: int
    rounds: int
    seconds: float


NORMAL = Scale(people=1_000_000, entries=1_000_000, batch=20_000, rounds=3, seconds=2.0)
FULL = Scale(people=10_000_000, entries=10_000_000, batch=100_000, rounds=5, seconds=5.0)
SHORT = Scale(people=20_000, entries=20_000, batch=2_000, rounds=1, seconds=1.0)
SCALES = {"": NORMAL, "full": FULL, "short": SHORT}
FEW = 10_000


@dataclass(frozen=True, slots=True)
class Furnished:
    """A gateway's data, with a place to listen."""

    data: Path
    port: int
    people: int
    environment: Mapping[str, str]

    @property
    def url(self) -> str:
        """Of its operation routes."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def database(self) -> str:
        """The SQLAlchemy URL."""
        return self.environment["SANDHI_DATABASE_URL"] or f"sqlite+aiosqlite:///{self.data / 'sandhi.db'}"

    def target(self, body: Mapping[str, object] = place.ASK, *ports: int, rate: float = 3000.0) -> Target:
        """Signed exchanges, of this gateway and of further workers beside it."""
        return Target([self.port, *ports], "/v1/exchanges", body, str(self.data / "client.json"), self.people, rate)


@dataclass(slots=True)
class House:
    """The run's folder, processes, cores, agencies and load."""

    folder: Path
    processes: Processes
    cores: Cores
    agencies: Agencies
    loaders: Loaders
    scale: Scale

    def furnished(self, name: str, people: int, database: str = "") -> Furnished:
        """A new gateway's data with the consents of so many people."""
        (port,) = free_ports(1)
        data = self.folder / name
        variables = place.environment(data, port, f"http://127.0.0.1:{port}", self.agencies, database)
        asyncio.run(place.furnish(variables, people))
        return Furnished(data, port, people, variables)

    def gateway(
        self, at: Furnished, parser: str = "httptools", *, port: int = 0, cores: frozenset[int] | None = None
    ) -> tuple[subprocess.Popen[bytes], float]:
        """Start a worker; gives it and the seconds until it was ready."""
        variables = {**at.environment, "SANDHI_PORT": str(port or at.port), "SANDHI_HTTP_PARSER": parser}
        chosen = self.cores.server if cores is None else cores
        process = self.processes.python(
            f"gateway-{port or at.port}", "gateway", "serve", cores=chosen, environment=variables
        )
        return process, self.processes.wait_for(process, f"http://127.0.0.1:{port or at.port}/readyz")

    def inside(self, part: str, **arguments: object) -> Any:
        """Measure inside one process on the server's core: `python -m bench.inside PART`; gives its JSON.

        Raises:
            NotMeasured: it failed.
        """
        done = subprocess.run(
            pinned(self.cores.server, [sys.executable, "-m", "bench.inside", part]),
            input=orjson.dumps(arguments),
            capture_output=True,
            timeout=3600,
            check=False,
        )
        if done.returncode:
            raise NotMeasured(f"{part}: {done.stderr.decode(errors='replace').strip()[-400:]}")
        return orjson.loads(done.stdout)
