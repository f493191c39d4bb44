"""The tree against published roots, and its proofs against a tree written down as RFC 6962 defines it."""

import base64
import json

import pytest

from audit.errors import ProofInvalid
from audit.merkle import (
    EMPTY_ROOT,
    CompactRange,
    consistency_proof,
    inclusion_proof,
    leaf_hash,
    node_hash,
    root_of,
    verify_consistency,
    verify_inclusion,
)

ROOTS = {  # entry i is {"n":i,"t":"synthetic"}; computed by Go's sumdb/tlog as well
    0: "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=",
    1: "/zipDWWXKMffroWWIpnjXjfycHd1m5Ljrh8xuQsZN4c=",
    2: "C+91w5FXRe4zEBwpz+pI3/HT3eaGYmOphzLxVRzn3mI=",
    255: "iyN9Ej5sDEkMrkiEArQyLhh99g2o4UhFAcrMAuYdwyg=",
    256: "H/wG0OiPSRWB2BEif8pY9PBcobZGzyrwhZT2IoBUOjM=",
    257: "+0pPg4QQEuKM5Hs0ebLalq1E7rDI+hvhGZ3Rgvo+sMA=",
    1000: "OQCq3I6JqS1DUBKFXSDIcQMhvU3VXlPLHRsjWh45YHA=",
    70000: "tvED7HWPdks0eCGWWkY9M7j9EZRyQ/4A1wY4DcLLODE=",
}


def synthetic(count: int) -> list[bytes]:
    return [json.dumps({"n": n, "t": "synthetic"}, separators=(",", ":")).encode() for n in range(count)]


def definition(leaves: list[bytes]) -> bytes:
    """MTH of RFC 6962 section 2.1, word for word."""
    if not leaves:
        return EMPTY_ROOT
    if len(leaves) == 1:
        return leaves[0]
    split = 1
    while split * 2 < len(leaves):
        split *= 2
    return node_hash(definition(leaves[:split]), definition(leaves[split:]))


LEAVES = [leaf_hash(entry) for entry in synthetic(70)]


def subtree(start: int, stop: int) -> bytes:
    return definition(LEAVES[start:stop])


@pytest.mark.parametrize("size", ROOTS)
def test_root_is_the_published_one(size: int) -> None:
    assert base64.b64encode(root_of(synthetic(size))).decode() == ROOTS[size]


def test_growing_in_parts_gives_the_same_tree_as_at_once() -> None:
    in_parts = CompactRange()
    for start in range(0, 70, 7):
        in_parts, _ = in_parts.extended(LEAVES[start : start + 7])
    assert in_parts == CompactRange().extended(LEAVES)[0]


def test_packed_range_is_read_back_and_a_wrong_length_refused() -> None:
    tree, _ = CompactRange().extended(LEAVES)
    assert CompactRange.from_bytes(70, tree.to_bytes()) == tree
    with pytest.raises(ProofInvalid):
        CompactRange.from_bytes(71, tree.to_bytes())


def test_complete_tiles_are_reported_when_their_last_entry_arrives() -> None:
    leaves = [leaf_hash(entry) for entry in synthetic(256 * 256)]
    tree, early = CompactRange().extended(leaves[:-1])
    _, late = tree.extended(leaves[-1:])
    assert [(node.level, node.n) for node in early] == [(1, n) for n in range(255)]
    assert [(node.level, node.n) for node in late] == [(1, 255), (2, 0)]
    assert early[0].hash == definition(leaves[:256])


@pytest.mark.parametrize("size", [1, 2, 3, 7, 8, 64, 70])
def test_every_inclusion_proof_verifies_and_only_for_its_entry(size: int) -> None:
    root = subtree(0, size)
    for index in range(size):
        proof = inclusion_proof(index, size, subtree)
        verify_inclusion(LEAVES[index], index, size, proof, root)
        for wrong in ((LEAVES[index - 1], index, proof), (LEAVES[index], index, [*proof, root])):
            if size > 1:
                with pytest.raises(ProofInvalid):
                    verify_inclusion(wrong[0], wrong[1], size, wrong[2], root)


@pytest.mark.parametrize("new", [1, 2, 3, 7, 8, 64, 70])
def test_every_consistency_proof_verifies_and_only_for_its_roots(new: int) -> None:
    for old in range(new + 1):
        proof = consistency_proof(old, new, subtree)
        verify_consistency(old, subtree(0, old), new, subtree(0, new), proof)
        with pytest.raises(ProofInvalid):
            verify_consistency(old, b"\0" * 32, new, subtree(0, new), proof)
        with pytest.raises(ProofInvalid):
            verify_consistency(old, subtree(0, old), new, subtree(0, new), [*proof, EMPTY_ROOT])


def test_proofs_outside_the_tree_are_refused() -> None:
    with pytest.raises(ProofInvalid):
        inclusion_proof(8, 8, subtree)
    with pytest.raises(ProofInvalid):
        consistency_proof(9, 8, subtree)
    with pytest.raises(ProofInvalid):
        verify_inclusion(LEAVES[0], 8, 8, [], subtree(0, 8))
    with pytest.raises(ProofInvalid):
        verify_consistency(9, subtree(0, 9), 8, subtree(0, 8), [])
