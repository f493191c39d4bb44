"""For whom a request speaks, where a system and an officer may do the same.

A system speaks for its member with the scope it was registered with, the member's administrator with a session; what
is for scope `admin` an operator does with a session. `by` is how the log names whoever it was.
"""

from collections.abc import Callable, Coroutine, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any

from fastapi import Depends, Request

from consent import member_of

from ...people import Right, SignedIn
from ...trust import authenticated
from ...trust.register import System
from .problems import ProblemError
from .why import Why

ADMIN = "admin"


@dataclass(frozen=True, slots=True)
class Party:
    """One side of agreements.

    Attributes:
        member: for which it speaks.
        by: the system or the officer, as the log names them.
        everywhere: it may look after every member's systems.
        officer: who is signed in, where it is a person.
    """

    member: str
    by: str
    everywhere: bool = False
    officer: SignedIn | None = None

    def keeps(self, system: str) -> bool:
        """Whether it looks after this system: a system itself, an administrator the member's, an operator all."""
        mine = member_of(system) == self.member if self.officer else system == self.by
        return self.everywhere or mine

    def need_fresh(self, now: datetime) -> None:
        """A person who puts in a credential proves anew who they are; a system just did. Raises NotFresh."""
        if self.officer:
            self.officer.need_fresh(now)

    def because(self, why: Why) -> dict[str, str]:
        """Who acts and why, for the entry. Raises ProblemError: a person did not say why."""
        return {"by": self.by, "reason": why.of_a_person() if self.officer else why.reason}


def of_officer(who: SignedIn, right: Right) -> Party:
    """An administrator for the own member, or an operator for all. Raises NotAllowed."""
    who.need(right, who.officer.member)
    return Party(who.officer.member, who.id, who.everywhere(right), who)


def keeper_of(who: SignedIn) -> Party:
    """Whoever looks after systems: the operator after all, an administrator after the member's. Raises NotAllowed."""
    return of_officer(who, Right.GATEWAY_RUN if who.giving(Right.GATEWAY_RUN) else Right.AGENCY_RUN)


def speaking(scope: str, right: Right) -> Callable[[Request], Coroutine[Any, Any, Party]]:
    """A dependency: a system with this scope, or an officer with this right."""

    async def found(request: Request) -> Party:
        who = getattr(request.state, "officer", None)
        if isinstance(who, SignedIn):
            return of_officer(who, right)
        caller = await authenticated(request)
        if scope not in caller.scopes:
            raise ProblemError("forbidden", f"This needs a token with scope {scope}.")
        return Party(member_of(caller.system), caller.system, ADMIN in caller.scopes)

    return found


async def keeping(request: Request) -> Party:
    """A dependency: any system, for itself (`admin`: for all), an administrator, or an operator."""
    who = getattr(request.state, "officer", None)
    if isinstance(who, SignedIn):
        return keeper_of(who)
    caller = await authenticated(request)
    return Party(member_of(caller.system), caller.system, ADMIN in caller.scopes)


async def reading(request: Request) -> Party:
    """A dependency: any system for its member (`audit`: for all), or the member's administrator."""
    who = getattr(request.state, "officer", None)
    if isinstance(who, SignedIn):
        return of_officer(who, Right.AGENCY_RUN)
    caller = await authenticated(request)
    return Party(member_of(caller.system), caller.system, "audit" in caller.scopes)


async def watching(request: Request) -> Party:
    """A dependency: a system with scope `admin`, an administrator, or an operator."""
    found = await keeping(request)
    if found.officer is None and not found.everywhere:
        raise ProblemError("forbidden", f"This needs a token with scope {ADMIN}.")
    return found


def own(system: str, who: Party) -> str:
    """The id from the dotted spelling, if this is theirs to look after. Others' systems do not exist for them."""
    id_ = system.replace(".", "/")
    if not who.keeps(id_):
        raise ProblemError("not_found", "There is no such system.")
    return id_


def kept(who: Party, systems: Mapping[str, System]) -> list[System]:
    """Those of these systems that they look after."""
    return [each for each in systems.values() if who.keeps(each.id)]


Agency = Annotated[Party, Depends(speaking("agreement", Right.AGENCY_RUN))]
Operator = Annotated[Party, Depends(speaking(ADMIN, Right.GATEWAY_RUN))]
Keeper = Annotated[Party, Depends(keeping)]
Reader = Annotated[Party, Depends(reading)]
Watching = Annotated[Party, Depends(watching)]
