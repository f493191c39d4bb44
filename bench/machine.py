"""The machine: which core does what, and what is written beside the figures."""

import os
import platform
import re
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

PACKAGES = ("uvicorn", "uvloop", "fastapi", "httpx", "aiohttp", "sqlalchemy", "asyncpg", "cryptography", "orjson")


@dataclass(frozen=True, slots=True)
class Cores:
    """Who runs where. With fewer than four cores nobody is pinned, and the ratios say less."""

    server: frozenset[int]
    load: tuple[frozenset[int], ...]  # one set a load process
    backend: frozenset[int]
    database: frozenset[int]
    pinned: bool

    @classmethod
    def here(cls) -> "Cores":
        """A layout for the cores this process may use."""
        return layout(sorted(os.sched_getaffinity(0)))


def layout(cores: Sequence[int]) -> Cores:
    """Server on the first core, load on the next two, backend on the fourth, database beside load and backend."""
    if len(cores) < 4:
        everything = frozenset(cores)
        return Cores(everything, (everything, everything), everything, everything, pinned=False)
    first, second, third, fourth = cores[:4]
    return Cores(
        frozenset({first}),
        (frozenset({second}), frozenset({third})),
        frozenset({fourth}),
        frozenset({second, third, fourth}),
        pinned=True,
    )


def described(cores: Cores) -> dict[str, object]:
    """What a reader needs to judge the absolute numbers. No host name, no path."""
    return {
        "system": f"{platform.system()} {platform.machine()}",
        "processor": _processor(),
        "cores": os.cpu_count(),
        "memory_gb": round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30),
        "load_before": round(os.getloadavg()[0], 2),
        "pinned": cores.pinned,
    }


def versions() -> dict[str, str]:
    """Of what was measured and of what stands beside it."""
    found = {"python": platform.python_version(), **{name: version(name) for name in PACKAGES}}
    return found | {"nginx": _program("nginx", "-v"), "wrk": _program("wrk", "-v")}


def memory_mb(pid: int) -> float:
    """Resident memory of a process in MB."""
    status = Path(f"/proc/{pid}/status").read_text(encoding="ascii")
    found = re.search(r"VmRSS:\s+(\d+) kB", status)
    return int(found.group(1)) / 1024 if found else 0.0


def _processor() -> str:
    try:
        text = Path("/proc/cpuinfo").read_text(encoding="utf-8")
    except OSError:
        return platform.processor()
    found = re.search(r"model name\s*:\s*(.+)", text)
    return found.group(1) if found else platform.processor()


def _program(name: str, flag: str) -> str:
    done = subprocess.run([name, flag], capture_output=True, text=True, check=False)
    found = re.search(r"\d+\.\d+(\.\d+)?", done.stdout + done.stderr)
    return found.group(0) if found else "unknown"
