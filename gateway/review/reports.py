"""Reports for people: records of processing, use of agreements, refusals. As CSV and PDF; nothing of any person.

Source of the records' columns: GDPR article 30(1); Sri Lanka, Personal Data Protection Act No. 9 of 2022, section 12.
"""

import csv
import io
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, time, timedelta, tzinfo
from functools import partial
from importlib import import_module

from sqlalchemy.ext.asyncio import AsyncConnection

from audit.views import safe
from consent.history import agreements_within
from consent.store import RecordedAgreement

from .errors import NothingFound
from .figures import SEVERAL, Figures, figures

GOOD = frozenset({"answered", "no_data"})
Making = Callable[[Figures, Sequence[RecordedAgreement]], list[list[str]]]


@dataclass(frozen=True, slots=True)
class Sheet:
    """One report: a title, the period in words, a head and rows of text."""

    title: str
    period: str
    head: Sequence[str]
    rows: Sequence[Sequence[str]]

    def csv(self) -> bytes:
        """RFC 4180, UTF-8; no cell is taken for a formula by any spreadsheet program."""
        out = io.StringIO()
        writer = csv.writer(out)
        writer.writerow([f"{self.title}, {self.period}"])
        writer.writerow(self.head)
        writer.writerows([safe(cell) for cell in row] for row in self.rows)
        return out.getvalue().encode()

    def pdf(self, made: datetime) -> bytes:
        """The same on A4."""
        drawing = import_module(".paper", __package__)  # what it draws with takes 20 MB: only for who wants a PDF
        about = f"{self.period}; made {made:%Y-%m-%d %H:%M} UTC"
        drawn: bytes = drawing.paper(self.title, about, self.head, self.rows)
        return drawn


@dataclass(frozen=True, slots=True)
class Report:
    """One kind of report."""

    name: str
    title: str
    head: Sequence[str]
    rows: Making
    of_lines: bool = False  # whether it tells what became of the lines of batches


async def made(
    connection: AsyncConnection, name: str, since: datetime, until: datetime, zone: tzinfo, now: datetime
) -> Sheet:
    """A report of a period, `until` excluded; its days are those of a zone. Raises NothingFound: no such report."""
    report = REPORTS.get(name)
    if report is None:
        raise NothingFound("report")
    since, until = since.astimezone(zone), until.astimezone(zone)
    counted = await connection.run_sync(partial(figures, since=since, until=until, of_lines=report.of_lines))
    used = {name for line in counted.exchanges for name in line.agreement.split(SEVERAL)}
    rows = report.rows(counted, await agreements_within(connection, since, until, used=used))
    return Sheet(report.title, _period(since, until, now.astimezone(zone)), report.head, rows)


def _period(since: datetime, until: datetime, now: datetime) -> str:
    """`2026-11-01 to 2026-11-30`: both days belong to it; with the hours where a period is none of whole days."""
    if now < until:
        return f"{_period(since, until, until)}, not over: as of {now:%Y-%m-%d %H:%M}"
    if {since.time(), until.time()} == {time()}:
        return f"{since:%Y-%m-%d} to {until - timedelta(days=1):%Y-%m-%d}"
    return f"{since:%Y-%m-%d %H:%M} to {until:%Y-%m-%d %H:%M}"


def _processing(found: Figures, recorded: Sequence[RecordedAgreement]) -> list[list[str]]:
    rows = []
    for kept in recorded:
        each = kept.agreement
        for service, grant in sorted(each.grants.items()):
            of_it = found.under(each.name, service)
            people = sum(count for some in of_it.values() for code, count in some.items() if code in GOOD)
            rows.append(
                [
                    each.name,
                    each.title,
                    each.consumer.member,
                    each.provider.member,
                    service,
                    ", ".join(sorted(grant.fields)),
                    each.subject_category,
                    ", ".join(sorted(each.purposes)),
                    ", ".join(sorted({basis.reference or basis.kind for basis in each.bases})),
                    str(each.data_life_days or ""),
                    each.dpia,
                    kept.agreement.state.value,
                    str(sum(found.exchanges[line] for line in of_it)),
                    str(people),
                ]
            )
    return rows


def _usage(found: Figures, recorded: Sequence[RecordedAgreement]) -> list[list[str]]:
    rows = []
    for kept in recorded:
        name = kept.agreement.name
        lines = found.under(name)
        days = [day for agreement, counted in found.days.items() if name in agreement.split(SEVERAL) for day in counted]
        people = [some.total() for some in lines.values()]
        released = sorted(found.fields[name])
        counts = (sum(found.exchanges[line] for line in lines), sum(people), len(set(days)))
        rows.append([name, kept.agreement.title, *map(str, counts), max(days, default=""), ", ".join(released)])
    return rows


def _refusals(found: Figures, _: Sequence[RecordedAgreement]) -> list[list[str]]:
    return [
        [line.consumer, line.provider, line.service, line.purpose, line.agreement, code, str(count)]
        for line in sorted(found.exchanges)
        for code, count in sorted(found.people[line].items())
        if code not in GOOD
    ]


REPORTS = {
    each.name: each
    for each in (
        Report(
            "processing",
            "Records of processing",
            (
                "agreement",
                "title",
                "recipient",
                "provider",
                "service",
                "fields",
                "people",
                "purposes",
                "legal bases",
                "kept for days",
                "impact assessment",
                "state",
                "exchanges",
                "people answered about",
            ),
            _processing,
            of_lines=True,
        ),
        Report(
            "usage",
            "Use of agreements",
            ("agreement", "title", "exchanges", "people", "days used", "last day", "released"),
            _usage,
            of_lines=True,
        ),
        Report(
            "refusals",
            "What was not answered",
            ("consumer", "provider", "service", "purpose", "agreement", "outcome", "people"),
            _refusals,
        ),
    )
}
