"""Breach scope: given what leaked or was misused, whom it concerns, which fields went out, and to whom.

Reads the entries themselves, not only the search table, for released fields stand nowhere else. A million entries take
seconds: two passes in pages, nothing is kept but ids and counts.
"""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime

from sqlalchemy import Connection, select, tuple_

from .entry import OUTCOME, Entry
from .fsck import Progress, silent
from .lookup import Wanted, conditions
from .tables import SAME_PLACE, audit_search, audit_subject, log_entry, log_head

PAGE = 5_000
HANDED_OVER = frozenset({"push", "notify", "report"})
"""Actions by which the provider receives."""

Which = Callable[[Mapping[str, object]], bool]
"""The facts of an outcome -> whether it is affected; for what has no index, e.g. the key that signed the request."""


@dataclass(slots=True)
class Scope:
    """What is affected.

    Attributes:
        exchanges: how many exchanges released something.
        lines: people in bulk exchanges, whom the index may not name one by one.
        persons: references of the persons the index still knows.
        fields: name -> how often it was released, each time about one person, where that is known of a bulk exchange.
        recipients, agreements: name -> how many exchanges.
        first, last: claimed times of the first and the last of them.
    """

    exchanges: int = 0
    lines: int = 0
    persons: set[str] = field(default_factory=set)
    fields: Counter[str] = field(default_factory=Counter)
    recipients: Counter[str] = field(default_factory=Counter)
    agreements: Counter[str] = field(default_factory=Counter)
    first: datetime | None = None
    last: datetime | None = None


def everything(_facts: Mapping[str, object]) -> bool:
    """All that the search finds is affected."""
    return True


def scope(connection: Connection, wanted: Wanted, which: Which = everything, progress: Progress = silent) -> Scope:
    """The scope of all outcomes that a search finds, in every shard; `limit`, `kind` and `before` are not looked at.

    Args:
        wanted: a system (`consumer` or `provider`), an agreement, a time window, a person, or several of these.
        which: narrows it further.
    """
    found, concerned = Scope(), set[bytes]()
    for log_id, size in connection.execute(select(log_head.c.log_id, log_head.c.size)).all():
        for seq, entry in _outcomes(connection, log_id, wanted):
            if entry.facts.get("released") and which(entry.facts):
                _add(found, entry)
                concerned.add(entry.id.bytes)
            if seq % PAGE == 0:
                progress(seq, size)
    _persons(connection, concerned, found)
    return found


def _outcomes(connection: Connection, log_id: int, wanted: Wanted) -> Iterator[tuple[int, Entry]]:
    query = select(audit_search.c.seq, log_entry.c.body).join(log_entry, SAME_PLACE)
    query = query.where(audit_search.c.log_id == log_id, audit_search.c.kind == OUTCOME, *conditions(log_id, wanted))
    query, seq = query.order_by(audit_search.c.seq).limit(PAGE), -1
    while page := connection.execute(query.where(audit_search.c.seq > seq)).all():
        yield from ((row.seq, Entry.from_body(bytes(row.body))) for row in page)
        seq = page[-1].seq


def _add(found: Scope, entry: Entry) -> None:
    facts = entry.facts
    released, lines = facts.get("released"), facts.get("lines")
    found.exchanges += 1
    found.lines += lines if isinstance(lines, int) else 0
    found.fields.update(map(str, released) if isinstance(released, list) else ())
    found.recipients[str(facts.get("provider" if facts.get("action") in HANDED_OVER else "consumer"))] += 1
    found.agreements[str(facts.get("agreement"))] += 1
    found.first = min(entry.at, found.first or entry.at)
    found.last = max(entry.at, found.last or entry.at)


def _persons(connection: Connection, concerned: set[bytes], found: Scope) -> None:
    """The index in its own order; asking it entry by entry would take hours."""
    last = ("", b"")
    table = audit_subject.c
    query = select(table.subject_ref, table.entry_id).order_by(table.subject_ref, table.entry_id).limit(20 * PAGE)
    while concerned:
        page = connection.execute(query.where(tuple_(table.subject_ref, table.entry_id) > tuple_(*last))).all()
        found.persons.update(row.subject_ref for row in page if bytes(row.entry_id) in concerned)
        if not page:
            return
        last = (page[-1].subject_ref, bytes(page[-1].entry_id))
