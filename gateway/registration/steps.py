r"""The life of a version, and who may move it.

```text
proposed --test--> tested --release*--> active --release* of another--> superseded
                     |                    |  \--rollback--> withdrawn, and the newest superseded is active again
                     |--release*--> shadow, canary (beside an active one) --withdraw--> withdrawn
any state --retire--> retired                                   withdrawn, superseded --release*--> as tested
```
`*` takes a second person (`people.approvals`, kind `adapter.release`): it names the folder's digest and the inputs it
runs with, so what was read is what runs. What makes less of a version answer (rollback, withdraw, a smaller share,
retire, an outage) is one person's, at once. Every step is an entry of the log in its own transaction.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import delete, insert
from sqlalchemy.ext.asyncio import AsyncConnection

from audit import new_id

from ..trust.evidence import Log, act, entry
from . import store, tables
from .errors import AdapterUnknown, StepRefused
from .store import Version, Window

STATES = ("proposed", "tested", "shadow", "canary", "active", "superseded", "withdrawn", "retired")
RUNNING = ("shadow", "canary", "active")
RELEASABLE = frozenset({"tested", "shadow", "canary", "active", "superseded", "withdrawn"})
TESTABLE = frozenset(STATES) - {"retired"}
LONGEST_OUTAGE = timedelta(days=7)
FURTHEST_OUTAGE = timedelta(days=90)


@dataclass(frozen=True, slots=True)
class Release:
    """What a second person approves: which bytes run, with which inputs, and how much of them answers."""

    version: int
    digest: str
    inputs: str
    way: str  # active, canary, shadow
    share: int = 0  # of a canary: per cent

    def document(self) -> dict[str, Any]:
        """As a proposal holds it."""
        return {
            "version": self.version,
            "digest": self.digest,
            "inputs": self.inputs,
            "as": self.way,
            "share": self.share,
        }

    @classmethod
    def read(cls, document: Mapping[str, Any]) -> "Release":
        """A proposal's document. Raises StepRefused: it is none."""
        if document.keys() != {"version", "digest", "inputs", "as", "share"}:
            raise StepRefused("a release names version, digest, inputs, as and share")
        version, share, way = document["version"], document["share"], document["as"]
        if type(version) is not int or type(share) is not int or way not in RUNNING:
            raise StepRefused(f"a release names a version, and is one of {', '.join(RUNNING)}")
        if not (1 <= share <= 99 if way == "canary" else share == 0):
            raise StepRefused("a canary answers a share of 1 to 99 per cent; nothing else has one")
        return cls(version, str(document["digest"]), str(document["inputs"]), way, share)


async def tested(
    connection: AsyncConnection, log: Log, found: Version, report: Mapping[str, Any], *, by: str, now: datetime
) -> None:
    """Keep what a dry run and a probe found. A version that runs stays where it is; others move with their grade."""
    good = report["grade"] != "none"
    state = found.state
    if state in {"proposed", "tested"}:
        state = "tested" if good else "proposed"
    await store.change_version(connection, found, now, state=state, report=dict(report))
    verdicts = [f"{each['service']}: {'good' if each['good'] else 'bad'}" for each in report["probe"]]
    facts = {"grade": report["grade"], "probe": verdicts, "exempt": sorted(report["exempt"])}
    await told(connection, log, "adapter.tested", found, by, now, **facts)


async def check_release(connection: AsyncConnection, adapter: str, wanted: Release) -> Version:
    """The version, if it may be released like this now.

    Raises:
        AdapterUnknown, StepRefused: the text says what is missing.
    """
    known = await store.versions(connection, adapter)
    found = next((each for each in known if each.number == wanted.version), None)
    if found is None:
        raise AdapterUnknown
    if found.digest != wanted.digest:
        raise StepRefused("the digest is not that of the version")
    if found.state not in RELEASABLE or found.grade == "none":
        raise StepRefused(f"version {found.number} is {found.state}; test it until it has a grade, then release it")
    await _check_inputs(connection, found, wanted.inputs)
    if wanted.way != "active":
        _check_beside(found, known)
    return found


async def release(
    connection: AsyncConnection, log: Log, adapter: str, wanted: Release, *, by: str, approval: str, now: datetime
) -> None:
    """Put it on line, in place of whatever was there in the same way.

    Raises:
        AdapterUnknown, StepRefused: as `check_release`.
    """
    await store.adapter(connection, adapter, to_change=True)
    found = await check_release(connection, adapter, wanted)
    for each in await store.versions(connection, adapter):
        if each.number == found.number:
            continue
        if wanted.way == "active" and each.state in RUNNING:
            gone = "superseded" if each.state == "active" else "withdrawn"
            await store.change_version(connection, each, now, state=gone, share=0)
        elif each.state == wanted.way:
            await store.change_version(connection, each, now, state="withdrawn", share=0)
    changes = {"state": wanted.way, "share": wanted.share, "inputs_id": wanted.inputs}
    await store.change_version(connection, found, now, **changes)
    facts = {"as": wanted.way, "share": wanted.share, "inputs": wanted.inputs, "approval": approval}
    await told(connection, log, "adapter.released", found, by, now, grade=found.grade, **facts)


async def rollback(
    connection: AsyncConnection, log: Log, adapter: str, *, by: str, reason: str = "", now: datetime
) -> Version:
    """The version before is active again, at once, with the inputs it had; gives it.

    Raises:
        AdapterUnknown; StepRefused: there is none before.
    """
    await store.adapter(connection, adapter, to_change=True)
    known = await store.versions(connection, adapter)
    active = next((each for each in known if each.state == "active"), None)
    before = sorted((each for each in known if each.state == "superseded"), key=lambda each: each.changed_at)
    if not before:
        raise StepRefused("there is no version to go back to; withdraw a canary, plan an outage, or release another")
    if active:
        await store.change_version(connection, active, now, state="withdrawn")
    for each in known:
        if each.state in {"canary", "shadow"}:  # they were compared with what is gone
            await store.change_version(connection, each, now, state="withdrawn", share=0)
    await store.change_version(connection, before[-1], now, state="active")
    left = active.number if active else None
    await told(connection, log, "adapter.rolled_back", before[-1], by, now, instead_of=left, **act(reason=reason))
    return before[-1]


async def withdraw(
    connection: AsyncConnection, log: Log, found: Version, *, by: str, reason: str = "", now: datetime
) -> None:
    """Take a canary or a shadow off line. Raises StepRefused: it is neither."""
    if found.state not in {"canary", "shadow"}:
        raise StepRefused(f"version {found.number} is {found.state}; only a canary or a shadow is withdrawn")
    await store.change_version(connection, found, now, state="withdrawn", share=0)
    await told(connection, log, "adapter.withdrawn", found, by, now, **act(reason=reason))


async def lower(connection: AsyncConnection, log: Log, found: Version, share: int, *, by: str, now: datetime) -> None:
    """Let a canary answer less. Raises StepRefused: it is none, or that would be more."""
    if found.state != "canary" or not 1 <= share < found.share:
        raise StepRefused("only the share of a canary can be lowered; a larger one is a release, which two people make")
    await store.change_version(connection, found, now, share=share)
    await told(connection, log, "adapter.share_lowered", found, by, now, share=share)


async def retire(
    connection: AsyncConnection, log: Log, found: Version, *, by: str, reason: str = "", now: datetime
) -> None:
    """It never runs again. An adapter without an active version answers `no_link`. Raises StepRefused."""
    if found.state == "retired":
        raise StepRefused(f"version {found.number} is retired already")
    await store.change_version(connection, found, now, state="retired", share=0)
    if found.state == "active":
        for each in await store.versions(connection, found.adapter):
            if each.state in {"canary", "shadow"}:
                await store.change_version(connection, each, now, state="withdrawn", share=0)
    await told(connection, log, "adapter.retired", found, by, now, **act(reason=reason))


async def plan_outage(
    connection: AsyncConnection,
    log: Log,
    adapter: str,
    starts_at: datetime,
    ends_at: datetime,
    *,
    by: str,
    now: datetime,
    reason: str = "",
) -> Window:
    """Announce that the agency of an adapter is off line then; whoever calls knows that there is such an adapter.

    Raises:
        StepRefused: over, backwards, too long or too far away.
    """
    if not (now < ends_at and starts_at < ends_at <= starts_at + LONGEST_OUTAGE and starts_at < now + FURTHEST_OUTAGE):
        raise StepRefused(
            "an outage ends after now and after it starts, lasts at most 7 days, and begins within 90 days"
        )
    made = Window(str(new_id(now)), adapter, starts_at, ends_at, by)
    row = {"id": made.id, "adapter_id": adapter, "starts_at": starts_at, "ends_at": ends_at, "by": by}
    await connection.execute(insert(tables.window).values(row))
    await _told_outage(connection, log, "adapter.outage_planned", made, by, now, reason)
    return made


async def end_outage(
    connection: AsyncConnection, log: Log, adapter: str, id_: str, *, by: str, now: datetime, reason: str = ""
) -> None:
    """The agency is back, or the plan is off. Raises AdapterUnknown: there is no such outage."""
    found = next((each for each in await store.windows(connection, now, adapter) if each.id == id_), None)
    if found is None:
        raise AdapterUnknown
    await connection.execute(delete(tables.window).where(tables.window.c.id == id_))
    await _told_outage(connection, log, "adapter.outage_ended", found, by, now, reason)


async def told(
    connection: AsyncConnection, log: Log, kind: str, found: Version, by: str, now: datetime, **facts: object
) -> None:
    """The entry of a step, and a higher generation."""
    said = {"by": by, "adapter": found.adapter, "version": found.number, "digest": found.digest} | facts
    await log.append_in(connection, entry(kind, now, said))
    await store.raise_generation(connection)


async def _told_outage(
    connection: AsyncConnection, log: Log, kind: str, found: Window, by: str, now: datetime, reason: str
) -> None:
    facts = act(reason=reason) | {"by": by, "adapter": found.adapter, "outage": found.id}
    times = {"starts_at": found.starts_at.isoformat(), "ends_at": found.ends_at.isoformat()}
    await log.append_in(connection, entry(kind, now, facts | times))
    await store.raise_generation(connection)


async def _check_inputs(connection: AsyncConnection, found: Version, inputs: str) -> None:
    if found.connector:
        return  # its addresses and secrets never come here
    if not inputs:
        raise StepRefused("give the addresses and secrets for production first")
    held = tables.inputs.c
    row = (await connection.execute(tables.inputs.select().where(held.id == inputs))).mappings().first()
    if row is None or row["adapter_id"] != found.adapter or row["stage"] != "production":
        raise StepRefused("the inputs are none of this adapter for production")
    if missing := sorted(found.needed - set(row["names"])):
        raise StepRefused(f"for production {', '.join(missing)} is not given; set it, then release")


def _check_beside(found: Version, known: Sequence[Version]) -> None:
    """A canary or shadow is asked what its active neighbour is asked, and never told more."""
    if found.connector or any(each.connector for each in known if each.state == "active"):
        raise StepRefused("one folder runs in the agency's network, not two; release the version as active")
    active = next((each for each in known if each.state == "active" and each.number != found.number), None)
    if active is None:
        raise StepRefused("a canary or a shadow runs beside another version that is active; release this one as active")
    ours, theirs = found.declared["services"], active.declared["services"]
    if more := sorted(
        name for name in ours if not set(ours[name]["sends"]) <= set(theirs.get(name, {"sends": ()})["sends"])
    ):
        raise StepRefused(f"{', '.join(more)} is new or sends more than version {active.number}; release it as active")
