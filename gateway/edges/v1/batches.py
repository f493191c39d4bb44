"""`/v1/batches`: one question about many people, answered as a job."""

from dataclasses import replace
from typing import Annotated

from fastapi import APIRouter, Depends, Request
from fastapi.responses import JSONResponse, Response, StreamingResponse

from ...delivery.batch_values import Batch, Line
from ...delivery.deliveries import KeyReused
from ...model import Subject
from ...profile import Profile
from ...wiring import Services
from ..body import read_json
from ..signing import signed_ask
from .asking import bad, by_officer, check_subject, checked_ask
from .deps import Caller, having, services
from .problems import ProblemError
from .shapes import LineIn, LongBatchIn, shaped

router = APIRouter(tags=["batches"])
exchanging = having("exchange")

NO_SUCH = "This caller has no such batch."
MOST_BYTES = 64 * 1024 * 1024


@router.post("/batches", status_code=202, responses={400: {}, 409: {}, 413: {}, 503: {}})
async def post_batch(
    request: Request,
    who: Annotated[Caller, Depends(exchanging)],
    here: Annotated[Services, Depends(services)],
) -> Response:
    """Take a batch. It is one exchange; its results can be fetched when its state is `done`."""
    body = shaped(LongBatchIn, await read_json(request, largest=MOST_BYTES))
    most = int(here.settings.number("BATCH_LINES"))
    if len(body.lines) > most:
        raise bad("too_many_lines", f"A batch has at most {most} lines; send several.")
    lines = await here.batches.turns.each(lambda each: line_in(*each, here.profile), enumerate(body.lines))
    if len({each.key for each in lines}) != len(lines):
        raise bad("duplicate_line", "Two lines have the same name.")
    pattern = checked_ask(body.ask(who.system, Subject(), here.today()), here.catalogue, here.profile, now=False)
    pattern = by_officer(pattern, body.officer, here)
    try:
        asked = signed_ask(replace(pattern, subject=Subject()), request)
        taken = await here.batches.accept(asked, lines, body.idempotency_key)
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
    """The lines as JSON Lines, in the order they were asked. What is no longer allowed is withheld by now."""
    try:
        found = await here.batches.released(who.system, batch_id)
    except KeyError:
        raise ProblemError("not_found", NO_SUCH) from None
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


def line_in(place: int, value: object, profile: Profile) -> Line:
    """One line of the body, checked."""
    line = shaped(LineIn, value, "lines", place)
    subject = line.subject.value()
    check_subject(subject, profile)
    return Line(line.line, subject)


async def _own(here: Services, who: Caller, batch_id: str) -> Batch:
    try:
        return await here.batches.show(who.system, batch_id)
    except KeyError:
        raise ProblemError("not_found", NO_SUCH) from None
