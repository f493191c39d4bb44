"""One entry's proof as a file: C2SP tlog-proof, to be checked offline with the entry and the log's key."""

import base64
import binascii
from collections.abc import Iterable
from dataclasses import dataclass

from .errors import ProofInvalid
from .merkle import HASH_BYTES, leaf_hash, verify_inclusion
from .note import Checkpoint, Verifier

HEADER = "c2sp.org/tlog-proof@v1"


@dataclass(frozen=True, slots=True)
class Proof:
    """Where the entry stands, the sibling hashes from leaf to root, and the signed checkpoint they lead to."""

    index: int
    hashes: tuple[bytes, ...]
    checkpoint: bytes

    def text(self) -> str:
        """The file's content."""
        lines = [HEADER, f"index {self.index}", *(base64.b64encode(each).decode() for each in self.hashes), "", ""]
        return "\n".join(lines) + self.checkpoint.decode()

    @classmethod
    def from_text(cls, text: str) -> "Proof":
        """Read a file; an `extra` line is allowed and ignored.

        Raises:
            ProofInvalid: not a proof file.
        """
        head, gap, note = text.partition("\n\n")
        header, *lines = head.split("\n")
        if lines and lines[0].startswith("extra "):
            lines = lines[1:]
        index = lines[0].removeprefix("index ") if lines else ""
        if header != HEADER or not gap or not (index.isascii() and index.isdigit()):
            raise ProofInvalid(f"not a proof file: it starts with {HEADER} and an index")
        return cls(int(index), tuple(map(_hash, lines[1:])), note.encode())

    def verify(self, body: bytes, verifiers: Iterable[Verifier]) -> Checkpoint:
        """Check that the log behind these keys contains exactly these bytes; returns the checkpoint that says so.

        Raises:
            NoteInvalid: the checkpoint is not signed by a known key.
            ProofInvalid: the hashes do not lead from the entry to its root.
        """
        checkpoint = Checkpoint.from_note(self.checkpoint, verifiers)
        verify_inclusion(leaf_hash(body), self.index, checkpoint.size, self.hashes, checkpoint.root)
        return checkpoint


def _hash(line: str) -> bytes:
    try:
        found = base64.b64decode(line, validate=True)
    except (binascii.Error, ValueError):
        found = b""
    if len(found) != HASH_BYTES:
        raise ProofInvalid("a line of the proof is not 32 bytes of base64")
    return found
