"""Registering adapters, for routes and commands alike: each method is one step, in one transaction with its entry.

Who may take a step is for the caller to say (`people.access`); what a step needs is said in `steps`.
"""

import asyncio
import tempfile
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from hashlib import sha256
from pathlib import Path
from typing import Any, TypedDict

from adapters.kit.egress import Dialler
from audit import Log

from ..db import Database
from ..trust import register
from ..trust.trust import Trust
from ..wires import SystemWire
from . import checking, folder, inputs, probing, steps, store
from .errors import StepRefused
from .folder import Files
from .grading import graded
from .live import LiveAdapters
from .steps import Release
from .store import Registered, Version, Window

AT_ONCE = 2  # folders judged or run at a time: exchanges go before
MOST_VERSIONS = 500


class _Act(TypedDict):
    """Who does it, when and why."""

    by: str
    now: datetime
    reason: str


@dataclass(frozen=True, slots=True)
class Registration:
    """Opened once for the life of the process. `taken` are the ids of adapters that this installation brings itself."""

    db: Database
    log: Log
    trust: Trust
    live: LiveAdapters
    dialler: Dialler
    taken: Collection[str]
    places: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(AT_ONCE))

    async def propose(self, files: Files, *, member: str, system: str, by: str) -> Version:
        """Judge the files and keep them as the newest version of the adapter that the manifest names.

        Args:
            files: of `folder.of_texts`, `of_zip` or `of_directory`.
            member, system: whose it is, and the registered system of that member it speaks for.
            by: an officer's id, or `command-line`.

        Raises:
            AdapterRefused: the faults, each with file, line and rule.
            StepRefused: the id or the system is somebody else's, or this version is there already.
        """
        async with self.places:
            declared = await checking.judged(files)
        now = self.trust.clock()
        async with self.db.write() as connection:
            await self._check_owner(connection, declared.id, member, system)
            known = await store.adapters(connection)
            if declared.id not in {each.id for each in known}:
                await store.add_adapter(connection, Registered(declared.id, member, system), now)
            await store.adapter(connection, declared.id, to_change=True)
            before = await store.versions(connection, declared.id)
            digest = folder.digest(files)
            if before and before[0].digest == digest:
                raise StepRefused(f"version {before[0].number} has exactly these files already")
            if len(before) >= MOST_VERSIONS:
                raise StepRefused(f"an adapter has at most {MOST_VERSIONS} versions; bring it under another id")
            made = Version(
                declared.id,
                before[0].number + 1 if before else 1,
                digest,
                {name: sha256(content).hexdigest() for name, content in files.items()},
                {
                    "name": declared.name,
                    "transport": declared.transport,
                    "references": dict(declared.references),
                    "connector": declared.connector,
                    "services": {name: dict(each) for name, each in declared.services.items()},
                },
                "proposed",
                by,
                now,
                now,
            )
            await store.add_version(connection, made, files)
            services = sorted(made.declared["services"])
            facts = {"member": member, "system": system, "services": services}
            await steps.told(connection, self.log, "adapter.proposed", made, by, now, **facts)
        return made

    async def check(self, files: Files) -> dict[str, Any]:
        """Judge files and run their samples, and keep nothing: what an editor shows beside the text.

        Raises:
            AdapterRefused: the faults.
        """
        async with self.places:
            declared = await checking.judged(files)
            with tempfile.TemporaryDirectory(prefix="sandhi-adapter-") as root:
                home = folder.kept_at(Path(root), declared.id, files)
                trial, samples = await checking.dry_run(home), await checking.shown(home)
        told = {"id": declared.id, "needed": sorted(declared.needed()), "samples": samples}
        return graded(trial, ()).document() | told

    async def test(self, adapter: str, number: int, *, by: str) -> dict[str, Any]:
        """Dry run and, once the test stage has its inputs, a live probe; gives the report, which is kept, and what the
        test endpoint was asked and said (`overheard`), which is not.

        Raises:
            AdapterUnknown, StepRefused, AdapterRefused (`too_slow`).
        """
        async with self.db.read() as connection:
            registered, found = await _known(connection, adapter, number)
            given = await inputs.newest(connection, adapter, "test")
            values = await inputs.opened(connection, self.trust.seal, given) if given else {}
        if found.state not in steps.TESTABLE:
            raise StepRefused(f"version {number} is {found.state}; propose it again")
        home = await self.live.home(found)
        async with self.places:
            trial = await checking.dry_run(home)
        missing = sorted(found.needed - set(values))
        verdicts: Sequence[probing.Verdict] = ()
        if found.connector:
            inside = self.live.connected_to(home, registered.system, found.digest)
            verdicts = await probing.probed_inside(home, inside, self._today())
        elif not missing:
            wire = SystemWire(self.trust, registered.system)
            verdicts = await probing.probed(home, inputs.lookup(values), self.dialler, wire, self._today())
        grade = graded(trial, verdicts)
        excused = {name: each["reason"] for name, each in grade.rules.items() if each["standing"] == "exempt"}
        report = grade.document() | {
            "probe": [each.document() for each in verdicts],
            "results": [{"check": each.check, "fault": each.fault, "ms": each.ms} for each in trial.results],
            "exempt": excused,
            "not_probed_without": missing,
            "tested_at": self.trust.clock().isoformat(),
        }
        async with self.db.write() as connection:
            await store.adapter(connection, adapter, to_change=True)
            now, found = self.trust.clock(), await store.version(connection, adapter, number)
            await steps.tested(connection, self.log, found, report, by=by, now=now)
        return report | {"overheard": [each.overheard.document() for each in verdicts if each.overheard]}

    async def set_inputs(self, adapter: str, stage: str, values: Mapping[str, str], *, by: str) -> dict[str, Any]:
        """Addresses and secrets of `test` or `production`; those not named stay. Gives the set's id and its names.

        In production a new set takes effect with the next release of a version.

        Raises:
            AdapterUnknown, StepRefused, AddressRefused.
        """
        inputs.check(stage, values, self.dialler.check_url)
        async with self.db.write() as connection:
            await store.adapter(connection, adapter, to_change=True)
            now = self.trust.clock()
            made = await inputs.given(connection, self.log, self.trust.seal, adapter, stage, values, by=by, now=now)
        return {"inputs": made[0], "stage": stage, "names": made[1]}

    async def release_of(self, adapter: str, number: int, way: str, share: int) -> Release:
        """What a second person is asked to approve: the version as it is, with the newest inputs of production.

        Raises:
            AdapterUnknown, StepRefused: it could not be released.
        """
        async with self.db.read() as connection:
            found = await store.version(connection, adapter, number)
            given = await inputs.newest(connection, adapter, "production")
            wanted = Release.read(Release(number, found.digest, given, way, share).document())
            await steps.check_release(connection, adapter, wanted)
        return wanted

    async def released(self, adapter: str, wanted: Release, *, by: str) -> None:
        """Release without a second person: for the command line of a gateway that is not in production.

        Raises:
            AdapterUnknown, StepRefused.
        """
        async with self.db.write() as connection:
            await steps.release(connection, self.log, adapter, wanted, by=by, approval="", now=self.trust.clock())
        await self.live.renewed()

    async def rollback(self, adapter: str, *, by: str, reason: str = "") -> Version:
        """The version before is active again, at once. Raises AdapterUnknown, StepRefused."""
        async with self.db.write() as connection:
            now = self.trust.clock()
            back = await steps.rollback(connection, self.log, adapter, by=by, reason=reason, now=now)
        await self.live.renewed()
        return back

    async def withdraw(self, adapter: str, number: int, *, by: str, reason: str = "") -> None:
        """Take a canary or a shadow off line, at once. Raises AdapterUnknown, StepRefused."""
        await self._step(steps.withdraw, adapter, number, by, reason)

    async def retire(self, adapter: str, number: int, *, by: str, reason: str = "") -> None:
        """This version never runs again. Raises AdapterUnknown, StepRefused."""
        await self._step(steps.retire, adapter, number, by, reason)

    async def lower(self, adapter: str, number: int, share: int, *, by: str) -> None:
        """Let a canary answer less, at once. Raises AdapterUnknown, StepRefused."""
        async with self.db.write() as connection:
            await store.adapter(connection, adapter, to_change=True)
            found = await store.version(connection, adapter, number)
            await steps.lower(connection, self.log, found, share, by=by, now=self.trust.clock())
        await self.live.renewed()

    async def plan_outage(
        self, adapter: str, starts_at: datetime, ends_at: datetime, *, by: str, reason: str = "", instead_of: str = ""
    ) -> Window:
        """Callers are told when to come again instead of waiting for nobody.

        Args:
            adapter: registered, or one that this installation brings.
            instead_of: the plan that this one replaces, in the same transaction.

        Raises:
            AdapterUnknown: there is no such adapter, or no such plan.
            StepRefused: over, backwards, too long or too far away.
        """
        times, act = (starts_at, ends_at), _Act(by=by, now=self.trust.clock(), reason=reason)
        async with self.db.write() as connection:
            if adapter not in self.taken:
                await store.adapter(connection, adapter, to_change=True)
            if instead_of:
                await steps.end_outage(connection, self.log, adapter, instead_of, **act)
            made = await steps.plan_outage(connection, self.log, adapter, *times, **act)
        await self.live.renewed()
        return made

    async def end_outage(self, adapter: str, id_: str, *, by: str, reason: str = "") -> None:
        """The agency is back early, or the plan is off. Raises AdapterUnknown."""
        async with self.db.write() as connection:
            now = self.trust.clock()
            await steps.end_outage(connection, self.log, adapter, id_, by=by, now=now, reason=reason)
        await self.live.renewed()

    async def outages(self, adapter: str) -> list[dict[str, Any]]:
        """What is planned of an adapter and not over yet, the next one first."""
        async with self.db.read() as connection:
            return [_window(each) for each in await store.windows(connection, self.trust.clock(), adapter)]

    async def listed(self) -> list[tuple[Registered, list[Version]]]:
        """Every adapter with its versions, newest first."""
        async with self.db.read() as connection:
            return [(each, await store.versions(connection, each.id)) for each in await store.adapters(connection)]

    async def of(self, adapter: str) -> Registered:
        """One adapter. Raises AdapterUnknown."""
        async with self.db.read() as connection:
            return await store.adapter(connection, adapter)

    async def shown(self, adapter: str) -> dict[str, Any]:
        """One adapter with versions, the names of its inputs, planned outages and counts; no value of an input.

        Raises:
            AdapterUnknown.
        """
        async with self.db.read() as connection:
            found = await store.adapter(connection, adapter)
            counts = await store.counts(connection, adapter)
            windows = await store.windows(connection, self.trust.clock(), adapter)
            given = {stage: await inputs.newest(connection, adapter, stage) for stage in inputs.STAGES}
            names = {stage: await inputs.names_of(connection, id_) for stage, id_ in given.items() if id_}
            versions = await store.versions(connection, adapter)
        return {
            "id": found.id,
            "member": found.member,
            "system": found.system,
            "versions": [_version(each) | {"counts": counts.get(each.number, {})} for each in versions],
            "inputs": {stage: {"inputs": given[stage], "names": each} for stage, each in names.items()},
            "outages": [_window(each) for each in windows],
        }

    async def files(self, adapter: str, number: int) -> Files:
        """The files of a version, to read, edit and propose again. Raises AdapterUnknown."""
        async with self.db.read() as connection:
            return await store.files_of(connection, await store.version(connection, adapter, number))

    async def _step(self, step: Any, adapter: str, number: int, by: str, reason: str) -> None:
        async with self.db.write() as connection:
            await store.adapter(connection, adapter, to_change=True)
            found = await store.version(connection, adapter, number)
            await step(connection, self.log, found, by=by, reason=reason, now=self.trust.clock())
        await self.live.renewed()

    async def _check_owner(self, connection: Any, adapter: str, member: str, system: str) -> None:
        if adapter in self.taken:
            raise StepRefused(f"{adapter} is an adapter of this installation; choose another id, and folder name")
        known = next((each for each in await store.adapters(connection) if each.id == adapter), None)
        if known and (known.member, known.system) != (member, system):
            raise StepRefused(f"{adapter} is taken; choose another id, and folder name")
        found = await register.find_system(connection, system)
        if found is None or found.member_id != member:
            raise StepRefused("the system it speaks for is none of this member; register it first (/v1/systems)")

    def _today(self) -> date:
        return self.trust.clock().date()


async def _known(connection: Any, adapter: str, number: int) -> tuple[Registered, Version]:
    return await store.adapter(connection, adapter), await store.version(connection, adapter, number)


def _version(found: Version) -> dict[str, Any]:
    return {
        "version": found.number,
        "digest": found.digest,
        "state": found.state,
        "share": found.share,
        "grade": found.grade,
        "services": sorted(found.declared["services"]),
        "connector": found.connector,
        "needed": sorted(found.needed),
        "inputs": found.inputs,
        "by": found.by,
        "proposed_at": found.proposed_at.isoformat(),
        "changed_at": found.changed_at.isoformat(),
        "report": dict(found.report),
    }


def _window(found: Window) -> dict[str, Any]:
    times = {"starts_at": found.starts_at.isoformat(), "ends_at": found.ends_at.isoformat()}
    return {"outage": found.id, "by": found.by} | times
