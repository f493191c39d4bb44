"""From JSON to the values of `model`: the agreement document, and the line that records a consent.

The formats are `schemas/own/agreement.v1.json` and `schemas/own/consent.v1.json`. What a schema
cannot say is checked here too: a system belongs to its member, a period has a length, a basis does
not name what the agreement does not grant.
"""

from collections.abc import Iterator, Mapping
from dataclasses import fields
from datetime import datetime

from . import reading
from .errors import DocumentInvalid
from .model import (
    ACTIONS,
    ASSURANCES,
    BASES,
    GIVEN_BY,
    GIVEN_HOW,
    OFFICER_ROLES,
    SENSITIVITIES,
    Agreement,
    Consent,
    Grant,
    LegalBasis,
    Officer,
    Party,
    Quota,
)
from .reading import Reader, strings

FORMAT = "agreement/1"
MOST_ASKED = 1_000_000_000


def agreement_of(document: object) -> Agreement:
    """An agreement document as a value; whether anybody signed it is not looked at (`signing.verify_agreement`).

    Raises:
        DocumentInvalid: it does not fit the format.
    """
    with Reader(document) as reader:
        reader.choice("format", frozenset({FORMAT}))
        grants = {grant.service: grant for grant in (_grant(each) for each in reader.each("services"))}
        parties = _party(reader.inner("provider")), _party(reader.inner("consumer"))
        agreement = Agreement(
            id=reader.text("id", reading.ID),
            version=reader.whole("version", 1, 1_000_000),
            provider=parties[0],
            consumer=parties[1],
            grants=grants,
            purposes=reader.texts("purposes", reading.PURPOSE),
            bases=tuple(_basis(each) for each in reader.each("legal_bases")),
            valid_from=reader.moment("valid_from"),
            valid_until=reader.moment("valid_until"),
            title=reader.text("title", reading.TEXT),
            requires_case=reader.flag("requires_case"),
            requires_relationship=reader.flag("requires_relationship"),
            may_know_existence=reader.flag("may_know_existence"),
            max_age_months=reader.whole_or_none("max_age_months", 0, 1200),
            data_life_days=reader.whole_or_none("data_life_days", 1, 36_500),
            quota=_quota(reader.inner("quota")) if reader.has("quota") else Quota(),
            subject_category=reader.text("subject_category", reading.TEXT, default=""),
            purpose_terms=reader.pairs("purpose_terms", reading.PURPOSE, reading.TERM),
            assurance=reader.pairs("assurance", reading.PURPOSE, "|".join(ASSURANCES)),
            review_at=reader.moment("review_at") if reader.has("review_at") else None,
            officers=tuple(_officer(each) for each in reader.each("officers", least=0)),
            dpia=reader.text("dpia", reading.TEXT, default=""),
            disclosure_delay_days=reader.whole_or_none("disclosure_delay_days", 1, 3650) or 0,
            disclosure_delay_reason=reader.text("disclosure_delay_reason", reading.TEXT, default=""),
            answers_kept_minutes=reader.whole_or_none("answers_kept_minutes", 1, 1440) or 0,
        )
        _consistent(agreement, len(reader.each("services")))
    return agreement


def _quota(reader: Reader) -> Quota:
    with reader:
        return Quota(**{each.name: reader.whole_or_none(each.name, 1, MOST_ASKED) for each in fields(Quota)})


def _officer(reader: Reader) -> Officer:
    with reader:
        return Officer(
            member=reader.text("member", reading.MEMBER),
            role=reader.choice("role", OFFICER_ROLES),
            contact=reader.text("contact", reading.TEXT),
        )


def _party(reader: Reader) -> Party:
    with reader:
        party = Party(reader.text("member", reading.MEMBER), reader.texts("systems", reading.SYSTEM))
        if any(not system.startswith(f"{party.member}/") for system in party.systems):
            raise reader.wrong("systems", "systems of this member")
    return party


def _grant(reader: Reader) -> Grant:
    with reader:
        return Grant(
            service=reader.text("service", reading.SERVICE),
            actions=reader.choices("actions", ACTIONS),
            fields=reader.texts("fields", reading.FIELD),
            sends=reader.texts("sends", reading.SENT, least=0),
            sensitivity=reader.pairs("sensitivity", reading.FIELD, "|".join(SENSITIVITIES)),
        )


def _basis(reader: Reader) -> LegalBasis:
    with reader:
        kind = reader.choice("kind", BASES)
        by_consent = kind == "consent"
        return LegalBasis(
            kind=kind,
            reference="" if by_consent else reader.text("reference", reading.TEXT),
            controllers=reader.texts("controllers", reading.MEMBER) if by_consent else frozenset(),
            services=_fields_by_service(reader),
            purposes=reader.texts("purposes", reading.PURPOSE, least=0),
            emergency=not by_consent and reader.flag("emergency"),
        )


def _fields_by_service(reader: Reader) -> dict[str, frozenset[str]]:
    if not reader.has("services"):
        return {}
    named = reader.raw("services")
    complaint = reader.wrong("services", "an object of lists of fields")
    if not isinstance(named, dict) or not named:
        raise complaint
    return {service: strings(granted, complaint, reading.FIELD) for service, granted in named.items()}


def _consistent(agreement: Agreement, services: int) -> None:
    """What a schema cannot say.

    Raises:
        DocumentInvalid: see the texts.
    """
    for complaints in (_whole(agreement, services), _of_grants(agreement), _of_bases(agreement)):
        for complaint in complaints:
            raise DocumentInvalid(complaint)


def _whole(agreement: Agreement, services: int) -> Iterator[str]:
    members = {agreement.provider.member, agreement.consumer.member}
    if len(agreement.grants) < services:
        yield "/services: names a service twice"
    if agreement.valid_from >= agreement.valid_until:
        yield "/valid_until: must be later than valid_from"
    for name, purposes in (("purpose_terms", agreement.purpose_terms), ("assurance", agreement.assurance)):
        if not purposes.keys() <= agreement.purposes:
            yield f"/{name}: must be of purposes of the agreement"
    if bool(agreement.disclosure_delay_days) != bool(agreement.disclosure_delay_reason):
        yield "/disclosure_delay_days: a delay has a reason, and a reason a delay"
    if any(each.member not in members for each in agreement.officers):
        yield "/officers: must be of one of the two members"


def _of_grants(agreement: Agreement) -> Iterator[str]:
    if any(not grant.sensitivity.keys() <= grant.fields for grant in agreement.grants.values()):
        yield "/services: sensitivity must be of granted fields"


def _of_bases(agreement: Agreement) -> Iterator[str]:
    for position, basis in enumerate(agreement.bases):
        if not basis.purposes <= agreement.purposes:
            yield f"/legal_bases/{position}/purposes: must be purposes of the agreement"
        for service, carried in basis.services.items():
            if service not in agreement.grants or not carried <= agreement.grants[service].fields:
                yield f"/legal_bases/{position}/services: must be granted by the agreement"


def consent_of(
    line: object, *, id_: str, subject_ref: str, controller: str, numbers: frozenset[str] = frozenset()
) -> Consent:
    """A consent as recorded. `subject_ref` and `numbers` are what the caller made of `subject`.

    Args:
        line: the members of `schemas/own/consent.v1.json` but `id`, `subject` and `controller`.

    Raises:
        DocumentInvalid: it does not fit the format.
    """
    with Reader(line) as reader:
        given_how = reader.choice("given_how", GIVEN_HOW)
        spoken_for = given_how == "guardian"
        consent = Consent(
            id=id_,
            subject_ref=subject_ref,
            controller=controller,
            recipients=reader.texts("recipients", reading.RECIPIENT),
            purposes=reader.texts("purposes", reading.PURPOSE),
            services=_consented(reader),
            valid_from=reader.moment("valid_from"),
            valid_until=reader.moment("valid_until"),
            given_how=given_how,
            evidence=reader.text("evidence", reading.DIGEST),
            numbers=numbers,
            assurance=reader.text("assurance", "|".join(ASSURANCES), default="low"),
            given_by=reader.text("given_by", "|".join(GIVEN_BY), default="guardian" if spoken_for else "self"),
            data_life_days=reader.whole_or_none("data_life_days", 1, 36_500),
            times_per_day=reader.whole_or_none("times_per_day", 1, 100_000),
            notice=reader.text("notice", reading.DIGEST, default=""),
            language=reader.text("language", reading.LANGUAGE, default=""),
        )
        if spoken_for != (consent.given_by != "self"):
            raise reader.wrong("given_by", "somebody else than the person exactly where given_how is guardian")
        if consent.valid_from >= consent.valid_until:
            raise reader.wrong("valid_until", "later than valid_from")
    return consent


def _consented(reader: Reader) -> Mapping[str, frozenset[str] | None]:
    """`["tax.employment"]` means every field; `{"tax.employment": ["closed_month"]}` only these."""
    named = reader.raw("services")
    complaint = reader.wrong("services", "a list of services, or an object of lists of fields")
    if isinstance(named, dict):
        strings(list(named), complaint, reading.SERVICE)
        return {service: strings(named[service], complaint, reading.FIELD) for service in named}
    return dict.fromkeys(strings(named, complaint, reading.SERVICE))


def moment_text(at: datetime) -> str:
    """A moment as the formats write it: UTC, whole seconds."""
    return at.strftime("%Y-%m-%dT%H:%M:%SZ")
