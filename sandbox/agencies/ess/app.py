"""The routes: token, notify, subscribe and its confirmation, check-enrollment, search, key set."""

from collections.abc import Mapping
from typing import Any
from uuid import uuid4

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response

from sandbox import dci
from sandbox.dci import Door, Keys, Refused
from sandbox.dci_agency import CONFIRMED, ENDED, DciAgency, asked_number, found, rejected
from sandbox.faults import Faults
from sandbox.gateway_client import Clients

from . import member as members
from .work import Ess, new_form

CHECK = "/registry/sync/check-enrollment"
VITAL_EVENTS = "/registry/vital-events"
SEARCH = "/registry/sync/search"
CRITERIA = "rjct.search_criteria.invalid"


def build(ess: Ess, clients: Clients, keys: Keys, faults: Faults) -> Starlette:
    """The agency as an ASGI app, to be mounted where its settings' `url` points.

    `ess.start()` once the event loop runs, `ess.close()` at the end.
    """
    agency = _Agency(ess, clients, keys)
    guarded = {"/registry/notify": agency.notify, CHECK: agency.check, SEARCH: agency.search}
    told = {CONFIRMED: agency.on_subscribe, ENDED: agency.on_unsubscribe, VITAL_EVENTS: agency.vital_events}
    return agency.app(faults, guarded, told)


class _Agency(DciAgency):
    def __init__(self, ess: Ess, clients: Clients, keys: Keys) -> None:
        settings = ess.settings
        super().__init__(settings.registered, clients, keys, ess)
        self._ess = ess
        self._crvs = Door(
            settings.own_id, settings.sender_id, keys, skew_s=settings.skew_s, schema="dci/crvs.json"
        )  # deaths come under event types that `dci/ess.json` does not name, and so do the codes of that subscription

    async def notify(self, request: Request) -> Response:
        """`POST /registry/notify`"""
        return dci.acknowledged(self._ess.take(await self.door.received(request, "/registry/notify")))

    async def on_subscribe(self, request: Request) -> Response:
        """`POST /registry/on-subscribe`: the codes of our own subscriptions."""
        message = await self._crvs.received(request, CONFIRMED)
        correlation_id = str(message.message["correlation_id"])
        taken = [item for item in message.items if item["status"] == "succ"]
        self._ess.confirmed(correlation_id, [each["code"] for item in taken for each in item.get("subscriptions", [])])
        return dci.acknowledged(correlation_id)

    async def on_unsubscribe(self, request: Request) -> Response:
        """`POST /registry/on-unsubscribe`: subscriptions of ours that are over, so the next wish asks anew."""
        message = (await self._crvs.received(request, ENDED)).message
        self._ess.ended(each["code"] for each in message.get("subscription_status", ()))
        return dci.acknowledged(str(message["correlation_id"]))

    async def vital_events(self, request: Request) -> Response:
        """`POST /registry/vital-events`: civil registration's `notify`, through the gateway."""
        return dci.acknowledged(self._ess.take(await self._crvs.received(request, "/registry/notify")))

    async def check(self, request: Request) -> Response:
        """`POST /registry/sync/check-enrollment`; a person whom ESS does not know has no item in the reply."""
        message = await self.door.received(request, CHECK)
        status = self._ess.status(new_form(_asked_number(message.message["enrolled_criteria"])))
        item = {"reference_id": str(uuid4()), "timestamp": dci.stamp(), "status": "succ", "enrolled_status": status}
        known = [item] if status is not None else []
        body = {"transaction_id": message.message["transaction_id"], "correlation_id": str(uuid4())}
        outcome = {"status": "succ", "total_count": len(message.items), "completed_count": len(known)}
        return dci.replied(
            message.header, "txn-on-status", outcome, body | {"enrolled_response": known}, self.client.key
        )

    async def search(self, request: Request) -> Response:
        """`POST /registry/sync/search`, by `idtype-value`: Members with their enrolment state."""
        message = await self.door.received(request, SEARCH)
        return self.replied(message, [self._found(item) for item in message.items])

    def _found(self, item: Mapping[str, Any]) -> dict[str, object]:
        asked = asked_number(item, frozenset({members.NATIONAL, members.REGISTRY}))
        if asked is None:
            return rejected(item, CRITERIA, "query_type is idtype-value, of type UIN or SR")
        return found(item, dci.ESS, "Member", self._members(*asked))

    def _members(self, kind: str, value: str) -> list[dict[str, object]]:
        book = self._ess.book
        known = book.by_nic(new_form(value)) if kind == members.NATIONAL else book.find(value)
        nic = known.nic if known else new_form(value) if kind == members.NATIONAL else ""
        status = self._ess.status(nic) if nic else None
        if known is not None:
            stated = {"state": known.state} | ({"programme": known.programme} if known.programme else {})
            return [members.event(known.member_id, known.nic, stated | {"enrolled_status": status or "Inactive"})]
        return [members.event("", nic, {"enrolled_status": status})] if status else []


def _asked_number(criteria: Mapping[str, Any]) -> str:
    """Source: the published example, `{"person_identifier": {"eq": "..."}}`."""
    asked = criteria.get("query", {}).get("person_identifier")
    number = asked.get("eq") if isinstance(asked, Mapping) else None
    if not isinstance(number, str) or not number:
        raise Refused(400, "err.request.bad", "query is {person_identifier: {eq: a number}}")
    return number
