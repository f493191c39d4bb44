"""Monthly statements: for every system the calls made in its name, signed; it countersigns or disputes.

A provider and a consumer get the same kind of statement, so that the two sides and the log can be compared. Nothing of
any person is in it.
"""

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta, tzinfo
from typing import Any

from sqlalchemy import Connection, Row, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from audit import Log
from audit.note import Checkpoint
from consent import canonical

from ..db import Database
from ..trust.errors import CredentialRefused
from ..trust.jose import Key, check, taken_apart
from . import findings, tables
from .errors import NothingFound, ReviewRefused
from .evidence import kept_text, noted
from .figures import Figures, figures
from .rule_runner import mark, marked
from .rules import Hit, rule_named

FORMAT = "sandhi-statement/1"
TYPE = "sandhi-statement+json"
LARGEST = 1_000_000
MARK = "statements"
Sign = Callable[[bytes, str], str]
"""Canonical JSON and a type in, a compact JWS out: `Trust.sign_compact`."""


@dataclass(frozen=True, slots=True)
class Statement:
    """One statement as kept; `document` is the JSON that `signed` signs."""

    id: str
    month: str
    system: str
    document: str
    signed: str
    countersigned: str
    state: str
    issued_at: datetime
    changed_at: datetime


def month_before(now: datetime, zone: tzinfo) -> str:
    """`2026-10` for any moment of November 2026, by the clocks of a zone."""
    return f"{now.astimezone(zone).replace(day=1) - timedelta(days=1):%Y-%m}"


def bounds(month: str, zone: tzinfo) -> tuple[datetime, datetime]:
    """The month's first moment, and the next month's, by the clocks of a zone. Raises ReviewRefused: no month."""
    try:
        first = datetime.strptime(month, "%Y-%m").replace(tzinfo=zone)
    except ValueError:
        raise ReviewRefused("A month is YYYY-MM.") from None
    return first, (first + timedelta(days=31)).replace(day=1)


async def issue_due(db: Database, log: Log, sign: Sign, now: datetime, zone: tzinfo) -> int:
    """Issue the last month's statements, once; gives how many."""
    month = month_before(now, zone)
    over = bounds(month, zone)[1]
    async with db.read() as connection:
        last = await marked(connection, MARK)
    if last and last >= over:
        return 0
    count = await issue(db, log, sign, month, by="gateway", now=now, zone=zone)
    async with db.write() as connection:
        await mark(connection, MARK, over)
    return count


async def issue(db: Database, log: Log, sign: Sign, month: str, *, by: str, now: datetime, zone: tzinfo) -> int:
    """Issue a month's statements for the systems that have none yet. Raises ReviewRefused: it is not over."""
    since, until = bounds(month, zone)
    if now < until:
        raise ReviewRefused("The month is not over.")
    checkpoint = Checkpoint.from_text((await log.checkpoint(max_age=1.0)).decode().partition("\n\n")[0] + "\n")
    head = {"origin": checkpoint.origin, "size": checkpoint.size, "root": checkpoint.root.hex()}
    counted = await log.store.read(lambda connection: figures(connection, since, until))
    systems = sorted({each for line in counted.exchanges for each in (line.consumer, line.provider)})
    async with db.write() as connection:
        kept = await connection.run_sync(_issued, month)
        new = [each for each in systems if each not in kept]
        for system in new:
            content = canonical(_document(system, (month, since, until), counted, head))
            await connection.execute(insert(tables.statement).values(_row(system, month, content, sign, now)))
        if new:
            await noted(connection, log, "statement.issued", now, {"by": by, "month": month, "systems": new})
    return len(new)


@dataclass(frozen=True, slots=True)
class Countersigned:
    """A system's own signature, and the keys that it is registered with."""

    id: str
    system: str
    signature: str
    keys: Sequence[Key]


async def countersign(connection: AsyncConnection, log: Log, signed: Countersigned, now: datetime) -> str:
    """Keep the system's own signature over the very same bytes.

    Raises:
        NothingFound, ReviewRefused: disputed or countersigned already, or the signature is not good.
    """
    id_, system, signature = signed.id, signed.system, signed.signature
    kept = await _issued_to(connection, id_, system)
    kid = _checked(signature, kept.document.encode(), signed.keys)
    await _change(connection, id_, now, state="countersigned", countersigned=signature)
    facts = {"by": system, "statement": id_, "kid": kid}
    return await noted(connection, log, "statement.countersigned", now, facts)


async def dispute(connection: AsyncConnection, log: Log, id_: str, *, by: str, text: str, now: datetime) -> str:
    """Say that it is not so: opens a finding. Raises NothingFound, ReviewRefused."""
    await _issued_to(connection, id_, by)
    await _change(connection, id_, now, state="disputed")
    rule = rule_named("statement_disputed")
    await findings.opened(connection, log, rule, Hit(id_, (), {"system": by}), now)
    commitment = await kept_text(connection, findings.finding_id(rule.name, id_), by, text, now)
    return await noted(connection, log, "statement.disputed", now, {"by": by, "statement": id_, "remark": commitment})


async def listed(connection: AsyncConnection, *, system: str = "", month: str = "") -> list[Statement]:
    """Newest month first; of a system or a month if named."""
    table = tables.statement.c
    query = select(tables.statement).order_by(table.month.desc(), table.system)
    query = query.where(table.system == system) if system else query
    query = query.where(table.month == month) if month else query
    return [_read(row) for row in await connection.execute(query.limit(1_000))]


async def read(connection: AsyncConnection, id_: str, system: str = "", *, lock: bool = False) -> Statement:
    """One statement; others' do not exist for a system. Raises NothingFound."""
    query = select(tables.statement).where(tables.statement.c.id == id_)
    row = (await connection.execute(query.with_for_update() if lock else query)).first()
    if row is None or system not in {"", row.system}:
        raise NothingFound("statement")
    return _read(row)


def summary(kept: Statement) -> dict[str, object]:
    """One line of a list."""
    return {
        "id": kept.id,
        "month": kept.month,
        "system": kept.system,
        "state": kept.state,
        "issued_at": kept.issued_at.isoformat(),
        "changed_at": kept.changed_at.isoformat(),
    }


def shown(kept: Statement) -> dict[str, object]:
    """All of it: the document as JSON, and both signatures over its canonical bytes."""
    signatures = {"signed": kept.signed, "countersigned": kept.countersigned or None}
    return summary(kept) | {"statement": json.loads(kept.document)} | signatures


def _document(
    system: str, period: tuple[str, datetime, datetime], counted: Figures, head: dict[str, object]
) -> dict[str, object]:
    """`since` and `until` (excluded) say by whose clocks the month is one: who compares counts the same exchanges."""
    month, since, until = period
    named = {"system": system, "month": month, "since": since.isoformat(), "until": until.isoformat()}
    calls = [
        {
            "consumer": line.consumer,
            "provider": line.provider,
            "service": line.service,
            "purpose": line.purpose,
            "agreement": line.agreement,
            "exchanges": counted.exchanges[line],
            "people": dict(sorted(counted.people[line].items())),
        }
        for line in sorted(counted.exchanges)
        if system in {line.consumer, line.provider}
    ]
    return {"format": FORMAT} | named | {"log": head, "calls": calls}


def _row(system: str, month: str, content: bytes, sign: Sign, now: datetime) -> dict[str, object]:
    return {
        "id": f"{month}.{system.replace('/', '.')}",
        "month": month,
        "system": system,
        "document": content.decode(),
        "signed": sign(content, TYPE),
        "countersigned": "",
        "state": "issued",
        "issued_at": now,
        "changed_at": now,
    }


def _checked(signature: str, content: bytes, keys: Sequence[Key]) -> str:
    """The kid of the registered key that made the signature. Raises ReviewRefused."""
    try:
        jws = taken_apart(signature, limit=LARGEST, members=frozenset({"alg", "kid", "typ"}))
        key = next((each for each in keys if each.kid == jws.header.get("kid")), None)
        if key is None or jws.payload != content:
            raise CredentialRefused("unknown_kid_or_other_content")
        check(jws.signed, jws.signature, key, jws.header.get("alg"))
    except CredentialRefused:
        raise ReviewRefused(
            "Send a compact JWS over the canonical JSON (RFC 8785) of `statement`, made with a registered key."
        ) from None
    return key.kid


async def _issued_to(connection: AsyncConnection, id_: str, system: str) -> Statement:
    kept = await read(connection, id_, system, lock=True)
    if kept.state != "issued":
        raise ReviewRefused(f"The statement is {kept.state} already.")
    return kept


async def _change(connection: AsyncConnection, id_: str, now: datetime, **values: str) -> None:
    await connection.execute(
        update(tables.statement).where(tables.statement.c.id == id_).values(**values, changed_at=now)
    )


def _issued(connection: Connection, month: str) -> set[str]:
    query = select(tables.statement.c.system).where(tables.statement.c.month == month)
    return set(connection.execute(query).scalars())


def _read(row: Row[Any]) -> Statement:
    return Statement(**row._mapping)
