"""A line of a bulk exchange is proved alone, and only at its place."""

import pytest

from audit.errors import ProofInvalid
from audit.lines import LineProof, line_proof, lines_root

LINES = [f'{{"line":{n}}}'.encode() for n in range(300)]


@pytest.mark.parametrize("size", [1, 2, 3, 255, 256, 257, 300])
def test_every_line_leads_to_the_root(size: int) -> None:
    root = lines_root(LINES[:size])
    for index in {0, size // 2, size - 1}:
        LineProof.from_text(line_proof(LINES[:size], index).text()).verify(root)


def test_other_line_other_place_and_other_root_do_not() -> None:
    proof, root = line_proof(LINES, 7), lines_root(LINES)
    for wrong in (
        LineProof(LINES[8], 7, 300, proof.hashes),
        LineProof(LINES[7], 8, 300, proof.hashes),
        LineProof(LINES[7], 7, 299, proof.hashes[:-1]),
    ):
        with pytest.raises(ProofInvalid):
            wrong.verify(root)
    for other in (lines_root(LINES[:299]), "no root"):
        with pytest.raises(ProofInvalid):
            proof.verify(other)
    with pytest.raises(ProofInvalid):
        line_proof(LINES, 300)


@pytest.mark.parametrize("text", ["", "{}", '{"line":"","index":0,"size":1,"hashes":["?"]}'])
def test_rubbish_is_no_proof(text: str) -> None:
    with pytest.raises(ProofInvalid):
        LineProof.from_text(text)
