"""`/v1/unmapped`: codes of an agency that no mapping knows, and what its officer says they mean.

A record with such a code went out with the agency's own code beside `unmapped`. Needs scope `agreement`, or the
agency administrator's session; the caller's member speaks for its own systems.
"""

from datetime import UTC, datetime
from typing import Annotated, Any

from fastapi import APIRouter, Depends
from pydantic import StringConstraints

from ...normalising import Asked, ClearingRefused, Unmapped
from ...wiring import Services
from ..body import StrictRoute
from .asking import bad
from .deps import services
from .party import Agency, Party
from .shapes import Shape

router = APIRouter(tags=["adapters"], route_class=StrictRoute)

Here = Annotated[Services, Depends(services)]
Name = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]{1,39}$")]
Told = Annotated[str, StringConstraints(min_length=1, max_length=24, pattern=r"^[^\s\x00-\x1f\x7f]+$")]
Ours = Annotated[str, StringConstraints(pattern=r"^[A-Za-z][A-Za-z0-9_]{0,39}$")]


class MeaningIn(Shape):
    """`code` of this list of this adapter is our `ours`."""

    adapter: Name
    list: Name
    code: Told
    ours: Ours


@router.get("/unmapped")
async def get_unmapped(who: Agency, here: Here) -> dict[str, Any]:
    """The codes that wait, the most met first, with our codes to choose from. Codes only, never a person's data."""
    found = await _queue(here).waiting(_reach(who))
    return {
        "unmapped": [
            {
                "adapter": each.adapter,
                "list": each.list,
                "code": each.code,
                "count": each.count,
                "first_met": _written(each.first_met),
                "last_met": _written(each.last_met),
                "choices": list(each.choices),
            }
            for each in found
        ]
    }


@router.post("/unmapped", responses={400: {}})
async def post_unmapped(body: MeaningIn, who: Agency, here: Here) -> dict[str, Any]:
    """Say what a code means; it counts from the next answer on, and a later word replaces an earlier one."""
    asked = Asked(body.adapter, body.list, body.code, body.ours)
    try:
        receipt = await _queue(here).cleared(asked, by=who.by, member=_reach(who))
    except ClearingRefused as error:
        raise bad("shape", f"{error}.") from None
    return {"adapter": body.adapter, "list": body.list, "code": body.code, "ours": body.ours, "receipt": receipt}


def _queue(here: Services) -> Unmapped:
    return Unmapped(here.db, here.log, here.catalogue, here.gate.clock)


def _written(moment: float) -> str:
    return datetime.fromtimestamp(moment, UTC).isoformat(timespec="seconds")


def _reach(who: Party) -> str:
    return "" if who.everywhere else who.member
