"""PubSub 2.0 as published: event types, subscriptions, publishing, pulling. What happens then: `rooms`, `pushing`.

The published file has no word for "you may not": whoever may not hears what it would hear if there were nothing there
(404), or that its request is not valid (400), where the file has no 404.

Source: GovStack Information Mediator, PubSub API 2.0.0.
"""

from datetime import datetime
from typing import Annotated, Any

import orjson
from fastapi import APIRouter, Depends, Request
from fastapi.responses import JSONResponse, Response
from pydantic import BeforeValidator

import schemas
from adapters.kit.untrusted.json_schema import checked_schema
from adapters.kit.untrusted.refused import ProgramRefused

from ...gate import utc_now
from ...wiring import Services
from ..v1.deps import Caller
from . import rooms
from .personal import names_a_person
from .rights import allowed_services
from .rooms import PUSHED_TO, Store, Taken, Topic
from .route import Application, Client, Here, MediatorError, MediatorRoute, known_form
from .shapes import EventTypeIn, PublishIn, SubscriptionIn

PLACE = "/{instance}/{member_class}/{member}/{application}"

router = APIRouter(route_class=MediatorRoute)


def not_there() -> MediatorError:
    """404, also where somebody may not know."""
    return MediatorError(404, "not_found", "There is nothing here for this system.")


def invalid(text: str) -> MediatorError:
    """400."""
    return MediatorError(400, "bad_request.shape", text)


async def topic(request: Request, room: Application) -> Topic:
    """The event type that the path names."""
    return Topic(room.id, known_form(request.path_params["event_type"]))


AtTopic = Annotated[Topic, Depends(topic)]
EventId = Annotated[str, BeforeValidator(known_form)]


def stored(here: Services) -> Store:
    """The way in for changes."""
    return Store(here.log, here.trust.seal)


async def may_use(at: Topic, who: Caller, here: Services) -> bool:
    """Whether the room's owner lets this system publish and subscribe."""
    if "events" not in who.scopes:
        return False
    return bool(await allowed_services(at.room, who.system, [at.name], here.db))


def manages(room: str, who: Caller) -> bool:
    """The room's own system manages it."""
    return room == who.system and "events" in who.scopes


@router.post(f"{PLACE}/api/v1/eventType")
async def create_event_type(body: EventTypeIn, room: Application, who: Client, here: Here) -> Response:
    """createEventType."""
    if not manages(room.id, who):
        raise invalid("Event types are made by the room's own system, with scope events.")
    try:
        checked_schema(orjson.dumps(body.schema_), "schema")
    except ProgramRefused as error:
        raise invalid(f"The schema cannot be used: {error}.") from None
    try:
        async with here.db.write() as connection:
            await stored(here).create(connection, Topic(room.id, body.event_type), body.schema_, utc_now())
    except Taken:
        raise MediatorError(409, "conflict", "This room has an event type of this name.") from None
    return Response(status_code=200)


@router.get(f"{PLACE}/api/v1/eventType")
async def get_event_type_list(room: Application, who: Client, here: Here) -> Response:
    """getEventTypeList: those that the caller manages or may use."""
    async with here.db.read() as connection:
        names = list(await rooms.types_of(connection, room.id))
    if "events" not in who.scopes:
        names = []
    allowed = await allowed_services(room.id, who.system, names, here.db)
    found = [each for each in names if each in allowed]
    return JSONResponse(found) if found else Response(status_code=204)


@router.get(f"{PLACE}/api/v1/eventType/{{event_type}}")
async def get_event_type(at: AtTopic, who: Client, here: Here) -> Response:
    """getEventType."""
    schema = await _schema(at, who, here)
    if schema is None:
        return Response(status_code=204)
    return JSONResponse({"eventType": at.name, "schema": schema})


@router.delete(f"{PLACE}/api/v1/eventType/{{event_type}}")
async def delete_event_type(at: AtTopic, who: Client, here: Here) -> Response:
    """deleteEventType: with its subscriptions; what is under way is handed out no more."""
    if not manages(at.room, who):
        raise not_there()
    async with here.db.write() as connection:
        gone = await stored(here).remove(connection, at, utc_now())
    if not gone:
        raise not_there()
    return Response(status_code=204)


async def _schema(at: Topic, who: Caller, here: Services) -> Any:
    if not await may_use(at, who, here):
        return None
    async with here.db.read() as connection:
        return (await rooms.types_of(connection, at.room)).get(at.name)


@router.post(f"{PLACE}/pub/v1/{{event_type}}")
async def publish_event(body: PublishIn, at: AtTopic, who: Client, here: Here) -> Response:
    """publishEvent: taken is durable, for everybody who subscribed until now."""
    schema = await _schema(at, who, here)
    if schema is None:
        raise not_there()
    if body.event_type != at.name:
        raise invalid("eventType is not the one of the path.")
    if fault := schemas.first_fault(checked_schema(orjson.dumps(schema), "schema"), body.event):
        raise invalid(f"The event does not fit its type at {fault}.")
    if names_a_person(body.event, here.profile):
        raise invalid("An event here names no person by number; hand it over by /v1/deliveries or DCI notify.")
    async with here.db.write() as connection:
        event_id = await stored(here).publish(connection, at, who.system, body.event, utc_now())
    if event_id is None:
        raise not_there()
    here.wake()
    return JSONResponse({"id": event_id}, 201)


@router.get(f"{PLACE}/pub/v1/{{event_type}}/{{event_id}}")
async def get_status(event_id: EventId, at: AtTopic, who: Client, here: Here) -> dict[str, object]:
    """getStatus, for the publisher and the room: what became of the event at each subscriber, never its content."""
    async with here.db.read() as connection:
        found = await rooms.event_of(connection, at, event_id)
        deliveries = await rooms.deliveries_of(connection, event_id)
    if found is None or not (found["publisher"] == who.system or manages(at.room, who)):
        raise not_there()
    told = [{"subscriberId": _party(each["subscriber"]), "state": each["state"]} for each in deliveries]
    return rooms.shown(found) | {"state": found["state"], "deliveries": told}


@router.delete(f"{PLACE}/pub/v1/{{event_type}}/{{event_id}}")
async def delete_event(event_id: EventId, at: AtTopic, who: Client, here: Here) -> Response:
    """deleteEvent: whoever does not have it yet never gets it."""
    async with here.db.write() as connection:
        found = await rooms.event_of(connection, at, event_id)
        mine = found is not None and (found["publisher"] == who.system or manages(at.room, who))
        if not mine:
            raise not_there()
        await stored(here).stop(connection, at, event_id, utc_now())
    return Response(status_code=204)


@router.get(f"{PLACE}/api/v1/subs")
async def list_sub(room: Application, who: Client, here: Here) -> list[dict[str, object]]:
    """listSub: the caller's own."""
    async with here.db.read() as connection:
        found = await rooms.subscriptions_of(connection, room.id, who.system)
    return [_shown(each) for each in found]


@router.post(f"{PLACE}/api/v1/subs/{{event_type}}")
async def add_sub(body: SubscriptionIn, at: AtTopic, who: Client, here: Here) -> Response:
    """addSub."""
    _check_wish(body, at, who, here)
    if await _schema(at, who, here) is None:
        raise invalid("There is no such event type that this system was allowed to use.")
    try:
        async with here.db.write() as connection:
            await stored(here).subscribe(connection, at, who.system, body.wish(), utc_now())
    except Taken:
        raise MediatorError(409, "conflict", "This system is subscribed already.") from None
    return Response(status_code=200)


@router.get(f"{PLACE}/api/v1/subs/{{event_type}}")
async def get_sub(at: AtTopic, who: Client, here: Here) -> dict[str, object]:
    """getSub."""
    async with here.db.read() as connection:
        found = await rooms.subscriptions_of(connection, at.room, who.system)
    mine = next((each for each in found if each["event_type"] == at.name), None)
    if mine is None:
        raise not_there()
    return _shown(mine)


@router.patch(f"{PLACE}/api/v1/subs/{{event_type}}")
async def patch_sub(body: SubscriptionIn, at: AtTopic, who: Client, here: Here) -> Response:
    """patchSub: for events from now on."""
    _check_wish(body, at, who, here)
    async with here.db.write() as connection:
        changed = await stored(here).change(connection, at, who.system, body.wish(), utc_now())
    if not changed:
        raise not_there()
    return Response(status_code=201)


@router.delete(f"{PLACE}/api/v1/subs/{{event_type}}")
async def delete_sub(at: AtTopic, who: Client, here: Here) -> Response:
    """deleteSub: what is under way is handed out no more."""
    async with here.db.write() as connection:
        gone = await stored(here).unsubscribe(connection, at, who.system, utc_now())
    if not gone:
        raise not_there()
    return Response(status_code=204)


def _check_wish(body: SubscriptionIn, at: Topic, who: Caller, here: Services) -> None:
    if body.event_type != at.name:
        raise invalid("eventType is not the one of the path.")
    offered = here.trust.directory.snapshot.offered(f"{who.system.replace('/', '.')}/{PUSHED_TO}")
    if body.delivery == "PUSH" and offered is None:
        raise invalid(f"To have events pushed, register a service {PUSHED_TO} with its address; or ask for PULL.")


def _shown(row: Any) -> dict[str, object]:
    return {
        "id": row["id"],
        "subscriberId": _party(row["subscriber"]),
        "eventType": row["event_type"],
        "delivery": row["delivery"],
        "options": {"TTL": row["ttl_s"], "FIFO": row["fifo"]},
    }


def _party(system: str) -> dict[str, str]:
    names = ("instanceId", "memberClass", "memberCode", "applicationCode")
    return dict(zip(names, system.split("/"), strict=True))


@router.get(f"{PLACE}/pull/v1/{{event_type}}")
async def pull_event(at: AtTopic, who: Client, here: Here) -> dict[str, object]:
    """pullEvent: the oldest that waits, the same one until it is confirmed."""
    now = utc_now()
    async with here.db.read() as connection:
        waiting = await rooms.next_for(connection, at, who.system, now)
        found = await rooms.event_of(connection, at, waiting["event"]) if waiting else None
    if waiting is None or found is None or found["sealed"] is None:
        raise not_there()
    if not await may_use(at, who, here):
        await _ended(waiting, "refused", now, here)
        raise not_there()
    return stored(here).opened(found)


@router.delete(f"{PLACE}/pull/v1/{{event_type}}/{{event_id}}")
async def confirm_event(event_id: EventId, at: AtTopic, who: Client, here: Here) -> Response:
    """confirmEvent."""
    now = utc_now()
    async with here.db.read() as connection:
        waiting = await rooms.next_for(connection, at, who.system, now, event_id)
    if waiting is None:
        raise not_there()
    await _ended(waiting, "acknowledged", now, here)
    return Response(status_code=204)


async def _ended(waiting: Any, state: str, now: datetime, here: Services) -> None:
    async with here.db.write() as connection:
        await stored(here).settle(connection, waiting, state, now)
