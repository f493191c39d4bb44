"""What the person chose: environment variables of `make demo`, or options of the command."""

import json
import os
import socket
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import typer

from adapters.kit import discovery

from ...settings import SettingError


@dataclass(frozen=True, slots=True)
class Choices:
    """One run of the demo. `resumed`: the data directory holds an earlier run, which is completed."""

    people: int
    seed: int
    day: date
    port: int
    data: Path
    database: str
    report: Path | None
    without: frozenset[str]
    keep: bool
    resumed: bool

    @property
    def gateway(self) -> str:
        """Base URL of the gateway."""
        return f"http://127.0.0.1:{self.port}"


@dataclass(frozen=True, slots=True)
class Ports:
    """Where the other processes listen; kept with the data, because callbacks are registered with them."""

    sandbox: int
    sftp: int
    registry: int


def choices(environment: Mapping[str, str] | None = None) -> Choices:
    """Read the variables of `make demo` (`PEOPLE`, `SEED`, `DATE`...); empty means default.

    Raises:
        BadParameter: a value cannot be meant like this (exit code 2).
    """
    found = {name: value for name, value in (os.environ if environment is None else environment).items() if value}
    people, seed, port = _whole(found, "PEOPLE", 2000, 1), _whole(found, "SEED", 7, 0), _whole(found, "PORT", 8080, 1)
    day, without = _day(found.get("DATE", "2026-10-31")), _adapters(found.get("WITHOUT", ""))
    data = Path(found["DATA"] if "DATA" in found else tempfile.mkdtemp(prefix="sandhi-")).resolve()
    data.mkdir(parents=True, exist_ok=True, mode=0o700)
    return Choices(
        people=people,
        seed=seed,
        day=day,
        port=port,
        data=data,
        database=found.get("DB", ""),
        report=Path(found["JSON"]).resolve() if "JSON" in found else None,
        without=without,
        keep=found.get("KEEP", "") not in {"", "0"},
        resumed=(data / "demo.json").exists(),
    )


MOST = {"PEOPLE": 1_000_000, "SEED": 2**32 - 1, "PORT": 65535}


def _whole(found: Mapping[str, str], name: str, default: int, least: int) -> int:
    text = found.get(name, str(default))
    if text.isascii() and text.isdigit() and least <= int(text) <= MOST[name]:
        return int(text)
    raise typer.BadParameter(f"{name} is a whole number from {least} to {MOST[name]}, not {text!r}")


def _day(text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise typer.BadParameter(f"DATE is a day, YYYY-MM-DD, not {text!r}") from None


def _adapters(text: str) -> frozenset[str]:
    named, known = frozenset(part.strip() for part in text.split(",")) - {""}, discovery.discover()
    if named <= known.keys():
        return named
    unknown = ", ".join(sorted(named - known.keys()))
    raise typer.BadParameter(f"WITHOUT: no adapter {unknown}; there are {', '.join(sorted(known))}")


def check_port(port: int) -> None:
    """Notice a taken port before anything starts.

    Raises:
        SettingError: somebody listens on it.
    """
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # connections that linger do not matter
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            raise SettingError(
                f"port {port} is taken; stop what listens on it, or choose another with PORT=..."
            ) from None


def ports_of(chosen: Choices) -> Ports:
    """The ports of this data directory: those of the earlier run, or free ones, which are then kept.

    Raises:
        SettingError: the data directory holds a run of other people, another seed or another day.
    """
    path = chosen.data / "demo.json"
    run = {"people": chosen.people, "seed": chosen.seed, "date": chosen.day.isoformat(), "port": chosen.port}
    if path.exists():
        kept = json.loads(path.read_text(encoding="utf-8"))
        if kept["run"] != run:
            raise SettingError(f"{chosen.data} holds the run {kept['run']}; give the same values, or another DATA")
        return Ports(**kept["ports"])
    ports = Ports(*free_ports(3))
    kept_ports = {"sandbox": ports.sandbox, "sftp": ports.sftp, "registry": ports.registry}
    path.write_text(json.dumps({"run": run, "ports": kept_ports}, indent=2), encoding="utf-8")
    return ports


def free_ports(count: int) -> list[int]:
    """Ports that nobody listens on now."""
    sockets = [socket.socket() for _ in range(count)]
    try:
        for each in sockets:
            each.bind(("127.0.0.1", 0))
        return [int(each.getsockname()[1]) for each in sockets]
    finally:
        for each in sockets:
            each.close()
