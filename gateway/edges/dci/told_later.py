"""What comes to our own `on-search`, `txn/on-status` and the others: answers to what we asked.

`on-search` is an agency's answer to a question that we put to its `registry/search`: it is kept, and the exchange that
waits for it is decided again before anything of it is released (`delivery.waiting`). Whoever answers must be the one we
asked: an answer is looked for among the questions to the authenticated sender alone.
"""

from collections.abc import Iterable, Mapping
from typing import Any
from uuid import uuid4

from fastapi.responses import Response

from adapters.kit.contract import AgencyError, RawAnswer
from adapters.kit.transports.dci_registry import ReadsAnswers

from ...wiring import Services
from .envelope import DciError, Received, ack


async def found(message: Received, provider: str, here: Services) -> Response:
    """Keep an agency's answers; `NACK` where nobody waits for any of them, so nothing was kept.

    Raises:
        DciError: no agency of ours answers searches under this system.
    """
    offered: Iterable[object] = (offer.adapter for offer in here.catalogue if offer.provider == provider)
    adapter = next((each for each in offered if isinstance(each, ReadsAnswers)), None)
    if adapter is None:
        raise DciError(403, "err.request.forbidden", "This gateway has asked this system nothing.")
    waited = [await _told(item, adapter, provider, here) for item in message.items]
    correlation = str(message.message.get("correlation_id") or uuid4())[:99]
    return ack(correlation, "ACK" if any(waited) else "NACK")


async def _told(item: Mapping[str, Any], adapter: ReadsAnswers, provider: str, here: Services) -> bool:
    if item["status"] in {"rcvd", "pdng"}:
        return True  # not the end yet
    told: RawAnswer | AgencyError
    try:
        told = adapter.answered(item, here.today())
    except AgencyError as error:
        told = error
    return await here.waiting.tell(provider, str(item["reference_id"]), told)


async def acknowledged(message: Received, _provider: str, _here: Services) -> Response:
    """What needs nothing done but to be taken: `txn/on-status`, which tells what `on-search` tells."""
    return ack(str(message.message.get("correlation_id") or uuid4())[:99])
