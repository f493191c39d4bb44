"""A message works once: after a restart, between two processes, and however often it is sent at once."""

import asyncio
from collections.abc import Coroutine
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from gateway.db import Database
from gateway.edges.dci.seen import LEASE, SHORT_LEASE, Duplicate, InWork, Seen, claim, finish
from gateway.edges.dci.seen import forget_expired as forget_messages
from gateway.migrations import upgraded
from gateway.trust import replay
from gateway.trust.errors import SignatureRefused

NOW = datetime(2026, 11, 2, 9, 0, tzinfo=UTC)
LATER = NOW + timedelta(minutes=10)
ESS, SR = "LK/GOV/DME/ESS", "LK/GOV/WBB/SRIS"
MESSAGE = Seen("LK.GOV.DME.ESS", "m-1", "fingerprint", LATER)


@pytest.fixture
async def two(database_url: str) -> tuple[Database, Database]:
    """Two processes' connections to one database."""
    first = Database(database_url)
    await upgraded(first)
    return first, Database(database_url)


async def won(*attempts: Coroutine[object, object, None]) -> int:
    results = await asyncio.gather(*attempts, return_exceptions=True)
    return sum(each is None for each in results)


async def test_of_many_that_show_a_nonce_at_once_one_wins(two: tuple[Database, Database]) -> None:
    assert await won(*(replay.use_up(two[n % 2], ESS, "nonce", LATER) for n in range(10))) == 1
    for each in two:
        await each.close()


async def test_a_restart_forgets_no_nonce(database_url: str) -> None:
    before = Database(database_url)
    await upgraded(before)
    await replay.use_up(before, ESS, "nonce", LATER)
    await before.close()
    after = Database(database_url)
    with pytest.raises(SignatureRefused) as refused:
        await replay.use_up(after, ESS, "nonce", LATER)
    assert refused.value.reason == "replayed"
    await replay.use_up(after, SR, "nonce", LATER)  # another system's nonce is another nonce
    await after.close()


async def test_a_nonce_is_kept_as_long_as_it_could_be_shown_and_no_longer(two: tuple[Database, Database]) -> None:
    db, other = two
    await replay.use_up(db, ESS, "nonce", LATER)
    await replay.forget_expired(db, LATER)
    with pytest.raises(SignatureRefused):
        await replay.use_up(db, ESS, "nonce", LATER)
    await replay.forget_expired(db, LATER + timedelta(seconds=1))
    await replay.use_up(db, ESS, "nonce", LATER)
    for each in (db, other):
        await each.close()


async def test_of_many_that_get_a_message_at_once_one_works_on_it(two: tuple[Database, Database]) -> None:
    for repeatable in (False, True):
        seen = Seen(MESSAGE.sender, f"m-{repeatable}", MESSAGE.fingerprint, LATER)
        assert await won(*(claim(two[n % 2], seen, NOW, repeatable=repeatable) for n in range(10))) == 1
    for each in two:
        await each.close()


async def test_of_many_messages_that_two_processes_get_at_once_each_is_worked_on_once(
    two: tuple[Database, Database],
) -> None:
    several = [Seen(MESSAGE.sender, f"m-{n}", MESSAGE.fingerprint, LATER) for n in range(40)]
    orders = (several, several[::-1], several)
    attempts = [claim(two[n % 2], each, NOW, repeatable=False) for n, some in enumerate(orders) for each in some]
    assert await won(*attempts) == len(several)
    await asyncio.gather(*(finish(two[n % 2], each, done=n < 20) for n, each in enumerate(several)))
    again = [claim(two[1], each, NOW + timedelta(seconds=1), repeatable=False) for each in several]
    assert await won(*again) == 20
    for db in two:
        await db.close()


async def test_a_message_that_was_done_is_a_duplicate_after_a_restart(database_url: str) -> None:
    before = Database(database_url)
    await upgraded(before)
    await claim(before, MESSAGE, NOW, repeatable=False)
    await finish(before, MESSAGE, done=True)
    await before.close()
    after = Database(database_url)
    with pytest.raises(Duplicate):
        await claim(after, MESSAGE, NOW, repeatable=False)
    await claim(after, MESSAGE, NOW, repeatable=True)
    await after.close()


async def test_a_message_that_failed_may_come_again_and_another_body_under_its_id_not(
    two: tuple[Database, Database],
) -> None:
    db, other = two
    await claim(db, MESSAGE, NOW, repeatable=False)
    with pytest.raises(InWork):
        await claim(other, MESSAGE, NOW, repeatable=False)
    await finish(db, MESSAGE, done=False)
    with pytest.raises(Duplicate):
        await claim(other, Seen(MESSAGE.sender, "m-1", "another", LATER), NOW, repeatable=True)
    await claim(other, MESSAGE, NOW + timedelta(seconds=1), repeatable=False)
    for each in two:
        await each.close()


async def test_who_died_over_a_message_does_not_hold_it_for_ever(two: tuple[Database, Database]) -> None:
    db, other = two
    await claim(db, MESSAGE, NOW, repeatable=False)
    await claim(other, MESSAGE, NOW + LEASE + timedelta(seconds=1), repeatable=False)
    for each in two:
        await each.close()


async def test_an_event_is_free_again_soon_after_its_worker_died(two: tuple[Database, Database]) -> None:
    db, other = two
    await claim(db, MESSAGE, NOW, repeatable=True)
    with pytest.raises(InWork):
        await claim(other, MESSAGE, NOW + SHORT_LEASE, repeatable=True)
    await claim(other, MESSAGE, NOW + SHORT_LEASE + timedelta(seconds=1), repeatable=True)
    for each in two:
        await each.close()


async def test_message_ids_are_kept_as_long_as_the_message_could_be_shown(two: tuple[Database, Database]) -> None:
    db, other = two
    await claim(db, MESSAGE, NOW, repeatable=False)
    await finish(db, MESSAGE, done=True)
    await forget_messages(db, LATER)
    dated_anew = replace(MESSAGE, expires=LATER + timedelta(minutes=1))
    for each in (MESSAGE, dated_anew):
        with pytest.raises(Duplicate):
            await claim(db, each, NOW, repeatable=False)
    await forget_messages(db, LATER + timedelta(minutes=1))
    with pytest.raises(Duplicate):
        await claim(db, dated_anew, NOW, repeatable=False)
    await forget_messages(db, LATER + timedelta(minutes=2))
    await claim(db, MESSAGE, NOW, repeatable=False)
    for each in (db, other):
        await each.close()
