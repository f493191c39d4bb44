"""Tiles and entry bundles as C2SP tlog-tiles 0.1.0 defines them, and Merkle nodes read out of tiles.

A tile is up to 256 hashes of one level, 32 bytes each; a bundle is up to 256 entries, each behind a
big-endian uint16 length. Level 0 holds the leaf hashes; a hash of level L is the root of a full tile of L-1.
"""

import re
import struct
from collections.abc import Callable, Iterable, Sequence
from hashlib import sha256

from .errors import EntryInvalid, NotInLog
from .merkle import HASH_BYTES, CompactRange, largest_power_below, node_hash

WIDTH = 256
LEVELS = 8
"""2**63 entries need no more."""

_INDEX = re.compile(r"((?:x\d{3}/)*)(\d{3})(?:\.p/([1-9]\d{0,2}))?")

ReadTile = Callable[[int, int, int], bytes]
"""(level, n, width) -> the tile's hashes in a row; width is 1 to 256."""


def index_path(n: int, width: int = WIDTH) -> str:
    """1234067 -> `x001/x234/067`; partial tiles end in `.p/<width>`."""
    digits = str(n)
    groups = [f"{int(part):03}" for part in _groups_of_three(digits)]
    path = "/".join([f"x{each}" for each in groups[:-1]] + groups[-1:])
    return path if width == WIDTH else f"{path}.p/{width}"


def parse_index(path: str) -> tuple[int, int]:
    """The (n, width) of what `index_path` wrote.

    Raises:
        NotInLog: no such path can exist.
    """
    found = _INDEX.fullmatch(path)
    if found and path.isascii() and len(path) < 64:
        n = int(found[1].replace("x", "").replace("/", "") + found[2])
        width = int(found[3] or WIDTH)
        if index_path(n, width) == path and n < 1 << 55:
            return n, width
    raise NotInLog("not a tile path; see C2SP tlog-tiles")


def tile_path(level: int, n: int, width: int = WIDTH) -> str:
    """Path of a hash tile below the log's prefix."""
    return f"tile/{level}/{index_path(n, width)}"


def entries_path(n: int, width: int = WIDTH) -> str:
    """Path of an entry bundle below the log's prefix."""
    return f"tile/entries/{index_path(n, width)}"


def width_at(size: int, level: int, n: int) -> int:
    """How many hashes tile `n` of `level` has in a tree of this size: 0 (no such tile) to 256."""
    return max(0, min(WIDTH, (size >> 8 * level) - WIDTH * n))


def bundle(bodies: Iterable[bytes]) -> bytes:
    """Entries in a row, each behind its length."""
    return b"".join(struct.pack(">H", len(body)) + body for body in bodies)


def unbundle(packed: bytes) -> list[bytes]:
    """The entries of a bundle.

    Raises:
        EntryInvalid: it ends inside an entry.
    """
    bodies, at = [], 0
    while at < len(packed):
        start = at + 2
        at = start + int.from_bytes(packed[at:start], "big")
        if start > len(packed) or at > len(packed):
            raise EntryInvalid("the bundle ends inside an entry")
        bodies.append(packed[start:at])
    return bodies


def hashes_of(tile: bytes) -> list[bytes]:
    """The hashes of a tile."""
    return [tile[at : at + HASH_BYTES] for at in range(0, len(tile), HASH_BYTES)]


Place = tuple[int, int, int]
"""(level, n, width) of a tile."""

Rows = Sequence[bytes]
"""A tile: its hashes in a row, then those of its complete pairs, of its fours, ... up to the whole."""


class TileTree:
    """Roots of subtrees of a tree of known size, read from its tiles, each tile at most once.

    What a tile of a log holds at one width never changes, so trees of the same log may share what they `kept`.
    """

    def __init__(self, size: int, read: ReadTile, kept: dict[Place, Rows] | None = None) -> None:
        self.size = size
        self._read = read
        self._kept = {} if kept is None else kept

    def subtree(self, start: int, stop: int) -> bytes:
        """The root of the entries [start, stop), split as RFC 6962 does.

        Raises:
            NotInLog: a tile is missing or too short.
        """
        count = stop - start
        if count == 1 << count.bit_length() - 1:
            return self._complete(count.bit_length() - 1, start)
        split = start + largest_power_below(count)
        return node_hash(self.subtree(start, split), self.subtree(split, stop))

    def root(self) -> bytes:
        """The root of the whole tree."""
        return self.subtree(0, self.size) if self.size else CompactRange().root()

    def _complete(self, height: int, start: int) -> bytes:
        level, doublings = divmod(height, 8)
        first = start >> 8 * level
        at = (first % WIDTH >> doublings) * HASH_BYTES
        return self._tile(level, first // WIDTH)[doublings][at : at + HASH_BYTES]

    def _tile(self, level: int, n: int) -> Rows:
        width = width_at(self.size, level, n)
        place = (level, n, width)
        rows = self._kept.pop(place, None)
        if rows is None:
            tile = self._read(level, n, width)
            if not width or len(tile) != width * HASH_BYTES:
                raise NotInLog(f"tile {tile_path(level, n, width or WIDTH)} is missing or has the wrong length")
            rows = _rows(tile)
        self._kept[place] = rows  # the newest stands last: who lets go of some lets go of the first
        return rows


def _rows(tile: bytes) -> Rows:
    rows = [row := tile]
    while len(row) > HASH_BYTES:  # as `node_hash` has it, without a call for each
        pairs = range(0, len(row) - HASH_BYTES, 2 * HASH_BYTES)
        row = b"".join([sha256(b"\x01" + row[at : at + 2 * HASH_BYTES]).digest() for at in pairs])
        rows.append(row)
    return rows


def _groups_of_three(digits: str) -> list[str]:
    head = len(digits) % 3
    groups = [digits[at : at + 3] for at in range(head, len(digits), 3)]
    return [digits[:head], *groups] if head else groups
