"""The facts as they were: any past decision, decided again.

What people said is written once and ended once, with the moment of each; the states of agreements have rows of their
own (`consent_agreement_event`). So the facts of any moment can be told from the tables of today. They are what the
gateway could know then: what was recorded later does not count, however far back it was dated.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from . import tables
from .control import control_from
from .decide import decide
from .model import Agreement, Consent, Control, Decision, Facts, Objection, Relationship, Request, State
from .moments import micros, moment
from .rows import consent_from, objection_from, relationship_from
from .store import RecordedAgreement, list_agreements


@dataclass(frozen=True, slots=True)
class StateEvent:
    """A version came into this state at this moment, by this member."""

    agreement: str
    version: int
    at: datetime
    state: State
    by: str


async def events_of(connection: AsyncConnection, id_: str | None = None) -> list[StateEvent]:
    """Every change of state, oldest first; of one agreement if named."""
    event = tables.agreement_event
    query = select(event).order_by(event.c.at, event.c.number)
    if id_ is not None:
        query = query.where(event.c.id == id_)
    return [
        StateEvent(row["id"], row["version"], moment(row["at"]), State(row["state"]), row["state_by"])
        for row in (await connection.execute(query)).mappings()
    ]


async def agreements_within(
    connection: AsyncConnection, since: datetime, until: datetime, *, used: Collection[str] = ()
) -> list[RecordedAgreement]:
    """Every version that was known in a period, `until` excluded: in the state that it was in at the end of it.

    One that had ended, or had been replaced, before the period began is none of them, unless it was used all the same.

    Args:
        used: names of versions (`DSA-1 v2`) under which something is told of the period, whatever their own dates.
    """
    begun, ended = await _states(connection, since), await _states(connection, until)
    found: list[RecordedAgreement] = []
    for kept in await list_agreements(connection):
        each = kept.agreement
        version = each.id, each.version
        over = begun.get(version) is State.ENDED or (each.replaced_at is not None and each.replaced_at <= since)
        if (version in ended and not over) or each.name in used:
            found.append(replace(kept, agreement=replace(each, state=ended.get(version, each.state))))
    return found


async def _states(connection: AsyncConnection, before: datetime) -> dict[tuple[str, int], State]:
    """(agreement, version) -> its state just before a moment."""
    events = await events_of(connection)
    return {(event.agreement, event.version): event.state for event in events if event.at < before}


async def facts_as_of(connection: AsyncConnection, request: Request, at: datetime) -> Facts:
    """What was known of this person, and between these systems, at a moment."""
    return Facts(
        agreements=await _agreements(connection, request, at),
        consents=await _consents(connection, request.subject_ref, at),
        objections=await _objections(connection, request.subject_ref, at),
        relationships=await _relationships(connection, request.subject_ref, at),
        controls=await _controls(connection, request, at),
        as_of=at,
    )


async def replayed(connection: AsyncConnection, request: Request, at: datetime) -> Decision:
    """The decision on a request as it was, or would have been, at a moment."""
    return decide(request, await facts_as_of(connection, request, at), at)


async def _agreements(connection: AsyncConnection, request: Request, at: datetime) -> tuple[Agreement, ...]:
    states: dict[tuple[str, int], State] = {}
    for event in await events_of(connection):
        if event.at <= at:
            states[event.agreement, event.version] = event.state
    found: list[Agreement] = []
    for kept in await list_agreements(connection, request.consumer.rpartition("/")[0]):
        each = kept.agreement
        named = request.consumer in each.consumer.systems and request.provider in each.provider.systems
        state = states.get((each.id, each.version))
        gone = each.replaced_at is not None and each.replaced_at <= at
        if named and state is not None and not gone:
            found.append(replace(each, state=state, replaced_at=None))
    return tuple(found)


async def _consents(connection: AsyncConnection, subject_ref: str, at: datetime) -> tuple[Consent, ...]:
    found = [
        consent_from(
            row["id"],
            subject_ref,
            row["body"],
            row["evidence"],
            row["valid_from"],
            row["valid_until"],
            _by_then(row["withdrawn_at"], at),
            row["numbers"],
        )
        for row in await _rows(connection, tables.consent, subject_ref, at)
    ]
    return tuple(found)


async def _objections(connection: AsyncConnection, subject_ref: str, at: datetime) -> tuple[Objection, ...]:
    return tuple(
        objection_from(row["id"], subject_ref, row["body"], _by_then(row["lifted_at"], at))
        for row in await _rows(connection, tables.objection, subject_ref, at)
    )


async def _relationships(connection: AsyncConnection, subject_ref: str, at: datetime) -> tuple[Relationship, ...]:
    return tuple(
        relationship_from(
            row["id"],
            subject_ref,
            row["body"],
            row["case_ref"],
            row["valid_from"],
            row["valid_until"],
            _by_then(row["ended_at"], at),
        )
        for row in await _rows(connection, tables.relationship, subject_ref, at)
    )


async def _controls(connection: AsyncConnection, request: Request, at: datetime) -> tuple[Control, ...]:
    table = tables.control
    query = select(table).where(table.c.placed_at <= micros(at)).order_by(table.c.id)
    found = [
        control_from({**row, "ended_at": _by_then(row["ended_at"], at)})
        for row in (await connection.execute(query)).mappings()
    ]
    return tuple(each for each in found if any(each.concerns(*flow, request.service) for flow in request.flows))


async def _rows(connection: AsyncConnection, table: Any, subject_ref: str, at: datetime) -> Sequence[Mapping[str, Any]]:
    """The rows of one person that were recorded by then, with their terms, by id."""
    query = select(table, tables.terms.c.body).join(tables.terms, tables.terms.c.digest == table.c.terms)
    query = query.where(table.c.subject_ref == subject_ref, table.c.recorded_at <= micros(at)).order_by(table.c.id)
    return [dict(row) for row in (await connection.execute(query)).mappings()]


def _by_then(ended: int | None, at: datetime) -> int | None:
    return ended if ended is not None and ended <= micros(at) else None
