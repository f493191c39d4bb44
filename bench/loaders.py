"""The parent's side of the load processes: prepare a round in all of them, let them go, add up."""

import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import count
from typing import Any

import orjson

from bench.arithmetic import Round, merged
from bench.machine import Cores
from bench.processes import NotMeasured, Processes

SEEDS = count(1)
SETTLED_S = 1.0  # how long callers who will only wait come before a round, and stay after it


@dataclass(frozen=True, slots=True)
class Target:
    """What is asked. Without `client` the body is sent as it is, unsigned.

    Attributes:
        ports: of one origin's workers.
        client: path of the credentials.
        people: how many the subjects are drawn from.
        rate: about how many requests a second it can answer, for how many are signed in advance.
    """

    ports: Sequence[int]
    path: str
    body: Mapping[str, object]
    client: str = ""
    people: int = 1
    rate: float = 3000.0


@dataclass(slots=True)
class Loaders:
    """The load processes of a run."""

    processes: Processes
    cores: Cores
    _running: list[subprocess.Popen[bytes]] = field(default_factory=list)

    def __post_init__(self) -> None:
        for n, cores in enumerate(self.cores.load):
            command = [sys.executable, "-m", "bench.load"]
            self._running.append(self.processes.start(f"load-{n}", command, cores, piped=True))

    def round(self, target: Target, connections: int, seconds: float) -> Round:
        """One round of `connections`, shared by all load processes; everything must be answered 2xx.

        Raises:
            NotMeasured: it was not.
        """
        parts = [connections // 2 + connections % 2, connections // 2]
        shares = [Share(n, target, part) for n, part in enumerate(parts) if part]
        return Round.of(*merged(self._told(shares, seconds)))

    def alone(self, target: Target, connections: int, seconds: float) -> Round:
        """One round by the first load process only: what `beside` is compared with."""
        return Round.of(*merged(self._told([Share(0, target, connections)], seconds)))

    def beside(self, share: tuple[Target, int], other: tuple[Target, int], seconds: float) -> Round:
        """The first target's round while the second load process asks the other; its answers are not waited for.

        The other's callers come before the round and hang up after it: measured is that they wait.
        """
        shares = [Share(1, *other, abandoned=True), Share(0, *share)]
        return Round.of(*merged(self._told(shares, seconds)[1:]))

    def _told(self, shares: Sequence["Share"], seconds: float) -> list[dict[str, Any]]:
        whole = sum(each.connections for each in shares if not each.abandoned)
        for each in shares:
            target = each.target
            most = max(each.connections, round(target.rate * seconds * each.connections / max(whole, each.connections)))
            said = {"do": "prepare", "seed": next(SEEDS), "most": most, "people": target.people, "body": target.body}
            self._say(each.process, said | {"path": target.path, "ports": target.ports, "client": target.client})
        for each in shares:
            self._heard(each.process)
        for each in shares:
            lasting = seconds + 2 * SETTLED_S if each.abandoned else seconds
            said = {"do": "run", "ports": each.target.ports, "connections": each.connections, "seconds": lasting}
            self._say(each.process, said | {"abandoned": each.abandoned})
            if each.abandoned:
                time.sleep(SETTLED_S)
        return [self._heard(each.process) for each in shares]

    def _say(self, number: int, value: Mapping[str, object]) -> None:
        pipe = self._running[number].stdin
        assert pipe is not None
        pipe.write(orjson.dumps(value) + b"\n")
        pipe.flush()

    def _heard(self, number: int) -> dict[str, Any]:
        pipe = self._running[number].stdout
        assert pipe is not None
        line = pipe.readline()
        if not line:
            raise NotMeasured("a load process stopped")
        told: dict[str, Any] = orjson.loads(line)
        if "error" in told:
            raise NotMeasured(f"a load process: {told['error']}")
        if told.get("bad"):
            raise NotMeasured(f"{told['bad']} requests were not answered well, the first: {told['first_bad']}")
        return told


@dataclass(frozen=True, slots=True)
class Share:
    """What one load process does in a round."""

    process: int
    target: Target
    connections: int
    abandoned: bool = False
