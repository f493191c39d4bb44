"""What goes in and what comes out. Dates are `date`, identifiers and money are strings."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Any, NamedTuple, Self


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
    """How far a batch is. `state` is `running`, `done` or `erased`; `document` has the counts."""

    id: str
    exchange_id: str
    state: str
    receipt: str
    document: Mapping[str, Any]

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


def _withheld(body: Mapping[str, Any]) -> tuple[Withheld, ...]:
    return tuple(Withheld(each["field"], each["reason"]) for each in body.get("withheld") or ())
