"""Seed A as the demo plays it, step by step, so that a test can do something in between."""

import asyncio
import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sandhi_client import Client

from gateway.cli.demo.choices import Choices, choices, free_ports, ports_of
from gateway.cli.demo.command import gateway_environment, registry_environment, start_all
from gateway.cli.demo.onboarding import onboard
from gateway.cli.demo.processes import Processes
from gateway.cli.demo.report import gateway_figures, registry_figures
from gateway.cli.demo.steps import STEPS, Stage, truth_lines
from gateway.settings import Settings


@dataclass(frozen=True, slots=True)
class Play:
    """One run: its choices, its processes, and the stage that plays steps."""

    chosen: Choices
    processes: Processes
    stage: Stage
    environment: dict[str, str]

    def play(self, first: str, last: str) -> None:
        """The steps from one to another, both included, by their numbers."""
        numbers = [step.number for step in STEPS]
        for step in STEPS[numbers.index(first) : numbers.index(last) + 1]:
            self.stage.play(step)

    def lines(self) -> dict[str, tuple[str, list[str]]]:
        """The registry's list: member id -> outcome and reasons."""
        return _by_id(self.chosen.data / "list.jsonl")

    def truth(self) -> dict[str, tuple[str, list[str]]]:
        """The same as the sandbox computes it."""
        path = self.chosen.data / "truth.jsonl"
        truth_lines(self.chosen, self.stage.environment, path)
        return _by_id(path)

    def figures(self) -> dict[str, Any]:
        """The registry's and the gateway's part of the report."""
        figures = registry_figures(self.chosen.data, self.stage.environment)
        return figures | gateway_figures(self.environment)

    def client(self, name: str) -> Client:
        """The SDK as one of the systems."""
        return Client.from_file(self.chosen.data / "clients" / f"{name}.json")

    def intake(self) -> list[dict[str, Any]]:
        """The registry's own records of its people."""
        path = self.chosen.data / "sandbox" / "registrations.jsonl"
        return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


@contextmanager
def playing(data: Path, *, people: int, port: int | None = None, without: str = "", seed: int = 7) -> Iterator[Play]:
    """Everything started, nothing played; stopped at the end."""
    variables = {"PEOPLE": str(people), "SEED": str(seed), "DATA": str(data), "WITHOUT": without}
    chosen = choices({**variables, "PORT": str(port or free_ports(1)[0])})
    ports = ports_of(chosen)
    environment = gateway_environment(chosen, ports)
    asyncio.run(onboard(Settings.read(environment), ports, chosen.day))
    processes = Processes(chosen.data / "logs")
    try:
        start_all(chosen, ports, processes, environment)
        stage = Stage(chosen, ports, processes, registry_environment(chosen, ports))
        yield Play(chosen, processes, stage, environment)
    finally:
        processes.stop()


def _by_id(path: Path) -> dict[str, tuple[str, list[str]]]:
    lines = (json.loads(line) for line in path.read_text(encoding="utf-8").splitlines())
    return {line["id"]: (line["outcome"], line["reasons"]) for line in lines}
