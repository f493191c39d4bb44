"""Writing an answer (section 5): three files and their manifest, from the fund's records."""

import hashlib
from collections.abc import Container
from dataclasses import dataclass, replace
from itertools import groupby
from typing import Protocol

from sandbox.person import Contribution, PensionRecord

from .request import Line, Refused, Request

KINDS = {"old_age": "O", "survivor": "S", "lump_sum": "L"}


class Records(Protocol):
    """The part of the population's registers this agency reads."""

    def pension_by_nic(self, nic: str) -> PensionRecord | None:
        """The member with this number, given in its new form, whichever form the fund holds."""


@dataclass(frozen=True, slots=True)
class Books:
    """What the fund holds, its last closed month (`YYYYMM`), and whom it may not answer about."""

    members: Records
    closed: str
    locked: Container[str]


@dataclass(frozen=True, slots=True)
class Answer:
    """The bytes of the three files, their record counts, and the sum of all contributions in cents."""

    contributions: bytes
    status: bytes
    pensions: bytes
    counts: tuple[int, int, int]
    total: int

    def manifest(self, number: str, closed: str) -> bytes:
        """Section 5.4."""
        sender = number.partition("-")[0]
        lines = [f"M|1|answer|{sender}|{number}|{closed}"]
        sums = (money(self.total), "", "")
        files = zip("CSP", (self.contributions, self.status, self.pensions), self.counts, sums, strict=True)
        for letter, content, count, amount in files:
            digest = hashlib.sha256(content).hexdigest()
            lines.append(f"F|ANS-{number}-{letter}.txt|{count}|{amount}|{digest}")
        return _file(lines)

    def in_another_layout(self) -> "Answer":
        """The `wrong_schema` fault: everything adds up, but fields are separated by semicolons."""
        return replace(self, status=self.status.replace(b"|", b";"), pensions=self.pensions.replace(b"|", b";"))


def answered(request: Request, books: Books) -> Answer:
    """Every line of the request, in its order."""
    contributions: list[str] = []
    status: list[str] = []
    pensions: list[str] = []
    total = 0
    for line in request.lines:
        state, record = _known(line, books)
        postings = _postings(record, request) if record else []
        granted = record.pensions if record else ()
        contributions += [_posting(line.nic, record, each, place) for record, each, place in postings]
        pensions += [f"{line.number}|{KINDS[each.kind]}|{_month(each.start)}|{_month(each.end)}" for each in granted]
        closed = _month(record.closed_month) if record else books.closed
        status.append(f"{line.number}|{line.nic}|{state}|{closed}|{len(postings)}|{len(granted)}")
        total += sum(each.total for _, each, _ in postings)
    counts = len(contributions), len(status), len(pensions)
    return Answer(_file(contributions), _file(status), _file(pensions), counts, total)


def error_file(number: str, sender: str, refusal: Refused) -> bytes:
    """Section 6."""
    return _file([f"M|1|error|{sender}|{number}", f"E|{refusal.code}|{refusal.record}|{refusal.text}"])


def late_file(number: str, sender: str, expected: str) -> bytes:
    """Section 7; `expected` is UTC, `YYYY-MM-DDTHH:MM:SSZ`."""
    return _file([f"M|1|late|{sender}|{number}", f"L|{expected}"])


def money(cents: int) -> str:
    """Cents to rupees with two decimals: `-105` -> `-1.05`."""
    return f"{'-' if cents < 0 else ''}{abs(cents) // 100}.{abs(cents) % 100:02d}"


def _known(line: Line, books: Books) -> tuple[str, PensionRecord | None]:
    if line.member in books.locked:
        return "refused", None
    record = books.members.pension_by_nic(line.member)
    return ("known", record) if record else ("unknown", None)


def _postings(record: PensionRecord, request: Request) -> list[tuple[PensionRecord, Contribution, int]]:
    """The member's postings in the period, by month, each with its running number within the month."""
    end = min(request.end, _month(record.closed_month))
    asked = [each for each in record.contributions if request.start <= _month(each.month) <= end]
    months = groupby(sorted(asked, key=lambda each: each.month), key=lambda each: each.month)
    return [(record, each, place) for _, group in months for place, each in enumerate(group, start=1)]


def _posting(nic: str, record: PensionRecord, each: Contribution, place: int) -> str:
    """One EPF contribution record (section 5.2).

    Raises:
        ValueError: the register holds an amount or a number that the layout cannot carry.
    """
    if each.total != each.employer + each.member:
        raise ValueError("a contribution's total is not the sum of its two parts: correct the register")
    text = (
        f"{nic:<20}{'':<60}{record.member_number:>6}"
        f"{money(each.total):>10}{money(each.employer):>10}{money(each.member):>10}{money(each.earnings):>12}"
        f"E{each.zone}{each.employer_number:>6}{_month(each.month)}{place:>2}{'0.00':>5}000"
    )
    if len(text) != 152:
        raise ValueError("a contribution does not fit the 152 characters of the layout: correct the register")
    return text


def _month(month: str | None) -> str:
    """`2026-09` -> `202609`; no month is an empty field."""
    return (month or "").replace("-", "")


def _file(lines: list[str]) -> bytes:
    return "".join(f"{line}\n" for line in lines).encode("ascii")
