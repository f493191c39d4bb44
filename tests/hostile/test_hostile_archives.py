"""Archives that swell and names that wander. Threats 25 and 26."""

import gzip
import resource
import struct
import time
import zipfile
from collections.abc import Callable
from io import BytesIO
from pathlib import Path

import pytest

from adapters.kit import feeds
from adapters.kit.feeds import FeedRefused

Write = Callable[[zipfile.ZipFile], None]


def zipped(write: Write, **options: object) -> bytes:
    made = BytesIO()
    with zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED, **options) as archive:
        write(archive)
    return made.getvalue()


def many(archive: zipfile.ZipFile) -> None:
    for number in range(1001):
        archive.writestr(f"{number}.txt", b"")


def link(archive: zipfile.ZipFile) -> None:
    entry = zipfile.ZipInfo("passwd")
    entry.external_attr = 0o120777 << 16
    archive.writestr(entry, "/etc/passwd")


def swelling(archive: zipfile.ZipFile) -> None:
    archive.writestr("a", b"0" * 300_000_000)


def swelling_in_pieces(archive: zipfile.ZipFile) -> None:
    for number in range(900):
        archive.writestr(f"{number}", b"0" * 20_000)


def overlapping() -> bytes:
    """A thousand entries that all point at one swollen content."""
    kernel = zipped(lambda archive: archive.writestr("a", b"0" * 1_000_000))
    start, end = kernel.find(b"PK\x01\x02"), kernel.find(b"PK\x05\x06")
    entry = kernel[start:end]
    tail = bytearray(kernel[end:])
    struct.pack_into("<HHI", tail, 8, 900, 900, len(entry) * 900)
    return kernel[:start] + entry * 900 + bytes(tail)


def encrypted() -> bytes:
    made = bytearray(zipped(lambda archive: archive.writestr("a", b"secret")))
    made[made.find(b"PK\x01\x02") + 8] |= 1
    made[6] |= 1
    return bytes(made)


def lying() -> bytes:
    """The directory says that little comes out."""
    made = bytearray(zipped(swelling))
    struct.pack_into("<I", made, made.find(b"PK\x01\x02") + 24, 10)
    return bytes(made)


ZIPS: dict[str, bytes] = {
    "one file that swells": zipped(swelling),
    "many files that swell together": zipped(swelling_in_pieces),
    "many entries of one content": overlapping(),
    "a directory that lies": lying(),
    "too many files": zipped(many),
    "a link": zipped(link),
    "an encrypted file": encrypted(),
    "half a zip": zipped(swelling)[:-200],
    "garbage": b"PK\x05\x06" + b"\xff" * 18,
    "nothing": b"",
    "another archive": b"Rar!\x1a\x07\x00" + b"x" * 100,
}


def _drained(archive: bytes) -> None:
    assert sum(len(each.content) for each in feeds.unpacked(archive)) <= feeds.MOST_BYTES


@pytest.mark.parametrize("case", ZIPS)
def test_a_hostile_archive_is_refused_within_bounds(case: str) -> None:
    before, started = _peak(), time.process_time()
    with pytest.raises(FeedRefused):
        _drained(ZIPS[case])
    assert time.process_time() - started < 2.0
    assert _peak() - before < 32 * 1024


@pytest.mark.parametrize(
    "packed",
    [
        gzip.compress(b"0" * 300_000_000),
        gzip.compress(b"0" * 1000)[:-9],
        gzip.compress(b"a") + gzip.compress(b"b"),
        gzip.compress(b"a") + b"more",
        b"\x1f\x8b" + b"\x00" * 50,
        b"",
        b"text",
    ],
    ids=["bomb", "cut", "two members", "something after", "damaged", "nothing", "no gzip"],
)
def test_a_hostile_gzip_is_refused_within_bounds(packed: bytes) -> None:
    before, started = _peak(), time.process_time()
    with pytest.raises(FeedRefused):
        feeds.inflated(packed)
    assert time.process_time() - started < 2.0
    assert _peak() - before < 32 * 1024


def test_ordinary_feeds_are_unpacked() -> None:
    content = b"".join(b"line %d\n" % number for number in range(50_000))
    assert feeds.inflated(gzip.compress(content)) == content
    archive = zipped(lambda opened: [opened.writestr(f"in/{n}.csv", content[: n * 100]) for n in range(20)])
    found = list(feeds.unpacked(archive))
    assert [each.label for each in found] == [f"{n}.csv" for n in range(20)]
    assert found[19].content == content[:1900]


PATHS = [
    "../../etc/passwd",
    "..\\..\\windows\\system32",
    "/etc/passwd",
    "C:\\boot.ini",
    "\\\\server\\share\\x",
    "a/../../b",
    "..",
    ".",
    "...",
    "",
    " ",
    "a\x00.csv",
    "a\nb.csv",
    "a\r\nSet-Cookie: x",
    "\u202egpj.exe",
    "a\u200fb",
    "\ufefffeed.csv",
    "%2e%2e%2fpasswd",
    "..%c0%afpasswd",
    "．．／passwd",
    "con",
    "nul.txt",
    "-rf",
    "`id`",
    "$(id)",
    ";reboot",
    "a|b",
    "~root",
    "file:///etc/passwd",
    "x" * 5000,
    "feed.csv/",
    "<script>alert(1)</script>",
    "=cmd|' /C calc'!A0",
]


@pytest.mark.parametrize("name", PATHS)
def test_a_sender_s_name_is_a_label_and_never_a_path(name: str, tmp_path: Path) -> None:
    shown = feeds.label(name)
    assert 0 < len(shown) <= feeds.LONGEST_LABEL
    assert shown.isprintable()
    assert not set(shown) & set("/\\\0<>|;$=+@`'\"\u202e\u200f\ufeff")
    assert shown not in {".", ".."}
    archive = zipped(lambda opened: opened.writestr(zipfile.ZipInfo(name or "_"), b"content"))
    outside = sorted(tmp_path.parent.rglob("*"))
    for each in feeds.unpacked(archive):
        stored = feeds.kept(tmp_path, each.content)
        assert (tmp_path / stored).read_bytes() == b"content"
        assert (tmp_path / stored).stat().st_mode & 0o777 == 0o600
    within = {path for path in tmp_path.parent.rglob("*") if path.parent == tmp_path}
    assert set(tmp_path.parent.rglob("*")) - set(outside) == within


def test_nothing_is_kept_behind_a_link(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to("real")
    with pytest.raises(OSError, match="link"):
        feeds.kept(tmp_path / "link", b"x")
    assert list((tmp_path / "real").iterdir()) == []


def _peak() -> int:
    """The most memory this process ever held, in KiB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
