"""The message to data-protection officers that an emergency was used: to where systems of the two members take it.

A system registers an address under the name `emergency`, as for any other service. The message names the exchange and
the agreement, never the person and never the reason.
"""

from dataclasses import dataclass

from adapters.kit.contract import AgencyError
from consent import member_of

from ..db import Database
from ..delivery import jobs
from ..gate import utc_now
from ..receivers import Receivers, own_event
from ..trust.trust import Trust
from .emergencies import JOB, Emergencies, Use


@dataclass(frozen=True, slots=True)
class EmergencyNotices:
    """Runs the jobs of kind `emergency`."""

    db: Database
    trust: Trust
    receivers: Receivers
    emergencies: Emergencies

    async def run(self, claimed: jobs.Job) -> None:
        """Tell every address of the two members. Safe to run twice: receivers tell repeats by the message's id."""
        use = await self.emergencies.read(claimed.ref)
        members = {member_of(use.consumer), member_of(use.provider)}
        known = (await self.trust.register()).systems
        try:
            for system in sorted(each for each in known if member_of(each) in members):
                if callback := await self.receivers.callback(system, JOB):
                    await callback.send("notify", _message(use), message_id=f"{JOB}:{use.exchange_id}")
        except AgencyError as error:
            async with self.db.write() as connection:
                await jobs.retry(connection, claimed, error.code or "source_down", now=utc_now().timestamp())
            return
        async with self.db.write() as connection:
            await jobs.finish(connection, claimed.kind, claimed.ref)


def _message(use: Use) -> dict[str, object]:
    record = {
        "exchange_id": use.exchange_id,
        "consumer": use.consumer,
        "provider": use.provider,
        "service": use.service,
        "purpose": use.purpose,
        "agreement": f"{use.agreement} v{use.agreement_version}",
        "used_at": use.used_at.isoformat(),
        "review_due": use.due_at.isoformat(),
    }
    return own_event(JOB, use.exchange_id, use.used_at, record)
