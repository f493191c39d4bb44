"""The one place that picks implementations and joins them: plain arguments, no container."""

import fcntl
import logging
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager, nullcontext
from dataclasses import dataclass
from datetime import date, timedelta

from adapters.kit import manifest
from adapters.kit.base import NotConfigured
from adapters.kit.contract import Adapter
from adapters.kit.egress import BadListing, Dialler
from adapters.kit.guarded import dialled
from adapters.kit.opening import open_adapter
from audit import Log
from consent import FactsSource

from .agency_quota import AgencyQuota
from .call_limits import shares_of
from .catalogue import Catalogue, Offer, adapter_folders
from .connectors import Connected, Hub
from .db import Database
from .delivery.batches import Batches
from .delivery.callbacks import Callbacks
from .delivery.campaigns import Campaigns
from .delivery.deliveries import Deliveries
from .delivery.transactions import Transactions
from .delivery.waiting import Waiting
from .delivery.worker import Worker
from .durable import Durable, durable_work
from .edges.mediator.pushing import Pushing
from .edges.mediator.rooms import JOB as PUSH
from .edges.mediator.rooms import Store as Rooms
from .erasing import JOB as ERASURE
from .erasure_notices import ErasureNotices
from .events.subscriptions import Subscriptions
from .events.telling import Events
from .gate import Gate, utc_now
from .kept_answers import KeptAnswers
from .kept_details import KeptDetails, vault_of
from .key_care import key_care
from .log_keeper import LogKeeper, open_keeper, open_log
from .migrations import upgraded
from .oversight.oversight import Oversight, overseeing
from .people import People
from .profile import Profile, load_profile
from .receivers import Receivers
from .registration import releasing
from .registration.live import LiveAdapters
from .registration.planned import Planned
from .registration.registration import Registration
from .settings import SettingError, Settings
from .spending import Spending
from .token_agreements import TokenAgreements
from .trust import callbacks
from .trust.callbacks import CallbackProofs
from .trust.key_sets import KeySets
from .trust.limits import Shares
from .trust.person import PersonRef
from .trust.trust import Trust
from .wires import SystemWire

logger = logging.getLogger("sandhi")

FEWEST_CONNECTIONS = 8


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
    worker: Worker
    people: People
    shares: Shares
    keeper: LogKeeper
    oversight: Oversight
    details: KeptDetails
    durable: Durable
    registration: Registration
    hub: Hub
    connected: Mapping[str, str]

    @property
    def deliveries(self) -> Deliveries:
        """Records on their way to receivers."""
        return self.durable.deliveries

    @property
    def batches(self) -> Batches:
        """Questions about many people."""
        return self.durable.batches

    @property
    def subscriptions(self) -> Subscriptions:
        """Who wants to be told of which events."""
        return self.durable.subscriptions

    @property
    def callbacks(self) -> Callbacks:
        """Messages of ours to registered systems."""
        return self.durable.callbacks

    @property
    def transactions(self) -> Transactions:
        """Messages that are answered later."""
        return self.durable.transactions

    @property
    def waiting(self) -> Waiting:
        """Exchanges whose agency answers later."""
        return self.durable.waiting

    @property
    def events(self) -> Events:
        """Events on their way to subscribers."""
        return self.durable.events

    @property
    def campaigns(self) -> Campaigns:
        """Batches that stretch over days."""
        return self.durable.campaigns

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
    dialler = _dialler(settings)
    db = Database(settings.database_url, connections=_connections(settings))
    try:
        await upgraded(db)
        await _warn_of_little_room(db)
        trust = Trust(db, settings.data_dir / "keys", settings["PUBLIC_URL"], care=key_care(settings))
        trust.endpoint.agreed = TokenAgreements(db, profile)
        log = await open_log(settings, trust.keys, db.engine, db.write_lock)
        trust.fetch_keys_with(KeySets(db, log, trust.directory, dialler))
        trust.may_dial = dialler.check_url
        trust.callback_proofs = CallbackProofs(dialled(dialler, callbacks.LIMITS), trust.origin)
        services = await _joined(settings, profile, db, trust, log, dialler)
        try:
            yield services
        finally:
            await services.facts.close()
            await services.oversight.misses.settled()
            await services.registration.live.close()
            await dialler.close()
            await log.close()
    finally:
        await db.close()


def _connections(settings: Settings) -> int:
    found = settings.number("DATABASE_CONNECTIONS", 1000)
    if found < FEWEST_CONNECTIONS:
        raise SettingError(
            f"SANDHI_DATABASE_CONNECTIONS is {FEWEST_CONNECTIONS} or more; with fewer, work waits for work"
        )
    return int(found)


async def _warn_of_little_room(db: Database) -> None:
    """Before the connections are needed, while somebody looks at the start."""
    room = await db.room()
    if room is not None and room < db.connections:
        logger.warning(
            "PostgreSQL has room for %d more connections, and this process may open %d: raise its max_connections, or "
            "set SANDHI_DATABASE_CONNECTIONS lower",
            room,
            db.connections,
        )


async def _joined(
    settings: Settings, profile: Profile, db: Database, trust: Trust, log: Log, dialler: Dialler
) -> Services:
    await trust.register()
    person_ref = PersonRef(profile.raw, trust.keys.pepper)
    facts = FactsSource(db.read)
    receivers = Receivers(trust, dialler, profile.gateway)
    hub = Hub()
    catalogue = Catalogue(linked(settings, profile, dialler, trust, hub), receivers.offer)
    vault = vault_of(trust.keys.pepper)
    oversight = overseeing(settings, db, log, vault, catalogue)
    kept = timedelta(days=settings.number("DETAILS_KEPT_DAYS", 36500))
    details = KeptDetails(db, log, vault, kept)
    planned = Planned()
    meter = AgencyQuota(db, profile.zone, utc_now, settings.adapter, planned)
    for offer in catalogue:
        meter.limits(offer)  # a number that is none is found at the start
    gate = Gate(
        catalogue=catalogue,
        facts_of=facts.of,
        facts_of_many=facts.of_many,
        log=log,
        person_ref=person_ref,
        deadline_s=settings.number("EXCHANGE_DEADLINE"),
        spend=Spending(db, profile.zone),
        break_glass=oversight.emergencies,
        count_misses=oversight.misses,
        meter=meter,
        answer_cache=KeptAnswers(db, trust.seal, person_ref, utc_now),
        floor_s=settings.number("HIDDEN_FLOOR_MS", 1000) / 1000,
        keep=details,
    )
    kept_s = settings.number("RESULTS_KEPT_HOURS") * 3600
    durable = durable_work(db, log, gate, trust, receivers, profile, kept_s)
    others = {ERASURE: ErasureNotices(db, receivers).run, **oversight.handlers(trust, receivers)}
    others |= {PUSH: Pushing(db, Rooms(log, trust.seal), trust, dialler).run}
    further = {releasing.KIND: releasing.kind()}
    people = People(db, log, trust, settings, profile, dialler=dialler, person_ref=person_ref, further=further)
    return Services(
        settings=settings,
        profile=profile,
        db=db,
        trust=trust,
        log=log,
        catalogue=catalogue,
        dialler=dialler,
        person_ref=person_ref,
        facts=facts,
        gate=gate,
        worker=durable.worker(others),
        people=people,
        shares=shares_of(settings),
        keeper=await open_keeper(settings, trust.keys, log, dialler, utc_now()),
        oversight=oversight,
        details=details,
        durable=durable,
        registration=await _registered(settings, db, log, trust, catalogue, dialler, hub, planned),
        hub=hub,
        connected={name: profile.providers[name] for name in settings.names("CONNECTORS") if name in profile.providers},
    )


async def _registered(
    settings: Settings,
    db: Database,
    log: Log,
    trust: Trust,
    catalogue: Catalogue,
    dialler: Dialler,
    hub: Hub,
    planned: Planned,
) -> Registration:
    live = LiveAdapters(db, log, catalogue, dialler, trust, settings.data_dir / "adapters", hub, planned)
    await live.renewed()
    return Registration(db, log, trust, live, dialler, frozenset(adapter_folders(settings)))


def linked(settings: Settings, profile: Profile, dialler: Dialler, trust: Trust, hub: Hub) -> list[Offer]:
    """An offer for each service of each adapter folder; without a link where its settings are missing."""
    offers: list[Offer] = []
    unset: list[str] = []
    for name, folder in adapter_folders(settings).items():
        provider = profile.providers.get(name)
        if provider is None:
            logger.warning("adapter %s is left out: the profile names no system that it speaks for", name)
            continue
        adapter: Adapter | None = None
        try:
            if name in settings.names("CONNECTORS"):
                adapter = Connected(folder, hub, trust, provider)
            elif name not in settings.names("WITHOUT"):
                adapter = open_adapter(folder, settings.adapter, dialler, SystemWire(trust, provider))
        except NotConfigured as error:
            begun = any(settings.has(each) for each in manifest.load(folder).settings_needed())
            logger.log(logging.INFO if begun else logging.DEBUG, "no link to %s: %s", name, error)
            unset += [] if begun else [name]
        offers += [Offer(service, provider, adapter) for service in manifest.load(folder).services.values()]
    if unset:
        logger.info("no link to %d agencies that nothing is set for; SANDHI_LOG_LEVEL=DEBUG names them", len(unset))
    return offers


def _dialler(settings: Settings) -> Dialler:
    try:
        return Dialler(settings.names("ALLOWED_HOSTS"))
    except BadListing as error:
        raise SettingError(f"SANDHI_ALLOWED_HOSTS: {error}") from None
