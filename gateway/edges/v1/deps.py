"""What routes ask for: each reads one thing that `app.py` put into `app.state` when the application started.

All are `async`: FastAPI sends a plain function to a thread, which costs more than everything else it does here.
"""

from collections.abc import Callable, Coroutine, Mapping, Sequence
from typing import TYPE_CHECKING, Any, cast

from fastapi import Request

from audit import Log

from ...db import Database
from ...gate import Gate
from ...trust import Caller, PersonRef, Trust, authenticated
from .problems import ProblemError

__all__ = [
    "Caller",
    "audit_log",
    "caller",
    "database",
    "gate",
    "having",
    "member_keys",
    "person_ref",
    "services",
    "trust",
]

if TYPE_CHECKING:  # wiring imports the application, which imports the routes
    from ...wiring import Services

MemberKeys = Callable[[str], Coroutine[Any, Any, Sequence[Mapping[str, str]]]]


async def services(request: Request) -> "Services":
    """Everything at once, for routes that need several things."""
    return cast("Services", request.app.state.services)


async def database(request: Request) -> Database:
    """The database."""
    return cast("Database", request.app.state.db)


async def audit_log(request: Request) -> Log:
    """The log."""
    return cast("Log", request.app.state.log)


async def trust(request: Request) -> Trust:
    """Keys, register, token endpoint."""
    return cast("Trust", request.app.state.trust)


async def person_ref(request: Request) -> PersonRef:
    """Subject in, pseudonym out."""
    return cast("PersonRef", request.app.state.person_ref)


async def member_keys(request: Request) -> MemberKeys:
    """Member id in, the public JWKs it signs agreements with out."""
    return cast("MemberKeys", request.app.state.member_keys)


async def gate(request: Request) -> Gate:
    """What the pipeline needs."""
    return cast("Gate", request.app.state.gate)


async def caller(request: Request) -> Caller:
    """The authenticated system. The door found it before the body was read."""
    return await authenticated(request)


def having(scope: str) -> Callable[[Request], Coroutine[Any, Any, Caller]]:
    """A dependency like `caller`, for routes that need a scope as well: `Depends(having("admin"))`."""

    async def checked(request: Request) -> Caller:
        found = await authenticated(request)
        if scope not in found.scopes:
            raise ProblemError("forbidden", f"This needs a token with scope {scope}.")
        return found

    return checked
