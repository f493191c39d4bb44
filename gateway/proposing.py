"""Proposals of agreements, each step with its log entry in the same transaction.

With the second signature a proposal becomes an agreement by the one way that every agreement goes (`Recording`).
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy.ext.asyncio import AsyncConnection

from audit import Entry, Log, new_id
from consent import proposals
from consent.proposals import Proposal
from consent.store import RecordedAgreement

from .db import Database
from .gate import utc_now
from .recording import MemberKeys, Recording


@dataclass(frozen=True, slots=True)
class Proposing:
    """The way in for proposals."""

    db: Database
    log: Log
    clock: Callable[[], datetime] = utc_now

    async def propose(self, document: object, *, by: str) -> tuple[Proposal, str]:
        """Put a document before the other member; gives the receipt too.

        Raises:
            ConsentError: it does not fit, or this member is no party.
        """
        async with self.db.write() as connection:
            made = await proposals.propose(connection, document, by=by, now=self.clock())
            return made, await self._entry(connection, "proposed", made, by)

    async def sign(self, number: int, signature: str, keys: MemberKeys, *, by: str) -> tuple[Proposal, str]:
        """Add this member's signature; gives the receipt too.

        Raises:
            ConsentError: not its to sign, not open, or no good signature.
        """
        known = await keys(by)
        async with self.db.write() as connection:
            made = await proposals.sign(connection, number, by=by, signature=signature, keys=known)
            return made, await self._entry(connection, "signed", made, by)

    async def record(self, proposal: Proposal, keys: MemberKeys, *, by: str) -> tuple[RecordedAgreement, str]:
        """Make a fully signed proposal an agreement, and close it; gives the agreement's receipt.

        Raises:
            ConsentError: it does not follow from what is recorded; the proposal stays open.
        """
        recording = Recording(self.db, self.log, self.clock)
        recorded, receipt = await recording.agreement(proposal.document, proposal.signatures, keys, by=by)
        await self.close(proposal.number, proposals.RECORDED, by=by)
        return recorded, receipt

    async def close(self, number: int, standing: str, *, by: str) -> tuple[Proposal, str]:
        """Reject or withdraw it; gives the receipt too.

        Raises:
            ConsentError: there is none, it is not open, or it is not this member's to end so.
        """
        async with self.db.write() as connection:
            made = await proposals.close(connection, number, by=by, standing=standing)
            return made, await self._entry(connection, standing, made, by)

    async def _entry(self, connection: AsyncConnection, verb: str, proposal: Proposal, by: str) -> str:
        now = self.clock()
        facts = {
            "by": by,
            "proposal": proposal.number,
            "agreement": proposal.agreement.id,
            "agreement_version": proposal.agreement.version,
            "consumer": proposal.agreement.consumer.member,
            "provider": proposal.agreement.provider.member,
        }
        return str(await self.log.append_in(connection, Entry(new_id(now), f"proposal.{verb}", now, facts)))
