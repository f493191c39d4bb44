"""Whose data an amendment would newly expose: counted before anybody approves it.

Most people consented in a handful of wordings, so each wording is decided once, under the agreement as it is and as it
would be, and the people behind the wordings that come out differently are counted by the database.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from sqlalchemy import ColumnElement, distinct, func, select
from sqlalchemy.ext.asyncio import AsyncConnection

from . import tables
from .model import Agreement, Consent, Facts
from .moments import micros
from .rows import consent_from
from .simulate import Verdict, requests_of, simulate

SOMEBODY = "somebody"


@dataclass(frozen=True, slots=True)
class Exposure:
    """What would newly be disclosed.

    Attributes:
        people: how many people with a consent in force it concerns.
        gained: (consumer, service, purpose, field), each of which at least one of them would newly be subject to.
        without_consent: the same by a basis that needs no consent: everybody the provider knows.
    """

    people: int
    gained: tuple[tuple[str, str, str, str], ...]
    without_consent: tuple[tuple[str, str, str, str], ...]


async def newly_exposed(
    connection: AsyncConnection, before: Agreement | None, after: Agreement, now: datetime
) -> Exposure:
    """Compare a draft with the version it would replace (None: it is new)."""
    by_anybody = _gained(before, after, (), now)
    hit: list[str] = []
    gained: set[tuple[str, str, str, str]] = set()
    for digest, wording in await _wordings(connection, now):
        more = _gained(before, after, (wording,), now) - by_anybody
        if more:
            hit.append(digest)
            gained |= more
    return Exposure(await _people(connection, hit, now), tuple(sorted(gained)), tuple(sorted(by_anybody)))


def _gained(
    before: Agreement | None, after: Agreement, consents: tuple[Consent, ...], now: datetime
) -> set[tuple[str, str, str, str]]:
    """What one person, who said this, would newly be subject to; a case and a relationship are taken as given."""
    facts = Facts((before,) if before else (), consents, as_of=now)
    draft = replace(after, requires_relationship=False)
    asked = ((request, facts, now) for request in requests_of(draft, SOMEBODY, case="any"))
    return {each for verdict in simulate(draft, asked) for each in _named(verdict)}


def _named(verdict: Verdict) -> Iterable[tuple[str, str, str, str]]:
    request = verdict.request
    return ((request.recipient, request.service, request.purpose, name) for name in verdict.gained)


async def _wordings(connection: AsyncConnection, now: datetime) -> list[tuple[str, Consent]]:
    """One consent of each wording that at least one person's consent in force has."""
    held = tables.consent.c
    digests = select(held.terms).distinct().where(*_in_force(now))
    query = select(tables.terms).where(tables.terms.c.digest.in_(digests)).order_by(tables.terms.c.digest)
    always = micros(datetime(2000, 1, 1, tzinfo=UTC)), micros(datetime(9000, 1, 1, tzinfo=UTC))
    return [
        (row["digest"], consent_from("any", SOMEBODY, row["body"], "", *always, None, ""))
        for row in (await connection.execute(query)).mappings()
    ]


async def _people(connection: AsyncConnection, digests: list[str], now: datetime) -> int:
    if not digests:
        return 0
    held = tables.consent.c
    query = select(func.count(distinct(held.subject_ref))).where(held.terms.in_(digests), *_in_force(now))
    return int(await connection.scalar(query) or 0)


def _in_force(now: datetime) -> tuple[ColumnElement[bool], ...]:
    held, at = tables.consent.c, micros(now)
    return held.withdrawn_at.is_(None), held.valid_from <= at, held.valid_until > at
