"""`sandhi call`: a signed call from the command line, so that scripts need nothing else."""

import asyncio
import json
import sys
from pathlib import Path
from typing import Annotated

import typer
from sandhi_client import Client, Problem
from sandhi_client.patience import Patience

from ..settings import Settings
from .outcome import told_plainly


class Told(Patience):
    """For a person who waits: three attempts, no longer pauses than ten seconds, and each further one is said."""

    def __init__(self) -> None:
        super().__init__(attempts=3, told=10.0)

    def pause(self, attempt: int, wanted: float | None) -> float:
        """As any; with a line about it on standard error."""
        seconds = super().pause(attempt, wanted)
        again = f"attempt {attempt + 2} of {self.attempts} in {seconds:.1f} s"
        typer.echo(f"sandhi: no answer yet, the gateway or the agency is not ready; {again}", err=True)
        return seconds


def call(
    method: Annotated[str, typer.Argument(help="GET, POST, ...")],
    path: Annotated[str, typer.Argument(help="Path with query, e.g. /v1/catalogue.")],
    name: Annotated[str, typer.Option("--as", help="Credentials: clients/NAME.json of the data directory.")] = "sr",
    body: Annotated[Path | None, typer.Option(help="File with the body; - for standard input.")] = None,
) -> None:
    """Make one call with a fresh token and proof; prints the answer's body, exits 1 unless it is a 2xx.

    While the gateway, or the agency behind it, is not ready, the call is made up to three times.
    """
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
    async with Client.from_file(credentials, patience=Told()) as client:
        try:
            reply = await client.session.call(method, path, content=content, headers=headers)
        except Problem as problem:
            return problem.status, json.dumps(problem.document).encode()
        return reply.status, reply.body


def _content(body: Path) -> bytes:
    return sys.stdin.buffer.read() if str(body) == "-" else body.read_bytes()
