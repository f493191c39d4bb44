"""What a serving process does beside answering: one loop per duty, each survives its own failures."""

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime, timedelta

from sqlalchemy.exc import SQLAlchemyError

from adapters.kit.contract import StateTold, TellsStates
from audit import Log, SignerRefused

from .data_lives import DataLives
from .db import DatabaseBusy
from .delivery import jobs, letters
from .delivery.outbox import note
from .delivery.recovery import close_open_intents, take_over_leases
from .edges.dci import seen
from .edges.mediator.pushing import pushing_of
from .erasing import Erasing
from .gate import utc_now
from .kept_answers import forget_over
from .normalising import Unmapped
from .review.running import review_now, settings_noted
from .trust.trust import Trust
from .wal import WalCheckpointer
from .wiring import Services

logger = logging.getLogger("sandhi")

HOUSEKEEPING_S = 300.0
USES_S = 30.0
FETCH_S = 15.0


@asynccontextmanager
async def working(services: Services) -> AsyncIterator[None]:
    """What a serving process does beside answering: recover what died, run jobs, publish checkpoints."""
    await settings_noted(services, utc_now())
    if services.db.is_sqlite:  # the only process: whoever held a lease is gone
        await take_over_leases(services.db)
    closed = await close_open_intents(services.db, services.log, services.gate, before=_surely_dead(services))
    if closed:
        logger.warning("closed %s exchanges as unknown that the last stop cut", closed)
    tasks = [asyncio.create_task(keep_register_fresh(services.trust), name="register")]
    tasks += [asyncio.create_task(_publish(services.log), name="checkpoints")]
    tasks += [asyncio.create_task(services.registration.live.keep_fresh(), name="adapters")]
    tasks += [asyncio.create_task(services.keeper.watch.run(), name="witnesses")]
    codes = Unmapped(services.db, services.log, services.catalogue)
    tasks += [asyncio.create_task(codes.run(), name="unmapped codes")]
    tasks += [asyncio.create_task(_keep_house(services), name="housekeeping")]
    tasks += [asyncio.create_task(_fetch_keys(services.trust), name="key sets")]
    tasks += [asyncio.create_task(_note_uses(services.trust), name="uses")]
    tasks += [asyncio.create_task(_review(services), name="review")]
    tasks += [asyncio.create_task(_note_states(services, each), name="receipts") for each in _telling(services)]
    if services.db.is_sqlite:
        tasks.append(asyncio.create_task(WalCheckpointer(services.db).run(), name="WAL"))
    if services.settings["WORKER"] == "inside":
        tasks.append(asyncio.create_task(services.worker.run(), name="worker"))
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


def _surely_dead(services: Services) -> datetime | None:
    """Exchanges opened before this moment have no process any more; at the start on SQLite that is every one."""
    return None if services.db.is_sqlite else _long_over(services)


def _long_over(services: Services) -> datetime:
    """Nothing that is still at work was opened before this moment."""
    return utc_now() - timedelta(seconds=2 * float(services.settings["EXCHANGE_DEADLINE"]))


async def _publish(log: Log) -> None:
    """A checkpoint every second while the log grows. A signer that refuses ends it: a person has to look."""
    while True:
        try:
            await log.keep_published()
        except SignerRefused as error:
            logger.critical("no more checkpoints: %s", error)
            return
        except Exception:
            logger.exception("no checkpoint was published; trying again")
            await asyncio.sleep(1)


def _telling(services: Services) -> list[TellsStates]:
    """The adapters that hear later words by themselves, each once."""
    adapters: dict[int, object] = {id(offer.adapter): offer.adapter for offer in services.catalogue}
    return [each for each in adapters.values() if isinstance(each, TellsStates)]


async def _note_states(services: Services, adapter: TellsStates) -> None:
    """Later words on deliveries that an adapter hears by itself; one that cannot be kept now is kept with the next."""
    kept: list[StateTold] = []
    async for told in adapter.states():
        kept.append(told)
        try:
            async with services.db.write() as connection:
                for each in kept:
                    await note(connection, each.item, each.state, rank=each.rank, now=utc_now().timestamp())
            kept.clear()
        except (SQLAlchemyError, DatabaseBusy):
            logger.exception("a receipt could not be kept; trying again with the next")


async def _keep_house(services: Services) -> None:
    """Erase what has expired, and close what nobody will finish, every few minutes; no duty waits for another."""
    while True:
        for duty in (_forget_expired, _keep_log, _chase_erasures, _keep_durable, _look_after):
            try:
                await duty(services)
            except Exception:
                logger.exception("the house could not be kept (%s); trying again", duty.__name__)
        await asyncio.sleep(HOUSEKEEPING_S)


async def _forget_expired(services: Services) -> None:
    now = utc_now()
    await services.batches.erase_expired()
    await services.trust.messages.forget_expired()
    await seen.forget_expired(services.db, now)
    async with services.db.write() as connection:
        await jobs.forget_done(connection, before=(now - jobs.KEPT).timestamp())
    await services.details.expire(now)
    await pushing_of(services).expire(now)


async def _keep_log(services: Services) -> None:
    await close_open_intents(services.db, services.log, services.gate, before=_long_over(services))
    await services.keeper.rotate_if_due(utc_now())


async def _look_after(services: Services) -> None:
    await services.oversight.turn()


async def _keep_durable(services: Services) -> None:
    """Agencies that never answered, subscriptions whose time is over, messages and letters that nobody needs."""
    await services.waiting.overdue()
    await services.subscriptions.sweep()
    await services.transactions.erase_expired()
    await services.campaigns.erase_expired()
    await forget_over(services.db, utc_now())
    await services.events.forget_old()
    async with services.db.write() as connection:
        await letters.expire(connection, services.log, utc_now())


async def _chase_erasures(services: Services) -> None:
    """Consents and data lives that ended by themselves, and recipients who are late to erase."""
    erasing = Erasing(services.db, services.log)
    await erasing.sweep()
    await DataLives(services.db, services.log).sweep()
    await erasing.remind()


async def _review(services: Services) -> None:
    """Look for findings, make the reports that are due, issue last month's statements."""
    while True:
        await asyncio.sleep(HOUSEKEEPING_S)
        try:
            await review_now(services, utc_now())
        except Exception:
            logger.exception("the log was not reviewed; trying again")


async def _note_uses(trust: Trust) -> None:
    """Write how callers proved themselves, every half minute and once more at the end; a call costs no write."""
    while True:
        try:
            await asyncio.sleep(USES_S)
        finally:
            try:
                await trust.uses.flush()
            except Exception:
                logger.exception("how callers proved themselves was not written; trying again")


async def _fetch_keys(trust: Trust) -> None:
    """Keep the key sets fresh that systems publish themselves."""
    while trust.key_sets:
        try:
            await trust.key_sets.keep_fresh(trust.clock())
        except Exception:
            logger.exception("published key sets were not fetched; trying again")
        await asyncio.sleep(FETCH_S)


async def keep_register_fresh(trust: Trust) -> None:
    """See other processes' changes of the register within a second, also while nobody calls."""
    while True:
        try:
            await trust.register()
        except (SQLAlchemyError, DatabaseBusy):
            logger.warning("the register cannot be read; what is remembered stays in force")
        except Exception:
            logger.exception("the register cannot be read; what is remembered stays in force")
        await asyncio.sleep(1)
