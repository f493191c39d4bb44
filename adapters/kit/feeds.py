"""Files that agencies send in bulk: unpacked within bounds, and kept under names of our own.

An archive of a few kilobytes can hold petabytes, and a name in it can point anywhere. So everything is counted while it
is unpacked, and the sender's names are labels for people: no path is ever made of one.

Source: OWASP ASVS 5.0, 5.2.3, 5.3.2, 5.3.3; APPNOTE.TXT 6.3 sections 4.3, 4.4; RFC 1952.
"""

import os
import re
import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from secrets import token_hex
from stat import S_ISLNK
from zipfile import BadZipFile, ZipFile, ZipInfo

MOST_BYTES = 10 * 1024 * 1024  # of what comes out, altogether
MOST_ENTRIES = 1_000
MOST_RATIO = 20  # of what comes out to what came in, beyond the first megabyte
FREE_BYTES = 1024 * 1024
LONGEST_LABEL = 120

_BLOCK = 64 * 1024
_DIRECTORY_BYTES = 256 * 1024  # of a zip's directory: it is read before its entries can be counted
_ENCRYPTED = 1
_UNPRINTABLE = re.compile(r"[^\w .,()-]")  # controls, separators, marks that turn the direction of text, formulas


class FeedRefused(Exception):
    """The file is not unpacked; the text names the rule, never a name or a content."""


@dataclass(frozen=True, slots=True)
class Unpacked:
    """One file of an archive. `label` is what is left of the sender's name: to be shown, never to be opened; `name` is
    all of it, for who compares it with names of their own."""

    label: str
    content: bytes
    name: str = ""


def unpacked(archive: bytes) -> Iterator[Unpacked]:
    """The files of a zip, one after the other.

    Raises:
        FeedRefused: no zip, encrypted, damaged, a link, more than 1,000 entries, or more than comes out of a feed.
    """
    _check_directory(archive)
    try:
        with ZipFile(BytesIO(archive)) as opened:
            entries = [each for each in opened.infolist() if not each.is_dir()]
            if len(entries) > MOST_ENTRIES:
                raise FeedRefused(f"more than {MOST_ENTRIES} files in one archive")
            total = 0
            for entry in entries:
                content = _entry(opened, entry, _allowed(len(archive)) - total)
                total += len(content)
                yield Unpacked(label(entry.filename), content, entry.orig_filename)
    except (BadZipFile, EOFError, OSError, RuntimeError, UnicodeError, ValueError, zlib.error):
        raise FeedRefused("not a zip that can be read") from None


def inflated(packed: bytes) -> bytes:
    """The content of a gzip file of one member.

    Raises:
        FeedRefused: no gzip, damaged, cut, something after its end, or more than comes out of a feed.
    """
    inflating = zlib.decompressobj(wbits=31)
    most = _allowed(len(packed))
    try:
        content = inflating.decompress(packed, most + 1)
    except zlib.error:
        raise FeedRefused("not a gzip that can be read") from None
    if len(content) > most:
        raise _too_much(most)
    if not inflating.eof or inflating.unused_data:
        raise FeedRefused("a gzip that is cut, or that something follows")
    return content


def kept(folder: Path, content: bytes) -> str:
    """Write a new file into a folder under a name of our own, which is returned; readable by its owner only.

    Raises:
        OSError: the folder is a link, or cannot be written.
    """
    inside = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
    try:
        name = token_hex(16)
        opened = os.open(name, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600, dir_fd=inside)
        with os.fdopen(opened, "wb") as file:
            file.write(content)
        return name
    finally:
        os.close(inside)


def label(name: str) -> str:
    """What people may see of a sender's file name: its last part, without signs that could mean something."""
    last = re.split(r"[/\\]", name)[-1]
    return _UNPRINTABLE.sub("_", last)[:LONGEST_LABEL].strip(" .-") or "unnamed"


def _check_directory(archive: bytes) -> None:
    end = archive.rfind(b"PK\x05\x06", max(0, len(archive) - 65_557))
    if end < 0 or len(archive) - end < 22:
        raise FeedRefused("not a zip that can be read")
    count, size = struct.unpack_from("<HI", archive, end + 10)
    if count > MOST_ENTRIES or size > _DIRECTORY_BYTES:
        raise FeedRefused(f"more than {MOST_ENTRIES} files in one archive")


def _entry(opened: ZipFile, entry: ZipInfo, left: int) -> bytes:
    if entry.flag_bits & _ENCRYPTED or S_ISLNK(entry.external_attr >> 16):
        raise FeedRefused("an encrypted file or a link in an archive")
    content = bytearray()
    with opened.open(entry) as file:
        while block := file.read(_BLOCK):
            content += block
            if len(content) > left:
                raise _too_much(left)
    return bytes(content)


def _allowed(packed: int) -> int:
    return min(MOST_BYTES, max(FREE_BYTES, packed * MOST_RATIO))


def _too_much(most: int) -> FeedRefused:
    return FeedRefused(f"more comes out than a feed may hold ({most} bytes left)")
