"""Agreements, consents and objections change only together with their log entry, in one transaction.

Used by the edges and by the command line alike; nothing here knows either. Entries hold ids and words,
never a person: whom a consent is about goes to the log's erasable table beside it.
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy.ext.asyncio import AsyncConnection

from audit import Entry, Log, new_id
from consent import Agreement, Consent, Objection, SignedAgreement, store, verify_agreement
from consent import register as consent_register
from consent.amendment import WIDENED, difference
from consent.errors import AgreementUnknown, ConsentError, ConsentUnknown
from consent.store import RecordedAgreement

from .db import Database
from .delivery import jobs
from .erasing import Erasing
from .gate import utc_now
from .kept_answers import forget_people

MemberKeys = Callable[[str], Awaitable[Sequence[Mapping[str, str]]]]
CHANGES = {
    "suspend": (store.suspend_agreement, "agreement.suspended"),
    "resume": (store.resume_agreement, "agreement.resumed"),
    "end": (store.end_agreement, "agreement.ended"),
}
LINES_AN_ENTRY = 500  # the ids of so many consents fit into one entry of the log


@dataclass(frozen=True, slots=True)
class Told:
    """What became of one consent: `recorded`, `unchanged` or `conflict`, and the receipt where something changed."""

    id: str
    outcome: str
    receipt: str = ""


@dataclass(frozen=True, slots=True)
class Recording:
    """The way in for every change of an agreement, a consent or an objection."""

    db: Database
    log: Log
    clock: Callable[[], datetime] = utc_now

    async def agreement(
        self, document: object, signatures: Mapping[str, str], keys: MemberKeys, *, by: str
    ) -> tuple[RecordedAgreement, str]:
        """Verify and put in force; gives the receipt too. A refusal is logged as well.

        An amendment that widens anything stays `agreed` until two officers let it take over (`agreement.widening`
        at `/v1/approvals`); what only narrows or words anew takes over at once.

        Args:
            by: the member that brings it.

        Raises:
            ConsentError: it is not what both members signed, or does not follow from what is recorded.
        """
        try:
            known = {member: await keys(member) for member in signatures}
            return await self._agreement(verify_agreement(document, signatures, known), by)
        except ConsentError as error:
            async with self.db.write() as connection:
                await self._entry(connection, "agreement.refused", {"by": by, "code": error.code})
            raise

    async def _agreement(self, signed: SignedAgreement, by: str) -> tuple[RecordedAgreement, str]:
        async with self.db.write() as connection:
            held = await _widened(connection, signed.agreement)
            recorded = await store.record_agreement(connection, signed, by=by, now=self.clock(), held=bool(held))
            facts = recorded_facts(recorded, by) | ({"widened": held} if held else {})
            return recorded, await self._entry(connection, "agreement.recorded", facts)

    async def agreement_change(self, verb: str, id_: str, *, by: str) -> tuple[RecordedAgreement, str]:
        """`suspend`, `resume` or `end` an agreement; takes effect at the next decision, in every process.

        Raises:
            AgreementUnknown, AgreementConflict: there is none, or its state does not allow it.
        """
        change, kind = CHANGES[verb]
        async with self.db.write() as connection:
            changed = await change(connection, id_, by=by, now=self.clock())
            receipt = await self._entry(connection, kind, recorded_facts(changed, by))
            ref, at = receipt.rpartition(":")[2], self.clock().timestamp()
            await jobs.add(connection, "agreement", ref, now=at, lane=jobs.LIVE)  # see oversight.ending
            return changed, receipt

    async def consents(self, consents: Sequence[Consent], *, by: str, at_once: int = LINES_AN_ENTRY) -> list[Told]:
        """Record any number; what was recorded before is `unchanged`.

        Args:
            at_once: lines in one transaction. Many are quicker, and others wait longer for their turn.

        Raises:
            ConsentConflict: the same ids are being recorded by another process; send them again.
        """
        told: list[Told] = []
        for start in range(0, len(consents), at_once):
            async with self.db.write() as connection:
                told += await self.consents_in(connection, consents[start : start + at_once], by=by)
        return told

    async def consents_in(self, connection: AsyncConnection, consents: Sequence[Consent], *, by: str) -> list[Told]:
        """Record in the caller's transaction, the log's entries last.

        Raises:
            ConsentConflict: see `consents`.
        """
        outcomes = await consent_register.record_consents(connection, consents, self.clock())
        fresh = [each for each, outcome in zip(consents, outcomes, strict=True) if outcome == consent_register.RECORDED]
        receipts = iter(await self._about_people(connection, "consent.recorded", fresh, by))
        return [
            Told(each.id, outcome, next(receipts) if outcome == consent_register.RECORDED else "")
            for each, outcome in zip(consents, outcomes, strict=True)
        ]

    async def withdrawal(self, id_: str, *, controller: str, by: str = "") -> Told:
        """Withdraw one consent that this controller keeps; counts from the next decision on.

        On return nothing more is released under it, and everybody who received something is on the erasure list.

        Args:
            by: who withdrew it, where it was not the controller: `person`, or an officer who helped.

        Raises:
            ConsentUnknown: this controller keeps none of this id.
        """
        async with self.db.write() as connection:
            given = await self._withdrawn_one(connection, id_, controller)
            receipts = await self._about_people(connection, "consent.withdrawn", given, by or controller)
        await self.ended(given)
        return Told(id_, "withdrawn", *receipts) if given else Told(id_, consent_register.UNCHANGED)

    async def withdrawals_of(
        self, subject_ref: str, *, controller: str, purposes: frozenset[str] = frozenset()
    ) -> list[Told]:
        """Withdraw what this person gave this controller, for these purposes if any are named."""
        async with self.db.write() as connection:
            ids = await consent_register.withdraw_consents_of(
                connection, subject_ref, self.clock(), controller=controller, purposes=purposes
            )
            given = [await consent_register.read_consent(connection, id_) for id_ in ids]
            await forget_people(connection, [each.subject_ref for each in given])
            receipts = await self._about_people(connection, "consent.withdrawn", given, controller)
        await self.ended(given)
        return [Told(id_, "withdrawn", receipt) for id_, receipt in zip(ids, receipts, strict=True)]

    async def withdrawn_in(self, connection: AsyncConnection, id_: str, *, controller: str) -> list[Consent]:
        """Withdraw one in the caller's transaction; the caller awaits `ended` with the result once that is committed.

        Raises:
            ConsentUnknown: this controller keeps none of this id.
        """
        given = await self._withdrawn_one(connection, id_, controller)
        await self._about_people(connection, "consent.withdrawn", given, controller)
        return given

    async def _withdrawn_one(self, connection: AsyncConnection, id_: str, controller: str) -> list[Consent]:
        consent = await consent_register.read_consent(connection, id_)
        if consent.controller != controller:
            raise ConsentUnknown
        if not await consent_register.withdraw_consent(connection, id_, self.clock()):
            return []
        await forget_people(connection, [consent.subject_ref])
        return [consent]

    async def ended(self, consents: Sequence[Consent]) -> None:
        """After the commit of a withdrawal: wait for what was decided before it, then list who has to erase."""
        await Erasing(self.db, self.log, self.clock).after(consents)

    async def objection(self, objection: Objection, *, by: str) -> str:
        """Record an upheld objection or restriction; gives the receipt.

        Raises:
            ConsentConflict: the id is taken.
        """
        async with self.db.write() as connection:
            await consent_register.record_objection(connection, objection, by=by, now=self.clock())
            facts = {
                "by": by,
                "objection": objection.id,
                "kind": objection.kind,
                "purposes": sorted(objection.purposes),
                "services": sorted(objection.services),
                "fields": sorted(objection.fields),
                "recipients": sorted(objection.recipients),
            }
            return await self._entry(connection, "objection.recorded", facts, (objection.subject_ref,))

    async def objection_lifted(self, id_: str, *, by: str) -> str:
        """Lift one that this member upheld; gives the receipt, empty if it was lifted before.

        Raises:
            ObjectionUnknown: this member upheld none of this id.
        """
        async with self.db.write() as connection:
            if not await consent_register.lift_objection(connection, id_, by=by, now=self.clock()):
                return ""
            return await self._entry(connection, "objection.lifted", {"by": by, "objection": id_})

    async def _about_people(
        self, connection: AsyncConnection, kind: str, consents: Sequence[Consent], by: str
    ) -> list[str]:
        """An entry for each 500 consents; none when nothing changed. Gives the receipt for each consent."""
        now, entries, receipts = self.clock(), [], []
        for start in range(0, len(consents), LINES_AN_ENTRY):
            some = consents[start : start + LINES_AN_ENTRY]
            facts = {"by": by, "count": len(some), "consents": [each.id for each in some]}
            entries.append(Entry(new_id(now), kind, now, facts, tuple({each.subject_ref: None for each in some})))
        for number, receipt in enumerate(await self.log.append_all_in(connection, entries) if entries else []):
            receipts += [str(receipt)] * min(LINES_AN_ENTRY, len(consents) - number * LINES_AN_ENTRY)
        return receipts

    async def _entry(
        self,
        connection: AsyncConnection,
        kind: str,
        facts: Mapping[str, object],
        subject_refs: tuple[str, ...] = (),
    ) -> str:
        now = self.clock()
        return str(await self.log.append_in(connection, Entry(new_id(now), kind, now, facts, subject_refs)))


async def _widened(connection: AsyncConnection, agreement: Agreement) -> list[str]:
    """The members of the document by which an amendment widens what is in force; none within one member."""
    if agreement.version == 1 or agreement.provider.member == agreement.consumer.member:
        return []
    try:
        before = await store.established_agreement(connection, agreement.id)
    except AgreementUnknown:
        return []
    changes = difference(before.agreement, agreement)
    return sorted({each.place for each in changes if each.effect == WIDENED})


def recorded_facts(recorded: RecordedAgreement, by: str) -> dict[str, object]:
    """What an entry says of an agreement: whose, which version, in which state, and the digest of what was signed."""
    agreement = recorded.agreement
    return {
        "by": by,
        "agreement": agreement.id,
        "agreement_version": agreement.version,
        "consumer": agreement.consumer.member,
        "provider": agreement.provider.member,
        "state": agreement.state.value,
        "document": recorded.digest,
    }
