"""Who took the list away as a table: written before the file is handed out, kept for good."""

from collections.abc import Mapping
from datetime import UTC, datetime

from .store import Row, Store, packed

NOTE = "INSERT INTO download (at, by, filters, lines) VALUES (?, ?, ?, ?)"
ALL = "SELECT at, by, filters, lines FROM download ORDER BY id DESC LIMIT ?"


def note(store: Store, by: str, filters: Mapping[str, str], lines: int) -> None:
    """Write that somebody takes so many lines, those that the filters let through."""
    store.put(NOTE, [(datetime.now(UTC).isoformat(timespec="seconds"), by, packed(dict(filters)), lines)])


def latest(store: Store, limit: int = 20) -> list[Row]:
    """`at`, `by`, `filters` (packed), `lines`; newest first."""
    return store.rows(ALL, limit)
