"""`sandhi serve` and `sandhi worker` by themselves: a process that runs for months holds no other command.

The other commands' libraries take a tenth of a start and 8 MB (decision record 0083).
"""

import typer

from . import serve

COMMANDS = {"serve": serve.serve, "worker": serve.worker}

app = typer.Typer(name="sandhi", add_completion=False, pretty_exceptions_enable=False)
for _name, _command in COMMANDS.items():
    app.command(_name)(_command)


def main() -> None:
    """Entry point where the command is one of these."""
    app()
