"""What others know of the log: cosignatures and time stamps, collected in the background, and how old they may be.

Nothing here is on the way of an exchange. But when the newest evidence outside our walls is too old, no exchange may
begin: a log that nobody else can vouch for is a promise without a witness.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import NamedTuple

from . import anchors, reading, shards, watched
from .anchors import Authority
from .cosignature import cosigned
from .entry import Entry, new_id
from .errors import AnchorInvalid, AuditError, LogUnavailable, NoteInvalid, Unreachable
from .integrity import Integrity, Limits, judged
from .log import Log
from .log_tables import LogTables
from .note import Checkpoint, lines_of, unverified
from .policy import Listed, Policy
from .publishing import Publisher
from .rows import insert_rows
from .tables import log_alarm, log_anchor, log_cosignature, log_watch
from .witness import Asked
from .writing import microseconds

logger = logging.getLogger(__name__)

EVERY_S = 10.0
REFRESH = timedelta(minutes=4)
"""A log that does not grow is cosigned again, so that its evidence stays fresh."""
ANCHOR_EVERY = timedelta(hours=1)
TEXT = "text/plain; charset=utf-8"
TRIES = 3
CLOSE_S = 10.0
"""How long entries wait at the turn of shards for those outside; then the log goes on and they are asked again."""


class Reply(NamedTuple):
    """An HTTP answer."""

    status: int
    body: bytes


Post = Callable[[str, bytes, str], Awaitable[Reply]]
"""(url, body, content type) -> answer. Raises `Unreachable`; must have a deadline of a few seconds."""


class Watch:
    """Collects cosignatures and time stamps of one log; end it by cancelling `run`."""

    def __init__(
        self, log: Log, policy: Policy, authorities: Sequence[Authority], post: Post, limits: Limits | None = None
    ) -> None:
        self.limits = limits or Limits()
        self._log = log
        self._policy = log.policy = policy
        self._authorities = tuple(authorities)
        self._post = post
        self._since = datetime.now(UTC)
        self._untold: list[Entry] = []
        self._whole: int | None = None
        log.at_close = self._at_close

    async def begin(self, now: datetime) -> None:
        """Record what watches the log from now on, as an entry if it changed; switching it off is one too."""
        await self._tell()
        log_tables = self._log_tables()
        facts = {
            "policy": self._policy.text,
            "authorities": [each.url for each in self._authorities],
            "stop_s": int(self.limits.stop.total_seconds()) if self.limits.stop else 0,
        }
        said = repr(sorted(facts.items()))
        before = await log_tables.of_log(watched.configured)
        if before is not None and before[0] == said:
            self._since = before[1]
            return
        self._since = now
        if before is None and not (self._policy.witnesses or self._authorities):
            return
        row = (log_tables.log_id, microseconds(now), said)
        entry = Entry(new_id(now), "log.watched", now, facts)
        await self._log.append_with(lambda connection: insert_rows(connection, log_watch, [row], skip=True), entry)

    async def run(self) -> None:
        """Collect, look at the age, every ten seconds; until cancelled."""
        while True:
            try:
                await self.once(datetime.now(UTC))
            except AuditError as error:
                logger.warning("no evidence from outside now, trying again: %s", error)
            await asyncio.sleep(EVERY_S)

    async def once(self, now: datetime) -> Integrity:
        """One round: ask the witnesses and authorities that are due, then stop or allow exchanges."""
        publisher = self._log.shard.publisher
        await self._cosign(publisher, now)
        await self._stamp(publisher, now)
        await self._look_back(now)
        await self._tell()
        with suppress(LogUnavailable):  # its age is what is looked at next
            await self._log.checkpoint()
        found = await self.integrity(now)
        for warning in found.warnings:
            logger.warning("%s", warning)
        if found.stopped and not self._log.halted:
            logger.critical("exchanges stop: %s", found.stopped)
        self._log.halted = found.stopped
        return found

    async def integrity(self, now: datetime) -> Integrity:
        """How old the evidence outside is."""
        log_tables = self._log_tables()
        cosigned_at = await self._quorate_at() if self._policy.witnesses else None
        anchored_at = await log_tables.of_log(watched.anchored_at) if self._authorities else None
        ages = []
        if self._policy.witnesses:
            ages.append(("cosigned checkpoint", now - (cosigned_at or self._since), self.limits.warn_cosigned))
        if self._authorities:
            ages.append(("time stamp", now - (anchored_at or self._since), self.limits.warn_anchored))
        if behind := await log_tables.of_log(watched.unsigned_since):
            ages.append(("checkpoint", now - behind, self.limits.warn_cosigned))
        return judged(ages, self.limits.stop, Integrity(cosigned_at, anchored_at))

    async def close(self, now: datetime) -> str | None:
        """Cosign and stamp what stands there now, whatever is due: before a shard is closed, or for an auditor.

        Returns:
            What is lacking although it was asked for; None: nothing.
        """
        publisher = self._log.shard.publisher
        note = await self._note(publisher)
        await self._cosign(publisher, now, at_once=True)
        await self._stamp(publisher, now, at_once=True)
        lacking = await self._lacking(publisher, note)
        await self._tell()
        return lacking

    async def _at_close(self) -> None:
        """The final checkpoint of the open shard, which took its last entry; what is lacking then, `once` asks for."""
        shard = self._log.shard
        lacking: str | None = "an answer in time"
        with suppress(TimeoutError):
            async with asyncio.timeout(CLOSE_S):
                lacking = await self._completed(shard.publisher, datetime.now(UTC))
        if lacking:
            logger.critical("the last checkpoint of %s lacks %s; asking on", shard.origin, lacking)

    async def _look_back(self, now: datetime) -> None:
        """The final checkpoint of the shard before, where the turn came in between or its process died."""
        log_id = await self._log_tables().of_log(shards.before)
        if log_id is None or log_id == self._whole:
            return
        lacking = await self._completed(Publisher(self._log.store, self._log.shard.signer, log_id), now)
        if lacking:
            logger.warning("the last checkpoint of the shard before lacks %s; asking on", lacking)
        else:
            self._whole = log_id

    async def _completed(self, publisher: Publisher, now: datetime) -> str | None:
        """Ask for what the newest checkpoint of a log lacks; what it lacks still."""
        note = await self._note(publisher)
        if await self._lacking(publisher, note):
            await self._cosign(publisher, now, at_once=True)
            await self._stamp(publisher, now, at_once=True)
        return await self._lacking(publisher, note)

    async def _lacking(self, publisher: Publisher, note: bytes) -> str | None:
        """What was to vouch for a checkpoint or a later one of its log, and does not."""
        size = _read(note).size
        if self._policy.witnesses:
            quorate = await publisher.quorate(self._policy)
            if quorate is None or _read(quorate).size < size:
                return "the witnesses of the policy"
        if self._authorities and await publisher.log_tables.of_log(watched.anchored_size) < size:
            return "a time stamp"
        return None

    async def _note(self, publisher: Publisher) -> bytes:
        """The newest checkpoint; a closed log's is the last one it will ever have."""
        latest = None if publisher is self._log.shard.publisher else await publisher.latest()
        return latest or await self._log.checkpoint()

    async def _tell(self) -> None:
        """Append what is to be said of time stamps: at the turn of shards only once the next one is open."""
        while self._untold:
            await self._log.append(self._untold[0])
            del self._untold[0]

    def _log_tables(self) -> LogTables:
        return LogTables(self._log.store, self._log.shard.log_id)

    async def _quorate_at(self) -> datetime | None:
        note = await self._log.shard.publisher.quorate(self._policy)
        if note is None:
            return None
        newest = sorted(self._policy.cosigned(note), key=lambda each: each.at, reverse=True)
        if not newest:
            return None  # a policy without quorum, and nobody cosigned
        count = next(count for count in range(1, len(newest) + 1) if self._policy.met(newest[:count]))
        return newest[count - 1].at

    async def _cosign(self, publisher: Publisher, now: datetime, *, at_once: bool = False) -> None:
        asked, log_tables = [each for each in self._policy.witnesses.values() if each.url], publisher.log_tables
        if not asked or await publisher.alarm():
            return
        note = await self._note(publisher)
        last = await log_tables.of_log(partial(watched.seen_by, names=[each.witness.name for each in asked]))
        due = [each for each in asked if at_once or _due(last.get(each.witness.name), _read(note).size, now)]
        answers = await asyncio.gather(
            *(self._ask(each, log_tables, note, last.get(each.witness.name)) for each in due)
        )
        rows = [row for found in answers for row in found]
        await log_tables.store.write(lambda connection: insert_rows(connection, log_cosignature, rows, skip=True))

    async def _ask(
        self, listed: Listed, log_tables: LogTables, note: bytes, last: tuple[int, datetime] | None
    ) -> list[tuple[object, ...]]:
        """Ask one witness; gives rows for `log_cosignature`. A witness that is down is not waited for."""
        size, old = _read(note).size, last[0] if last else 0
        try:
            for _try in range(TRIES):
                proof = await log_tables.of_log(partial(reading.consistency, old=old, new=size))
                reply = await self._post(f"{listed.url}/add-checkpoint", Asked(old, tuple(proof), note).body(), TEXT)
                if reply.status == 200:
                    return _rows(listed, log_tables, note, reply.body)
                known = _size(reply)
                if reply.status == 422 or (known is not None and known > size):
                    await self._contradicted(listed, log_tables, note, reply)
                    return []
                if known is None:
                    break
                old = known
            logger.warning("witness %s did not cosign: status %s", listed.witness.name, reply.status)
        except (Unreachable, NoteInvalid) as error:
            logger.warning("witness %s did not cosign: %s", listed.witness.name, error)
        return []

    async def _contradicted(self, listed: Listed, log_tables: LogTables, note: bytes, reply: Reply) -> None:
        """A witness knows another history: no further checkpoint is published until a person has looked."""
        newest, known = await log_tables.of_log(reading.head), _size(reply)
        if known is not None and known <= newest.size:
            return  # another process of ours was faster
        text = f"witness {listed.witness.name} has seen another or a longer history of {_read(note).origin}"
        logger.critical("%s: publishing stops; keep both, run fsck, and see the alarm", text)
        await alarm(log_tables, text, note, b"%d\n%s" % (reply.status, reply.body))

    async def _stamp(self, publisher: Publisher, now: datetime, *, at_once: bool = False) -> None:
        for authority in self._authorities:
            asked = await publisher.log_tables.of_log(partial(watched.asked_at, tsa=authority.url))
            if not at_once and asked is not None and now - asked < ANCHOR_EVERY:
                continue
            try:
                await self._stamp_by(authority, publisher, now)
            except (Unreachable, LogUnavailable) as error:
                logger.warning("no time stamp from %s: %s", authority.url, error)

    async def _stamp_by(self, authority: Authority, publisher: Publisher, now: datetime) -> None:
        note = await publisher.with_cosignatures(await self._note(publisher))
        origin, size = _read(note).origin, _read(note).size
        request = anchors.request_of(note)
        reply = await self._post(authority.url, request.der, anchors.QUERY_TYPE)
        if reply.status != 200:
            raise Unreachable(f"status {reply.status}")
        gen_time = None
        try:
            gen_time = anchors.stamped(note, reply.body, authority.certificates, request.nonce)
        except AnchorInvalid as error:
            logger.critical("the time stamp from %s is kept, but could not be verified: %s", authority.url, error)
        log_tables, at = publisher.log_tables, gen_time and microseconds(gen_time)
        row = (log_tables.log_id, size, authority.url, microseconds(now), at, note, request.der, reply.body)
        await log_tables.store.write(lambda connection: insert_rows(connection, log_anchor, [row], skip=True))
        facts = {
            "tsa": authority.url,
            "log": origin,
            "size": size,
            "reply": anchors.digest(reply.body),
            "gen_time": gen_time and gen_time.isoformat(),
        }
        self._untold.append(Entry(new_id(now), "anchor.recorded", now, facts))


def _rows(listed: Listed, log_tables: LogTables, note: bytes, lines: bytes) -> list[tuple[object, ...]]:
    """The signature lines that a witness answered, checked, as rows of `log_cosignature`."""
    checkpoint, found = _read(note), []
    for line in lines_of(lines):
        text = checkpoint.text() + "\n" + line
        found += [(each.at, line) for each in cosigned(text.encode(), [listed.witness])]
    if not found:
        raise NoteInvalid("its answer holds no signature of its key")
    return [(log_tables.log_id, checkpoint.size, listed.witness.name, microseconds(at), line) for at, line in found]


def _read(note: bytes) -> Checkpoint:
    """One of our own checkpoints."""
    return Checkpoint.from_text(unverified(note))


async def alarm(log_tables: LogTables, text: str, ours: bytes, theirs: bytes) -> None:
    """Stop publishing, durably and in every process, and keep what contradicts us."""
    row = (log_tables.log_id, microseconds(datetime.now(UTC)), "fork", text, ours, theirs, None)
    await log_tables.store.write(lambda connection: insert_rows(connection, log_alarm, [row], skip=True))


async def cleared(log: Log, *, by: str, reason: str, now: datetime) -> int:
    """Go on publishing, on a person's word, which is an entry. Gives the number of alarms that stood."""
    ended = log_alarm.update().where(log_alarm.c.cleared.is_(None)).values(cleared=microseconds(now))
    entry = Entry(new_id(now), "log.alarm_cleared", now, {"by": by, "reason": reason})
    return await log.append_with(lambda connection: int(connection.execute(ended).rowcount), entry)


def _due(last: tuple[int, datetime] | None, size: int, now: datetime) -> bool:
    return last is None or last[0] < size or now - last[1] >= REFRESH


def _size(reply: Reply) -> int | None:
    digits = reply.body.strip()
    return int(digits) if reply.status == 409 and digits.isdigit() and len(digits) < 20 else None
