"""What is known here about one person, for that person: every exchange in plain words, consents, agreements, proof.

The request is kept by pseudonym with the day it is due; the number that it was asked with is not kept. Exchanges that
an agreement keeps out of people's sight for a time are left out until then, without a trace: not in counts either.
"""

import io
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, Row, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from audit import Log, Wanted, bundle, new_id
from consent import Agreement, Consent, Objection, facts_for, sentences
from consent import Request as Question
from consent.store import list_agreements

from ..citizen.disclosure import Agreements, delay_of, is_disclosed
from ..citizen.finding import Period, uses_of
from ..db import Database
from . import tables
from .errors import NothingFound, ReviewRefused
from .evidence import noted
from .search import Exchange, Filters, exchanges

DAYS = 30
PAGE = 500
_DATE = (1980, 1, 1, 0, 0, 0)


@dataclass(frozen=True, slots=True)
class AccessRequest:
    """Somebody asked what is known about them."""

    id: str
    person_ref: str
    received_at: datetime
    due_at: datetime
    by: str
    state: str
    handed_at: datetime | None


async def received(
    connection: AsyncConnection, log: Log, person_ref: str, *, by: str, days: int, now: datetime
) -> AccessRequest:
    """Start the clock. The entry names nobody, and is in nobody's index."""
    made = AccessRequest(str(new_id(now)), person_ref, now, now + timedelta(days=days), by, "open", None)
    values = {name: getattr(made, name) for name in AccessRequest.__slots__}
    await connection.execute(insert(tables.access_request).values(values))
    facts = {"by": by, "request": made.id, "due_at": made.due_at.isoformat()}
    await noted(connection, log, "subject_access.received", now, facts)
    return made


async def handed(connection: AsyncConnection, log: Log, id_: str, *, by: str, now: datetime) -> str:
    """The package was handed over. Raises NothingFound, ReviewRefused: it was already."""
    kept = await read(connection, id_)
    if kept.state != "open":
        raise ReviewRefused("It was handed over already.")
    values = {"state": "handed", "handed_at": now}
    await connection.execute(update(tables.access_request).where(tables.access_request.c.id == id_).values(values))
    facts = {"by": by, "request": id_, "late": now > kept.due_at}
    return await noted(connection, log, "subject_access.handed", now, facts)


async def read(connection: AsyncConnection, id_: str) -> AccessRequest:
    """One request. Raises NothingFound."""
    query = select(tables.access_request).where(tables.access_request.c.id == id_)
    row = (await connection.execute(query)).first()
    if row is None:
        raise NothingFound("request")
    return _read(row)


async def listed(connection: AsyncConnection) -> list[AccessRequest]:
    """The open ones first, by the day they are due."""
    table = tables.access_request.c
    rows = await connection.execute(select(tables.access_request).order_by(table.state.desc(), table.due_at))
    return [_read(row) for row in rows]


def summary(kept: AccessRequest, now: datetime) -> dict[str, object]:
    """One line of a list: nothing says whose it is."""
    return {
        "id": kept.id,
        "received_at": kept.received_at.isoformat(),
        "due_at": kept.due_at.isoformat(),
        "days_left": (kept.due_at - now).days if kept.state == "open" else None,
        "by": kept.by,
        "state": kept.state,
        "handed_at": kept.handed_at.isoformat() if kept.handed_at else None,
    }


async def package(db: Database, log: Log, person_ref: str, authority: str, now: datetime) -> bytes:
    """The ZIP.

    Args:
        authority: whom people complain to, in words.
    """
    disclosed = await _disclosed(db, log, person_ref, now)
    async with db.read() as connection:
        agreements = [each.agreement for each in await list_agreements(connection)]
        facts = (await facts_for(connection, [_about(person_ref)], now))[0]
    every = await log.store.read(lambda reading: all_of(reading, person_ref))
    found = [each for each in every if each.id in disclosed]
    used = {disclosed[each.id] for each in found}
    files = {
        "README.txt": _readme(authority, len(found)),
        "exchanges.txt": _exchanges(found),
        "consents.txt": _consents(facts.consents, facts.objections, now),
        "agreements.txt": _agreements([each for each in agreements if each.name in used]),
    }
    packed = {name: text.encode() for name, text in files.items()}
    if found:
        await log.checkpoint()
        packed |= await log.store.read(lambda reading: _evidence(reading, log, found))
    return _zip(packed)


def all_of(connection: Connection, person_ref: str) -> list[Exchange]:
    """Every exchange about one person, newest first."""
    found: list[Exchange] = []
    filters = Filters(person_ref=person_ref, window=Wanted(limit=PAGE))
    while page := exchanges(connection, filters):
        found += page
        filters = replace(filters, window=replace(filters.window, before=page[-1].place))
    return found


async def _disclosed(db: Database, log: Log, person_ref: str, now: datetime) -> dict[str, str]:
    """The exchanges of which the person may know by now, each with its agreement: as the person's own page has it."""
    async with db.read() as connection:
        known = await Agreements().freshened(connection)
    found, before = dict[str, str](), None
    while page := await uses_of(db, log, person_ref, Period(), before, PAGE):
        for use in page:
            if is_disclosed(use, delay_of(use, known), now):
                found[use.says("exchange_id")] = f"{use.says('agreement')} v{use.says('agreement_version')}"
        before = page[-1].place
    return found


def _about(person_ref: str) -> Question:
    return Question("", "", "", "read", "", frozenset(), person_ref)


def _readme(authority: str, count: int) -> str:
    asked = "1 question" if count == 1 else f"{count} questions"
    complain = f"If you disagree, you can complain to: {authority}.\n" if authority else ""
    return (
        "WHAT THIS GATEWAY KNOWS ABOUT YOU\n\n"
        "This gateway passes questions of offices about people on, and keeps a log of them. It keeps no data about\n"
        "you but what is here: who asked whom, when, for which purpose, and what was allowed.\n\n"
        f"exchanges.txt    {asked} about you, the newest first, one sentence each\n"
        "consents.txt     what you agreed to, and what you objected to\n"
        "agreements.txt   the agreements between offices under which it was done\n"
        "evidence.zip     the same as proof that a machine or an expert can check (there may be none, or several)\n\n"
        "The law may allow an office to keep a question to itself for a time; then it is shown later.\n"
        "Times are UTC. To see the data itself, ask the office that is named as the source.\n" + complain
    )


def _exchanges(found: Sequence[Exchange]) -> str:
    lines = [f"{each.entries[0].at:%Y-%m-%d %H:%M}  {each.sentence}\n{'':18}exchange {each.id}" for each in found]
    return "\n".join(lines or ["Nobody asked about you."]) + "\n"


def _consents(consents: Sequence[Consent], objections: Sequence[Objection], now: datetime) -> str:
    lines = [
        f"Consent {each.id}, {each.standing(now)}: given to {each.controller} for {', '.join(sorted(each.purposes))}; "
        f"{', '.join(sorted(each.recipients))} may receive; "
        f"from {each.valid_from:%Y-%m-%d} until {each.valid_until:%Y-%m-%d}."
        for each in consents
    ]
    lines += [f"{each.kind.capitalize()} {each.id}{', lifted' if each.lifted_at else ''}." for each in objections]
    return "\n".join(lines or ["Nothing is recorded."]) + "\n"


def _agreements(used: Sequence[Agreement]) -> str:
    told = [f"{each.name} {each.title}\n" + "\n".join(f"  {said}" for said in sentences(each)) for each in used]
    return "\n\n".join(told or ["None was used."]) + "\n"


def _evidence(connection: Connection, log: Log, found: Sequence[Exchange]) -> dict[str, bytes]:
    ids = [entry.id for each in found for entry in each.entries]
    parts, files = bundle.parts(bundle.Wanted("one person", ids, log.policy)), dict[str, bytes]()
    for n, part in enumerate(parts, 1):
        out = io.BytesIO()
        bundle.written(connection, part, out)
        files["evidence.zip" if len(parts) == 1 else f"evidence-{n}.zip"] = out.getvalue()
    return files


def _zip(files: dict[str, bytes]) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(zipfile.ZipInfo(name, _DATE), content)
    return out.getvalue()


def _read(row: Row[Any]) -> AccessRequest:
    return AccessRequest(**row._mapping)
