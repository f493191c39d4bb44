"""What goes in and what comes out. Dates are `date`, identifiers and money are strings."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Any, NamedTuple, Self

FINAL = frozenset({"handed", "refused", "failed", "unknown"})  # states of a delivery


class Identifier(NamedTuple):
    """One number of a person; `type` is a code of the country profile (`NIC`, `TIN`, ...)."""

    type: str
    value: str


class Name(NamedTuple):
    """One spelling: ISO 639-3 language, ISO 15924 script, full name."""

    language: str
    script: str
    value: str


@dataclass(frozen=True, slots=True)
class Subject:
    """The person, as far as the caller knows."""

    identifiers: tuple[Identifier, ...]
    names: tuple[Name, ...] = ()
    birth_date: date | None = None

    def wire(self) -> dict[str, object]:
        """The JSON form; what is empty is left out."""
        wire: dict[str, object] = {"identifiers": [each._asdict() for each in self.identifiers]}
        if self.names:
            wire["names"] = [each._asdict() for each in self.names]
        if self.birth_date:
            wire["birth_date"] = self.birth_date.isoformat()
        return wire


@dataclass(frozen=True, slots=True)
class Claim:
    """A derived answer asked for instead of the record, e.g. `Claim("contribution_status", {"months": 6})`."""

    name: str
    parameters: Mapping[str, object] = field(default_factory=dict)


class Period(NamedTuple):
    """Both days included."""

    start: date
    end: date


class Withheld(NamedTuple):
    """A field that was asked for and not given, with the reason's code."""

    field: str
    reason: str


@dataclass(frozen=True, slots=True)
class Answer:
    """What was released about one person.

    Attributes:
        outcome: `answered` or `no_data`.
        record: the granted fields; empty when a claim was asked.
        claims: the claim's values; empty when fields were asked.
        as_of: the last day the source is complete for.
        match: `exact`, or `probable` (by name and birth date only).
        source_code: the agency's own code.
        receipt: where the outcome stands in the log.
        contested: the person contests the record at the agency.
        kept_at: when the agency gave it, if the gateway kept the answer since; empty if the agency was asked now.
    """

    exchange_id: str
    outcome: str
    record: Mapping[str, Any]
    claims: Mapping[str, Any]
    withheld: tuple[Withheld, ...]
    source: str
    as_of: date
    match: str
    receipt: str
    source_code: str = ""
    contested: bool = False
    kept_at: str = ""

    @classmethod
    def read(cls, body: Mapping[str, Any]) -> Self:
        """From the JSON form."""
        return cls(
            exchange_id=body["exchange_id"],
            outcome=body["outcome"],
            record=body.get("record", {}),
            claims=body.get("claims", {}),
            withheld=_withheld(body),
            source=body["source"],
            as_of=date.fromisoformat(body["as_of"]),
            match=body["match"],
            receipt=body["receipt"],
            source_code=body.get("source_code", ""),
            contested=body.get("contested", False),
            kept_at=body.get("kept_at", ""),
        )


@dataclass(frozen=True, slots=True)
class BatchLine:
    """One person of a batch. A refused or failed line is a line with that `outcome`, never missing.

    `as_of` is None for a line without an answer; `detail` says why in words then.
    """

    line: str
    outcome: str
    record: Mapping[str, Any]
    claims: Mapping[str, Any]
    withheld: tuple[Withheld, ...]
    source: str
    as_of: date | None
    match: str
    source_code: str
    detail: str
    contested: bool = False

    @classmethod
    def read(cls, body: Mapping[str, Any]) -> Self:
        """From the JSON form."""
        return cls(
            line=body["line"],
            outcome=body["outcome"],
            record=body.get("record", {}),
            claims=body.get("claims", {}),
            withheld=_withheld(body),
            source=body.get("source", ""),
            as_of=date.fromisoformat(body["as_of"]) if body.get("as_of") else None,
            match=body.get("match", ""),
            source_code=body.get("source_code", ""),
            detail=body.get("detail", ""),
            contested=body.get("contested", False),
        )


@dataclass(frozen=True, slots=True)
class Batch:
    """How far a batch is: `done` of `lines`. `state` is `running`, `done`, `failed` or `erased`."""

    id: str
    exchange_id: str
    state: str
    receipt: str
    document: Mapping[str, Any]

    @property
    def lines(self) -> int:
        """How many people were asked about."""
        return int(self.document.get("lines", 0))

    @property
    def done(self) -> int:
        """How many lines have their outcome."""
        return int(self.document.get("done", 0))

    @property
    def outcomes(self) -> Mapping[str, int]:
        """Outcome -> how many lines have it."""
        return dict(self.document.get("outcomes") or {})

    @classmethod
    def read(cls, body: Mapping[str, Any]) -> Self:
        """From the JSON form."""
        return cls(body["batch_id"], body["exchange_id"], body["state"], body.get("receipt", ""), body)


@dataclass(frozen=True, slots=True)
class Delivery:
    """How far a delivery is. `outcome` is empty while it is under way; `receiver_state` is the receiver's own word.

    `withheld` is what the rules narrowed, `receipt` where the outcome stands in the log; both come with the outcome.
    """

    id: str
    exchange_id: str
    service: str
    state: str
    outcome: str
    receiver_state: str
    receipt: str = ""
    withheld: tuple[Withheld, ...] = ()

    @property
    def finished(self) -> bool:
        """Whether nothing more will become of it by itself."""
        return self.state in FINAL

    @classmethod
    def read(cls, body: Mapping[str, Any]) -> Self:
        """From the JSON form."""
        names = ("delivery_id", "exchange_id", "service", "state", "outcome", "receiver_state", "receipt")
        given = {name.removeprefix("delivery_"): str(body.get(name) or "") for name in names}
        return cls(**given, withheld=_withheld(body))


@dataclass(frozen=True, slots=True)
class Recorded:
    """What became of one consent: `recorded`, `unchanged`, `conflict`, `refused` or `withdrawn`.

    `receipt` is where the log has it, empty when nothing changed; `detail` says why a line was refused.
    """

    id: str
    outcome: str
    receipt: str = ""
    detail: str = ""

    @classmethod
    def read(cls, body: Mapping[str, Any]) -> Self:
        """From the JSON form."""
        return cls(*(str(body.get(name, "")) for name in ("id", "outcome", "receipt", "detail")))


@dataclass(frozen=True, slots=True)
class Offer:
    """One service that we may call, under one agreement in force.

    Attributes:
        provider: its system.
        claims: derived answers we may ask for.
        sends: what of the person may be disclosed to the agency in the question.
        ways: way to ask (`sync`, `batch`, `delivery`, `feed`) -> paths of the gateway that take it.
        quota: budget -> the most that may be asked; empty where nothing was agreed.
        linked: the source is connected now.
        document: the whole of it, with the conditions (`requires_case`, `legal_bases`, ...).
    """

    service: str
    provider: str
    agreement: str
    purposes: tuple[str, ...]
    actions: tuple[str, ...]
    fields: tuple[str, ...]
    claims: tuple[str, ...]
    sends: tuple[str, ...]
    ways: Mapping[str, tuple[str, ...]]
    quota: Mapping[str, int]
    linked: bool
    document: Mapping[str, Any]

    @classmethod
    def read(cls, body: Mapping[str, Any]) -> Self:
        """From the JSON form."""
        given: dict[str, Any] = {name: body[name] for name in ("service", "provider", "agreement", "quota", "linked")}
        given |= {name: tuple(body[name]) for name in ("purposes", "actions", "fields", "claims", "sends")}
        return cls(**given, ways={name: tuple(paths) for name, paths in body["ways"].items()}, document=body)


@dataclass(frozen=True, slots=True)
class Catalogue:
    """What we may call, and the whole document: every service, claim, purpose and identifier type there is.

    `empty_because` says in words why there is nothing that we may call; empty where there is something.
    """

    offers: tuple[Offer, ...]
    empty_because: str
    document: Mapping[str, Any]

    @classmethod
    def read(cls, body: Mapping[str, Any]) -> Self:
        """From the JSON form."""
        return cls(tuple(Offer.read(each) for each in body["yours"]), body.get("empty_because", ""), body)


def _withheld(body: Mapping[str, Any]) -> tuple[Withheld, ...]:
    return tuple(Withheld(each["field"], each["reason"]) for each in body.get("withheld") or ())
