"""`sandhi agreement stop|stops|go-on`: a provider stops a consumer. Programs use `/v1/stops`."""

import asyncio
import json
from typing import Annotated

import typer
from rich.table import Table

from consent.control import KeptControl, controls_of

from ..controlling import Controlling
from ..wiring import open_services
from .agreement_files import AsJson
from .outcome import told_plainly
from .printed import print_table

Provider = Annotated[str, typer.Option("--provider", help="Whose data it is: a member, e.g. LK/GOV/EPF.")]
SHELL = "command-line"


def add_to(app: typer.Typer) -> None:
    """The commands, as part of `sandhi agreement`."""
    app.command("stop")(stop)
    app.command("stops")(stops)
    app.command("go-on")(go_on)


def stop(
    consumer: Annotated[str, typer.Argument(help="The member or system that gets nothing any more.")],
    provider: Provider,
    reason: Annotated[str, typer.Option(help="Why; kept beside the stop, never in the log.")],
    service: Annotated[str, typer.Option(help="This service only.")] = "",
) -> None:
    """Stop a consumer at once, whatever was agreed; counts at the next decision."""
    with told_plainly():
        kept, receipt = asyncio.run(_stop(consumer, provider, service, reason))
    typer.echo(f"{kept.control.id} {consumer} is stopped; receipt {receipt}")


async def _stop(consumer: str, provider: str, service: str, reason: str) -> tuple[KeptControl, str]:
    async with open_services(writing=True) as here:
        placing = Controlling(here.db, here.log)
        return await placing.placed("stop", provider, consumer, service, reason=reason, by=SHELL)


def stops(provider: Provider, as_json: AsJson = False) -> None:
    """What a provider said about its consumers, ended ones included, newest first."""
    with told_plainly():
        found = [_row(each) for each in asyncio.run(_stops(provider))]
    if as_json:
        typer.echo(json.dumps(found, indent=2))
        return
    table = Table("id", "kind", "provider", "consumer", "service", "placed", "ended")
    for each in found:
        table.add_row(*each.values())
    print_table(table)


async def _stops(provider: str) -> list[KeptControl]:
    async with open_services() as here, here.db.read() as connection:
        return list(await controls_of(connection, provider))


def _row(kept: KeptControl) -> dict[str, str]:
    control = kept.control
    return {
        "id": control.id,
        "kind": control.kind,
        "provider": control.provider,
        "consumer": control.consumer,
        "service": control.service,
        "placed_at": kept.placed_at.isoformat(),
        "ended_at": control.ended_at.isoformat() if control.ended_at else "",
    }


def go_on(stop_id: Annotated[str, typer.Argument(help="The stop's id.")], provider: Provider) -> None:
    """End a stop; what was refused meanwhile stays refused."""
    with told_plainly():
        receipt = asyncio.run(_go_on(stop_id, provider))
    typer.echo(f"{stop_id} ended; receipt {receipt}")


async def _go_on(stop_id: str, provider: str) -> str:
    async with open_services(writing=True) as here:
        return await Controlling(here.db, here.log).ended(stop_id, member=provider, by=SHELL)
