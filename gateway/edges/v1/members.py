"""`/v1/members`: the organisations that take part. For scope `admin` and for operators; every change
is a log entry."""

from dataclasses import asdict, replace
from typing import Annotated, Literal

from fastapi import APIRouter, Depends, Request
from sqlalchemy.ext.asyncio import AsyncConnection

from ...db import Database
from ...people import membership
from ...trust import Member, jwks, register
from ...trust.jose import Key
from ..body import StrictRoute
from ..people import people
from .changing import Changes, FourEyes, Line, slashed
from .deps import database
from .party import Operator
from .problems import ProblemError
from .shapes import Reference, Shape, Text
from .why import Because

router = APIRouter(tags=["members"], route_class=StrictRoute)
Db = Annotated[Database, Depends(database)]
Made = Annotated[Changes, Depends()]


class MemberIn(Shape):
    """`POST /v1/members`. `contact` is the technical one; the others are whom to call about a leak, and about data."""

    id: Reference
    name: Text
    contact: Text
    security_contact: Line = ""
    data_protection_contact: Line = ""
    address: Line = ""
    state: Literal["proposed", "active"] = "active"
    jwks: dict[str, object] | None = None

    def member(self) -> Member:
        """The register's value."""
        return Member(**self.model_dump(exclude={"jwks"}))


class MemberChangeIn(Shape):
    """`PATCH /v1/members/{member}`: what is left out stays."""

    name: Text | None = None
    contact: Text | None = None
    security_contact: Line | None = None
    data_protection_contact: Line | None = None
    address: Line | None = None


class KeysIn(Shape):
    """Public keys to add, as a JWK set."""

    jwks: dict[str, object]


class StateIn(Shape):
    """A step of a member's or a system's life."""

    state: Literal["active", "suspended", "retired"]


@router.get("/members")
async def get_members(_: Operator, db: Db) -> dict[str, object]:
    """All members, with their contacts."""
    async with db.read() as connection:
        return {"members": [asdict(each) for each in await register.members(connection)]}


@router.get("/members/{member}", responses={404: {}})
async def get_member(member: str, _: Operator, db: Db, changes: Made) -> dict[str, object]:
    """One member, its systems and the keys it signs agreements with; `member` in the dotted spelling."""
    async with db.read() as connection:
        found = await register.find_member(connection, slashed(member))
        if found is None:
            raise ProblemError("not_found", "There is no such member.")
        keys = await register.keys_of(connection, found.id, changes.now)
        systems = [each.id for each in await register.systems(connection) if each.member_id == found.id]
    return asdict(found) | {"systems": systems, "jwks": shown_keys(keys)}


@router.post("/members", status_code=201, responses={400: {}, 409: {}})
async def post_member(body: MemberIn, _: Operator, changes: Made) -> dict[str, object]:
    """Register a member, with the keys it signs agreements with."""
    keys = jwks.checked(body.jwks) if body.jwks is not None else ()

    async def work(connection: AsyncConnection) -> list[str]:
        receipt = await register.add_member(connection, changes.log, body.member(), changes.now)
        return [receipt, *await register.add_keys(connection, changes.log, body.id, keys, changes.now)]

    return await changes.made(work)


@router.patch("/members/{member}", responses={400: {}, 404: {}, 409: {}})
async def patch_member(member: str, body: MemberChangeIn, _: Operator, changes: Made) -> dict[str, object]:
    """Change a member's name, contacts or address."""

    async def work(connection: AsyncConnection) -> str:
        kept = await register.find_member(connection, slashed(member))
        if kept is None:
            raise ProblemError("not_found", "There is no such member.")
        after = replace(kept, **body.model_dump(exclude_none=True))
        return await register.change_member(connection, changes.log, after, changes.now)

    return await changes.made(work)


@router.post("/members/{member}/state", responses={400: {}, 409: {}})
async def post_member_state(
    member: str, body: StateIn, who: Operator, changes: Made, why: Because, two_people: FourEyes, request: Request
) -> dict[str, object]:
    """Suspend a member, and with it all its systems: at once; a second person looks at it afterwards.

    An operator proposes to bring it back or to retire it; a program does that alone outside production only.
    """
    id_, now, because = slashed(member), changes.now, who.because(why)
    if body.state == "suspended":
        desk = (await people(request)).approvals
        return await changes.made(
            lambda connection: membership.suspend(connection, desk, id_, **because, by_member=who.member, now=now)
        )
    if who.officer or two_people:
        raise ProblemError("forbidden", "This takes two people: propose member.resume or member.retire.")
    return await changes.made(
        lambda connection: register.set_state(connection, changes.log, id_, body.state, now, **because)
    )


@router.post("/members/{member}/keys", status_code=201, responses={400: {}, 409: {}})
async def post_member_keys(member: str, body: KeysIn, _: Operator, changes: Made) -> dict[str, object]:
    """Add keys with which the member signs agreements, beside those in force."""
    keys = jwks.checked(body.jwks)

    async def work(connection: AsyncConnection) -> list[str]:
        return list(await register.add_keys(connection, changes.log, slashed(member), keys, changes.now))

    return await changes.made(work)


@router.delete("/members/{member}/keys/{kid}", responses={409: {}})
async def delete_member_key(member: str, kid: str, who: Operator, changes: Made, why: Because) -> dict[str, object]:
    """Retire a member's key: what it signs from now on is refused; what it signed stays signed."""
    because = who.because(why)
    return await changes.made(
        lambda connection: register.retire_key(connection, changes.log, slashed(member), kid, changes.now, **because)
    )


def shown_keys(keys: tuple[Key, ...]) -> dict[str, object]:
    """Keys as a JWK set, with `exp` where they end."""
    ends = [{"exp": int(key.not_after.timestamp())} if key.not_after else {} for key in keys]
    return {"keys": [{**key.jwk, **end} for key, end in zip(keys, ends, strict=True)]}
