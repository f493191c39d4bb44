"""An agreement in plain sentences, made from the same value that decides, so that the two cannot differ."""

from collections.abc import Callable, Iterable

from .model import HANDED_OVER, Agreement, Grant, LegalBasis, Quota

BASIS_WORDS = {
    "consent": "the person's consent",
    "legal_obligation": "a legal obligation",
    "contract": "a contract with the person",
    "vital_interest": "the person's vital interest",
    "public_task": "a public task",
    "legitimate_interest": "a legitimate interest",
}


def sentences(agreement: Agreement) -> list[str]:
    """One sentence per rule, in the order in which a reader asks: who, what, why, how long, what else."""
    return [
        *_parties(agreement),
        *(said for _, grant in sorted(agreement.grants.items()) for said in _grant(agreement, grant)),
        f"It may be used for: {_listed(map(_purpose(agreement), agreement.purposes))}.",
        *_subjects(agreement),
        _bases(agreement),
        *(_narrowed(basis) for basis in agreement.bases if basis.services or basis.purposes),
        f"It holds from {agreement.valid_from:%d %B %Y} until {agreement.valid_until:%d %B %Y}.",
        *_conditions(agreement),
        *_quota(agreement.quota),
        *_care(agreement),
    ]


def _parties(agreement: Agreement) -> list[str]:
    provider, consumer = agreement.provider, agreement.consumer
    opening = f"Agreement {agreement.id}, version {agreement.version}: {agreement.title}"
    between = f"between {consumer.member} and {provider.member}"
    if provider.member == consumer.member:
        between = f"within {consumer.member}"
    return [
        f"{opening} ({between}).",
        f"The systems that ask or hand over are {_listed(consumer.systems)}.",
        f"The systems that answer or receive are {_listed(provider.systems)}.",
    ]


def _grant(agreement: Agreement, grant: Grant) -> list[str]:
    consumer, provider = agreement.consumer.member, agreement.provider.member
    asked, handed = grant.actions - HANDED_OVER, grant.actions & HANDED_OVER
    by = f" by {_listed(grant.sends)}" if grant.sends else ""
    fields = _listed(grant.fields)
    said: list[str] = []
    if asked:
        said.append(f"{consumer} may ask {grant.service} ({_listed(asked)}){by}, and may receive {fields}.")
    if handed:
        said.append(
            f"{consumer} may hand over {grant.service} ({_listed(handed)}), and {provider} may receive {fields}."
        )
    special = [name for name, level in grant.sensitivity.items() if level == "special"]
    if special:
        said.append(f"Of {grant.service}, {_listed(special)} is of a special category and needs special care.")
    return said


def _purpose(agreement: Agreement) -> Callable[[str], str]:
    terms = agreement.purpose_terms
    return lambda purpose: f"{purpose} ({terms[purpose]})" if purpose in terms else purpose


def _subjects(agreement: Agreement) -> list[str]:
    said = [f"It is about: {agreement.subject_category}."] if agreement.subject_category else []
    for purpose, level in sorted(agreement.assurance.items()):
        said.append(f"For {purpose}, a consent counts if it was given with assurance {level} or better.")
    return said


def _bases(agreement: Agreement) -> str:
    words = [_basis(basis) for basis in agreement.bases]
    if len(words) == 1:
        return f"The legal basis is {words[0]}."
    return f"The legal basis is one of these at a time: {'; '.join(words)}."


def _basis(basis: LegalBasis) -> str:
    if basis.kind == "consent":
        return f"the person's consent, as recorded by {_listed(basis.controllers)}"
    only = ", only where the asker states an emergency, which is reviewed afterwards" if basis.emergency else ""
    return f"{BASIS_WORDS[basis.kind]} ({basis.reference}){only}"


def _narrowed(basis: LegalBasis) -> str:
    services = "; ".join(f"{service}: {_listed(fields)}" for service, fields in sorted(basis.services.items()))
    purposes = f"for {_listed(basis.purposes)}" if basis.purposes else ""
    return f"On the basis of {BASIS_WORDS[basis.kind]} only: {', '.join(filter(None, (services, purposes)))}."


def _conditions(agreement: Agreement) -> list[str]:
    known = "may" if agreement.may_know_existence else "may not"
    conditions = [f"Who asks {known} learn whether the provider knows the person."]
    if agreement.requires_case:
        conditions.append("Every request names a case.")
    if agreement.requires_relationship:
        conditions.append("A relationship with the person must have been declared before anything is asked.")
    if agreement.max_age_months is not None:
        conditions.append(f"Data older than {agreement.max_age_months} months is not used.")
    if agreement.data_life_days is not None:
        conditions.append(f"The receiver erases what it received after {agreement.data_life_days} days.")
    return conditions


QUOTA_WORDS = {
    "calls_per_hour": "calls an hour",
    "calls_per_day": "calls a day",
    "subjects_per_hour": "different people an hour",
    "subjects_per_day": "different people a day",
    "bulk_lines": "people in one batch",
}


def _quota(quota: Quota) -> list[str]:
    limits = [f"{getattr(quota, name)} {words}" for name, words in QUOTA_WORDS.items() if getattr(quota, name)]
    return [f"At most {', '.join(limits)}."] if limits else []


def _care(agreement: Agreement) -> list[str]:
    said = [
        f"The {each.role.replace('_', ' ')} officer of {each.member} is {each.contact}." for each in agreement.officers
    ]
    if agreement.dpia:
        said.append(f"Its risks for people were assessed in {agreement.dpia}.")
    if agreement.review_at is not None:
        said.append(f"Both members look at it again by {agreement.review_at:%d %B %Y}.")
    if agreement.disclosure_delay_days:
        days, why = agreement.disclosure_delay_days, agreement.disclosure_delay_reason
        said.append(f"People see an exchange about them {days} days after it happened, because: {why}.")
    return said


def _listed(values: Iterable[str]) -> str:
    *most, last = sorted(values)
    return f"{', '.join(most)} and {last}" if most else last
