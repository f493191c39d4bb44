"""`sandhi adapter`: list the adapters, show one, check a folder; bring one on line (`adapter_registration`)."""

import asyncio
import json
from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table

from adapters.kit import conformance, discovery, manifest

from . import adapter_codes, adapter_drafts, adapter_records, adapter_registration
from .printed import print_table

app = typer.Typer(help="Adapters: how the gateway speaks to agencies.", no_args_is_help=True)
app.command()(adapter_drafts.new)
app.command("import")(adapter_drafts.import_)
adapter_registration.add_to(app)
adapter_codes.add_to(app)
adapter_records.add_to(app)
_AsJson = Annotated[bool, typer.Option("--json", help="Machine-readable output.")]


@app.command("list")
def list_adapters(
    registered: Annotated[
        bool,
        typer.Option("--registered", help="What agencies registered here instead, with grades; needs the database."),
    ] = False,
    as_json: _AsJson = False,
) -> None:
    """Every adapter of this installation; a second wire stands in for the first where `SANDHI_ADAPTERS_DIR` says so."""
    if registered:
        return adapter_registration.list_registered(as_json=as_json)
    wires = (("first", discovery.discover()), ("second", discovery.second_wires()))
    found = [(wire, manifest.load(folder)) for wire, folders in wires for folder in folders.values()]
    if as_json:
        typer.echo(json.dumps([_summary(each) | {"wire": wire} for wire, each in found], indent=2))
        return None
    table = Table("id", "wire", "name", "transport", "services")
    for wire, each in found:
        table.add_row(each.id, wire, each.name, each.transport.kind, ", ".join(each.services))
    print_table(table)
    return None


@app.command()
def show(adapter: Annotated[str, typer.Argument(help="An id, or a folder.")], as_json: _AsJson = False) -> None:
    """One adapter: services, what is sent, settings it needs."""
    try:
        found = manifest.load(_folder(adapter))
    except manifest.ManifestError as error:
        typer.echo(str(error), err=True)
        raise typer.Exit(1) from None
    if as_json:
        typer.echo(json.dumps(_details(found), indent=2))
        return
    typer.echo(f"{found.id}: {found.name} ({found.owner})\n{found.summary}\n")
    table = Table("service", "actions", "asked by", "sent", "fields", "claims")
    for service in found.services.values():
        sets = (service.actions, service.id_types, service.sent, service.fields, service.claims)
        table.add_row(service.id, *(", ".join(sorted(each)) for each in sets))
    print_table(table)
    typer.echo("settings: " + ", ".join(sorted(found.settings_needed())))


@app.command()
def check(
    folder: Annotated[Path, typer.Argument(help="The adapter's folder, or an id.")], as_json: _AsJson = False
) -> None:
    """Run the conformance suite on a folder; exit code 1 if a promise is broken."""
    results = asyncio.run(_run(_folder(str(folder))))
    if as_json:
        typer.echo(json.dumps([{"check": name, "fault": fault} for name, fault in results], indent=2))
    else:
        for name, fault in results:
            told = "" if fault is None else "\n      " + fault.replace("\n", "\n      ")
            typer.echo(f"{'ok  ' if fault is None else 'FAIL'}  {name}{told}")
    broken = sum(fault is not None for _, fault in results)
    if not as_json:
        typer.echo(f"{len(results) - broken} of {len(results)} checks hold")
    if broken:
        raise typer.Exit(1)


async def _run(folder: Path) -> list[tuple[str, str | None]]:
    results: list[tuple[str, str | None]] = []
    for each in conformance.checks(folder):
        # whatever a foreign folder does wrong, a bug of it too, is a finding of its check
        (outcome,) = await asyncio.gather(each.run(), return_exceptions=True)
        fault = f"{type(outcome).__name__}: {outcome}" if isinstance(outcome, BaseException) else None
        results.append((each.name, fault))
    return results


def _folder(adapter: str) -> Path:
    if (Path(adapter) / "manifest.toml").is_file():
        return Path(adapter)
    found = discovery.discover()
    if adapter not in found:
        typer.echo(f"no adapter {adapter}: give a folder with a manifest.toml, or one of {', '.join(found)}", err=True)
        raise typer.Exit(2)
    return found[adapter]


def _summary(found: manifest.Manifest) -> dict[str, object]:
    return {
        "id": found.id,
        "name": found.name,
        "owner": found.owner,
        "summary": found.summary,
        "transport": found.transport.kind,
        "services": [service.id for service in found.services.values()],
    }


def _details(found: manifest.Manifest) -> dict[str, object]:
    services = [
        {
            "id": each.id,
            "summary": each.summary,
            "actions": sorted(each.actions),
            "id_types": list(each.id_types),
            "sends": sorted(each.sent),
            "fields": sorted(each.fields),
            "claims": sorted(each.claims),
            "record_schema": each.record_schema,
            "sensitivity": each.sensitivity,
            "immediate": each.immediate,
        }
        for each in found.services.values()
    ]
    return {**_summary(found), "services": services, "settings": sorted(found.settings_needed())}
