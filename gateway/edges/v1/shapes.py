"""The wire shapes of `/v1`. They become values of `gateway.model` at once; pydantic stops here."""

import re
from datetime import date, datetime
from typing import Annotated, Any, Self, TypeVar

from fastapi.exceptions import RequestValidationError
from pydantic import (
    AfterValidator,
    AwareDatetime,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    StringConstraints,
    ValidationError,
    ValidationInfo,
    model_validator,
)

from ...model import Ask, ClaimAsked, Handover, Identifier, Name, Period, Subject

Code = Annotated[str, StringConstraints(min_length=1, max_length=120, pattern=r"^[A-Za-z0-9_./:-]+$")]
Reference = Annotated[str, StringConstraints(min_length=1, max_length=80, pattern=r"^[A-Za-z0-9_./:-]+$")]
EARLIEST, LATEST = "1900-01-01", "2099-12-31"
DAY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", re.ASCII)
Wanted = TypeVar("Wanted", bound="Shape")
Text = Annotated[str, StringConstraints(min_length=1, max_length=200)]


def _calendar_day(value: object) -> object:
    if isinstance(value, str) and DAY.fullmatch(value) and EARLIEST <= value <= LATEST:
        return value
    raise ValueError("a day is YYYY-MM-DD, from 1900 to 2099")


Day = Annotated[date, BeforeValidator(_calendar_day)]  # pydantic alone takes numbers for timestamps


def _after_since(until: datetime, info: ValidationInfo) -> datetime:
    since = info.data.get("since")
    if since and until <= since:
        raise ValueError("it ends before it begins")
    return until


Until = Annotated[AwareDatetime, AfterValidator(_after_since)]
"""The end of a period, itself excluded, whose beginning is the field `since` before it."""


class Shape(BaseModel):
    """Unknown members are errors; nothing is coerced."""

    model_config = ConfigDict(extra="forbid", frozen=True)


def shaped(kind: type[Wanted], value: object, *at: str | int) -> Wanted:
    """A value that was read apart from FastAPI, in its shape.

    Args:
        at: where in the body it stands.

    Raises:
        RequestValidationError: it has another; answered like FastAPI's own.
    """
    try:
        return kind.model_validate(value)
    except ValidationError as error:
        faults = error.errors(include_input=False, include_context=False)
        raise RequestValidationError([{**each, "loc": (*at, *each["loc"])} for each in faults]) from None


class IdentifierIn(Shape):
    """One number of a person."""

    type: Code
    value: Text


class NameIn(Shape):
    """One spelling of a name: ISO 639-3 language, ISO 15924 script."""

    language: Annotated[str, StringConstraints(pattern=r"^[a-z]{3}$")]
    script: Annotated[str, StringConstraints(pattern=r"^[A-Z][a-z]{3}$")]
    value: Text


class SubjectIn(Shape):
    """The person, as far as the caller knows."""

    identifiers: Annotated[tuple[IdentifierIn, ...], Field(min_length=1, max_length=10)]
    names: Annotated[tuple[NameIn, ...], Field(max_length=10)] = ()
    birth_date: Day | None = None

    def value(self) -> Subject:
        """The model's subject."""
        return Subject(
            tuple(Identifier(each.type, each.value) for each in self.identifiers),
            tuple(Name(each.language, each.script, each.value) for each in self.names),
            self.birth_date,
        )


class ClaimIn(Shape):
    """A derived answer instead of the record."""

    name: Code
    parameters: dict[str, Any] = Field(default_factory=dict, max_length=10)


class PeriodIn(Shape):
    """Both days included."""

    start: Day = Field(alias="from")
    end: Day = Field(alias="to")

    @model_validator(mode="after")
    def _forwards(self) -> Self:
        if self.start > self.end:
            raise ValueError("`from` is not after `to`")
        return self


class Asked(Shape):
    """What exchanges and batches have in common. `as_at` is today where it is left out.

    `officer` is the caller's own name for whoever of its people asks; the log has a keyed hash of it.
    """

    service: Code
    purpose: Code
    fields: Annotated[frozenset[Code], Field(max_length=100)] = frozenset()
    claim: ClaimIn | None = None
    period: PeriodIn | None = None
    as_at: Day | None = None
    case: Reference | None = None
    officer: Reference | None = None

    @model_validator(mode="after")
    def _one_question(self) -> Self:
        if bool(self.fields) == bool(self.claim):
            raise ValueError("give either `fields` or `claim`")
        if self.claim and self.period:
            raise ValueError("a claim has its own window; give `period` with `fields` only")
        return self

    def ask(self, consumer: str, subject: Subject, today: date) -> Ask:
        """The model's question by this system."""
        return Ask(
            consumer=consumer,
            service=self.service,
            purpose=self.purpose,
            subject=subject,
            as_at=self.as_at or today,
            fields=self.fields,
            claim=ClaimAsked(self.claim.name, self.claim.parameters) if self.claim else None,
            period=Period(self.period.start, self.period.end) if self.period else None,
            case=self.case,
            action="verify" if self.claim else "read",
        )


class EmergencyIn(Shape):
    """Break-glass: why it cannot wait for what the rules want otherwise. A person reviews each use."""

    reason: Annotated[str, StringConstraints(min_length=10, max_length=500, pattern=r"^[^\x00-\x1f\x7f]*$")]


class ExchangeIn(Asked):
    """`POST /v1/exchanges`. `emergency` makes those legal bases count that are for an emergency only."""

    subject: SubjectIn
    emergency: EmergencyIn | None = None


class LineIn(Shape):
    """One person of a batch; `line` is the caller's own name for it."""

    line: Reference
    subject: SubjectIn


class BatchIn(Asked):
    """`POST /v1/batches`."""

    lines: Annotated[tuple[LineIn, ...], Field(min_length=1)]
    idempotency_key: Reference | None = None


class LongBatchIn(Asked):
    """`BatchIn` with lines that nobody has looked at yet: they are many, and are read in turns with other work."""

    lines: Annotated[tuple[Any, ...], Field(min_length=1)]
    idempotency_key: Reference | None = None


class CampaignIn(BatchIn):
    """`POST /v1/campaigns`: a batch that may take days."""

    idempotency_key: Reference
    max_age_days: Annotated[float, Field(gt=0, le=366)] = 7.0
    per_day: Annotated[int, Field(ge=1, le=10_000_000)] | None = None


class LongCampaignIn(CampaignIn):
    """`CampaignIn` with lines that nobody has looked at yet, as `LongBatchIn`."""

    lines: Annotated[tuple[Any, ...], Field(min_length=1)]


class DeliveryIn(Shape):
    """`POST /v1/deliveries`."""

    service: Code
    purpose: Code
    subject: SubjectIn
    record: Annotated[dict[str, Any], Field(min_length=1, max_length=100)]
    idempotency_key: Reference
    case: Reference | None = None
    officer: Reference | None = None

    def handover(self, consumer: str) -> Handover:
        """The model's handover by this system."""
        return Handover(
            consumer=consumer,
            service=self.service,
            purpose=self.purpose,
            subject=self.subject.value(),
            record=self.record,
            idempotency_key=self.idempotency_key,
            case=self.case,
        )
