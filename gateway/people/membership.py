"""A member is suspended by one operator, at once; another person looks at it afterwards, and decides with the first one
whether it comes back or goes for good (decision record 0094).
"""

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from ..trust import register
from ..trust.evidence import Log
from . import tables
from .approvals import Approval, Approvals, Kind
from .errors import ApprovalRefused

SUSPENSION, RESUME, RETIRE = "member.suspension", "member.resume", "member.retire"
SUSPENDED: Mapping[str, Any] = {"state": "suspended"}


def kinds(deciders: frozenset[str]) -> dict[str, Kind]:
    """The proposals about members. The document is `{"state": what the member is afterwards}`, the subject its id."""
    return {
        SUSPENSION: Kind(
            "Confirm a suspension, or reject it and bring the member back",
            deciders,
            apply=_confirmed,
            check=_refused,
            undo=_brought_back,
        ),
        RESUME: Kind("Let a suspended member take part again", deciders, apply=_resumed, check=_only("active")),
        RETIRE: Kind("Retire a member for good", deciders, apply=_moved, check=_only("retired")),
    }


async def suspend(
    connection: AsyncConnection, desk: Approvals, member: str, *, by: str, by_member: str, reason: str, now: datetime
) -> str:
    """Stop all its systems at once, and put it before a second person; gives the log receipt.

    Args:
        by: an officer, a system or the shell; `by_member` is whose.
        reason: stands in the entry and on the desk, so it names no person.

    Raises:
        RegistrationRefused: not registered, or not active.
    """
    receipt = await register.set_state(connection, desk.log, member, "suspended", now, by=by, reason=reason)
    if not await _waits(connection, member, now):
        mine = (by, by_member)
        await desk.put(connection, SUSPENSION, member, SUSPENDED, reason=reason, by=mine, now=now)
    return receipt


async def _confirmed(connection: AsyncConnection, _: Log, asked: Approval, _by: str, _now: datetime) -> None:
    """It stays suspended. That two people think so is the entry of the approval."""
    if await _state(connection, asked) != "suspended":
        raise ApprovalRefused("the member is not suspended any more; reject this, which changes nothing then")


async def _brought_back(connection: AsyncConnection, log: Log, asked: Approval, by: str, now: datetime) -> None:
    """As it was, where the suspension still waited to be looked at."""
    if now < asked.expires_at and await _state(connection, asked) == "suspended":
        await register.set_state(connection, log, asked.subject, "active", now, by=by, approval=asked.id)


async def _resumed(connection: AsyncConnection, log: Log, asked: Approval, by: str, now: datetime) -> None:
    """While the suspension waits to be looked at there is one question about it, not two."""
    if await _waits(connection, asked.subject, now):
        raise ApprovalRefused("its suspension waits for a second person: to reject that brings the member back")
    await _moved(connection, log, asked, by, now)


async def _moved(connection: AsyncConnection, log: Log, asked: Approval, by: str, now: datetime) -> None:
    if asked.member not in {"", asked.subject}:
        raise ApprovalRefused("the proposal names another member than the one it is made for")
    state = str(asked.document["state"])
    await register.set_state(connection, log, asked.subject, state, now, by=by, approval=asked.id)


async def _state(connection: AsyncConnection, asked: Approval) -> str:
    found = await register.find_member(connection, asked.subject)
    return found.state if found else ""


async def _waits(connection: AsyncConnection, member: str, now: datetime) -> bool:
    held = tables.approval.c
    same = (held.kind == SUSPENSION, held.subject == member, held.state == "proposed", held.expires_at > now)
    return (await connection.execute(select(held.id).where(*same).limit(1))).first() is not None


def _refused(_: Mapping[str, Any]) -> None:
    """Or whoever proposed it by hand could end a suspension alone, by taking the proposal back."""
    raise ApprovalRefused("this is not proposed: who suspends a member puts it before a second person with that")


def _only(state: str) -> Callable[[Mapping[str, Any]], None]:
    def check(document: Mapping[str, Any]) -> None:
        if document != {"state": state}:
            raise ApprovalRefused(f'the document of this proposal is {{"state": "{state}"}}')

    return check
