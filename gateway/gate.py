"""What the pipeline needs, joined from the three packages that know nothing of each other.

`consent` decides, `adapters` ask, `audit` records; this file is where they meet, and the only one.
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime

import schemas
from adapters.kit import claims
from adapters.kit.contract import AgencyError, Handed, Item, Question, RawAnswer, Service, Subject
from audit import Entry, Log, LogUnavailable, commit, new_id, subject_pseudonym
from consent import Decision, Facts, FactsUnavailable, Request, canonical, decide

from .catalogue import Catalogue, Offer
from .errors import NoEvidence, OurError, RefusedByRules, SourceStale, SourceUnavailable, Unknown, translated
from .model import Ask, Closing, Handover, Opened, Permit, Withheld
from .reasons import logged
from .trust.person import PersonRef

FactsOf = Callable[[Request], Awaitable[Facts]]
NO_FACTS = "Agreements and consents cannot be read now, so nothing was exchanged; try again."
REFUSED = "The rules do not allow this: see the agreement, its purposes, and the person's consent."
FactsOfMany = Callable[[Sequence[Request]], Awaitable[Sequence[Facts]]]


def utc_now() -> datetime:
    """The one clock of the gateway."""
    return datetime.now(UTC)


@dataclass(frozen=True, slots=True)
class Gate:
    """Implements `pipeline.Gate` and `pipeline.Handing`."""

    catalogue: Catalogue
    facts_of: FactsOf
    facts_of_many: FactsOfMany
    log: Log
    person_ref: PersonRef
    deadline_s: float = 30.0
    clock: Callable[[], datetime] = utc_now

    async def opened(self, ask: Ask | Handover) -> Opened:
        """Step 1. The intent says who asks what for which purpose, and holds no decision."""
        opened, entry = self.intent(ask)
        await self._append(entry)
        return opened

    def intent(self, ask: Ask | Handover) -> tuple[Opened, Entry]:
        """The intent entry and what it opens, for callers that write it together with their own rows."""
        now = self.clock()
        entry_id = new_id(now)
        opened = Opened(str(entry_id), self.person_ref(ask.subject))
        named = self.person_ref.numbers(self._disclosed(ask))
        facts = self.facts_about(ask, opened.exchange_id) | {
            "subject": subject_pseudonym(opened.person_ref, entry_id),
            "numbers": sorted(subject_pseudonym(each, entry_id) for each in named),
        }
        return opened, Entry(entry_id, "exchange.intent", now, facts, (opened.person_ref,))

    async def permit(self, ask: Ask | Handover) -> Permit:
        """Steps 2 and 5: the decision on the facts as they are now."""
        request = self.request(ask)
        try:
            facts = await self.facts_of(request)
        except FactsUnavailable as error:
            raise NoEvidence(NO_FACTS) from error
        return permitted(decide(request, facts, self.clock()))

    async def permits(self, asks: Sequence[Ask]) -> list[Permit | RefusedByRules]:
        """The same for many: all facts first, then the decisions at one moment."""
        requests = [self.request(ask) for ask in asks]
        try:
            facts = await self.facts_of_many(requests)
        except FactsUnavailable as error:
            raise NoEvidence(NO_FACTS) from error
        now = self.clock()
        return [
            _verdict(_in_bulk(decide(each, known, now), each, known))
            for each, known in zip(requests, facts, strict=True)
        ]

    def request(self, ask: Ask | Handover) -> Request:
        """What the decision is asked about."""
        offer = self.catalogue.offer(ask.service)
        return Request(
            consumer=ask.consumer,
            provider=offer.provider,
            service=ask.service,
            action=ask.action,
            purpose=ask.purpose,
            fields=ask.asked,
            subject_ref=self.person_ref(ask.subject),
            sent=offer.service.sent,
            case=ask.case,
            numbers=self.person_ref.unbound(self._disclosed(ask)),
        )

    def _disclosed(self, ask: Ask | Handover) -> Subject:
        return narrowed(ask.subject, self.catalogue.offer(ask.service).service.sent)

    async def fetch(self, ask: Ask, permit: Permit) -> RawAnswer:
        """Step 3: the only line that talks to an agency, within the deadline."""
        offer = self.catalogue.offer(ask.service)
        try:
            async with asyncio.timeout(self.deadline_s):
                raw = await offer.link.ask(question(ask, offer, permit))
        except AgencyError as error:
            raise translated(error) from error
        except TimeoutError as error:
            raise SourceUnavailable("The source did not answer in time; try again.") from error
        return fresh(raw, ask.as_at, permit)

    def normalise(self, ask: Ask, _permit: Permit, raw: RawAnswer) -> Mapping[str, object]:
        """Step 4: the canonical record, or the claim derived from it."""
        offer = self.catalogue.offer(ask.service)
        try:
            record = offer.link.normalise(ask.service, raw)
        except AgencyError as error:
            raise translated(error) from error
        if ask.claim is None:
            return record
        return claims.derive(ask.claim.name, ask.claim.parameters, record, ask.as_at)

    async def hand(self, handover: Handover, record: Mapping[str, object], item_id: str) -> Handed:
        """Step 3 of a push: the only line that talks to the receiver. A record that narrowing broke is not sent."""
        offer = self.catalogue.offer(handover.service)
        check_record(record, offer.service)
        item = Item(item_id, handover.service, record, narrowed(handover.subject, offer.service.sent))
        try:
            async with asyncio.timeout(self.deadline_s):
                return await offer.link.deliver(item)
        except AgencyError as error:
            raise translated(error) from error
        except TimeoutError as error:
            if not offer.service.extra.get("repeatable", True):
                raise Unknown("The receiver did not answer in time; it may have acted on the message.") from error
            raise SourceUnavailable("The receiver did not answer in time.") from error

    async def closed(self, opened: Opened, ask: Ask | Handover, closing: Closing) -> str:
        """Step 6, shielded: a caller that hangs up does not take the outcome with it."""
        return await asyncio.shield(self._append(self.outcome(opened, ask, closing)))

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
        return facts | ({"case_ref": self.person_ref.case_ref(ask.case)} if ask.case else {})

    async def _append(self, entry: Entry) -> str:
        try:
            return str(await self.log.append(entry))
        except LogUnavailable as error:
            raise NoEvidence("The log cannot take an entry now, so nothing was exchanged; try again.") from error


def outcome_facts(closing: Closing) -> dict[str, object]:
    """The members that every outcome entry has beside its reasons; those of a permit only when there was one."""
    facts: dict[str, object] = {"outcome": closing.outcome}
    if closing.fields:
        facts["released"] = sorted(closing.fields)
    if closing.source_code:
        facts["source_code"] = closing.source_code
    if closing.salt:
        facts["answer"] = commit("answer", closing.salt, canonical(closing.content))
    if closing.may_know:
        facts["may_know_existence"] = True
    if closing.permit and closing.permit.agreement:
        facts["agreement"] = closing.permit.agreement
        facts["agreement_version"] = closing.permit.agreement_version
        facts["basis"] = closing.permit.basis
        facts["withheld"] = [f"{each.field}: {each.reason}" for each in closing.permit.withheld]
    return facts


def permitted(decision: Decision) -> Permit:
    """A decision as a permit.

    Raises:
        RefusedByRules: it says no; the reasons are for the log, the caller learns only that rules refused.
    """
    if not decision.allowed:
        refusal = RefusedByRules(REFUSED, reasons=decision.reasons)
        refusal.may_know_existence = decision.may_know_existence
        raise refusal
    return Permit(
        fields=decision.fields,
        reasons=decision.reasons,
        withheld=tuple(Withheld(name, reason) for name, reason in decision.withheld),
        agreement=decision.agreement or "",
        agreement_version=decision.agreement_version or 0,
        basis=decision.basis or "",
        consent=decision.consent or "",
        may_know_existence=decision.may_know_existence,
        max_age_months=decision.max_age_months,
    )


def _in_bulk(decision: Decision, request: Request, facts: Facts) -> Decision:
    """The decision on one line of a batch: the agreement that grants it must grant the action `bulk` too."""
    chosen = (decision.agreement, decision.agreement_version)
    granting = next((each for each in facts.agreements if (each.id, each.version) == chosen), None)
    if not decision.allowed or (granting and "bulk" in granting.grants[request.service].actions):
        return decision
    reasons = (*decision.reasons, f"deny agreement {decision.agreement} v{decision.agreement_version}: no bulk")
    return replace(decision, allowed=False, fields=frozenset(), reasons=reasons, refusal="action_not_granted")


def _verdict(decision: Decision) -> Permit | RefusedByRules:
    try:
        return permitted(decision)
    except RefusedByRules as refusal:
        return refusal


def question(ask: Ask, offer: Offer, permit: Permit) -> Question:
    """What the agency gets to see: its own numbers, and only the fields that are granted."""
    fields = claims.CLAIMS[ask.claim.name].needs if ask.claim else permit.fields
    return Question(ask.service, narrowed(ask.subject, offer.service.sent), fields, ask.as_at, ask.period)


def narrowed(subject: Subject, sent: Iterable[str]) -> Subject:
    """The part of a subject that may be disclosed: identifier types, `names`, `birth_date`."""
    allowed = frozenset(sent)
    return Subject(
        tuple(each for each in subject.identifiers if each.type in allowed),
        subject.names if "names" in allowed else (),
        subject.birth_date if "birth_date" in allowed else None,
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
