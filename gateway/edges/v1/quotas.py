"""`GET /v1/quotas`: how much may be asked under each agreement, and how much of it is used now.

A system with scope `admin` and an operator see every agreement, an agency's administrator those of the own member. What
agencies let themselves be asked stands at `/v1/agency-health`.
"""

from typing import Annotated, Any

from fastapi import APIRouter, Depends

from consent import Agreement, quota, store
from consent.model import Quota

from ...wiring import Services
from ..body import StrictRoute
from .deps import services
from .party import Party, Watching

router = APIRouter(tags=["operation"], route_class=StrictRoute)
IN_FORCE = "in force"


@router.get("/quotas", responses={403: {}})
async def get_quotas(who: Watching, here: Annotated[Services, Depends(services)]) -> dict[str, Any]:
    """A line for each agreement in force that bounds how much is asked, with each budget: agreed, used, left."""
    now = here.gate.clock().astimezone(here.profile.zone)
    async with here.db.read() as connection:
        kept = [each.agreement for each in await store.list_agreements(connection)]
        bounded = [each for each in kept if _counts(each) and each.standing(now) == IN_FORCE and _concerns(each, who)]
        spent = await quota.used(connection, bounded, now)
    return {"agreements": [_line(each, spent[each.id]) for each in bounded]}


def _counts(agreement: Agreement) -> bool:
    return agreement.quota != Quota()


def _concerns(agreement: Agreement, who: Party) -> bool:
    return who.everywhere or who.member in {agreement.consumer.member, agreement.provider.member}


def _line(agreement: Agreement, spent: list[quota.Used]) -> dict[str, Any]:
    return {
        "agreement": agreement.id,
        "version": agreement.version,
        "title": agreement.title,
        "consumer": agreement.consumer.member,
        "provider": agreement.provider.member,
        "bulk_lines": agreement.quota.bulk_lines,
        "budgets": [each.wire() for each in spent],
    }
