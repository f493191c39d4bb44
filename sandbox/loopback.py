"""Listening on loopback, and one ASGI app served there from a thread of its own as long as a `with` block lasts."""

import asyncio
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

import uvicorn
from starlette.types import ASGIApp

HOST = "127.0.0.1"
BACKLOG = 512


def listening(port: int = 0) -> socket.socket:
    """A listening socket; 0 takes a free port. Raises OSError: the port is taken.

    Its connections do not wait to fill packets (RFC 9293, section 3.7.4). asyncio sees to that only for sockets that it
    opens itself; without, each answer comes 40 ms late: its body waits until the head of it is acknowledged.
    """
    opened = socket.create_server((HOST, port), backlog=BACKLOG)
    opened.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return opened


class DidNotStart(RuntimeError):
    """The server was not up within ten seconds."""


@contextmanager
def serving(app: ASGIApp) -> Iterator[str]:
    """Yield the base URL, `http://127.0.0.1:<port>`, of the served app.

    Raises:
        DidNotStart: see the class.
    """
    listener = listening()
    config = uvicorn.Config(app, log_level="error", lifespan="off", access_log=False, ws="none", loop="asyncio")
    server = uvicorn.Server(config)
    thread = threading.Thread(target=lambda: asyncio.run(server.serve(sockets=[listener])), daemon=True)
    thread.start()
    try:
        _wait_until_started(server)
        yield f"http://{HOST}:{listener.getsockname()[1]}"
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
