"""OpenCRVS 1's webhook: subscriptions, the challenge, and events posted until the callback answers 200.

Subscriptions and undelivered events are in SQLite, so a restart loses neither.
Source: `schemas/agency/opencrvs/format.yaml`.
"""

import asyncio
import hashlib
import hmac
import json
import sqlite3
from collections.abc import Mapping
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import urlsplit
from uuid import uuid4

import httpx

from sandbox import strict
from sandbox.person import CivilRecord

from . import fhir
from .errors import NotProcessed, bad, stamp

_TABLES = """
create table if not exists subscription (id text primary key, client text, topic text, callback text, created text,
                                         unique (topic, callback));
create table if not exists event (id text primary key, url text, body blob);
"""
_LONGEST_PAUSE_S = 60.0


@dataclass(frozen=True, slots=True)
class Subscription:
    """One callback for one topic, as `GET /webhooks` lists it."""

    id: str
    client: str
    topic: str
    callback: str
    created: str

    def wire(self) -> dict[str, str]:
        """As OpenCRVS lists it."""
        return {
            "id": self.id,
            "callback": self.callback,
            "createdAt": self.created,
            "createdBy": self.client,
            "topic": self.topic,
        }


class Hooks:
    """Who is told about births and deaths. Used from one event loop.

    Args:
        store: SQLite file, made when absent.
        secret: the client's; keys the HMAC.
        retry_s: first pause after a delivery that was not answered 200.
    """

    def __init__(self, store: Path, secret: str, retry_s: float) -> None:
        self._store = store
        self._secret = secret
        self._retry_s = retry_s
        self._tasks: set[asyncio.Task[None]] = set()
        with closing(self._open()) as database:
            database.executescript(_TABLES)

    async def announce_birth(self, record: CivilRecord) -> int:
        """Tell every subscriber of `BIRTH_REGISTERED`; returns how many."""
        return self._announce(fhir.BIRTH, fhir.birth_bundle(record, datetime.now(UTC)))

    async def announce_death(self, record: CivilRecord) -> int:
        """Tell every subscriber of `DEATH_REGISTERED`; returns how many. The record has a death."""
        return self._announce(fhir.DEATH, fhir.death_bundle(record, datetime.now(UTC)))

    async def start(self) -> None:
        """Take up the deliveries an earlier process left."""
        with closing(self._open()) as database:
            left = database.execute("select id, url, body from event order by rowid").fetchall()
        for event_id, url, body in left:
            self._deliver_later(event_id, url, body)

    async def close(self) -> None:
        """Stop delivering; what is undelivered stays in the store."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def settled(self) -> None:
        """Wait until every event has been answered 200."""
        while self._tasks:
            await asyncio.gather(*self._tasks)

    async def subscribe(self, client: str, hub: Mapping[str, object]) -> None:
        """Take one subscription after its callback answered the challenge.

        Raises:
            NotProcessed: the request is wrong, the secret is not the client's, or the callback did not answer.
        """
        callback, topic = hub.get("callback"), hub.get("topic")
        if hub.get("mode") != "subscribe" or topic not in {fhir.BIRTH, fhir.DEATH} or not isinstance(callback, str):
            raise bad("hub is {callback, mode: subscribe, topic: BIRTH_REGISTERED or DEATH_REGISTERED, secret}")
        if urlsplit(callback).scheme not in {"http", "https"} or not urlsplit(callback).hostname:
            raise bad("callback is an http or https URL")
        if not hmac.compare_digest(str(hub.get("secret", "")).encode(), self._secret.encode()):
            raise NotProcessed(401, "err.request.unauthorized", "hub.secret is not the client's secret")
        await _challenge(callback, str(topic))
        with closing(self._open()) as database, database:
            database.execute(
                "insert or ignore into subscription values (?, ?, ?, ?, ?)",
                (str(uuid4()), client, topic, callback, stamp(datetime.now(UTC))),
            )

    def subscriptions(self, client: str) -> list[Subscription]:
        """What this client subscribed to."""
        with closing(self._open()) as database:
            rows = database.execute("select * from subscription where client = ? order by rowid", (client,)).fetchall()
        return [Subscription(*row) for row in rows]

    def unsubscribe(self, client: str, subscription_id: str) -> bool:
        """Forget one subscription; False if this client has none of that id."""
        with closing(self._open()) as database, database:
            found = database.execute(
                "delete from subscription where id = ? and client = ?", (subscription_id, client)
            ).rowcount
        return found == 1

    def _open(self) -> sqlite3.Connection:
        return sqlite3.connect(self._store, timeout=10)

    def _announce(self, topic: str, bundle: dict[str, object]) -> int:
        with closing(self._open()) as database, database:
            callbacks = [
                row[0] for row in database.execute("select callback from subscription where topic = ?", (topic,))
            ]
            events = [(str(uuid4()), url, event_body(topic, bundle, url, self._secret)) for url in callbacks]
            database.executemany("insert into event values (?, ?, ?)", events)
        for event in events:
            self._deliver_later(*event)
        return len(events)

    def _deliver_later(self, event_id: str, url: str, body: bytes) -> None:
        task = asyncio.create_task(self._deliver(event_id, url, body))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _deliver(self, event_id: str, url: str, body: bytes) -> None:
        pause = self._retry_s
        async with httpx.AsyncClient(timeout=10, trust_env=False) as client:
            while not await _posted(client, url, body):
                await asyncio.sleep(pause)
                pause = min(pause * 2, _LONGEST_PAUSE_S)
        with closing(self._open()) as database, database:
            database.execute("delete from event where id = ?", (event_id,))


async def _posted(client: httpx.AsyncClient, url: str, body: bytes) -> bool:
    try:
        answer = await client.post(url, content=body, headers={"Content-Type": "application/json"})
    except httpx.HTTPError:
        return False
    return answer.status_code == 200


async def _challenge(callback: str, topic: str) -> None:
    challenge = str(uuid4())
    refusal = bad("the callback did not answer the challenge")
    try:
        async with httpx.AsyncClient(timeout=10, trust_env=False) as client:
            query = {"mode": "subscribe", "challenge": challenge, "topic": topic}
            answer = await client.get(callback, params=query)
    except httpx.HTTPError:
        raise refusal from None
    try:
        body = strict.loads(answer.content)
    except strict.NotStrictJson:
        raise refusal from None
    if answer.status_code != 200 or not isinstance(body, dict) or body.get("challenge") != challenge:
        raise refusal


def event_body(topic: str, bundle: dict[str, object], url: str, secret: str) -> bytes:
    """The POST body of one event: raw UTF-8, with the HMAC over the escaped text of the bundle alone."""
    escaped = json.dumps(bundle, ensure_ascii=True, separators=(",", ":")).encode()
    digest = hmac.new(secret.encode(), escaped, hashlib.sha256).hexdigest()
    payload = {
        "id": str(uuid4()),
        "timestamp": stamp(datetime.now(UTC)),
        "event": {"hub": {"topic": topic}, "context": [bundle]},
    }
    body = {"payload": payload, "url": url, "hmac": f"sha256={digest}"}
    return json.dumps(body, ensure_ascii=False, separators=(",", ":")).encode()
