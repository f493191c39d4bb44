"""`/v1/stops` and `/v1/consumers`: a provider stops a consumer at once, or approves each one, whatever was agreed.

Each counts at the next decision, in every process: exchanges, batches under way and results not fetched yet, queued
deliveries, and what subscriptions would bring. The caller's member speaks for its own systems; needs scope `agreement`,
or the administrator's session.
"""

from typing import Annotated, Any

from fastapi import APIRouter, Depends
from pydantic import StringConstraints

from consent import member_of, store
from consent.control import KeptControl, controls_of

from ...controlling import Controlling
from ...wiring import Services
from ..body import StrictRoute
from .asking import bad
from .deps import services
from .party import Agency
from .recordings import refusals
from .shapes import Code, Reference, Shape

router = APIRouter(tags=["stops"], route_class=StrictRoute)

Here = Annotated[Services, Depends(services)]
Party = Annotated[str, StringConstraints(pattern=r"^[A-Z]{2}(?:/[A-Z0-9][A-Z0-9_-]{0,31}){2,3}$")]
Reason = Annotated[str, StringConstraints(min_length=1, max_length=500, pattern=r"^[^\x00-\x1f\x7f]*$")]
REFUSED: dict[int | str, dict[str, Any]] = {400: {}, 409: {}}


class StopIn(Shape):
    """A member or one of its systems, for one service or all. `system` is the one of the caller's; all if left out."""

    consumer: Party
    service: Code | None = None
    system: Party | None = None
    reason: Reason


class ApproveEachIn(Shape):
    """From now on only approved consumers get anything from this system, or from all of the caller's."""

    service: Code | None = None
    system: Party | None = None
    reason: Reason


@router.get("/stops")
async def get_stops(who: Agency, here: Here) -> dict[str, Any]:
    """The stops of the caller's member, ended ones included, newest first."""
    return {"stops": [_shown(each) for each in await _kept(here, who) if each.control.kind == "stop"]}


@router.post("/stops", status_code=201, responses=REFUSED)
async def post_stop(body: StopIn, who: Agency, here: Here) -> dict[str, Any]:
    """Stop a consumer now."""
    return await _placed("stop", body, who, here, consumer=body.consumer)


@router.post("/stops/{stop_id}/end", responses={404: {}})
async def post_stop_end(stop_id: Reference, who: Agency, here: Here) -> dict[str, Any]:
    """Let the consumer go on; what was refused meanwhile stays refused."""
    return await _ended(stop_id, who, here)


@router.get("/consumers")
async def get_consumers(who: Agency, here: Here) -> dict[str, Any]:
    """The consumers that agreements name beside the caller's member, and what it said about each."""
    member, kept = who.member, await _kept(here, who)
    async with here.db.read() as connection:
        recorded = await store.list_agreements(connection, member)
    consumers: dict[str, set[str]] = {}
    for agreement in (each.agreement for each in recorded):
        for system in agreement.consumer.systems if agreement.provider.member == member else ():
            consumers.setdefault(system, set()).add(agreement.id)
    standing = [each for each in kept if each.control.ended_at is None]
    return {
        "approve_each": [_shown(each) for each in standing if each.control.kind == "approve_each"],
        "consumers": [
            {
                "consumer": system,
                "agreements": sorted(consumers[system]),
                "controls": [_shown(each) for each in standing if each.control.consumer in {system, member_of(system)}],
            }
            for system in sorted(consumers)
        ],
    }


@router.post("/consumers/approve-each", status_code=201, responses=REFUSED)
async def post_approve_each(body: ApproveEachIn, who: Agency, here: Here) -> dict[str, Any]:
    """Refuse every consumer that is not approved, also under an agreement in force."""
    return await _placed("approve_each", body, who, here)


@router.post("/consumers/approvals", status_code=201, responses=REFUSED)
async def post_approval(body: StopIn, who: Agency, here: Here) -> dict[str, Any]:
    """Approve one consumer."""
    return await _placed("approval", body, who, here, consumer=body.consumer)


@router.post("/consumers/controls/{control_id}/end", responses={404: {}})
async def post_control_end(control_id: Reference, who: Agency, here: Here) -> dict[str, Any]:
    """Take an approval back, or stop approving each consumer."""
    return await _ended(control_id, who, here)


async def _placed(
    kind: str, body: StopIn | ApproveEachIn, who: Agency, here: Services, *, consumer: str = ""
) -> dict[str, Any]:
    member = who.member
    provider = body.system or member
    if member_of(provider) != member:
        raise bad("shape", "`system` is one of your own; leave it out for all of them.")
    controlling = Controlling(here.db, here.log, here.gate.clock)
    with refusals():
        kept, receipt = await controlling.placed(
            kind, provider, consumer, body.service or "", reason=body.reason, by=who.by
        )
    return _shown(kept) | {"receipt": receipt}


async def _ended(id_: str, who: Agency, here: Services) -> dict[str, Any]:
    controlling = Controlling(here.db, here.log, here.gate.clock)
    with refusals():
        receipt = await controlling.ended(id_, member=who.member, by=who.by)
    return {"id": id_, "state": "ended", "receipt": receipt}


async def _kept(here: Services, who: Agency) -> list[KeptControl]:
    async with here.db.read() as connection:
        return list(await controls_of(connection, who.member))


def _shown(kept: KeptControl) -> dict[str, Any]:
    control = kept.control
    return {
        "id": control.id,
        "kind": control.kind,
        "system": control.provider,
        "consumer": control.consumer or None,
        "service": control.service or None,
        "reason": kept.reason,
        "placed_by": kept.placed_by,
        "placed_at": kept.placed_at.isoformat(),
        "ended_at": control.ended_at.isoformat() if control.ended_at else None,
    }
