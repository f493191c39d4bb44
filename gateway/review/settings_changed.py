"""Settings that matter are in the log: at every start, what differs from the last one, by name and keyed digest.

A digest tells that a setting changed and whether it changed back; it is keyed, so that a short secret cannot be found
by trying. Where the gateway listens and how it is tuned changes no rule and is left out.
"""

import hmac
from collections.abc import Mapping
from datetime import datetime

from sqlalchemy import delete, insert, select

from audit import Log

from ..db import Database
from ..settings import Settings
from . import tables
from .evidence import noted

WITHOUT_EFFECT = frozenset(
    {
        "DATA_DIR",
        "HOST",
        "PORT",
        "UDS",
        "HTTP_PARSER",
        "HEADER_TIMEOUT",
        "BODY_TIMEOUT",
        "BODY_RATE",
        "CONNECTIONS",
        "WORKER",
        "LOG_LEVEL",
    }
)
"""Settings of the process and its place; every other one says who may do what, or how it is proved."""


def digests(settings: Settings, key: bytes) -> dict[str, str]:
    """Name -> 16 hexadecimal digits, of each setting that matters and is not empty.

    Args:
        key: 32 bytes that are not in the database.
    """
    own = hmac.digest(key, b"settings", "sha256")
    return {
        name: hmac.digest(own, f"{name}={value}".encode(), "sha256").hex()[:16]
        for name, value in {**settings.values, "LOG_ORIGIN": settings.log_origin}.items()
        if value and name not in WITHOUT_EFFECT
    }


async def note_changes(db: Database, log: Log, found: Mapping[str, str], now: datetime) -> list[str]:
    """Write `settings.changed` if anything differs from the last start, in one transaction; gives the names.

    Raises:
        LogUnavailable: then the gateway does not start with them.
    """
    async with db.write() as connection:
        rows = await connection.execute(select(tables.setting.c.name, tables.setting.c.digest))
        before = {row.name: row.digest for row in rows}
        changed = sorted(name for name in before.keys() | found.keys() if before.get(name) != found.get(name))
        if not changed:
            return []
        await connection.execute(delete(tables.setting))
        await connection.execute(insert(tables.setting), [{"name": each, "digest": found[each]} for each in found])
        told = {each: {"before": before.get(each, ""), "after": found.get(each, "")} for each in changed}
        await noted(connection, log, "settings.changed", now, {"by": "operator", "settings": told})
    return changed
