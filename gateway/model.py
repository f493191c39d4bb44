"""The values of one exchange, each frozen, each made by one step: `Ask` → `Permit` → record → `Answer`.

No framework and no database here. `Subject` and its parts are the adapter contract's, so that a
person has one shape from the edge to the agency.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date

from adapters.kit.contract import Identifier, Name, Period, RawAnswer, Subject
from consent.model import Quota

__all__ = [
    "Answer",
    "Ask",
    "Budget",
    "ClaimAsked",
    "Closing",
    "Handover",
    "Identifier",
    "Name",
    "Opened",
    "Period",
    "Permit",
    "RawAnswer",
    "Subject",
    "Withheld",
]


@dataclass(frozen=True, slots=True)
class ClaimAsked:
    """A derived answer asked for instead of the record, e.g. `contribution_status` with `{"months": 6}`."""

    name: str
    parameters: Mapping[str, object] = field(default_factory=dict)

    @property
    def field(self) -> str:
        """The name under which agreements and consents grant it."""
        return f"claim:{self.name}"


@dataclass(frozen=True, slots=True)
class Ask:
    """One question about one person, by an authenticated system.

    `consumer` is the asking system (`LK/GOV/WBB/SRIS`), `as_at` the day the answer shall be true for.
    Exactly one of `fields` and `claim` is given. `signature` says how the message that asked was signed, if it was.
    `emergency` is the caller's reason to break the glass, empty without one; it may say anything of anybody.
    """

    consumer: str
    service: str
    purpose: str
    subject: Subject
    as_at: date
    fields: frozenset[str] = frozenset()
    claim: ClaimAsked | None = None
    period: Period | None = None
    case: str | None = None
    action: str = "read"
    signature: Mapping[str, object] | None = None
    emergency: str = ""
    claimed: Mapping[str, str] | None = None  # what the sender said of consent; see edges.dci.claimed
    officer: str = ""  # keyed hash of who asks within the consumer; see `PersonRef.officer_ref`
    message: Mapping[str, str] | None = None  # how the standard's own message is called; see edges.xroad.asking

    @property
    def asked(self) -> frozenset[str]:
        """What the decision is about: field names, or the claim's."""
        return frozenset({self.claim.field}) if self.claim else self.fields


@dataclass(frozen=True, slots=True)
class Handover:
    """One record to hand to another system, about one person. The push twin of `Ask`."""

    consumer: str
    service: str
    purpose: str
    subject: Subject
    record: Mapping[str, object]
    idempotency_key: str
    case: str | None = None
    action: str = "push"
    signature: Mapping[str, object] | None = None
    officer: str = ""  # as in `Ask`
    needs: frozenset[str] = frozenset()  # without these fields it is not handed over: a filter has looked at them
    under: tuple[str, ...] = ()  # subscriptions it is owed to: when all have ended it is not handed over

    @property
    def asked(self) -> frozenset[str]:
        """What the decision is about: the record's members."""
        return frozenset(self.record)


@dataclass(frozen=True, slots=True)
class Withheld:
    """A field that was asked for and not granted, with the reason's code."""

    field: str
    reason: str


@dataclass(frozen=True, slots=True)
class Budget:
    """What an answer is counted against: an agreement's quota, or a consent's number of times a day."""

    id: str
    quota: Quota


@dataclass(frozen=True, slots=True)
class Permit:
    """What the decision granted, and why. `reasons` are for the log; `withheld` is for the caller.

    `emergency`: it rests on a basis that counts in an emergency only, so its use is reviewed afterwards.
    """

    fields: frozenset[str]
    reasons: tuple[str, ...]
    withheld: tuple[Withheld, ...] = ()
    agreement: str = ""
    agreement_version: int = 0
    basis: str = ""
    consent: str = ""
    may_know_existence: bool = False
    max_age_months: int | None = None
    contested: bool = False
    budgets: tuple[Budget, ...] = ()
    emergency: bool = False
    answers_kept_minutes: int = 0


@dataclass(frozen=True, slots=True)
class Opened:
    """The intent is durable: from here on the exchange ends in exactly one outcome entry.

    `begun` is when it was asked, on the clock of `time.perf_counter`.
    """

    exchange_id: str
    person_ref: str
    begun: float = 0.0


@dataclass(frozen=True, slots=True)
class Closing:
    """What the outcome entry will say. `fields` are the names released; never a value.

    `content` is what is released: the entry commits to it with `salt`, which only the caller gets.
    """

    outcome: str
    fields: frozenset[str] = frozenset()
    permit: Permit | None = None
    reasons: tuple[str, ...] = ()
    source_code: str = ""
    content: Mapping[str, object] = field(default_factory=dict)
    salt: bytes = b""
    may_know_existence: bool = False  # of a refusal that came without a permit
    signature: str = ""  # the agency's own JWS over its answer, where it signs

    @property
    def may_know(self) -> bool:
        """Whether the caller may know the outcome as it is, also a hidden one."""
        return self.may_know_existence or bool(self.permit and self.permit.may_know_existence)

    @property
    def consent(self) -> str:
        """The consent that carried the exchange; empty when the rules refused, or when none was needed."""
        return self.permit.consent if self.permit and self.outcome != "refused_by_rules" else ""


@dataclass(frozen=True, slots=True)
class Answer:
    """What the caller gets. `released` is the record, or the claim's values when a claim was asked.

    `as_of` is the last day the source is complete for; `receipt` names the outcome entry in the log, whose `answer`
    is the commitment to `content()` with `salt`: whoever holds both can prove what was said. `contested` says that the
    person contests the record at the agency; `kept_at`, when the agency gave an answer that was kept since.
    """

    exchange_id: str
    outcome: str  # answered | no_data
    released: Mapping[str, object]
    is_claim: bool
    withheld: tuple[Withheld, ...]
    source: str
    as_of: date
    match: str
    receipt: str = ""
    code: str = ""
    salt: bytes = b""
    contested: bool = False
    kept_at: str = ""

    def content(self) -> dict[str, object]:
        """What was said: the part of the wire form that the log commits to."""
        marked: dict[str, object] = {"contested": True} if self.contested else {}
        marked |= {"kept_at": self.kept_at} if self.kept_at else {}
        return {
            "exchange_id": self.exchange_id,
            "outcome": self.outcome,
            ("claims" if self.is_claim else "record"): dict(self.released),
            "withheld": [{"field": each.field, "reason": each.reason} for each in self.withheld],
            "source": self.source,
            "source_code": self.code,
            "as_of": self.as_of.isoformat(),
            "match": self.match,
            **marked,
        }

    def wire(self) -> dict[str, object]:
        """The body of the reply on every edge: what was said, its receipt, and the salt of the commitment (hex)."""
        return {**self.content(), "receipt": self.receipt, "salt": self.salt.hex()}
