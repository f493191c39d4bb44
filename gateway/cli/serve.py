"""`sandhi serve` and `sandhi worker`."""

import asyncio
import gc
import logging
import signal
from contextlib import suppress
from typing import Annotated, Literal

import typer
import uvicorn
import uvloop

from ..app import build_app
from ..settings import SettingError, Settings
from ..wiring import keep_register_fresh, open_services
from .logs import write_logs
from .outcome import told_plainly

Port = Annotated[int | None, typer.Option(help="Port to listen on; SANDHI_PORT otherwise.")]
Host = Annotated[str | None, typer.Option(help="Address to listen on; SANDHI_HOST otherwise.")]


def serve(port: Port = None, host: Host = None) -> None:
    """Run the gateway: all edges, and the worker unless SANDHI_WORKER says otherwise."""
    given = {"PORT": str(port) if port else None, "HOST": host}
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
    async with open_services(settings, writing=True) as services:
        _spare_collector()
        config = uvicorn.Config(
            build_app(services),
            host=settings["HOST"],
            port=int(settings["PORT"]),
            http=_parser(settings["HTTP_PARSER"]),
            log_config=None,
            access_log=False,  # paths may hold identifiers where a published contract wants them there
            server_header=False,
            timeout_graceful_shutdown=10,
        )
        await uvicorn.Server(config).serve()


def _spare_collector() -> None:
    """What start-up made stays for good: the garbage collector need not look at it again at every turn."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 20, 50)


def _parser(name: str) -> Literal["h11", "httptools"]:
    if name not in {"h11", "httptools"}:
        raise SettingError("SANDHI_HTTP_PARSER is h11 or httptools")
    return "httptools" if name == "httptools" else "h11"


async def _work(settings: Settings) -> None:
    async with open_services(settings) as services:
        fresh = asyncio.create_task(keep_register_fresh(services.trust))
        running = asyncio.create_task(services.worker.run())
        for stop in (signal.SIGINT, signal.SIGTERM):
            asyncio.get_running_loop().add_signal_handler(stop, running.cancel)
        logging.getLogger("sandhi").info("worker runs")
        with suppress(asyncio.CancelledError):
            await running
        fresh.cancel()
