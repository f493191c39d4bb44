"""The command `sandhi`. Exit code 0, 1 (refused or failed), 2 (usage)."""

import os
import sys

import typer

from . import (
    adapter,
    agreement,
    audit,
    call,
    config,
    consent,
    jobs,
    keys,
    member,
    officer,
    serving,
    subscription,
    system,
)
from .demo import command as demo

app = typer.Typer(
    name="sandhi",
    help="A data-exchange gateway for social protection.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
for name, module in {
    "member": member,
    "system": system,
    "officer": officer,
    "agreement": agreement,
    "consent": consent,
    "adapter": adapter,
    "audit": audit,
    "keys": keys,
    "config": config,
    "jobs": jobs,
    "subscription": subscription,
}.items():
    app.add_typer(module.app, name=name)
for _name, _command in serving.COMMANDS.items():
    app.command(_name)(_command)
app.command("call")(call.call)
app.command("demo")(demo.demo)


@app.command(
    "sandbox",
    context_settings={"allow_extra_args": True, "ignore_unknown_options": True, "help_option_names": []},
    help="The simulated agencies: serve, truth, population, registrations.",
)
def sandbox(context: typer.Context) -> None:
    """Hand over to the sandbox, which is a program of its own and shares no code with the gateway."""
    _become("sandbox", context.args)


@app.command(
    "bench",
    context_settings={"allow_extra_args": True, "ignore_unknown_options": True, "help_option_names": []},
    help="Measure, beside a bare forwarder and nginx; from a checkout.",
)
def bench(context: typer.Context) -> None:
    """Hand over to the benchmarks, which live beside the product."""
    _become("bench", context.args)


def _become(module: str, arguments: list[str]) -> None:
    sys.stdout.flush()
    os.execv(sys.executable, [sys.executable, "-m", module, *arguments])


def main() -> None:
    """Entry point of the console script."""
    app()
