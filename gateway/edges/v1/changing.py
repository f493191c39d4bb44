"""What routes that change the register share: one transaction with its log entries, ids in both spellings."""

from collections.abc import Awaitable, Callable
from typing import Annotated

from fastapi import Depends, Request
from pydantic import StringConstraints
from sqlalchemy.ext.asyncio import AsyncConnection

from audit import Log

from ...db import Database
from ...trust import Trust
from .deps import audit_log, database, trust

Url = Annotated[str, StringConstraints(max_length=500, pattern=r"^https?://[A-Za-z0-9._:\[\]-]+/[!-~]*$")]
Line = Annotated[str, StringConstraints(max_length=500)]
"""A contact or an address: kept beside the member, never in the log."""


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
        self.trust = here
        self.db = db

    async def made(self, work: Callable[[AsyncConnection], Awaitable[object]]) -> dict[str, object]:
        """Run and commit; gives the receipts."""
        async with self.db.write() as connection:
            receipts = await work(connection)
        self.trust.forget()
        return {"receipts": receipts if isinstance(receipts, list) else [receipts]}


async def four_eyes(request: Request) -> bool:
    """Whether one credential alone may not weaken anything: in production two people do, at `/v1/approvals`."""
    here = getattr(request.app.state, "services", None)
    return bool(here and here.settings.is_production)


FourEyes = Annotated[bool, Depends(four_eyes)]


def slashed(spelled: str) -> str:
    """The id from the dotted spelling of a path segment."""
    return spelled.replace(".", "/")
