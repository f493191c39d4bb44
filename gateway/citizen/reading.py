"""Reading for one person: what is disclosed, in words, and an entry of the log for each look.

Whoever is let in here was identified before. There is no way to ask about anybody but the one `Reader.person_ref`.
"""

from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import select

from audit import Entry, new_id, subject_pseudonym
from audit.tables import audit_search
from consent import Agreement, Consent, quota
from consent import register as consents
from consent.model import Quota
from consent.moments import moment
from consent.sentences import in_words

from ..wiring import Services
from .disclosure import Agreements, delay_of, is_disclosed
from .finding import READ, Period, Place, uses_of
from .wording import Told, Words

AT_ONCE = 200
ALWAYS = Period()
PERSON = "person"


@dataclass(frozen=True, slots=True)
class Reader:
    """For whom is read, and by whom.

    Attributes:
        person_ref: the person's pseudonym.
        by: `person`, or the id of the officer who helps.
        reason: the officer's, one of a few words.
        reference: of the paper by which the person agreed to the help; the log knows its keyed hash.
    """

    person_ref: str
    by: str = PERSON
    reason: str = ""
    reference: str = ""


@dataclass(frozen=True, slots=True)
class Helper:
    """An officer's budget of people."""

    id: str
    quota: Quota


@dataclass(frozen=True, slots=True)
class Page:
    """Some uses, newest first; the next page begins before `next`."""

    uses: list[Told]
    next: Place | None


@dataclass(slots=True)
class Reading:
    """The reading model over one running gateway."""

    services: Services
    _agreements: Agreements = field(default_factory=Agreements)

    async def opened(self, reader: Reader, what: str) -> str:
        """Write that somebody looks, before anything is shown; gives the receipt. Holds no value, and no person.

        Raises:
            QuotaSpent: the officer looked at data of as many people as one may on a day.
            LogUnavailable: then nothing is shown.
        """
        now, here = self.services.gate.clock(), self.services
        if reader.by == PERSON:
            return str(await here.log.append(self._entry(reader, what, now)))
        most = Quota(subjects_per_day=int(here.settings.number("ASSISTED_PEOPLE")))
        async with here.db.write() as connection:
            here_now = now.astimezone(here.profile.zone)
            await quota.spend(connection, Helper(f"officer:{reader.by}", most), [reader.person_ref], here_now)
            return str(await here.log.append_in(connection, self._entry(reader, what, now)))

    def _entry(self, reader: Reader, what: str, now: datetime) -> Entry:
        entry_id = new_id(now)
        facts: dict[str, object] = {"what": what, "subject": subject_pseudonym(reader.person_ref, entry_id)}
        if reader.by != PERSON:
            reference = self.services.person_ref.case_ref(reader.reference)
            facts |= {"consumer": reader.by, "reason": reader.reason, "case_ref": reference}
        return Entry(entry_id, READ, now, facts, (reader.person_ref,))

    async def page(
        self, person_ref: str, period: Period = ALWAYS, before: Place | None = None, limit: int = 50
    ) -> Page:
        """Uses that are disclosed by now."""
        found: list[Told] = []
        async for told in self.everything(person_ref, period, before):
            if len(found) == limit:
                return Page(found, found[-1].use.place)
            found.append(told)
        return Page(found, None)

    async def everything(
        self, person_ref: str, period: Period = ALWAYS, before: Place | None = None
    ) -> AsyncIterator[Told]:
        """All of them, newest first."""
        here = self.services
        async with here.db.read() as connection:
            known = await self._agreements.freshened(connection)
        now, words = here.gate.clock(), await self.words()
        while some := await uses_of(here.db, here.log, person_ref, period, before, AT_ONCE):
            for use in some:
                delay = delay_of(use, known)
                own_look = use.began.kind == READ and not use.says("consumer")
                if not own_look and is_disclosed(use, delay, now):
                    yield Told(use, known.of(use), delay, words)
            before = some[-1].place

    async def began(self) -> datetime | None:
        """When the oldest entry of the log was written; None while it is empty."""
        oldest = select(audit_search.c.ts).order_by(audit_search.c.log_id, audit_search.c.seq).limit(1)
        async with self.services.db.read() as connection:
            found = await connection.scalar(oldest)
        return None if found is None else moment(int(found))

    async def words(self) -> Words:
        """What things are called, as far as they are registered."""
        here = self.services
        known = await here.trust.register()
        taken = {f"{each.dci_id}/{one.name}": one.words for each in known.systems.values() for one in each.services}
        return Words(
            systems={each.id: each.name for each in known.systems.values()},
            members={each.id: each.name for each in known.members.values()},
            purposes=here.profile.purposes,
            services=taken | {offer.service.id: offer.service.summary or offer.service.id for offer in here.catalogue},
            titles=here.catalogue.titles,
            numbers=here.profile.numbers,
        )

    async def consents(self, person_ref: str) -> list[Consent]:
        """What this person ever consented to, by id."""
        found: list[Consent] = []
        async with self.services.db.read() as connection:
            while some := await consents.list_consents(
                connection, subject_ref=person_ref, after=found[-1].id if found else "", limit=AT_ONCE
            ):
                found += some
        return found

    async def agreements(self, person_ref: str) -> list[Agreement]:
        """The agreements that disclosed uses rested on, by id and version."""
        found = {
            (told.agreement.id, told.agreement.version): told.agreement
            async for told in self.everything(person_ref)
            if told.agreement
        }
        return [found[name] for name in sorted(found)]


def shown_consent(consent: Consent, words: Words, now: datetime) -> dict[str, Any]:
    """A consent as the person who gave it sees it."""
    recipients = [words.members.get(each, words.systems.get(each, each)) for each in sorted(consent.recipients)]
    return {
        "id": consent.id,
        "recorded_by": words.member(consent.controller),
        "recipients": recipients,
        "purposes": [words.purposes.get(each, each) for each in sorted(consent.purposes)],
        "services": {
            service: "everything" if fields is None else sorted(fields)
            for service, fields in sorted(consent.services.items())
        },
        "given_how": consent.given_how,
        "given_by": consent.given_by,
        "valid_from": consent.valid_from.isoformat(),
        "valid_until": consent.valid_until.isoformat(),
        "standing": consent.standing(now),
        "withdrawn_at": consent.withdrawn_at.isoformat() if consent.withdrawn_at else None,
    }


def shown_agreement(agreement: Agreement) -> dict[str, Any]:
    """An agreement in plain sentences."""
    return {
        "id": agreement.id,
        "version": agreement.version,
        "title": agreement.title,
        **in_words(agreement),
    }
