"""What a serving gateway does by itself for its reviewers: one turn of everything that is due."""

import logging
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from ..catalogue import adapter_folders
from . import adapters_changed, report_files, schedules, settings_changed, statements
from .rule_runner import mark, marked, rule_runner

if TYPE_CHECKING:
    from ..wiring import Services

logger = logging.getLogger("sandhi.review")

LOOKED = "looked"
EVERY = timedelta(hours=1)


async def review_now(here: "Services", now: datetime) -> None:
    """Reports and statements that are due, and once an hour the findings. Of several processes one does it.

    Raises:
        LogUnavailable, DatabaseBusy, SQLAlchemyError, OSError: nothing is lost; the next turn goes on.
    """
    folder = here.settings.data_dir / report_files.FOLDER
    zone = here.profile.zone
    await schedules.make_due(here.db, here.log, folder, now, sign=here.trust.sign_compact, zone=zone)
    await statements.issue_due(here.db, here.log, here.trust.sign_compact, now, zone)
    async with here.db.write() as connection:
        last = await marked(connection, LOOKED)
        if last and now - last < EVERY:
            return
        await mark(connection, LOOKED, now)
    if new := await rule_runner(here).run(now):
        logger.warning("%s new findings; see /v1/audit/findings or `sandhi audit findings list`", new)


async def settings_noted(here: "Services", now: datetime) -> None:
    """Write what differs from the last start. Raises LogUnavailable: then the gateway does not start."""
    key, settings = here.trust.keys.pepper, here.settings
    linked = adapters_changed.states(adapter_folders(settings), here.catalogue, settings.adapter, key)
    if others := await adapters_changed.note_changes(here.db, here.log, linked, now):
        logger.info("adapters that are linked otherwise than at the last start: %s", ", ".join(others))
    found = settings_changed.digests(settings, key)
    if changed := await settings_changed.note_changes(here.db, here.log, found, now):
        logger.info("settings that matter changed since the last start: %s", ", ".join(changed))
