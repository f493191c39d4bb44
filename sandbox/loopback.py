"""Serve one ASGI app on a free loopback port from a thread of its own, for as long as a `with` block lasts."""

import asyncio
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

import uvicorn
from starlette.types import ASGIApp


class DidNotStart(RuntimeError):
    """The server was not up within ten seconds."""


@contextmanager
def serving(app: ASGIApp) -> Iterator[str]:
    """Yield the base URL, `http://127.0.0.1:<port>`, of the served app.

    Raises:
        DidNotStart: see the class.
    """
    listener = socket.create_server(("127.0.0.1", 0))
    config = uvicorn.Config(app, log_level="error", lifespan="off", access_log=False, ws="none", loop="asyncio")
    server = uvicorn.Server(config)
    thread = threading.Thread(target=lambda: asyncio.run(server.serve(sockets=[listener])), daemon=True)
    thread.start()
    try:
        _wait_until_started(server)
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    finally:
        server.should_exit = True
        thread.join(timeout=10)
        listener.close()


def _wait_until_started(server: uvicorn.Server) -> None:
    deadline = time.monotonic() + 10
    while not server.started:
        if time.monotonic() > deadline:
            raise DidNotStart("the server did not start within ten seconds; see its log above")
        time.sleep(0.005)
