"""What the routes of reviewers share: who they are, why they read, and the entry that says so.

A reviewer is an officer whose role gives the right, or, for reading, a system with scope `audit`. `Audit-Reason` is
a header and not part of the address, for addresses are kept in too many places.
"""

from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from typing import Annotated, Any

from fastapi import Depends, Header, Request
from pydantic import StringConstraints

from audit import LogUnavailable

from ...errors import NoEvidence
from ...people import Right, SignedIn
from ...review.errors import ReviewRefused
from ...review.evidence import check_reason, check_text, note_reading
from ...trust import authenticated
from ...wiring import Services
from .deps import services
from .officers import PRINTED
from .problems import ProblemError

SCOPE = "audit"
NO_ENTRY = "The log cannot take an entry now, so no evidence is shown; try again."
Reason = Annotated[str, StringConstraints(min_length=10, max_length=300, pattern=PRINTED)]
Remark = Annotated[str, StringConstraints(min_length=1, max_length=2000)]
REFUSED: dict[int | str, dict[str, Any]] = {400: {}, 403: {}, 404: {}, 409: {}}


@dataclass(frozen=True, slots=True)
class Reviewer:
    """Who asks. `id` is how the log names the officer or the system."""

    id: str
    officer: SignedIn | None = None

    @property
    def signed_in(self) -> SignedIn:
        """The officer, on routes that systems do not get past."""
        assert self.officer
        return self.officer


def reviewer(right: Right, *, systems: bool = False) -> Callable[[Request], Coroutine[Any, Any, Reviewer]]:
    """A dependency: an officer with this right; where `systems`, a system with scope `audit` too."""

    async def checked(request: Request) -> Reviewer:
        found = getattr(request.state, "officer", None)
        if isinstance(found, SignedIn):
            found.need(right)
            return Reviewer(found.id, found)
        if not systems:
            raise ProblemError("forbidden", f"This is for officers who are signed in and have the right {right}.")
        caller = await authenticated(request)
        if SCOPE not in caller.scopes:
            raise ProblemError("forbidden", f"This needs a token with scope {SCOPE}, or an officer's session.")
        return Reviewer(caller.system)

    return checked


Auditor = Annotated[Reviewer, Depends(reviewer(Right.EVIDENCE_READ, systems=True))]
Acting = Annotated[Reviewer, Depends(reviewer(Right.REVIEW_ACT))]
Holding = Annotated[Reviewer, Depends(reviewer(Right.DRILLS_HOLD))]
Checking = Annotated[Reviewer, Depends(reviewer(Right.SAMPLES_CHECK))]
OfPersons = Annotated[Reviewer, Depends(reviewer(Right.PERSONS_READ))]


class Reading:
    """Evidence is read: `note` before anything is shown."""

    def __init__(
        self,
        here: Annotated[Services, Depends(services)],
        reason: Annotated[Reason, Header(alias="Audit-Reason", description="Why; becomes an entry of the log.")],
    ) -> None:
        self.here = here
        self.reason = checked_text(reason, here)

    async def note(self, who: Reviewer, how: str, **facts: object) -> None:
        """Write who reads what kind of thing and why; without the entry nothing is shown. Raises NoEvidence."""
        now = self.here.people.clock()
        try:
            await note_reading(self.here.log, by=who.id, how=how, reason=self.reason, now=now, **facts)
        except LogUnavailable as error:
            raise NoEvidence(NO_ENTRY) from error


def checked_text(reason: str, here: Services) -> str:
    """A reason that names nobody. Raises ProblemError."""
    try:
        return check_reason(reason, here.profile)
    except ReviewRefused as error:
        raise ProblemError("bad_request.shape", error.detail) from None


def checked_remark(text: str, here: Services) -> str:
    """A remark without anybody's number. Raises ReviewRefused."""
    return check_text(text, here.profile)
