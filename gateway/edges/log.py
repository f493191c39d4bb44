"""The log for everyone: checkpoint, tiles, entry bundles, verifier keys and proofs, as C2SP tlog-tiles names them.

Tiles are immutable and may be cached for ever; whoever mirrors them needs nothing else of us. Entries hold no
personal data, but who asks whom how often is not for everyone: without `entries` a caller needs the right to read.
"""

from collections.abc import Awaitable, Callable
from uuid import UUID

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import BaseRoute, Route

from audit import Log, LogUnavailable, NotInLog, SignerRefused
from audit.shards import ClosedLog
from audit.tiles import parse_index
from audit.witness import MOST_BYTES, WitnessRole

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


def log_routes(log: Log, *, public: str, may_read: MayRead = nobody, witness: WitnessRole | None = None) -> APIRouter:
    """The routes below `/log`.

    Args:
        log: the open log.
        public: what everyone may read: `hashes`, or `entries` too.
        may_read: whether a caller may read entry bundles that are not public.
        witness: cosigns other logs; None: there is no such route.

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
        "/log/{shard}/checkpoint": pages.checkpoint,
        "/log/{shard}/vkeys": pages.vkeys,
        "/log/{shard}/tile/entries/{index:path}": pages.entries,
        "/log/{shard}/tile/{level:int}/{index:path}": pages.tile,
    }
    routes: list[BaseRoute] = [Route(path, _answered(page), methods=["GET"]) for path, page in table.items()]
    if witness:
        routes += _witness_routes(witness)
    return APIRouter(routes=routes)


def _witness_routes(witness: WitnessRole) -> list[Route]:
    async def add_checkpoint(request: Request) -> Response:
        body = b""
        async for part in request.stream():
            body += part
            if len(body) > MOST_BYTES:
                return PlainTextResponse("A request to cosign is smaller.\n", 413, headers=NEVER)
        answer = await witness.add_checkpoint(body)
        return Response(answer.body, answer.status, headers=NEVER | {"Content-Type": answer.content_type})

    async def vkey(_request: Request) -> Response:
        return PlainTextResponse(f"{witness.vkey}\n", headers=MINUTES)

    async def newest(request: Request) -> Response:
        note = await witness.newest(request.path_params["digest"])
        if note is None:
            raise NotInLog("this witness has cosigned no such log")
        return PlainTextResponse(note, headers=SECONDS)

    return [
        Route("/log/witness/add-checkpoint", _answered(add_checkpoint), methods=["POST"]),
        Route("/log/witness/vkey", _answered(vkey), methods=["GET"]),
        Route("/log/witness/{digest}/checkpoint", _answered(newest), methods=["GET"]),
    ]


class _Pages:
    """One method a resource. `may_read` is None where everyone may read entries."""

    def __init__(self, log: Log, may_read: MayRead | None) -> None:
        self._log = log
        self._may_read = may_read

    async def checkpoint(self, request: Request) -> Response:
        """The open shard's grows; a closed one's changes only while witnesses still add their lines."""
        if closed := await self._closed(request):
            return PlainTextResponse(await closed.checkpoint(), headers=MINUTES)
        return PlainTextResponse(await self._log.published(), headers=SECONDS)

    async def vkeys(self, request: Request) -> Response:
        closed = await self._closed(request)
        lines = (f"{vkey}\n" for vkey in await (closed or self._log).vkeys())
        return PlainTextResponse("".join(lines), headers=MINUTES)

    async def proof(self, request: Request) -> Response:
        try:
            entry_id = UUID(request.path_params["entry_id"])
        except ValueError:
            raise NotInLog("an entry id is a UUID") from None
        return PlainTextResponse(await self._log.proof(entry_id), headers=SECONDS)

    async def tile(self, request: Request) -> Response:
        n, width = parse_index(request.path_params["index"])
        source = await self._closed(request) or self._log
        hashes = await source.tile(request.path_params["level"], n, width)
        return Response(hashes, media_type="application/octet-stream", headers=FOR_EVER)

    async def entries(self, request: Request) -> Response:
        if self._may_read and not await self._may_read(request):
            return PlainTextResponse("Reading entries needs the scope `audit`.\n", 403, headers=NEVER)
        n, width = parse_index(request.path_params["index"])
        bundle = await (await self._closed(request) or self._log).entries(n, width)
        caching = NEVER if self._may_read else FOR_EVER
        return Response(bundle, media_type="application/octet-stream", headers=caching)

    async def _closed(self, request: Request) -> ClosedLog | None:
        """The closed shard that the path names, if it names one."""
        shard = request.path_params.get("shard")
        return await self._log.closed(shard) if shard else None


def _answered(page: Endpoint) -> Endpoint:
    async def answer(request: Request) -> Response:
        try:
            return await page(request)
        except NotInLog as error:
            return PlainTextResponse(f"{error}\n", 404, headers=NEVER)
        except (LogUnavailable, SignerRefused):
            return PlainTextResponse("The log cannot answer now.\n", 503, headers=NEVER | {"Retry-After": "5"})

    return answer
