"""The one place that picks implementations and joins them: plain arguments, no container."""

import asyncio
import fcntl
import logging
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager, nullcontext
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from sqlalchemy.exc import SQLAlchemyError

from adapters.kit import discovery, manifest
from adapters.kit.base import NotConfigured
from adapters.kit.egress import Dialler
from adapters.kit.opening import open_adapter
from audit import FileMemory, Log, LogUnavailable, Signer, SignerRefused
from consent import FactsSource

from .catalogue import Catalogue, Offer
from .db import Database, DatabaseBusy
from .delivery import jobs
from .delivery.batches import Batches
from .delivery.deliveries import Deliveries
from .delivery.recovery import close_open_intents, take_over_leases
from .delivery.worker import Worker
from .edges.dci.subscriptions import Subscriptions
from .gate import Gate, utc_now
from .migrations import upgraded
from .profile import Profile, load_profile
from .receivers import Receivers
from .settings import SettingError, Settings
from .trust.person import PersonRef
from .trust.trust import Trust

logger = logging.getLogger("sandhi")

HOUSEKEEPING_S = 300.0
JOBS_KEPT = timedelta(days=7)


@dataclass(frozen=True, slots=True)
class Services:
    """Everything a running gateway has; edges and commands take what they need from here."""

    settings: Settings
    profile: Profile
    db: Database
    trust: Trust
    log: Log
    catalogue: Catalogue
    dialler: Dialler
    person_ref: PersonRef
    facts: FactsSource
    gate: Gate
    deliveries: Deliveries
    batches: Batches
    subscriptions: Subscriptions
    worker: Worker

    def wake(self) -> None:
        """Let the worker look for new work at once."""
        self.deliveries.wake.set()

    def today(self) -> date:
        """The calendar day in the country."""
        return self.profile.today(utc_now())


@asynccontextmanager
async def open_services(settings: Settings | None = None, *, writing: bool = False) -> AsyncIterator[Services]:
    """Open everything, and close it again. Commands and the server use the same way in.

    Args:
        writing: what follows changes the database, so on SQLite no other process may do so meanwhile.

    Raises:
        SettingError, ProfileError, KeyFileBroken, UnsafeDurability: the text says what to mend.
    """
    settings = settings or Settings.read()
    with only_writer(settings) if writing else nullcontext():
        async with _opened(settings) as services:
            yield services


@contextmanager
def only_writer(settings: Settings) -> Iterator[None]:
    """Hold the data directory of an embedded database: a second writer would break the order of the log.

    Raises:
        SettingError: another process holds it.
    """
    if not settings.database_url.startswith("sqlite"):
        yield
        return
    with (settings.data_dir / "serve.lock").open("w", encoding="ascii") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise SettingError(
                f"a gateway is running on {settings.data_dir}, and SQLite is for one process; use the gateway's API, "
                "stop it first, or choose another SANDHI_DATA_DIR"
            ) from None
        yield


@asynccontextmanager
async def _opened(settings: Settings) -> AsyncIterator[Services]:
    profile = load_profile(settings["PROFILE"])
    settings.claim_data_dir()
    db = Database(settings.database_url)
    try:
        await upgraded(db)
        trust = Trust(db, settings.data_dir / "keys", settings["PUBLIC_URL"])
        log = await Log.open(db.engine, _signer(settings, trust), write_lock=db.write_lock)
        dialler = Dialler(settings.names("ALLOWED_HOSTS"))
        services = await _joined(settings, profile, db, trust, log, dialler)
        try:
            yield services
        finally:
            await services.facts.close()
            await dialler.close()
            await log.close()
    finally:
        await db.close()


async def _joined(
    settings: Settings, profile: Profile, db: Database, trust: Trust, log: Log, dialler: Dialler
) -> Services:
    await trust.register()
    person_ref = PersonRef(profile.raw, trust.keys.pepper)
    facts = FactsSource(db.read)
    receivers = Receivers(trust, dialler, profile.gateway)
    catalogue = Catalogue(linked(settings, profile, dialler, trust), receivers.offer)
    deadline = float(settings["EXCHANGE_DEADLINE"])
    gate = Gate(catalogue, facts.of, facts.of_many, log, person_ref, deadline)
    wakes = {jobs.LIVE: asyncio.Event(), jobs.BULK: asyncio.Event()}
    deliveries = Deliveries(db, gate, trust.seal, wakes[jobs.LIVE])
    kept_s = float(settings["RESULTS_KEPT_HOURS"]) * 3600
    batches = Batches(db, gate, trust.seal, wakes[jobs.BULK], kept_s)
    subscriptions = Subscriptions(db, trust, log, receivers, catalogue)
    handlers = {
        "delivery": deliveries.run,
        "batch": batches.run,
        "confirm": subscriptions.confirm,
        "subscribe": subscriptions.subscribe,
    }
    given_up = {"batch": batches.give_up, "delivery": deliveries.give_up}
    worker = Worker(db, handlers, wakes, lambda: utc_now().timestamp(), given_up)
    return Services(
        settings,
        profile,
        db,
        trust,
        log,
        catalogue,
        dialler,
        person_ref,
        facts,
        gate,
        deliveries,
        batches,
        subscriptions,
        worker,
    )


@asynccontextmanager
async def working(services: Services) -> AsyncIterator[None]:
    """What a serving process does beside answering: recover what died, run jobs, publish checkpoints."""
    if services.db.is_sqlite:  # the only process: whoever held a lease is gone
        await take_over_leases(services.db)
    closed = await close_open_intents(services.db, services.log, services.gate, before=_surely_dead(services))
    if closed:
        logger.warning("closed %s exchanges as unknown that the last stop cut", closed)
    tasks = [asyncio.create_task(keep_register_fresh(services.trust), name="register")]
    tasks += [asyncio.create_task(_publish(services.log), name="checkpoints")]
    tasks += [asyncio.create_task(_keep_house(services), name="housekeeping")]
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


async def _keep_house(services: Services) -> None:
    """Erase what has expired, and close what nobody will finish, every few minutes."""
    while True:
        try:
            await services.batches.erase_expired()
            async with services.db.write() as connection:
                await jobs.forget_done(connection, before=(utc_now() - JOBS_KEPT).timestamp())
            await close_open_intents(services.db, services.log, services.gate, before=_long_over(services))
        except (SQLAlchemyError, DatabaseBusy, LogUnavailable):
            logger.exception("the house could not be kept; trying again")
        await asyncio.sleep(HOUSEKEEPING_S)


async def keep_register_fresh(trust: Trust) -> None:
    """See other processes' changes of the register within a second, also while nobody calls."""
    while True:
        try:
            await trust.register()
        except (SQLAlchemyError, DatabaseBusy):
            logger.warning("the register cannot be read; what is remembered stays in force")
        await asyncio.sleep(1)


def linked(settings: Settings, profile: Profile, dialler: Dialler, trust: Trust) -> list[Offer]:
    """An offer for each service of each adapter folder; without a link where its settings are missing."""
    folders = discovery.discover()
    if settings["ADAPTERS_DIR"]:
        folders |= discovery.discover(Path(settings["ADAPTERS_DIR"]))
    offers: list[Offer] = []
    for name, folder in folders.items():
        provider = profile.providers.get(name)
        if provider is None:
            logger.warning("adapter %s is left out: the profile names no system that it speaks for", name)
            continue
        adapter = None
        try:
            if name not in settings.names("WITHOUT"):
                adapter = open_adapter(folder, settings.adapter, dialler, signer=trust.sign_envelope)
        except NotConfigured as error:
            logger.info("no link to %s: %s", name, error)
        offers += [Offer(service, provider, adapter) for service in manifest.load(folder).services.values()]
    return offers


def _signer(settings: Settings, trust: Trust) -> Signer:
    key = Ed25519PrivateKey.from_private_bytes(trust.keys.log_seed)
    return Signer(settings.log_origin, key, FileMemory(settings.data_dir / "keys" / "log.signed"))
