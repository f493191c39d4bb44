"""A member record as the registry took it in, and the parts of it that leave in a question."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from sandhi_client import Identifier, Name, Subject

from .nic import normal
from .rule import Certificate, Known
from .store import Row, Store, unpacked

NATIONAL, TAX_NUMBER, LEARNER_NUMBER = "NIC", "TIN", "LEARNER"
REFERRAL = "ess.referral"


@dataclass(frozen=True, slots=True)
class Member:
    """One member record. `record` is a line of the intake; two records may be about one person."""

    record: Mapping[str, Any]

    @property
    def id(self) -> str:
        """The registry's member id."""
        return str(self.record["member_id"])

    @property
    def number(self) -> str:
        """The national number in its normal form."""
        return normal(self.numbers[NATIONAL])

    @property
    def numbers(self) -> dict[str, str]:
        """Identifier type -> number, as held."""
        return {each["type"]: each["value"] for each in self.record["identifiers"]}

    @property
    def birth_date(self) -> date:
        """As registered."""
        return date.fromisoformat(self.record["birth_date"])

    @property
    def names(self) -> tuple[Name, ...]:
        """Every spelling."""
        return tuple(Name(each["language"], each["script"], each["value"]) for each in self.record["names"])

    @property
    def certificate(self) -> Certificate | None:
        """The medical finding on the capacity to work, if there is one."""
        found = self.record.get("certificate")
        if not found:
            return None
        valid = (date.fromisoformat(found["valid_from"]), date.fromisoformat(found["valid_until"]))
        return Certificate(found["finding"], *valid)

    def known(self, kind: str) -> Known:
        """Whether a number is held, declared not to exist, or simply not known."""
        if kind in self.numbers:
            return "held"
        return "none" if self.record["declared"].get(kind) == "none" else "unknown"

    def consented_to(self, service: str) -> bool:
        """Whether the person agreed to this service at registration."""
        return any(service in each["services"] for each in self.record["consents"])

    def subject(self, kinds: Sequence[str] = (), *, names: bool = False, birth_date: bool = False) -> Subject:
        """The person with no more than a question needs; the national number, on which consents hang, is always in."""
        numbers = self.numbers
        return Subject(
            tuple(Identifier(kind, numbers[kind]) for kind in dict.fromkeys((NATIONAL, *kinds)) if kind in numbers),
            self.names if names else (),
            self.birth_date if birth_date else None,
        )


def members(store: Store) -> Iterator[Member]:
    """All members by id."""
    yield from map(member_of, store.rows("SELECT record FROM member ORDER BY id"))


def member_of(row: Row | Mapping[str, Any]) -> Member:
    """The member of a row, or of a mapping, with a column `record`."""
    return Member(unpacked(row["record"]))
