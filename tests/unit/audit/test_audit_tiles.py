"""Tile paths, bundles, and subtrees read out of tiles."""

import pytest

from audit.errors import EntryInvalid, NotInLog
from audit.merkle import CompactRange, leaf_hash
from audit.tiles import TileTree, bundle, entries_path, index_path, parse_index, tile_path, unbundle, width_at


@pytest.mark.parametrize(
    ("n", "width", "path"),
    [
        (0, 256, "000"),
        (999, 256, "999"),
        (1000, 256, "x001/000"),
        (1234067, 256, "x001/x234/067"),
        (273, 112, "273.p/112"),
        (1_000_000_000, 1, "x001/x000/x000/000.p/1"),
    ],
)
def test_path_of_the_specification_is_written_and_read(n: int, width: int, path: str) -> None:
    assert index_path(n, width) == path
    assert parse_index(path) == (n, width)


@pytest.mark.parametrize(
    "path",
    [
        *("", "0", "00", "x000/001", "1000", "001/002", "../000", "٠٠٠", "000\n"),
        *("000.p/0", "000.p/256", "000.p/01", "000.p/"),
        *("x999/" * 9 + "999", "x999/" * 30 + "999"),
    ],
)
def test_any_other_spelling_is_refused(path: str) -> None:
    with pytest.raises(NotInLog):
        parse_index(path)


def test_resources_stand_where_the_specification_says() -> None:
    assert tile_path(1, 0, 17) == "tile/1/000.p/17"
    assert entries_path(1234067) == "tile/entries/x001/x234/067"


def test_size_70000_has_the_tiles_of_the_specification() -> None:
    assert [width_at(70_000, 0, n) for n in (0, 272, 273, 274)] == [256, 256, 112, 0]
    assert [width_at(70_000, 1, n) for n in (0, 1, 2)] == [256, 17, 0]
    assert [width_at(70_000, 2, n) for n in (0, 1)] == [1, 0]


def test_bundle_is_read_back_and_a_cut_one_refused() -> None:
    bodies = [b"", b"a", b"x" * 65_535]
    packed = bundle(bodies)
    assert packed[:5] == b"\0\0\0\1a"
    assert unbundle(packed) == bodies
    for cut in (packed[:-1], packed[:1], packed[:4]):
        with pytest.raises(EntryInvalid):
            unbundle(cut)


@pytest.mark.parametrize("size", [0, 1, 2, 255, 256, 257, 511, 512, 65_535, 65_536, 65_537])
def test_root_read_from_tiles_is_the_root_of_the_entries(size: int) -> None:
    leaves = [leaf_hash(b"%d" % n) for n in range(size)]
    tree, nodes = CompactRange().extended(leaves)
    levels = {0: leaves, **{level: [node.hash for node in nodes if node.level == level] for level in (1, 2)}}

    def read(level: int, n: int, width: int) -> bytes:
        return b"".join(levels[level][n * 256 : n * 256 + width])

    assert TileTree(size, read).root() == tree.root()


def test_missing_tile_is_named() -> None:
    with pytest.raises(NotInLog, match=r"tile/0/001\.p/44"):
        TileTree(300, lambda _level, n, width: b"" if n else b"\0" * 32 * width).root()
