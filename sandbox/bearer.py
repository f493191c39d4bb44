"""JSON over HTTP with one partner's bearer token, as our own profiles have it: who asks, what, and how no is said."""

import secrets
from collections.abc import Awaitable, Callable, Mapping
from datetime import date
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

import schemas
from sandbox import strict
from sandbox.nic import normal

MOST_BYTES = 16384
Handled = Callable[[Request], Awaitable[Response]]


class Refused(Exception):
    """The request is not answered; `code` is one of the profile's."""

    def __init__(self, status: int, code: str, text: str) -> None:
        super().__init__(text)
        self.status, self.code, self.text = status, code, text

    def response(self) -> Response:
        """`{code, message}`; the text never repeats what was sent."""
        return JSONResponse({"code": self.code, "message": self.text}, self.status)


def refusing(handled: Handled) -> Handled:
    """A route whose `Refused` becomes its response."""

    async def route(request: Request) -> Response:
        try:
            return await handled(request)
        except Refused as refused:
            return refused.response()

    return route


async def body_of(request: Request, token: str, *, most_bytes: int = MOST_BYTES) -> dict[str, Any]:
    """The JSON object that the one partner sent.

    Raises:
        Refused: no token, another content type, too long, no strict JSON, or no object.
    """
    shown = request.headers.get("authorization", "")
    if not secrets.compare_digest(shown.encode(), f"Bearer {token}".encode()):
        raise Refused(401, "TOKEN_INVALID", "send Authorization: Bearer <token>")
    if request.headers.get("content-type", "").partition(";")[0].strip().lower() != "application/json":
        raise Refused(415, "REQUEST_INVALID", "send application/json")
    try:
        body = strict.loads(await strict.bounded(request.stream(), most_bytes))
    except strict.BodyTooLarge as error:
        raise Refused(413, "REQUEST_INVALID", str(error)) from None
    except strict.NotStrictJson as error:
        raise Refused(400, "REQUEST_INVALID", f"the body is not acceptable JSON: {error}") from None
    if not isinstance(body, dict):
        raise Refused(400, "REQUEST_INVALID", "send a JSON object")
    return body


async def asked(request: Request, token: str, shape: str, *, most_bytes: int = MOST_BYTES) -> dict[str, Any]:
    """The body of the one partner as its profile has it: `nic` in its new form, `asOf` as a day.

    Args:
        shape: a part of a document of `schemas/agency/own`: `grievance.json#/$defs/open`.

    Raises:
        Refused: no token, another content type, too long, no strict JSON, or not of the shape.
    """
    body = shaped(await body_of(request, token, most_bytes=most_bytes), shape)
    return {**body, **{name: READ[name](body[name]) for name in body.keys() & READ.keys()}}


def shaped(body: dict[str, Any], shape: str) -> dict[str, Any]:
    """A body that fits the request schema of its profile.

    Raises:
        Refused: it does not; the text says where, not what.
    """
    fault = schemas.first_fault(schemas.validator(f"agency/own/{shape}"), body)
    if fault is not None:
        raise Refused(400, CODES.get(fault.partition(":")[0], "REQUEST_INVALID"), f"the body breaks {shape} at {fault}")
    return body


def fits(record: object, schema: str) -> Mapping[str, Any]:
    """A record of ours that the profile names by its schema.

    Raises:
        Refused: it breaks the schema; the text says where, not what.
    """
    fault = schemas.first_fault(schemas.validator(schema), record)
    if fault is not None or not isinstance(record, Mapping):
        raise Refused(400, "RECORD_INVALID", f"the record breaks its schema at {fault}")
    return record


CODES = {"/nic": "NIC_INVALID", "/asOf": "DAY_INVALID", "/record": "RECORD_INVALID"}
READ: Mapping[str, Callable[[str], object]] = {"nic": normal, "asOf": date.fromisoformat}
