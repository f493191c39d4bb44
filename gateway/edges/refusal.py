"""Refusals and outages of an edge itself, in words that every surface can shape."""

from typing import Final

from sqlalchemy.exc import DataError, DBAPIError, IntegrityError, NotSupportedError, ProgrammingError
from sqlalchemy.exc import TimeoutError as PoolEmpty

from audit import LogUnavailable

from ..db import DatabaseBusy

OUTAGES: Final = (LogUnavailable, DatabaseBusy, DBAPIError, PoolEmpty, ConnectionError)
"""What a log or a database raises that cannot be read or written now; `is_outage` sorts our own mistakes out."""
MISTAKES = (IntegrityError, DataError, ProgrammingError, NotSupportedError)
OUT_OF_ORDER = "The log or the database cannot be used now, so nothing was exchanged; try again."


class ProblemError(Exception):
    """`code` is one of `v1.problems.CODES`; `detail` says what to do and holds no value that was sent. `after_s` says
    in how many seconds to come again, where that is known better than for the code in general."""

    def __init__(self, code: str, detail: str, *, after_s: int | None = None) -> None:
        super().__init__(code)
        self.code = code
        self.detail = detail
        self.after_s = after_s


def is_outage(error: BaseException) -> bool:
    """Whether repeating the request later may succeed: the store is at fault, not the statement."""
    return isinstance(error, OUTAGES) and not isinstance(error, MISTAKES)
