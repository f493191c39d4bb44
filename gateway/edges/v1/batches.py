"""`/v1/batches`: one question about many people, answered as a job."""

from dataclasses import replace
from typing import Annotated

from fastapi import APIRouter, Depends, Request
from fastapi.responses import JSONResponse, Response, StreamingResponse

from ...delivery.batches import Batch, Line
from ...delivery.deliveries import KeyReused
from ...model import Subject
from ...wiring import Services
from ..body import read_json
from .asking import bad, check_subject, checked_ask
from .deps import Caller, having, services
from .problems import ProblemError
from .shapes import BatchIn, shaped

router = APIRouter(tags=["batches"])
exchanging = having("exchange")

MOST_BYTES = 64 * 1024 * 1024


@router.post("/batches", status_code=202, responses={400: {}, 409: {}, 413: {}, 503: {}})
async def post_batch(
    request: Request,
    who: Annotated[Caller, Depends(exchanging)],
    here: Annotated[Services, Depends(services)],
) -> Response:
    """Take a batch. It is one exchange; its results can be fetched when its state is `done`."""
    body = shaped(BatchIn, await read_json(request, largest=MOST_BYTES))
    most = int(here.settings["BATCH_LINES"])
    if len(body.lines) > most:
        raise bad("too_many_lines", f"A batch has at most {most} lines; send several.")
    if len({each.line for each in body.lines}) != len(body.lines):
        raise bad("duplicate_line", "Two lines have the same name.")
    lines = [Line(each.line, each.subject.value()) for each in body.lines]
    for line in lines:
        check_subject(line.subject, here.profile)
    pattern = checked_ask(body.ask(who.system, Subject(), here.today()), here.catalogue, here.profile, now=False)
    try:
        taken = await here.batches.accept(replace(pattern, subject=Subject()), lines, body.idempotency_key)
    except KeyReused:
        raise ProblemError("conflict", "This idempotency key was used with another body.") from None
    return JSONResponse(taken.wire(), 202, {"location": f"/v1/batches/{taken.id}"})


@router.get("/batches/{batch_id}")
async def get_batch(
    batch_id: str,
    who: Annotated[Caller, Depends(exchanging)],
    here: Annotated[Services, Depends(services)],
) -> dict[str, object]:
    """How far a batch of this caller is."""
    return (await _own(here, who, batch_id)).wire()


@router.get("/batches/{batch_id}/results")
async def get_results(
    batch_id: str,
    who: Annotated[Caller, Depends(exchanging)],
    here: Annotated[Services, Depends(services)],
) -> Response:
    """The lines as JSON Lines, in the order they were asked."""
    found = await _own(here, who, batch_id)
    if found.state == "erased":
        raise ProblemError("not_found", "The results were erased when their time was over; ask again.")
    if found.state != "done":
        raise ProblemError("conflict", "The batch is still running; fetch the results when its state is done.")
    headers = {
        "sandhi-receipt": found.receipt,
        "content-digest": found.digest,  # RFC 9530; signed, because the lines are streamed
        "sandhi-signature": here.trust.sign_bytes(found.digest.encode()),
    }
    return StreamingResponse(here.batches.results(batch_id), 200, headers, "application/x-ndjson")


async def _own(here: Services, who: Caller, batch_id: str) -> Batch:
    try:
        return await here.batches.show(who.system, batch_id)
    except KeyError:
        raise ProblemError("not_found", "This caller has no such batch.") from None
