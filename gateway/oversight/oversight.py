"""All of it joined, and what of it is done every few minutes."""

from dataclasses import dataclass
from datetime import timedelta

from audit import Log
from audit.details import Vault
from consent.quota import forget_spent

from ..catalogue import Catalogue
from ..db import Database
from ..delivery.worker import Handler
from ..gate import utc_now
from ..receivers import Receivers
from ..settings import Settings
from ..trust.trust import Trust
from . import ending
from .emergencies import JOB, Emergencies
from .ending import Ending
from .misses import Misses
from .notices import Notices
from .telling import EmergencyNotices


@dataclass(frozen=True, slots=True)
class Oversight:
    """What the gateway finds for people to look at."""

    db: Database
    emergencies: Emergencies
    misses: Misses
    notices: Notices
    ending: Ending

    def handlers(self, trust: Trust, receivers: Receivers) -> dict[str, Handler]:
        """What runs the kinds of jobs that come from here."""
        telling = EmergencyNotices(self.db, trust, receivers, self.emergencies)
        return {JOB: telling.run, ending.JOB: self.ending.run}

    async def turn(self) -> None:
        """Send notices that are due, say what is overdue, end what ran out, forget what is over."""
        await self.notices.turn()
        await self.emergencies.alarm()
        await self.ending.sweep()
        await self.misses.forget(utc_now())
        async with self.db.write() as connection:
            await forget_spent(connection, utc_now())


def overseeing(settings: Settings, db: Database, log: Log, vault: Vault, catalogue: Catalogue) -> Oversight:
    """Everything as the settings say.

    Raises:
        SettingError: a setting is no number, or out of its range.
    """
    within = timedelta(hours=settings.number("EMERGENCY_REVIEW_HOURS", 24 * 365))
    most, rate = int(settings.number("MISS_ALARM", 10**9)), settings.number("MISS_RATE", 1)
    return Oversight(
        db,
        Emergencies(db, log, vault, catalogue, within),
        Misses(db, log, most=most, rate=rate),
        Notices(db, log),
        Ending(db, log),
    )
