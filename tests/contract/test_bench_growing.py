"""What the benchmark brings into a log at once is a log: checked whole, searched, and gone on with."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from sqlalchemy import insert

from audit import Entry, Log, Wanted, new_id
from audit.fsck import fsck
from audit.stored import logs_in
from audit.tables import log_head
from bench.growing import Exchange, grow
from gateway.settings import Settings
from gateway.wiring import Services, open_services


@pytest.fixture
async def services(tmp_path: Path, postgres_url: str) -> AsyncIterator[Services]:
    variables = {"SANDHI_DATA_DIR": str(tmp_path), "SANDHI_DATABASE_URL": postgres_url}
    async with open_services(Settings.read(variables)) as opened:
        yield opened


def exchange(purpose: str) -> Exchange:
    at = datetime(2026, 1, 1, tzinfo=UTC)
    first = new_id(at)
    facts: dict[str, object] = {"exchange_id": str(first), "purpose": purpose}
    intent = Entry(first, "exchange.intent", at, facts)
    return Exchange((intent, Entry(new_id(at), "exchange.outcome", at, facts | {"outcome": "answered"})))


async def test_a_log_that_was_grown_at_once_is_whole_and_goes_on(services: Services) -> None:
    log: Log = services.log
    before = await log.size()
    async with services.db.write() as connection:  # as the part that measures entries leaves one
        await connection.execute(insert(log_head).values(log_id=77, origin="another", size=0, compact_range=b""))
    await grow(
        services.db, log, [exchange("often"), exchange("often"), exchange("rare")], [f"p{n % 7}" for n in range(300)]
    )
    await log.append(Entry(new_id(), "other", datetime.now(UTC), {}))
    await log.checkpoint()
    report = await log.store.read(lambda connection: fsck(logs_in(connection)[0]))
    assert (report.size, report.findings) == (before + 601, ())
    assert len(await log.search(Wanted(facts=(("purpose", "rare"),), kind="exchange.intent", limit=500))) == 100
    (newest,) = await log.search(Wanted(subject_ref="p6", kind="exchange.outcome", limit=1))
    entry = (await log.find([newest.entry_id]))[0]
    assert (entry.entry.facts["exchange_id"], entry.entry.at) == (newest.facts["exchange_id"], newest.at)
