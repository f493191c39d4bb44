"""`registry/sync/search`: items answered independently, each person an exchange of their own."""

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any
from uuid import uuid4

from fastapi.responses import Response

from ...wiring import Services
from .answering import Answered, answered
from .envelope import Received, reply

AT_ONCE = 8
DUPLICATE, INVALID = "rjct.reference_id.duplicate", "rjct.reference_id.invalid"
LONGEST = 99  # characters of a reference
UNFIT = "Give each item of a message a reference_id of its own, of 1 to 99 characters."


async def searched(message: Received, consumer: str, here: Services) -> Response:
    """The reply envelope: `succ` with records, `succ` without any, or `rjct` with the reason, item by item.

    Raises:
        NoEvidence: the log took no entry of some item.
    """
    ends = await answers(message, consumer, here)
    content = {
        "transaction_id": message.message["transaction_id"],
        "correlation_id": str(uuid4()),
        "search_response": [each.wire(message.interface) for each in ends],
    }
    return reply(here, message, content, completed=sum(each.status == "succ" for each in ends))


async def answers(message: Received, consumer: str, here: Services) -> list[Answered]:
    """Each item's end, in their order; an item without a reference of its own is refused unasked.

    Raises:
        NoEvidence: the log took no entry of some item.
    """
    places, asking = asyncio.Semaphore(AT_ONCE), message.asking(here)

    async def one(item: Mapping[str, Any], fault: str) -> Answered:
        if fault:
            return unasked(item, fault)
        async with places:
            return await answered(item, consumer, asking, here)

    faults = reference_faults([str(item["reference_id"]) for item in message.items])
    return await asyncio.gather(*(one(item, fault) for item, fault in zip(message.items, faults, strict=True)))


def unasked(item: Mapping[str, Any], fault: str) -> Answered:
    """The end of an item whose reference is not its own."""
    return Answered(str(item["reference_id"])[:LONGEST], item.get("locale", "eng"), "rjct", fault, UNFIT)


def reference_fault(references: Sequence[str], place: int, item: Mapping[str, Any]) -> str:
    """The same of an item of a message that was kept; `references` are cut where they are too long."""
    invalid = not 0 < len(str(item["reference_id"])) <= LONGEST
    return INVALID if invalid else DUPLICATE if references[place] in references[:place] else ""


def reference_faults(references: Sequence[str]) -> list[str]:
    """DCI's reason for each reference that cannot be one; empty for the others."""
    seen: set[str] = set()
    faults = []
    for each in references:
        invalid = not 0 < len(each) <= LONGEST
        faults.append(INVALID if invalid else DUPLICATE if each in seen else "")
        seen.add(each)
    return faults
