"""Where fsck reads a log from: a directory of tiles, a log's address, the database (`stored`). Nothing is trusted."""

import http.client
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple, Protocol

from .errors import EntryInvalid, NoteInvalid, SourceUnreadable
from .merkle import CompactRange
from .note import Checkpoint, unverified
from .tiles import WIDTH, entries_path, hashes_of, tile_path, unbundle, width_at

TIMEOUT_S = 30.0
MOST_BYTES = 32 * 1024 * 1024
"""More than the largest possible bundle: 256 entries of 65,535 bytes."""

Fetch = Callable[[str], bytes | None]
"""Path below the log's prefix -> content; None if it is not there."""


class Page(NamedTuple):
    """What a source holds in a row from `first`. `ids` (16 bytes each) only where stored apart from the bodies."""

    first: int
    bodies: Sequence[bytes]
    leaves: Sequence[bytes]
    ids: Sequence[bytes] = ()


class Source(Protocol):
    """A log to be checked."""

    def vkeys(self) -> Sequence[str]:
        """The verifier keys it claims to have."""

    def size(self) -> int:
        """How many entries it claims to have."""

    def head(self) -> CompactRange | None:
        """The writer's own state, where the source has it."""

    def notes(self) -> Iterator[bytes]:
        """Its signed checkpoints, smallest first."""

    def pages(self, first: int, stop: int, /) -> Iterator[Page]:
        """What it holds in [first, stop), in whole tiles and in order, up to the first place that is missing.

        Args:
            first: where a tile begins.
            stop: at most `size()`.
        """

    def nodes(self, level: int, n: int, width: int) -> Sequence[bytes]:
        """The hashes of a tile of level 1 or higher; fewer if it holds fewer."""

    def misplaced(self, first: int, stop: int, /) -> int | None:
        """A hint: the first place in [first, stop) where another entry stood when it was written."""


class TileSource:
    """A log served as files."""

    def __init__(self, fetch: Fetch) -> None:
        self._fetch = fetch
        note = fetch("checkpoint")
        if note is None:
            raise SourceUnreadable("there is no `checkpoint` here; give the prefix of a log, e.g. http://host/log")
        self._note = note
        try:
            self._size = Checkpoint.from_text(unverified(note)).size
        except NoteInvalid as error:
            raise SourceUnreadable(f"the checkpoint cannot be read: {error}") from None

    def vkeys(self) -> Sequence[str]:
        """See `Source`."""
        return (self._fetch("vkeys") or b"").decode(errors="replace").split("\n")[:-1]

    def size(self) -> int:
        """See `Source`."""
        return self._size

    def head(self) -> CompactRange | None:
        """See `Source`."""
        return None

    def notes(self) -> Iterator[bytes]:
        """See `Source`."""
        yield self._note

    def pages(self, first: int, stop: int, /) -> Iterator[Page]:
        """See `Source`. A bundle or tile that ends early ends the walk: so the first missing entry has a number."""
        for n in range(first // WIDTH, -(-stop // WIDTH)):
            width = width_at(stop, 0, n)
            leaves = self._hashes(0, n, width)
            bodies = _bodies(self._fetch(entries_path(n, width)) or self._fetch(entries_path(n)) or b"")[:width]
            count = min(len(bodies), len(leaves))
            yield Page(n * WIDTH, bodies[:count], leaves[:count])
            if count < width:
                return

    def nodes(self, level: int, n: int, width: int) -> Sequence[bytes]:
        """See `Source`."""
        return self._hashes(level, n, width)

    def misplaced(self, _first: int, _stop: int, /) -> int | None:
        """See `Source`."""
        return None

    def _hashes(self, level: int, n: int, width: int) -> list[bytes]:
        tile = self._fetch(tile_path(level, n, width)) or self._fetch(tile_path(level, n)) or b""
        return hashes_of(tile)[:width]


def directory(path: Path) -> TileSource:
    """A log as a directory of files.

    Raises:
        SourceUnreadable: it holds no checkpoint.
    """

    def fetch(name: str) -> bytes | None:
        file = path / name
        return file.read_bytes() if file.is_file() else None

    return TileSource(fetch)


def address(url: str) -> TileSource:
    """A log over HTTP. `url` is its prefix, or the gateway's address (then `/log` is added).

    Raises:
        SourceUnreadable: not http or https, or nobody answers there.
    """
    prefix = url.rstrip("/")
    if urllib.parse.urlsplit(prefix).scheme not in {"http", "https"}:
        raise SourceUnreadable("the address of a log starts with http:// or https://")
    opener = _web_only()
    if _get(opener, f"{prefix}/checkpoint") is None:
        prefix += "/log"
    return TileSource(lambda path: _get(opener, f"{prefix}/{path}"))


def _web_only() -> urllib.request.OpenerDirector:
    """An opener that knows neither files nor redirects nor proxies."""
    opener = urllib.request.OpenerDirector()
    for handler in (urllib.request.HTTPHandler(), urllib.request.HTTPSHandler()):
        opener.add_handler(handler)
    return opener


def _get(opener: urllib.request.OpenerDirector, url: str) -> bytes | None:
    try:
        with opener.open(url, timeout=TIMEOUT_S) as answer:
            content: bytes = answer.read(MOST_BYTES + 1)
            status: int = answer.status
    except (OSError, http.client.HTTPException, urllib.error.URLError) as error:
        raise SourceUnreadable(f"{url} does not answer ({type(error).__name__})") from None
    if status == http.client.NOT_FOUND:
        return None
    if status != http.client.OK or len(content) > MOST_BYTES:
        raise SourceUnreadable(f"{url} answers with status {status} and {len(content)} bytes; may this caller read it?")
    return content


def _bodies(packed: bytes) -> list[bytes]:
    """The entries of a bundle, up to where it is damaged."""
    try:
        return unbundle(packed)
    except EntryInvalid:
        return []
