"""`sandhi adapter records` and `converters`: what an answer can become, and how its notations are read."""

import json
from collections.abc import Iterator, Mapping
from typing import Annotated, Any

import typer
from rich.table import Table

import schemas
from adapters.kit.converters import CONVERTERS

from .printed import print_table

_AsJson = Annotated[bool, typer.Option("--json", help="Machine-readable output.")]
_BEFORE, _AFTER = "canonical/", ".json"


def add_to(app: typer.Typer) -> None:
    """Hang the commands under `sandhi adapter`."""
    app.command()(records)
    app.command()(converters)


def records(
    record: Annotated[str, typer.Argument(help="One record, e.g. contributions.v1; all otherwise.")] = "",
    as_json: _AsJson = False,
) -> None:
    """The records that an agency's answer can become: their fields, and which of them must be there."""
    if record:
        return _one(record.removeprefix(_BEFORE).removesuffix(_AFTER), as_json=as_json)
    found: dict[str, Mapping[str, Any]] = {
        name: schemas.load(name)
        for name in sorted(f"{_BEFORE}{each.name}" for each in (schemas.FOLDER / _BEFORE).glob("*.json"))
    }
    if as_json:
        typer.echo(json.dumps(found, indent=2))
        return None
    table = Table("record", "what it is", "fields (* must be there)")
    for name, schema in found.items():
        must = schema.get("required", ())
        fields = [f"{each}*" if each in must else each for each in schema.get("properties", {})]
        table.add_row(name.removeprefix(_BEFORE).removesuffix(_AFTER), str(schema.get("title", "")), ", ".join(fields))
    print_table(table)
    return None


def converters() -> None:
    """The converters that `with` may name in mapping.toml, and the notation that each of them reads."""
    table = Table("with", "reads")
    for name, convert in sorted(CONVERTERS.items()):
        table.add_row(name, " ".join((convert.__doc__ or "").split()).replace("`", ""))
    table.add_row(
        "date:DD.MM.YYYY", "A day in this notation: DD, MM, YYYY in any order, with - / . or a space between."
    )
    table.add_row("month:MM/YYYY", "A month, likewise; also without anything between: month:YYYYMM.")
    print_table(table)


def _one(name: str, *, as_json: bool) -> None:
    try:
        schema: Mapping[str, Any] = schemas.load(f"{_BEFORE}{name}{_AFTER}")
    except schemas.SchemaError:
        typer.echo(f"there is no record {name}; `sandhi adapter records` lists them", err=True)
        raise typer.Exit(1) from None
    if as_json:
        typer.echo(json.dumps(schema, indent=2))
        return
    table = Table("field", "must be there", "what it holds")
    for field, must, words in _fields(schema, schema):
        table.add_row(field, "yes" if must else "", words)
    typer.echo(f'record_schema = "{_BEFORE}{name}{_AFTER}"')
    print_table(table)


def _fields(schema: Mapping[str, Any], whole: Mapping[str, Any], before: str = "") -> Iterator[tuple[str, bool, str]]:
    must = schema.get("required", ())
    for name, told in schema.get("properties", {}).items():
        part = _meant(told, whole)
        inner = _meant(part.get("items", {}), whole)
        yield (
            f"{before}{name}{'[]' if inner else ''}",
            name in must,
            _words(part if not inner else {**part, **inner}, told),
        )
        yield from _fields(inner or part, whole, f"{before}{name}{'[]' if inner else ''}.")


def _meant(part: Mapping[str, Any], whole: Mapping[str, Any]) -> Mapping[str, Any]:
    """A schema inside the same file, behind its reference."""
    reference = str(part.get("$ref", ""))
    if not reference.startswith("#/$defs/"):
        return part
    found: Mapping[str, Any] = whole.get("$defs", {}).get(reference.removeprefix("#/$defs/"), {})
    return {**found, **{key: value for key, value in part.items() if key != "$ref"}}


def _words(part: Mapping[str, Any], told: Mapping[str, Any]) -> str:
    """Type, closed list and pattern, then what the schema says of it."""
    kinds = part.get("type", "")
    said = [" or ".join(kinds) if isinstance(kinds, list) else str(kinds), str(part.get("format", ""))]
    said.append(" | ".join(map(str, part.get("enum", ()))))
    said += [str(part.get("pattern", "")), str(part.get("description", told.get("description", "")))]
    return "; ".join(filter(None, said)) or "see the schema"
