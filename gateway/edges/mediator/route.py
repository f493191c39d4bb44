"""What the routes of the Information Mediator share: who calls, which application a path names, how a failure leaves.

The published files give failures no body; here they have `{"code", "message"}`, as at the other GovStack edge, and only
statuses that the file names for the operation (the fixed copies in `schemas/govstack` say which were missing).
"""

from collections.abc import Callable, Coroutine
from typing import Annotated, Any

from fastapi import Depends, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse

from ...errors import NoEvidence
from ...trust.errors import AddressRefused
from ...wiring import Services
from ..body import StrictRoute
from ..refusal import ProblemError
from ..v1.deps import Caller, caller, services
from ..v1.recordings import refusals
from ..xroad.codes import XRoadError
from ..xroad.identifiers import PART, Provider, client_of
from ..xroad.rest import CLIENT_HEADERS


class MediatorError(Exception):
    """Refused, with a status that the published file names. The text holds no value that was sent."""

    def __init__(self, status: int, code: str, text: str) -> None:
        super().__init__(text)
        self.status, self.code, self.text = status, code, text


class MediatorRoute(StrictRoute):
    """Bodies are read strictly, and failures leave in the shape of this edge."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """The handler, with its failures translated."""
        handle = super().get_route_handler()

        async def shaped(request: Request) -> Response:
            try:
                with refusals():
                    return await handle(request)
            except MediatorError as error:
                return failure(error.status, error.code, error.text)
            except (ProblemError, XRoadError, AddressRefused, RequestValidationError) as error:
                return failure(400, *_told(error))
            except NoEvidence as error:
                return failure(500, "no_evidence", error.detail)

        return shaped


def _told(error: Exception) -> tuple[str, str]:
    """Code and text of what is wrong with a request."""
    if isinstance(error, ProblemError):
        return error.code, error.detail
    if isinstance(error, AddressRefused):
        return "bad_request.address", error.detail
    if isinstance(error, XRoadError):
        return "bad_request.shape", error.text
    return "bad_request.shape", "It has not the published shape."


def failure(status: int, code: str, text: str) -> Response:
    """A refusal in the shape of this edge."""
    return JSONResponse({"code": code, "message": text}, status)


def stated_clients(request: Request) -> list[str]:
    """What the client headers say, whichever of the three they are."""
    return [value for name in CLIENT_HEADERS for value in request.headers.getlist(name)]


async def application(request: Request) -> Provider:
    """The application that the path names; whether it exists is another question.

    Raises:
        MediatorError: no client header.
    """
    if not stated_clients(request):
        raise MediatorError(400, "bad_request.headers", "Name the client in X-GovStack-Client.")
    names = ("instance", "member_class", "member", "application")
    first, second, third, fourth = (known_form(request.path_params[each]) for each in names)
    return Provider((first, second, third, fourth))


def known_form(part: str) -> str:
    """A part of a path, if it has the form of an identifier; else the empty text, which names nothing."""
    return part if PART.fullmatch(part) else ""


async def client(request: Request, who: Annotated[Caller, Depends(caller)]) -> Caller:
    """The caller, where what it does is held against it: the client header has to name the certificate's system.

    Raises:
        MediatorError: it names another.
        XRoadError: it names none.
    """
    if any(client_of(each.strip()) != who.system for each in stated_clients(request)):
        raise MediatorError(400, "bad_request.headers", "The client is not the system of this certificate.")
    return who


Application = Annotated[Provider, Depends(application)]
Client = Annotated[Caller, Depends(client)]
Anybody = Annotated[Caller, Depends(caller)]
Here = Annotated[Services, Depends(services)]
