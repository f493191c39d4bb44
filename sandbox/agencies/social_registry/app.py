"""The routes of the social registry: search for programmes, and what programmes tell it through the gateway."""

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
from sandbox.nic import NEW, OLD, normal
from sandbox.person import SrRecord

from .records import MEMBER, NATIONAL
from .work import Registry

SOCIAL = "ns:org:RegistryType:Social"
NOTIFY, SEARCH = "/registry/notify", "/registry/sync/search"
CRITERIA = "rjct.search_criteria.invalid"
ASKED_BY = frozenset({NATIONAL, MEMBER})


def build(registry: Registry, clients: Clients, keys: Keys, faults: Faults) -> Starlette:
    """The agency as an ASGI app, to be mounted where its settings' `url` points."""
    own = registry.settings.registered
    agency = DciAgency(own, clients, keys)
    events = Door(own.own_id, own.sender_id, keys, skew_s=own.skew_s, schema="dci/ibr.json")

    async def search(request: Request) -> Response:
        message = await agency.door.received(request, SEARCH)
        return agency.replied(message, [_found(registry, item) for item in message.items])

    async def notify(request: Request) -> Response:
        return dci.acknowledged(registry.take(await events.received(request, NOTIFY)))

    return agency.app(faults, {SEARCH: search}, {NOTIFY: notify, **confirmations(events)})


def _found(registry: Registry, item: Mapping[str, Any]) -> dict[str, object]:
    """By `idtype-value`: Members, or the Group of the member who has the number."""
    asked, entity = asked_number(item, ASKED_BY), item["search_criteria"].get("response_entity", "Member")
    if asked is None:
        return rejected(item, CRITERIA, "query_type is idtype-value, of type UIN or SR")
    members = _members(registry, *asked)
    if entity == "Member":
        return found(item, SOCIAL, "Member", [registry.households.member(each) for each in members])
    households = sorted({each.household_id for each in members})
    return found(item, SOCIAL, "Group", [registry.households.group(each) for each in households])


def _members(registry: Registry, kind: str, value: str) -> list[SrRecord]:
    if kind == MEMBER:
        known = registry.households.members.get(value)
        return [known] if known else []
    return registry.households.by_nic(normal(value)) if OLD.fullmatch(value) or NEW.fullmatch(value) else []
