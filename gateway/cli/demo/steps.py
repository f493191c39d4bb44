"""The steps of seed A in their order: who acts, and what a person is told."""

import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from threading import Thread

import httpx

from .choices import Choices, Ports
from .processes import ProcessDied, Processes

POLL_S = 0.1
STEP_S = 3 * 3600.0  # the longest a step of the sandbox may take, with 50,000 people


@dataclass(frozen=True, slots=True)
class Step:
    """One step. `registry` names a step of the registry's command line, `sandbox` one of its control paths."""

    number: str
    title: str
    registry: Sequence[str] = ()
    sandbox: Sequence[str] = ()


STEPS: tuple[Step, ...] = (
    Step(
        "0",
        "Consents given at registration are recorded; the ESS subscribes, and the board to reports that are late",
        ("load", "consents"),
        ("subscribe", "board"),
    ),
    Step("1", "The data manager extracts the members flagged not employed", ("extract",)),
    Step("1b", "National ID confirms who they are, civil registration that they live", ("identity", "civil")),
    Step("2", "Pension fund and tax office are asked for the last months of work", ("pension", "tax")),
    Step("3", "The school register is asked who is ready and who needs training first", ("education", "enrolled")),
    Step("4", "The rule makes the list of beneficiaries with productive potential", ("list",)),
    Step("5", "The planning department reviews; the list is pushed, one item per person", ("review", "push")),
    Step("6", "The ESS segments the list by place", (), ("segment",)),
    Step("7", "Each local office gets its own people, and nobody else's", (), ("offices",)),
    Step("8", "Offices alert people by SMS, WhatsApp and call", (), ("alerts",)),
    Step("X", "Counsellors verify at outreach what no register could tell; findings return", (), ("counsel",)),
    Step("9", "The ESS tells who enrolled; the registry also asks by itself", ("enrolments",), ()),
    Step("U", "Programme updates both ways; a death reaches programme and ESS", ("updates",), ()),
    Step("V", "Monthly compliance check on a statutory basis: notice, and a person decides", ("compliance",)),
    Step("C", "The treasury's alerts of late reports reach the board; control report", ("control",)),
)
# what the agencies do before the registry's part of a step
BEFORE: Mapping[str, Sequence[str]] = {
    "9": ("enrol",),
    "U": ("progress", "watch", "death", "mourn"),
    "C": ("late_reports",),
}


@dataclass(slots=True)
class Stage:
    """Runs steps against the processes of a demo and keeps their times."""

    chosen: Choices
    ports: Ports
    processes: Processes
    environment: Mapping[str, str]
    seconds: dict[str, float] = field(default_factory=dict)

    def play(self, step: Step) -> None:
        """Run one step, telling what happens as it happens.

        Raises:
            ProcessDied: a process of the demo is gone, or the step failed.
        """
        print(f"\n{step.number:>3}  {step.title}", flush=True)
        begun = time.perf_counter()
        for action in BEFORE.get(step.number, ()):
            self._sandbox(action)
        for action in step.registry:
            self._registry(action)
        for action in step.sandbox:
            self._sandbox(action)
        self.seconds[step.number] = round(time.perf_counter() - begun, 3)

    def _registry(self, action: str) -> None:
        self.processes.check()
        command = [sys.executable, "-m", "registry", "step", action, "--data", str(self.chosen.data / "registry")]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=dict(self.environment)) as running:
            showing = Thread(target=_show, args=(running.stdout,))
            showing.start()
            try:
                self._until(lambda: running.poll() is not None)
            except BaseException:
                running.kill()
                raise
            finally:
                showing.join()
        if running.returncode:
            self.processes.check()
            raise ProcessDied(f"the registry's step {action} failed; run again with DATA={self.chosen.data} to go on")

    def _sandbox(self, action: str) -> None:
        self.processes.check()
        url = f"http://127.0.0.1:{self.ports.sandbox}/control/steps/{action}"
        answers: list[httpx.Response | httpx.HTTPError] = []
        asking = Thread(target=_ask, args=(url, answers), daemon=True)
        asking.start()
        self._until(lambda: not asking.is_alive())
        answer = answers[0]
        if isinstance(answer, httpx.HTTPError) or answer.is_error:
            raise ProcessDied(f"the sandbox's step {action} failed; see {self.processes.logs / 'sandbox.log'}")
        for line in told(answer.json()):
            print(f"       {line}", flush=True)

    def _until(self, done: Callable[[], bool]) -> None:
        """Wait, and notice at once when a process of the demo dies meanwhile."""
        while not done():
            self.processes.check()
            time.sleep(POLL_S)


def _show(lines: Iterable[str] | None) -> None:
    for line in lines or ():
        print(f"       {line.rstrip()}", flush=True)


def _ask(url: str, answers: list[httpx.Response | httpx.HTTPError]) -> None:
    try:
        answers.append(httpx.post(url, timeout=STEP_S, trust_env=False))
    except httpx.HTTPError as error:
        answers.append(error)


def told(summary: Mapping[str, object]) -> list[str]:
    """`{"sent": 3, "states": {"ok": 2}}` -> `sent 3`, `states: ok 2`."""
    return [
        f"{name}: {', '.join(f'{key} {value}' for key, value in content.items()) or 'nothing'}"
        if isinstance(content, Mapping)
        else f"{name} {content}"
        for name, content in summary.items()
    ]


def truth_lines(chosen: Choices, environment: Mapping[str, str], out: Path) -> None:
    """Write register truth beside the run, as the sandbox computes it by itself."""
    command = [sys.executable, "-m", "sandbox", "truth", "--json"]
    command += ["--people", str(chosen.people), "--seed", str(chosen.seed), "--date", chosen.day.isoformat()]
    command += [part for name in sorted(chosen.without) for part in ("--without", name)]
    with out.open("wb") as file:
        subprocess.run(command, stdout=file, env=dict(environment), check=True)
