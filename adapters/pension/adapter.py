"""The provident fund: contributions and pensions in payment, by files (docs/profiles/pension-file.md)."""

from collections import defaultdict
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

from adapters.kit import months
from adapters.kit.base import BaseAdapter, Kit
from adapters.kit.contract import (
    AgencyError,
    AgencyHasNoSuchPerson,
    AgencyRefused,
    AgencyRejectedMessage,
    Question,
    RawAnswer,
    Service,
)
from adapters.kit.mapping import MappingError
from adapters.kit.transports.sftp import account, answer_deadline_s

from .files import KINDS, MONTHS_LIMIT, Line, Request, nic_fits, read_member
from .filing import Filed, Filing

CHUNK = 5_000  # questions in one request file
SESSION_S = 120.0  # one log-in; the manifest's timeout_s is for the whole answer


@dataclass(frozen=True, slots=True)
class _Chunk:
    """Questions that go into one file: their positions in `questions`, in the order of the file's lines."""

    positions: tuple[int, ...]
    request: Request


class Pension(BaseAdapter):
    """Answers in bulk only. A restart in the middle asks the same chunk again and finds what is already there."""

    def __init__(self, kit: Kit, today: Callable[[], date] = lambda: datetime.now(UTC).date()) -> None:
        super().__init__(kit)
        self._sender = kit.setting("sender")
        deadline = answer_deadline_s(kit, "PENSION_DEADLINE_S")
        self._filing = Filing(account(kit, session_s=min(deadline, SESSION_S)), today, deadline)

    async def ask_many(self, questions: Sequence[Question]) -> AsyncIterator[tuple[int, RawAnswer | AgencyError]]:
        """One request file for each 5,000 questions about the same months; see `contract.Adapter.ask_many`."""
        chunks, refused = self._planned(questions)
        for position, error in refused:
            yield position, error
        filed = [(chunk, await self._filed(chunk.request)) for chunk in chunks]  # all first: the fund works on them
        try:
            for chunk, handed in filed:
                async for answer in self._answers(chunk, handed):
                    yield answer
        finally:
            for _, handed in filed:
                if isinstance(handed, Filed):
                    self._filing.dropped(handed)

    def parse(self, service: str, body: bytes) -> object:
        """The payload of one member's part of the files; see `files.read_member`."""
        self.service(service)
        return _payload(read_member(body if body.endswith(b"\n") else body + b"\n"))

    def mapped(self, service: Service, raw: RawAnswer) -> dict[str, object]:
        """The mapping, then postings netted per month: a reversal is a posting of its own."""
        record: dict[str, Any] = super().mapped(service, raw)
        net: defaultdict[str, Decimal] = defaultdict(Decimal)
        for posting in record["months"]:
            net[posting["month"]] += Decimal(posting["amount"])
        pensions = [{**pension, "kind": _kind(pension["kind"], at)} for at, pension in enumerate(record["pensions"])]
        return record | {
            "months": [{"month": month, "amount": str(net[month])} for month in sorted(net)],
            "pensions": pensions,
        }

    async def _answers(
        self, chunk: _Chunk, handed: Filed | AgencyError
    ) -> AsyncIterator[tuple[int, RawAnswer | AgencyError]]:
        try:
            if isinstance(handed, AgencyError):
                raise handed
            settled, lines = await self._filing.settled(handed)
        except AgencyError as error:
            for position in chunk.positions:
                yield position, error
            return
        try:
            for position, line in zip(chunk.positions, lines, strict=True):
                yield position, _answer(line)
        finally:
            self._filing.dropped(settled)
        with suppress(AgencyError):  # every answer is taken by now; what is left there, the fund removes itself
            await self._filing.cleared(settled)

    async def _filed(self, request: Request) -> Filed | AgencyError:
        try:
            return await self._filing.filed(request)
        except AgencyError as error:
            return error

    def _planned(self, questions: Sequence[Question]) -> tuple[list[_Chunk], list[tuple[int, AgencyError]]]:
        """Questions grouped by the months they ask about, in order; and those the fund would not take."""
        groups: defaultdict[tuple[str, str], list[tuple[int, str]]] = defaultdict(list)
        refused: list[tuple[int, AgencyError]] = []
        for position, question in enumerate(questions):
            try:
                self.service(question.service)
                groups[_months(question)].append((position, _nic(question)))
            except AgencyError as error:
                refused.append((position, error))
        chunks = [
            _Chunk(
                tuple(position for position, _ in asked[at : at + CHUNK]),
                Request(self._sender, start, end, tuple(nic for _, nic in asked[at : at + CHUNK])),
            )
            for (start, end), asked in groups.items()
            for at in range(0, len(asked), CHUNK)
        ]
        return chunks, refused


def build(kit: Kit) -> Pension:
    """The adapter of this folder."""
    return Pension(kit)


def _answer(line: Line) -> RawAnswer | AgencyError:
    if line.state == "unknown":
        return AgencyHasNoSuchPerson("the fund has no member with this number in either form", code="unknown")
    if line.state == "refused":
        return AgencyRefused("the fund may not answer about this member", code="refused")
    closed = f"{line.closed_month[:4]}-{line.closed_month[4:]}"
    empty = not line.postings and not line.pensions
    return RawAnswer(_payload(line), months.last_day(closed), code="known", empty=empty)


def _payload(line: Line) -> dict[str, object]:
    return {
        "closed_month": line.closed_month,
        "contributions": [
            {
                "contribution_period": posting.month,
                "data_submission_number": posting.submission,
                "total_contribution": _amount(posting.cents),
            }
            for posting in line.postings
        ],
        "pensions": [{"kind": pension.kind, "start": pension.start, "end": pension.end} for pension in line.pensions],
    }


def _months(question: Question) -> tuple[str, str]:
    """First and last month asked, `YYYYMM`: the period, or as far back as one request may."""
    if question.period is None:
        last = months.number(months.closed(question.as_at, 0))
        first = last - MONTHS_LIMIT + 1
    else:
        first, last = (months.number(months.closed(day, 0)) for day in (question.period.start, question.period.end))
    if not 0 <= last - first < MONTHS_LIMIT:
        raise AgencyRejectedMessage(f"period: ask for 1 to {MONTHS_LIMIT} months", code="period")
    return months.of_number(first).replace("-", ""), months.of_number(last).replace("-", "")


def _nic(question: Question) -> str:
    """One bad number would make the fund refuse the whole file, so it is refused here alone."""
    nic = question.subject.identifier("NIC")
    if nic is None or not nic_fits(nic):
        raise AgencyRejectedMessage("the fund is asked by NIC, in the old or the new form", code="identifier")
    return nic


def _kind(letter: str, at: int) -> str:
    if letter not in KINDS:
        raise MappingError(f"pensions[].kind: not a kind of the profile at /pensions/{at}/kind")
    return KINDS[letter]


def _amount(cents: int) -> str:
    sign = "-" if cents < 0 else ""
    return f"{sign}{abs(cents) // 100}.{abs(cents) % 100:02}"
