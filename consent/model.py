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
    """What the agreement allows for one service. `sends` is what may be disclosed to the provider in the question."""

    service: str
    actions: frozenset[str]
    fields: frozenset[str]
    sends: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class LegalBasis:
    """One of the six of GovStack's Consent building block (`lawfulBasis`).

    Attributes:
        kind: one of BASES.
        reference: the statute, contract or order, for every kind but consent.
        controllers: members whose recorded consents count, for consent only.
        services: service -> fields it carries, where the basis carries less than the agreement.
        purposes: purposes it carries; empty means all of the agreement's.
    """

    kind: str
    reference: str = ""
    controllers: frozenset[str] = frozenset()
    services: Mapping[str, frozenset[str]] = field(default_factory=dict)
    purposes: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Agreement:
    """A data-sharing agreement as both members signed it, with its state here.

    `valid_until` is the first moment it no longer holds. `replaced_at` is set when a later version takes over.
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

    def standing(self, now: datetime) -> str:
        """`in force`, or why not. Withdrawn is withdrawn, whatever the two clocks say."""
        if self.withdrawn_at is not None:
            return "withdrawn"
        return _within(now, self.valid_from, self.valid_until)


@dataclass(frozen=True, slots=True)
class Objection:
    """A person's objection, or a restriction of processing, that was upheld; it only ever subtracts.

    An empty set means all: no purposes named, every purpose; no services, every service; and so on.
    `kind` is `objection` or `restriction`.
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

    @property
    def recipient(self) -> str:
        """The system that gets the person's data: the asker, or the receiver of what is handed over."""
        return self.provider if self.action in HANDED_OVER else self.consumer


@dataclass(frozen=True, slots=True)
class Facts:
    """Everything a decision may rest on, as it was at `as_of`. Keep them, and the decision can be replayed."""

    agreements: tuple[Agreement, ...] = ()
    consents: tuple[Consent, ...] = ()
    objections: tuple[Objection, ...] = ()
    relationships: tuple[Relationship, ...] = ()
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
