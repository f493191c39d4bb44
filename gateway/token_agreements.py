"""Whether an agreement covers what a token asks to be narrowed to (`authorization_details`, RFC 9396).

The decision on each call is made as ever; this tells early about a token for something that nobody agreed.
"""

from datetime import datetime

from consent import Agreement, store

from .db import Database
from .profile import Profile
from .trust.reach import Detail

IN_FORCE = "in force"


class TokenAgreements:
    """Implements `trust.token_endpoint.Agreed`."""

    def __init__(self, db: Database, profile: Profile) -> None:
        self._db = db
        self._profile = profile

    async def __call__(self, consumer: str, detail: Detail, now: datetime) -> bool:
        """Whether one agreement of the consumer holds all of it, and its case reference is no person's number."""
        patterns = (self._profile.patterns[kind] for kind in self._profile.recognisable)
        if detail.case and any(each.fullmatch(detail.case) for each in patterns):
            return False
        async with self._db.read() as connection:
            recorded = await store.agreements_for(connection, consumer)
        return any(covers(each.agreement, detail, now) for each in recorded)


def covers(agreement: Agreement, detail: Detail, now: datetime) -> bool:
    """Whether the agreement, as it is now, holds all that the detail names."""
    grant = agreement.grants.get(detail.service)
    return (
        grant is not None
        and agreement.standing(now) == IN_FORCE
        and detail.agreement in {"", agreement.id}
        and detail.agreement_version in {0, agreement.version}
        and detail.purpose in agreement.purposes
        and detail.actions <= grant.actions
        and detail.attributes <= grant.fields
    )
