"""Check a whole log: rehash every entry, rebuild the tree, compare it with every hash and signature there is.

Only exact bytes count: nothing is re-serialised, and the derived tables are at most a hint. What is compared:
each entry with its stored leaf hash and id, each complete tile with its stored hash, each signed checkpoint (and
each one the auditor kept) with the tree of its size, the writer's head with the tree at the end.
"""

import base64
import heapq
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

from .entry_check import Block, EntryCheck, in_this_process
from .errors import NoteInvalid
from .merkle import CompactRange, Node
from .note import Checkpoint, Verifier
from .sources import Source
from .tiles import WIDTH, width_at

STEP = 64 * WIDTH
"""Entries between two words about progress."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that is wrong; `first` and `last` are the places it concerns, if it concerns entries."""

    text: str
    first: int | None = None
    last: int | None = None

    def __str__(self) -> str:
        if self.first is None:
            return self.text
        if self.last in {None, self.first}:
            return f"entry {self.first}: {self.text}"
        return f"entries {self.first} to {self.last}: {self.text}"


@dataclass(frozen=True, slots=True)
class Report:
    """The result: origin and size as claimed, the root (base64) over what was read, how far signatures confirm it."""

    origin: str
    size: int
    root: str
    signed: int
    findings: tuple[Finding, ...]

    @property
    def ok(self) -> bool:
        """Nothing is wrong."""
        return not self.findings

    def __str__(self) -> str:
        lines = [
            f"log       {self.origin}",
            f"size      {self.size}",
            f"root      {self.root}",
            f"signed    {self.signed} of {self.size} entries are covered by a checkpoint that verifies",
            *([f"FINDING   {finding}" for finding in self.findings] or ["findings  none"]),
        ]
        return "\n".join(lines)

    def wire(self) -> dict[str, object]:
        """As JSON."""
        findings = [{"first": each.first, "last": each.last, "text": str(each)} for each in self.findings]
        return {
            "origin": self.origin,
            "size": self.size,
            "root": self.root,
            "signed": self.signed,
            "findings": findings,
        }


Progress = Callable[[int, int], None]
"""(entries checked, entries in all), a few times a second at most."""


def silent(_done: int, _size: int) -> None:
    """Nobody wants to know."""


def fsck(
    source: Source,
    vkeys: Iterable[str] = (),
    kept: Iterable[bytes] = (),
    progress: Progress = silent,
    entry_check: EntryCheck = in_this_process,
    remembered: Sequence[Checkpoint] = (),
) -> Report:
    """Check everything.

    Args:
        source: the log.
        vkeys: verifier keys the auditor trusts; the source's own when empty, which proves consistency only.
        kept: signed checkpoints the auditor kept from earlier: the log must still contain them.
        progress: is told how far it is.
        entry_check: in this process, or in several.
        remembered: what the signer itself says it signed last, from where it remembers; confirms nothing by itself.

    Raises:
        NoteInvalid: a verifier key cannot be read.
    """
    verifiers = [Verifier.from_vkey(vkey) for vkey in tuple(vkeys) or source.vkeys()]
    walk = _Walk(source, verifiers, kept, remembered)
    walk.run(progress, entry_check)
    origin = verifiers[0].name if verifiers else ""
    root = base64.b64encode(walk.tree.root()).decode()
    return Report(origin, source.size(), root, walk.signed, tuple(walk.findings))


class _Walk:
    """One pass over the entries. `signed`: the largest size that a signature confirms."""

    def __init__(
        self, source: Source, verifiers: Sequence[Verifier], kept: Iterable[bytes], remembered: Sequence[Checkpoint]
    ) -> None:
        self.findings: list[Finding] = []
        self.tree = CompactRange()
        self.signed = 0
        self._source = source
        self._verifiers = verifiers
        self._suspects: list[tuple[int, int]] = []  # ranges of complete tiles whose stored hash differs
        self._torn = False
        self._tile: tuple[int, int, Sequence[bytes]] = (0, 0, ())
        stored = self._opened(source.notes(), "a stored checkpoint")
        own = sorted([*self._opened(kept, "a checkpoint of yours"), *remembered], key=_size)
        self._remembered = remembered
        self._checkpoints = heapq.merge(stored, own, key=_size)
        self._due = next(self._checkpoints, None)

    def run(self, progress: Progress, entry_check: EntryCheck) -> None:
        """Walk from the first entry to the claimed end."""
        if not self._verifiers:
            self.findings.append(Finding("no verifier key is known, so no signature was checked; give one"))
        size = self._source.size()
        self._compare()
        for block in entry_check(self._source, size):
            self.findings += [Finding(text, place) for place, text in block.faults]
            self._take(block)
            if self.tree.size % STEP == 0:
                progress(self.tree.size, size)
        self._finish(self.tree.size, size)

    def _take(self, block: Block) -> None:
        """Grow by one tile, with a stop wherever there is something to compare with."""
        at, end = 0, len(block.leaves)
        while at < end:
            stop = min(end, self._due.size - block.first) if self._due else end
            whole = block.root if stop - at == WIDTH else None
            grown = self.tree.with_tile(whole) if whole else self.tree.extended(block.leaves[at:stop])
            self._grow(*grown)
            at = stop

    def _grow(self, tree: CompactRange, nodes: Sequence[Node]) -> None:
        self.tree = tree
        for node in nodes:
            if self._stored(node) != node.hash:
                span = WIDTH**node.level
                self._suspects.append((node.n * span, (node.n + 1) * span))
        self._compare()

    def _stored(self, node: Node) -> bytes | None:
        n, at = divmod(node.n, WIDTH)
        if self._tile[:2] != (node.level, n):
            width = width_at(self._source.size(), node.level, n)
            self._tile = node.level, n, self._source.nodes(node.level, n, width)
        hashes = self._tile[2]
        return hashes[at] if at < len(hashes) else None

    def _compare(self) -> None:
        """Hold the tree against every checkpoint of its size."""
        while self._due and self._due.size <= self.tree.size:
            if self._due.root != self.tree.root():
                self._differs(self._due.size, "signed checkpoint")
            elif not self._torn and not any(each is self._due for each in self._remembered):
                self.signed = self._due.size
            self._due = next(self._checkpoints, None)

    def _differs(self, stop: int, witness: str) -> None:
        """The tree is not the one that was signed: say where, as narrowly as what is left allows."""
        if self._torn:
            return  # everything after the first difference differs
        self._torn = True
        first = self.signed
        if any(each.first is not None and first <= each.first < stop for each in self.findings):
            return
        moved = self._source.misplaced(first, stop)
        if moved is not None:
            self.findings.append(Finding(f"another entry stood here under the {witness} of size {stop}", moved))
            return
        inside = ((max(first, low), min(stop, high)) for low, high in self._suspects if high > first and low < stop)
        first, stop_here = next(inside, (first, stop))
        self.findings.append(
            Finding(f"the first difference to the {witness} of size {stop} lies here", first, stop_here - 1)
        )

    def _finish(self, found: int, size: int) -> None:
        if found < size:
            self.findings.append(Finding(f"missing; the log says that it has {size} entries", found))
            return
        head = self._source.head()
        if head is not None and head.size < size:
            self.findings.append(Finding(f"the head says {head.size} entries, but {size} were signed"))
        elif head is not None and head != self.tree:
            self._differs(size, "head")
        if self._due:
            self.findings.append(Finding(f"missing; a signed checkpoint covers {self._due.size} entries", found))
        if self._suspects and not self.findings:
            first, stop = self._suspects[0]
            self.findings.append(Finding("their entries are right, but a stored tile hash is not", first, stop - 1))

    def _opened(self, notes: Iterable[bytes], what: str) -> Iterator[Checkpoint]:
        for note in notes:
            try:
                yield Checkpoint.from_note(note, self._verifiers)
            except NoteInvalid as error:
                self.findings.append(Finding(f"{what} is not valid: {error}"))


def _size(checkpoint: Checkpoint) -> int:
    return checkpoint.size
