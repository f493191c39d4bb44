"""Seed A again: whatever is killed in the middle, the run completes. In a file of its own, so that it runs beside."""

import signal
import threading
import time
from contextlib import suppress
from pathlib import Path

import pytest
from flows.plays import Play, playing

from gateway.cli.demo.choices import free_ports
from gateway.cli.demo.processes import ProcessDied

PEOPLE = 150


@pytest.mark.parametrize("victim", ["gateway", pytest.param("all", marks=pytest.mark.nightly)])
def test_killed_in_the_middle_and_started_again_the_run_completes(tmp_path: Path, victim: str) -> None:
    port = free_ports(1)[0]
    for played, step, delay in (("1", "1b", 0.6), ("4", "5", 1.2), ("7", "8", 1.0)):
        with playing(tmp_path, people=PEOPLE, port=port) as play:
            play.play("0", played)
            cut(play, victim, step, delay)
    with playing(tmp_path, people=PEOPLE, port=port) as play:
        play.play("0", "C")
        assert play.lines() == play.truth()
        figures = play.figures()
    assert figures["unexplained"] == 0
    assert figures["log"]["verified"] is True
    assert figures["pushed"] == figures["acknowledged"] == sum(figures["segments"].values())


def cut(play: Play, victim: str, step: str, delay: float) -> None:
    """Play a step and kill processes while it runs; it may have finished by then."""

    def kill() -> None:
        time.sleep(delay)
        for name, process in play.processes.running.items():
            if victim in {name, "all"}:
                process.send_signal(signal.SIGKILL)

    killer = threading.Thread(target=kill)
    killer.start()
    with suppress(ProcessDied):
        play.play(step, step)
    killer.join()
