"""Agreements in the database. Every function works inside the caller's transaction and commits nothing.

A version is never changed, only replaced by the next one, suspended or ended; old versions stay readable.
Every change first raises the generation row, which also makes concurrent changes take turns.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from hashlib import sha256
from typing import Any

from sqlalchemy import insert, or_, select, text, update
from sqlalchemy.ext.asyncio import AsyncConnection

from .document import agreement_of
from .errors import AgreementConflict, AgreementUnknown
from .lessening import note_lessening
from .model import Agreement, State
from .moments import micros, moment
from .signing import SignedAgreement
from .tables import agreement as table
from .tables import agreement_event

RAISE_GENERATION = text(
    "INSERT INTO consent_generation (id, value) VALUES (1, 1)"
    " ON CONFLICT (id) DO UPDATE SET value = consent_generation.value + 1"
)


@dataclass(frozen=True, slots=True)
class RecordedAgreement:
    """A version as it is kept. `document` is the canonical JSON both signed; `state_by` the member that last set it."""

    agreement: Agreement
    document: str
    signatures: Mapping[str, str]
    state_by: str
    recorded_at: datetime
    changed_at: datetime

    @property
    def parsed(self) -> object:
        """The document as JSON values."""
        return json.loads(self.document)

    @property
    def digest(self) -> str:
        """Of the signed bytes: `sha-256:<64 hex digits>`."""
        return f"sha-256:{sha256(self.document.encode()).hexdigest()}"


async def record_agreement(
    connection: AsyncConnection, signed: SignedAgreement, *, by: str, now: datetime, held: bool = False
) -> RecordedAgreement:
    """Put a signed agreement in force: version 1, or the amendment that follows the newest version.

    The version before holds until the new one begins. A suspended agreement stays suspended when amended.

    Args:
        by: the member that brought it.
        held: the amendment stays `agreed` until `put_in_force`; the version before goes on.

    Raises:
        AgreementConflict: the version is not the next one, the parties are others, or it was ended.
    """
    await connection.execute(RAISE_GENERATION)
    agreement = signed.agreement
    newest = await _newest(connection, agreement.id)
    before = await _established(connection, newest)
    state, state_by = _following(agreement, newest, before)
    if held and before is not None:
        state = State.AGREED
    at = micros(now)
    row = {
        "id": agreement.id,
        "version": agreement.version,
        "provider": agreement.provider.member,
        "consumer": agreement.consumer.member,
        "state": state.value,
        "state_by": state_by or by,
        "document": signed.document.decode(),
        "signatures": json.dumps(dict(signed.signatures), sort_keys=True),
        "recorded_at": at,
        "changed_at": at,
    }
    if newest is not None and newest.agreement.state is State.AGREED:  # it waited, and another takes its place
        await _ended(connection, newest, by=by, at=at)
    if before is not None and state is not State.AGREED:
        await _replaced(connection, before, agreement, now)
    await connection.execute(insert(table).values(row))
    await _noted(connection, agreement.id, [agreement.version], state, by=state_by or by, at=at)
    await note_lessening(connection, max(now, agreement.valid_from))
    return _recorded(row)


async def put_in_force(
    connection: AsyncConnection, id_: str, version: int, *, by: str, now: datetime
) -> RecordedAgreement:
    """Let an amendment that was held take over.

    Raises:
        AgreementUnknown, AgreementConflict: there is none, it is not held, or what it amends was ended.
    """
    await connection.execute(RAISE_GENERATION)
    held = await read_agreement(connection, id_, version)
    before = await established_agreement(connection, id_)
    if held.agreement.state is not State.AGREED:
        raise AgreementConflict(f"{id_} version {version} is {held.agreement.state.value}: it does not wait")
    if before.agreement.state is State.ENDED:
        raise AgreementConflict(f"{id_} was ended: use another id")
    state, at = before.agreement.state, micros(now)
    await _replaced(connection, before, held.agreement, now)
    await _change(connection, id_, version, {"state": state.value, "state_by": before.state_by, "changed_at": at})
    await _noted(connection, id_, [version], state, by=by, at=at)
    await note_lessening(connection, max(now, held.agreement.valid_from))
    return await read_agreement(connection, id_, version)


async def _established(connection: AsyncConnection, newest: RecordedAgreement | None) -> RecordedAgreement | None:
    """The newest version that is not held."""
    if newest is None or newest.agreement.state is not State.AGREED:
        return newest
    agreed = table.c.state == State.AGREED.value
    held_and_gone = (table.c.state == State.ENDED.value) & table.c.replaced_at.is_not(None)
    query = select(table).where(table.c.id == newest.agreement.id, ~agreed, ~held_and_gone)
    row = (await connection.execute(query.order_by(table.c.version.desc()).limit(1))).mappings().first()
    return None if row is None else _recorded(dict(row))


async def _replaced(connection: AsyncConnection, before: RecordedAgreement, after: Agreement, now: datetime) -> None:
    until = micros(max(now, after.valid_from))
    await _change(connection, after.id, before.agreement.version, {"replaced_at": until})


async def _ended(connection: AsyncConnection, held: RecordedAgreement, *, by: str, at: int) -> None:
    each = held.agreement
    values = {"state": State.ENDED.value, "state_by": by, "changed_at": at, "replaced_at": at}
    await _change(connection, each.id, each.version, values)
    await _noted(connection, each.id, [each.version], State.ENDED, by=by, at=at)


def _following(
    agreement: Agreement, newest: RecordedAgreement | None, established: RecordedAgreement | None
) -> tuple[State, str]:
    if newest is None or established is None:
        if agreement.version != 1:
            raise AgreementConflict(f"{agreement.id} is not known here: begin with version 1")
        return State.IN_FORCE, ""
    before = established.agreement
    if agreement.version != newest.agreement.version + 1:
        raise AgreementConflict(f"{agreement.id} stands at version {newest.agreement.version}: amend with the next one")
    if (agreement.provider.member, agreement.consumer.member) != (before.provider.member, before.consumer.member):
        raise AgreementConflict(f"{agreement.id} is between other members: use another id")
    if before.state is State.ENDED:
        raise AgreementConflict(f"{agreement.id} was ended: use another id")
    return before.state, established.state_by


async def suspend_agreement(connection: AsyncConnection, id_: str, *, by: str, now: datetime) -> RecordedAgreement:
    """Stop it at once, until the same member resumes it.

    Raises:
        AgreementUnknown, AgreementConflict: no such agreement, or it is not in force.
    """
    return await _moved(connection, id_, {State.IN_FORCE}, State.SUSPENDED, by=by, now=now)


async def resume_agreement(connection: AsyncConnection, id_: str, *, by: str, now: datetime) -> RecordedAgreement:
    """Put a suspended agreement back in force.

    Raises:
        AgreementUnknown, AgreementConflict: no such agreement, or it is not this member that suspended it.
    """
    kept = await established_agreement(connection, id_)
    if kept.agreement.state is State.SUSPENDED and kept.state_by != by:
        raise AgreementConflict(f"{id_} was suspended by {kept.state_by}: only that member resumes it")
    return await _moved(connection, id_, {State.SUSPENDED}, State.IN_FORCE, by=by, now=now)


async def end_agreement(connection: AsyncConnection, id_: str, *, by: str, now: datetime) -> RecordedAgreement:
    """End it for good.

    Raises:
        AgreementUnknown, AgreementConflict: no such agreement, or it has ended already.
    """
    return await _moved(connection, id_, {State.IN_FORCE, State.SUSPENDED}, State.ENDED, by=by, now=now)


async def _moved(
    connection: AsyncConnection, id_: str, before: set[State], after: State, *, by: str, now: datetime
) -> RecordedAgreement:
    """All live versions go together: the one that holds, an amendment that waits for its first day, and at the end
    one that is held too."""
    await connection.execute(RAISE_GENERATION)
    newest = await established_agreement(connection, id_)
    if newest.agreement.state not in before:
        raise AgreementConflict(f"{id_} is {newest.agreement.state.value}")
    at = micros(now)
    live = [table.c.id == id_, or_(table.c.replaced_at.is_(None), table.c.replaced_at > at)]
    if after is not State.ENDED:
        live.append(table.c.state != State.AGREED.value)
    versions = (await connection.execute(select(table.c.version).where(*live))).scalars().all()
    values = {"state": after.value, "state_by": by, "changed_at": at}
    await connection.execute(update(table).where(*live).values(values))
    await _noted(connection, id_, versions, after, by=by, at=at)
    await note_lessening(connection, now)
    return await read_agreement(connection, id_, newest.agreement.version)


async def _noted(
    connection: AsyncConnection, id_: str, versions: Sequence[int], state: State, *, by: str, at: int
) -> None:
    """Each state of each version is kept, so that an old decision can be replayed (`history`)."""
    rows = [{"id": id_, "version": each, "at": at, "state": state.value, "state_by": by} for each in versions]
    await connection.execute(insert(agreement_event), rows)


async def _change(connection: AsyncConnection, id_: str, version: int, values: Mapping[str, object]) -> None:
    await connection.execute(update(table).where(table.c.id == id_, table.c.version == version).values(**values))


async def read_agreement(connection: AsyncConnection, id_: str, version: int | None = None) -> RecordedAgreement:
    """One version, the newest unless named.

    Raises:
        AgreementUnknown: there is none.
    """
    if version is None:
        newest = await _newest(connection, id_)
        if newest is None:
            raise AgreementUnknown
        return newest
    query = select(table).where(table.c.id == id_, table.c.version == version)
    row = (await connection.execute(query)).mappings().first()
    if row is None:
        raise AgreementUnknown
    return _recorded(dict(row))


async def established_agreement(connection: AsyncConnection, id_: str) -> RecordedAgreement:
    """The newest version that is not held: what an amendment amends.

    Raises:
        AgreementUnknown: there is none.
    """
    found = await _established(connection, await _newest(connection, id_))
    if found is None:
        raise AgreementUnknown
    return found


async def _newest(connection: AsyncConnection, id_: str) -> RecordedAgreement | None:
    query = select(table).where(table.c.id == id_).order_by(table.c.version.desc()).limit(1)
    row = (await connection.execute(query)).mappings().first()
    return None if row is None else _recorded(dict(row))


async def list_agreements(connection: AsyncConnection, member: str | None = None) -> list[RecordedAgreement]:
    """Every version, by id and version; of one member (on either side) if named."""
    query = select(table).order_by(table.c.id, table.c.version)
    if member is not None:
        query = query.where(or_(table.c.provider == member, table.c.consumer == member))
    return [_recorded(dict(row)) for row in (await connection.execute(query)).mappings()]


async def current_agreements(connection: AsyncConnection, now: datetime) -> list[Agreement]:
    """What a decision may rest on or must name: every version that was not replaced before now, whatever its state."""
    query = select(table).where(or_(table.c.replaced_at.is_(None), table.c.replaced_at > micros(now)))
    return [_recorded(dict(row)).agreement for row in (await connection.execute(query)).mappings()]


async def agreements_for(
    connection: AsyncConnection, consumer: str, provider: str | None = None
) -> list[RecordedAgreement]:
    """Every version, ended ones included, that names this system as consumer, and that one as provider if given."""
    recorded = await list_agreements(connection, consumer.rpartition("/")[0])
    return [
        each
        for each in recorded
        if consumer in each.agreement.consumer.systems
        and (provider is None or provider in each.agreement.provider.systems)
    ]


def _recorded(row: Mapping[str, Any]) -> RecordedAgreement:
    agreement = agreement_of(json.loads(row["document"]))
    return RecordedAgreement(
        agreement=replace(agreement, state=State(row["state"]), replaced_at=moment(row.get("replaced_at"))),
        document=row["document"],
        signatures=json.loads(row["signatures"]),
        state_by=row["state_by"],
        recorded_at=moment(row["recorded_at"]),
        changed_at=moment(row["changed_at"]),
    )
