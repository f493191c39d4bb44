"""Recording one thing or many with one request: JSON, or JSON Lines with a result line for every line."""

from collections.abc import Awaitable, Callable, Sequence
from typing import TypeVar

import orjson
from fastapi import Request, Response
from fastapi.exceptions import RequestValidationError

from consent import register as consent_register
from consent.errors import ConsentError

from ...recording import LINES_AN_ENTRY, Told
from ...trust.errors import NoIdentifier
from .. import body as bodies
from .problems import ProblemError
from .recordings import refusals

LINES = "application/x-ndjson"
MOST_LINES = 10_000
MOST_BYTES = 32 * 1024 * 1024

T = TypeVar("T", bound=object)
Read = Callable[[object], T]
Record = Callable[[Sequence[T]], Awaitable[Sequence[Told]]]


async def recorded(request: Request, read: Read[T], record: Record[T], *, what: str) -> Response:
    """Record one, or up to 10,000; of many, a line that cannot be used stops no other.

    Args:
        read: the JSON value of one to what is recorded; never a dict.
        record: some of them to what became of each.
        what: they are, for the caller: `consent`.

    Raises:
        ProblemError: the body cannot be read, one cannot be used, or (`conflict`) its id stands for another.
    """
    if request.headers.get("content-type", "").startswith(LINES):
        lines = await _lines(request)
        results = await _results(lines, read, record)
        body = b"".join(orjson.dumps({"line": number} | each) + b"\n" for number, each in enumerate(results, 1))
        return Response(body, 200, media_type=LINES)
    with refusals():
        (told,) = await record([read(await bodies.read_json(request))])
    if told.outcome == consent_register.CONFLICT:
        raise ProblemError("conflict", f"This id stands for another {what}: use a new one.")
    status = 201 if told.outcome == consent_register.RECORDED else 200
    return Response(orjson.dumps(told_members(told)), status, media_type="application/json")


def told_members(told: Told) -> dict[str, object]:
    """What became of one, as it is answered."""
    members: dict[str, object] = {"id": told.id, "outcome": told.outcome}
    return members | ({"receipt": told.receipt} if told.receipt else {})


async def _lines(request: Request) -> list[object]:
    lines: list[object] = []
    async for line in bodies.json_lines(request, largest=MOST_BYTES):
        if len(lines) == MOST_LINES:
            raise ProblemError("bad_request.too_large", f"Send at most {MOST_LINES} lines at once.")
        lines.append(line)
    return lines


async def _results(lines: Sequence[object], read: Read[T], record: Record[T]) -> list[dict[str, object]]:
    results: list[dict[str, object]] = []
    for start in range(0, len(lines), LINES_AN_ENTRY):  # others have their turn in between
        some = [_read(line, read) for line in lines[start : start + LINES_AN_ENTRY]]
        with refusals():
            told = iter(await record([each for each in some if not isinstance(each, dict)]))
        results += [each if isinstance(each, dict) else told_members(next(told)) for each in some]
    return results


def _read(line: object, read: Read[T]) -> T | dict[str, object]:
    """What is recorded, or the result line that says why nothing is."""
    try:
        return read(line)
    except (ConsentError, NoIdentifier, ProblemError) as error:
        return {"outcome": "refused", "detail": error.detail}
    except RequestValidationError as error:
        return {"outcome": "refused", "detail": f"not the documented shape: {len(error.errors())} faults"}
