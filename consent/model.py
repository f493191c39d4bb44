"""The values of this package, all frozen: what two members agreed, what a person said, and what is asked.

A *system* is written `LK/GOV/WBB/SRIS`; its *member* is the first three parts. A *field* is a name in
the service's record; a derived answer is the field `claim:<name>`. A *subject_ref* is an opaque keyed
hash of a person, and *numbers* are such hashes of the single numbers a person is known by; the caller makes
both: this package never sees a number or a name of anybody.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

ACTIONS = frozenset({"read", "verify", "push", "notify", "report", "bulk"})
HANDED_OVER = frozenset({"push", "notify", "report"})  # here the provider receives, not the consumer
BASES = frozenset({"consent", "legal_obligation", "contract", "vital_interest", "public_task", "legitimate_interest"})
GIVEN_HOW = frozenset({"self", "assisted", "guardian"})
GIVEN_BY = ("self", "guardian", "household_head", "next_of_kin")
SENSITIVITIES = ("open", "personal", "special")  # least first
ASSURANCES = ("low", "substantial", "high")  # least first; how surely the person was identified (eIDAS, article 8)
OFFICER_ROLES = frozenset({"owner", "data_protection", "technical"})
CONTROLS = frozenset({"stop", "approve_each", "approval"})


def member_of(system: str) -> str:
    """`LK/GOV/WBB/SRIS` -> `LK/GOV/WBB`; a member stays what it is."""
    return "/".join(system.split("/")[:3])


class State(StrEnum):
    """Of an agreement. Both signatures make it `agreed`; recording it here puts it `in_force`."""

    PROPOSED = "proposed"
    AGREED = "agreed"
    IN_FORCE = "in_force"
    SUSPENDED = "suspended"
    ENDED = "ended"


@dataclass(frozen=True, slots=True)
class Party:
    """One side of an agreement: the member that signs, and those of its systems that take part."""

    member: str
    systems: frozenset[str]


@dataclass(frozen=True, slots=True)
class Grant:
    """What the agreement allows for one service.

    Attributes:
        sends: what may be disclosed to the provider in the question.
        sensitivity: field -> one of SENSITIVITIES, where it is not `personal`.
    """

    service: str
    actions: frozenset[str]
    fields: frozenset[str]
    sends: frozenset[str] = frozenset()
    sensitivity: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class LegalBasis:
    """One of the six of GovStack's Consent building block (`lawfulBasis`).

    Attributes:
        kind: one of BASES.
        reference: the statute, contract or order, for every kind but consent.
        controllers: members whose recorded consents count, for consent only.
        services: service -> fields it carries, where the basis carries less than the agreement.
        purposes: purposes it carries; empty means all of the agreement's.
        emergency: counts only for a request that states an emergency, which is reviewed afterwards (break-glass).
    """

    kind: str
    reference: str = ""
    controllers: frozenset[str] = frozenset()
    services: Mapping[str, frozenset[str]] = field(default_factory=dict)
    purposes: frozenset[str] = frozenset()
    emergency: bool = False


@dataclass(frozen=True, slots=True)
class Quota:
    """The most that may be asked under an agreement; None means no limit. Hours and days are those of UTC."""

    calls_per_hour: int | None = None
    calls_per_day: int | None = None
    subjects_per_hour: int | None = None
    subjects_per_day: int | None = None
    bulk_lines: int | None = None


@dataclass(frozen=True, slots=True)
class Officer:
    """Who answers for an agreement: an office's address, never a private person's."""

    member: str
    role: str
    contact: str


@dataclass(frozen=True, slots=True)
class Agreement:
    """A data-sharing agreement as both members signed it, with its state here.

    Attributes:
        valid_until: the first moment it no longer holds.
        replaced_at: set when a later version takes over.
        quota: the most that may be asked.
        subject_category: whom it is about, in words.
        purpose_terms: purpose -> its nearest term of the W3C Data Privacy Vocabulary.
        assurance: purpose -> the least of ASSURANCES that a consent must have been given with.
        review_at: when both members look at it again; after it, it holds on but is overdue.
        dpia: reference of the data protection impact assessment.
        disclosure_delay_days: for how long an exchange stays out of the person's own view, and why.
    """

    id: str
    version: int
    provider: Party
    consumer: Party
    grants: Mapping[str, Grant]
    purposes: frozenset[str]
    bases: tuple[LegalBasis, ...]
    valid_from: datetime
    valid_until: datetime
    state: State = State.IN_FORCE
    title: str = ""
    requires_case: bool = False
    requires_relationship: bool = False
    may_know_existence: bool = False
    max_age_months: int | None = None
    data_life_days: int | None = None
    replaced_at: datetime | None = None
    quota: Quota = field(default_factory=Quota)
    subject_category: str = ""
    purpose_terms: Mapping[str, str] = field(default_factory=dict)
    assurance: Mapping[str, str] = field(default_factory=dict)
    review_at: datetime | None = None
    officers: tuple[Officer, ...] = ()
    dpia: str = ""
    disclosure_delay_days: int = 0
    disclosure_delay_reason: str = ""
    answers_kept_minutes: int = 0

    @property
    def name(self) -> str:
        """How reasons and logs call it: `A2 v1`."""
        return f"{self.id} v{self.version}"

    def standing(self, now: datetime) -> str:
        """`in force`, or why not."""
        if self.state is not State.IN_FORCE:
            return self.state.value
        if self.replaced_at is not None and self.replaced_at <= now:
            return "replaced"
        return _within(now, self.valid_from, self.valid_until)


@dataclass(frozen=True, slots=True)
class Consent:
    """What a person allowed: whom, what, for which purposes, how long, and how we know.

    Attributes:
        controller: the member that asked the person and keeps the evidence.
        recipients: members or systems that may receive.
        services: service -> fields, or None for every field of that service.
        valid_until: the first moment it no longer holds.
        given_how: self, assisted or guardian.
        evidence: digest of the form, recording or signature: `sha-256:<64 hex digits>`.
        assurance: one of ASSURANCES, how surely the person (or the guardian) was identified.
        given_by: who spoke for the person: `self`, `guardian`, `household_head` or `next_of_kin`.
        data_life_days: the recipient erases what it received after so many days; None: as agreed.
        times_per_day: how often a day data may be asked on it; None: as agreed.
        notice: digest of the words that were shown or read to the person.
        language: of that notice (ISO 639-3).
        numbers: the numbers that the controller vouches for as this person's; without any, only what `subject_ref`
            stands for.
    """

    id: str
    subject_ref: str
    controller: str
    recipients: frozenset[str]
    purposes: frozenset[str]
    services: Mapping[str, frozenset[str] | None]
    valid_from: datetime
    valid_until: datetime
    given_how: str
    evidence: str
    withdrawn_at: datetime | None = None
    numbers: frozenset[str] = frozenset()
    assurance: str = "low"
    given_by: str = "self"
    data_life_days: int | None = None
    times_per_day: int | None = None
    notice: str = ""
    language: str = ""

    def standing(self, now: datetime) -> str:
        """`in force`, or why not. Withdrawn is withdrawn, whatever the two clocks say."""
        if self.withdrawn_at is not None:
            return "withdrawn"
        return _within(now, self.valid_from, self.valid_until)


@dataclass(frozen=True, slots=True)
class Objection:
    """A person's objection, or a restriction of processing, that was upheld; it only ever subtracts.

    An empty set means all: no purposes named, every purpose; no services, every service; and so on.
    `kind` is `objection`, `restriction`, or `contest`: the person says that what is recorded is wrong, so answers
    are marked until the agency has looked, and nothing is subtracted. A member among the services of a contest means
    all that it hands over to others.
    """

    id: str
    subject_ref: str
    kind: str = "objection"
    purposes: frozenset[str] = frozenset()
    services: frozenset[str] = frozenset()
    fields: frozenset[str] = frozenset()
    recipients: frozenset[str] = frozenset()
    lifted_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Relationship:
    """A declared relationship: the holder (member or system) deals with this person, under a case if one is named."""

    id: str
    subject_ref: str
    holder: str
    kind: str  # household_registered, case_open, member_enrolled, ...
    case: str | None
    valid_from: datetime
    valid_until: datetime
    ended_at: datetime | None = None

    def standing(self, now: datetime) -> str:
        """`in force`, or why not."""
        if self.ended_at is not None:
            return "ended"
        return _within(now, self.valid_from, self.valid_until)


@dataclass(frozen=True, slots=True)
class Control:
    """What a provider said about who uses its data, beside every agreement; it only ever takes away.

    Attributes:
        kind: one of CONTROLS: `stop`, nothing for this consumer; `approve_each`, nothing for a consumer without an
            `approval`.
        provider: the member or system whose data it is.
        consumer: the member or system that would receive it; empty for `approve_each`.
        service: the one service it is about; empty means every one.
    """

    id: str
    kind: str
    provider: str
    consumer: str = ""
    service: str = ""
    ended_at: datetime | None = None

    def concerns(self, owner: str, recipient: str, service: str) -> bool:
        """Whether it counts, now, for data of this system that would go to that one."""
        return (
            self.ended_at is None
            and self.provider in {owner, member_of(owner)}
            and self.consumer in {"", recipient, member_of(recipient)}
            and self.service in {"", service}
        )


def _within(now: datetime, start: datetime, end: datetime) -> str:
    if now < start:
        return "not yet valid"
    return "in force" if now < end else "expired"


@dataclass(frozen=True, slots=True)
class Request:
    """What is asked.

    Attributes:
        sent: what the question itself discloses to the provider (identifier types, `names`, ...).
        numbers: the numbers that the question names the person by to the provider, beside the one that
            `subject_ref` is made of. Somebody must vouch that they are the same person's.
        things: numbers that name no person (a payment's reference). Only where a consent shall carry the question must
            it hold them too, or one consent would open any of them (decision record 0066).
        emergency: the caller states an emergency (and keeps its reason in the log): break-glass bases count.
    """

    consumer: str
    provider: str
    service: str
    action: str
    purpose: str
    fields: frozenset[str]
    subject_ref: str
    sent: frozenset[str] = frozenset()
    case: str | None = None
    numbers: frozenset[str] = frozenset()
    emergency: bool = False
    things: frozenset[str] = frozenset()

    @property
    def recipient(self) -> str:
        """The system that gets the person's data: the asker, or the receiver of what is handed over."""
        return self.provider if self.action in HANDED_OVER else self.consumer

    @property
    def flows(self) -> tuple[tuple[str, str], ...]:
        """(whose data, to whom): of what is handed over, the sender's too."""
        asked = (self.provider, self.consumer)
        return (asked, (self.consumer, self.provider)) if self.action in HANDED_OVER else (asked,)


@dataclass(frozen=True, slots=True)
class Facts:
    """Everything a decision may rest on, as it was at `as_of`. Keep them, and the decision can be replayed."""

    agreements: tuple[Agreement, ...] = ()
    consents: tuple[Consent, ...] = ()
    objections: tuple[Objection, ...] = ()
    relationships: tuple[Relationship, ...] = ()
    controls: tuple[Control, ...] = ()
    as_of: datetime | None = None


@dataclass(frozen=True, slots=True)
class Decision:
    """The outcome and every rule that spoke, allow or deny, in the order they spoke.

    Attributes:
        fields: what is granted; empty exactly when not allowed.
        withheld: (field, reason code) for each field asked and not granted, by field.
        reasons: for the log; ids of agreements, consents and objections, never a person.
        agreement: the one that grants, or, when refused, the one that came nearest.
        basis: kind of the one legal basis in force.
        consent: id of the consent, when the basis is consent.
        may_know_existence: whether the caller may learn that the person is known, also when refused.
        refusal: code of the reason when not allowed, else empty; see `decide`.
        contested: the person contests what would be released; the answer says so.
        quota: what the granting agreement has a budget for; None where it has none.
        times_per_day: how often a day data may be asked on the consent; None where it does not say.
        emergency: the basis in force counts in an emergency only.
        answers_kept_minutes: how long the gateway may keep the answer and give it again; 0: not at all.
    """

    allowed: bool
    fields: frozenset[str]
    withheld: tuple[tuple[str, str], ...]
    reasons: tuple[str, ...]
    agreement: str | None = None
    agreement_version: int | None = None
    basis: str | None = None
    consent: str | None = None
    may_know_existence: bool = False
    max_age_months: int | None = None
    refusal: str = ""
    contested: bool = False
    quota: Quota | None = None
    times_per_day: int | None = None
    emergency: bool = False
    answers_kept_minutes: int = 0
