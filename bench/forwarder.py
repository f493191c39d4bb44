"""The naive reference: FastAPI and stock httpx, forwarding a body and nothing else. `python -m bench.forwarder`."""

import os
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import httpx
import uvicorn
from fastapi import FastAPI, Request, Response


def build(target: str) -> FastAPI:
    """An application that hands each POST body to `target` and the answer back."""
    client = httpx.AsyncClient(trust_env=False)  # one for the life of the process; everything else as it comes

    @asynccontextmanager
    async def life(_app: FastAPI) -> AsyncIterator[None]:
        yield
        await client.aclose()

    app = FastAPI(lifespan=life)

    @app.post("/v1/exchanges")
    async def forward(request: Request) -> Response:
        headers = {"content-type": "application/json"}
        answer = await client.post(target, content=await request.body(), headers=headers)
        return Response(answer.content, answer.status_code, media_type=answer.headers["content-type"])

    return app


if __name__ == "__main__":
    uvicorn.run(
        build(os.environ["BENCH_TARGET"]),
        host="127.0.0.1",
        port=int(sys.argv[1]),
        loop="uvloop",
        http="httptools",
        access_log=False,
        log_level="warning",
    )
