"""Style sheets, scripts and pictures, read once, so that no address is ever turned into a path."""

from hashlib import sha256
from pathlib import Path
from typing import NamedTuple

STATIC = Path(__file__).parent / "static"
KINDS = {
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
    ".png": "image/png",
}


class Asset(NamedTuple):
    """A file that pages ask for; `version` changes with its content."""

    content: bytes
    media_type: str
    version: str


def _read(path: Path) -> Asset:
    content = path.read_bytes()
    return Asset(content, KINDS[path.suffix], sha256(content).hexdigest()[:12])


ASSETS = {
    path.relative_to(STATIC).as_posix(): _read(path)
    for path in sorted(STATIC.rglob("*"))
    if path.is_file() and path.suffix in KINDS
}
"""Name below `static/` -> asset."""


def address_of(name: str) -> str:
    """Where a page finds the asset `name`. A new content has a new address, so browsers may keep the old for ever.

    Raises:
        KeyError: there is no such asset.
    """
    return f"/static/{name}?v={ASSETS[name].version}"
