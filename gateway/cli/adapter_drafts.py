"""`sandhi adapter new` and `import`: a folder to begin with. Needs no database, no server, no network."""

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table

from adapters.kit.drafts import (
    KINDS,
    Draft,
    DraftRefused,
    Source,
    drafted,
    from_openapi,
    from_sample,
    from_wsdl,
    template,
    write,
)

from .printed import print_table

_NAME = re.compile(r"[a-z][a-z0-9_]{1,39}", re.ASCII)
_ID = "a-z, digits and _, as it shall be called everywhere"
_Folder = Annotated[Path, typer.Argument(help=f"The new folder; its name is the id everywhere: {_ID}.")]
_File = Path | None
MOST_SAMPLES = 2  # about somebody known, and about somebody unknown
NEXT = "Next: mend the lines that say CHANGE, then `sandhi adapter check {folder}`."


def new(
    folder: _Folder,
    kind: Annotated[str, typer.Option(help=f"How the agency is spoken to: {', '.join(KINDS)}.")] = "rest",
) -> None:
    """A folder with comments to begin with; it passes `sandhi adapter check` as it is."""
    if kind not in KINDS:
        more = "; a file that is fetched over sftp is `file`" if kind == "sftp" else ""
        raise _refused(f"no transport {kind}: choose one of {', '.join(KINDS)}{more}")
    _check_name(folder)
    _written(template(kind, folder.name), folder)


def import_(
    folder: _Folder,
    openapi: Annotated[_File, typer.Option(help="An OpenAPI 3 document in JSON.")] = None,
    wsdl: Annotated[_File, typer.Option(help="A WSDL 1.1 with its schemas in it.")] = None,
    sample: Annotated[
        list[Path] | None,
        typer.Option(help="One answer in JSON, about an invented person; a second one about somebody unknown to it."),
    ] = None,
    operation: Annotated[str, typer.Option(help="Which operation, where the document has several.")] = "",
    service: Annotated[str, typer.Option(help="What the service shall be called here.")] = "record",
    record: Annotated[str, typer.Option(help="Our record, e.g. canonical/contributions.v1.json; else the best.")] = "",
    number: Annotated[str, typer.Option(help="The identifier that the agency is asked by.")] = "NIC",
) -> None:
    """A first folder from what the agency has: suggested fields, sensitivities, and what nothing of ours takes.

    Nothing is fetched: an import in a file leads to a copy that comes with this product, or the file is refused.
    """
    _check_name(folder, service)
    try:
        source = _source(openapi, wsdl, sample or [], operation)
        draft = drafted(source, folder.name, service=service, record=record, number=number)
    except DraftRefused as error:
        raise _refused(str(error)) from None
    _tell(draft)
    _written(draft.files, folder)


def _source(openapi: _File, wsdl: _File, samples: Sequence[Path], operation: str) -> Source:
    given = [each for each in (openapi, wsdl, *samples[:1]) if each]
    if len(given) != 1 or len(samples) > MOST_SAMPLES:
        raise DraftRefused("give one of --openapi, --wsdl and --sample; --sample once or twice")
    text, *further = map(_read, [*given, *samples[1:]])
    if wsdl:
        return from_wsdl(text, _plain(wsdl.name), operation)
    return from_openapi(text, operation) if openapi else from_sample(text, *further)


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise DraftRefused(f"{path} cannot be read: {error.strerror}") from None


def _plain(name: str) -> str:
    """A file name as the folder may have it."""
    kept = "".join(each if each.isascii() and (each.isalnum() or each in "._-") else "-" for each in name)
    return f"{kept.lower().removesuffix('.wsdl').lstrip('._-') or 'service'}.wsdl"


def _tell(draft: Draft) -> None:
    taken = draft.taken()
    table = Table("the agency's answer", "kind", "a guess at its sensitivity", "suggested field")
    for each in draft.told:
        table.add_row(each.pointer, each.kind, each.sensitivity, taken.get(each.pointer, "-"))
    print_table(table)
    typer.echo(f"record: {draft.record}; {len(taken)} of {len(draft.told)} values taken, the others are dropped")
    if draft.others:
        typer.echo(f"a guess; others that may fit, by --record: {', '.join(draft.others)} (`sandhi adapter records`)")
    if draft.unmet:
        typer.echo(f"not found in the answer, and the record wants it: {', '.join(draft.unmet)}")


def _check_name(folder: Path, service: str = "record") -> None:
    for name, what in ((folder.name, "folder"), (service, "service")):
        if not _NAME.fullmatch(name):
            raise _refused(f"{name} is no name for a {what}: {_ID}, beginning with a letter, two signs or more")


def _written(files: Mapping[str, bytes], folder: Path) -> None:
    try:
        write(files, folder)
    except OSError as error:
        raise _refused(f"{folder} cannot be made: {error.strerror}") from None
    typer.echo(f"{folder} is made. {NEXT.format(folder=folder)}")


def _refused(told: str) -> typer.Exit:
    typer.echo(told, err=True)
    return typer.Exit(1)
