"""The kind of proposal that puts a version on line: what a second person approves, and what happens then."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from sqlalchemy.ext.asyncio import AsyncConnection

from ..people.approvals import Approval, Kind
from ..people.errors import ApprovalRefused
from ..trust.evidence import Log
from . import steps, store
from .steps import Release

KIND = "adapter.release"
DECIDERS = frozenset({"agency_administrator", "operator", "compliance_officer"})


def kind() -> Kind:
    """`adapter.release`: the subject is the adapter's id, the member whose it is."""
    return Kind("Put a version of an adapter on line", DECIDERS, apply=_release, check=_check)


def _check(document: Mapping[str, Any]) -> None:
    Release.read(document)


async def _release(connection: AsyncConnection, log: Log, asked: Approval, by: str, now: datetime) -> None:
    found = await store.adapter(connection, asked.subject)
    if found.member != asked.member:
        raise ApprovalRefused("the proposal names no adapter of its member")
    wanted = Release.read(asked.document)
    await steps.release(connection, log, found.id, wanted, by=by, approval=asked.id, now=now)
