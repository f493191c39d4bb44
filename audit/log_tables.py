"""Reading one log's tables, with a dead database told apart from a missing entry."""

from collections.abc import Callable
from typing import TypeVar

from sqlalchemy import Connection
from sqlalchemy.exc import DBAPIError

from .errors import LogUnavailable
from .store import Store

T = TypeVar("T")


class LogTables:
    """Reads the tables of the log `log_id`."""

    def __init__(self, store: Store, log_id: int) -> None:
        self.store = store
        self.log_id = log_id

    async def of_log(self, work: Callable[[Connection, int], T]) -> T:
        """What `work(connection, log_id)` reads.

        Raises:
            LogUnavailable: the database cannot be read.
        """
        return await self.of_all(lambda connection: work(connection, self.log_id))

    async def of_all(self, work: Callable[[Connection], T]) -> T:
        """What `work(connection)` reads; raises as `of_log` does."""
        try:
            return await self.store.read(work)
        except (DBAPIError, OSError):
            raise LogUnavailable("the log's database cannot be read; try again") from None
