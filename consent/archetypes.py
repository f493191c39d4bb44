"""Made-up people to try a draft agreement on: one for each way of standing towards it. None of them exists."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from .model import ASSURANCES, Agreement, Consent, Facts, Objection, Relationship, Request
from .simulate import Verdict, requests_of, simulate

SOMEBODY = "a made-up person"
CASE = "a made-up case"
YEAR = timedelta(days=365)


@dataclass(frozen=True, slots=True)
class Archetype:
    """A made-up person: what it is called, and what is known of it."""

    name: str
    facts: Facts


def archetypes(draft: Agreement, before: Agreement | None, now: datetime) -> Iterator[Archetype]:
    """The people worth trying a draft on; each has a declared relationship unless its name says otherwise.

    What they consented to is what the draft wants, and what it wants no more of the version before.
    """
    consent, known = _consent((draft, before) if before else (draft,), now), (_relationship(draft, now),)
    said = {
        "consented to all of it": consent,
        "was never asked": None,
        "took the consent back yesterday": replace(consent, withdrawn_at=now - timedelta(days=1)),
        "consented for a time that is over": replace(consent, valid_until=now),
        "consented to another recipient": replace(consent, recipients=frozenset({"XX/NONE/ELSEWHERE"})),
    }
    for name, each in said.items():
        yield Archetype(name, Facts(consents=(each,) if each else (), relationships=known, as_of=now))
    objection = Objection("objection", SOMEBODY)
    yield Archetype("consented and objected", Facts((), (consent,), (objection,), known, as_of=now))
    if draft.requires_relationship:
        yield Archetype("consented, and nobody declared a relationship", Facts((), (consent,), as_of=now))


def tried(draft: Agreement, before: Agreement | None, now: datetime) -> list[tuple[Archetype, list[Verdict]]]:
    """Everything that may be asked now or by the draft, asked about each made-up person, without the draft and with."""
    found = []
    every = dict.fromkeys(each for of in (draft, before) if of for each in requests_of(of, SOMEBODY, case=CASE))
    for person in archetypes(draft, before, now):
        facts = replace(person.facts, agreements=(before,) if before else ())
        asked = [(each, facts, now) for each in every]
        found.append((person, simulate(draft, asked)))
    return found


def disclosed(verdicts: list[Verdict]) -> dict[tuple[str, str, str], frozenset[str]]:
    """(recipient, service, purpose) -> the fields that would be disclosed, by any way of asking."""
    found: dict[tuple[str, str, str], frozenset[str]] = {}
    for each in verdicts:
        key = _key(each.request)
        found[key] = found.get(key, frozenset()) | each.then.fields
    return found


def _key(request: Request) -> tuple[str, str, str]:
    return request.recipient, request.service, request.purpose


def _consent(agreements: Sequence[Agreement], now: datetime) -> Consent:
    draft = agreements[0]
    controllers = sorted(each for basis in draft.bases for each in basis.controllers)
    return Consent(
        id="consent",
        subject_ref=SOMEBODY,
        controller=controllers[0] if controllers else draft.consumer.member,
        recipients=frozenset[str]().union(*(each.consumer.systems | each.provider.systems for each in agreements)),
        purposes=frozenset[str]().union(*(each.purposes for each in agreements)),
        services={service: None for each in agreements for service in each.grants},
        valid_from=now - YEAR,
        valid_until=now + YEAR,
        given_how="self",
        evidence="",
        assurance=ASSURANCES[-1],
    )


def _relationship(draft: Agreement, now: datetime) -> Relationship:
    return Relationship("made-up", SOMEBODY, draft.consumer.member, "case_open", None, now - YEAR, now + YEAR)
