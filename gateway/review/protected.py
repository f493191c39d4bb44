"""What became of the details that stand beside an exchange: kept, erased, or never there. The log tells which."""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import Connection

from audit import Entry, Wanted
from audit.details import FACT
from audit.lookup import find, search

from .search import Exchange

ERASED, EXPIRED = "details.erased", "details.expired"
MOST = 10
"""So many erasures are told one by one; where there were more, nobody can say which it was."""
START = (0, -1)


def committed(exchange: Exchange) -> list[Entry]:
    """Its entries that commit to details: none where the caller wrote nothing that could identify somebody."""
    return [each for each in exchange.entries if each.facts.get(FACT)]


def erasures(connection: Connection, since: datetime, until: datetime) -> Sequence[Entry]:
    """The entries of which one erased it, oldest first; none where they are too many.

    An entry of an erasure on request only commits to whom or what it was about, so each of them may be it; what was
    kept as long as it may be went with the first expiry after that.

    Args:
        connection: to the log.
        since: when the details were kept.
        until: until when they may be.
    """
    asked = search(connection, Wanted(kind=ERASED, since=since, limit=MOST + 1))
    over = search(connection, Wanted(kind=EXPIRED, since=until, after=START, limit=1))
    entries = [each.entry for each in find(connection, [each.entry_id for each in (*asked, *over)])]
    told = [each for each in entries if not over or each.at <= over[0].at]
    return told if len(told) <= MOST else ()
