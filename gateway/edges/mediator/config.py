"""`/im/api/v1/config`: configuration of the caller's member, and of nothing else. Rights: `permissions`.

The register of members and systems has its own way in, with keys and two officers; here a member describes services of
its applications by their OpenAPI file, and says who may use what. Every change is an entry of the log.

Source: GovStack Information Mediator, Configuration Management API 1.0.1.
"""

from collections.abc import Iterator, Sequence
from typing import Annotated, Any

from fastapi import APIRouter
from fastapi.responses import JSONResponse, Response
from pydantic import BaseModel, ConfigDict, Field, StringConstraints
from pydantic.alias_generators import to_camel

from consent import member_of

from ...wiring import Services
from ..v1.deps import Caller
from ..xroad.asking import offers_of
from . import described, rights
from .describing import Change, changed
from .rights import Right
from .route import Anybody, Here, MediatorError, MediatorRoute

router = APIRouter(prefix="/api/v1", route_class=MediatorRoute)

Code = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$")]
Url = Annotated[str, StringConstraints(pattern=r"^https?://[A-Za-z0-9._:\[\]-]+(?:/[!-~]*)?$", max_length=2000)]
MOST = 100


class Shape(BaseModel):
    """Published names; members that we do not use are taken and left."""

    model_config = ConfigDict(extra="ignore", frozen=True, alias_generator=to_camel)


class ConsumerIn(Shape):
    """A consumer of a described service; `member` is `class/code`."""

    member: Annotated[str, StringConstraints(pattern=r"^[A-Z0-9_-]{1,32}/[A-Z0-9_-]{1,32}$")]
    application: Code


class ServiceIn(Shape):
    """A service by its description."""

    id: Code
    spec_url: Url
    service_url: Url
    rights: Annotated[tuple[ConsumerIn, ...], Field(max_length=MOST)] = ()


class ApplicationIn(Shape):
    """A system of the member, with what it offers."""

    id: Code
    services: Annotated[tuple[ServiceIn, ...], Field(max_length=MOST)] = ()


class MemberIn(Shape):
    """The caller's own member."""

    name: str
    class_: Annotated[Code, Field(alias="class")]
    code: Code
    applications: Annotated[tuple[ApplicationIn, ...], Field(max_length=MOST)] = ()


class Configuration(Shape):
    """IMconf."""

    domain: str
    instance: str
    members: Annotated[tuple[MemberIn, ...], Field(max_length=1)] = ()


@router.get("/config")
async def list_im_conf(who: Anybody, here: Here) -> dict[str, object]:
    """listIMconf: the caller's own member, its systems and the services it described."""
    member = member_of(who.system)
    async with here.db.read() as connection:
        own = await described.of_member(connection, member)
    systems = {each.id for each in (await here.trust.register()).callers.values() if each.member_id == member}
    controls = await rights.standing(member, here.db)
    instance, class_, code = member.split("/")
    applications = [
        {
            "id": system.rpartition("/")[2],
            "connection": "https",
            "services": [_service(each, controls) for each in own if each.application == system],
        }
        for system in sorted(systems | {each.application for each in own})
    ]
    shown = {"name": member, "class": class_, "code": code, "applications": applications}
    return {"domain": here.trust.origin.partition("://")[2], "instance": instance, "members": [shown]}


def _service(each: described.Described, controls: Sequence[Any]) -> dict[str, object]:
    service = f"{each.application.replace('/', '.')}.{each.code}"
    consumers = (control.consumer for control in controls if control.service == service and control.kind == "approval")
    allowed = [{"member": "/".join(c.split("/")[1:3]), "application": c.rpartition("/")[2]} for c in sorted(consumers)]
    return {"id": each.code, "specUrl": each.spec_url, "serviceUrl": each.service_url, "rights": allowed}


@router.get("/status")
async def check_im_conf(_who: Anybody, here: Here) -> Response:
    """checkIMconf: is the evidence writable?"""
    if not await here.log.writable():
        raise MediatorError(500, "no_evidence", "The log cannot be written now.")
    return Response(status_code=200)


@router.post("/config")
async def create_im_conf(body: Configuration, who: Anybody, here: Here, init: bool = False) -> Response:
    """createIMconf: adds to what the caller's member has described. Central servers are not made from outside."""
    if init:
        raise MediatorError(400, "bad_request.query", "This gateway is initialised by its operator, not over the API.")
    return await _changed(body, who, here, replacing=False)


@router.patch("/config")
async def update_im_conf(body: Configuration, who: Anybody, here: Here) -> Response:
    """updateIMconf: what is not named stays."""
    return await _changed(body, who, here, replacing=False)


@router.put("/config")
async def replace_im_conf(body: Configuration, who: Anybody, here: Here) -> Response:
    """replaceIMconf: what is not named is taken out, of the caller's member only."""
    return await _changed(body, who, here, replacing=True)


async def _changed(body: Configuration, who: Caller, here: Services, *, replacing: bool) -> Response:
    if "agreement" not in who.scopes:
        raise MediatorError(400, "forbidden", "Configuration is changed by a system with scope agreement.")
    if body.instance != here.profile.country:
        raise MediatorError(400, "bad_request.shape", f"This is the instance {here.profile.country}.")
    changes = list(_changes(body, member_of(who.system), here))
    told = await changed(changes, member_of(who.system), who.system, here, replacing=replacing)
    for each in body.members:
        for application, service in ((a, s) for a in each.applications for s in a.services):
            provider = f"{member_of(who.system)}/{application.id}"
            for consumer in service.rights:
                named = f"{here.profile.country}/{consumer.member}/{consumer.application}"
                await rights.allow(Right(provider, service.id, named), who.system, here)
    return JSONResponse(told, 201)


def _changes(body: Configuration, member: str, here: Services) -> Iterator[Change]:
    """What the configuration says, if it is the caller's own member's.

    Raises:
        MediatorError: it is another's, or names a system that is not registered.
    """
    systems = here.trust.directory.snapshot.systems
    for each in body.members:
        if f"{body.instance}/{each.class_}/{each.code}" != member:
            raise MediatorError(400, "forbidden", "A member configures itself only.")
        for application in each.applications:
            system = f"{member}/{application.id}"
            if system not in systems:
                raise MediatorError(400, "not_found", "An application is a registered system of the member.")
            for service in application.services:
                if service.id in offers_of(system, here):
                    raise MediatorError(400, "conflict", "A service of this name is answered by an adapter already.")
                yield Change(system, service.id, service.spec_url, service.service_url)
