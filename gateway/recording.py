"""Agreements, consents and objections change only together with their log entry, in one transaction.

Used by the edges and by the command line alike; nothing here knows either. Entries hold ids and words,
never a person: whom a consent is about goes to the log's erasable table beside it.
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy.ext.asyncio import AsyncConnection

from adapters.kit.contract import Identifier, Subject
from audit import Entry, Log, new_id
from consent import Consent, Objection, SignedAgreement, consent_of, reading, store, verify_agreement
from consent import register as people
from consent.errors import ConsentError, ConsentUnknown, DocumentInvalid
from consent.store import RecordedAgreement

from .db import Database
from .gate import utc_now

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
            recorded = await store.record_agreement(connection, signed, by=by, now=self.clock())
            return recorded, await self._entry(connection, "agreement.recorded", _facts(recorded, by))

    async def agreement_change(self, verb: str, id_: str, *, by: str) -> tuple[RecordedAgreement, str]:
        """`suspend`, `resume` or `end` an agreement; takes effect at the next decision, in every process.

        Raises:
            AgreementUnknown, AgreementConflict: there is none, or its state does not allow it.
        """
        change, kind = CHANGES[verb]
        async with self.db.write() as connection:
            changed = await change(connection, id_, by=by, now=self.clock())
            return changed, await self._entry(connection, kind, _facts(changed, by))

    async def consents(self, consents: Sequence[Consent], *, by: str) -> list[Told]:
        """Record any number, in transactions of 500; what was recorded before is `unchanged`.

        Raises:
            ConsentConflict: the same ids are being recorded by another process; send them again.
        """
        told: list[Told] = []
        for start in range(0, len(consents), LINES_AN_ENTRY):
            told += await self._some_consents(consents[start : start + LINES_AN_ENTRY], by)
        return told

    async def _some_consents(self, consents: Sequence[Consent], by: str) -> list[Told]:
        async with self.db.write() as connection:
            outcomes = await people.record_consents(connection, consents, self.clock())
            paired = list(zip(consents, outcomes, strict=True))
            fresh = [consent for consent, outcome in paired if outcome == people.RECORDED]
            receipt = await self._about_people(connection, "consent.recorded", fresh, by)
        return [Told(each.id, outcome, receipt if outcome == people.RECORDED else "") for each, outcome in paired]

    async def withdrawal(self, id_: str, *, controller: str) -> Told:
        """Withdraw one consent that this controller keeps; counts from the next decision on.

        Raises:
            ConsentUnknown: this controller keeps none of this id.
        """
        async with self.db.write() as connection:
            consent = await people.read_consent(connection, id_)
            if consent.controller != controller:
                raise ConsentUnknown
            changed = await people.withdraw_consent(connection, id_, self.clock())
            given = [consent] if changed else []
            receipt = await self._about_people(connection, "consent.withdrawn", given, controller)
        return Told(id_, "withdrawn" if changed else people.UNCHANGED, receipt)

    async def withdrawals_of(
        self, subject_ref: str, *, controller: str, purposes: frozenset[str] = frozenset()
    ) -> list[Told]:
        """Withdraw what this person gave this controller, for these purposes if any are named."""
        async with self.db.write() as connection:
            ids = await people.withdraw_consents_of(
                connection, subject_ref, self.clock(), controller=controller, purposes=purposes
            )
            given = [await people.read_consent(connection, id_) for id_ in ids]
            receipt = await self._about_people(connection, "consent.withdrawn", given, controller)
        return [Told(id_, "withdrawn", receipt) for id_ in ids]

    async def objection(self, objection: Objection, *, by: str) -> str:
        """Record an upheld objection or restriction; gives the receipt.

        Raises:
            ConsentConflict: the id is taken.
        """
        async with self.db.write() as connection:
            await people.record_objection(connection, objection, by=by, now=self.clock())
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
            if not await people.lift_objection(connection, id_, by=by, now=self.clock()):
                return ""
            return await self._entry(connection, "objection.lifted", {"by": by, "objection": id_})

    async def _about_people(self, connection: AsyncConnection, kind: str, consents: Sequence[Consent], by: str) -> str:
        """An entry for each 500 consents; none when nothing changed. Gives the last receipt."""
        receipt = ""
        for start in range(0, len(consents), LINES_AN_ENTRY):
            some = consents[start : start + LINES_AN_ENTRY]
            facts = {"by": by, "count": len(some), "consents": [each.id for each in some]}
            receipt = await self._entry(connection, kind, facts, tuple({each.subject_ref: None for each in some}))
        return receipt

    async def _entry(
        self,
        connection: AsyncConnection,
        kind: str,
        facts: Mapping[str, object],
        subject_refs: tuple[str, ...] = (),
    ) -> str:
        now = self.clock()
        return str(await self.log.append_in(connection, Entry(new_id(now), kind, now, facts, subject_refs)))


def _facts(recorded: RecordedAgreement, by: str) -> dict[str, object]:
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


def consent_line(
    line: object,
    *,
    controller: str,
    person_ref: Callable[[Subject], str],
    numbers: Callable[[Subject], frozenset[str]],
) -> Consent:
    """One line of `schemas/own/consent.v1.json` as this controller's consent; an id is made where it has none.

    Args:
        person_ref: subject in, pseudonym out; may refuse the subject with an error of its own.
        numbers: subject in, a keyed hash of each of its numbers out. Under this consent a question may name the
            person to a provider by these and no others.

    Raises:
        DocumentInvalid: it does not fit, or names another controller; the text holds no value.
    """
    named = {"id": str(new_id())} | (line if isinstance(line, dict) else {})
    if named.pop("controller", controller) != controller:
        raise DocumentInvalid("/controller: must be the member that records it")
    with reading.Reader({"id": named.pop("id")}) as reader:
        id_ = reader.text("id", reading.ID)
    subject = _subject(named.pop("subject", None))
    return consent_of(named, id_=id_, subject_ref=person_ref(subject), controller=controller, numbers=numbers(subject))


def _subject(value: object) -> Subject:
    """Only the numbers; names and birth date may be there, and are not looked at."""
    with reading.Reader(value, "/subject") as reader:
        reader.has("names")
        reader.has("birth_date")
        return Subject(tuple(_identifier(each) for each in reader.each("identifiers")))


def _identifier(reader: reading.Reader) -> Identifier:
    with reader:
        return Identifier(reader.text("type", "[A-Za-z0-9_./:-]{1,120}"), reader.text("value", "(?s:.{1,200})"))
