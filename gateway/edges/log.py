"""The log for everyone: checkpoint, tiles, entry bundles, verifier keys and proofs, as C2SP tlog-tiles names them.

Tiles are immutable and may be cached for ever; whoever mirrors them needs nothing else of us. Entries hold no
personal data, but who asks whom how often is not for everyone: without `entries` a caller needs the right to read.
"""

from collections.abc import Awaitable, Callable
from uuid import UUID

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from audit import Log, LogUnavailable, NotInLog, SignerRefused
from audit.tiles import parse_index

MayRead = Callable[[Request], Awaitable[bool]]
Endpoint = Callable[[Request], Awaitable[Response]]

FOR_EVER = {"Cache-Control": "public, max-age=31536000, immutable"}
MINUTES = {"Cache-Control": "public, max-age=300"}
SECONDS = {"Cache-Control": "public, max-age=1"}
NEVER = {"Cache-Control": "private, no-store"}
PUBLIC = ("hashes", "entries")


async def nobody(_request: Request) -> bool:
    """The caller check of a deployment that gives entries to no one over HTTP."""
    return False


def log_routes(log: Log, *, public: str, may_read: MayRead = nobody) -> APIRouter:
    """The routes below `/log`.

    Args:
        log: the open log.
        public: what everyone may read: `hashes`, or `entries` too.
        may_read: whether a caller may read entry bundles that are not public.

    Raises:
        ValueError: `public` is neither.
    """
    if public not in PUBLIC:
        raise ValueError(f"LOG_PUBLIC is one of {', '.join(PUBLIC)}")
    pages = _Pages(log, may_read if public == "hashes" else None)
    table: dict[str, Endpoint] = {
        "/log/checkpoint": pages.checkpoint,
        "/log/vkeys": pages.vkeys,
        "/log/proof/{entry_id}": pages.proof,
        "/log/tile/entries/{index:path}": pages.entries,
        "/log/tile/{level:int}/{index:path}": pages.tile,
    }
    return APIRouter(routes=[Route(path, _answered(page), methods=["GET"]) for path, page in table.items()])


class _Pages:
    """One method a resource. `may_read` is None where everyone may read entries."""

    def __init__(self, log: Log, may_read: MayRead | None) -> None:
        self._log = log
        self._may_read = may_read

    async def checkpoint(self, _request: Request) -> Response:
        return PlainTextResponse(await self._log.checkpoint(max_age=1.0), headers=SECONDS)

    async def vkeys(self, _request: Request) -> Response:
        lines = (f"{vkey}\n" for vkey in await self._log.vkeys())
        return PlainTextResponse("".join(lines), headers=MINUTES)

    async def proof(self, request: Request) -> Response:
        try:
            entry_id = UUID(request.path_params["entry_id"])
        except ValueError:
            raise NotInLog("an entry id is a UUID") from None
        return PlainTextResponse(await self._log.proof(entry_id), headers=SECONDS)

    async def tile(self, request: Request) -> Response:
        n, width = parse_index(request.path_params["index"])
        hashes = await self._log.tile(request.path_params["level"], n, width)
        return Response(hashes, media_type="application/octet-stream", headers=FOR_EVER)

    async def entries(self, request: Request) -> Response:
        if self._may_read and not await self._may_read(request):
            return PlainTextResponse("Reading entries needs the scope `audit`.\n", 403, headers=NEVER)
        n, width = parse_index(request.path_params["index"])
        bundle = await self._log.entries(n, width)
        caching = NEVER if self._may_read else FOR_EVER
        return Response(bundle, media_type="application/octet-stream", headers=caching)


def _answered(page: Endpoint) -> Endpoint:
    async def answer(request: Request) -> Response:
        try:
            return await page(request)
        except NotInLog as error:
            return PlainTextResponse(f"{error}\n", 404, headers=NEVER)
        except (LogUnavailable, SignerRefused):
            return PlainTextResponse("The log cannot answer now.\n", 503, headers=NEVER | {"Retry-After": "5"})

    return answer
