"""JSON over HTTP with one partner's bearer token, as our own profiles have it: who asks, what, and how no is said."""

import secrets
from collections.abc import Awaitable, Callable, Mapping
from datetime import date
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

import schemas
from sandbox import strict
from sandbox.nic import NEW, OLD, normal

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


async def asked(request: Request, token: str, members: frozenset[str]) -> dict[str, Any]:
    """The body of the one partner: an object of just these members, `nic` in its new form, `asOf` as a day.

    Raises:
        Refused: no token, another content type, too long, no strict JSON, other members, no number, no day.
    """
    shown = request.headers.get("authorization", "")
    if not secrets.compare_digest(shown.encode(), f"Bearer {token}".encode()):
        raise Refused(401, "TOKEN_INVALID", "send Authorization: Bearer <token>")
    if request.headers.get("content-type", "").partition(";")[0].strip().lower() != "application/json":
        raise Refused(415, "REQUEST_INVALID", "send application/json")
    try:
        body = strict.loads(await strict.bounded(request.stream(), MOST_BYTES))
    except strict.BodyTooLarge as error:
        raise Refused(413, "REQUEST_INVALID", str(error)) from None
    except strict.NotStrictJson as error:
        raise Refused(400, "REQUEST_INVALID", f"the body is not acceptable JSON: {error}") from None
    if not isinstance(body, dict) or set(body) != members:
        raise Refused(400, "REQUEST_INVALID", f"send {', '.join(sorted(members))}, and nothing else")
    return {**body, **{name: READ[name](body[name]) for name in members & set(READ)}}


def fits(record: object, schema: str) -> Mapping[str, Any]:
    """A record of ours that the profile names by its schema.

    Raises:
        Refused: it breaks the schema; the text says where, not what.
    """
    fault = schemas.first_fault(schemas.validator(schema), record)
    if fault is not None or not isinstance(record, Mapping):
        raise Refused(400, "RECORD_INVALID", f"the record breaks its schema at {fault}")
    return record


def _number(told: object) -> str:
    if not isinstance(told, str) or not (OLD.fullmatch(told) or NEW.fullmatch(told)):
        raise Refused(400, "NIC_INVALID", "nic is no national number")
    return normal(told)


def _day(told: object) -> date:
    try:
        found = date.fromisoformat(told if isinstance(told, str) else "")
    except ValueError:
        raise Refused(400, "DAY_INVALID", "asOf is a day, YYYY-MM-DD") from None
    if found.isoformat() != told:
        raise Refused(400, "DAY_INVALID", "asOf is a day, YYYY-MM-DD")
    return found


def _item(told: object) -> str:
    if not isinstance(told, str) or not 0 < len(told) <= 80:
        raise Refused(400, "REQUEST_INVALID", "item is the sender's own id, of 1 to 80 characters")
    return told


READ: Mapping[str, Callable[[object], object]] = {"nic": _number, "asOf": _day, "item": _item}
