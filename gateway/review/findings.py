"""Findings: looked for day by day, kept once, assigned, talked about, signed off by somebody they are not about."""

import hashlib
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, tzinfo
from typing import Any

from sqlalchemy import Row, asc, desc, insert, literal, select, tuple_, update
from sqlalchemy.ext.asyncio import AsyncConnection

from audit import Log

from ..people.access import SignedIn
from ..trust.errors import RegistrationRefused
from ..trust.evidence import inserted
from . import tables
from .about import exchanges_about
from .errors import NothingFound, ReviewRefused
from .evidence import kept_text, noted, texts_about
from .rules import Hit, Rule, rule_named

VERDICTS = ("explained", "confirmed", "false_alarm")
OPEN, ASSIGNED, SIGNED_OFF = "open", "assigned", "signed_off"


@dataclass(frozen=True, slots=True)
class Finding:
    """One finding as kept; what the rule says in words is `rule_named(rule)`."""

    id: str
    rule: str
    subject: str
    about: Sequence[str]
    facts: dict[str, Any]
    state: str
    assigned_to: str
    verdict: str
    signed_off_by: str
    four_eyes: bool
    opened_at: datetime
    changed_at: datetime


def finding_id(rule: str, subject: str) -> str:
    """The same for the same thing, so that a rerun adds nothing."""
    return f"F-{hashlib.sha256(f'{rule} {subject}'.encode()).hexdigest()[:16]}"


async def opened(connection: AsyncConnection, log: Log, rule: Rule, hit: Hit, now: datetime) -> bool:
    """Keep what a rule found, with its entry; whether it is new."""
    id_ = finding_id(rule.name, hit.subject)
    row = {
        "id": id_,
        "rule": rule.name,
        "subject": hit.subject,
        "about": list(hit.about),
        "facts": dict(hit.facts),
        "state": OPEN,
        "assigned_to": "",
        "verdict": "",
        "signed_off_by": "",
        "four_eyes": int(rule.four_eyes),
        "opened_at": now,
        "changed_at": now,
    }
    try:
        await inserted(connection, insert(tables.finding).values(row), "known")
    except RegistrationRefused:
        return False
    facts = {"by": "gateway", "finding": id_, "rule": rule.name, "subject": hit.subject, "found": dict(hit.facts)}
    await noted(connection, log, "finding.opened", now, facts)
    return True


async def known(connection: AsyncConnection, ids: Collection[str]) -> set[str]:
    """Which of these are kept already."""
    query = select(tables.finding.c.id).where(tables.finding.c.id.in_(list(ids)))
    return set((await connection.execute(query)).scalars())


async def listed(
    connection: AsyncConnection, *, state: str = "", rule: str = "", after: str = "", before: str = "", most: int = 100
) -> list[Finding]:
    """Findings, the newest first, after the one of an id or, going back, the nearest before it.

    Of a state or a rule if named. Raises NothingFound.
    """
    table = tables.finding.c
    place, order = tuple_(table.opened_at, table.id), asc if before else desc
    query = select(tables.finding).order_by(order(table.opened_at), order(table.id)).limit(most)
    if after or before:
        edge = await read(connection, before or after)
        there = tuple_(literal(edge.opened_at, table.opened_at.type), edge.id)
        query = query.where(place > there if before else place < there)
    query = query.where(table.state == state) if state else query
    query = query.where(table.rule == rule) if rule else query
    found = [_read(row) for row in await connection.execute(query)]
    return found[::-1] if before else found


async def read(connection: AsyncConnection, id_: str, *, lock: bool = False) -> Finding:
    """One finding. Raises NothingFound."""
    query = select(tables.finding).where(tables.finding.c.id == id_)
    row = (await connection.execute(query.with_for_update() if lock else query)).first()
    if row is None:
        raise NothingFound("finding")
    return _read(row)


async def shown(connection: AsyncConnection, finding: Finding, zone: tzinfo) -> dict[str, object]:
    """Everything about one: what, why, what to do, and what was said; `zone` as `summary` takes it."""
    return summary(finding, zone) | {"remarks": await texts_about(connection, finding.id)}


def summary(finding: Finding, zone: tzinfo) -> dict[str, object]:
    """One line of a list; `zone` is the country's, of whose clocks the days of findings are."""
    rule = rule_named(finding.rule)
    return {
        "id": finding.id,
        "rule": finding.rule,
        "what": rule.what,
        "why": rule.why,
        "todo": rule.todo,
        "subject": finding.subject,
        "about": list(finding.about),
        "facts": finding.facts,
        "exchanges": exchanges_about(finding.rule, finding.subject, finding.about, finding.facts, zone),
        "state": finding.state,
        "assigned_to": finding.assigned_to or None,
        "verdict": finding.verdict or None,
        "signed_off_by": finding.signed_off_by or None,
        "four_eyes": finding.four_eyes,
        "opened_at": finding.opened_at.isoformat(),
        "changed_at": finding.changed_at.isoformat(),
    }


async def assign(connection: AsyncConnection, log: Log, id_: str, to: str, *, by: str, now: datetime) -> str:
    """Give it to an officer (the id). Raises NothingFound, ReviewRefused (signed off already)."""
    finding = await _open(connection, id_)
    await _change(connection, finding, now, state=ASSIGNED, assigned_to=to)
    facts = {"by": by, "finding": id_, "to": to, "before": finding.assigned_to}
    return await noted(connection, log, "finding.assigned", now, facts)


async def remark(connection: AsyncConnection, log: Log, id_: str, text: str, *, by: str, now: datetime) -> str:
    """Say something about it; the entry commits to the text. Raises NothingFound."""
    await read(connection, id_)
    commitment = await kept_text(connection, id_, by, text, now)
    return await noted(connection, log, "finding.remarked", now, {"by": by, "finding": id_, "remark": commitment})


async def sign_off(
    connection: AsyncConnection, log: Log, id_: str, verdict: str, text: str, *, who: SignedIn, now: datetime
) -> str:
    """Close it with a verdict and what was found out.

    Raises:
        NothingFound, ReviewRefused: signed off already, by whom it is about, or by the one who had it where two
            pairs of eyes are asked for.
    """
    finding = await _open(connection, id_)
    if {who.id, who.officer.member} & set(finding.about):
        raise ReviewRefused("This finding is about you or your member; somebody else signs it off.")
    if finding.four_eyes and finding.assigned_to in {"", who.id}:
        raise ReviewRefused("This finding takes two: assign it to one officer, and let another sign it off.")
    commitment = await kept_text(connection, id_, who.id, text, now)
    await _change(connection, finding, now, state=SIGNED_OFF, verdict=verdict, signed_off_by=who.id)
    facts = {"by": who.id, "finding": id_, "verdict": verdict, "remark": commitment}
    return await noted(connection, log, "finding.signed_off", now, facts)


async def _open(connection: AsyncConnection, id_: str) -> Finding:
    finding = await read(connection, id_, lock=True)
    if finding.state == SIGNED_OFF:
        raise ReviewRefused("It is signed off; a new remark is all that can be added.")
    return finding


async def _change(connection: AsyncConnection, finding: Finding, now: datetime, **values: str) -> None:
    here = tables.finding.c.id == finding.id
    await connection.execute(update(tables.finding).where(here).values(**values, changed_at=now))


def _read(row: Row[Any]) -> Finding:
    return Finding(**{**row._mapping, "four_eyes": bool(row.four_eyes)})
