"""Adapters are in the log: at every start, which were linked, unlinked or changed since the last one.

An adapter decides what is asked of an agency and what its answer means, so another mapping is another rule. Its folder
is known by a digest, its settings (addresses, secrets) by a keyed one, as `settings_changed` does it.
"""

import hmac
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from hashlib import sha256
from pathlib import Path

from sqlalchemy import delete, insert, select

from adapters.kit import manifest
from audit import Entry, Log, new_id

from ..catalogue import Offer
from ..db import Database
from . import tables

READ = ("manifest.toml", "mapping.toml", "*.py")
"""What of a folder decides how the agency is asked; samples and texts do not."""

State = Mapping[str, object]
"""Of a linked adapter: `provider` (system), and 16 hexadecimal digits each of `folder` and `settings`."""


def states(
    folders: Mapping[str, Path], offers: Iterable[Offer], setting: Callable[[str], str], key: bytes
) -> dict[str, State]:
    """The linked adapters as they are now.

    Args:
        folders: adapter id -> folder.
        offers: of the catalogue; an adapter is linked if one of its services is.
        setting: the value of an adapter's setting or secret; raises LookupError where it is not set.
        key: 32 bytes that are not in the database.
    """
    providers = {each.service.id.partition(".")[0]: each.provider for each in offers if each.adapter}
    return {
        name: {
            "provider": providers[name],
            "folder": _folder(folder),
            "settings": _settings(folder, setting, key),
        }
        for name, folder in folders.items()
        if name in providers
    }


async def note_changes(db: Database, log: Log, found: Mapping[str, State], now: datetime) -> list[str]:
    """Write an entry for each adapter that differs from the last start, in one transaction; gives their ids.

    Raises:
        LogUnavailable: then the gateway does not start with them.
    """
    table = tables.adapter
    async with db.write() as connection:
        before = {row.id: row.state for row in await connection.execute(select(table))}
        changed = sorted(name for name in before.keys() | found.keys() if before.get(name) != found.get(name))
        if changed:
            await connection.execute(delete(table).where(table.c.id.in_(changed)))
            new = [{"id": name, "state": found[name]} for name in changed if name in found]
            if new:
                await connection.execute(insert(table), new)
            await log.append_all_in(
                connection, [_entry(name, before.get(name), found.get(name), now) for name in changed]
            )
    return changed


def _entry(name: str, before: State | None, after: State | None, now: datetime) -> Entry:
    kind = "adapter.changed" if before and after else "adapter.linked" if after else "adapter.unlinked"
    told = {"by": "operator", "adapter": name, "before": before, "after": after}
    return Entry(new_id(now), kind, now, {name: value for name, value in told.items() if value})


def _folder(folder: Path) -> str:
    files = sorted({file for pattern in READ for file in folder.glob(pattern)})
    whole = sha256()
    for file in files:
        whole.update(f"{file.name} {sha256(file.read_bytes()).hexdigest()}\n".encode())
    return whole.hexdigest()[:16]


def _value(setting: Callable[[str], str], name: str) -> str:
    try:
        return setting(name)
    except LookupError:
        return ""  # the adapter was linked without it


def _settings(folder: Path, setting: Callable[[str], str], key: bytes) -> str:
    needed = sorted(manifest.load(folder).settings_needed())
    text = "\n".join(f"{name}={_value(setting, name)}" for name in needed)
    return hmac.digest(hmac.digest(key, b"adapters", "sha256"), text.encode(), "sha256").hex()[:16]
