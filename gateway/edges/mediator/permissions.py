"""`/im/api/v1/rights`: who may use what the caller's member offers. Every change is an entry of the log.

Source: GovStack Information Mediator, Configuration Management API 1.0.1.
"""

import base64
import binascii
from collections.abc import Iterable
from typing import Annotated

from fastapi import APIRouter, Depends, Query, Request
from fastapi.responses import Response
from pydantic import Field, TypeAdapter, ValidationError

from adapters.kit import strict_json
from consent import member_of, store

from ...gate import utc_now
from ...wiring import Services
from ..body import check_type, read
from ..v1.deps import Caller
from ..xroad.asking import PULL, offers_of, service_code
from . import described, rights, rooms
from .config import MOST, Code, Shape
from .rights import Right
from .route import Anybody, Here, MediatorError, MediatorRoute

router = APIRouter(prefix="/api/v1", route_class=MediatorRoute)

NO_RIGHT = "Access rights are for systems with scope agreement, each over its own member's services."


class AllowedIn(Shape):
    """AllowedApplication."""

    member_class: Code
    member_code: Code
    application_id: Code


class RightsIn(Shape):
    """One entry of ServiceAccessRights."""

    member_class: Code
    member_code: Code
    application_id: Code
    service_id: Code
    rights: Annotated[tuple[AllowedIn, ...], Field(max_length=MOST)]


Rights = TypeAdapter(Annotated[list[RightsIn], Field(max_length=MOST)])


@router.get("/rights/allow")
async def get_allowed(
    who: Anybody,
    here: Here,
    member_class: Annotated[str, Query(alias="memberClass")] = "",
    member_code: Annotated[str, Query(alias="memberCode")] = "",
    application_id: Annotated[str, Query(alias="applicationId")] = "",
    service_id: Annotated[str, Query(alias="serviceId")] = "",
    page_size: Annotated[float, Query(alias="pageSize", ge=1, le=1000)] = 100,
    next_page_token: Annotated[str, Query(alias="nextPageToken")] = "",
) -> dict[str, object]:
    """getAllowed: who may use what the caller's member offers, in pages of service and consumer pairs."""
    _check_scope(who)
    named = {1: member_class, 2: member_code, 3: application_id}
    pairs = sorted(
        pair
        for pair in await _allowed(member_of(who.system), here)
        if all(not text or pair[0].split("/")[place] == text for place, text in named.items())
        and service_id in {"", pair[1]}
    )
    start = _offset(next_page_token)
    page, rest = pairs[start : start + int(page_size)], pairs[start + int(page_size) :]
    shown: dict[str, object] = {"allowList": _grouped(page)}
    token = base64.urlsafe_b64encode(str(start + len(page)).encode()).decode()
    return shown | ({"nextPageToken": token} if rest else {})


Pair = tuple[str, str, str]


async def _allowed(member: str, here: Services) -> set[Pair]:
    """(application, service, consumer) of everything that the member offers, as the next decision would have it."""
    controls, now = await rights.standing(member, here.db), utc_now()
    async with here.db.read() as connection:
        own = [(each.application, each.code) for each in await described.of_member(connection, member)]
        own += await rooms.names_of(connection, member)
        agreements = [each.agreement for each in await store.list_agreements(connection, member)]
    approved = {each.consumer for each in controls if each.kind == "approval"}
    pairs = {
        (system, code, consumer)
        for system, code in own
        for consumer in approved
        if rights.is_allowed(controls, system, consumer, rights.service_id(system, code, here))
    }
    for agreement in (each for each in agreements if each.standing(now) == "in force"):
        for system in agreement.provider.systems if agreement.provider.member == member else ():
            for offer in offers_of(system, here).values():
                grant = agreement.grants.get(offer.service.id)
                for consumer in agreement.consumer.systems if grant and grant.actions & PULL else ():
                    kinds = {each.kind for each in controls if each.concerns(system, consumer, offer.service.id)}
                    if "stop" not in kinds and not ("approve_each" in kinds and "approval" not in kinds):
                        pairs.add((system, service_code(offer), consumer))
    return pairs


def _grouped(pairs: Iterable[Pair]) -> list[dict[str, object]]:
    """ServiceAccessRights. The file requires `member` and `application` and describes three others: here are all."""
    grouped: dict[tuple[str, str], list[dict[str, str]]] = {}
    for system, service, consumer in pairs:
        _instance, class_, code, *application = consumer.split("/")
        name = application[0] if application else ""
        told = {"member": f"{class_}/{code}", "application": name}
        told |= {"memberClass": class_, "memberCode": code, "applicationId": name}
        grouped.setdefault((system, service), []).append(told)
    return [_entry(system, service, told) for (system, service), told in grouped.items()]


def _entry(system: str, service: str, allowed: list[dict[str, str]]) -> dict[str, object]:
    _instance, class_, code, application = system.split("/")
    named = {"memberClass": class_, "memberCode": code, "applicationId": application}
    return {**named, "serviceId": service, "rights": allowed}


def _offset(token: str) -> int:
    try:
        return int(base64.urlsafe_b64decode(token.encode("ascii")) or b"0")
    except (ValueError, binascii.Error):
        raise MediatorError(400, "bad_request.query", "nextPageToken is not one of ours; leave it out.") from None


async def rights_of(request: Request) -> list[RightsIn]:
    """The body, which may be left out.

    Raises:
        ProblemError, MediatorError: it cannot be read, or has another shape.
    """
    content = await read(request)
    if not content:
        return []
    check_type(request, "application/json")
    try:
        return Rights.validate_python(strict_json.loads(content))
    except (strict_json.StrictError, ValidationError):
        raise MediatorError(400, "bad_request.shape", "The body is no ServiceAccessRights.") from None


Wanted = Annotated[list[RightsIn], Depends(rights_of)]


@router.patch("/rights/allow")
async def set_allowed(body: Wanted, who: Anybody, here: Here) -> Response:
    """setAllowed."""
    for right in await _rights(body, who, here):
        await rights.allow(right, who.system, here)
    return Response(status_code=200)


@router.patch("/rights/deny")
async def set_denied(body: Wanted, who: Anybody, here: Here) -> Response:
    """setDenied: counts at the next decision of every edge."""
    for right in await _rights(body, who, here):
        await rights.deny(right, who.system, here)
    return Response(status_code=200)


async def _rights(body: list[RightsIn], who: Caller, here: Services) -> list[Right]:
    """All of them, before any is changed.

    Raises:
        MediatorError: 401, as published, for another member's service; 400 for one that there is none of.
    """
    _check_scope(who)
    found = []
    async with here.db.read() as connection:
        own = {(each.application, each.code) for each in await described.of_member(connection, member_of(who.system))}
        own |= {*await rooms.names_of(connection, member_of(who.system))}
    for each in body:
        member = f"{here.profile.country}/{each.member_class}/{each.member_code}"
        if member != member_of(who.system):
            raise MediatorError(401, "forbidden", NO_RIGHT)
        provider = f"{member}/{each.application_id}"
        if (provider, each.service_id) not in own and each.service_id not in offers_of(provider, here):
            raise MediatorError(400, "not_found", "There is no such service or event type; see listMethods.")
        for one in each.rights:
            consumer = f"{here.profile.country}/{one.member_class}/{one.member_code}/{one.application_id}"
            found.append(Right(provider, each.service_id, consumer))
    return found


def _check_scope(who: Caller) -> None:
    if "agreement" not in who.scopes:
        raise MediatorError(401, "forbidden", NO_RIGHT)
