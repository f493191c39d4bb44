"""The Merkle tree: hashes, the compact range a log appends to, inclusion and consistency proofs.

Pure functions over 32-byte hashes; no database, no framework. A tree over entries [0, n) is split at
the largest power of two below n, as in RFC 6962 section 2.1 (RFC 9162 keeps the same tree).
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import NamedTuple

from .errors import ProofInvalid

HASH_BYTES = 32
FULL = 256
"""Leaves of a full tile."""
EMPTY_ROOT = sha256(b"").digest()

Subtree = Callable[[int, int], bytes]
"""(start, stop) -> root of the entries [start, stop), where the range is a subtree of the whole tree."""


class Node(NamedTuple):
    """The root of one complete subtree of 256**level entries, the `n`-th of its level: one hash of a tile."""

    level: int
    n: int
    hash: bytes


def leaf_hash(entry: bytes) -> bytes:
    """SHA-256(0x00 || entry). Source: RFC 6962 section 2.1."""
    return sha256(b"\x00" + entry).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    """SHA-256(0x01 || left || right). Source: RFC 6962 section 2.1."""
    return sha256(b"\x01" + left + right).digest()


@dataclass(frozen=True, slots=True)
class CompactRange:
    """All that a log must remember to go on: its size and the roots of its complete subtrees, largest first."""

    size: int = 0
    hashes: tuple[bytes, ...] = ()

    @classmethod
    def from_bytes(cls, size: int, packed: bytes) -> "CompactRange":
        """Read what `to_bytes` wrote.

        Raises:
            ProofInvalid: the number of hashes does not belong to this size.
        """
        if len(packed) != size.bit_count() * HASH_BYTES:
            raise ProofInvalid(f"a compact range of size {size} has {size.bit_count()} hashes")
        return cls(size, tuple(packed[at : at + HASH_BYTES] for at in range(0, len(packed), HASH_BYTES)))

    def to_bytes(self) -> bytes:
        """The hashes in a row: 32 bytes for every one bit of the size."""
        return b"".join(self.hashes)

    def extended(self, leaves: Iterable[bytes]) -> tuple["CompactRange", list[Node]]:
        """The range after appending leaf hashes, and the tile hashes of level 1 and up that became complete."""
        hashes, size = list(self.hashes), self.size
        complete: list[Node] = []
        row = list(leaves)
        at = 0
        while at < len(row):
            if not size % FULL and len(row) - at >= FULL:
                node, height = full_root(row[at : at + FULL]), 8
            else:
                node, height = row[at], 0
            _grow(hashes, complete, size, node, height)
            step = 1 << height
            size, at = size + step, at + step
        return CompactRange(size, tuple(hashes)), complete

    def with_tile(self, root: bytes) -> tuple["CompactRange", list[Node]]:
        """`extended` by a full tile whose root is known already; the size is a multiple of 256."""
        hashes, complete = list(self.hashes), list[Node]()
        _grow(hashes, complete, self.size, root, 8)
        return CompactRange(self.size + FULL, tuple(hashes)), complete

    def root(self) -> bytes:
        """The root of the tree. The empty tree has SHA-256 of nothing."""
        return _folded(self.hashes) if self.hashes else EMPTY_ROOT


def root_of(entries: Iterable[bytes]) -> bytes:
    """The root of a tree over these entries."""
    return CompactRange().extended(map(leaf_hash, entries))[0].root()


def inclusion_proof(index: int, size: int, subtree: Subtree) -> list[bytes]:
    """The sibling hashes from leaf to root, at most 63. Source: RFC 6962 section 2.1.1.

    Raises:
        ProofInvalid: the tree has no such entry.
    """
    if not 0 <= index < size:
        raise ProofInvalid(f"a tree of size {size} has no entry {index}")
    path, start, stop = [], 0, size
    while stop - start > 1:
        split = start + largest_power_below(stop - start)
        if index < split:
            path.append(subtree(split, stop))
            stop = split
        else:
            path.append(subtree(start, split))
            start = split
    return path[::-1]


def verify_inclusion(leaf: bytes, index: int, size: int, proof: Sequence[bytes], root: bytes) -> None:
    """Check that `leaf` is entry `index` of the tree. Source: RFC 9162 section 2.1.3.2.

    Raises:
        ProofInvalid: it is not, or the proof has the wrong length.
    """
    if not 0 <= index < size:
        raise ProofInvalid(f"a tree of size {size} has no entry {index}")
    node, position, last = leaf, index, size - 1
    for sibling in proof:
        if not last:
            raise ProofInvalid("the inclusion proof is too long")
        if position & 1 or position == last:
            node = node_hash(sibling, node)
            while not position & 1 and position:
                position, last = position >> 1, last >> 1
        else:
            node = node_hash(node, sibling)
        position, last = position >> 1, last >> 1
    if last or node != root:
        raise ProofInvalid(f"the proof does not lead from entry {index} to the root of size {size}")


def consistency_proof(old: int, new: int, subtree: Subtree) -> list[bytes]:
    """The hashes that show that the tree of size `old` is a prefix of the one of size `new`.

    Empty when the sizes are equal or `old` is 0. Source: RFC 6962 section 2.1.2.

    Raises:
        ProofInvalid: `old` is greater than `new`.
    """
    if not 0 <= old <= new:
        raise ProofInvalid(f"size {old} cannot come before size {new}")
    if old in {0, new}:
        return []
    path, start, stop = [], 0, new
    while old < stop:
        split = start + largest_power_below(stop - start)
        if old <= split:
            path.append(subtree(split, stop))
            stop = split
        else:
            path.append(subtree(start, split))
            start = split
    return ([subtree(start, stop)] if start else []) + path[::-1]


def verify_consistency(old: int, old_root: bytes, new: int, new_root: bytes, proof: Sequence[bytes]) -> None:
    """Check that the old tree is a prefix of the new one. Source: RFC 9162 section 2.1.4.2.

    Raises:
        ProofInvalid: it is not, or the proof has the wrong length.
    """
    if old in {0, new}:
        same = old_root == (EMPTY_ROOT if not old else new_root)
        return _demand(same and not proof and 0 <= old <= new, old, new)
    _demand(0 < old < new and bool(proof), old, new)
    hashes = list(proof)
    position, last = old - 1, new - 1
    while position & 1:
        position, last = position >> 1, last >> 1
    first = second = hashes.pop(0) if position else old_root
    for sibling in hashes:
        _demand(last > 0, old, new)
        if position & 1 or position == last:
            first, second = node_hash(sibling, first), node_hash(sibling, second)
            while not position & 1 and position:
                position, last = position >> 1, last >> 1
        else:
            second = node_hash(second, sibling)
        position, last = position >> 1, last >> 1
    return _demand(first == old_root and second == new_root and not last, old, new)


def largest_power_below(count: int) -> int:
    """The largest power of two smaller than `count` (which is at least 2): where RFC 6962 splits."""
    return 1 << (count - 1).bit_length() - 1


def _demand(condition: bool, old: int, new: int) -> None:
    if not condition:
        raise ProofInvalid(f"the proof does not show that size {old} is a prefix of size {new}")


def _grow(hashes: list[bytes], complete: list[Node], size: int, node: bytes, height: int) -> None:
    """Add a complete subtree to the end of a range, in place, and the tile hashes that became complete."""
    if height:
        complete.append(Node(height // 8, size >> height, node))
    while size >> height & 1:
        node = node_hash(hashes.pop(), node)
        height += 1
        if not height % 8:
            complete.append(Node(height // 8, size >> height, node))
    hashes.append(node)


def full_root(leaves: Sequence[bytes]) -> bytes:
    """The root of a complete subtree, a row at a time: half the cost of going leaf by leaf."""
    row = leaves
    while len(row) > 1:
        row = [sha256(b"\x01" + left + right).digest() for left, right in zip(row[::2], row[1::2], strict=True)]
    return row[0]


def _folded(hashes: Sequence[bytes]) -> bytes:
    root = hashes[-1]
    for left in reversed(hashes[:-1]):
        root = node_hash(left, root)
    return root
