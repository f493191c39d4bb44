"""Who may use what a member offers: its own stops and approvals (`consent.control`), under the mediator's names.

A service that an adapter answers needs an agreement besides; what the mediator adds is a stop, or its end, and an
approval where the provider approves each consumer. An event type, and a service that is only described, needs the
approval. So a right that is taken away counts at the next decision of every edge, and every change is an entry.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from consent import Control, member_of
from consent.control import controls_of

from ...controlling import Controlling
from ...db import Database

if TYPE_CHECKING:  # wiring imports what pushes, which looks at rights
    from ...wiring import Services

REASON = "set over the Information Mediator"


@dataclass(frozen=True, slots=True)
class Right:
    """`service` is a service code or an event type of the provider's application."""

    provider: str
    service: str
    consumer: str


def own_id(provider: str, code: str) -> str:
    """What controls call an event type or a described service: `LK.GOV.RGD.CRVS.newBirth`."""
    return f"{provider.replace('/', '.')}.{code}"


def service_id(provider: str, code: str, here: "Services") -> str:
    """What controls call whatever a provider offers under this code."""
    for offer in here.catalogue:
        if offer.provider == provider and offer.service.id.partition(".")[2] == code:
            return offer.service.id
    return own_id(provider, code)


async def standing(member: str, db: Database) -> list[Control]:
    """The controls of a member that were not ended."""
    async with db.read() as connection:
        kept = await controls_of(connection, member)
    return [each.control for each in kept if each.control.ended_at is None]


async def allowed_services(provider: str, consumer: str, codes: Iterable[str], db: Database) -> set[str]:
    """Of these event types and described services, those that the consumer was allowed and not denied."""
    controls = await standing(member_of(provider), db)
    return {each for each in codes if is_allowed(controls, provider, consumer, own_id(provider, each))}


def is_allowed(controls: Iterable[Control], provider: str, consumer: str, service: str) -> bool:
    """An approval stands, and no stop does. An application uses its own without either."""
    kinds = {each.kind for each in controls if each.concerns(provider, consumer, service)}
    return provider == consumer or ("approval" in kinds and "stop" not in kinds)


async def allow(right: Right, by: str, here: "Services") -> None:
    """Let the consumer go on: this member's stops of exactly this end, and an approval stands.

    Raises:
        ConsentError: a party is not spelled like one.
    """
    await _turned(right, by, here, ends="stop", places="approval")


async def deny(right: Right, by: str, here: "Services") -> None:
    """Stop the consumer, whatever agreements say.

    Raises:
        ConsentError: a party is not spelled like one.
    """
    await _turned(right, by, here, ends="approval", places="stop")


async def _turned(right: Right, by: str, here: "Services", *, ends: str, places: str) -> None:
    service, member = service_id(right.provider, right.service, here), member_of(right.provider)
    controlling = Controlling(here.db, here.log)
    same = _same(await standing(member, here.db), right, service)
    for each in same:
        if each.kind == ends:
            await controlling.ended(each.id, member=member, by=by)
    if not any(each.kind == places for each in same):
        await controlling.placed(places, right.provider, right.consumer, service, reason=REASON, by=by)


def _same(controls: Iterable[Control], right: Right, service: str) -> list[Control]:
    same = (right.provider, right.consumer, service)
    return [each for each in controls if (each.provider, each.consumer, each.service) == same]
