"""Processes of a run: started on their cores, waited for, ended one by one; none outlives the run."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

import httpx


class NotMeasured(Exception):
    """A part of the run cannot be measured; the text says what is missing."""


@dataclass(slots=True)
class Processes:
    """Started here, ended here."""

    logs: Path
    running: list[subprocess.Popen[bytes]] = field(default_factory=list)
    files: list[IO[bytes]] = field(default_factory=list)

    def start(
        self,
        name: str,
        command: Sequence[str],
        cores: frozenset[int],
        environment: Mapping[str, str] | None = None,
        *,
        piped: bool = False,
    ) -> subprocess.Popen[bytes]:
        """Start a program on these cores; `piped` for one that is spoken to by lines."""
        log = (self.logs / f"{name}.log").open("ab")
        self.files.append(log)
        process = subprocess.Popen(
            pinned(cores, command),
            stdin=subprocess.PIPE if piped else subprocess.DEVNULL,
            stdout=subprocess.PIPE if piped else log,
            stderr=log,
            env={**os.environ, **(environment or {})},
        )
        self.running.append(process)
        return process

    def python(
        self, name: str, module: str, *arguments: str, cores: frozenset[int], environment: Mapping[str, str]
    ) -> subprocess.Popen[bytes]:
        """Start `python -m module`."""
        return self.start(name, [sys.executable, "-m", module, *arguments], cores, environment)

    def wait_for(self, process: subprocess.Popen[bytes], url: str, *, seconds: float = 60.0) -> float:
        """Wait until the process answers at this URL; gives the seconds it took.

        Raises:
            NotMeasured: it stopped, or did not answer in time.
        """
        begun = time.perf_counter()
        while time.perf_counter() - begun < seconds:
            if process.poll() is not None:
                raise NotMeasured(f"a process stopped with code {process.returncode}; see the logs in {self.logs}")
            try:
                if httpx.get(url, timeout=2.0, trust_env=False).status_code < 500:
                    return time.perf_counter() - begun
            except httpx.HTTPError:
                time.sleep(0.01)
        raise NotMeasured(f"no answer at {url} within {seconds:.0f} s; see the logs in {self.logs}")

    def stop(self, process: subprocess.Popen[bytes]) -> None:
        """End one, politely first."""
        if process.poll() is None:
            process.send_signal(signal.SIGTERM)
            try:
                process.wait(15)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait(5)
        for pipe in (process.stdin, process.stdout):
            if pipe:
                pipe.close()
        self.running.remove(process)

    def stop_all(self) -> None:
        """End all, last started first."""
        for process in reversed(list(self.running)):
            self.stop(process)
        for file in self.files:
            file.close()


def pinned(cores: frozenset[int], command: Sequence[str]) -> list[str]:
    """The command as a program that stays on its cores and dies with us (util-linux; the process id stays)."""
    where = ",".join(map(str, sorted(cores)))
    return ["taskset", "-c", where, "setpriv", "--pdeathsig", "TERM", *command]
