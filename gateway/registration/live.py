"""What runs here now: the registered adapters as the database has them, renewed within a second of any change.

Every process looks at one number twice a second; a change rebuilds the offers and puts them into the catalogue in one
assignment. Exchanges under way keep the version they have; a version that runs no more is closed, which closes its idle
connections and cuts none. What cannot be opened is an offer without a link, as with the built-in ones.
"""

import asyncio
import logging
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from pathlib import Path

from sqlalchemy.exc import SQLAlchemyError

import schemas
from adapters.kit import golden, manifest, opening, strict_json
from adapters.kit.base import BaseAdapter, NotConfigured
from adapters.kit.contract import Adapter, AgencyError, AnswersLater, Service
from adapters.kit.egress import Dialler
from adapters.kit.mapping import MappingError
from adapters.kit.untrusted import ProgramRefused
from audit import Entry, Log, LogUnavailable

from ..catalogue import Catalogue, Offer
from ..connectors import Connected, Hub
from ..db import Database, DatabaseBusy
from ..trust.errors import SealBroken
from ..trust.evidence import entry
from ..trust.trust import Trust
from ..wires import SystemWire
from . import drift, folder, inputs, store
from .planned import Planned
from .steps import RUNNING
from .store import Registered, Version, Window
from .versioned import Running, VersionedAdapter, VersionedAdapterLater

logger = logging.getLogger("sandhi.registration")

LOOK_S = 0.5
COUNT_EVERY = 10  # looks
DRIFT_ALARM = "drift_alarm"

UNUSABLE = (
    NotConfigured,
    manifest.ManifestError,
    MappingError,
    ProgramRefused,
    schemas.SchemaError,
    golden.GoldenError,
    strict_json.StrictError,
    SealBroken,
    OSError,
)
"""What a stored version may break today though it was good once: a rule, a converter or a key of ours has gone."""

Key = tuple[str, int, str, str]  # adapter, version, digest, inputs


class LiveAdapters:
    """Opened once for the life of the process."""

    def __init__(
        self,
        db: Database,
        log: Log,
        catalogue: Catalogue,
        dialler: Dialler,
        trust: Trust,
        root: Path,
        hub: Hub,
        planned: Planned,
    ) -> None:
        """
        Args:
            root: where folders are kept on this machine, below their digests.
            hub: where connectors dial in.
            planned: is told of the outages of the installation's own adapters.
        """
        self._db, self._log, self._catalogue, self._dialler, self._trust = db, log, catalogue, dialler, trust
        self.root, self._hub, self._planned = root, hub, planned
        self.connected: Mapping[str, str] = {}  # adapters that an agency runs itself -> the system they speak for
        self.files_inside: frozenset[tuple[str, str]] = frozenset()  # (adapter, digest) that may dial in
        self.clock: Callable[[], datetime] = trust.clock
        self.counted: Counter[tuple[str, int, str]] = Counter()
        self._generation = -1
        self._opened: dict[Key, Running] = {}
        self.adapters: list[VersionedAdapter] = []
        self._turn = asyncio.Lock()

    async def renewed(self) -> bool:
        """Look whether anything changed, and if so let it run; gives whether it did."""
        async with self._turn:
            async with self._db.read() as connection:
                generation = await store.generation(connection)
                if generation == self._generation:
                    return False
                known = {each.id: each for each in await store.adapters(connection)}
                versions = await store.live_versions(connection, RUNNING)
                windows = await store.windows(connection, self.clock())
                # an adapter that runs no more is an offer without a link: callers shall not think that they misspelt it
                gone = await store.live_versions(connection, ("retired", "superseded", "withdrawn"))
                waiting = await store.live_versions(connection, ("proposed", "tested"))
            inside = [each for each in (*versions, *waiting) if each.connector]
            self.connected = {name: known[name].system for name in sorted({each.adapter for each in inside})}
            self.files_inside = frozenset((each.adapter, each.digest) for each in inside)
            self._planned.windows = tuple(each for each in windows if each.adapter not in known)
            await self._run(known, versions, windows, gone)
            self._generation = generation
            return True

    async def keep_fresh(self) -> None:
        """See every process's changes within a second, and write what was counted."""
        looks = 0
        while True:
            try:
                await self.renewed()
                looks += 1
                if looks % COUNT_EVERY == 0:
                    await self.write_counts()
            except Exception:
                logger.exception("registered adapters cannot be read; those that run stay as they are")
            await asyncio.sleep(LOOK_S)

    async def write_counts(self) -> None:
        """Add what was counted to the database, and raise the alarms that are due."""
        taken, day = dict(self.counted), self.clock().date().isoformat()
        alarming = [
            (each.id, version) for each in self.adapters for version in _answering(each) if version.drift.alarming
        ]
        if not taken and not alarming:
            return
        self.counted.subtract(taken)
        for key in [key for key, times in self.counted.items() if not times]:
            del self.counted[key]
        try:
            async with self._db.write() as connection:
                for (adapter, number, what), times in sorted(taken.items()):
                    row = {"adapter": adapter, "number": number, "day": day, "what": what, "times": times}
                    await connection.execute(store.ADD, row)
                for adapter, running in alarming:
                    row = {"adapter": adapter, "number": running.number, "day": day, "what": DRIFT_ALARM}
                    if (await connection.execute(store.FIRST, row)).rowcount:
                        await self._log.append_in(connection, _alarm(adapter, running, self.clock()))
                        logger.critical("answers of %s changed their shape; see its counts", adapter)
        except BaseException:
            self.counted.update(taken)
            raise

    async def close(self) -> None:
        """Let shadows end, write what was counted, close what is open."""
        for adapter in self.adapters:
            await adapter.settled()
        try:
            await self.write_counts()
        except (SQLAlchemyError, DatabaseBusy, LogUnavailable):
            logger.warning("counts of registered adapters were not written")
        for each in self._opened.values():
            await each.close()

    async def _run(
        self,
        known: dict[str, Registered],
        versions: Sequence[Version],
        windows: Sequence[Window],
        gone: Sequence[Version],
    ) -> None:
        opened: dict[Key, Running] = {}
        offers: list[Offer] = []
        adapters: list[VersionedAdapter] = []
        for registered in known.values():
            mine = {each.state: each for each in versions if each.adapter == registered.id}
            running = {way: await self._opening(registered, each, opened) for way, each in mine.items()}
            planned = [each for each in windows if each.adapter == registered.id]
            active = running.get("active")
            link = None
            if active:
                beside = {way: running.get(way) for way in ("canary", "shadow")}
                kind = VersionedAdapterLater if isinstance(active.adapter, AnswersLater) else VersionedAdapter
                link = kind(registered.id, active, **beside, windows=planned, clock=self.clock, counted=self.counted)
                adapters.append(link)
            last = mine.get("active") or _last(gone, registered.id)
            told = last.conformance() if last else None
            offers += [Offer(each, registered.system, link, told) for each in await self._services(registered, last)]
        before, self._opened, self.adapters = self._opened, opened, adapters
        self._catalogue.put_registered(offers)
        for key in before.keys() - opened.keys():
            await before[key].close()

    async def _opening(self, registered: Registered, found: Version, opened: dict[Key, Running]) -> Running | None:
        key = (found.adapter, found.number, found.digest, found.inputs)
        running = self._opened.get(key)
        if running is None:
            try:
                running = await self._open(registered, found)
            except UNUSABLE as error:
                logger.warning("version %s of %s cannot be opened: %s", found.number, found.adapter, error)
                return None
        opened[key] = running
        return running if running.share == found.share else replace(running, share=found.share)

    async def _open(self, registered: Registered, found: Version) -> Running:
        home = await self.home(found)
        async with self._db.read() as connection:
            values = await inputs.opened(connection, self._trust.seal, found.inputs)
        dialler = self._dialler.apart()
        services = frozenset(each.id for each in manifest.load(home).services.values())
        if found.connector:  # what it brings is mapped already, so only the agency sees its own shape
            return Running(found.number, self.connected_to(home, registered.system, found.digest), services, dialler)
        adapter = opening.open_adapter(home, inputs.lookup(values), dialler, SystemWire(self._trust, registered.system))
        seen = drift.Drift(await asyncio.to_thread(_known, home, adapter))
        return Running(found.number, adapter, services, dialler, found.share, seen)

    def connected_to(self, home: Path, system: str, digest: str) -> Connected:
        """The adapter of a folder that the agency runs itself: it asks whichever connector of the system dials in with
        these very files."""
        return Connected(home, self._hub, self._trust, system, digest)

    async def home(self, found: Version) -> Path:
        """The version's folder on this machine. Raises OSError: it was altered, or cannot be written."""
        async with self._db.read() as connection:
            files = await store.files_of(connection, found)
        if folder.digest(files) != found.digest:
            raise OSError("the stored files are not those that were registered")
        return await asyncio.to_thread(folder.kept_at, self.root, found.adapter, files)

    async def _services(self, registered: Registered, found: Version | None) -> list[Service]:
        if found is None:
            return []
        try:
            return list(manifest.load(await self.home(found)).services.values())
        except (manifest.ManifestError, OSError) as error:
            logger.warning("version %s of %s cannot be read: %s", found.number, registered.id, error)
            return []


def _answering(adapter: VersionedAdapter) -> list[Running]:
    return [each for each in (adapter.active, adapter.canary) if each is not None]


def _last(gone: Sequence[Version], adapter: str) -> Version | None:
    """The version that was active last."""
    mine = [each for each in gone if each.adapter == adapter and (each.inputs or each.connector)]
    return max(mine, key=lambda each: each.changed_at, default=None)


def _alarm(adapter: str, running: Running, now: datetime) -> Entry:
    facts = {
        "adapter": adapter,
        "version": running.number,
        "looked": running.drift.looked,
        "odd": running.drift.odd,
    }
    return entry("alarm.schema_drift", now, facts)


def _known(home: Path, adapter: Adapter) -> drift.Known | None:
    """What good answers look like, by the folder's own schemas and samples."""
    found = manifest.load(home)
    samples: list[object] = []
    for sample in golden.load(home):
        name = sample.service or next(iter(found.services))
        if sample.kind == "agency" and sample.result == "record" and isinstance(adapter, BaseAdapter):
            try:
                samples.append(adapter.parse(f"{found.id}.{name}", sample.given))
            except AgencyError:
                continue
    named = {each.answer_schema for each in found.services.values() if each.answer_schema}
    declared = [
        strict_json.loads((home / name).read_bytes()) if name.startswith(manifest.OWN) else schemas.load(name)
        for name in sorted(named)
    ]
    return drift.known(samples, [each for each in declared if isinstance(each, dict)])
