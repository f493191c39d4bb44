"""Keys that a system publishes itself: fetched from its registered `jwks_uri`, and from nowhere else.

Fetched through the guarded dialler, at most 64 kB, again after 5 to 20 minutes as the answer asks, and at once (but at
most once a minute per system) when a kid is met that we do not know. A fetch that fails leaves what is there in force
for 24 hours (`held_keys.STALE_AFTER`). A change of the set is a log entry a key, like an upload. Of several processes
one fetches: whoever moves `next_at`.

Source: security reference, section 2.1; RFC 7517 section 5.
"""

import logging
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Protocol

from sqlalchemy import Row, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from adapters.kit import strict_json
from adapters.kit.contract import AgencyError
from adapters.kit.http_client import HttpAnswer, HttpClient, Limits

from ..db import Database
from . import jwks, tables
from .directory import Directory
from .errors import KeysRefused
from .evidence import Log, recorded
from .held_keys import STALE_AFTER, key_facts, utc
from .jose import Key
from .parties import System

logger = logging.getLogger(__name__)

LARGEST = 64 * 1024
SHORTEST, USUAL, LONGEST = timedelta(minutes=5), timedelta(minutes=10), timedelta(minutes=20)
UNKNOWN_KID = timedelta(minutes=1)
MAX_AGE = re.compile(r"(?:^|[\s,])max-age=\"?([0-9]{1,9})", re.ASCII)
LIMITS = Limits(timeout_s=5.0, attempts=1, concurrent=2, max_bytes=LARGEST)


class Dials(Protocol):
    """The guarded dialler, `adapters.kit.egress.Dialler`."""

    def http(self, base_url: str, limits: Limits | None = None) -> HttpClient:
        """A client for one origin."""


@dataclass(frozen=True, slots=True)
class Fetched:
    """A key set as it was published, and how long it need not be asked for again."""

    keys: tuple[Key, ...]
    fresh_for: timedelta


class KeySets:
    """Fetches key sets, and keeps them fresh."""

    def __init__(self, db: Database, log: Log, directory: Directory, dialler: Dials) -> None:
        self._db, self._log, self._directory, self._dialler = db, log, directory, dialler
        self._clients: dict[str, HttpClient] = {}

    async def fetched(self, system: System) -> Fetched:
        """What the system publishes now.

        Raises:
            KeysRefused: its address may not be dialled, does not answer with a key set, or the set breaks a rule.
        """
        url = system.policy.jwks_uri
        try:
            answer = await self._client(url).request("GET", url, headers={"accept": "application/jwk-set+json"})
        except AgencyError as error:
            raise KeysRefused(f"the keys of {system.id} cannot be fetched: {error}") from None
        if answer.status != 200:
            raise KeysRefused(f"the keys of {system.id} cannot be fetched: the answer has status {answer.status}")
        try:
            document = strict_json.loads(answer.body)
        except strict_json.StrictError:
            raise KeysRefused(f"what {system.id} publishes as its keys is not strict JSON") from None
        return Fetched(jwks.usable(document, system.policy.signature.algorithms), _fresh_for(answer))

    async def keep_fresh(self, now: datetime) -> None:
        """Fetch what is due. A set that cannot be fetched is told to the operator and stays as it was."""
        for system in (await self._directory.fresh()).callers.values():
            if system.policy.jwks_uri and await self._taken(system, "next_at", now, now + SHORTEST):
                await self._renewed(system, now)

    async def met(self, system: System, now: datetime) -> bool:
        """An unknown kid came from the system: whether its set was fetched anew for it."""
        if not system.policy.jwks_uri or not await self._taken(system, "asked_at", now - UNKNOWN_KID, now):
            return False
        return await self._renewed(system, now)

    async def _taken(self, system: System, turn: str, due: datetime, moved: datetime) -> bool:
        """Whether it is due and this process has the turn."""
        held = tables.key_set.c
        async with self._db.read() as connection:
            at = await connection.scalar(select(held[turn]).where(held.system_id == system.id))
        if at is None or utc(at) > due:
            return False
        async with self._db.write() as connection:
            mine = update(tables.key_set).where(held.system_id == system.id, held[turn] == at).values({turn: moved})
            return (await connection.execute(mine)).rowcount == 1

    async def _renewed(self, system: System, now: datetime) -> bool:
        try:
            found = await self.fetched(system)
            async with self._db.write() as connection:
                changed = await put(connection, self._log, system, found, now)
        except KeysRefused as error:
            logger.warning("%s; its keys stay as they are for up to 24 hours", error.detail)
            await self._failed(system, error.detail)
            return False
        if changed:
            self._directory.forget()
        return True

    async def _failed(self, system: System, problem: str) -> None:
        where = tables.key_set.c.system_id == system.id
        async with self._db.write() as connection:
            await connection.execute(update(tables.key_set).where(where).values(problem=problem))

    def _client(self, url: str) -> HttpClient:
        origin = "/".join(url.split("/", 3)[:3])
        if origin not in self._clients:
            self._clients[origin] = self._dialler.http(origin, LIMITS)
        return self._clients[origin]


async def put(connection: AsyncConnection, log: Log, system: System, found: Fetched, now: datetime) -> tuple[str, ...]:
    """Make the fetched set the system's keys, in the caller's transaction; gives a receipt for each change.

    Raises:
        KeysRefused: another key is published under a kid that was used before.
    """
    held = tables.key.c
    rows = await connection.execute(select(tables.key).where(held.owner_id == system.id).with_for_update())
    known = {row.kid: row for row in rows}
    receipts = []
    for key in found.keys:
        if await _placed(connection, system, key, known, now):
            facts = key_facts(system.id, key) | {"fetched": True}
            receipts.append(await recorded(connection, log, "key.added", now, **facts))
    published = {key.kid for key in found.keys}
    for kid, row in known.items():
        if row.retired_at is None and kid not in published:
            await _changed(connection, system, kid, retired_at=now, unpublished=True)
            facts = {"owner": system.id, "kid": kid, "fetched": True}
            receipts.append(await recorded(connection, log, "key.retired", now, **facts))
    if await _was_stale(connection, system, now):
        receipts.append(await recorded(connection, log, "key_set.in_force_again", now, system=system.id))
    await _noted(connection, system, now, now + found.fresh_for)
    return tuple(receipts)


async def _placed(
    connection: AsyncConnection, system: System, key: Key, known: Mapping[str, Row[Any]], now: datetime
) -> bool:
    """Whether the key is in force and was not before. One that was retired here, by a person, stays retired."""
    row = known.get(key.kid)
    if row is None:
        values = {"owner_id": system.id, "kid": key.kid, "use": key.use, "jwk": dict(key.jwk), "added_at": now}
        await connection.execute(insert(tables.key).values(**values, not_after=key.not_after))
        return True
    if row.jwk != dict(key.jwk):
        raise KeysRefused(f"{system.id} publishes another key under the kid {key.kid} than before; give it its own")
    if row.retired_at and not row.unpublished:
        return False
    await _changed(connection, system, key.kid, retired_at=None, unpublished=False, not_after=key.not_after)
    return row.retired_at is not None


async def _changed(connection: AsyncConnection, system: System, kid: str, **values: datetime | bool | None) -> None:
    same = (tables.key.c.owner_id == system.id) & (tables.key.c.kid == kid)
    await connection.execute(update(tables.key).where(same).values(**values))


async def _was_stale(connection: AsyncConnection, system: System, now: datetime) -> bool:
    """Whether its keys had stopped counting: then every process has to look again."""
    held = tables.key_set.c
    before = await connection.scalar(select(held.fetched_at).where(held.system_id == system.id))
    return before is not None and utc(before) <= now - STALE_AFTER


async def _noted(connection: AsyncConnection, system: System, now: datetime, next_at: datetime) -> None:
    values = {"fetched_at": now, "next_at": next_at, "problem": ""}
    same = update(tables.key_set).where(tables.key_set.c.system_id == system.id)
    if (await connection.execute(same.values(values))).rowcount == 0:
        await connection.execute(insert(tables.key_set).values(system_id=system.id, asked_at=now - LONGEST, **values))


def _fresh_for(answer: HttpAnswer) -> timedelta:
    found = MAX_AGE.search(answer.headers.get("cache-control", ""))
    asked = timedelta(seconds=int(found[1])) if found else USUAL
    return min(max(asked, SHORTEST), LONGEST)
