"""The turn of the year under the eyes of others: the last checkpoint is vouched for, or the year stays open."""

import logging
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import func, select
from time_stamping import Authority
from witnessing import Gateway, Net, gateway, two_of_three

from audit import Entry, Wanted, anchors, new_id
from audit.entry import INTENT
from audit.note import Checkpoint, unverified
from audit.policy import Policy, policy_text
from audit.tables import log_anchor
from audit.watching import Reply, Watch
from gateway.log_keeper import LogKeeper

PLACE = "sqlite+aiosqlite:///{}"


@pytest.fixture
async def ours(database_url: str, tmp_path: Path) -> AsyncIterator[Gateway]:
    made = await gateway(database_url, tmp_path, "ours")
    await made.log.append(entry())
    yield made
    await made.log.close()
    await made.db.close()


@pytest.fixture
async def peers(tmp_path: Path, ours: Gateway) -> AsyncIterator[list[Gateway]]:
    names = ("tax", "audit", "health")
    made = [await gateway(PLACE.format(tmp_path / f"{name}.db"), tmp_path, name) for name in names]
    for each in made:
        each.watches(ours)
    yield made
    for each in made:
        await each.log.close()
        await each.db.close()


class Outside:
    """Witnesses and a time-stamping authority on one net; `after` takes the whole net down after so many requests."""

    def __init__(self, net: Net, authority: Authority) -> None:
        self.net, self.authority, self.after = net, authority, 10_000

    async def post(self, url: str, body: bytes, content_type: str) -> Reply:
        self.after -= 1
        self.authority.down = self.after < 0
        self.net.down = {"tax", "audit", "health"} if self.after < 0 else set()
        asked = self.authority.post if url == self.authority.url else self.net.post
        return await asked(url, body, content_type)


@pytest.fixture
def outside(peers: list[Gateway], tmp_path: Path) -> Outside:
    return Outside(Net(peers), Authority(tmp_path / "tsa"))


@pytest.fixture
def keeper(ours: Gateway, peers: list[Gateway], outside: Outside) -> LogKeeper:
    authority = anchors.Authority.of(outside.authority.url, outside.authority.root)
    watch = Watch(ours.log, two_of_three(peers), [authority], outside.post)
    return LogKeeper(ours.log, watch, None, True)


def entry(kind: str = "system.registered") -> Entry:
    at = datetime.now(UTC)
    return Entry(new_id(at), kind, at, {})


def next_year() -> datetime:
    return datetime.now(UTC) + timedelta(days=366)


async def final_of(ours: Gateway, peers: list[Gateway]) -> tuple[int, set[str], int]:
    """Of the closed year: size, who cosigned the last checkpoint by the policy, largest size with a time stamp."""
    closed = await ours.log.closed("first")
    policy = Policy.from_text(policy_text(await closed.vkeys(), two_of_three(peers)))
    checkpoint, witnesses = policy.check(await closed.checkpoint())
    query = select(func.max(log_anchor.c.size)).where(log_anchor.c.log_id == 1, log_anchor.c.gen_time.is_not(None))
    stamped = await ours.log.store.read(lambda connection: connection.execute(query).scalar_one())
    return checkpoint.size, {each.name.split(".")[0] for each in witnesses}, stamped


async def test_last_checkpoint_of_a_year_is_cosigned_and_stamped_before_the_next_begins(
    keeper: LogKeeper, ours: Gateway, peers: list[Gateway]
) -> None:
    await keeper.rotate_if_due(datetime.now(UTC))
    assert ours.log.origin == "ours.example/log"
    await keeper.rotate_if_due(next_year())
    assert ours.log.origin == f"ours.example/log/{next_year().year}"
    size, cosigners, stamped = await final_of(ours, peers)
    assert (cosigners, stamped) == ({"tax", "audit", "health"}, size)
    told = await ours.log.find([each.entry_id for each in await ours.log.search(Wanted(kind="anchor.recorded"))])
    assert ("ours.example/log", size) in {(each.entry.facts["log"], each.entry.facts["size"]) for each in told}


async def test_year_stays_open_while_nobody_vouches_for_it_and_that_is_an_entry(
    keeper: LogKeeper, ours: Gateway, outside: Outside, caplog: pytest.LogCaptureFixture
) -> None:
    outside.after = 0
    for _ in range(2):
        with caplog.at_level(logging.CRITICAL):
            await keeper.rotate_if_due(next_year())
    assert "the year of ours.example/log is not closed" in caplog.text
    assert ours.log.origin == "ours.example/log"
    (found,) = await ours.log.search(Wanted(kind="log.turn_postponed"))
    (told,) = await ours.log.find([found.entry_id])
    assert told.entry.facts == {"lacking": "the witnesses of the policy"}
    await ours.log.append(entry(INTENT))  # meanwhile nobody waits
    outside.after = 1000
    await keeper.rotate_if_due(next_year())
    assert ours.log.origin != "ours.example/log"


async def test_net_that_goes_down_at_the_turn_stops_nobody_and_is_asked_again(
    keeper: LogKeeper, ours: Gateway, peers: list[Gateway], outside: Outside, caplog: pytest.LogCaptureFixture
) -> None:
    outside.after = 4  # three witnesses and an authority answer before the close, and nobody after it
    with caplog.at_level(logging.CRITICAL):
        await keeper.rotate_if_due(next_year())
    assert "the last checkpoint of ours.example/log lacks the witnesses of the policy; asking on" in caplog.text
    assert (await ours.log.append(entry())).log == ours.log.origin != "ours.example/log"
    outside.after = 1000
    await keeper.watch.once(datetime.now(UTC))
    size, cosigners, stamped = await final_of(ours, peers)
    assert (len(cosigners), stamped) == (3, size)
    asked = outside.after
    await keeper.watch.once(datetime.now(UTC))
    assert outside.after >= asked - 4  # the closed year is left alone from now on


async def test_witness_of_a_log_cosigns_its_next_year_under_the_same_key_only(
    keeper: LogKeeper, ours: Gateway, peers: list[Gateway]
) -> None:
    await keeper.rotate_if_due(next_year())
    await keeper.watch.once(datetime.now(UTC))
    note = await ours.log.published()
    assert Checkpoint.from_text(unverified(note)).origin == ours.log.origin
    assert len(two_of_three(peers).cosigned(note)) == 3
    stranger = await gateway(PLACE.format(ours_path(peers)), ours_path(peers).parent, "stranger")
    assert peers[0].role
    forged = (await stranger.log.checkpoint()).replace(b"stranger.example/log", ours.log.origin.encode())
    answer = await peers[0].role.add_checkpoint(b"old 0\n\n" + forged)
    assert answer.status == 403
    await stranger.log.close()
    await stranger.db.close()


def ours_path(peers: list[Gateway]) -> Path:
    return Path(str(peers[0].db.engine.url.database)).with_name("stranger.db")


async def test_entry_that_is_appended_again_after_the_turn_keeps_the_receipt_of_its_year(
    ours: Gateway, keeper: LogKeeper
) -> None:
    old = entry()
    receipt = await ours.log.append(old)
    await keeper.rotate_if_due(next_year())
    assert ours.log.origin != receipt.log
    assert await ours.log.append(old) == receipt
    async with ours.db.write() as connection:
        assert await ours.log.append_in(connection, old) == receipt
    new = entry()
    assert await ours.log.append(new) == await ours.log.append(new)
    assert (await ours.log.append(new)).log == ours.log.origin
