"""Declared relationships change only together with their log entry, in one transaction.

An entry holds ids and words, never a person: whom a relationship is about goes to the log's erasable table beside it.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime

from audit import Entry, Log, new_id
from consent import Relationship
from consent import register as consent_register
from consent.relating import end_own, record_relationships

from .db import Database
from .gate import utc_now
from .recording import LINES_AN_ENTRY, Told


@dataclass(frozen=True, slots=True)
class Relating:
    """The way in for every change of a relationship."""

    db: Database
    log: Log
    clock: Callable[[], datetime] = utc_now

    async def declared(self, relationships: Sequence[Relationship], *, by: str) -> list[Told]:
        """Record any number, in transactions of 500; what was recorded before is `unchanged`.

        Raises:
            ConsentConflict: the same ids are being recorded by another process; send them again.
        """
        told: list[Told] = []
        for start in range(0, len(relationships), LINES_AN_ENTRY):
            told += await self._some(relationships[start : start + LINES_AN_ENTRY], by)
        return told

    async def _some(self, relationships: Sequence[Relationship], by: str) -> list[Told]:
        async with self.db.write() as connection:
            now, receipt = self.clock(), ""
            outcomes = await record_relationships(connection, relationships, now)
            paired = list(zip(relationships, outcomes, strict=True))
            fresh = [each for each, outcome in paired if outcome == consent_register.RECORDED]
            if fresh:
                facts = {"by": by, "count": len(fresh), "relationships": [each.id for each in fresh]}
                about = tuple({each.subject_ref: None for each in fresh})
                entry = Entry(new_id(now), "relationship.declared", now, facts, about)
                receipt = str(await self.log.append_in(connection, entry))
        return [
            Told(each.id, outcome, receipt if outcome == consent_register.RECORDED else "") for each, outcome in paired
        ]

    async def ended(self, id_: str, *, by: str) -> Told:
        """End one that this member holds; counts from the next decision on.

        Raises:
            RelationshipUnknown: it holds none of this id.
        """
        async with self.db.write() as connection:
            now = self.clock()
            gone = await end_own(connection, id_, by, now)
            if gone is None:
                return Told(id_, consent_register.UNCHANGED)
            facts = {"by": by, "relationship": id_}
            entry = Entry(new_id(now), "relationship.ended", now, facts, (gone.subject_ref,))
            return Told(id_, "ended", str(await self.log.append_in(connection, entry)))
