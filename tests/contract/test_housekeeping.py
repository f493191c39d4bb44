"""What a gateway does by itself every few minutes: a fault in one duty leaves the others done."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from audit import Entry, Wanted, new_id
from gateway import working
from gateway.settings import Settings
from gateway.wiring import Services
from tests.migrated import services_on_tables

PATIENCE_S = 30


def intent(at: datetime) -> Entry:
    """Of an exchange whose process died."""
    id_ = new_id(at)
    facts = {"exchange_id": str(id_), "consumer": "LK/GOV/WBB/SRIS", "service": "pension.x", "purpose": "p"}
    return Entry(id_, "exchange.intent", at, facts)


async def until(said: Callable[[], Awaitable[bool]]) -> None:
    async with asyncio.timeout(PATIENCE_S):
        while not await said():
            await asyncio.sleep(0.02)


async def test_a_fault_in_one_duty_leaves_the_others_done(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    async def broken(_: object) -> None:
        raise ValueError("made by the test")

    monkeypatch.setattr(working, "HOUSEKEEPING_S", 0.05)
    async with services_on_tables(Settings.read({"SANDHI_DATA_DIR": str(tmp_path / "data")})) as services:
        monkeypatch.setattr(type(services.batches), "erase_expired", broken)
        async with working.working(services):
            dead = intent(datetime.now(UTC) - timedelta(hours=1))
            await services.log.append(dead)
            await until(lambda: _ended(services, dead))
    assert "_forget_expired" in caplog.text


async def _ended(services: Services, opened: Entry) -> bool:
    wanted = Wanted(facts=(("exchange_id", str(opened.id)),), kind="exchange.outcome")
    return bool(await services.log.search(wanted))
