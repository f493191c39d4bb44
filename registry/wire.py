"""What every route of the registry for programs shares: a body that has an end, and problems (RFC 9457)."""

from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

LARGEST = 1024 * 1024


class TooLarge(Exception):
    """The body is larger than anything that belongs here."""


async def body_of(request: Request) -> bytes:
    """The whole body. Raises TooLarge."""
    body = b""
    async for part in request.stream():
        body += part
        if len(body) > LARGEST:
            raise TooLarge
    return body


async def too_large(_: Request, _error: Exception) -> Response:
    """The handler of `TooLarge`."""
    return problem(413, f"a body has at most {LARGEST} bytes")


def problem(status: int, detail: str) -> Response:
    """`{"status", "detail"}`."""
    content: dict[str, Any] = {"status": status, "detail": detail}
    return JSONResponse(content, status, media_type="application/problem+json")
