"""What a caller writes into an exchange that identifies something, beside the log: readable for a while, then gone.

The log knows a case only by a keyed hash. The reference in clear is kept with a key of its own for each exchange
(`audit.details`), and the outcome entry commits to it, so it can be shown and proved until the key is destroyed: on
request, or when the agreement's data life is over. An exchange without such words costs nothing.
"""

import hmac
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import Connection
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncConnection

from audit import Entry, Log, LogUnavailable, Receipt, new_id
from audit.details import FACT, Beside, Detail, Vault, commitments, detailed, exchange
from audit.erasure import Erased, expired
from audit.errors import DetailErased
from consent.store import list_agreements

from .db import Database, DatabaseBusy
from .grouped import ITEM_FAULTS, Grouped

Words = Mapping[str, str]
Keep = Callable[[Entry, Words], Awaitable[Receipt]]
"""(entry, name -> what was written) -> the receipt, once both are durable. Raises LogUnavailable."""


@dataclass(frozen=True, slots=True)
class KeptDetails:
    """Keeps, shows and expires details. `kept` is how long where no agreement says otherwise."""

    db: Database
    log: Log
    vault: Vault
    kept: timedelta
    _grouped: Grouped[tuple[Entry, Sequence[Detail]], Receipt] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_grouped", Grouped(self._together))

    async def __call__(self, entry: Entry, words: Words) -> Receipt:
        """Implements `Keep`: the entry with its commitments, and the details, in one transaction."""
        details = detailed(words)
        committed = replace(entry, facts={**entry.facts, FACT: commitments(details)})
        return await self._grouped((committed, details))

    def opened(self, connection: Connection, entry_ids: Sequence[UUID]) -> dict[UUID, Sequence[Detail]]:
        """The details of these entries, as far as they are not erased."""
        found: dict[UUID, Sequence[Detail]] = {}
        for each in entry_ids:
            try:
                details = self.vault.opened(connection, each)
            except DetailErased:
                continue
            if details:
                found[each] = details
        return found

    async def until(self, entry: Entry) -> datetime:
        """Until when the details of an entry may be kept; longer only while a legal hold stands."""
        async with self.db.read() as connection:
            lives = await _lives(connection)
        return entry.at + lives.get(str(entry.facts.get("agreement")), self.kept)

    async def expire(self, now: datetime, default: timedelta | None = None, named: Words | None = None) -> Erased:
        """Destroy what has been kept as long as it may be; an entry says how much, if it was anything.

        Args:
            now: the gateway's clock.
            default: instead of `kept`.
            named: agreement -> days, instead of what the agreements say.
        """
        async with self.db.write() as connection:
            lives = await _lives(connection)
            lives |= {agreement: timedelta(days=int(days)) for agreement, days in (named or {}).items()}
            found = await connection.run_sync(expired, now, lives, default or self.kept)
            if found.keys or found.details:
                await self.log.append_in(connection, Entry(new_id(now), "details.expired", now, found._asdict()))
        return found

    async def _together(self, items: Sequence[tuple[Entry, Sequence[Detail]]]) -> list[Receipt]:
        try:
            async with self.db.write() as connection:
                await connection.run_sync(self.vault.keep_all, [_beside(*each) for each in items])
                return await self.log.append_all_in(connection, [entry for entry, _ in items])
        except ITEM_FAULTS:
            raise
        except (SQLAlchemyError, DatabaseBusy) as error:
            raise LogUnavailable("the log's database refused the entry; try again") from error


async def _lives(connection: AsyncConnection) -> dict[str, timedelta]:
    """Agreement -> how long its receivers may hold what they got, where it says so."""
    recorded = [each.agreement for each in await list_agreements(connection)]
    return {each.id: timedelta(days=each.data_life_days) for each in recorded if each.data_life_days}


def _beside(entry: Entry, details: Sequence[Detail]) -> Beside:
    agreement = entry.facts.get("agreement")
    owner = exchange(str(entry.facts["exchange_id"]))
    return Beside(entry.id, details, owner, str(agreement) if agreement else None, entry.at)


def vault_of(pepper: bytes) -> Vault:
    """The vault under a key that is derived from the pepper, which never enters the database."""
    return Vault(hmac.digest(pepper, b"details beside the log", "sha256"))
