"""An agreement in plain sentences, made from the same value that decides, so that the two cannot differ."""

from collections.abc import Callable, Collection, Iterable

from .model import HANDED_OVER, Agreement, Grant, LegalBasis, Quota
from .phrase import Phrase, counted, last_day, phrase, wired

BASIS_WORDS = {
    "consent": "the person's consent",
    "legal_obligation": "a legal obligation",
    "contract": "a contract with the person",
    "vital_interest": "the person's vital interest",
    "public_task": "a public task",
    "legitimate_interest": "a legitimate interest",
}

ACTION_WORDS = {
    "read": "one by one",
    "bulk": "for many people at once",
    "verify": "as yes or no",
    "push": "as records",
    "notify": "as messages",
    "report": "as reports",
}
"""Action -> how it is asked or handed over, in the order of sentences."""


def sentences(agreement: Agreement) -> list[str]:
    """One sentence per rule, in the order in which a reader asks: who, what, why, how long, what else."""
    return [str(each) for each in phrases(agreement)]


def in_words(agreement: Agreement) -> dict[str, object]:
    """As an API shows it: the sentences in English, and each as a text with its values."""
    said = phrases(agreement)
    return {"sentences": [str(each) for each in said], "phrases": wired(said)}


def phrases(agreement: Agreement) -> list[Phrase]:
    """The same, to be said in any language."""
    return [
        *_parties(agreement),
        *(said for _, grant in sorted(agreement.grants.items()) for said in _grant(agreement, grant)),
        phrase("It may be used for: %(purposes)s.", purposes=_listed(map(_purpose(agreement), agreement.purposes))),
        *_subjects(agreement),
        _bases(agreement),
        *(_narrowed(basis) for basis in agreement.bases if basis.services or basis.purposes),
        phrase(
            "It holds from %(first)s until %(last)s.", first=agreement.valid_from, last=last_day(agreement.valid_until)
        ),
        *_conditions(agreement),
        *_quota(agreement.quota),
        *_care(agreement),
    ]


def _parties(agreement: Agreement) -> list[Phrase]:
    provider, consumer = agreement.provider, agreement.consumer
    between = phrase("between %(consumer)s and %(provider)s", consumer=consumer.member, provider=provider.member)
    if provider.member == consumer.member:
        between = phrase("within %(member)s", member=consumer.member)
    named = {"id": agreement.id, "version": agreement.version, "title": agreement.title, "between": between}
    return [
        phrase("Agreement %(id)s, version %(version)s: %(title)s (%(between)s).", **named),
        phrase("The systems that ask or hand over are %(systems)s.", systems=_listed(consumer.systems)),
        phrase("The systems that answer or receive are %(systems)s.", systems=_listed(provider.systems)),
    ]


def _grant(agreement: Agreement, grant: Grant) -> list[Phrase]:
    consumer, provider = agreement.consumer.member, agreement.provider.member
    asked, handed = grant.actions - HANDED_OVER, grant.actions & HANDED_OVER
    known: dict[str, object] = {"consumer": consumer, "service": grant.service, "fields": _listed(grant.fields)}
    said: list[Phrase] = []
    if asked and grant.sends:
        known |= {"by": _listed(grant.sends)}
        text = "%(consumer)s may ask %(service)s (%(actions)s) by %(by)s, and may receive %(fields)s."
        said.append(phrase(text, **known, actions=_ways(asked)))
    elif asked:
        text = "%(consumer)s may ask %(service)s (%(actions)s), and may receive %(fields)s."
        said.append(phrase(text, **known, actions=_ways(asked)))
    if handed:
        text = "%(consumer)s may hand over %(service)s (%(actions)s), and %(provider)s may receive %(fields)s."
        said.append(phrase(text, **known, actions=_ways(handed), provider=provider))
    special = [name for name, level in grant.sensitivity.items() if level == "special"]
    if special:
        text = "Of %(service)s, %(fields)s is of a special category and needs special care."
        said.append(phrase(text, service=grant.service, fields=_listed(special)))
    return said


def _ways(actions: Collection[str]) -> tuple[Phrase, ...]:
    return tuple(Phrase(words) for action, words in ACTION_WORDS.items() if action in actions)


def _purpose(agreement: Agreement) -> Callable[[str], str]:
    terms = agreement.purpose_terms
    return lambda purpose: f"{purpose} ({terms[purpose]})" if purpose in terms else purpose


def _subjects(agreement: Agreement) -> list[Phrase]:
    about = agreement.subject_category
    said = [phrase("It is about: %(people)s.", people=about)] if about else []
    for purpose, level in sorted(agreement.assurance.items()):
        text = "For %(purpose)s, a consent counts if it was given with assurance %(level)s or better."
        said.append(phrase(text, purpose=purpose, level=level))
    return said


def _bases(agreement: Agreement) -> Phrase:
    words = tuple(_basis(basis) for basis in agreement.bases)
    if len(words) == 1:
        return phrase("The legal basis is %(basis)s.", basis=words[0])
    return phrase("The legal basis is one of these at a time: %(bases)s.", bases=_joined(words))


def _basis(basis: LegalBasis) -> Phrase:
    if basis.kind == "consent":
        return phrase("the person's consent, as recorded by %(members)s", members=_listed(basis.controllers))
    known = {"kind": Phrase(BASIS_WORDS[basis.kind]), "reference": basis.reference}
    if basis.emergency:
        text = "%(kind)s (%(reference)s), only where the asker states an emergency, which is reviewed afterwards"
        return phrase(text, **known)
    return phrase("%(kind)s (%(reference)s)", **known)


def _joined(words: tuple[Phrase, ...]) -> Phrase:
    """With semicolons, for the parts have commas."""
    first, *rest = words
    return phrase("%(first)s; %(rest)s", first=first, rest=_joined(tuple(rest))) if rest else first


def _narrowed(basis: LegalBasis) -> Phrase:
    known: dict[str, object] = {"basis": Phrase(BASIS_WORDS[basis.kind]), "purposes": _listed(basis.purposes)}
    if not basis.services:
        return phrase("On the basis of %(basis)s only: for %(purposes)s.", **known)
    told = [
        phrase("%(service)s: %(fields)s", service=service, fields=_listed(fields))
        for service, fields in sorted(basis.services.items())
    ]
    known["services"] = _joined(tuple(told))
    if not basis.purposes:
        return phrase("On the basis of %(basis)s only: %(services)s.", basis=known["basis"], services=known["services"])
    return phrase("On the basis of %(basis)s only: %(services)s, for %(purposes)s.", **known)


def _conditions(agreement: Agreement) -> list[Phrase]:
    knowing = "Who asks may learn whether the provider knows the person."
    if not agreement.may_know_existence:
        knowing = "Who asks may not learn whether the provider knows the person."
    conditions = [Phrase(knowing)]
    if agreement.requires_case:
        conditions.append(Phrase("Every request names a case."))
    if agreement.requires_relationship:
        conditions.append(Phrase("A relationship with the person must have been declared before anything is asked."))
    if agreement.max_age_months is not None:
        conditions.append(counted(*AGE, agreement.max_age_months))
    if agreement.answers_kept_minutes:
        conditions.append(counted(*KEPT, agreement.answers_kept_minutes))
    if agreement.data_life_days is not None:
        conditions.append(counted(*LIFE, agreement.data_life_days))
    return conditions


AGE = ("Data older than %(n)s month is not used.", "Data older than %(n)s months is not used.")
KEPT = (
    "The gateway may keep an answer for %(n)s minute and give it again.",
    "The gateway may keep an answer for %(n)s minutes and give it again.",
)
LIFE = (
    "The receiver erases what it received after %(n)s day.",
    "The receiver erases what it received after %(n)s days.",
)
DELAY = (
    "People see an exchange about them %(n)s day after it happened, because: %(why)s.",
    "People see an exchange about them %(n)s days after it happened, because: %(why)s.",
)
QUOTA_WORDS = {
    "calls_per_hour": ("%(n)s call an hour", "%(n)s calls an hour"),
    "calls_per_day": ("%(n)s call a day", "%(n)s calls a day"),
    "subjects_per_hour": ("%(n)s person an hour", "%(n)s different people an hour"),
    "subjects_per_day": ("%(n)s person a day", "%(n)s different people a day"),
    "bulk_lines": ("%(n)s person in one batch", "%(n)s people in one batch"),
}
"""Of one, and of more."""


def _quota(quota: Quota) -> list[Phrase]:
    limits = [(getattr(quota, name), words) for name, words in QUOTA_WORDS.items() if getattr(quota, name)]
    return [phrase("At most %(limits)s.", limits=_limits(limits))] if limits else []


def _limits(limits: list[tuple[int, tuple[str, str]]]) -> Phrase:
    (number, words), *rest = limits
    one = counted(*words, number)
    return phrase("%(first)s, %(rest)s", first=one, rest=_limits(rest)) if rest else one


def _care(agreement: Agreement) -> list[Phrase]:
    said = [
        phrase(OFFICER, role=_role(each.role), member=each.member, contact=each.contact) for each in agreement.officers
    ]
    if agreement.dpia:
        said.append(phrase("Its risks for people were assessed in %(where)s.", where=agreement.dpia))
    if agreement.review_at is not None:
        said.append(phrase("Both members look at it again by %(day)s.", day=agreement.review_at))
    if agreement.disclosure_delay_days:
        said.append(counted(*DELAY, agreement.disclosure_delay_days, why=agreement.disclosure_delay_reason))
    return said


OFFICER = "The %(role)s officer of %(member)s is %(contact)s."
"""The one sentence that names people, which a public register leaves out."""


def _role(role: str) -> Phrase:
    return Phrase(role.replace("_", " "))


def _listed(values: Iterable[str]) -> tuple[str, ...]:
    return tuple(sorted(values))
