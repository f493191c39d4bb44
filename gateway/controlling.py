"""Controls of providers change only together with their log entry, in one transaction."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from audit import Entry, Log, new_id
from consent import Control
from consent.control import KeptControl, end, place

from .db import Database
from .gate import utc_now

PLACED = {"stop": "consumer.stopped", "approve_each": "consumers.approved_each", "approval": "consumer.approved"}


@dataclass(frozen=True, slots=True)
class Controlling:
    """The way in for stops and approvals. The reason stays in the table: a free text may name a person."""

    db: Database
    log: Log
    clock: Callable[[], datetime] = utc_now

    async def placed(
        self, kind: str, provider: str, consumer: str, service: str, *, reason: str, by: str
    ) -> tuple[KeptControl, str]:
        """Place one; it counts at the next decision of every process. Gives the receipt too.

        Raises:
            ControlConflict: the same stands already.
        """
        now = self.clock()
        control = Control(str(new_id(now)), kind, provider, consumer, service)
        async with self.db.write() as connection:
            kept = await place(connection, control, reason=reason, by=by, now=now)
            entry = Entry(new_id(now), PLACED[kind], now, _facts(control, by))
            return kept, str(await self.log.append_in(connection, entry))

    async def ended(self, id_: str, *, member: str, by: str) -> str:
        """End one of this member's; gives the receipt.

        Raises:
            ControlUnknown: there is none.
        """
        now = self.clock()
        async with self.db.write() as connection:
            control = await end(connection, id_, member=member, by=by, now=now)
            entry = Entry(new_id(now), "control.ended", now, _facts(control, by) | {"kind": control.kind})
            return str(await self.log.append_in(connection, entry))


def _facts(control: Control, by: str) -> dict[str, object]:
    named: dict[str, object] = {"provider": control.provider, "consumer": control.consumer, "service": control.service}
    return {"by": by, "control": control.id} | {name: value for name, value in named.items() if value}
