"""How trust writes to the log: one entry a change, in the change's own transaction."""

from collections.abc import Mapping
from datetime import datetime
from typing import Protocol

from sqlalchemy.ext.asyncio import AsyncConnection

from audit import Entry, new_id


class Log(Protocol):
    """The one thing trust needs of `audit.Log`."""

    async def append_in(self, connection: AsyncConnection, entry: Entry) -> object:
        """Inside the caller's transaction; `str()` of what it gives is the receipt."""


def entry(kind: str, now: datetime, facts: Mapping[str, object]) -> Entry:
    """An entry about an organisation, a system or a key: never about a person."""
    return Entry(new_id(now), kind, now, facts)
