"""Tools from npm for the nightly proofs: an exact version, into a folder of the run, started and waited for."""

import asyncio
import shutil
import subprocess
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from gateway.cli.demo.choices import free_ports

INSTALL = "apt-get install -y npm"


def installed(package: str, version: str, command: str, folder: Path) -> Path:
    """The command of a package, installed into the folder; without npm or its registry the test fails."""
    if not shutil.which("npm"):
        pytest.fail(f"this proof needs npm; run: {INSTALL}", pytrace=False)
    wanted = ["npm", "install", "--no-save", "--no-audit", "--no-fund", "--prefix", str(folder), f"{package}@{version}"]
    done = subprocess.run(wanted, cwd=folder, capture_output=True, text=True, check=False, timeout=280)
    assert done.returncode == 0, f"{' '.join(wanted)}\n{done.stderr}"
    return folder / "node_modules/.bin" / command


@asynccontextmanager
async def running(*command: str | Path, log: Path) -> AsyncIterator[int]:
    """Run a server, `{port}` among its words filled in, until the block ends; gives the port once it listens."""
    (port,) = free_ports(1)
    with log.open("wb") as out:
        words = [str(word).replace("{port}", str(port)) for word in command]
        process = await asyncio.create_subprocess_exec(*words, stdout=out, stderr=out)
        try:
            assert await _listens(port, process), f"it did not start; see {log}"
            yield port
        finally:
            if process.returncode is None:
                process.terminate()
            await asyncio.wait_for(process.wait(), 20)


async def _listens(port: int, process: asyncio.subprocess.Process) -> bool:
    for _ in range(300):
        if process.returncode is not None:
            return False
        try:
            _, writer = await asyncio.open_connection("127.0.0.1", port)
        except OSError:
            await asyncio.sleep(0.1)
            continue
        writer.close()
        return True
    return False
