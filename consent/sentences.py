"""An agreement in plain sentences, made from the same value that decides, so that the two cannot differ."""

from collections.abc import Iterable

from .model import HANDED_OVER, Agreement, Grant, LegalBasis

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
        f"It may be used for: {_listed(agreement.purposes)}.",
        _bases(agreement),
        *(_narrowed(basis) for basis in agreement.bases if basis.services or basis.purposes),
        f"It holds from {agreement.valid_from:%d %B %Y} until {agreement.valid_until:%d %B %Y}.",
        *_conditions(agreement),
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
    return said


def _bases(agreement: Agreement) -> str:
    words = [_basis(basis) for basis in agreement.bases]
    if len(words) == 1:
        return f"The legal basis is {words[0]}."
    return f"The legal basis is one of these at a time: {'; '.join(words)}."


def _basis(basis: LegalBasis) -> str:
    if basis.kind == "consent":
        return f"the person's consent, as recorded by {_listed(basis.controllers)}"
    return f"{BASIS_WORDS[basis.kind]} ({basis.reference})"


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


def _listed(values: Iterable[str]) -> str:
    *most, last = sorted(values)
    return f"{', '.join(most)} and {last}" if most else last
