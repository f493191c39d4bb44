"""What arrives at `/registry/notify`: events about people we know, each stored once, durable before the ACK."""

from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime
from typing import Any

from sandhi_client import EventRefused
from sandhi_client.events import Event, Notice

from .member import NATIONAL
from .nic import normal
from .progress import RANKS
from .store import Store, packed

KINDS: Mapping[str, str] = {
    "enrolment-event": "enrolment",
    "programme-update": "progress",
    "finding": "finding",
    "vital-event": "vital-event",
}
"""Record type, as in `sandhi:finding:v1` -> the name under which we offer to take it."""
Row = tuple[str, str, str | None, str, str, str, str]


def record(store: Store, notice: Notice) -> int:
    """Store the events of a verified notification; gives how many are new. A repeated one changes nothing.

    Raises:
        EventRefused: an event is of no kind we take, or has not its shape; nothing is stored then.
    """
    received = datetime.now(UTC).isoformat(timespec="seconds")
    rows = [_row(store, event, received) for event in notice.events]
    with store.change() as connection:
        return sum(
            connection.execute("INSERT OR IGNORE INTO event VALUES (?, ?, ?, ?, ?, ?, ?)", row).rowcount for row in rows
        )


def _row(store: Store, event: Event, received: str) -> Row:
    name = KINDS.get(event.kind.removeprefix("sandhi:").partition(":")[0])
    if name is None:
        raise EventRefused("err.request.bad", f"reg_record_type is none of {', '.join(KINDS)}")
    told = dict(event.record)
    numbers = told.pop("identifiers", [])
    try:
        state, day = READ[name](told)
        date.fromisoformat(day)
        number = next((each["identifier_value"] for each in numbers if each["identifier_type"] == NATIONAL), None)
    except (KeyError, TypeError, ValueError):
        raise EventRefused("err.request.bad", f"the record is no {name}") from None
    member = _member(store, told.get("member_id"), number)
    kept = {} if member is None else told  # about nobody we know: only that it came
    return event.reference_id, name, member, state, day, packed(kept), received


def _member(store: Store, member: str | None, number: str | None) -> str | None:
    """Who it is about, if member id and number agree; by number alone the lowest id carries."""
    form = normal(number) if number else None
    if member is not None:
        found = store.rows("SELECT id, number FROM member WHERE id = ?", member)
        return member if found and form in {None, found[0]["number"]} else None
    found = store.rows("SELECT id FROM member WHERE number = ? ORDER BY id LIMIT 1", form)
    return str(found[0]["id"]) if found else None


def _enrolment(told: Mapping[str, Any]) -> tuple[str, str]:
    if told["state"] not in RANKS:
        raise ValueError
    return told["state"], told["date"]


def _event(told: Mapping[str, Any]) -> tuple[str, str]:
    return str(told["event"]), told["date"]


def _finding(told: Mapping[str, Any]) -> tuple[str, str]:
    return ",".join(sorted(f"{each['source']}:{each['finding']}" for each in told["checks"])), told["found_on"]


READ: Mapping[str, Callable[[Mapping[str, Any]], tuple[str, str]]] = {
    "enrolment": _enrolment,
    "progress": _event,
    "finding": _finding,
    "vital-event": _event,
}
"""Name -> (state, day) of a record; raises KeyError, TypeError or ValueError for another shape."""
