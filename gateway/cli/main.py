"""The command `sandhi`. Exit code 0, 1 (refused or failed), 2 (usage)."""

import gc
import os
import sys
from collections.abc import Mapping
from importlib import import_module
from typing import Any

import typer
from typer.core import TyperCommand, TyperGroup

COMMANDS: Mapping[str, tuple[str, str]] = {
    "serve": ("serve:serve", "Run the gateway: all edges, and the worker unless SANDHI_WORKER says otherwise."),
    "worker": ("serve:worker", "Run jobs only, beside `serve` processes that share the PostgreSQL database."),
    "call": (
        "call:call",
        "Make one call with a fresh token and proof; prints the answer's body, exits 1 unless it is a 2xx.",
    ),
    "demo": ("demo.command:demo", "Run the whole of seed A with sandbox agencies."),
    "member": ("member:app", "Members: organisations that take part."),
    "system": ("system:app", "Systems: a member's computer systems; they call, and may be called."),
    "officer": ("officer:app", "Officers: people who sign in at /console, and their roles."),
    "agreement": ("agreement:app", "Data-sharing agreements: sign, put in force, read, stop."),
    "consent": ("consent:app", "People's consents: import, list, withdraw, receipt."),
    "adapter": ("adapter:app", "Adapters: how the gateway speaks to agencies."),
    "audit": ("audit:app", "The tamper-evident log: check it, search it, take evidence out of it, take care of it."),
    "keys": ("keys:app", "The gateway's own keys: list, rotate, encrypt at rest; what ends when."),
    "config": ("config:app", "Settings."),
    "jobs": ("jobs:app", "Work under way, dead letters, campaigns."),
    "subscription": ("subscription:app", "Who is told what: subscriptions to events."),
}
"""Name -> (module of this package:its function or group, what it is for): a command's module, and all that it needs,
is imported when the command is run, so that the list of all comes at once and `serve` holds no other command."""


class Later(TyperCommand):
    """Stands for a command whose module is not imported yet."""

    def __init__(self, name: str, place: str, help_: str) -> None:
        super().__init__(name, help=help_)
        self.place = place

    def real(self) -> Any:
        """The command itself, a `TyperCommand` or a `TyperGroup`."""
        module, _, attribute = self.place.partition(":")
        gc.disable()  # nothing that an import makes is garbage, and looking for it takes a fifth of a start
        found = getattr(import_module(f"gateway.cli.{module}"), attribute)
        gc.enable()
        if isinstance(found, typer.Typer):
            return typer.main.get_command(found)
        alone = typer.Typer(add_completion=False)
        alone.command(self.name)(found)
        return typer.main.get_command(alone)

    def make_context(self, info_name: str | None, args: list[str], parent: Any = None, **extra: Any) -> Any:
        """The context that the command itself makes of the words after its name."""
        return self.real().make_context(info_name, args, parent, **extra)


class Commands(TyperGroup):
    """All of `COMMANDS`, and those defined here."""

    def __init__(self, **attributes: Any) -> None:
        super().__init__(**attributes)
        self.commands = {name: Later(name, *each) for name, each in COMMANDS.items()} | dict(self.commands)


app = typer.Typer(
    name="sandhi",
    cls=Commands,
    help="A data-exchange gateway for social protection.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)


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
