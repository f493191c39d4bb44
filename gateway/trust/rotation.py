"""The next key of the gateway itself: recorded in the log first, published before it is used."""

from datetime import datetime
from pathlib import Path

from .directory import Database
from .errors import KeyFileBroken
from .evidence import Log, entry
from .jose import Key
from .keys import ALG, add_to_ring, new_key


async def rotate(db: Database, log: Log, folder: Path, use: str, *, now: datetime, use_from: datetime) -> Key:
    """Make the next `token` or `message` key. Running processes publish it within a second, and sign with it from
    `use_from` on; the previous one stays published while something it signed may have to be checked.

    Raises:
        KeyFileBroken: there is no such ring.
    """
    if use not in ALG:
        raise KeyFileBroken(f"{use} is not one of {', '.join(ALG)}")
    key = new_key(ALG[use])
    facts = {"owner": "gateway", "use": use, "kid": key.kid, "alg": key.alg, "use_from": use_from.isoformat()}
    path: Path | None = None
    try:
        async with db.write() as connection:
            await log.append_in(connection, entry("key.added", now, facts))
            path = add_to_ring(folder, use, key, use_from)
    except BaseException:  # no entry, no key
        if path:
            path.unlink()
        raise
    return key
