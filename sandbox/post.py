"""Durable outgoing post of the agencies: what has to reach the gateway is a row first, and is sent until it is taken.

A letter's key is its idempotency key, so a letter that is sent again after a restart arrives once.

| state | |
| --- | --- |
| `new` | not taken by the gateway yet |
| `taken` | the gateway has the delivery and works on it |
| `handed` | the receiver has it |
| `refused` | agreement, consent or receiver say no; `outcome` says which |
| `failed` | given up by the gateway, or a message it cannot use; `outcome` says which |
| `unknown` | whether it left is not known; it is never sent again |
"""

import asyncio
import json
import sqlite3
import time
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from .gateway_client import Clients, Delivery, GatewayRefused

TABLE = """
create table if not exists letter (
    key text primary key, sender text not null, kind text not null, way text not null, body text not null,
    state text not null, delivery text not null, outcome text not null, receiver text not null
);
create index if not exists letter_state on letter (kind, state);
"""
DELIVERY, NOTIFY = "delivery", "notify"  # ways
BY_RULES = frozenset({"refused_by_rules", "not_available", "err.request.forbidden"})
FIRST_PAUSE_S, LONGEST_PAUSE_S = 0.1, 1.0


@dataclass(frozen=True, slots=True)
class Letter:
    """One message of one system.

    Attributes:
        key: at most 80 of `A-Za-z0-9_./:-`, the same for the same cause.
        sender: name of the sending system's credentials file.
        kind: what it is about; letters are sent and counted by kind.
        way: `delivery`: `body` is that of `/v1/deliveries` without the key; `notify`: `body` is `{receiver, message}`.
    """

    key: str
    sender: str
    kind: str
    way: str
    body: Mapping[str, Any]
    state: str = "new"
    delivery: str = ""
    outcome: str = ""
    receiver: str = ""


class Post:
    """The letters in one agency's database. Used from one event loop; `put` belongs to the caller's transaction."""

    def __init__(self, database: sqlite3.Connection, clients: Clients) -> None:
        self._db, self._clients = database, clients
        self._turn = asyncio.Lock()
        database.executescript(TABLE)

    def put(self, letter: Letter) -> None:
        """Write a letter; one with a key that is there already changes nothing."""
        values = (letter.key, letter.sender, letter.kind, letter.way, json.dumps(letter.body, ensure_ascii=False))
        self._db.execute(
            "insert or ignore into letter values (?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (*values, letter.state, letter.delivery, letter.outcome, letter.receiver),
        )

    def letters(self, kind: str, *states: str) -> list[Letter]:
        """The letters of a kind, by key; of these states only, if any are named."""
        query = "select * from letter where kind = ? and (? = '[]' or state in (select value from json_each(?)))"
        wanted = json.dumps(states)
        return sorted(map(_letter, self._db.execute(query, (kind, wanted, wanted))), key=lambda letter: letter.key)

    def find(self, key: str) -> Letter | None:
        """The letter with this key."""
        row = self._db.execute("select * from letter where key = ?", (key,)).fetchone()
        return _letter(row) if row else None

    def kinds(self) -> list[str]:
        """The kinds of letters there are."""
        return [row[0] for row in self._db.execute("select distinct kind from letter order by kind")]

    def counts(self, kind: str) -> dict[str, int]:
        """How many letters of a kind are in each state."""
        query = "select state, count(*) from letter where kind = ? group by state order by state"
        return dict(self._db.execute(query, (kind,)).fetchall())

    async def send(self, kinds: Iterable[str]) -> None:
        """Hand everything new of these kinds to the gateway.

        Raises:
            GatewayUnreachable, NoCredentials: some are still `new`; call again.
        """
        async with self._turn:  # the background task and a step would send the same letter side by side
            await _all(self._sent(letter) for kind in kinds for letter in self.letters(kind, "new"))

    async def settle(
        self, kinds: Iterable[str], *, seconds: float, done: Callable[[Letter], bool] | None = None
    ) -> None:
        """Send, then follow the letters until each is `done` (no longer `taken`), or until the time is over.

        Raises:
            GatewayUnreachable, NoCredentials: as `send`.
        """
        kinds, ends, pause = tuple(kinds), time.monotonic() + seconds, FIRST_PAUSE_S
        await self.send(kinds)
        while open_ := [
            each for kind in kinds for each in self.letters(kind) if each.delivery and not _ended(each, done)
        ]:
            await _all(self._followed(letter) for letter in open_)
            if time.monotonic() > ends:
                return
            await asyncio.sleep(pause)
            pause = min(1.5 * pause, LONGEST_PAUSE_S)

    async def _sent(self, letter: Letter) -> None:
        client = self._clients.named(letter.sender)
        try:
            if letter.way == NOTIFY:
                await client.tell("notify", letter.body["receiver"], letter.body["message"])
                self._mark(letter, Delivery("", "handed", "", ""))
                return
            self._mark(letter, await client.deliver({**letter.body, "idempotency_key": letter.key}))
        except GatewayRefused as error:
            self._mark(letter, Delivery("", "refused" if error.code in BY_RULES else "failed", error.code, ""))

    async def _followed(self, letter: Letter) -> None:
        self._mark(letter, await self._clients.named(letter.sender).delivery(letter.delivery))

    def _mark(self, letter: Letter, now: Delivery) -> None:
        state = "taken" if now.state in {"queued", "sending"} else now.state
        with self._db:
            self._db.execute(
                "update letter set state = ?, delivery = ?, outcome = ?, receiver = ? where key = ?",
                (state, now.id, now.outcome, now.receiver_state, letter.key),
            )


async def _all(work: Iterable[Awaitable[None]]) -> None:
    """Do all of it, then raise the first failure, if any: one that fails does not stop the others."""
    results = await asyncio.gather(*work, return_exceptions=True)
    for result in results:
        if isinstance(result, BaseException):
            raise result


def _ended(letter: Letter, done: Callable[[Letter], bool] | None) -> bool:
    return letter.state not in {"new", "taken"} and (done is None or done(letter))


def _letter(row: tuple[Any, ...]) -> Letter:
    key, sender, kind, way, body, *rest = row
    return Letter(key, sender, kind, way, json.loads(body), *rest)
