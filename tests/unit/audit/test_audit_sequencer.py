"""The group commit: one batch at a time, bounded, with deadlines, and nothing lost when a commit fails."""

import asyncio
from collections.abc import Callable, Sequence

import pytest

from audit import Entry, LogUnavailable
from audit.sequencer import BATCH_ENTRIES, QUEUE, Sequencer
from audit.writing import Pending, Place


class Store:
    """Commits a batch when `go` is set; fails as often as told."""

    def __init__(self, failures: int = 0) -> None:
        self.batches: list[list[Pending]] = []
        self.go = asyncio.Event()
        self.failures = failures
        self.size = 0

    async def commit(self, batch: Sequence[Pending]) -> list[Place]:
        self.batches.append(list(batch))
        await self.go.wait()
        if self.failures:
            self.failures -= 1
            raise OSError("disk on fire")
        self.size += len(batch)
        return list(range(self.size - len(batch), self.size))


@pytest.fixture
def pending(entry: Callable[..., Entry]) -> Callable[..., Pending]:
    return lambda **facts: Pending.of(entry(**facts))


async def test_what_gathers_during_a_commit_goes_into_the_next_one(pending: Callable[..., Pending]) -> None:
    store = Store()
    sequencer = Sequencer(store.commit)
    first = asyncio.create_task(sequencer.place(pending()))
    await asyncio.sleep(0.01)
    rest = [asyncio.create_task(sequencer.place(pending())) for _ in range(300)]
    await asyncio.sleep(0.01)
    store.go.set()
    assert [await first, *await asyncio.gather(*rest)] == list(range(301))
    assert [len(batch) for batch in store.batches] == [1, BATCH_ENTRIES, 44]
    await sequencer.close()


async def test_batch_ends_at_a_megabyte(pending: Callable[..., Pending]) -> None:
    store = Store()
    store.go.set()
    sequencer = Sequencer(store.commit)
    await asyncio.gather(*(sequencer.place(pending(x="a" * 60_000)) for _ in range(20)))
    assert [len(batch) for batch in store.batches] == [17, 3]
    await sequencer.close()


async def test_full_queue_refuses_at_once(pending: Callable[..., Pending]) -> None:
    store = Store()
    sequencer = Sequencer(store.commit)
    one = pending()
    waiting = [asyncio.create_task(sequencer.place(one)) for _ in range(QUEUE)]
    await asyncio.sleep(0)
    with pytest.raises(LogUnavailable, match="too many"):
        await sequencer.place(one)
    assert not sequencer.open
    store.go.set()
    await asyncio.gather(*waiting)
    await sequencer.close()


async def test_silent_database_is_given_up_after_the_deadline(pending: Callable[..., Pending]) -> None:
    store = Store()
    sequencer = Sequencer(store.commit, deadline_s=0.05)
    with pytest.raises(LogUnavailable, match="in time"):
        await sequencer.place(pending())
    store.go.set()
    await sequencer.close()


async def test_who_gave_up_is_not_committed_later(pending: Callable[..., Pending]) -> None:
    store = Store()
    sequencer = Sequencer(store.commit)
    first = asyncio.create_task(sequencer.place(pending()))
    await asyncio.sleep(0.01)
    gone = asyncio.create_task(sequencer.place(pending()))
    await asyncio.sleep(0.01)
    gone.cancel()
    await asyncio.sleep(0)
    store.go.set()
    await first
    await sequencer.close()
    assert [len(batch) for batch in store.batches] == [1]


async def test_failed_commit_is_tried_once_more_with_the_same_entries(pending: Callable[..., Pending]) -> None:
    store = Store(failures=1)
    store.go.set()
    sequencer = Sequencer(store.commit)
    assert await sequencer.place(pending()) == 0
    assert store.batches[0] == store.batches[1]
    await sequencer.close()


async def test_second_failure_refuses_the_batch_and_the_next_one_is_served(pending: Callable[..., Pending]) -> None:
    store = Store(failures=2)
    store.go.set()
    sequencer = Sequencer(store.commit)
    with pytest.raises(LogUnavailable, match="refused"):
        await sequencer.place(pending())
    assert await sequencer.place(pending()) == 0
    await sequencer.close()


async def test_closing_commits_what_waits_and_then_refuses(pending: Callable[..., Pending]) -> None:
    store = Store()
    store.go.set()
    sequencer = Sequencer(store.commit)
    waiting = [asyncio.create_task(sequencer.place(pending())) for _ in range(3)]
    await asyncio.sleep(0)
    await sequencer.close()
    assert await asyncio.gather(*waiting) == [0, 1, 2]
    with pytest.raises(LogUnavailable, match="closed"):
        await sequencer.place(pending())
