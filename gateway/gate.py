"""What the pipeline needs, joined from the three packages that know nothing of each other.

`consent` decides, `adapters` ask, `audit` records; this file is where they meet, and the only one.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from hashlib import sha256
from time import perf_counter
from types import MappingProxyType

import schemas
from adapters.kit import claims
from adapters.kit.contract import AgencyError, Handed, Item, Question, RawAnswer, Service, Subject
from audit import Entry, Log, LogUnavailable, commit, new_id, subject_pseudonym
from consent import Decision, Facts, FactsUnavailable, Request, beforehand, canonical
from consent.decide_many import Alike

from .catalogue import Catalogue, Offer
from .current_exchange import CURRENT_EXCHANGE
from .errors import HIDDEN, NoEvidence, OurError, RefusedByRules, SourceStale, SourceUnavailable, Unknown, translated
from .gate_ports import (
    AnswerCache,
    BreakGlass,
    CountMisses,
    Meter,
    NoAnswerCache,
    Spend,
    Unmetered,
    metered,
    no_break_glass,
    no_budgets,
    no_miss_count,
)
from .in_flight import InFlight
from .kept_details import Keep
from .model import Ask, Closing, Handover, Opened, Permit
from .permits import permitted, permitting
from .reasons import logged
from .trust.person import PersonRef

FactsOf = Callable[[Request], Awaitable[Facts]]
NO_FACTS = "Agreements and consents cannot be read now, so nothing was exchanged; try again."
SIGNED = "source_signature"
FactsOfMany = Callable[[Sequence[Request]], Awaitable[Sequence[Facts]]]


def utc_now() -> datetime:
    """The one clock of the gateway."""
    return datetime.now(UTC)


@dataclass(frozen=True, slots=True)
class Gate:
    """Implements `pipeline.Asking` and `pipeline.Handing`.

    Attributes:
        facts_of, facts_of_many: what a decision may rest on, for one request and for the lines of a batch.
        person_ref: makes the keyed hashes that stand for people.
        deadline_s: how long an agency may take.
        floor_s: the least that an exchange takes whose caller has no right to know existence.
        keep: keeps the case in clear beside the outcome; without it the log has its hash only.
        spend, break_glass, count_misses, meter, answer_cache: see `gate_ports`.
    """

    catalogue: Catalogue
    facts_of: FactsOf
    facts_of_many: FactsOfMany
    log: Log
    person_ref: PersonRef
    deadline_s: float = 30.0
    clock: Callable[[], datetime] = utc_now
    in_flight: InFlight = field(default_factory=InFlight)
    spend: Spend = no_budgets
    break_glass: BreakGlass = no_break_glass
    count_misses: CountMisses = no_miss_count
    meter: Meter = field(default_factory=Unmetered)
    answer_cache: AnswerCache = field(default_factory=NoAnswerCache)
    floor_s: float = 0.0
    keep: Keep | None = None
    decide: Callable[[Request, Facts, datetime], Decision] = field(default_factory=Alike)

    async def opened(self, ask: Ask | Handover) -> Opened:
        """Step 1: the intent is durable. It says who asks what for which purpose, and holds no decision."""
        opened, entry = self.intent(ask)
        await self._append(entry)
        return opened

    def intent(self, ask: Ask | Handover) -> tuple[Opened, Entry]:
        """The intent entry and what it opens, for callers that write it together with their own rows."""
        now = self.clock()
        entry_id = new_id(now)
        opened = Opened(str(entry_id), self.person_ref(ask.subject), perf_counter())
        CURRENT_EXCHANGE.set(opened.exchange_id)
        named = self.person_ref.numbers(self._disclosed(ask), found_by_name=isinstance(ask, Ask))
        facts = self.facts_about(ask, opened.exchange_id) | {
            "subject": subject_pseudonym(opened.person_ref, entry_id),
            "numbers": sorted(subject_pseudonym(each, entry_id) for each in named),
        }
        if ask.signature:
            facts["signature"] = dict(ask.signature)
        if isinstance(ask, Ask) and ask.claimed:
            facts["claimed"] = dict(ask.claimed)
        if isinstance(ask, Ask) and ask.message:
            facts["message"] = dict(ask.message)
        return opened, Entry(entry_id, "exchange.intent", now, facts, (opened.person_ref,))

    async def permit(self, ask: Ask | Handover) -> Permit:
        """Steps 2 and 5: the decision on the facts as they are now."""
        request = self.request(ask)
        try:
            with self.in_flight:
                facts = await self.facts_of(request)
        except FactsUnavailable as error:
            raise NoEvidence(NO_FACTS) from error
        return permitted(self.decide(request, facts, self.clock()))

    async def charge(self, opened: Opened, ask: Ask | Handover, permit: Permit) -> None:
        """Still 2: spend the permit's budgets and report a use in an emergency, before anything is asked.

        Raises:
            RefusedByRules, NoEvidence: a budget is spent; or it cannot be counted, or reported.
        """
        if permit.budgets:
            (refused,) = await self.spend(opened.exchange_id, [(permit, opened.person_ref)])
            if refused:
                raise refused
        if permit.emergency and isinstance(ask, Ask):
            await self.break_glass(opened, ask, permit)

    async def on_hold(self, ask: Ask | Handover) -> bool:
        """Whether all that would grant this is suspended, whoever it is about: queued work waits then.

        Raises:
            NoEvidence: the facts cannot be read.
        """
        request = self.request_for_anyone(ask)
        (facts,) = await self.facts_about_many([request])
        return beforehand.on_hold(request, facts.agreements, self.clock())

    async def facts_about_many(self, requests: Sequence[Request]) -> Sequence[Facts]:
        """What the decisions on a batch may rest on, as it is now.

        Raises:
            NoEvidence: the facts cannot be read.
        """
        try:
            return await self.facts_of_many(requests)
        except FactsUnavailable as error:
            raise NoEvidence(NO_FACTS) from error

    def permits(self, requests: Sequence[Request], facts: Sequence[Facts]) -> list[Permit | RefusedByRules]:
        """Steps 2 and 5 for lines of a batch: the decisions at one moment."""
        return list(map(self.permitting(requests, facts), range(len(requests))))

    def permitting(
        self, requests: Sequence[Request], facts: Sequence[Facts]
    ) -> Callable[[int], Permit | RefusedByRules]:
        """The same line by line, by place: made once for all who stand alike, with each one's own consent in it."""
        return permitting(requests, facts, self.clock())

    def request(self, ask: Ask | Handover) -> Request:
        """What the decision is asked about."""
        told = self._disclosed(ask)
        unbound = self.person_ref.unbound(told, found_by_name=isinstance(ask, Ask))
        return self.request_builder(ask)(self.person_ref(ask.subject), unbound, self.person_ref.things(told))

    def request_for_anyone(self, ask: Ask | Handover) -> Request:
        """The request with no person in it: for what agreements say whoever it is about (`consent.beforehand`)."""
        return self.request_builder(ask)("", frozenset(), frozenset())

    def request_builder(self, ask: Ask | Handover) -> Callable[[str, frozenset[str], frozenset[str]], Request]:
        """Makes the request about any person, worked out once for all lines of a batch.

        Takes the person's pseudonym, the numbers that a consent must vouch for, and the numbers of things.
        """
        offer = self.catalogue.offer(ask.service)
        asked, sent = ask.asked, offer.service.sent
        emergency = isinstance(ask, Ask) and bool(ask.emergency)

        def about(person_ref: str, numbers: frozenset[str], things: frozenset[str]) -> Request:
            return Request(
                consumer=ask.consumer,
                provider=offer.provider,
                service=ask.service,
                action=ask.action,
                purpose=ask.purpose,
                fields=asked,
                subject_ref=person_ref,
                sent=sent,
                case=ask.case,
                numbers=numbers,
                emergency=emergency,
                things=things,
            )

        return about

    def _disclosed(self, ask: Ask | Handover) -> Subject:
        return narrowed(ask.subject, self.catalogue.offer(ask.service).service.sent)

    async def fetch(self, ask: Ask, permit: Permit) -> RawAnswer:
        """Step 3: the only line that talks to an agency, within the deadline."""
        offer = self.catalogue.offer(ask.service)
        link = offer.link
        if (kept := await self.answer_cache.found(ask, permit)) is not None:
            return fresh(kept, ask.as_at, permit)
        await metered(self.meter, offer)
        try:
            async with asyncio.timeout(self.deadline_s):
                raw = await link.ask(question(ask, offer, permit, ask.subject))
        except AgencyError as error:
            raise translated(error) from error
        except TimeoutError as error:
            raise SourceUnavailable("The source did not answer in time; try again.") from error
        return fresh(raw, ask.as_at, permit)

    def normalise(self, ask: Ask, _permit: Permit, raw: RawAnswer) -> Mapping[str, object]:
        """Step 4: the canonical record, or the claim derived from it."""
        if raw.kept_at and isinstance(raw.payload, Mapping):
            return raw.payload  # was normalised when it came
        offer = self.catalogue.offer(ask.service)
        try:
            record = offer.link.normalise(ask.service, raw)
        except AgencyError as error:
            raise translated(error) from error
        if ask.claim is None or raw.claimed or (raw.empty and not record):
            return record
        return claims.derive(ask.claim.name, ask.claim.parameters, record, ask.as_at, ask.subject.names)

    async def remember(self, ask: Ask, permit: Permit, raw: RawAnswer, released: Mapping[str, object]) -> None:
        """After step 6: what was released may be given again, if the agreement says so."""
        await self.answer_cache.keep(ask, permit, raw, released)

    async def hand(
        self, handover: Handover, record: Mapping[str, object], item_id: str, *, contested: bool = False
    ) -> Handed:
        """Step 3 of a push: the only line that talks to the receiver. A record that narrowing broke is not sent."""
        offer = self.catalogue.offer(handover.service)
        check_record(record, offer.service)
        item = Item(item_id, handover.service, record, narrowed(handover.subject, offer.service.sent), contested)
        link = offer.link
        await metered(self.meter, offer)
        try:
            async with asyncio.timeout(self.deadline_s):
                return await link.deliver(item)
        except AgencyError as error:
            raise translated(error) from error
        except TimeoutError as error:
            if not offer.service.extra.get("repeatable", True):
                raise Unknown("The receiver did not answer in time; it may have acted on the message.") from error
            raise SourceUnavailable("The receiver did not answer in time.") from error

    async def closed(self, opened: Opened, ask: Ask | Handover, closing: Closing) -> str:
        """Step 6, shielded: a caller that hangs up does not take the outcome with it."""
        return await asyncio.shield(self._closed(opened, ask, closing))

    async def _closed(self, opened: Opened, ask: Ask | Handover, closing: Closing) -> str:
        self.count_misses(ask.consumer, 1, int(is_miss(closing.outcome, closing.may_know)))
        if self.floor_s and not closing.may_know:  # told no sooner than any other: how long it took says nothing
            await asyncio.sleep(max(0.0, opened.begun + self.floor_s - perf_counter()))  # open: a withdrawal waits too
        words = ({"case": ask.case} if ask.case else {}) | ({SIGNED: closing.signature} if closing.signature else {})
        return await self._append(self.outcome(opened, ask, closing), words)

    def outcome(self, opened: Opened, ask: Ask | Handover, closing: Closing) -> Entry:
        """The outcome entry: what was released, under which agreement and basis, or why not."""
        now = self.clock()
        entry_id = new_id(now)
        facts = self.facts_about(ask, opened.exchange_id) | outcome_facts(closing)
        facts["reasons"] = logged(
            closing.reasons, person_ref=opened.person_ref, entry_id=entry_id, deciding=closing.consent
        )
        facts |= {"subject": subject_pseudonym(opened.person_ref, entry_id)}
        return Entry(entry_id, "exchange.outcome", now, facts, (opened.person_ref,))

    def facts_about(self, ask: Ask | Handover, exchange_id: str) -> dict[str, object]:
        """What every entry of an exchange says about it."""
        facts: dict[str, object] = {
            "exchange_id": exchange_id,
            "consumer": ask.consumer,
            "provider": self.catalogue.offer(ask.service).provider,
            "service": ask.service,
            "action": ask.action,
            "purpose": ask.purpose,
            "asked": sorted(ask.asked),
        }
        if self.person_ref.of_a_thing(ask.subject):
            facts["of_a_thing"] = True
        if isinstance(ask, Ask) and ask.emergency:
            facts["emergency"] = True
        if ask.officer:
            facts["officer_ref"] = ask.officer
        return facts | ({"case_ref": self.person_ref.case_ref(ask.case)} if ask.case else {})

    async def _append(self, entry: Entry, words: Mapping[str, str] = MappingProxyType({})) -> str:
        try:
            with self.in_flight:
                if words and self.keep:
                    return str(await self.keep(entry, words))
                return str(await self.log.append(entry))
        except LogUnavailable as error:
            raise NoEvidence("The log cannot take an entry now, so nothing was exchanged; try again.") from error


def is_miss(outcome: str, may_know: bool) -> bool:
    """Whether somebody who tries numbers would see many of these: refusals, and whatever looks like one."""
    return outcome == RefusedByRules.code or (outcome in HIDDEN and not may_know)


def outcome_facts(closing: Closing) -> dict[str, object]:
    """The members that every outcome entry has beside its reasons; those of a permit only when there was one."""
    facts: dict[str, object] = {"outcome": closing.outcome}
    if closing.fields:
        facts["released"] = sorted(closing.fields)
        if closing.permit and closing.permit.contested:
            facts["contested"] = True
    if closing.source_code:
        facts["source_code"] = closing.source_code
    if "kept_at" in closing.content:
        facts["kept_at"] = closing.content["kept_at"]
    if closing.salt:
        facts["answer"] = commit("answer", closing.salt, canonical(closing.content))
    if closing.signature:  # the original is kept beside the entry, for as long as details are
        facts[SIGNED] = {"sha256": sha256(closing.signature.encode()).hexdigest()}
    if closing.may_know:
        facts["may_know_existence"] = True
    if closing.permit and closing.permit.agreement:
        facts["agreement"] = closing.permit.agreement
        facts["agreement_version"] = closing.permit.agreement_version
        facts["basis"] = closing.permit.basis
        facts["withheld"] = [f"{each.field}: {each.reason}" for each in closing.permit.withheld]
    return facts


def question(ask: Ask, offer: Offer, permit: Permit, subject: Subject) -> Question:
    """What the agency gets to see: its own numbers, and only the fields that are granted."""
    fields = claims.CLAIMS[ask.claim.name].needs if ask.claim else permit.fields
    derived = (ask.claim.name, ask.claim.parameters) if ask.claim else ("", {})
    return Question(ask.service, narrowed(subject, offer.service.sent), fields, ask.as_at, ask.period, *derived)


def narrowed(subject: Subject, sent: frozenset[str]) -> Subject:
    """The part of a subject that may be disclosed: identifier types, `names`, `birth_date`."""
    if (
        not subject.names
        and subject.birth_date is None
        and sent.issuperset([each.type for each in subject.identifiers])
    ):
        return subject  # nothing to leave out, as for most people of a batch
    return Subject(
        tuple([each for each in subject.identifiers if each.type in sent]),
        subject.names if "names" in sent else (),
        subject.birth_date if "birth_date" in sent else None,
    )


def check_record(record: Mapping[str, object], service: Service) -> None:
    """Raise unless what is left of a record after narrowing still fits the service.

    Raises:
        OurError: it does not; the text has the place, never a value.
    """
    if fault := record_fault(record, service):
        raise OurError(f"What the agreement lets through does not fit {service.record_schema} at {fault}.")


def record_fault(record: Mapping[str, object], service: Service) -> str | None:
    """Where a pushed record first breaks the service's schema; None where it fits, or the service has none."""
    if not service.record_schema:
        return None
    return schemas.first_fault(schemas.validator(service.record_schema), dict(record))


def fresh(raw: RawAnswer, as_at: date, permit: Permit) -> RawAnswer:
    """The answer, if its newest data is as new as the agreement wants.

    Raises:
        SourceStale: the closed month lies further back than `max_age_months` before the month of `as_at`.
    """
    age = (as_at.year - raw.as_of.year) * 12 + as_at.month - raw.as_of.month
    if permit.max_age_months is None or age <= permit.max_age_months:
        return raw
    raise SourceStale(
        f"The source's newest data is {age} months old; the agreement allows {permit.max_age_months}.",
        reasons=(*permit.reasons, f"stale: {age} months"),
        source_code=raw.code,
    )
