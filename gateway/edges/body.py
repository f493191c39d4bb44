"""Reading a request's body: once, with a cap, as strict JSON.

FastAPI's own reader takes duplicate keys, NaN and UTF-16, and turns a lone surrogate into a 500. `StrictRoute` reads
and parses before FastAPI looks; the routes then get the values as usual. Bulk routes read by themselves.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine
from typing import Any, get_type_hints

from fastapi import Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.routing import APIRoute
from pydantic import BaseModel, ValidationError
from starlette.types import Message, Receive, Scope, Send

from adapters.kit import strict_json

from .refusal import ProblemError

LARGEST = 1024 * 1024
LONG = 256 * 1024
LARGEST_BULK = 256 * 1024 * 1024
LONGEST_LINE = 64 * 1024


async def read_json(request: Request, *, largest: int = LARGEST) -> object:
    """The body as one strictly read JSON value.

    Raises:
        ProblemError: `bad_request.content_type`, `bad_request.too_large` or `bad_request.json`.
    """
    check_type(request, "application/json")
    body = await read(request, largest=largest)
    try:
        if len(body) > LONG:  # others shall not wait until it is read
            return await asyncio.to_thread(_read_of, body, largest)
        return _read_of(body, largest)
    except strict_json.StrictError as error:
        raise ProblemError("bad_request.json", f"The body was not read: {error}.") from None


async def read(request: Request, *, largest: int = LARGEST) -> bytes:
    """The bytes of the body. Raises ProblemError `bad_request.too_large` as soon as that is known."""
    return b"".join([part async for part in _capped(request, largest)])


def again(body: bytes, receive: Receive) -> Receive:
    """A body that was read, to be read once more."""
    given = False

    async def reread() -> Message:
        nonlocal given
        if given:
            return await receive()
        given = True
        return {"type": "http.request", "body": body, "more_body": False}

    return reread


async def json_lines(request: Request, *, largest: int = LARGEST_BULK) -> AsyncIterator[object]:
    """A body of JSON Lines, one value at a time; empty lines are passed over. Memory holds one piece of it.

    Raises:
        ProblemError: as `read_json`; `bad_request.line` names the line by its number, from 1.
    """
    check_type(request, "application/x-ndjson")
    rest, number = b"", 0
    async for part in _capped(request, largest):
        *lines, rest = (rest + part).split(b"\n")
        for line in lines:
            number += 1
            if line.strip():
                yield _line(line, number)
        if len(rest) > LONGEST_LINE:
            raise ProblemError("bad_request.line", f"Line {number + 1} is longer than {LONGEST_LINE} bytes.")
    if rest.strip():
        yield _line(rest, number + 1)


def check_type(request: Request, wanted: str) -> None:
    """Raise unless the body is of this media type, in UTF-8 and not compressed.

    Raises:
        ProblemError: `bad_request.content_type`.
    """
    kind, _, parameters = request.headers.get("content-type", "").partition(";")
    charset = parameters.replace(" ", "").replace('"', "").lower()
    if kind.strip().lower() != wanted or charset not in {"", "charset=utf-8"}:
        raise ProblemError("bad_request.content_type", f"Send Content-Type: {wanted} in UTF-8.")
    if request.headers.get("content-encoding", "identity").lower() != "identity":
        raise ProblemError("bad_request.content_type", "Send the body without Content-Encoding.")


class StrictRequest(Request):
    """A request whose JSON body was read strictly before anybody else looks."""

    _strict: object = None
    _bytes: bytes = b""

    async def load(self) -> None:
        """Read and parse. Raises ProblemError, as `read_json`."""
        self._strict = await read_json(self)
        self._bytes = b" "  # FastAPI only asks whether there are any

    async def body(self) -> bytes:
        """Not empty once there is a value."""
        return self._bytes

    async def json(self) -> Any:
        """The value as it was read."""
        return self._strict


class StrictRoute(APIRoute):
    """`APIRouter(route_class=StrictRoute)`: bodies of this router's routes are read by `StrictRequest`.

    Source: FastAPI, "Custom Request and APIRoute class".
    """

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """The handler, after a strict look at the body where the route takes one."""
        handle = super().get_route_handler()
        takes_body = self.body_field is not None

        async def strictly(request: Request) -> Response:
            if not takes_body:
                return await handle(request)
            strict = StrictRequest(request.scope, request.receive)
            await strict.load()
            return await handle(strict)

        return strictly


class HotRoute(APIRoute):
    """`APIRouter(route_class=HotRoute)` for `endpoint(request, body: Shape)`: documented by FastAPI, not run by it.

    Its way to an endpoint (dependencies, exit stacks) costs more than an exchange's cryptography. The application's
    error handlers apply as everywhere.
    """

    def __init__(self, path: str, endpoint: Callable[..., Any], **members: Any) -> None:
        super().__init__(path, endpoint, **members)
        self._shape: type[BaseModel] = get_type_hints(endpoint)["body"]

    async def handle(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Read the body strictly, check its shape, run the endpoint."""
        if scope["method"] not in (self.methods or ()):
            return await super().handle(scope, receive, send)
        response = await self.answer(Request(scope, receive))
        return await response(scope, receive, send)

    async def answer(self, request: Request) -> Response:
        """What the endpoint answers to this request. Raises what the body's reader and the endpoint raise."""
        answer: Response = await self.endpoint(request, self._shaped(await read_json(request)))
        return answer

    def _shaped(self, value: object) -> BaseModel:
        try:
            return self._shape.model_validate(value)
        except ValidationError as error:
            faults = error.errors(include_input=False, include_context=False, include_url=False)
            raise RequestValidationError([{**each, "loc": ("body", *each["loc"])} for each in faults]) from None


async def _capped(request: Request, largest: int) -> AsyncIterator[bytes]:
    announced = request.headers.get("content-length", "")
    if announced.isdecimal() and (len(announced) > 12 or int(announced) > largest):
        raise _too_large(largest)
    total = 0
    async for part in request.stream():
        total += len(part)
        if total > largest:
            raise _too_large(largest)
        yield part


def _read_of(body: bytes, largest: int) -> object:
    found = strict_json.loads(body, limit=largest)
    if b"\\u0000" in body and _holds_nul(found):  # PostgreSQL takes it in no text, and would seem to be down
        raise strict_json.StrictError("a text has the character NUL")
    return found


def _holds_nul(value: object) -> bool:
    if isinstance(value, dict):
        return any(_holds_nul(each) for each in (*value, *value.values()))
    if isinstance(value, list):
        return any(map(_holds_nul, value))
    return isinstance(value, str) and "\0" in value


def _too_large(largest: int) -> ProblemError:
    return ProblemError("bad_request.too_large", f"The body may have at most {largest} bytes.")


def _line(line: bytes, number: int) -> object:
    try:
        return strict_json.loads(line, limit=LONGEST_LINE)
    except strict_json.StrictError as error:
        raise ProblemError("bad_request.line", f"Line {number} was not read: {error}.") from None
