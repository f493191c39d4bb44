"""Changes of consent records, each a new revision with its hash in the log.

A record is not yet a consent. With the signature the consent is recorded in our register, where the decision finds it;
with the opt-out it is withdrawn there. Both happen in the transaction that adds the revision and its entry. What was
withdrawn is never taken back: opting in again makes the record unsigned, and the next signature makes a new consent.
"""

from dataclasses import dataclass, replace
from datetime import datetime
from uuid import uuid4

from sqlalchemy import insert
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection

from audit import Entry, new_id
from consent import Consent, canonical
from consent.errors import ConsentConflict
from consent.moments import micros

from ...consent_lines import Givers
from ...recording import Recording
from . import tables
from .agreements import Object, Term, agreement_id_of, revision
from .records import SIGNED, UNSIGNED, Individual, Kept, Sought, delete_unsigned, record_of


@dataclass(frozen=True, slots=True)
class Evidence:
    """A signature as we keep it: its digest, and whether somebody else signed for the person."""

    digest: str
    delegate: bool
    givers: Givers


@dataclass(frozen=True, slots=True)
class Records:
    """The way in for every change of a record."""

    recording: Recording

    async def opened(self, person: Individual, term: Term, agreement_hash: str, *, opt_in: bool) -> Kept:
        """The record of this person and data agreement; a new one is unsigned and counts for nothing yet."""
        now = self.recording.clock()
        dialect = sqlite if self.recording.db.is_sqlite else postgresql
        row = {
            "id": str(uuid4()),
            "member": person.member,
            "individual": person.id,
            "agreement": agreement_id_of(term.id),
            "data_agreement": term.id,
            "created_at": micros(now),
        }
        async with self.recording.db.write() as connection:
            made = await connection.execute(dialect.insert(tables.record).values(row).on_conflict_do_nothing())
            if made.rowcount:
                blank = Kept(
                    str(row["id"]),
                    person.member,
                    person.id,
                    person.subject_ref,
                    term.id,
                    0,
                    "",
                    opt_in,
                    UNSIGNED,
                    "",
                    "",
                    False,
                )
                await self._revised(connection, replace(blank, agreement_hash=agreement_hash))
            same = Sought(member=person.member, subject_ref=person.subject_ref, data_agreement=term.id)
            return await record_of(connection, same)

    async def signed(self, kept: Kept, person: Individual, term: Term, agreement_hash: str, evidence: Evidence) -> Kept:
        """The person signed: the consent is recorded, from now until the agreement ends.

        Raises:
            ConsentConflict: it is signed already, or the record says no.
            GiverRefused: see `Givers`.
        """
        if kept.opted_in and kept.state == SIGNED:
            raise ConsentConflict("this record is signed: opt out before another signature")
        if not kept.opt_in:
            raise ConsentConflict("this record says no: set optIn first")
        consent = consented(f"{kept.id}-{kept.number + 1}", person, term, evidence, self.recording.clock())
        evidence.givers.check(consent, None)
        async with self.recording.db.write() as connection:
            changed = replace(kept, agreement_hash=agreement_hash, state=SIGNED, consent=consent.id)
            await self._revised(connection, changed, evidence=evidence.digest)
            await self.recording.consents_in(connection, [consent], by=kept.member)
            return await record_of(connection, Sought(id=kept.id))

    async def said(self, kept: Kept, *, opt_in: bool) -> Kept:
        """The person opts out, which withdraws the consent, or in again, which wants a new signature."""
        if kept.opted_in == opt_in:
            return kept
        withdrawn: list[Consent] = []
        async with self.recording.db.write() as connection:
            state = UNSIGNED if opt_in or not kept.consent else kept.state
            changed = replace(kept, opt_in=opt_in, state=state, consent="" if opt_in else kept.consent)
            await self._revised(connection, changed)
            if kept.stands:
                withdrawn = await self.recording.withdrawn_in(connection, kept.consent, controller=kept.member)
            found = await record_of(connection, Sought(id=kept.id))
        await self.recording.ended(withdrawn)
        return found

    async def forgotten(self, person: Individual) -> list[str]:
        """Delete what the person never signed; gives the ids. What was signed is evidence, and stays."""
        now = self.recording.clock()
        async with self.recording.db.write() as connection:
            ids = await delete_unsigned(connection, person)
            facts = {"by": person.member, "records": ids}
            if ids:
                entry = Entry(new_id(now), "consent_record.deleted", now, facts, (person.subject_ref,))
                await self.recording.log.append_in(connection, entry)
        return ids

    async def _revised(self, connection: AsyncConnection, kept: Kept, *, evidence: str = "") -> None:
        """Add the next revision, and its hash to the log."""
        number, now = kept.number + 1, self.recording.clock()
        content: Object = {
            "dataAgreement": kept.data_agreement,
            "dataAgreementRevisionHash": kept.agreement_hash,
            "individual": kept.individual,
            "optIn": kept.opt_in,
            "state": kept.state,
            "evidence": evidence,
        }
        known = {"schemaName": "ConsentRecord", "objectId": kept.id, "authorizedByOther": kept.member}
        made = revision(f"{kept.id}.{number}", known, content, predecessor=kept.hash, at=now)
        row = {
            "record": kept.id,
            "number": number,
            "agreement_hash": kept.agreement_hash,
            "opt_in": kept.opt_in,
            "state": kept.state,
            "consent": kept.consent,
            "snapshot": made["serializedSnapshot"],
            "hash": made["serializedHash"],
            "predecessor": kept.hash,
            "at": micros(now),
            "by": kept.member,
        }
        try:
            await connection.execute(insert(tables.revision).values(row))
        except IntegrityError:
            raise ConsentConflict("this record changed at the same moment: look at it again") from None
        facts = {"by": kept.member, "record": kept.id, "revision": number, "hash": made["serializedHash"]}
        entry = Entry(new_id(now), "consent_record.revised", now, facts, (kept.subject_ref,))
        await self.recording.log.append_in(connection, entry)


def consented(id_: str, person: Individual, term: Term, evidence: Evidence, now: datetime) -> Consent:
    """What the person allows by signing: everything that the data agreement carries, and nothing else."""
    return Consent(
        id=id_,
        subject_ref=person.subject_ref,
        controller=person.member,
        recipients=term.recipients(),
        purposes=frozenset({term.purpose}),
        services=term.services(),
        valid_from=now.replace(microsecond=0),
        valid_until=term.agreement.valid_until,
        given_how="guardian" if evidence.delegate else "self",
        evidence=evidence.digest,
        numbers=person.numbers,
        given_by="guardian" if evidence.delegate else "self",
        data_life_days=term.agreement.data_life_days,
    )


def to_sign(term_id: str, agreement_hash: str, individual: str, *, opt_in: bool) -> str:
    """The words of a draft: canonical JSON that the person signs, and that comes back as `verificationPayload`."""
    content = {
        "dataAgreement": term_id,
        "dataAgreementRevisionHash": agreement_hash,
        "individual": individual,
        "optIn": opt_in,
    }
    return canonical(content).decode()
