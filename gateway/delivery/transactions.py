"""Messages that are answered later: taken with their log entry and job in one transaction, worked on item by item,
answered by a message of ours to the sender's registered address, and shown to its sender meanwhile and afterwards.

An edge brings an `Answerer` for each kind of message (`Transactions.answers`); everything durable is here:

    txn = await here.transactions.accept(Wanted(consumer, "search", transaction_id, items, head, "on-search"))
    return ack(txn.id)                       # the correlation id
    ...
    found = await here.transactions.find(consumer, "correlation_id", [txn.id])      # txn/status: the same truth

What an item answered is kept before the next is asked, so a worker that is killed repeats one item at most; the answer
and its callback are one transaction. An item whose agency answers later is `Later`: it is asked for nothing more until
`Waiting` has its end. What waits to be sent is looked at again before it leaves (`Answerer.still`).
"""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Protocol
from uuid import uuid4

import orjson
from sqlalchemy import Row, delete, func, insert, select, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.ext.asyncio import AsyncConnection

from audit import Entry, Log, new_id
from consent.lessening import still_decided

from ..db import Database
from ..trust.seal import Seal
from . import jobs
from .callbacks import UNSENT, Callbacks
from .deliveries import KeyReused
from .tables import callback, txn, txn_item

KIND = "txn"
RECEIVED, PENDING, SUCCEEDED, REJECTED = "rcvd", "pdng", "succ", "rjct"
AT_ONCE = 8
ATTRIBUTES = {"transaction_id": txn.c.transaction_id, "correlation_id": txn.c.id}


@dataclass(frozen=True, slots=True)
class Wanted:
    """A message to take.

    Attributes:
        kind: names its answerer.
        transaction_id: the sender's own; the same again with the same content is the same message.
        items: (reference id, content) of each item.
        head: what of the message is no item, as its answerer wants it back.
        callback: the service under which the sender registered where it takes the answer.
    """

    consumer: str
    kind: str
    transaction_id: str
    items: Sequence[tuple[str, Mapping[str, Any]]]
    head: Mapping[str, Any] = field(default_factory=dict)
    callback: str = ""


@dataclass(frozen=True, slots=True)
class Transaction:
    """A message that was taken, as its sender may see it. `answer` is the message of ours that ends it."""

    id: str
    consumer: str
    kind: str
    transaction_id: str
    references: Sequence[str]
    state: str  # rcvd | pdng | succ | rjct
    items: int
    done: int
    head: Mapping[str, Any]
    answer: Mapping[str, Any] | None
    created: float
    updated: float

    def wire(self) -> dict[str, object]:
        """How the native interface shows it."""
        return {
            "id": self.id,
            "kind": self.kind,
            "transaction_id": self.transaction_id,
            "state": self.state,
            "items": self.items,
            "done": self.done,
        }


@dataclass(frozen=True, slots=True)
class Later:
    """An item whose agency answers later, with the id of the exchange that waits (`Waiting.ask`)."""

    exchange_id: str


class Answerer(Protocol):
    """What an edge knows of one kind of message."""

    @property
    def action(self) -> str:
        """That of the message that answers: `on-search`."""

    async def answer(self, taken: Transaction, place: int, item: Mapping[str, Any]) -> Mapping[str, Any] | Later:
        """One item's part of the answer. Raises whatever shall be tried again."""

    async def told(self, taken: Transaction, item: Mapping[str, Any], exchange_id: str) -> Mapping[str, Any]:
        """The part of an item that was `Later`, once `Waiting.show` has the end of its exchange."""

    def whole(self, taken: Transaction, answers: Sequence[Mapping[str, Any]]) -> tuple[str, Mapping[str, Any]]:
        """`succ` or `rjct`, and the message that answers, from the parts in the order of the items."""

    async def still(self, taken: Transaction, item: Mapping[str, Any], answer: Mapping[str, Any]) -> Mapping[str, Any]:
        """An item's part as it may be told now, some time after it was decided."""


@dataclass(frozen=True, slots=True)
class Transactions:
    """Takes, works on, shows and forgets them."""

    db: Database
    seal: Seal
    log: Log
    callbacks: Callbacks
    clock: Callable[[], datetime]
    wake: Callable[[], None]
    kept_s: float
    answerers: dict[str, Answerer] = field(default_factory=dict)

    def answers(self, kind: str, answerer: Answerer) -> None:
        """Let messages of a kind be answered by this; before the worker runs."""
        self.answerers[kind] = answerer
        self.callbacks.still[answerer.action] = self.still

    async def accept(self, wanted: Wanted) -> Transaction:
        """Take a message: durable on return, with its entry; the same message again is the same transaction.

        Raises:
            KeyReused: the transaction id came before with another content.
            LogUnavailable: the log takes nothing.
        """
        hashed = self.seal.fingerprint(_content(wanted.items))
        id_, now = str(uuid4()), self.clock()
        row = self._row(wanted, id_, hashed, now)
        async with self.db.write() as connection:
            dialect = sqlite if connection.dialect.name == "sqlite" else postgresql
            adding = dialect.insert(txn).on_conflict_do_nothing().returning(txn.c.id)
            if (await connection.execute(adding, row)).scalar_one_or_none() is not None:
                await connection.execute(insert(txn_item), self._items(wanted, id_))
                await jobs.add(connection, KIND, id_, now=now.timestamp(), lane=jobs.LIVE)
                facts = {"consumer": wanted.consumer, "message": wanted.kind, "id": id_, "items": len(wanted.items)}
                await self.log.append_in(connection, Entry(new_id(now), "message.accepted", now, facts))
        self.wake()
        (found,) = await self.find(wanted.consumer, "transaction_id", [wanted.transaction_id], kind=wanted.kind)
        if found.id != id_ and not await self._same(found.id, hashed):
            raise KeyReused("transaction")
        return found

    def _row(self, wanted: Wanted, id_: str, hashed: str, now: datetime) -> dict[str, Any]:
        return {
            "id": id_,
            "consumer": wanted.consumer,
            "kind": wanted.kind,
            "transaction_id": wanted.transaction_id,
            "body_hash": hashed,
            "state": RECEIVED,
            "items": len(wanted.items),
            "callback": wanted.callback,
            "callback_id": "",
            "sealed": self.seal.sealed(f"txn:{id_}", orjson.dumps(wanted.head)),
            "created": now.timestamp(),
            "updated": now.timestamp(),
            "expires": now.timestamp() + self.kept_s,
        }

    def _items(self, wanted: Wanted, id_: str) -> list[dict[str, Any]]:
        def sealed(n: int, item: Mapping[str, Any]) -> bytes:
            return self.seal.sealed(f"txn_item:{id_}:{n}", orjson.dumps(item))

        return [
            {"txn_id": id_, "n": n, "reference_id": reference[:99], "state": "open", "sealed": sealed(n, item)}
            for n, (reference, item) in enumerate(wanted.items)
        ]

    async def _same(self, id_: str, hashed: str) -> bool:
        async with self.db.read() as connection:
            known: str = (await connection.execute(select(txn.c.body_hash).where(txn.c.id == id_))).scalar_one()
        return known == hashed

    async def find(
        self, consumer: str, attribute: str, values: Sequence[str], *, kind: str = ""
    ) -> Sequence[Transaction]:
        """This system's messages by `transaction_id`, `correlation_id` or `reference_id_list`, oldest first.

        Whoever asks, over DCI or natively, gets them from here; those of others do not exist for the caller.
        """
        wanted = select(txn).where(txn.c.consumer == consumer).order_by(txn.c.created, txn.c.id)
        if attribute in ATTRIBUTES:
            wanted = wanted.where(ATTRIBUTES[attribute].in_(values))
        else:
            with_it = select(txn_item.c.txn_id).where(txn_item.c.reference_id.in_(values))
            wanted = wanted.where(txn.c.id.in_(with_it))
        if kind:
            wanted = wanted.where(txn.c.kind == kind)
        async with self.db.read() as connection:
            rows = (await connection.execute(wanted.limit(100))).all()
            return [self._shown(row, await _items_of(connection, row.id)) for row in rows]

    def _shown(self, row: Row[Any], items: Sequence[Row[Any]]) -> Transaction:
        head = orjson.loads(self.seal.opened(f"txn:{row.id}", row.sealed)) if row.sealed else {}
        answer = orjson.loads(self.seal.opened(f"answer:{row.id}", row.sealed_answer)) if row.sealed_answer else None
        return Transaction(
            row.id,
            row.consumer,
            row.kind,
            row.transaction_id,
            tuple(each.reference_id for each in items),
            row.state,
            row.items,
            sum(each.state == "done" for each in items),
            head,
            answer,
            row.created,
            row.updated,
        )

    async def run(self, claimed: jobs.Job) -> None:
        """Answer the items that are open, then the message. Safe to run twice."""
        row, items = await self._read(claimed.ref)
        taken = self._shown(row, items)
        if row.state in {SUCCEEDED, REJECTED} or row.sealed is None:
            await self._finished(claimed)
            return
        answerer = self.answerers[row.kind]
        places = asyncio.Semaphore(AT_ONCE)

        async def one(item: Row[Any]) -> None:
            async with places:
                await self._keep(item, await answerer.answer(taken, item.n, self._item(item)), row)

        done = await asyncio.gather(*(one(each) for each in items if each.state == "open"), return_exceptions=True)
        for failure in filter(None, done):  # what the others said is kept; the worker comes again for this one
            raise failure
        items = await self._whole_or_laid_aside(row.id)
        if items:
            await self._answered(row, taken, [self._part(each) for each in items])

    async def _whole_or_laid_aside(self, id_: str) -> Sequence[Row[Any]]:
        """The items of a message that has them all; else none, and its job is over: `resumed` adds it again.

        Both look at the items with the message locked, so that the later one sees what the other has done.
        """
        async with self.db.write() as connection:
            await _locked(connection, id_)
            items = await _items_of(connection, id_)
            if all(each.state == "done" for each in items):
                return items
            await jobs.finish(connection, KIND, id_)
        return ()

    async def _read(self, id_: str) -> tuple[Row[Any], Sequence[Row[Any]]]:
        async with self.db.read() as connection:
            row = (await connection.execute(select(txn).where(txn.c.id == id_))).one()
            return row, await _items_of(connection, id_)

    def _item(self, row: Row[Any]) -> Any:
        return orjson.loads(self.seal.opened(f"txn_item:{row.txn_id}:{row.n}", row.sealed))

    def _part(self, row: Row[Any]) -> Any:
        return orjson.loads(self.seal.opened(f"part:{row.txn_id}:{row.n}", row.sealed_answer))

    async def _keep(self, item: Row[Any], part: Mapping[str, Any] | Later, row: Row[Any]) -> None:
        async with self.db.write() as connection:
            if isinstance(part, Later):
                waits = _this(item.txn_id, item.n).where(txn_item.c.state == "open")  # else its exchange is over
                await connection.execute(waits.values(state="waiting"))
            else:
                await connection.execute(self._done(item.txn_id, item.n, part))
            begun = update(txn).where(txn.c.id == row.id, txn.c.state == RECEIVED)
            await connection.execute(begun.values(state=PENDING, updated=self.clock().timestamp()))

    def _done(self, id_: str, n: int, part: Mapping[str, Any]) -> Any:
        sealed = self.seal.sealed(f"part:{id_}:{n}", orjson.dumps(part))
        return _this(id_, n).values(state="done", sealed_answer=sealed)

    async def resumed(self, id_: str, n: int, exchange_id: str) -> None:
        """The exchange that an item waited for has ended: keep its part; the last one lets the message be answered."""
        row, items = await self._read(id_)
        if row.sealed is None or items[n].state == "done":
            return
        taken = self._shown(row, items)
        part = await self.answerers[row.kind].told(taken, self._item(items[n]), exchange_id)
        async with self.db.write() as connection:
            await _locked(connection, id_)
            await connection.execute(self._done(id_, n, part))
            left = select(func.count()).where(txn_item.c.txn_id == id_, txn_item.c.state != "done")
            if not (await connection.execute(left)).scalar_one():
                await jobs.forget(connection, id_)
                await jobs.add(connection, KIND, id_, now=self.clock().timestamp(), lane=jobs.LIVE)
        self.wake()

    async def _answered(self, row: Row[Any], taken: Transaction, parts: Sequence[Mapping[str, Any]]) -> None:
        state, message = self.answerers[row.kind].whole(taken, parts)
        now = self.clock()
        sealed = self.seal.sealed(f"answer:{row.id}", orjson.dumps(message))
        async with self.db.write() as connection:
            open_ = update(txn).where(txn.c.id == row.id, txn.c.state.in_((RECEIVED, PENDING)))
            ended = {"state": state, "sealed_answer": sealed, "updated": now.timestamp()}
            if not (await connection.execute(open_.values(ended))).rowcount:
                return  # another worker was faster
            if row.callback:
                to = (row.consumer, row.callback)
                callback_id = await self.callbacks.add(connection, to, self.answerers[row.kind].action, message)
                await connection.execute(update(txn).where(txn.c.id == row.id).values(callback_id=callback_id))
            await jobs.finish(connection, KIND, row.id)
            facts = {"consumer": row.consumer, "message": row.kind, "id": row.id, "items": row.items, "state": state}
            await self.log.append_in(connection, Entry(new_id(now), "message.answered", now, facts))
        self.wake()

    async def still(self, callback_id: str, message: Mapping[str, Any]) -> Mapping[str, Any]:
        """The answer as it may be told now (`callbacks.StillSo`).

        Its first item may have been decided long before its last, but none before the message came.
        """
        async with self.db.read() as connection:
            row = (await connection.execute(select(txn).where(txn.c.callback_id == callback_id))).one_or_none()
            if row is None or row.sealed is None:
                return message
            if await still_decided(connection, datetime.fromtimestamp(row.created, UTC), self.clock()):
                return message
        return await self.looked_at(row.id)

    async def looked_at(self, id_: str) -> Mapping[str, Any]:
        """The answer of a message that is done, decided anew item by item; what may not be told any more is gone."""
        row, items = await self._read(id_)
        taken, answerer = self._shown(row, items), self.answerers[row.kind]
        parts = [await answerer.still(taken, self._item(each), self._part(each)) for each in items]
        state, message = answerer.whole(taken, parts)
        sealed = self.seal.sealed(f"answer:{id_}", orjson.dumps(message))
        async with self.db.write() as connection:
            for each, part in zip(items, parts, strict=True):
                await connection.execute(self._done(id_, each.n, part))
            await connection.execute(update(txn).where(txn.c.id == id_).values(state=state, sealed_answer=sealed))
        return message

    async def _finished(self, claimed: jobs.Job) -> None:
        async with self.db.write() as connection:
            await jobs.finish(connection, claimed.kind, claimed.ref)

    async def erase_expired(self) -> int:
        """Forget messages whose time is over, with everything they said; gives how many.

        While an answer waits to be sent its message stays: from that it is decided again.
        """
        waits = select(callback.c.id).where(callback.c.id == txn.c.callback_id, callback.c.state.in_(UNSENT)).exists()
        over = select(txn.c.id).where(txn.c.expires < self.clock().timestamp(), ~waits).limit(1000)
        async with self.db.write() as connection:
            ids = (await connection.execute(over)).scalars().all()
            await connection.execute(delete(txn_item).where(txn_item.c.txn_id.in_(ids)))
            await connection.execute(delete(txn).where(txn.c.id.in_(ids)))
        return len(ids)


def _content(items: Sequence[tuple[str, Mapping[str, Any]]]) -> bytes:
    """What a message says; not when it was written or how it was signed, which a sender that repeats it does anew."""
    undated = [(reference, {**item, "timestamp": ""}) for reference, item in items]
    return orjson.dumps(undated, option=orjson.OPT_SORT_KEYS)


def _this(id_: str, n: int) -> Any:
    return update(txn_item).where(txn_item.c.txn_id == id_, txn_item.c.n == n)


async def _locked(connection: AsyncConnection, id_: str) -> None:
    """Who changes how many items are open takes turns."""
    await connection.execute(select(txn.c.id).where(txn.c.id == id_).with_for_update())


async def _items_of(connection: AsyncConnection, id_: str) -> Sequence[Row[Any]]:
    wanted = select(txn_item).where(txn_item.c.txn_id == id_).order_by(txn_item.c.n)
    return (await connection.execute(wanted)).all()
