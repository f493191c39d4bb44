"""What an adapter promises, and the values that cross its border.

An adapter turns one `Question` into one `RawAnswer` in the agency's own shape (`ask`,
`ask_many`), or hands one item over (`deliver`); `normalise` turns the raw answer into a
canonical record. It knows one agency and nothing of agreements, consent or the log.

AgencyError
├── AgencyUnavailable           not reachable, over its quota, or an answer of 5xx kind (safe to retry)
│   └── AgencyTimeout           too slow
├── AgencyAnswerMalformed       the answer does not fit the agency's own schema
├── AgencyRefused               the agency says no to us or to this question
├── AgencyRejectedMessage       our message was wrong for the agency
├── AgencyHasNoSuchPerson       the agency does not know the person
├── AgencyCannotTell            more than one person, or not surely the same
└── AgencyOutcomeUnknown        a delivery was cut: whether it happened is not known (never resent by itself)

`code` of an error is the agency's own code, for the log. No error text carries a value of a person.
"""

from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Protocol, runtime_checkable


@dataclass(frozen=True, slots=True)
class Identifier:
    """One number a person is known by. `type` is a code of the country profile (`NIC`, `TIN`, `LEARNER`, `UIN`)."""

    type: str
    value: str


@dataclass(frozen=True, slots=True)
class Name:
    """One spelling of a person's full name: ISO 639-3 language, ISO 15924 script, text."""

    language: str
    script: str
    value: str


@dataclass(frozen=True, slots=True)
class Subject:
    """The person, as far as the caller knows: numbers first, matching attributes after."""

    identifiers: tuple[Identifier, ...] = ()
    names: tuple[Name, ...] = ()
    birth_date: date | None = None

    def identifier(self, kind: str) -> str | None:
        """The value of the first identifier of this type, or None if the caller holds none."""
        return next((each.value for each in self.identifiers if each.type == kind), None)


@dataclass(frozen=True, slots=True)
class Period:
    """Both days included."""

    start: date
    end: date


@dataclass(frozen=True, slots=True)
class Question:
    """What is sent to the agency; already narrowed to what the permit grants.

    `fields` are canonical field names; an adapter may ask the agency for less than it
    could (yes/no instead of attributes) when the fields allow it.
    `as_at` is the day the answer shall be true for, Asia/Colombo in the `lk` profile.
    `claim` is what will be derived from the answer, with its parameters: for whoever can derive it at the agency.
    """

    service: str
    subject: Subject
    fields: frozenset[str]
    as_at: date
    period: Period | None = None
    claim: str = ""
    parameters: Mapping[str, object] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class RawAnswer:
    """The agency's answer in the agency's shape, checked against the agency's schema.

    Attributes:
        payload: JSON-like values (objects, arrays, strings, numbers, booleans, null).
        as_of: the last day the agency's data is complete for (a closed month counts as its last day).
        code: the agency's own result code, as received.
        match: `exact` (by identifier) or `probable` (by name and date only).
        empty: the agency knows the person and has nothing in the period.
        signature: a compact JWS by the agency's own key over this answer, where it signs; kept as evidence.
        claimed: the payload is the claim that was asked for, derived at the agency.
        kept_at: set by the gateway alone: when it got the answer that it kept, and now gives again.
    """

    payload: object
    as_of: date
    code: str = ""
    match: str = "exact"
    empty: bool = False
    signature: str = ""
    claimed: bool = False
    kept_at: str = ""


@dataclass(frozen=True, slots=True)
class Item:
    """One thing to hand over. `id` is stable over retries, so that the receiver can tell repeats.

    `record` fits the receiver's service schema; `subject` is whom it is about, if anyone; `contested`: the person says
    that it is wrong, and whoever tells it has not looked yet.
    """

    id: str
    service: str
    record: Mapping[str, object]
    subject: Subject | None = None
    contested: bool = False


@dataclass(frozen=True, slots=True)
class Handed:
    """The receiver took the item. `reference` is the receiver's own id for it; `state` its own word."""

    reference: str
    state: str = "accepted"


class AgencyError(Exception):
    """The agency did not answer the question; see the tree above."""

    back_in_s: int | None = None  # when asking again helps, where the agency said so beforehand

    def __init__(self, detail: str, *, code: str = "") -> None:
        super().__init__(detail)
        self.detail = detail
        self.code = code


class AgencyUnavailable(AgencyError):
    """Not reachable, over its quota, or broken on its side."""


class AgencyTimeout(AgencyUnavailable):
    """Too slow."""


class AgencyAnswerMalformed(AgencyError):
    """The answer does not fit the agency's own schema, or cannot be mapped."""


class AgencyRefused(AgencyError):
    """The agency says no."""


class AgencyRejectedMessage(AgencyError):
    """Our message was wrong for the agency."""


class AgencyHasNoSuchPerson(AgencyError):
    """The agency does not know the person."""


class AgencyCannotTell(AgencyError):
    """More than one person, or not surely the same person."""


class AgencyOutcomeUnknown(AgencyError):
    """The message may or may not have been acted on."""


@dataclass(frozen=True, slots=True)
class Told:
    """An event that an agency told about a person, in canonical shape. `id` is the same when it is told again.

    `name` is the service of the receivers that take it: `enrolment`, `progress`, `finding`, `vital-event`.
    """

    id: str
    name: str
    record: Mapping[str, object]
    subject: Subject


@dataclass(frozen=True, slots=True)
class StateTold:
    """An agency's later word on an item we handed over. A state of a lower rank never replaces a higher one."""

    item: str
    state: str
    rank: int


@dataclass(frozen=True, slots=True)
class Hook:
    """One call of our webhook, as received. Header names are in lower case; `url` is the public one."""

    method: str
    url: str
    headers: Mapping[str, str]
    query: Mapping[str, str]
    body: bytes
    at: datetime


@dataclass(frozen=True, slots=True)
class AnsweredLater:
    """What came of a question that was put by `AnswersLater.ask_later` under this reference."""

    reference: str
    told: RawAnswer | AgencyError


@dataclass(frozen=True, slots=True)
class Hooked:
    """What a webhook call said, and the JSON to answer with."""

    events: tuple[Told, ...] = ()
    states: tuple[StateTold, ...] = ()
    answers: tuple[AnsweredLater, ...] = ()
    content: Mapping[str, object] = field(default_factory=dict)


class HookRefused(Exception):
    """The call is not to be believed or not to be understood; nothing was learned. `code` is for the log."""

    def __init__(self, code: str, detail: str) -> None:
        super().__init__(detail)
        self.code = code
        self.detail = detail


@runtime_checkable
class TakesHooks(Protocol):
    """An adapter whose agency calls our webhook (`/hooks/<adapter id>`)."""

    def hook(self, hook: Hook) -> Hooked:
        """Verify and read one call.

        Raises:
            HookRefused: see there.
        """


@runtime_checkable
class TellsEvents(Protocol):
    """An adapter whose agency tells events once we subscribed."""

    async def subscribe(self, public_url: str) -> None:
        """Ask the agency to tell us its events, at our own address; asking again changes nothing.

        Raises:
            AgencyError: not taken; safe to try again.
        """


@runtime_checkable
class TellsStates(Protocol):
    """An adapter that hears its agency's later words by itself, without a webhook (receipts of SMPP)."""

    def states(self) -> AsyncIterator[StateTold]:
        """What it hears, as it comes; without end."""


@runtime_checkable
class AnswersLater(Protocol):
    """An adapter whose agency takes a question now and answers it in a message of its own."""

    async def ask_later(self, question: Question, reference: str) -> None:
        """Put the question; the answer will name the reference. Asking again under it changes nothing.

        Raises:
            AgencyError: not taken.
        """


@runtime_checkable
class ReadsNotify(Protocol):
    """An adapter whose agency tells its events by DCI `notify`."""

    def told(self, envelope: Mapping[str, object]) -> Sequence[Told]:
        """The events of a checked envelope.

        Raises:
            AgencyAnswerMalformed: one of them is of no kind we know; none is used.
        """


class Adapter(Protocol):
    """One agency. Opened once for the life of the process; safe for concurrent use."""

    @property
    def id(self) -> str:
        """The folder's name."""

    async def ask(self, question: Question) -> RawAnswer:
        """Ask about one person now.

        Raises:
            AgencyError: one of the tree above. A service that answers only in bulk raises AgencyRejectedMessage
                with code `batch_only`.
        """

    def ask_many(self, questions: Sequence[Question]) -> AsyncIterator[tuple[int, RawAnswer | AgencyError]]:
        """Ask about many people of one service; yields (position in `questions`, answer or error), in any order,
        exactly once per position. Never raises for one person; a failure of the whole yields it for each."""

    async def deliver(self, item: Item) -> Handed:
        """Hand one item over.

        Raises:
            AgencyError: AgencyOutcomeUnknown when a cut connection leaves it open whether the agency acted.
        """

    def normalise(self, service: str, raw: RawAnswer) -> dict[str, object]:
        """Agency shape to the canonical record, validated against the service's record schema.

        Of an answer that is `empty` it may be no record at all: `{}`.

        Raises:
            AgencyAnswerMalformed: a required value is missing, or a converter rejected it.
        """

    async def close(self) -> None:
        """Close connections."""


@dataclass(frozen=True, slots=True)
class Service:
    """One service as the manifest declares it (what the gateway's catalogue shows)."""

    id: str  # "<adapter>.<service>", e.g. "tax.employment"
    actions: frozenset[str]  # read, verify, push
    id_types: tuple[str, ...]  # identifiers the agency is asked by, in order of preference
    sent: frozenset[str]  # what is disclosed to the agency: identifier types, "names", "birth_date"
    fields: frozenset[str]  # canonical fields it can answer
    claims: frozenset[str]  # names in adapters.kit.claims it can answer
    record_schema: str  # "canonical/contributions.v1.json"
    sensitivity: str  # personal | special | open
    immediate: bool = True  # False: answers by batch only
    title: str = ""  # what people call it, in a few words: "Births and deaths"; empty: they read the id
    titles: Mapping[str, str] = field(default_factory=dict)  # the same in other languages, by their code (BCP 47): "si"
    summary: str = ""
    dci_reg_type: str = ""  # how the DCI edge names it
    answer_schema: str = ""  # "agency/hmrc/paye.json", or "./own.json": their shape; empty when adapter.py checks it
    people_a_call: int = 0  # how many the agency likes to be asked about at once; 0: no matter
    lag_months: int = 0  # closed months behind `as_at`, where the contract has no place for it
    extra: Mapping[str, object] = field(default_factory=dict)
