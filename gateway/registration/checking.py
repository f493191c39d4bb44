"""Static checks and the dry run of a folder, in a sealed process with a budget (`adapters/kit/sealed_check.py`)."""

import asyncio
import logging
import signal
import sys
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import orjson

from . import folder
from .errors import AdapterRefused, Fault
from .folder import Files

logger = logging.getLogger("sandhi.registration")

STATIC_S, DRY_S = 6.0, 45.0  # by the clock; the processor's budget is counted in the sealed process, and is smaller
MOST_FAULTS = 50
JUDGE = "adapters.kit.sealed_check"
CUT = frozenset({-signal.SIGKILL, -signal.SIGXCPU})  # what the kernel does at the processor's limit
SPENT = frozenset({"MemoryError", "RecursionError"})  # how Python ends at the limit of memory, or of the stack


@dataclass(frozen=True, slots=True)
class Declared:
    """What a good folder says about itself. `references` is key -> `setting:NAME` or `secret:NAME`; none where the
    agency runs the folder itself (`connector`).
    """

    id: str
    name: str
    transport: str
    references: Mapping[str, str]
    services: Mapping[str, Mapping[str, Any]]
    connector: bool = False

    def needed(self) -> frozenset[str]:
        """Names of the addresses and secrets that it must be given before it can be asked."""
        return frozenset(each.partition(":")[2] for each in self.references.values())


@dataclass(frozen=True, slots=True)
class Result:
    """One promise of the conformance suite. `fault` is None where it holds."""

    check: str
    fault: str | None
    ms: int


@dataclass(frozen=True, slots=True)
class Trial:
    """A dry run: every promise of the suite, and what the samples cover; see `grading`."""

    results: tuple[Result, ...] = ()
    unshown: tuple[str, ...] = ()
    never_failing: tuple[str, ...] = ()
    unchecked: tuple[str, ...] = ()
    readme: bool = False
    exempt: Mapping[str, str] = field(default_factory=dict)


async def judged(files: Files) -> Declared:
    """Judge every file as text; nothing is fetched, and what takes too long is cut.

    Raises:
        AdapterRefused: with file, line and rule of each fault; `too_slow` where the budget was spent, `not_judged`
            where the judge itself broke.
    """
    with tempfile.TemporaryDirectory(prefix="sandhi-adapter-") as root:
        home = Path(root) / _id_in(files)
        folder.written_to(home, files)
        found = await _sealed("static", home, STATIC_S)
    if found is None:
        raise AdapterRefused([Fault("folder", "too_slow", "judging it takes too long or too much; say it simpler")])
    if found["faults"]:
        raise AdapterRefused([Fault(**each) for each in found["faults"][:MOST_FAULTS]])
    named = (found[name] for name in ("id", "name", "transport", "references", "services", "connector"))
    return Declared(*named)


async def dry_run(home: Path) -> Trial:
    """Run the conformance suite against the folder's own samples and against agencies that misbehave.

    Raises:
        AdapterRefused: `too_slow`: the budget was spent; `not_judged`: the judge itself broke.
    """
    found = await _sealed("dry", home, DRY_S)
    if found is None:
        raise AdapterRefused(
            [Fault("samples", "too_slow", "the dry run takes too long; bring fewer or smaller samples")]
        )
    return trial_of(found)


async def shown(home: Path) -> list[dict[str, Any]]:
    """What the folder does with its own samples: request, answer, and the record or the error.

    Raises:
        AdapterRefused: a sample cannot be shown, the budget was spent, or the judge itself broke (`not_judged`).
    """
    found = await _sealed("shown", home, DRY_S)
    if found is None or found["samples"] is None:
        raise AdapterRefused([Fault("samples", "sample", "the samples cannot be read; see the faults of the dry run")])
    return list(found["samples"])


def trial_of(found: Mapping[str, Any]) -> Trial:
    """A dry run as the sealed process tells it, or as it was kept."""
    results = tuple(Result(each["check"], each["fault"], each["ms"]) for each in found["results"])
    unshown, never, unchecked = (tuple(found[name]) for name in ("unshown", "never_failing", "unchecked"))
    return Trial(results, unshown, never, unchecked, found["readme"], found["exempt"])


async def _sealed(mode: str, home: Path, seconds: float) -> dict[str, Any] | None:
    """What the sealed process found; None: it was cut, by the clock or by a limit of processor or memory.

    Raises:
        AdapterRefused: `not_judged`: it did not start, or died of an error of ours; the operator's log says which.
    """
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-I",
        "-m",
        JUDGE,
        mode,
        str(home),
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        env={},
    )
    try:
        async with asyncio.timeout(seconds):
            told, failed = await process.communicate()
    except TimeoutError:
        return None
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    if process.returncode == 0:
        found: dict[str, Any] = orjson.loads(told)
        return found
    fault = failed.decode(errors="replace").strip().rpartition("\n")[2]
    if process.returncode in CUT or fault.partition(":")[0] in SPENT:
        logger.warning("judging a folder (%s) was cut: status %s %s", mode, process.returncode, fault[:200])
        return None
    logger.error("the judge of folders broke (%s): status %s %s", mode, process.returncode, fault[:200])
    raise AdapterRefused([Fault("folder", "not_judged", "the judge did not start; tell the operator")])


def _id_in(files: Files) -> str:
    """The id that the manifest names, for the folder's name; the manifest itself is judged later."""
    for line in files[folder.MANIFEST].decode().splitlines():
        name, _, value = line.partition("=")
        if name.strip() == "id":
            told = value.partition("#")[0].strip().strip("\"'")
            return told if told.isascii() and told.replace("_", "").isalnum() and len(told) <= 40 else "unnamed"
    return "unnamed"
