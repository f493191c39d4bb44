"""The whole sandbox in one process: all agencies on one HTTP port, the pension fund on an SFTP port.

Before it is ready it writes `settings.json` (what the agencies issued to their clients; secrets inside, readable by
the owner only) and `registrations.jsonl` (the social registry's intake) into its folder.
"""

import asyncio
import json
import logging
import os
import signal
import socket
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import date
from functools import partial
from pathlib import Path

import orjson
import uvicorn

from .agencies.offices import admit_counsellors
from .assembly import Assembly, Places
from .lines import registration
from .loopback import HOST, listening
from .world import Registers


def serve(
    *, people: int, seed: int, date: date, data: Path, clients: Path, gateway: str, port: int, sftp_port: int
) -> None:
    """Run all agencies until SIGINT or SIGTERM.

    Args:
        clients: folder of the credentials files the agencies call the gateway with; may be filled later.
        port, sftp_port: 0 takes a free one.

    Raises:
        OSError: a port is taken.
    """
    logging.basicConfig(level=logging.WARNING, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    data.mkdir(parents=True, exist_ok=True, mode=0o700)
    with listening(port) as listener:
        places = Places(data, clients, gateway, f"http://{HOST}:{listener.getsockname()[1]}", sftp_port)
        registers = Registers(people, seed, date)
        write_intake(registers, data / "registrations.jsonl")
        admit_counsellors(places.folder("offices"))
        assembly = Assembly(registers, places, issued=partial(write_settings, path=data / "settings.json"))
        asyncio.run(_run(assembly, listener))


async def _run(assembly: Assembly, listener: socket.socket) -> None:
    config = uvicorn.Config(
        assembly.app, log_level="warning", access_log=False, ws="none", lifespan="on", timeout_graceful_shutdown=5
    )
    server = _Server(config)
    loop = asyncio.get_running_loop()
    for each in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(each, server.stop)
    await server.serve(sockets=[listener])


class _Server(uvicorn.Server):
    """uvicorn, but a stop that was asked for is no failure, so the process does not end by its signal."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Signals are handled by `stop`."""
        yield

    def stop(self) -> None:
        """Finish what is being answered; a second call does not wait for it."""
        self.force_exit = self.should_exit
        self.should_exit = True


def write_intake(registers: Registers, path: Path) -> None:
    """The social registry's member records, one JSON object a line, by member id."""
    records = sorted(registers.registrations().items())
    lines = (orjson.dumps(registration(record), option=orjson.OPT_APPEND_NEWLINE) for _, record in records)
    draft = path.with_suffix(".new")
    with draft.open("wb") as file:
        file.writelines(lines)
    draft.replace(path)


def write_settings(settings: Mapping[str, str], path: Path) -> None:
    """`settings.json`: flat, texts by name."""
    draft = path.with_suffix(".new")
    with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", encoding="utf-8") as file:
        json.dump({name: str(settings[name]) for name in sorted(settings)}, file, indent=2)
    draft.replace(path)
