"""The values of a declared request: for each of its members one value of the question, as the manifest says.

A day may have a notation (`as_at:YYYYMM`, `birth_date:DD/MM/YYYY`; else ISO 8601), and `text:` may hold others in
braces (`text:https://ids.example/nic|{identifier:NIC}`).
"""

import re
from collections.abc import Iterator
from datetime import date

from adapters.kit.contract import AgencyRejectedMessage, Period, Subject

PERSON = ("identifier", "name", "birth_date")  # what tells the agency who is meant, and must be in `sends`
_INSIDE = re.compile(r"\{([^{}]*)\}")
_VALUE = re.compile(
    r"identifier:[A-Z][A-Z0-9_]*|name:[A-Z][a-z]{3}|(birth_date|as_at|period_from|period_to)(:[YMD./ -]{2,12})?",
    re.ASCII,
)


def declared_value(subject: Subject, what: str, as_at: date | None = None, period: Period | None = None) -> str:
    """The value that one member of a request carries.

    Args:
        what: `identifier:NIC`, `name:Latn`, `birth_date`, `as_at`, `period_from`, `period_to`, or `text:` with words
            that are always the same. Without a period the month of `as_at`, up to that day, is meant.

    Raises:
        AgencyRejectedMessage: the caller does not hold it; code `incomplete`.
    """
    kind, _, key = what.partition(":")
    if kind == "text":
        return _INSIDE.sub(lambda found: declared_value(subject, found[1], as_at, period), key)
    value = _of_the_person(subject, kind, key) if kind in PERSON else _day(kind, key, as_at, period)
    if value is None:
        raise AgencyRejectedMessage(
            f"the agency must be told {what}, and the caller does not hold it", code="incomplete"
        )
    return value


def disclosed_by(what: str) -> Iterator[str]:
    """What the agency learns of the person by it, as `sends` names it: `NIC`, `names`, `birth_date`.

    Raises:
        ValueError: something in braces is no value that can be carried.
    """
    kind, _, key = what.partition(":")
    if kind == "text":
        for inside in _INSIDE.findall(key):
            if not _VALUE.fullmatch(inside):
                raise ValueError(
                    f"{{{inside}}} is nothing that a request carries; write {{identifier:NIC}}, {{as_at}}..."
                )
            yield from disclosed_by(inside)
    elif kind in PERSON:
        yield {"identifier": key, "name": "names"}.get(kind, kind)


def _of_the_person(subject: Subject, kind: str, key: str) -> str | None:
    if kind == "identifier":
        return subject.identifier(key)
    if kind == "name":
        return next((name.value for name in subject.names if name.script == key), None)
    return _written(subject.birth_date, key) if subject.birth_date else None


def _day(kind: str, notation: str, as_at: date | None, period: Period | None) -> str | None:
    if as_at is None:
        return None
    meant = period or Period(as_at.replace(day=1), as_at)
    return _written({"period_from": meant.start, "period_to": meant.end}.get(kind, as_at), notation)


def _written(day: date, notation: str) -> str:
    for letters, number in (("YYYY", f"{day.year:04}"), ("MM", f"{day.month:02}"), ("DD", f"{day.day:02}")):
        notation = notation.replace(letters, number)
    return notation or day.isoformat()
