"""What callers of PubSub send, in the published shapes.

Source: GovStack Information Mediator, PubSub API 2.0.0, components/schemas.
"""

from typing import Annotated, Any

from pydantic import Field, StringConstraints

from .config import Shape
from .rooms import LONGEST_TTL_S, TTL_S, Wish

Name = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9_-]{0,63}$")]


class EventTypeIn(Shape):
    """EventType."""

    event_type: Name
    schema_: Annotated[dict[str, Any], Field(alias="schema")]


class PublishIn(Shape):
    """PublishEvent."""

    event_type: Name
    event: dict[str, Any]


class OptionsIn(Shape):
    """SubscriptionItem.options: for how many seconds an event waits, and whether order counts."""

    ttl: Annotated[int, Field(alias="TTL", ge=1, le=LONGEST_TTL_S, strict=True)] = TTL_S
    fifo: Annotated[bool, Field(alias="FIFO", strict=True)] = False


class SubscriptionIn(Shape):
    """SubscriptionItem."""

    event_type: Name
    delivery: Annotated[str, StringConstraints(pattern=r"^(PUSH|PULL)$")] = "PUSH"
    options: OptionsIn = OptionsIn()

    def wish(self) -> Wish:
        """As a value."""
        return Wish(self.delivery, self.options.ttl, self.options.fifo)
