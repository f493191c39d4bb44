"""`sync/enrollment/updates` of IBR: an SP system tells who was enrolled; each beneficiary is handed to the register.

Each is a delivery of its own, decided and recorded like any other; the answer says which were taken.

Source: SPDCI OpenAPI 1.0.0 IBR, `EnrollmentUpdatesRequest`; spdci/schemas `extensions/ibr/v1/data/Beneficiary`.
"""

import hashlib
import json
from collections.abc import Iterator, Mapping
from typing import Any
from uuid import uuid4

from fastapi.responses import Response

from ...delivery.deliveries import KeyReused
from ...errors import ExchangeError, NoEvidence
from ...model import Handover, Identifier, Subject
from ...wiring import Services
from ..refusal import ProblemError
from ..v1.asking import checked_handover
from .envelope import Asking, DciError, Received, reply, stamp
from .people import NATIONAL
from .query import QueryRefused, purpose_of

MOST = 100
DEEPEST = 4  # levels at which a beneficiary's identifiers stand


async def updated(message: Received, consumer: str, here: Services) -> Response:
    """The reply envelope, one item for each beneficiary in their order. Raises DciError, NoEvidence."""
    told = message.message.get("enrolled_updates", {}).get("beneficiaries", [])  # a message may be left out there
    if not 1 <= len(told) <= MOST:
        raise DciError(400, "rjct.total_count.limit_exceeded", f"A message has 1 to {MOST} beneficiaries.")
    asking = message.asking(here)
    items = [await _taken(each, f"{message.transaction_id}-{n}", consumer, asking, here) for n, each in enumerate(told)]
    ids = {"transaction_id": message.transaction_id, "correlation_id": str(uuid4())}
    done = sum(each["status"] == "rcvd" for each in items)
    return reply(here, message, ids | {"enrolled_response": items}, completed=done, total=len(items))


async def _taken(
    beneficiary: Mapping[str, Any], key: str, consumer: str, asking: Asking, here: Services
) -> dict[str, Any]:
    item = {"reference_id": key[-99:], "timestamp": stamp()}
    try:
        handover = _handover(beneficiary, consumer, asking, here)
        await here.deliveries.accept(checked_handover(handover, here.catalogue, here.profile))
    except QueryRefused as error:
        return item | _rejected(f"bad_request.query: {error}.")
    except ProblemError as error:
        return item | _rejected(f"{error.code}: {error.detail}")
    except KeyReused:
        return item | _rejected("conflict: this beneficiary came before in another message")
    except NoEvidence:
        raise
    except ExchangeError as error:
        _status, code, detail = error.told
        return item | _rejected(f"{code}: {detail}")
    return item | {"status": "rcvd"}


def _handover(beneficiary: Mapping[str, Any], consumer: str, asking: Asking, here: Services) -> Handover:
    """The push of one beneficiary to the register of beneficiaries.

    Raises:
        ProblemError: no register here takes them. QueryRefused: the person is not named, or no purpose is.
    """
    offer = next(
        (
            each
            for each in here.catalogue
            if each.service.dci_reg_type.rpartition(":")[2].lower() == "ibr"
            and "push" in each.service.actions
            and asking.provider in {"", each.provider}
        ),
        None,
    )
    if offer is None:
        raise ProblemError("no_link", "no register of beneficiaries takes updates here")
    record = {name: value for name, value in beneficiary.items() if not name.startswith("@")}
    said = json.dumps([asking.transaction_id, record], sort_keys=True).encode()
    return Handover(
        consumer=consumer,
        service=offer.service.id,
        purpose=purpose_of(beneficiary, asking.purpose),
        subject=_subject(beneficiary, here),
        record=record,
        idempotency_key=hashlib.sha256(said).hexdigest(),
        signature=asking.facts,
    )


def _subject(beneficiary: Mapping[str, Any], here: Services) -> Subject:
    found: dict[str, str] = {}
    for each in _identifiers(beneficiary, DEEPEST):
        kind = str(each.get("identifier_type", "")).rpartition(":")[2]
        kind = here.profile.person_key if kind in NATIONAL else kind
        value = each.get("identifier_value")
        if kind in here.profile.patterns and isinstance(value, str):
            found.setdefault(kind, value)
    if not found:
        raise QueryRefused("a beneficiary is named by an identifier of the country")
    return Subject(tuple(Identifier(*each) for each in found.items()))


def _identifiers(node: Any, deeper: int) -> Iterator[Mapping[str, Any]]:
    """Each `{identifier_type, identifier_value}` at or below a node, outermost first."""
    if isinstance(node, list):
        for each in node:
            yield from _identifiers(each, deeper)
    elif isinstance(node, Mapping):
        if "identifier_value" in node:
            yield node
        elif deeper:
            for each in node.values():
                yield from _identifiers(each, deeper - 1)


def _rejected(text: str) -> dict[str, Any]:
    return {"status": "rjct", "status_reason_message": text[:999]}
