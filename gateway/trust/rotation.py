"""The next key of the gateway itself: recorded in the log first, published before it is used."""

from datetime import datetime
from pathlib import Path

from ..db import Database
from .errors import KeyFileBroken
from .evidence import Log, entry
from .jose import Key
from .keys import ALG, ON_DEMAND, add_to_ring
from .keystore import Care


async def rotate(
    db: Database, log: Log, folder: Path, use: str, *, now: datetime, use_from: datetime, care: Care | None = None
) -> Key:
    """Make the next `token`, `message`, `encryption` or `partner` key. Running processes see it within a second, and
    use it from `use_from` on; the previous one stays while something made with it may have to be checked or opened.

    Raises:
        KeyFileBroken: there is no such ring, or the store cannot make the key.
    """
    if use not in ALG | ON_DEMAND:
        raise KeyFileBroken(f"{use} is not one of {', '.join(ALG | ON_DEMAND)}")
    care = care or Care()
    store = care.store(use)
    key = store.made((ALG | ON_DEMAND)[use])
    facts = {"owner": "gateway", "use": use, "kid": key.kid, "alg": key.alg, "use_from": use_from.isoformat()}
    path: Path | None = None
    try:
        async with db.write() as connection:
            await log.append_in(connection, entry("key.added", now, {**facts, "held": store.name}))
            path = add_to_ring(folder, use, key, use_from, care=care, store=store)
    except BaseException:  # no entry, no key
        if path:
            path.unlink()
        store.erased(key.kid)
        raise
    return key
