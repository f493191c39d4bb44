"""`listClients`, `listMethods`, `allowedMethods`, `getOpenAPI`.

The published file and the published harness disagree about two members of a listed service (`objectType` as a text or
an object, `instanceId` or `GovStackInstance`); a service here has the members on which they agree. The client header
is asked for, and is a claim: what is allowed is told to the system of the certificate.

Source: GovStack Information Mediator, Directory Services API 1.0, and its test/openAPI features.
"""

from collections.abc import Iterable
from typing import Annotated

import orjson
from fastapi import APIRouter, Query
from fastapi.responses import JSONResponse, Response

from ...catalogue import Offer
from ...wiring import Services
from ..xroad.asking import offers_of
from ..xroad.carrying import is_own
from ..xroad.codes import XRoadError
from ..xroad.identifiers import Provider, segment
from ..xroad.metadata import allowed_offers, endpoints, parties
from ..xroad.openapi import own_document, service_document
from . import described
from .rights import allowed_services
from .route import Anybody, Application, Here, MediatorRoute

PLACE = "/{instance}/{member_class}/{member}/{application}"
NAMES = ("instanceId", "memberClass", "memberCode", "applicationCode")


class Listing(JSONResponse):
    """With the content type that the harness compares as a text."""

    media_type = "application/json; charset=utf-8"


clients = APIRouter(route_class=MediatorRoute, default_response_class=Listing)
router = APIRouter(route_class=MediatorRoute, default_response_class=Listing)
Filter = Annotated[str, Query(max_length=300)]
Listed = dict[str, list[dict[str, object]]]


@clients.get("/listClients")
async def list_clients(
    _who: Anybody, here: Here, instance_id: Annotated[str | None, Query(alias="instanceId")] = None
) -> Listed:
    """listClients: members and applications in force, of this instance; of another one there are none."""
    wanted = instance_id if instance_id is not None else here.profile.country
    return {"member": [_client(*each) for each in await parties(here) if each[0][0] == wanted]}


def _client(parts: tuple[str, ...], name: str, system: str) -> dict[str, object]:
    kind = "APPLICATION" if len(parts) == 4 else "MEMBER"
    return {"name": system or name, "id": {"objectType": kind} | dict(zip(NAMES, parts, strict=False))}


@router.get(f"{PLACE}/listMethods")
async def list_methods(provider: Application, _who: Anybody, here: Here) -> Listed:
    """listMethods: what the application offers; an empty list for one that is not known."""
    async with here.db.read() as connection:
        own = [each.code for each in await described.of_application(connection, provider.id)]
    return _listed(provider, offers_of(provider.id, here).values(), own, here)


@router.get(f"{PLACE}/allowedMethods")
async def allowed_methods(provider: Application, who: Anybody, here: Here) -> Listed:
    """allowedMethods: of these, what the system of the certificate may call."""
    async with here.db.read() as connection:
        own = {each.code for each in await described.of_application(connection, provider.id)}
    allowed = own & await allowed_services(provider.id, who.system, own, here.db)
    return _listed(provider, await allowed_offers(provider, who, here), allowed, here)


def _listed(provider: Provider, offers: Iterable[Offer], own: Iterable[str], here: Services) -> Listed:
    found = {code: [{"method": "POST", "path": "/"}] for code in own} | endpoints(provider.id, offers, here)
    return {"member": [_method(provider, code, found[code]) for code in sorted(found)]}


def _method(provider: Provider, code: str, paths: list[dict[str, str]]) -> dict[str, object]:
    _instance, member_class, member, application = provider.parts
    return {
        "serviceType": "OPENAPI",
        "memberClass": member_class,
        "memberCode": member,
        "applicationCode": application,
        "serviceCode": code,
        "endpointList": {"member": paths},
    }


@router.get(f"{PLACE}/getOpenAPI")
async def get_openapi(
    provider: Application, _who: Anybody, here: Here, code: Annotated[str, Query(alias="serviceCode")] = ""
) -> Response:
    """getOpenAPI: the description of a service as a JSON string, and so is every refusal."""
    try:
        document = await _document(provider, segment(code.replace("%", "%25")), here)
    except XRoadError:
        document = None
    if document is None:
        return _string("There is no such service; see listMethods.", 400)
    return _string(document, 200)


async def _document(provider: Provider, code: str, here: Here) -> str | None:
    if is_own(provider.id, code, here.profile):
        return orjson.dumps(own_document(here.profile)).decode()
    offer = offers_of(provider.id, here).get(code)
    if offer is not None:
        return orjson.dumps(service_document(offer, here.profile)).decode()
    async with here.db.read() as connection:
        own = await described.of_application(connection, provider.id)
    return next((each.document for each in own if each.code == code), None)


def _string(text: str, status: int) -> Response:
    return Listing(text, status)
