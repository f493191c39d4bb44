"""What X-Road tells of itself: members, services, and how each is called.

Source: PR-META 2.15 sections 2 and 3, PR-MREST 0.5 annexes A and B.
"""

from collections.abc import Iterable, Iterator

import orjson
from fastapi import Request
from fastapi.responses import Response
from lxml import etree

from ...catalogue import Offer
from ...trust.caller import Caller
from ...trust.parties import Member, System
from ...wiring import Services
from .asking import agreed_purposes, known_offer, offers_of, service_code
from .carrying import GATEWAY_SERVICE, dci_paths, is_own
from .codes import BAD_REQUEST, UNKNOWN_MEMBER, XRoadError
from .identifiers import PARTS, Provider, provider_of, segment
from .openapi import own_document, service_document

JSON_NAMES = ("xroad_instance", "member_class", "member_code", "subsystem_code")
XROAD = "http://x-road.eu/xsd/xroad.xsd"
IDENTIFIERS = "http://x-road.eu/xsd/identifiers"


async def list_methods(provider: Provider, who: Caller, request: Request, here: Services) -> object:
    """Every service of the provider."""
    del who, request
    await check_known(provider, here)
    return _methods(provider, offers_of(provider.id, here).values(), here)


async def allowed_methods(provider: Provider, who: Caller, request: Request, here: Services) -> object:
    """Those that an agreement in force lets the caller ask."""
    del request
    await check_known(provider, here)
    return _methods(provider, await allowed_offers(provider, who, here), here)


async def get_openapi(provider: Provider, who: Caller, request: Request, here: Services) -> object:
    """How one service is called."""
    del who
    code = request.query_params.get("serviceCode", "")
    if not code:
        raise XRoadError(BAD_REQUEST, "Name the service: getOpenAPI?serviceCode=...")
    if is_own(provider.id, code, here.profile):
        return own_document(here.profile)
    return service_document(await known_offer(provider, segment(code), here), here.profile)


async def allowed_offers(provider: Provider, who: Caller, here: Services) -> list[Offer]:
    """What the caller may ask this provider."""
    found = offers_of(provider.id, here).values()
    return [each for each in found if await agreed_purposes(who.system, each, here)]


async def check_known(provider: Provider, here: Services) -> None:
    """Raise XRoadError unless the provider is registered here, or speaks for an agency that is linked."""
    known = provider.id == here.profile.gateway or bool(offers_of(provider.id, here))
    if not known and provider.id not in (await here.trust.register()).systems:
        raise XRoadError(UNKNOWN_MEMBER, "No such provider is registered here; see listClients.")


def endpoints(provider: str, offers: Iterable[Offer], here: Services) -> dict[str, list[dict[str, str]]]:
    """What is asked at each of these services, by code; and at the gateway's own, where it is the provider."""
    paths = {service_code(each): ["/", *dci_paths(each)] for each in offers}
    if is_own(provider, GATEWAY_SERVICE, here.profile):
        paths[GATEWAY_SERVICE] = dci_paths(None)
    return {code: [{"method": "POST", "path": path} for path in each] for code, each in paths.items()}


def _methods(provider: Provider, offers: Iterable[Offer], here: Services) -> dict[str, object]:
    named = {**provider.named(JSON_NAMES), "object_type": "SERVICE", "service_type": "OPENAPI"}
    found = endpoints(provider.id, offers, here)
    return {"service": [{**named, "service_code": code, "endpoint_list": each} for code, each in found.items()]}


async def list_clients(request: Request, here: Services) -> Response:
    """The members and systems in force; of another instance there are none."""
    instance = request.query_params.get("xRoadInstance", here.profile.country)
    found = [each for each in await parties(here) if each[0][0] == instance]
    if "application/json" in request.headers.get("accept", "").lower():
        return Response(orjson.dumps({"member": [_json(*each) for each in found]}), media_type="application/json")
    root = etree.Element(f"{{{XROAD}}}clientList", nsmap={"xrd": XROAD, "id": IDENTIFIERS})
    for parts, name, system in found:
        _xml(root, parts, name, system)
    return Response(etree.tostring(root, xml_declaration=True, encoding="UTF-8"), media_type="text/xml; charset=utf-8")


Party = tuple[tuple[str, ...], str, str]


async def parties(here: Services) -> list[Party]:
    """(parts of the id, the member's name, the system's name or empty) of everyone who takes part, by id."""
    snapshot = await here.trust.register()
    active = {each.id: each for each in snapshot.members.values() if each.state == "active"}
    return sorted(_parties(active, snapshot.callers.values()))


def _parties(members: dict[str, Member], systems: Iterable[System]) -> Iterator[Party]:
    for member in members.values():
        yield tuple(member.id.split("/")), member.name, ""
    for system in systems:
        yield provider_of(system.id).parts, members[system.member_id].name, system.name


def _json(parts: tuple[str, ...], name: str, system: str) -> dict[str, object]:
    kind = "SUBSYSTEM" if len(parts) == 4 else "MEMBER"
    named = dict(zip(JSON_NAMES, parts, strict=False))
    told: dict[str, object] = {"id": {"object_type": kind, **named}, "name": name}
    return told | ({"subsystem_name": system} if system else {})


def _xml(root: etree._Element, parts: tuple[str, ...], name: str, system: str) -> None:
    member = etree.SubElement(root, f"{{{XROAD}}}member")
    kind = "SUBSYSTEM" if len(parts) == 4 else "MEMBER"
    id_ = etree.SubElement(member, f"{{{XROAD}}}id", {f"{{{IDENTIFIERS}}}objectType": kind})
    for tag, text in zip(PARTS, parts, strict=False):
        etree.SubElement(id_, f"{{{IDENTIFIERS}}}{tag}").text = text
    etree.SubElement(member, f"{{{XROAD}}}name").text = name
    if system:
        etree.SubElement(member, f"{{{XROAD}}}subsystemName").text = system
