"""What a declared request carries: one value of the question for each member, as the manifest says."""

from datetime import date

from adapters.kit.contract import AgencyRejectedMessage, Period, Subject

PERSON = ("identifier", "name", "birth_date")  # what tells the agency who is meant, and must be in `sends`


def carried(subject: Subject, what: str, as_at: date | None = None, period: Period | None = None) -> str:
    """The value that one member of a request carries.

    Args:
        what: `identifier:NIC`, `name:Latn`, `birth_date`, `as_at`, `period_from`, `period_to`, or `text:` with words
            that are always the same. Without a period the month of `as_at`, up to that day, is meant.

    Raises:
        AgencyRejectedMessage: the caller does not hold it; code `incomplete`.
    """
    kind, _, key = what.partition(":")
    if kind == "text":
        return key
    value = _of_the_person(subject, kind, key) if kind in PERSON else _day(kind, as_at, period)
    if value is None:
        raise AgencyRejectedMessage(
            f"the agency must be told {what}, and the caller does not hold it", code="incomplete"
        )
    return value


def _of_the_person(subject: Subject, kind: str, key: str) -> str | None:
    if kind == "identifier":
        return subject.identifier(key)
    if kind == "name":
        return next((name.value for name in subject.names if name.script == key), None)
    return subject.birth_date.isoformat() if subject.birth_date else None


def _day(kind: str, as_at: date | None, period: Period | None) -> str | None:
    if as_at is None:
        return None
    meant = period or Period(as_at.replace(day=1), as_at)
    return {"period_from": meant.start, "period_to": meant.end}.get(kind, as_at).isoformat()
