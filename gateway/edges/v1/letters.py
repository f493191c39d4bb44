"""`/v1/letters`: what did not go through for a day, grouped by its cause; for officers who are signed in.

A group is released or dropped by two people: `POST /v1/approvals` with kind `letters.release` or `letters.drop`, and
the group's `kind`, `cause` and `target` as the document.
"""

from datetime import UTC, datetime
from typing import Annotated

from fastapi import APIRouter, Depends, Query

from ...delivery import letters
from ...people import Right, SignedIn
from ...wiring import Services
from ..body import StrictRoute
from ..people import officer
from .deps import services

router = APIRouter(tags=["letters"], route_class=StrictRoute)

Part = Annotated[str, Query(max_length=200)]


@router.get("/letters", responses={403: {}})
async def get_letters(
    who: Annotated[SignedIn, Depends(officer)],
    here: Annotated[Services, Depends(services)],
    kind: Part = "",
    cause: Part = "",
    target: Part = "",
) -> dict[str, object]:
    """The groups, the largest first; with a `kind` the oldest hundred letters of that group: ids, never content."""
    who.need(Right.APPROVALS_READ)
    async with here.db.read() as connection:
        groups = [each.wire() for each in await letters.groups(connection)]
        if not kind:
            return {"groups": groups}
        found = await letters.letters(connection, letters.Group(kind, cause, target))
    shown = [{"id": each["ref"], "since": _time(each["created"])} for each in found]
    return {"groups": groups, "letters": shown}


def _time(moment: float) -> str:
    return datetime.fromtimestamp(moment, UTC).isoformat()
