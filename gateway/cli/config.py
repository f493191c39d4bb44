"""`sandhi config`."""

import json
from typing import Annotated

import typer

from ..settings import TABLE, Settings
from .outcome import told_plainly

app = typer.Typer(help="Settings.", no_args_is_help=True)


@app.callback()
def _group() -> None:
    """Settings: environment variables SANDHI_<NAME>, or SANDHI_<NAME>_FILE for a file that holds the value."""


@app.command()
def show(as_json: Annotated[bool, typer.Option("--json", help="As one JSON object.")] = False) -> None:
    """Every setting as this process reads it, with its help; secrets are only said to be set."""
    with told_plainly():
        shown = Settings.read().shown()
    if as_json:
        typer.echo(json.dumps(shown, indent=2))
        return
    for row in TABLE:
        typer.echo(f"SANDHI_{row.name} = {shown[row.name] or '(empty)'}\n    {row.help}")
