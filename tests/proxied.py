"""HAProxy with the configuration in `deploy/haproxy`, as it is, in front of a gateway's Unix socket."""

import asyncio
import os
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from tests.listening import free_port, listening
from tests.small_ca import SmallCa

CONFIGURATION = Path("deploy/haproxy/haproxy.cfg")
HAPROXY = shutil.which("haproxy", path=os.environ["PATH"] + ":/usr/sbin")


@asynccontextmanager
async def edge(app: Any, authority: SmallCa, folder: Path, parser: str = "httptools") -> AsyncIterator[int]:
    """Gateway and HAProxy; gives HAProxy's port."""
    assert HAPROXY, "HAProxy is missing: apt-get install -y haproxy"
    port, gateway = free_port(), folder / "gateway.sock"
    async with listening(app, folder, {"UDS": str(gateway), "HTTP_PARSER": parser}):
        assert gateway.stat().st_mode & 0o777 == 0o660
        environment = {
            "SANDHI_EDGE_BIND": f"127.0.0.1:{port}",
            "SANDHI_EDGE_CERT": str(authority.server().path),
            "SANDHI_EDGE_CLIENT_CA": str(authority.path),
            "SANDHI_EDGE_SOCKET": str(gateway),
        }
        running = await asyncio.create_subprocess_exec(HAPROXY, "-db", "-q", "-f", str(CONFIGURATION), env=environment)
        try:
            await _reachable(port)
            yield port
        finally:
            running.terminate()
            await running.wait()


async def _reachable(port: int) -> None:
    for _ in range(200):
        try:
            _, writer = await asyncio.open_connection("127.0.0.1", port)
        except OSError:
            await asyncio.sleep(0.02)
        else:
            writer.close()
            return
    raise AssertionError("HAProxy does not listen")
