"""The processes of a demo: started, waited for, stopped; each writes its own log file."""

import ctypes
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

PR_SET_PDEATHSIG = 1  # Linux prctl(2): no child outlives the demo


class ProcessDied(Exception):
    """A process of the demo stopped by itself; the text names it and its log file."""


@dataclass(slots=True)
class Processes:
    """Started in order, stopped in reverse."""

    logs: Path
    running: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)
    files: list[IO[bytes]] = field(default_factory=list)

    def start(self, name: str, module: str, arguments: Sequence[str], environment: Mapping[str, str]) -> None:
        """Start `python -m module` with this environment on top of ours."""
        self.logs.mkdir(parents=True, exist_ok=True)
        out = (self.logs / f"{name}.log").open("ab")
        self.files.append(out)
        self.running[name] = subprocess.Popen(
            [sys.executable, "-m", module, *arguments],
            stdout=out,
            stderr=subprocess.STDOUT,
            env={**os.environ, **environment},
            preexec_fn=_die_with_parent,
        )

    def wait_for(self, name: str, url: str, *, seconds: float = 120.0) -> None:
        """Wait until the process answers at this URL.

        Raises:
            ProcessDied: it stopped, or did not answer in time.
        """
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            self.check()
            try:
                if httpx.get(url, timeout=5.0, trust_env=False).status_code < 500:
                    return
            except httpx.HTTPError:
                time.sleep(0.1)
        raise ProcessDied(f"{name} did not answer within {seconds:.0f} s; see {self.logs / name}.log")

    def check(self) -> None:
        """Raise if one of them is gone.

        Raises:
            ProcessDied: naming it.
        """
        for name, process in self.running.items():
            if process.poll() is not None:
                raise ProcessDied(
                    f"{name} stopped with code {process.returncode}; see {self.logs / name}.log. "
                    "The run can be completed with the same DATA."
                )

    def stop(self) -> None:
        """Stop all, last started first; those that do not listen are killed."""
        for process in reversed(self.running.values()):
            if process.poll() is None:
                process.send_signal(signal.SIGTERM)
        for process in reversed(self.running.values()):
            try:
                process.wait(20)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait(5)
        for file in self.files:
            file.close()


def _die_with_parent() -> None:
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGTERM)
