"""The part of fsck that checks the entries themselves: each against its stored hash and id, and the roots of tiles.

This is what takes the time, and no tile needs another: so a large log in a database is checked by several processes.
"""

import asyncio
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from hashlib import sha256
from multiprocessing import get_context
from typing import NamedTuple

from .databases import in_database
from .merkle import full_root
from .sources import Page, Source
from .stored import logs_in
from .tiles import WIDTH

PART = 256 * WIDTH
"""Entries that a process checks in one go: about a quarter of a second, and 2 MiB of hashes to hand over."""

EDITED = "its bytes do not have the hash they were logged with: edited"
MOVED = "it stands under the id of another entry: moved or edited"


class Block(NamedTuple):
    """One tile's entries: their stored hashes, its root if it is full, (place, what is wrong) of some."""

    first: int
    leaves: Sequence[bytes]
    root: bytes | None
    faults: tuple[tuple[int, str], ...]


EntryCheck = Callable[[Source, int], Iterator[Block]]
"""(source, size) -> its tiles in order, up to the first entry that is missing."""


def in_this_process(source: Source, size: int) -> Iterator[Block]:
    """Check all tiles in this process."""
    return checked_tiles(source, 0, size)


def checked_tiles(source: Source, first: int, stop: int) -> Iterator[Block]:
    """The tiles of [first, stop), with what is wrong in each."""
    for page in source.pages(first, stop):
        faults = () if _as_logged(page) else tuple(_faults(page))
        for at in range(0, len(page.bodies), WIDTH):
            leaves = page.leaves[at : at + WIDTH]
            root = full_root(leaves) if len(leaves) == WIDTH else None
            low = page.first + at
            yield Block(low, leaves, root, tuple(each for each in faults if low <= each[0] < low + WIDTH))


def in_processes(where: str, log_id: int, processes: int, part: int = PART) -> EntryCheck:
    """Check one log of a database in several processes; each opens the database itself. `part`: of whole tiles."""

    def check(_source: Source, size: int) -> Iterator[Block]:
        with ProcessPoolExecutor(processes, mp_context=get_context("spawn")) as pool:
            waiting = deque((first, min(first + part, size)) for first in range(0, size, part))
            under_way: deque[Future[list[Block]]] = deque()
            following = 0
            while under_way or waiting:
                while waiting and len(under_way) <= processes:
                    under_way.append(pool.submit(_part, where, log_id, *waiting.popleft()))
                for block in under_way.popleft().result():
                    if block.first != following:
                        return  # an entry is missing before it
                    following += len(block.leaves)
                    yield block

    return check


def _part(where: str, log_id: int, first: int, stop: int) -> list[Block]:
    """Runs in a process of its own."""
    return asyncio.run(
        in_database(
            where,
            lambda connection: next(
                [*checked_tiles(log, first, stop)] for log in logs_in(connection) if log.log_id == log_id
            ),
        )
    )


def _as_logged(page: Page) -> bool:
    """Whether all of them have their hash and carry their id: compared together, for that is the common case."""
    if [sha256(b"\x00" + body).digest() for body in page.bodies] != list(page.leaves):
        return False
    return not page.ids or _carry(b"".join([_id_in(body) for body in page.bodies]), b"".join(page.ids))


def _faults(page: Page) -> Iterator[tuple[int, str]]:
    for n, (body, leaf) in enumerate(zip(page.bodies, page.leaves, strict=True)):
        if sha256(b"\x00" + body).digest() != leaf:
            yield page.first + n, EDITED
        elif page.ids and not _carry(_id_in(body), page.ids[n]):
            yield page.first + n, MOVED


def _carry(said: bytes, entry_ids: bytes) -> bool:
    """Whether the ids that bodies carry, one after the other, are these."""
    return said.replace(b"-", b"") == entry_ids.hex().encode()


def _id_in(body: bytes) -> bytes:
    """The id follows the facts, so the last match is the right one; nothing where there is none."""
    at = body.rfind(b',"id":"')
    return body[at + 7 : at + 43] if at >= 0 else b""
