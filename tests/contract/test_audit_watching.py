"""Two gateways witness each other; a fork stops publishing; evidence that grows too old stops exchanges."""

import logging
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import Connection, func, select
from witnessing import Gateway, Net, gateway, two_of_three

from audit import Entry, EntryConflict, FileMemory, Log, LogUnavailable, Signer, new_id
from audit.policy import Policy, policy_text
from audit.proofs import Proof
from audit.rows import insert_rows
from audit.tables import log_watch
from audit.watching import Limits, Watch, cleared
from audit.witness import Asked

NOW = datetime.now(UTC)
Clock = Callable[[], datetime]


@pytest.fixture
async def ours(database_url: str, tmp_path: Path) -> AsyncIterator[Gateway]:
    made = await gateway(database_url, tmp_path, "ours")
    yield made
    await made.log.close()
    await made.db.close()


@pytest.fixture
async def peers(tmp_path: Path, ours: Gateway) -> AsyncIterator[list[Gateway]]:
    made = [
        await gateway(f"sqlite+aiosqlite:///{tmp_path / name}.db", tmp_path, name)
        for name in ("tax", "audit", "health")
    ]
    for each in made:
        each.watches(ours)
    yield made
    for each in made:
        await each.log.close()
        await each.db.close()


def entry(kind: str = "system.registered") -> Entry:
    return Entry(new_id(), kind, datetime.now(UTC), {})


async def test_published_checkpoint_carries_two_of_three(ours: Gateway, peers: list[Gateway]) -> None:
    net = Net(peers)
    watch = Watch(ours.log, two_of_three(peers), (), net.post)
    await watch.begin(NOW)
    net.down = {"health"}
    await watch.once(datetime.now(UTC))
    verifying = Policy.from_text(policy_text(await ours.log.vkeys(), two_of_three(peers)))
    checkpoint, witnesses = verifying.check(await ours.log.published())
    assert {each.name for each in witnesses} == {"tax.example/witness", "audit.example/witness"}
    assert checkpoint.size == 1  # what watches the log is an entry too
    written = entry()
    await ours.log.append(written)
    await watch.once(datetime.now(UTC))
    proof = Proof.from_text(await ours.log.proof(written.id))
    assert verifying.check(proof.checkpoint)[0].size == 2
    proof.verify(written.body(), verifying.logs)


async def test_nothing_is_asked_twice_until_the_log_grows_or_minutes_pass(ours: Gateway, peers: list[Gateway]) -> None:
    net = Net(peers)
    watch = Watch(ours.log, two_of_three(peers), (), net.post)
    for _ in range(3):
        await watch.once(datetime.now(UTC))
    assert net.asked == 3
    await watch.once(datetime.now(UTC) + timedelta(minutes=5))
    assert net.asked == 6


async def test_witness_that_lost_our_answer_is_caught_up_with(ours: Gateway, peers: list[Gateway]) -> None:
    net = Net(peers)
    for n in range(3):
        await ours.log.append(entry())
        if n == 1:  # the witness signs, but its answer never arrives
            note = await ours.log.checkpoint()
            await peers[0].role.add_checkpoint(Asked(0, (), note).body())
    await Watch(ours.log, two_of_three(peers), (), net.post).once(datetime.now(UTC))
    assert net.asked == 4  # one 409 with the size, then again
    assert len(two_of_three(peers).cosigned(await ours.log.published())) == 3


async def test_fork_freezes_publishing_keeps_both_sides_and_a_person_goes_on(
    ours: Gateway, peers: list[Gateway], tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    net = Net(peers)
    watch = Watch(ours.log, two_of_three(peers), (), net.post)
    await ours.log.append(entry())
    await watch.once(datetime.now(UTC))
    before = await ours.log.published()
    twin = await gateway(f"sqlite+aiosqlite:///{tmp_path / 'twin'}.db", tmp_path, "twin")  # a copy of the machine
    signer = Signer(ours.log.origin, ours.key, FileMemory(tmp_path / "copied"))
    copy = await Log.open(twin.db.engine, signer, twin.db.write_lock)
    for _ in range(3):
        await copy.append(entry())
    elsewhere = Watch(copy, two_of_three(peers), (), net.post)
    with caplog.at_level(logging.CRITICAL):
        await elsewhere.once(datetime.now(UTC))
    assert "publishing stops" in caplog.text
    await copy.append(entry())
    frozen = await copy.checkpoint()
    await copy.append(entry())
    assert await copy.checkpoint() == frozen
    assert "another or a longer history" in str(copy.trouble)
    assert not await copy.writable()
    assert await ours.log.published() == before  # the honest one goes on
    assert await cleared(copy, by="officer-1", reason="the copy was switched off", now=datetime.now(UTC)) >= 1
    assert await copy.checkpoint() != frozen
    await copy.close()
    await twin.log.close()
    await twin.db.close()


async def test_evidence_that_grows_old_warns_then_stops_exchanges_and_nothing_else(
    ours: Gateway, peers: list[Gateway], caplog: pytest.LogCaptureFixture
) -> None:
    net = Net(peers)
    watch = Watch(ours.log, two_of_three(peers), (), net.post)
    await watch.begin(NOW)
    await watch.once(datetime.now(UTC))
    net.down = {"tax", "audit"}
    later = datetime.now(UTC) + timedelta(minutes=6)
    assert "cosigned checkpoint is 6 minutes old" in (await watch.once(later)).warnings[0]
    await ours.log.append(entry("exchange.intent"))
    stopped = await watch.once(datetime.now(UTC) + timedelta(hours=4, minutes=1))
    assert stopped.stopped
    with pytest.raises(LogUnavailable, match="too old"):
        await ours.log.append(entry("exchange.intent"))
    async with ours.db.write() as connection:
        with pytest.raises(LogUnavailable, match="too old"):
            await ours.log.append_in(connection, entry("exchange.intent"))
    assert not await ours.log.writable()
    await ours.log.append(entry("exchange.outcome"))  # what has begun may end
    net.down = set()
    assert not (await watch.once(datetime.now(UTC))).stopped
    await ours.log.append(entry("exchange.intent"))


async def test_what_watches_the_log_and_its_entry_stand_or_fall_together(ours: Gateway) -> None:
    count = select(func.count()).select_from(log_watch)
    row = (ours.log.shard.log_id, 1, "config")

    def inserted(connection: Connection) -> int:
        insert_rows(connection, log_watch, [row])
        return int(connection.execute(count).scalar_one())

    first = entry()
    assert await ours.log.append_with(inserted, first) == 1
    with pytest.raises(LogUnavailable):  # the row is there already
        await ours.log.append_with(inserted, entry())
    other = replace(first, facts={"other": True})
    with pytest.raises(EntryConflict):
        await ours.log.append_with(lambda each: insert_rows(each, log_watch, [(row[0], 2, "other")]), other)
    assert await ours.log.store.read(lambda connection: connection.execute(count).scalar_one()) == 1
    assert await ours.log.size() == 1
    await ours.log.append(entry())


async def test_switching_the_witnesses_off_is_an_entry(ours: Gateway, peers: list[Gateway]) -> None:
    net = Net(peers)
    for policy in (two_of_three(peers), two_of_three(peers), Policy()):
        await Watch(ours.log, policy, (), net.post, Limits(stop=None)).begin(datetime.now(UTC))
    assert await ours.log.size() == 2
