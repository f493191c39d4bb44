"""The routes of one programme: notify, subscribe, search; vital events come by a path of their own.

The gateway hands vital events on under the event types of civil registration, which `dci/ibr.json` does not name.
"""

from collections.abc import Mapping
from typing import Any

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response

from sandbox import dci
from sandbox.dci import Door, Keys
from sandbox.dci_agency import DciAgency, asked_number, confirmations, found, rejected
from sandbox.faults import Faults
from sandbox.gateway_client import Clients

from . import wire
from .telling import REG_TYPE
from .work import Mis, new_form

NOTIFY, SEARCH = "/registry/notify", "/registry/sync/search"
VITAL_EVENTS = "/registry/vital-events"
CRITERIA = "rjct.search_criteria.invalid"
ASKED_BY = frozenset({wire.NATIONAL, wire.REGISTRY})


def build(mis: Mis, clients: Clients, keys: Keys, faults: Faults) -> Starlette:
    """One programme as an ASGI app, to be mounted where its settings' `url` points.

    `mis.start()` once the event loop runs, `mis.close()` at the end.
    """
    own = mis.settings.registered
    agency = DciAgency(own, clients, keys, mis)
    crvs = Door(own.own_id, own.sender_id, keys, skew_s=own.skew_s, schema="dci/crvs.json")

    async def notify(request: Request) -> Response:
        return dci.acknowledged(mis.take(await agency.door.received(request, NOTIFY)))

    async def vital_events(request: Request) -> Response:
        return dci.acknowledged(mis.take(await crvs.received(request, NOTIFY)))

    async def search(request: Request) -> Response:
        message = await agency.door.received(request, SEARCH)
        return agency.replied(message, [_found(mis, item) for item in message.items])

    guarded = {NOTIFY: notify, SEARCH: search}
    return agency.app(faults, guarded, {VITAL_EVENTS: vital_events, **confirmations(crvs)})


def _found(mis: Mis, item: Mapping[str, Any]) -> dict[str, object]:
    """By `idtype-value`: the Beneficiary, if the person is or was one. Who left has no DCI status and is not found."""
    asked = asked_number(item, ASKED_BY)
    if asked is None:
        return rejected(item, CRITERIA, "query_type is idtype-value, of type UIN or SR")
    kind, value = asked
    person = mis.book.by_nic(new_form(value)) if kind == wire.NATIONAL else mis.book.find(value)
    known = person is not None and bool(person.enrolled_on) and person.state in wire.STATUS
    records = [wire.beneficiary(mis.programme, person)] if person is not None and known else []
    return found(item, REG_TYPE, "Beneficiary", records)
