"""Why somebody does what is hard to take back: the header `Audit-Reason`, kept in the entry of the act.

A person has to say it; a system that turns its own keys over, or an operator's program, may (decision record 0094).
"""

from dataclasses import dataclass
from typing import Annotated

from fastapi import Depends, Header, Request
from pydantic import StringConstraints

from ...profile import Profile
from ...review.errors import ReviewRefused
from ...review.evidence import check_reason
from ..people import people
from .problems import ProblemError

WANTED = "Say why, in the header Audit-Reason: it becomes part of the entry, so name nobody."
Said = Annotated[str, StringConstraints(max_length=300)]


@dataclass(frozen=True, slots=True)
class Why:
    """`reason` is empty where nothing was said."""

    reason: str = ""

    @classmethod
    def said(cls, reason: str, profile: Profile) -> "Why":
        """Of ten characters or more, without anybody's number. Raises ProblemError."""
        try:
            return cls(check_reason(reason, profile))
        except ReviewRefused as error:
            raise ProblemError("bad_request.shape", error.detail) from None

    def of_a_person(self) -> str:
        """The reason. Raises ProblemError: a person said none."""
        if not self.reason:
            raise ProblemError("bad_request.shape", WANTED)
        return self.reason


async def why(
    request: Request,
    reason: Annotated[Said, Header(alias="Audit-Reason", description="Why; becomes part of the act's entry.")] = "",
) -> Why:
    """A dependency: what the header says. Raises ProblemError."""
    return Why.said(reason, (await people(request)).profile) if reason else Why()


Because = Annotated[Why, Depends(why)]
