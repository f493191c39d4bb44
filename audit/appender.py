"""Commits batches to one log; on PostgreSQL in one round trip, as long as nobody else writes to it."""

from collections.abc import Sequence

from sqlalchemy.exc import DBAPIError

from .merkle import CompactRange
from .store import PostgresStore, Store
from .writing import Pending, Place, appending_from_head, in_one_statement


class Appender:
    """Remembers the head that it left. While it finds that head again, it is the only writer and need not lock first.

    Otherwise, and after every failure, it goes the long way: lock the head, look the ids up, insert, commit. Several
    processes at one log mostly go that way, where one statement would be tried in vain.
    """

    def __init__(self, store: Store, log_id: int) -> None:
        self._store = store
        self._log_id = log_id
        self._left: CompactRange | None = None
        self._alone = False

    async def commit(self, batch: Sequence[Pending]) -> list[Place]:
        """Append what is not there yet; the places are valid and durable on return.

        Raises:
            LogUnavailable, DBAPIError: nothing is known of the batch; committing it again is safe.
        """
        if self._left is not None and self._alone and isinstance(self._store, PostgresStore):
            places = await self._in_one_statement(self._store, self._left, batch)
            if places:
                return places
        done = await self._store.run(lambda dialect: appending_from_head(dialect, self._log_id, batch))
        self._alone = self._left == done.before
        self._left = done.after
        return done.places

    async def _in_one_statement(
        self, store: PostgresStore, head: CompactRange, batch: Sequence[Pending]
    ) -> list[Place] | None:
        self._alone = False
        statement, done = in_one_statement(store.dialect, self._log_id, head, batch)
        try:
            if not await store.once(*statement):
                return None
        except DBAPIError:  # an id is in the log already, or the connection was lost, and it may be by now
            return None
        self._left, self._alone = done.after, True
        return done.places
