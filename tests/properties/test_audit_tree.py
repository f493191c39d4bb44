"""The tree for any size, any split of the appends and any damage."""

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from audit.errors import AuditError
from audit.merkle import (
    CompactRange,
    consistency_proof,
    inclusion_proof,
    leaf_hash,
    root_of,
    verify_consistency,
    verify_inclusion,
)
from audit.note import Checkpoint, Verifier, opened
from audit.proofs import Proof
from audit.tiles import bundle, index_path, parse_index, unbundle

ENTRIES = st.lists(st.binary(max_size=8), min_size=1, max_size=70)


@given(ENTRIES, st.lists(st.integers(0, 70), max_size=6))
def test_any_split_of_the_appends_gives_the_same_tree(entries: list[bytes], cuts: list[int]) -> None:
    leaves = [leaf_hash(each) for each in entries]
    bounds = [0, *sorted(min(cut, len(leaves)) for cut in cuts), len(leaves)]
    tree = CompactRange()
    for start, stop in pairwise(bounds):
        tree, _ = tree.extended(leaves[start:stop])
    assert tree.root() == root_of(entries)
    assert CompactRange.from_bytes(tree.size, tree.to_bytes()) == tree


@given(ENTRIES, st.data())
def test_every_proof_verifies(entries: list[bytes], data: st.DataObject) -> None:
    new = len(entries)
    index, old = data.draw(st.integers(0, new - 1)), data.draw(st.integers(0, new))

    def subtree(start: int, stop: int) -> bytes:
        return root_of(entries[start:stop])

    root = root_of(entries)
    verify_inclusion(leaf_hash(entries[index]), index, new, inclusion_proof(index, new, subtree), root)
    verify_consistency(old, subtree(0, old), new, root, consistency_proof(old, new, subtree))


@given(ENTRIES, st.data())
def test_a_flipped_bit_anywhere_in_an_inclusion_proof_is_found(entries: list[bytes], data: st.DataObject) -> None:
    size = len(entries)
    index = data.draw(st.integers(0, size - 1))
    proof = inclusion_proof(index, size, lambda start, stop: root_of(entries[start:stop]))
    values = [leaf_hash(entries[index]), *proof]
    at, bit = data.draw(st.integers(0, len(values) - 1)), data.draw(st.integers(0, 255))
    values[at] = (int.from_bytes(values[at], "big") ^ 1 << bit).to_bytes(32, "big")
    try:
        verify_inclusion(values[0], index, size, values[1:], root_of(entries))
    except AuditError:
        return
    raise AssertionError("a damaged proof was accepted")


@given(st.integers(0, 2**55 - 1), st.integers(1, 256))
def test_tile_paths_are_read_back(n: int, width: int) -> None:
    assert parse_index(index_path(n, width)) == (n, width)


@given(st.lists(st.binary(max_size=300), max_size=20))
def test_bundles_are_read_back(bodies: list[bytes]) -> None:
    assert unbundle(bundle(bodies)) == bodies


@given(st.one_of(st.text(), st.text("\n+— axyz019=/", max_size=60)))
def test_any_text_is_read_or_refused_and_never_a_crash(text: str) -> None:
    for read in (
        Checkpoint.from_text,
        Proof.from_text,
        parse_index,
        Verifier.from_vkey,
        lambda each: opened(each.encode("utf-8", "surrogatepass"), []),
        lambda each: unbundle(each.encode("utf-8", "surrogatepass")),
    ):
        try:
            read(text)
        except AuditError:
            continue
