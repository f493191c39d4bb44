"""`sandhi call`: a signed call from the command line, so that scripts need nothing else."""

import asyncio
import json
import sys
from pathlib import Path
from typing import Annotated

import typer
from sandhi_client import Client, Problem

from ..settings import Settings
from .outcome import told_plainly


def call(
    method: Annotated[str, typer.Argument(help="GET, POST, ...")],
    path: Annotated[str, typer.Argument(help="Path with query, e.g. /v1/catalogue.")],
    name: Annotated[str, typer.Option("--as", help="Credentials: clients/NAME.json of the data directory.")] = "sr",
    body: Annotated[Path | None, typer.Option(help="File with the body; - for standard input.")] = None,
) -> None:
    """Make one call with a fresh token and proof; prints the answer's body, exits 1 unless it is a 2xx."""
    with told_plainly():
        path_of_client = Settings.read().data_dir / "clients" / f"{name}.json"
        content = None if body is None else _content(body)
        status, answer = asyncio.run(_call(path_of_client, method.upper(), path, content))
    sys.stdout.buffer.write(answer + (b"" if answer.endswith(b"\n") else b"\n"))
    if status >= 300:
        typer.echo(f"HTTP {status}", err=True)
        raise typer.Exit(1)


async def _call(credentials: Path, method: str, path: str, content: bytes | None) -> tuple[int, bytes]:
    headers = {"content-type": "application/json"} if content is not None else {}
    async with Client.from_file(credentials) as client:
        try:
            reply = await client.session.call(method, path, content=content, headers=headers)
        except Problem as problem:
            return problem.status, json.dumps(problem.document).encode()
        return reply.status, reply.body


def _content(body: Path) -> bytes:
    return sys.stdin.buffer.read() if str(body) == "-" else body.read_bytes()
