"""`/v1/connectors`: an agency's connector takes questions and brings signed answers. Its certificate is its credential.

The connector runs inside the agency's network and only dials out, so the gateway's questions are answers to its calls
(a long poll of 25 s). See decision record 0124.
"""

from typing import Annotated

from fastapi import APIRouter, Depends, Request, Response
from fastapi.responses import JSONResponse
from pydantic import StringConstraints

from adapters.kit import connecting

from ...connectors.answers import LARGEST, payload_of
from ...trust.errors import CredentialRefused
from ...wiring import Services
from ..body import StrictRoute
from .deps import Caller, caller, services
from .problems import ProblemError
from .shapes import Reference, Shape

LOOK_S = 0.5
router = APIRouter(tags=["connectors"], route_class=StrictRoute)

Inside = Annotated[Services, Depends(services)]
Who = Annotated[Caller, Depends(caller)]


class AnswerIn(Shape):
    """`answer` is a compact JWS; its payload is described in `adapters/kit/connecting.py`."""

    answer: Annotated[str, StringConstraints(min_length=1, max_length=LARGEST)]


class NextIn(Shape):
    """`digest` is of the folder that the connector runs; a registered one has to name it."""

    digest: Annotated[str, StringConstraints(pattern=r"^([0-9a-f]{64})?$")] = ""


@router.post("/connectors/{adapter}/next", response_model=None, responses={204: {}, 401: {}, 404: {}, 409: {}})
async def post_next(adapter: Reference, body: NextIn, who: Who, here: Inside, request: Request) -> Response:
    """The next question for this agency, or 204 after 25 s; call again at once. 409: the files are of no version."""
    _own(here, who, adapter)
    digest = _registered(here, adapter, body.digest)
    for _ in range(int(connecting.HELD_S / LOOK_S)):  # a connector that hung up must not be given a question
        if await request.is_disconnected():
            break
        if found := await here.hub.next(adapter, LOOK_S, digest):
            return JSONResponse({"id": found.id, "exchange": found.exchange, "question": dict(found.question)})
    return Response(status_code=204)


@router.post("/connectors/{adapter}/answers", status_code=202, responses={400: {}, 401: {}, 404: {}})
async def post_answer(adapter: Reference, body: AnswerIn, who: Who, here: Inside) -> dict[str, object]:
    """The answer to a question that was taken here; 404 where nobody waits for it any more."""
    system = _own(here, who, adapter)
    try:
        keys = (await here.trust.directory.fresh()).keys.get(system, ())
        id_ = str(payload_of(body.answer, system, keys).get("id"))
    except CredentialRefused:
        told = "The answer is not a JWS by a key that is registered for the system."
        raise ProblemError("bad_request.shape", told) from None
    waiting = here.hub.waiting(adapter, id_)
    if waiting is None or waiting.answer.done():
        raise ProblemError("not_found", "Nobody waits for this answer any more.")
    waiting.answer.set_result(body.answer)
    return {"outcome": "taken"}


def _own(here: Services, who: Caller, adapter: str) -> str:
    """The system that the adapter speaks for, if it is the caller. Raises ProblemError `not_found`."""
    provider: str | None = here.connected.get(adapter) or here.registration.live.connected.get(adapter)
    if provider != who.system:
        raise ProblemError("not_found", "No adapter of this name waits for a connector of the caller.")
    return provider


def _registered(here: Services, adapter: str, digest: str) -> str:
    """The digest of the files that questions are put to; empty for a folder of the operator's own.

    Raises:
        ProblemError: `conflict`: a registered adapter, and the connector runs none of its versions.
    """
    if adapter in here.connected:
        return ""
    if (adapter, digest) not in here.registration.live.files_inside:
        told = "The connector's folder is no version of this adapter that is active or may be tested: "
        raise ProblemError("conflict", f"{told}fetch the released files, or propose these; its digest is of all files.")
    return digest
