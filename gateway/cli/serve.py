"""`sandhi serve` and `sandhi worker`."""

import asyncio
import gc
import logging
import signal
from contextlib import suppress
from pathlib import Path
from typing import Annotated

import typer
import uvloop

from ..app import build_app
from ..edges.dci.answers import answer_later
from ..normalising import Unmapped
from ..settings import SettingError, Settings
from ..tls.listener import Listener
from ..wiring import open_services
from ..working import keep_register_fresh
from .logs import write_logs
from .outcome import told_plainly

Port = Annotated[int | None, typer.Option(help="Port to listen on; SANDHI_PORT otherwise.")]
Host = Annotated[str | None, typer.Option(help="Address to listen on; SANDHI_HOST otherwise.")]
Uds = Annotated[
    Path | None, typer.Option(help="Unix socket to listen on, for the proxy that ends the TLS; SANDHI_UDS otherwise.")
]


def serve(port: Port = None, host: Host = None, uds: Uds = None) -> None:
    """Run the gateway: all edges, and the worker unless SANDHI_WORKER says otherwise.

    In the clear for a laptop; with TLS of its own where SANDHI_TLS_CERT names a certificate; behind a proxy that ends
    the TLS where SANDHI_UDS or SANDHI_EDGE_SECRET is set. `sandhi config show` has every setting with its help.
    """
    given = {"PORT": str(port) if port else None, "HOST": host, "UDS": str(uds) if uds else None}
    with told_plainly():
        settings = Settings.read(overrides={name: value for name, value in given.items() if value})
        write_logs(settings["LOG_LEVEL"])
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            runner.run(_serve(settings))


def worker() -> None:
    """Run jobs only, beside `serve` processes that share the PostgreSQL database."""
    with told_plainly():
        settings = Settings.read()
        if settings.database_url.startswith("sqlite"):
            raise SettingError("SQLite is for one process, where the worker runs inside `sandhi serve`; use PostgreSQL")
        write_logs(settings["LOG_LEVEL"])
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            runner.run(_work(settings))


async def _serve(settings: Settings) -> None:
    listener = Listener.of(settings)
    async with open_services(settings, writing=True) as services:
        spare_collector()
        await listener.serve(build_app(services), ready=lambda address: print(f"ready {address}", flush=True))


def spare_collector() -> None:
    """What start-up made stays for good: the garbage collector need not look at it again at every turn."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 20, 50)


async def _work(settings: Settings) -> None:
    async with open_services(settings) as services:
        answer_later(services)
        spare_collector()
        fresh = asyncio.create_task(keep_register_fresh(services.trust))
        codes = asyncio.create_task(Unmapped(services.db, services.log, services.catalogue).run())
        running = asyncio.create_task(services.worker.run())
        for stop in (signal.SIGINT, signal.SIGTERM):
            asyncio.get_running_loop().add_signal_handler(stop, running.cancel)
        logging.getLogger("sandhi").info("worker runs")
        with suppress(asyncio.CancelledError):
            await running
        fresh.cancel()
        codes.cancel()
