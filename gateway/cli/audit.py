"""`sandhi audit`: check the log from outside, as any auditor would."""

import json
from pathlib import Path
from typing import Annotated

import typer

from audit.errors import AuditError
from audit.fsck import Report
from audit.places import checked, checked_database

from ..settings import Settings

app = typer.Typer(help="The tamper-evident log.", no_args_is_help=True)


async def verified(database_url: str) -> Report:
    """The report on the newest log of a database.

    Raises:
        SourceUnreadable: there is none.
    """
    return (await checked_database(database_url))[-1]


@app.callback()
def audit() -> None:
    """The tamper-evident log."""


@app.command()
def verify(
    db: Annotated[str | None, typer.Option(help="Database URL; default: the gateway's own.")] = None,
    url: Annotated[str | None, typer.Option(help="Address of a log, read over HTTP.")] = None,
    vkey: Annotated[list[str] | None, typer.Option(help="Verifier key you trust, repeatable.")] = None,
    checkpoint: Annotated[list[Path] | None, typer.Option(help="Checkpoint you kept, repeatable.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Machine readable.")] = False,
) -> None:
    """Rehash every entry, rebuild the tree, check every signature. Exit code 1 on any finding."""
    if db and url:
        raise typer.BadParameter("give --db or --url, not both")
    where = url or db or Settings.read().database_url
    try:
        reports = checked(where, vkey or (), [path.read_bytes() for path in checkpoint or ()])
    except AuditError as error:
        typer.echo(f"audit: {error}", err=True)
        raise typer.Exit(1) from None
    if as_json:
        typer.echo(json.dumps([report.wire() for report in reports], indent=1))
    else:
        typer.echo("\n\n".join(map(str, reports)))
    if not all(report.ok for report in reports):
        raise typer.Exit(1)
