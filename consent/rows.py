"""Between rows and values. What many people said in the same words is one body of terms, parsed once.

A body is canonical JSON and named by its own digest, so it can be remembered for ever; whether the
consent that uses it still stands is in the row, and never remembered.
"""

import json
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

from .canonical import canonical
from .model import Consent, Objection, Relationship
from .moments import micros, moment

Services = Mapping[str, frozenset[str] | None]
Said = tuple[str, str, int | None, int | None, str, str]
SAID: Mapping[str, object] = {
    "assurance": "low",
    "given_by": "self",
    "data_life_days": None,
    "times_per_day": None,
    "notice": "",
    "language": "",
}
"""The last members of a consent, in their order; a body leaves out those with this value."""


def consent_from(  # the order of the lookup's columns
    id_: str,
    subject_ref: str,
    body: str,
    evidence: str,
    valid_from: int,
    valid_until: int,
    withdrawn_at: int | None,
    numbers: str,
) -> Consent:
    """A consent from its row and the body of its terms."""
    controller, recipients, purposes, services, given_how, said = _parsed_consent(body)
    return Consent(
        id_,
        subject_ref,
        controller,
        recipients,
        purposes,
        services,
        moment(valid_from),
        moment(valid_until),
        given_how,
        evidence,
        moment(withdrawn_at),
        frozenset(numbers.split()),
        *said,
    )


def objection_from(id_: str, subject_ref: str, body: str, lifted_at: int | None) -> Objection:
    """An objection from its row and the body of its terms."""
    return Objection(id_, subject_ref, *_parsed_objection(body), moment(lifted_at))


def relationship_from(
    id_: str, subject_ref: str, body: str, case: str | None, valid_from: int, valid_until: int, ended_at: int | None
) -> Relationship:
    """A relationship from its row and the body of its terms."""
    named = json.loads(body)
    period = moment(valid_from), moment(valid_until)
    return Relationship(id_, subject_ref, named["holder"], named["kind"], case, *period, moment(ended_at))


def consent_terms(consent: Consent) -> str:
    """The body of what may be the same for many people."""
    said = tuple(getattr(consent, name) for name in SAID)
    return _consent_body(
        consent.controller,
        consent.recipients,
        consent.purposes,
        tuple(consent.services.items()),
        consent.given_how,
        said,
    )


@lru_cache(maxsize=1024)  # a bulk import repeats a few wordings a million times
def _consent_body(
    controller: str,
    recipients: frozenset[str],
    purposes: frozenset[str],
    services: tuple[tuple[str, frozenset[str] | None], ...],
    given_how: str,
    said: Said,
) -> str:
    body: dict[str, object] = {
        "controller": controller,
        "recipients": sorted(recipients),
        "purposes": sorted(purposes),
        "services": {service: None if fields is None else sorted(fields) for service, fields in services},
        "given_how": given_how,
    }
    body |= {name: value for name, value in zip(SAID, said, strict=True) if value != SAID[name]}
    return canonical(body).decode()


@lru_cache(maxsize=4096)  # terms never change: they are named by their own digest
def _parsed_consent(
    body: str,
) -> tuple[str, frozenset[str], frozenset[str], Services, str, Said]:
    named = json.loads(body)
    services = {service: None if fields is None else frozenset(fields) for service, fields in named["services"].items()}
    return (
        named["controller"],
        frozenset(named["recipients"]),
        frozenset(named["purposes"]),
        services,
        named["given_how"],
        (
            named.get("assurance", "low"),
            named.get("given_by", "self"),
            named.get("data_life_days"),
            named.get("times_per_day"),
            named.get("notice", ""),
            named.get("language", ""),
        ),
    )


def objection_terms(objection: Objection) -> str:
    """The body of what an objection is about."""
    body = {
        "kind": objection.kind,
        "purposes": sorted(objection.purposes),
        "services": sorted(objection.services),
        "fields": sorted(objection.fields),
        "recipients": sorted(objection.recipients),
    }
    return canonical(body).decode()


@lru_cache(maxsize=4096)
def _parsed_objection(
    body: str,
) -> tuple[str, frozenset[str], frozenset[str], frozenset[str], frozenset[str]]:
    named = json.loads(body)
    sets = [frozenset[str](named[name]) for name in ("purposes", "services", "fields", "recipients")]
    return named["kind"], sets[0], sets[1], sets[2], sets[3]


def relationship_terms(relationship: Relationship) -> str:
    """The body of what many relationships share."""
    return canonical({"holder": relationship.holder, "kind": relationship.kind}).decode()


def consent_row(consent: Consent, digest: str, at: int) -> dict[str, Any]:
    """The row of a consent with these terms, recorded at this moment."""
    return {
        "id": consent.id,
        "subject_ref": consent.subject_ref,
        "terms": digest,
        "controller": consent.controller,
        "evidence": consent.evidence,
        "valid_from": micros(consent.valid_from),
        "valid_until": micros(consent.valid_until),
        "recorded_at": at,
        "numbers": " ".join(sorted(consent.numbers)),
    }
