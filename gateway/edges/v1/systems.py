"""`/v1/members` and `/v1/systems`: who takes part. A system sees itself and may rotate its own keys; the rest is
for callers with scope `admin`. Every change is a log entry in the same transaction.
"""

from collections.abc import Awaitable, Callable
from typing import Annotated, Literal

from fastapi import APIRouter, Depends
from pydantic import Field, StringConstraints
from sqlalchemy.ext.asyncio import AsyncConnection

from audit import Log

from ...db import Database
from ...trust import Caller, Member, Offered, System, Trust, jwks, register
from ..body import StrictRoute
from .deps import audit_log, caller, database, having, trust
from .problems import ProblemError
from .shapes import Reference, Shape, Text

router = APIRouter(tags=["systems"], route_class=StrictRoute)

Url = Annotated[str, StringConstraints(max_length=500, pattern=r"^https?://[A-Za-z0-9._:\[\]-]+/[!-~]*$")]
Word = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9-]{0,63}$")]
Admin = Annotated[Caller, Depends(having("admin"))]


class MemberIn(Shape):
    """`POST /v1/members`."""

    id: Reference
    name: Text
    contact: Text
    jwks: dict[str, object] | None = None


class OfferedIn(Shape):
    """A service that the system takes deliveries for, at its callback."""

    name: Word
    callback_url: Url
    record_schema: Reference


class SystemIn(Shape):
    """`POST /v1/systems`. `client_id` is the dotted id where it is left out."""

    id: Reference
    name: Text
    client_id: Reference | None = None
    scopes: Annotated[frozenset[Reference], Field(max_length=50)] = frozenset()
    services: Annotated[tuple[OfferedIn, ...], Field(max_length=50)] = ()
    jwks: dict[str, object]

    def system(self) -> System:
        """The register's value."""
        offered = tuple(Offered(each.name, each.callback_url, each.record_schema) for each in self.services)
        client_id = self.client_id or self.id.replace("/", ".")
        return System(self.id, client_id, self.name, self.scopes, offered)


class KeysIn(Shape):
    """`POST /v1/systems/{system}/keys`."""

    jwks: dict[str, object]


class StateIn(Shape):
    """`POST /v1/systems/{system}/state`."""

    state: Literal["active", "suspended", "retired"]


class Changes:
    """One transaction with its log entries; afterwards this process forgets what it remembered."""

    def __init__(
        self,
        db: Annotated[Database, Depends(database)],
        log: Annotated[Log, Depends(audit_log)],
        here: Annotated[Trust, Depends(trust)],
    ) -> None:
        self.log = log
        self.now = here.clock()
        self._db = db
        self._trust = here

    async def made(self, work: Callable[[AsyncConnection], Awaitable[object]]) -> dict[str, object]:
        """Run and commit; gives the receipts."""
        async with self._db.write() as connection:
            receipts = await work(connection)
        self._trust.forget()
        return {"receipts": receipts if isinstance(receipts, list) else [receipts]}


@router.get("/members")
async def get_members(_: Admin, db: Annotated[Database, Depends(database)]) -> dict[str, object]:
    """All members."""
    async with db.read() as connection:
        found = await register.members(connection)
    return {"members": [{"id": each.id, "name": each.name, "state": each.state} for each in found]}


@router.post("/members", status_code=201, responses={400: {}, 409: {}})
async def post_member(body: MemberIn, _: Admin, changes: Annotated[Changes, Depends()]) -> dict[str, object]:
    """Register a member, with the keys it signs agreements with."""
    keys = jwks.checked(body.jwks) if body.jwks is not None else ()

    async def work(connection: AsyncConnection) -> list[str]:
        member = Member(body.id, body.name, body.contact)
        receipt = await register.add_member(connection, changes.log, member, changes.now)
        return [receipt, *await register.add_keys(connection, changes.log, body.id, keys, changes.now)]

    return await changes.made(work)


@router.get("/systems")
async def get_systems(
    who: Annotated[Caller, Depends(caller)], here: Annotated[Trust, Depends(trust)]
) -> dict[str, object]:
    """All systems for scope `admin`, otherwise the caller itself."""
    known = (await here.register()).systems.values()
    return {"systems": [_shown(each) for each in known if "admin" in who.scopes or each.id == who.system]}


@router.get("/systems/{system}")
async def get_system(
    system: str, who: Annotated[Caller, Depends(caller)], here: Annotated[Trust, Depends(trust)]
) -> dict[str, object]:
    """One system, with its keys in force; `system` in the dotted spelling."""
    snapshot = await here.register()
    found = snapshot.systems.get(_own(system, who))
    if found is None:
        raise ProblemError("not_found", "There is no such system.")
    return _shown(found) | {"jwks": {"keys": [key.jwk for key in snapshot.keys.get(found.id, ())]}}


@router.post("/systems", status_code=201, responses={400: {}, 409: {}})
async def post_system(body: SystemIn, _: Admin, changes: Annotated[Changes, Depends()]) -> dict[str, object]:
    """Register a system of a registered member, with its public keys."""
    keys = jwks.checked(body.jwks)

    async def work(connection: AsyncConnection) -> list[str]:
        receipt = await register.add_system(connection, changes.log, body.system(), changes.now)
        return [receipt, *await register.add_keys(connection, changes.log, body.id, keys, changes.now)]

    return await changes.made(work)


@router.post("/systems/{system}/state", responses={400: {}, 409: {}})
async def post_state(system: str, body: StateIn, _: Admin, changes: Annotated[Changes, Depends()]) -> dict[str, object]:
    """Suspend, bring back or retire a system: at once."""
    return await changes.made(
        lambda connection: register.set_state(connection, changes.log, _slashed(system), body.state, changes.now)
    )


@router.post("/systems/{system}/keys", status_code=201, responses={400: {}, 409: {}})
async def post_keys(
    system: str,
    body: KeysIn,
    who: Annotated[Caller, Depends(caller)],
    changes: Annotated[Changes, Depends()],
) -> dict[str, object]:
    """Add keys beside those in force: the first half of a rotation."""
    keys = jwks.checked(body.jwks)
    owner = _own(system, who)

    async def work(connection: AsyncConnection) -> list[str]:
        return list(await register.add_keys(connection, changes.log, owner, keys, changes.now))

    return await changes.made(work)


@router.delete("/systems/{system}/keys/{kid}", responses={409: {}})
async def delete_key(
    system: str,
    kid: str,
    who: Annotated[Caller, Depends(caller)],
    changes: Annotated[Changes, Depends()],
) -> dict[str, object]:
    """Retire a key: the second half of a rotation."""
    owner = _own(system, who)
    return await changes.made(lambda connection: register.retire_key(connection, changes.log, owner, kid, changes.now))


def _own(system: str, who: Caller) -> str:
    """The id, if the caller may act on that system. Others' systems do not exist for it."""
    if _slashed(system) != who.system and "admin" not in who.scopes:
        raise ProblemError("not_found", "There is no such system.")
    return _slashed(system)


def _slashed(system: str) -> str:
    return system.replace(".", "/")


def _shown(system: System) -> dict[str, object]:
    return {
        "id": system.id,
        "client_id": system.client_id,
        "name": system.name,
        "state": system.state,
        "scopes": sorted(system.scopes),
        "services": [
            {
                "service": f"{system.dci_id}/{each.name}",
                "callback_url": each.callback_url,
                "record_schema": each.record_schema,
            }
            for each in system.services
        ],
    }
