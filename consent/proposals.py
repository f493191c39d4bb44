"""Agreements that wait for a signature: one member proposes, the other reads, signs or rejects.

A proposal is no agreement: nothing rests on it. With the last signature it becomes one, by the same way as a document
that both bring at once (`verify_agreement`, `store.record_agreement`). Each function works inside the caller's
transaction and commits nothing. A newer proposal of the same agreement takes the place of an open one.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import insert, or_, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from .canonical import canonical
from .document import agreement_of
from .errors import AgreementConflict, AgreementUnknown, SignatureUnexpected
from .model import Agreement
from .moments import micros, moment
from .signing import Jwk, check_signature
from .tables import proposal as table

OPEN, RECORDED, REJECTED, WITHDRAWN, REPLACED = "open", "recorded", "rejected", "withdrawn", "replaced"


@dataclass(frozen=True, slots=True)
class Proposal:
    """A document and who has signed it. `standing` is one of the words above; `closed_by` the member that ended it."""

    number: int
    agreement: Agreement
    document: Mapping[str, Any]
    proposed_by: str
    signatures: Mapping[str, str]
    proposed_at: datetime
    standing: str = OPEN
    closed_by: str = ""

    @property
    def parties(self) -> frozenset[str]:
        """The members that have to sign."""
        return frozenset({self.agreement.provider.member, self.agreement.consumer.member})

    @property
    def missing(self) -> frozenset[str]:
        """Who has not signed yet."""
        return self.parties - self.signatures.keys()


async def propose(connection: AsyncConnection, document: object, *, by: str, now: datetime) -> Proposal:
    """Put a document before the other member; `by` is the member that proposes.

    Raises:
        DocumentInvalid: it does not fit the format.
        SignatureUnexpected: only a party proposes.
    """
    agreement = agreement_of(document)
    if by not in {agreement.provider.member, agreement.consumer.member}:
        raise SignatureUnexpected("only a party proposes an agreement")
    earlier = table.c.agreement == agreement.id, table.c.standing == OPEN
    await connection.execute(update(table).where(*earlier).values(standing=REPLACED, closed_by=by))
    row = {
        "agreement": agreement.id,
        "version": agreement.version,
        "provider": agreement.provider.member,
        "consumer": agreement.consumer.member,
        "document": canonical(document).decode(),
        "proposed_by": by,
        "signatures": "{}",
        "proposed_at": micros(now),
        "standing": OPEN,
        "closed_by": "",
    }
    number = (await connection.execute(insert(table).values(row).returning(table.c.number))).scalar_one()
    return _proposal(row | {"number": number})


async def sign(connection: AsyncConnection, number: int, *, by: str, signature: str, keys: Sequence[Jwk]) -> Proposal:
    """Add a member's signature over exactly this document. Complete ones are for the caller to record, and `close`.

    Raises:
        AgreementUnknown: this member has no such proposal.
        AgreementConflict: it is not open.
        SignatureRefused: see the tree in `errors`.
    """
    kept = await _open(connection, number, by)
    check_signature(by, signature, kept.document, keys)
    signatures = dict(kept.signatures) | {by: signature}
    values = {"signatures": json.dumps(signatures, sort_keys=True)}
    await connection.execute(update(table).where(table.c.number == number).values(**values))
    return await read_proposal(connection, number, by)


async def close(connection: AsyncConnection, number: int, *, by: str, standing: str) -> Proposal:
    """End it: `recorded`, `rejected` by the other member, or `withdrawn` by the one that proposed.

    Raises:
        AgreementUnknown, AgreementConflict: there is none, it is not open, or it is not this member's to end so.
    """
    kept = await _open(connection, number, by)
    if (standing == WITHDRAWN) != (kept.proposed_by == by) and standing != RECORDED and len(kept.parties) > 1:
        raise AgreementConflict("who proposed withdraws, the other member rejects")
    await connection.execute(update(table).where(table.c.number == number).values(standing=standing, closed_by=by))
    return await read_proposal(connection, number, by)


async def read_proposal(connection: AsyncConnection, number: int, member: str) -> Proposal:
    """One proposal, for a member that is a party.

    Raises:
        AgreementUnknown: there is none for it.
    """
    query = select(table).where(table.c.number == number, _of(member))
    row = (await connection.execute(query)).mappings().first()
    if row is None:
        raise AgreementUnknown
    return _proposal(dict(row))


async def proposals_of(connection: AsyncConnection, member: str, *, standing: str = OPEN) -> list[Proposal]:
    """Those that a member proposed or has to look at, oldest first."""
    query = select(table).where(_of(member), table.c.standing == standing).order_by(table.c.number)
    return [_proposal(dict(row)) for row in (await connection.execute(query)).mappings()]


async def _open(connection: AsyncConnection, number: int, member: str) -> Proposal:
    await connection.execute(select(table.c.number).where(table.c.number == number).with_for_update())
    kept = await read_proposal(connection, number, member)
    if kept.standing != OPEN:
        raise AgreementConflict(f"this proposal is {kept.standing}: propose anew")
    return kept


def _of(member: str) -> Any:
    return or_(table.c.provider == member, table.c.consumer == member)


def _proposal(row: Mapping[str, Any]) -> Proposal:
    document = json.loads(row["document"])
    return Proposal(
        number=row["number"],
        agreement=agreement_of(document),
        document=document,
        proposed_by=row["proposed_by"],
        signatures=json.loads(row["signatures"]),
        proposed_at=moment(row["proposed_at"]),
        standing=row["standing"],
        closed_by=row["closed_by"],
    )
