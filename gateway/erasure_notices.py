"""The message to a recipient that it has to erase something: signed, to where it registered to be told.

A system registers an address under the name `erasure`, as for any other service; others read `GET /v1/erasures`.
"""

from dataclasses import dataclass
from datetime import datetime

from adapters.kit.contract import AgencyError
from consent import erasures
from consent.erasures import Erasure

from .db import Database
from .delivery import jobs
from .gate import utc_now
from .receivers import Receivers, own_event

SERVICE = "erasure"


@dataclass(frozen=True, slots=True)
class ErasureNotices:
    """Runs the jobs of kind `erasure`."""

    db: Database
    receivers: Receivers

    async def run(self, claimed: jobs.Job) -> None:
        """Tell one recipient; what is acknowledged meanwhile needs no more telling. Safe to run twice."""
        async with self.db.read() as connection:
            each = await erasures.read_erasure(connection, int(claimed.ref.partition(":")[0]))
        callback = await self.receivers.callback(each.recipient, SERVICE)
        if callback is not None and each.acknowledged_at is None:
            try:
                await callback.send(
                    "notify", _message(each, claimed.ref, utc_now()), message_id=f"{SERVICE}:{claimed.ref}"
                )
            except AgencyError as error:
                async with self.db.write() as connection:  # after the last try, the recipient is asked when it is late
                    await jobs.retry(connection, claimed, error.code or "source_down", now=utc_now().timestamp())
                return
        async with self.db.write() as connection:
            await jobs.finish(connection, claimed.kind, claimed.ref)


def _message(each: Erasure, reference: str, now: datetime) -> dict[str, object]:
    record: dict[str, object] = {
        "erasure": each.number,
        "cause": each.cause,
        "exchanges": list(each.exchanges),
        "due": each.due_at.isoformat(),
        "standing": each.standing(now),
        "acknowledge": f"/v1/erasures/{each.number}/acknowledge",
    } | ({"agreement": each.agreement} if each.agreement else {})
    return own_event(SERVICE, reference, now, record)
