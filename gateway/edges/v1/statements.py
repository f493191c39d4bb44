"""`/v1/statements`: what happened in a system's name in a month, signed by the gateway; it countersigns or disputes."""

from typing import Annotated

from fastapi import APIRouter, Depends
from pydantic import StringConstraints

from ...review import statements
from ...review.evidence import check_text
from ...trust import Caller
from ..body import StrictRoute
from .audit import Here
from .deps import caller
from .reviewing import REFUSED, Remark
from .shapes import Reference, Shape

router = APIRouter(prefix="/statements", tags=["statements"], route_class=StrictRoute)

Who = Annotated[Caller, Depends(caller)]
Jws = Annotated[str, StringConstraints(max_length=statements.LARGEST, pattern=r"^[A-Za-z0-9_.-]+$")]


class CountersignatureIn(Shape):
    """A compact JWS over the canonical JSON (RFC 8785) of `statement`, by a key of the system."""

    signature: Jws


class DisputeIn(Shape):
    """What is not so; name exchanges, never people."""

    text: Remark


@router.get("")
async def get_statements(who: Who, here: Here) -> dict[str, object]:
    """The caller's own statements, the newest month first."""
    async with here.db.read() as connection:
        found = await statements.listed(connection, system=who.system)
    return {"statements": [statements.summary(each) for each in found]}


@router.get("/{statement_id}", responses={404: {}})
async def get_statement(statement_id: Reference, who: Who, here: Here) -> dict[str, object]:
    """One statement: document, the gateway's signature, the own one."""
    async with here.db.read() as connection:
        return statements.shown(await statements.read(connection, statement_id, who.system))


@router.post("/{statement_id}/countersign", responses=REFUSED)
async def post_countersignature(
    statement_id: Reference, body: CountersignatureIn, who: Who, here: Here
) -> dict[str, object]:
    """Agree that these calls were made in one's name."""
    keys = (await here.trust.register()).keys.get(who.system, ())
    signed = statements.Countersigned(statement_id, who.system, body.signature, keys)
    async with here.db.write() as connection:
        receipt = await statements.countersign(connection, here.log, signed, here.people.clock())
    return {"id": statement_id, "state": "countersigned", "receipt": receipt}


@router.post("/{statement_id}/dispute", responses=REFUSED)
async def post_dispute(statement_id: Reference, body: DisputeIn, who: Who, here: Here) -> dict[str, object]:
    """Say that it is not so: a finding is opened, and a compliance officer has to answer it."""
    text, now = check_text(body.text, here.profile), here.people.clock()
    async with here.db.write() as connection:
        receipt = await statements.dispute(connection, here.log, statement_id, by=who.system, text=text, now=now)
    return {"id": statement_id, "state": "disputed", "receipt": receipt}
