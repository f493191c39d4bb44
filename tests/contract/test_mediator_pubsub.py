"""GovStack Information Mediator, PubSub 2.0: rooms, stored events, who gets them, and what the log keeps."""

import asyncio
import base64
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from itertools import count
from pathlib import Path
from typing import Any
from uuid import UUID

import httpx
import pytest
import pytest_asyncio
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from sqlalchemy import select, update
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from gateway.delivery import jobs
from gateway.edges.mediator import tables
from gateway.edges.mediator.pubsub import stored
from gateway.edges.mediator.pushing import pushing_of
from gateway.edges.mediator.rooms import deliveries_of
from gateway.gate import utc_now
from sandbox.loopback import serving
from tests.certified_place import OFFICES, SR, STRANGER, TRAFFIC, House, a_house
from tests.mediator_files import judge
from tests.rule_watch import RuleWatch

pytestmark = pytest.mark.asyncio(loop_scope="module")
ROOM = f"/im/r1/{TRAFFIC}"
NUMBERS = count(1)
SCHEMA = {
    "$schema": "http://json-schema.org/draft-07/schema#",
    "type": "object",
    "required": ["office"],
    "properties": {"office": {"type": "string"}, "opens": {"type": "string"}},
}
EVENT = {"office": "Jaffna", "opens": "08:30"}


class Receiver:
    """A subscriber's own address."""

    def __init__(self) -> None:
        self.taken: list[tuple[dict[str, Any], bytes, str]] = []
        self.down = 0
        self.app = Starlette(routes=[Route("/events", self.take, methods=["POST"])])

    async def take(self, request: Request) -> Response:
        if self.down:
            self.down -= 1
            return Response(status_code=503)
        body = await request.body()
        self.taken.append((json.loads(body), body, request.headers["sandhi-signature"]))
        return Response(status_code=204)

    @property
    def numbers(self) -> list[int]:
        return [event["sequence"] for event, _, _ in self.taken]


@dataclass
class Room:
    """The traffic register's room, with an event type that no other test uses."""

    house: House
    name: str = field(default_factory=lambda: f"newOffice{next(NUMBERS)}")

    @property
    def pull(self) -> dict[str, Any]:
        return {"eventType": self.name, "delivery": "PULL"}

    async def called(self, system: str, method: str, path: str, body: object = None) -> httpx.Response:
        path = f"{ROOM}{path.replace('newOffice', self.name)}"
        answer = await self.house.call(system, method, path, json=body, headers={"x-govstack-client": system})
        judge("im-pubsub", answer)
        return answer

    async def status(self, system: str, method: str, path: str, body: object = None) -> int:
        return (await self.called(system, method, path, body)).status_code

    async def allow(self, *systems: str, verb: str = "allow") -> None:
        who = []
        for system in systems:
            _, class_, code, application = system.split("/")
            who.append({"memberClass": class_, "memberCode": code, "applicationId": application})
        named = {"memberClass": "GOV", "memberCode": "DMT", "applicationId": "LICENCES", "serviceId": self.name}
        rights = [named | {"rights": who}]
        assert (await self.house.call(TRAFFIC, "PATCH", f"/im/api/v1/rights/{verb}", json=rights)).status_code == 200

    async def with_type(self, *allowed: str) -> None:
        body = {"eventType": self.name, "schema": SCHEMA}
        assert await self.status(TRAFFIC, "POST", "/api/v1/eventType", body) == 200
        await self.allow(*allowed)

    async def published(self, system: str = TRAFFIC, **event: str) -> str:
        body = {"eventType": self.name, "event": EVENT | event}
        answer = await self.called(system, "POST", "/pub/v1/newOffice", body)
        assert answer.status_code == 201
        return str(UUID(answer.json()["id"]))

    async def states(self, event: str) -> list[str]:
        """What became of an event, as its publisher is told."""
        told = (await self.called(TRAFFIC, "GET", f"/pub/v1/newOffice/{event}")).json()
        assert "event" not in told
        return [each["state"] for each in told["deliveries"]]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def house(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[House]:
    async with a_house(tmp_path_factory.mktemp("house")) as found:
        yield found


@pytest.fixture
def room(house: House) -> Room:
    return Room(house)


async def test_what_is_published_is_pulled_until_it_is_confirmed_and_nothing_is_kept_of_it(
    tmp_path: Path, database_url: str
) -> None:
    async with a_house(tmp_path, database_url) as house:
        await pulled_and_confirmed(Room(house))


async def pulled_and_confirmed(room: Room) -> None:
    await room.with_type(SR)
    assert await room.status(SR, "POST", "/api/v1/subs/newOffice", room.pull) == 200
    first, second = await room.published(), await room.published(office="Galle")
    for _ in range(2):
        item = (await room.called(SR, "GET", "/pull/v1/newOffice")).json()
        assert (item["id"], item["sequence"], item["event"]) == (first, 1, EVENT)
        assert item["publisherId"]["applicationCode"] == "LICENCES"
    assert await room.status(SR, "DELETE", f"/pull/v1/newOffice/{first}") == 204
    assert await room.status(SR, "DELETE", f"/pull/v1/newOffice/{first}") == 404
    assert (await room.called(SR, "GET", "/pull/v1/newOffice")).json()["id"] == second
    assert await room.states(first) == ["acknowledged"]
    async with room.house.services.db.read() as connection:
        kept = (await connection.execute(select(tables.event.c.id, tables.event.c.sealed))).all()
    assert {row.id: row.sealed is None for row in kept} == {first: True, second: False}
    assert not any(b"Jaffna" in (row.sealed or b"") for row in kept)


async def test_every_change_and_every_event_is_an_entry_without_what_the_event_says(room: Room) -> None:
    watch = RuleWatch(room.house.services.db.engine)
    await room.with_type(SR)
    await room.status(SR, "POST", "/api/v1/subs/newOffice", room.pull)
    event = await room.published()
    await room.status(SR, "DELETE", f"/pull/v1/newOffice/{event}")
    await room.status(SR, "PATCH", "/api/v1/subs/newOffice", room.pull | {"options": {"TTL": 60}})
    await room.status(SR, "DELETE", "/api/v1/subs/newOffice")
    await room.status(TRAFFIC, "DELETE", "/api/v1/eventType/newOffice")
    names = "event_type.created subscribed published delivery subscription.changed unsubscribed event_type.removed"
    said = await room.house.said(*(f"pubsub.{each}" for each in names.split()))
    entries = [each for each in said if each["event_type"] == room.name]
    assert [each["kind"].removeprefix("pubsub.") for each in entries] == names.split()
    assert entries[2]["subscribers"] == [SR]
    assert (entries[3]["event"], entries[3]["state"], entries[3]["subscriber"]) == (event, "acknowledged", SR)
    assert "Jaffna" not in json.dumps(entries)
    assert not {table for table in watch.alone if table.startswith("im_")}
    assert {table for table in watch.told if table.startswith("im_")} == set(tables.metadata.tables) - {"im_service"}


async def test_only_the_room_makes_event_types_and_only_whom_it_allows_learns_of_them(room: Room) -> None:
    body = {"eventType": room.name, "schema": SCHEMA}
    assert await room.status(SR, "POST", "/api/v1/eventType", body) == 400
    await room.with_type(SR)
    assert await room.status(TRAFFIC, "POST", "/api/v1/eventType", body) == 409
    assert room.name in (await room.called(SR, "GET", "/api/v1/eventType")).json()
    assert (await room.called(SR, "GET", "/api/v1/eventType/newOffice")).json() == body
    assert await room.status(OFFICES, "GET", "/api/v1/eventType") == 204
    assert await room.status(STRANGER, "GET", "/api/v1/eventType/newOffice") == 204
    assert await room.status(STRANGER, "POST", "/api/v1/subs/newOffice", room.pull) == 400
    published_by_stranger = {"eventType": room.name, "event": EVENT}
    assert await room.status(STRANGER, "POST", "/pub/v1/newOffice", published_by_stranger) == 404
    assert await room.status(SR, "DELETE", "/api/v1/eventType/newOffice") == 404
    event = await room.published(SR)
    assert await room.status(STRANGER, "GET", f"/pub/v1/newOffice/{event}") == 404
    assert await room.status(STRANGER, "DELETE", f"/pub/v1/newOffice/{event}") == 404


async def test_a_right_taken_away_ends_what_waits(room: Room) -> None:
    await room.with_type(SR)
    await room.status(SR, "POST", "/api/v1/subs/newOffice", room.pull)
    event = await room.published()
    await room.allow(SR, verb="deny")
    assert await room.status(SR, "GET", "/pull/v1/newOffice") == 404
    await room.allow(SR)
    assert await room.status(SR, "GET", "/pull/v1/newOffice") == 404
    assert await room.states(event) == ["refused"]


async def test_an_event_that_does_not_fit_or_names_a_person_is_refused(room: Room) -> None:
    await room.with_type(SR)
    wrong: list[Any] = [
        {"eventType": room.name, "event": {"opens": "8"}},
        {"eventType": "other", "event": EVENT},
        {"eventType": room.name, "event": EVENT | {"head": "199012304567"}},
        {"eventType": room.name, "event": EVENT | {"heads": [{"nic": 199012304567}]}},
        {"event": EVENT},
        [],
    ]
    for body in wrong:
        answer = await room.called(TRAFFIC, "POST", "/pub/v1/newOffice", body)
        assert (answer.status_code, "199012304567" in answer.text) == (400, False)
    unusable = {"eventType": "x", "schema": {"$ref": "https://elsewhere.example/schema"}}
    assert await room.status(TRAFFIC, "POST", "/api/v1/eventType", unusable) == 400


async def test_subscriptions_are_listed_changed_and_ended_by_their_owner(room: Room) -> None:
    await room.with_type(SR, STRANGER)
    wish = room.pull | {"options": {"TTL": 60, "FIFO": True}}
    assert await room.status(SR, "POST", "/api/v1/subs/newOffice", wish) == 200
    assert await room.status(SR, "POST", "/api/v1/subs/newOffice", wish) == 409
    all_of_them = (await room.called(SR, "GET", "/api/v1/subs")).json()
    (listed,) = (each for each in all_of_them if each["eventType"] == room.name)
    assert (listed["options"], listed["delivery"]) == (wish["options"], "PULL")
    assert (await room.called(SR, "GET", "/api/v1/subs/newOffice")).json() == listed
    assert (await room.called(STRANGER, "GET", "/api/v1/subs")).json() == []
    for method, body in (("GET", None), ("PATCH", room.pull), ("DELETE", None)):
        assert await room.status(STRANGER, method, "/api/v1/subs/newOffice", body) == 404
    assert await room.status(SR, "PATCH", "/api/v1/subs/newOffice", room.pull) == 201
    assert (await room.called(SR, "GET", "/api/v1/subs/newOffice")).json()["options"]["FIFO"] is False
    nowhere = {"eventType": room.name, "delivery": "PUSH"}
    assert await room.status(STRANGER, "POST", "/api/v1/subs/newOffice", nowhere) == 400
    too_long = room.pull | {"options": {"TTL": 10**9}}
    assert await room.status(STRANGER, "POST", "/api/v1/subs/newOffice", too_long) == 400


async def test_what_waits_longer_than_wanted_expires_and_what_is_stopped_reaches_nobody(room: Room) -> None:
    await room.with_type(SR)
    await room.status(SR, "POST", "/api/v1/subs/newOffice", room.pull | {"options": {"TTL": 60}})
    late, stopped = await room.published(), await room.published()
    assert await room.status(TRAFFIC, "DELETE", f"/pub/v1/newOffice/{stopped}") == 204
    await pushing_of(room.house.services).expire(utc_now() + timedelta(seconds=61))
    assert await room.status(SR, "GET", "/pull/v1/newOffice") == 404
    for event, state in ((late, "expired"), (stopped, "stopped")):
        assert await room.states(event) == [state]


def plain(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


@asynccontextmanager
async def pushed_to(folder: Path, url: str, *, fifo: bool = False) -> AsyncIterator[tuple[Room, Receiver]]:
    """A subscriber that is pushed to."""
    receiver = Receiver()
    with serving(receiver.app) as address:
        environment = {"SANDHI_ALLOWED_HOSTS": address.partition("//")[2]}
        async with a_house(folder, url, environment=environment, callbacks={SR: f"{address}/events"}) as house:
            room = Room(house)
            await room.with_type(SR)
            wish = {"eventType": room.name, "delivery": "PUSH", "options": {"FIFO": fifo}}
            assert await room.status(SR, "POST", "/api/v1/subs/newOffice", wish) == 200
            yield room, receiver


async def test_a_pushed_event_is_signed_tried_again_with_pauses_and_arrives_once(
    tmp_path: Path, database_url: str
) -> None:
    async with pushed_to(tmp_path, database_url) as (room, receiver):
        receiver.down = 2
        event, now, pauses = await room.published(), datetime.now(UTC), []
        for _ in range(3):
            moment = now
            while not await room.house.worked(moment):
                moment += timedelta(seconds=0.5)
                assert moment < now + timedelta(seconds=20), "nobody tries again"
            pauses.append((moment - now).total_seconds())
            now = moment
        assert pauses[0] == 0 < pauses[1]
        ((item, body, signature),) = receiver.taken
        assert (item["id"], item["event"]) == (event, EVENT)
        head, _, tail = signature.split(".")
        keys = {each["kid"]: each for each in room.house.services.trust.jwks()["keys"]}
        key = Ed25519PublicKey.from_public_bytes(plain(keys[json.loads(plain(head))["kid"]]["x"]))
        key.verify(plain(tail), f"{head}.{base64.urlsafe_b64encode(body).rstrip(b'=').decode()}".encode())
        assert await room.states(event) == ["acknowledged"]
        assert await room.house.worked(now + timedelta(hours=2)) == 0


async def test_in_order_means_that_a_later_event_waits_for_the_one_before(tmp_path: Path, sqlite_url: str) -> None:
    async with pushed_to(tmp_path, sqlite_url, fifo=True) as (room, receiver):
        for office in ("a", "b", "c"):
            await room.published(office=office)
        receiver.down, moment = 1, datetime.now(UTC)
        for _ in range(60):
            await room.house.worked(moment)
            moment += timedelta(seconds=0.5)
        assert receiver.numbers == [1, 2, 3]


async def test_a_push_to_whom_the_room_denied_is_not_sent(tmp_path: Path, sqlite_url: str) -> None:
    async with pushed_to(tmp_path, sqlite_url) as (room, receiver):
        await room.published()
        await room.allow(SR, verb="deny")
        assert await room.house.worked() == 1
        assert receiver.taken == []


async def test_the_sweep_brings_a_lost_ordered_push_back(tmp_path: Path, sqlite_url: str) -> None:
    async with pushed_to(tmp_path, sqlite_url, fifo=True) as (room, receiver):
        await room.published()
        async with room.house.services.db.write() as connection:
            await connection.exec_driver_sql("DELETE FROM job")
            await connection.execute(update(tables.delivery).values(updated=0))
        assert await room.house.worked() == 0
        await pushing_of(room.house.services).expire(utc_now())
        assert await room.house.worked() == 1
        assert receiver.numbers == [1]


async def test_the_header_may_not_name_another_than_the_certificate(room: Room) -> None:
    answer = await room.house.call(SR, "GET", f"{ROOM}/api/v1/subs", headers={"x-govstack-client": OFFICES})
    assert (answer.status_code, answer.json()["code"]) == (400, "bad_request.headers")


async def test_what_the_last_two_take_at_the_same_moment_is_erased(tmp_path: Path, postgres_url: str) -> None:
    async with a_house(tmp_path, postgres_url) as house:
        room, now = Room(house), utc_now()
        await room.with_type(SR, STRANGER)
        for each in (SR, STRANGER):
            assert await room.status(each, "POST", "/api/v1/subs/newOffice", room.pull) == 200
        event, store = await room.published(), stored(house.services)

        async def confirmed(row: Any) -> None:
            async with house.services.db.write() as connection:
                await store.settle(connection, row, "acknowledged", now)

        async with house.services.db.write() as connection:
            first, second = await deliveries_of(connection, event)
            await store.settle(connection, first, "acknowledged", now)
            beside = asyncio.create_task(confirmed(second))
            await asyncio.sleep(0.3)
        await beside
        async with house.services.db.read() as connection:
            assert (await connection.execute(select(tables.event.c.sealed))).scalars().all() == [None]


async def test_a_push_is_tried_as_long_as_its_subscriber_lets_it_wait(tmp_path: Path, sqlite_url: str) -> None:
    async with pushed_to(tmp_path, sqlite_url) as (room, receiver):
        receiver.down = 1
        event = await room.published()
        (waiting,) = await claimed_of(room.house)
        await pushing_of(room.house.services).run(replace(waiting, attempts=jobs.MOST_ATTEMPTS + 5))
        assert await room.states(event) == ["waiting"]
        assert await room.house.worked(datetime.now(UTC) + timedelta(hours=1)) == 1
        assert await room.states(event) == ["acknowledged"]


async def claimed_of(house: House) -> list[jobs.Job]:
    async with house.services.db.write() as connection:
        return await jobs.claim(connection, now=utc_now().timestamp(), most=9)
