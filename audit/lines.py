"""One person's line of a bulk exchange, proved alone: the entry holds an RFC 6962 root over all lines.

The lines are small texts without a person's data (a decision, a pseudonym, a commitment to the answer); the tree over
them has the same shape as the log itself, so one more inclusion proof leads from a line to the entry.
"""

import base64
import binascii
import json
from collections.abc import Sequence
from dataclasses import dataclass

from .errors import ProofInvalid
from .merkle import inclusion_proof, leaf_hash, root_of, verify_inclusion


@dataclass(frozen=True, slots=True)
class LineProof:
    """A line's exact bytes, its place from 0, how many lines there are, and the sibling hashes."""

    line: bytes
    index: int
    size: int
    hashes: tuple[bytes, ...]

    def text(self) -> str:
        """As a JSON file."""
        hashes = [base64.b64encode(each).decode() for each in self.hashes]
        return json.dumps({"line": self.line.decode(), "index": self.index, "size": self.size, "hashes": hashes})

    @classmethod
    def from_text(cls, text: str) -> "LineProof":
        """Read what `text` wrote.

        Raises:
            ProofInvalid: something else.
        """
        try:
            read = json.loads(text)
            hashes = tuple(base64.b64decode(each, validate=True) for each in read["hashes"])
            return cls(str(read["line"]).encode(), int(read["index"]), int(read["size"]), hashes)
        except (ValueError, KeyError, TypeError, binascii.Error):
            raise ProofInvalid("not the proof of a line") from None

    def verify(self, root: str) -> None:
        """Check that the line is below this root (hex), as the entry holds it.

        Raises:
            ProofInvalid: it is not.
        """
        try:
            expected = bytes.fromhex(root)
        except ValueError:
            raise ProofInvalid("the entry holds no root over lines") from None
        verify_inclusion(leaf_hash(self.line), self.index, self.size, self.hashes, expected)


def lines_root(lines: Sequence[bytes]) -> str:
    """The root over all lines, in order, hex: what the entry commits to."""
    return root_of(lines).hex()


def line_proof(lines: Sequence[bytes], index: int) -> LineProof:
    """The proof of one line.

    Raises:
        ProofInvalid: there is no such line.
    """
    hashes = inclusion_proof(index, len(lines), lambda start, stop: root_of(lines[start:stop]))
    return LineProof(lines[index], index, len(lines), tuple(hashes))
