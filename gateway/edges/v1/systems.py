"""`/v1/systems`: the computer systems of members, their keys and states. A system sees itself and may rotate its own
keys; the rest is for callers with scope `admin`. Every change is a log entry in the same transaction.
"""

from collections.abc import Iterable
from dataclasses import replace
from typing import Annotated, Literal
from urllib.parse import urlsplit

from fastapi import APIRouter, Depends
from pydantic import Field, StringConstraints
from sqlalchemy.ext.asyncio import AsyncConnection

from ...trust import Offered, System, Trust, jwks, key_sets, register
from ...trust.addresses import check_callbacks
from ...trust.directory import Snapshot
from ...trust.jose import Key
from ..body import StrictRoute
from .changing import Changes, FourEyes, Url, slashed
from .deps import trust
from .members import KeysIn, StateIn, shown_keys
from .party import Keeper, Operator, kept, own
from .policies import PolicyIn, published_keys
from .problems import ProblemError
from .shapes import Reference, Shape, Text
from .why import Because

router = APIRouter(tags=["systems"], route_class=StrictRoute)

Word = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9-]{0,63}$")]
Made = Annotated[Changes, Depends()]
Here = Annotated[Trust, Depends(trust)]


class OfferedIn(Shape):
    """A service that the system takes deliveries for, at its callback."""

    name: Word
    callback_url: Url
    record_schema: Reference

    def offered(self) -> Offered:
        """The register's value."""
        return Offered(self.name, self.callback_url, self.record_schema)


class SystemIn(Shape):
    """`POST /v1/systems`. `client_id` is the dotted id where it is left out. Keys come as `jwks`, or are fetched from
    `policy.jwks_uri`."""

    id: Reference
    name: Text
    client_id: Reference | None = None
    scopes: Annotated[frozenset[Reference], Field(max_length=50)] = frozenset()
    services: Annotated[tuple[OfferedIn, ...], Field(max_length=50)] = ()
    state: Literal["proposed", "active"] = "active"
    policy: PolicyIn = PolicyIn()
    jwks: dict[str, object] | None = None

    def system(self) -> System:
        """The register's value."""
        offered = tuple(each.offered() for each in self.services)
        client_id = self.client_id or self.id.replace("/", ".")
        return System(self.id, client_id, self.name, self.scopes, offered, self.state, self.policy.policy())


class SystemChangeIn(Shape):
    """`PATCH /v1/systems/{system}`: what is left out stays."""

    name: Text | None = None
    scopes: Annotated[frozenset[Reference], Field(max_length=50)] | None = None
    services: Annotated[tuple[OfferedIn, ...], Field(max_length=50)] | None = None


@router.get("/systems")
async def get_systems(who: Keeper, here: Here) -> dict[str, object]:
    """All systems for scope `admin` and operators, a member's for its administrator, otherwise the caller itself."""
    return {"systems": [shown(each) for each in kept(who, (await here.register()).systems)]}


@router.get("/systems/{system}", responses={404: {}})
async def get_system(system: str, who: Keeper, here: Here) -> dict[str, object]:
    """One system, with its policy and its keys in force; `system` in the dotted spelling."""
    snapshot = await here.register()
    found = snapshot.systems.get(own(system, who))
    if found is None:
        raise ProblemError("not_found", "There is no such system.")
    return shown(found) | {"jwks": _keys(snapshot, found.id)}


@router.post("/systems", status_code=201, responses={400: {}, 403: {}, 409: {}})
async def post_system(body: SystemIn, _: Operator, changes: Made, two_people: FourEyes) -> dict[str, object]:
    """Register a system of a registered member, with its public keys or the address where it publishes them."""
    system = body.system()
    if two_people and system.policy.exceptions():
        raise ProblemError("forbidden", "Register it without exceptions; then propose system.policy at /v1/approvals.")
    fetched = await published_keys(changes.trust, system) if system.policy.jwks_uri else None
    if fetched is None and body.jwks is None:
        raise ProblemError("bad_request.keys", "Send the system's public keys as jwks, or policy.jwks_uri.")
    if fetched is not None and body.jwks is not None:
        raise ProblemError("bad_request.keys", "Send jwks or policy.jwks_uri, not both.")
    keys = jwks.checked(body.jwks, system.policy.signature.algorithms) if body.jwks is not None else ()
    await proved(changes.trust, system, system.services, keys or (fetched.keys if fetched else ()))

    async def work(connection: AsyncConnection) -> list[str]:
        receipt = await register.add_system(connection, changes.log, system, changes.now)
        if fetched is not None:
            return [receipt, *await key_sets.put(connection, changes.log, system, fetched, changes.now)]
        return [receipt, *await register.add_keys(connection, changes.log, body.id, keys, changes.now)]

    return await changes.made(work)


@router.patch("/systems/{system}", responses={400: {}, 403: {}, 404: {}, 409: {}})
async def patch_system(
    system: str, body: SystemChangeIn, _: Operator, changes: Made, two_people: FourEyes
) -> dict[str, object]:
    """Change a system's name, scopes or the services it takes deliveries for, with their callbacks."""
    if body.services is not None and not two_people:
        await moved(changes.trust, slashed(system), [each.offered() for each in body.services])

    async def work(connection: AsyncConnection) -> str:
        kept = await register.find_system(connection, slashed(system))
        if kept is None:
            raise ProblemError("not_found", "There is no such system.")
        services = kept.services if body.services is None else tuple(each.offered() for each in body.services)
        check_callbacks(set(services) - set(kept.services), changes.trust.may_dial)
        if two_people and hosts(services) - hosts(kept.services):
            raise ProblemError(
                "forbidden", "A new callback address takes two people: propose callback.host at /v1/approvals."
            )
        scopes = kept.scopes if body.scopes is None else body.scopes
        after = replace(kept, name=body.name or kept.name, scopes=scopes, services=services)
        return await register.change_system(connection, changes.log, after, changes.now)

    return await changes.made(work)


async def moved(here: Trust, owner: str, services: Iterable[Offered]) -> None:
    """Raise AddressRefused unless each of these that is on a host new for the system is proved to be the system's."""
    snapshot = await here.register()
    if (known := snapshot.systems.get(owner)) is None:
        return
    before = hosts(known.services)
    fresh = [each for each in services if not hosts([each]) <= before]
    await proved(here, known, fresh, snapshot.keys.get(owner, ()))


async def proved(here: Trust, system: System, services: Iterable[Offered], keys: Iterable[Key]) -> None:
    """Raise AddressRefused unless each address may be dialled, and is the system's by its host's own word."""
    services = tuple(services)
    check_callbacks(services, here.may_dial)
    if here.callback_proofs is not None:
        await here.callback_proofs.check(system, services, keys)


def hosts(services: Iterable[Offered]) -> set[str]:
    """Where deliveries go: scheme, host and port of each callback."""
    return {"//".join(urlsplit(each.callback_url)[:2]) for each in services}


@router.post("/systems/{system}/state", responses={400: {}, 409: {}})
async def post_state(system: str, body: StateIn, who: Operator, changes: Made, why: Because) -> dict[str, object]:
    """Suspend, bring back or retire a system: at once."""
    id_, because = slashed(system), who.because(why)
    return await changes.made(
        lambda connection: register.set_state(connection, changes.log, id_, body.state, changes.now, **because)
    )


@router.post("/systems/{system}/keys", status_code=201, responses={400: {}, 409: {}})
async def post_keys(system: str, body: KeysIn, who: Keeper, changes: Made) -> dict[str, object]:
    """Add keys beside those in force: the first half of a rotation. A person signs in anew for it."""
    owner = own(system, who)
    who.need_fresh(changes.now)
    known = (await changes.trust.register()).systems.get(owner)
    if known and known.policy.jwks_uri:
        raise ProblemError("conflict", "The keys of this system are fetched from where it publishes them.")
    keys = jwks.checked(body.jwks, known.policy.signature.algorithms if known else ())

    async def work(connection: AsyncConnection) -> list[str]:
        return list(await register.add_keys(connection, changes.log, owner, keys, changes.now))

    return await changes.made(work)


@router.delete("/systems/{system}/keys/{kid}", responses={409: {}})
async def delete_key(system: str, kid: str, who: Keeper, changes: Made, why: Because) -> dict[str, object]:
    """Retire a key: the second half of a rotation. A person signs in anew for it, and says why."""
    owner = own(system, who)
    who.need_fresh(changes.now)
    because = who.because(why)
    return await changes.made(
        lambda connection: register.retire_key(connection, changes.log, owner, kid, changes.now, **because)
    )


def shown(system: System) -> dict[str, object]:
    """A system as everybody who may see it sees it."""
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
        "policy": system.policy.document(),
    }


def _keys(snapshot: Snapshot, owner: str) -> dict[str, object]:
    return shown_keys((*snapshot.keys.get(owner, ()), *snapshot.enc_keys.get(owner, ())))
