"""Campaigns: a batch that stretches over days, because its agency answers only so many questions a day.

A campaign is cut into slices, and each slice becomes a batch of its own on a day that has room for it: all campaigns
of an agency share its daily quota (`[quota] per_day` of its manifest), counted in the database before anything is
asked. When the last slice is answered, slices whose answers have grown older than the campaign allows are asked again,
so that what is handed out at the end is all equally fresh. Pausing lets what is under way finish and asks nothing more.

A worker that is killed asks nothing twice: what a slice uses of the quota is booked with its state in one transaction,
and its batch has an idempotency key.
"""

from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta, tzinfo
from math import ceil
from typing import Any

import orjson
from sqlalchemy import Row, func, insert, select, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.ext.asyncio import AsyncConnection

from audit import Entry, new_id
from consent import beforehand

from ..agency_quota import Window, booked
from ..db import Database
from ..errors import RefusedByRules
from ..gate import Gate
from ..model import Ask
from ..trust.seal import Seal
from . import jobs
from .batch_values import Line, line_of, packed, pattern_json, pattern_of
from .batches import Batches
from .campaign_values import DAY_S, Campaign, CampaignRefused, check_duration, grants
from .deliveries import KeyReused
from .tables import agency_use, batch, campaign, campaign_slice

KIND = "campaign"
SLICE = 500  # lines of one batch, at most
FEWEST, SLICES_A_DAY = 5, 10  # lines; at least so many batches, so that what others leave of a day is used
UNDER_WAY = 2  # slices at once
LOOK_S = 5.0  # how often it is looked at what is under way
MOST_FAILURES = 3


@dataclass(frozen=True, slots=True)
class Campaigns:
    """Accepts, runs, pauses and shows campaigns. `zone` says when a day begins."""

    db: Database
    gate: Gate
    seal: Seal
    batches: Batches
    zone: tzinfo
    kept_s: float
    wake: Callable[[], None]

    async def accept(
        self, pattern: Ask, lines: Sequence[Line], *, key: str, max_age_days: float, per_day: int | None = None
    ) -> Campaign:
        """Take a campaign: durable on return, with its entry; the same key and content are the same campaign.

        Args:
            max_age_days: how old an answer may be when the last one comes.
            per_day: the most lines a day; the agency's and the agreement's own limits hold as well.

        Raises:
            UnknownService: no provider offers it.
            KeyReused: the key was used with another content.
            CampaignRefused: the first answers would be too old before the last came.
        """
        quota, most_lines = await self._quota(pattern, per_day)
        if not quota:
            raise CampaignRefused("this agency has no daily quota: send a batch")
        check_duration(len(lines), quota, max_age_days)
        now = self.gate.clock()
        content = orjson.dumps([pattern_json(pattern), max_age_days, per_day]) + packed(lines)
        id_ = str(new_id(now))
        row = {
            "id": id_,
            "consumer": pattern.consumer,
            "service": pattern.service,
            "provider": self.gate.catalogue.offer(pattern.service).provider,
            "purpose": pattern.purpose,
            "asked": pattern_json(pattern),
            "state": "running",
            "lines": len(lines),
            "per_day": quota,
            "fresh_s": max_age_days * DAY_S,
            "key_hash": self.seal.fingerprint(f"campaign:{key}".encode()),
            "body_hash": self.seal.fingerprint(content),
            "created": now.timestamp(),
            "updated": now.timestamp(),
            "expires": now.timestamp() + 2 * DAY_S * ceil(len(lines) / quota) + self.kept_s,
        }
        async with self.db.write() as connection:
            dialect = sqlite if connection.dialect.name == "sqlite" else postgresql
            adding = dialect.insert(campaign).on_conflict_do_nothing().returning(campaign.c.id)
            if (await connection.execute(adding, row)).scalar_one_or_none() is not None:
                size = min(most_lines or SLICE, SLICE, quota, max(FEWEST, quota // SLICES_A_DAY))
                slices = self._slices(id_, lines, size)
                await connection.execute(insert(campaign_slice), slices)
                await self._added(connection, id_, now)
                await self._noted(connection, "campaign.accepted", row, now, lines=len(lines), per_day=quota)
        self.wake()
        return await self._known(pattern.consumer, row)

    async def _known(self, consumer: str, row: dict[str, Any]) -> Campaign:
        wanted = select(campaign).where(campaign.c.consumer == consumer, campaign.c.key_hash == row["key_hash"])
        async with self.db.read() as connection:
            found = (await connection.execute(wanted)).one()
        if found.body_hash != row["body_hash"]:
            raise KeyReused("campaign")
        return await self.show(consumer, found.id)

    async def _quota(self, pattern: Ask, per_day: int | None) -> tuple[int | None, int | None]:
        """The most lines a day, and the most lines of a batch; None without a limit."""
        request = self.gate.request_for_anyone(pattern)
        (facts,) = await self.gate.facts_about_many([request])
        granting = [each for each in facts.agreements if grants(each, pattern, self.gate.clock())]
        limits = [self.gate.meter.limits(self.gate.catalogue.offer(pattern.service)).per_day, per_day]
        limits += [limit for each in granting for limit in (each.quota.calls_per_day, each.quota.subjects_per_day)]
        known = [each for each in limits if each]
        return min(known, default=None), beforehand.most_lines(request, facts.agreements, self.gate.clock())

    def _slices(self, id_: str, lines: Sequence[Line], size: int) -> list[dict[str, Any]]:
        found = []
        for n, start in enumerate(range(0, len(lines), size)):
            some = lines[start : start + size]
            sealed = self.seal.sealed(f"slice:{id_}:{n}", packed(some))
            found.append({"campaign_id": id_, "n": n, "lines": len(some), "state": "open", "sealed": sealed})
        return found

    async def show(self, consumer: str, id_: str) -> Campaign:
        """One of this consumer's.

        Raises:
            KeyError: it has none of that id.
        """
        mine = select(campaign).where(campaign.c.id == id_, campaign.c.consumer == consumer)
        async with self.db.read() as connection:
            row = (await connection.execute(mine)).one_or_none()
            if row is None:
                raise KeyError(id_)
            return await self._shown(connection, row)

    async def listed(self, consumer: str = "", *, most: int = 100) -> list[Campaign]:
        """The newest first; of one consumer, or of all."""
        wanted = select(campaign).order_by(campaign.c.created.desc(), campaign.c.id).limit(most)
        wanted = wanted.where(campaign.c.consumer == consumer) if consumer else wanted
        async with self.db.read() as connection:
            return [await self._shown(connection, row) for row in (await connection.execute(wanted)).all()]

    async def _shown(self, connection: AsyncConnection, row: Row[Any]) -> Campaign:
        slices = await _slices_of(connection, row.id)
        running = [each.batch_id for each in slices if each.state == "asked" and each.batch_id]
        counted = select(batch.c.done).where(batch.c.id.in_(running))
        done = sum(each.lines for each in slices if each.state == "done")
        done += sum((await connection.execute(counted)).scalars())
        left = sum(each.lines for each in slices if each.state == "open")
        used = await self._used(connection, row.provider)
        before = left + await self._beside(connection, row, left)
        days = max(0, ceil((before - max(0, row.per_day - used)) / row.per_day))
        return Campaign(
            row.id,
            row.consumer,
            row.service,
            row.purpose,
            row.state,
            row.lines,
            row.lines - left,
            done,
            row.per_day,
            used,
            sum(each.lines for each in slices if each.round),
            self._today() + timedelta(days=days) if row.state == "running" else None,
            row.created,
            row.updated,
        )

    async def _beside(self, connection: AsyncConnection, row: Row[Any], left: int) -> int:
        """How many lines of the agency's other campaigns come before the last one of this: they take turns."""
        open_ = campaign_slice.join(campaign, campaign.c.id == campaign_slice.c.campaign_id)
        each = select(func.sum(campaign_slice.c.lines)).select_from(open_).group_by(campaign.c.id)
        each = each.where(campaign.c.provider == row.provider, campaign.c.state == "running", campaign.c.id != row.id)
        others = (await connection.execute(each.where(campaign_slice.c.state == "open"))).scalars()
        return sum(min(left, lines) for lines in others)

    async def pause(self, consumer: str, id_: str) -> Campaign:
        """Ask nothing more; what is under way is finished. Raises KeyError, CampaignRefused: it does not run."""
        return await self._become(consumer, id_, "running", "paused")

    async def resume(self, consumer: str, id_: str) -> Campaign:
        """Go on. Raises KeyError, CampaignRefused: it is not paused."""
        return await self._become(consumer, id_, "paused", "running")

    async def _stopped(self, row: Row[Any]) -> None:
        """Pause it, if its owner has not: a person has to look."""
        with suppress(CampaignRefused):
            await self._become(row.consumer, row.id, "running", "paused")

    async def _become(self, consumer: str, id_: str, before: str, after: str) -> Campaign:
        await self.show(consumer, id_)
        now = self.gate.clock()
        async with self.db.write() as connection:
            was = update(campaign).where(campaign.c.id == id_, campaign.c.state == before)
            if not (await connection.execute(was.values(state=after, updated=now.timestamp()))).rowcount:
                raise CampaignRefused(f"the campaign is not {before}")
            row = (await connection.execute(select(campaign).where(campaign.c.id == id_))).one()
            if after == "running":
                await self._added(connection, id_, now)
            await self._noted(connection, f"campaign.{after}", row._asdict(), now)
        self.wake()
        return await self.show(consumer, id_)

    async def results(self, row: Campaign) -> AsyncIterator[bytes]:
        """The lines of a campaign that is done, in the order they were asked, as JSON Lines; checked once more."""
        async with self.db.read() as connection:
            slices = await _slices_of(connection, row.id)
        for each in slices:
            await self.batches.released(row.consumer, each.batch_id)
            async for part in self.batches.results(each.batch_id):
                yield part

    async def run(self, claimed: jobs.Job) -> None:
        """Look at what is under way, ask what today has room for, end it when all is fresh. Safe to run twice."""
        row = await self._row(claimed.ref)
        if row.state not in {"running", "paused"}:
            await self._over(claimed)
            return
        pause = await self._step(row)
        now = self.gate.clock().timestamp()
        standing = select(campaign.c.state).where(campaign.c.id == row.id).with_for_update()
        async with self.db.write() as connection:
            if pause is None and (await connection.execute(standing)).scalar_one() != "running":
                await jobs.finish(connection, KIND, row.id)
            else:  # without a pause: it was resumed meanwhile
                await jobs.hold(connection, claimed, now=now, for_s=pause or 0.0)

    async def _step(self, row: Row[Any]) -> float | None:
        """One step; gives how long to wait for the next, None when there is none."""
        async with self.db.read() as connection:
            slices = await _slices_of(connection, row.id)
        for each in slices:
            if each.state == "asked":
                await self._looked_at(row, each)
        async with self.db.read() as connection:
            slices = await _slices_of(connection, row.id)
        under_way = [each for each in slices if each.state == "asked"]
        open_ = [each for each in slices if each.state == "open"]
        if row.state == "paused":
            return LOOK_S if under_way else None
        if not open_ and not under_way:
            if await self._reopened(row, slices):
                return LOOK_S
            await self._close(row)
            return None
        if open_ and len(under_way) < UNDER_WAY:
            return await self._ask(row, open_[0])
        return LOOK_S

    async def _looked_at(self, row: Row[Any], each: Row[Any]) -> None:
        """What became of a slice's batch; one that was booked and never asked, before a crash, is asked now."""
        if not each.batch_id:
            await self._send(row, each.n, each.round)
            return
        async with self.db.read() as connection:
            state = (await connection.execute(select(batch.c.state).where(batch.c.id == each.batch_id))).scalar_one()
        if state == "done":
            await self._mark(each, state="done")
        elif state != "running":  # failed, or erased before everything was there: asked again
            await self._mark(each, state="open", batch_id="", round=each.round + 1)
            if state == "failed" and each.round + 1 >= MOST_FAILURES:
                await self._stopped(row)

    async def _ask(self, row: Row[Any], each: Row[Any]) -> float:
        """Book the slice on today's quota and ask it; gives how long to wait for the next."""
        now = self.gate.clock()
        shared, _ = await self._quota(pattern_of(row), None)
        async with self.db.write() as connection:
            if not await self._booked(connection, row, each.lines, shared or row.per_day):
                return self._until_tomorrow()
            taken = update(campaign_slice).where(*_this(each), campaign_slice.c.state == "open")
            await connection.execute(taken.values(state="asked", asked_at=now.timestamp()))
        await self._send(row, each.n, each.round)
        return 0.1

    async def _booked(self, connection: AsyncConnection, row: Row[Any], lines: int, shared: int) -> bool:
        """Whether today has room: among all who ask the agency (`shared`), and in what this campaign wants a day."""
        begun = datetime.combine(self._today(), time(), self.zone).timestamp()
        mine = select(func.sum(campaign_slice.c.lines)).where(campaign_slice.c.campaign_id == row.id)
        asked = (await connection.execute(mine.where(campaign_slice.c.asked_at >= begun))).scalar_one()
        if (asked or 0) + lines > row.per_day:
            return False
        key = {"provider": row.provider, "day": self._today().isoformat()}
        today = Window(agency_use, key, shared, self.gate.clock())
        return await booked(connection, today, lines, whole=True) == lines

    async def _send(self, row: Row[Any], n: int, round_: int) -> None:
        here = campaign_slice.c
        async with self.db.read() as connection:
            wanted = select(here.sealed).where(here.campaign_id == row.id, here.n == n)
            sealed = (await connection.execute(wanted)).scalar_one()
        lines = [line_of(each) for each in orjson.loads(self.seal.opened(f"slice:{row.id}:{n}", sealed))]
        try:
            taken = await self.batches.accept(pattern_of(row), lines, f"campaign:{row.id}:{n}:{round_}", booked=True)
        except RefusedByRules:  # the log has it: the agreement lets a batch have fewer lines than it did
            async with self.db.write() as connection:
                this = update(campaign_slice).where(here.campaign_id == row.id, here.n == n)
                await connection.execute(this.values(state="open"))
            await self._stopped(row)
            return
        async with self.db.write() as connection:
            asked = update(campaign_slice).where(here.campaign_id == row.id, here.n == n)
            await connection.execute(asked.values(batch_id=taken.id))
            await connection.execute(update(batch).where(batch.c.id == taken.id).values(expires=row.expires))

    async def _reopened(self, row: Row[Any], slices: Sequence[Row[Any]]) -> bool:
        """Let slices be asked again whose answers are too old by now; gives whether there were any."""
        before = self.gate.clock().timestamp() - row.fresh_s
        old = [each for each in slices if each.asked_at < before]
        for each in old:
            await self._mark(each, state="open", batch_id="", round=each.round + 1)
        return bool(old)

    async def _close(self, row: Row[Any]) -> None:
        now = self.gate.clock()
        expires = now.timestamp() + self.kept_s
        async with self.db.write() as connection:
            ended = {"state": "done", "updated": now.timestamp(), "expires": expires}
            running = update(campaign).where(campaign.c.id == row.id, campaign.c.state == "running")
            if not (await connection.execute(running.values(ended))).rowcount:
                return
            mine = campaign_slice.c.campaign_id == row.id
            batches = select(campaign_slice.c.batch_id).where(mine)
            await connection.execute(update(batch).where(batch.c.id.in_(batches)).values(expires=expires))
            await connection.execute(update(campaign_slice).where(mine).values(sealed=None))
            await self._noted(connection, "campaign.done", row._asdict(), now, lines=row.lines)

    async def erase_expired(self) -> None:
        """Forget whom campaigns were about whose time is over, as their batches do by themselves."""
        now = self.gate.clock().timestamp()
        over = select(campaign.c.id).where(campaign.c.expires < now, campaign.c.state != "erased")
        async with self.db.write() as connection:
            ids = (await connection.execute(over.limit(100))).scalars().all()
            gone = update(campaign_slice).where(campaign_slice.c.campaign_id.in_(ids))
            await connection.execute(gone.values(sealed=None))
            await connection.execute(update(campaign).where(campaign.c.id.in_(ids)).values(state="erased"))

    async def _mark(self, each: Row[Any], **values: object) -> None:
        async with self.db.write() as connection:
            await connection.execute(update(campaign_slice).where(*_this(each)).values(**values))

    async def _row(self, id_: str) -> Row[Any]:
        async with self.db.read() as connection:
            return (await connection.execute(select(campaign).where(campaign.c.id == id_))).one()

    async def _used(self, connection: AsyncConnection, provider: str) -> int:
        today = select(agency_use.c.used).filter_by(provider=provider, day=self._today().isoformat())
        return (await connection.execute(today)).scalar_one_or_none() or 0

    async def _added(self, connection: AsyncConnection, id_: str, now: datetime) -> None:
        await jobs.forget(connection, id_)
        await jobs.add(connection, KIND, id_, now=now.timestamp(), lane=jobs.BULK)

    async def _noted(
        self, connection: AsyncConnection, kind: str, row: dict[str, Any], now: datetime, **more: object
    ) -> None:
        facts = {"consumer": row["consumer"], "provider": row["provider"], "service": row["service"]}
        facts |= {"purpose": row["purpose"], "campaign": row["id"]}
        await self.gate.log.append_in(connection, Entry(new_id(now), kind, now, facts | more))

    async def _over(self, claimed: jobs.Job) -> None:
        async with self.db.write() as connection:
            await jobs.finish(connection, KIND, claimed.ref)

    def _today(self) -> date:
        return self.gate.clock().astimezone(self.zone).date()

    def _until_tomorrow(self) -> float:
        tomorrow = datetime.combine(self._today() + timedelta(days=1), time(), self.zone)
        return (tomorrow - self.gate.clock()).total_seconds() + 1.0


def _this(each: Row[Any]) -> tuple[Any, Any]:
    return campaign_slice.c.campaign_id == each.campaign_id, campaign_slice.c.n == each.n


async def _slices_of(connection: AsyncConnection, id_: str) -> Sequence[Any]:
    of = campaign_slice.c
    wanted = select(of.campaign_id, of.n, of.lines, of.round, of.state, of.batch_id, of.asked_at)
    found = await connection.execute(wanted.where(of.campaign_id == id_).order_by(of.n))
    return list(found.all())
