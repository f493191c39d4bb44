"""Files of many people, as agencies put them somewhere every night: rows of CSV, or a JSON list, over HTTPS or SFTP.

```toml
[service.contributions]
path = "/out/members.csv"
rows = "csv"                                  # or json: a list of objects
find = { nic = "identifier:NIC" }             # column -> what a row of the person has there
```
The file is read whole, once in `FRESH_S` and beside the event loop; rows of people who are not asked about go no
further than the kit. Each line of a CSV has an end, the last one too: else nothing would tell that a file was cut
inside a value, and 150 was 1500. The mapping reads `{"rows": [...]}`, every value of a CSV a text; a file without a row
of the person means that the agency does not know them.

Source: RFC 4180 sections 2 and 3 (CSV; with `header`), RFC 8259.
"""

import asyncio
import csv
from collections.abc import Awaitable, Callable, Collection, Iterator, Mapping, Sequence
from io import StringIO
from time import monotonic
from typing import Any, Generic, TypeVar

from adapters.kit import strict_json
from adapters.kit.contract import (
    AgencyAnswerMalformed,
    AgencyHasNoSuchPerson,
    AgencyRejectedMessage,
    Question,
    Service,
)
from adapters.kit.declared_value import declared_value

FRESH_S = 60.0
MOST_ROWS = 1_000_000
MOST_COLUMNS = 200
MOST_OF_ONE = 1_000  # rows of one person
Row = Mapping[str, Any]
ByPerson = Mapping[tuple[str, ...], Sequence[Row]]
Held = TypeVar("Held")


def rows_faults(service: Service) -> Iterator[str]:
    """What is wrong with a declared file, in words for the officer: a file is read, only to find somebody in it."""
    extra: Mapping[str, Any] = service.extra
    if ("rows" in extra) != ("find" in extra):
        yield "rows and find go together: the file's notation, and the columns that say who is meant"
    elif "rows" in extra:
        if {"request", "body"} & set(extra) or "push" in service.actions or extra.get("method", "GET") != "GET":
            yield "a file is only read: leave request, body, method and push out"
        if "path" not in extra:
            yield "say in path where the file is"


def read_rows(content: bytes, notation: str, columns: Collection[str]) -> list[Row]:
    """The rows of a file.

    Args:
        columns: those that every row must have.
        notation: `csv` (UTF-8, a header, commas or semicolons as the header has them, each line with its end) or
            `json` (a list of objects).

    Raises:
        AgencyAnswerMalformed: not in this notation; the text names the row, never what is in it.
    """
    if notation == "json":
        return _of_json(content, columns)
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise AgencyAnswerMalformed("the file is not UTF-8", code="encoding") from None
    head = text.partition("\n")[0]
    whole = StringIO(text, newline="")  # lines end by CR and LF alone: any other separator may stand in a value
    lines = csv.reader(whole, delimiter=";" if head.count(";") > head.count(",") else ",", strict=True)
    try:
        names = next(lines, [])
        if not names or len(set(names)) != len(names) or len(names) > MOST_COLUMNS or not all(map(str.strip, names)):
            raise AgencyAnswerMalformed("the file's first line does not name each column once", code="header")
        if absent := sorted(set(columns) - set(names)):
            raise AgencyAnswerMalformed(f"the file has no column {absent[0]}", code="header")
        if not text.endswith(("\n", "\r")):
            raise AgencyAnswerMalformed("the file's last line has no end, so it may be cut", code="cut")
        return [_row(names, line, number) for number, line in enumerate(lines, 2) if line]
    except csv.Error:
        raise AgencyAnswerMalformed(f"line {lines.line_num} of the file is not CSV", code="csv") from None


def of_person(rows: Sequence[Row], wanted: Mapping[str, str]) -> dict[str, object]:
    """The rows that have these values in these columns, as the mapping reads them.

    Raises:
        AgencyHasNoSuchPerson: none has.
        AgencyAnswerMalformed: more than one person has.
    """
    found = [dict(row) for row in rows if all(_said(row.get(name)) == text for name, text in wanted.items())]
    if not found:
        raise AgencyHasNoSuchPerson("the agency's file has no row of the person")
    if len(found) > MOST_OF_ONE:
        raise AgencyAnswerMalformed(f"the file has more than {MOST_OF_ONE} rows of one person", code="rows")
    return {"rows": found}


def wanted_of(service: Service, question: Question) -> dict[str, str]:
    """Column -> value of the rows that a question is about.

    Raises:
        AgencyRejectedMessage: the caller does not hold it, or it is blank, as it is in the rows of many.
    """
    find: Any = service.extra.get("find", {})
    wanted = {
        name: declared_value(question.subject, what, question.as_at, question.period).strip()
        for name, what in find.items()
    }
    if not all(wanted.values()):
        raise AgencyRejectedMessage("nobody is found by a blank value", code="incomplete")
    return wanted


def by_person(rows: Sequence[Row], columns: Collection[str]) -> ByPerson:
    """The rows by what they have in these columns, sorted by their names: a million are not read for each question."""
    found: dict[tuple[str, ...], list[Row]] = {}
    names = sorted(columns)
    for row in rows:
        found.setdefault(tuple([_said(row.get(name)) for name in names]), []).append(row)
    return found


def rows_with(people: ByPerson, wanted: Mapping[str, str]) -> dict[str, object]:
    """As `of_person`, of rows that were sorted by these columns."""
    return of_person(people.get(tuple([wanted[name] for name in sorted(wanted)]), ()), wanted)


class Fresh(Generic[Held]):
    """One file, read again when it is older than `FRESH_S`; many waiting callers cause one reading."""

    def __init__(self, read: Callable[[], Awaitable[Held]], clock: Callable[[], float] = monotonic) -> None:
        self._read, self._clock = read, clock
        self._rows: Held | None = None
        self._until = 0.0
        self._lock = asyncio.Lock()

    async def rows(self) -> Held:
        """The rows as they were at most a minute ago.

        Raises:
            AgencyError: the file cannot be had, or not be read.
        """
        async with self._lock:
            if self._rows is None or self._clock() >= self._until:
                self._rows = None  # what could not be renewed is not told any more
                self._rows = await self._read()
                self._until = self._clock() + FRESH_S
            return self._rows


def _said(value: object) -> str:
    """What a row says in a column; nothing unless it is a text or a whole number."""
    if isinstance(value, str):
        return value.strip()
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else ""


def _row(names: Sequence[str], line: Sequence[str], number: int) -> Row:
    if len(line) != len(names):
        raise AgencyAnswerMalformed(f"line {number} of the file has not the columns of its first line", code="columns")
    if number > MOST_ROWS:
        raise AgencyAnswerMalformed(f"the file has more than {MOST_ROWS} rows", code="rows")
    return dict(zip(names, line, strict=True))


def _of_json(content: bytes, columns: Collection[str]) -> list[Row]:
    try:
        value = strict_json.loads(content)
    except strict_json.StrictError as error:
        raise AgencyAnswerMalformed(f"the file is {error}", code="json") from None
    if not isinstance(value, list) or not all(isinstance(row, dict) for row in value):
        raise AgencyAnswerMalformed("the file is no list of objects", code="json")
    if not all(row.keys() >= set(columns) for row in value):
        raise AgencyAnswerMalformed(f"an object of the file has no {', '.join(sorted(columns))}", code="json")
    return value
