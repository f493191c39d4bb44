"""A message that came in a weaker form than agreed with its sender is in the log, not only in the operator's."""

import logging

from ..db import Database
from ..trust.caller import Caller
from ..trust.errors import SignatureRefused
from ..trust.evidence import Log, entry
from ..trust.trust import Trust

logger = logging.getLogger("sandhi.signatures")


async def told(error: SignatureRefused, caller: Caller, trust: Trust, db: Database, log: Log) -> None:
    """Write the refusal down: every one for the operator, a downgrade as an entry too.

    Raises:
        LogUnavailable, DatabaseBusy: the entry could not be written; the message is refused all the same.
    """
    logger.warning("signature refused: %s", error.reason, extra={"consumer": caller.system, "code": error.reason})
    if not error.presented:
        return
    agreed = trust.messages.policy(caller.system).signature.dialect
    facts = {"system": caller.system, "agreed": agreed, "presented": error.presented, "reason": error.reason}
    async with db.write() as connection:
        await log.append_in(connection, entry("signature.downgrade", trust.clock(), facts))
