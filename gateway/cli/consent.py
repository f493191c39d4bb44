"""`sandhi consent`: import many, list, withdraw. On the database itself; programs use `/v1/consents`."""

import asyncio
import json
from collections import Counter
from collections.abc import Callable, Iterator
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Annotated, BinaryIO

import typer
from rich.console import Console
from rich.progress import Progress
from rich.table import Table

from adapters.kit import strict_json
from adapters.kit.contract import Subject
from consent import Consent
from consent import register as people
from consent.document import moment_text
from consent.errors import ConsentError

from ..edges.v1.asking import check_subject
from ..edges.v1.problems import ProblemError
from ..gate import utc_now
from ..recording import Recording, consent_line
from ..trust.errors import NoIdentifier
from ..wiring import Services, open_services
from .outcome import told_plainly

app = typer.Typer(help="People's consents: import, list, withdraw.", no_args_is_help=True)

AT_ONCE = 5000  # lines between two steps of the progress bar
AsJson = Annotated[bool, typer.Option("--json", help="Machine-readable output.")]


@app.command("import")
def import_consents(
    file: Annotated[Path, typer.Argument(help="JSON Lines, schemas/own/consent.v1.json.")],
    controller: Annotated[str, typer.Option(help="The member that asked the people, e.g. LK/GOV/WBB.")],
    as_json: AsJson = False,
) -> None:
    """Record every line that can be used; exit code 1 if any could not. Lines with an id may be imported again."""
    progress = Progress(console=Console(stderr=True), transient=True)
    with told_plainly(), progress, file.open("rb") as lines:
        bar = progress.add_task("consents", total=file.stat().st_size)
        counts, refused = asyncio.run(_import(lines, controller, lambda size: progress.advance(bar, size)))
    if as_json:
        typer.echo(json.dumps({"outcomes": counts, "refused": refused}, indent=2))
    else:
        for line, detail in refused:
            typer.echo(f"line {line}: {detail}", err=True)
        typer.echo(", ".join(f"{count} {outcome}" for outcome, count in sorted(counts.items())) or "nothing to import")
    if counts.get(people.CONFLICT) or refused:
        raise typer.Exit(1)


async def _import(
    lines: BinaryIO, controller: str, advance: Callable[[int], None]
) -> tuple[Counter[str], list[tuple[int, str]]]:
    counts: Counter[str] = Counter()
    refused: list[tuple[int, str]] = []
    async with open_services(writing=True) as here:
        recording, reading = Recording(here.db, here.log), _reader(here, controller)
        numbered = enumerate(lines, 1)
        while some := list(islice(numbered, AT_ONCE)):
            consents = list(_usable(some, reading, refused))
            told = await recording.consents(consents, by=controller)
            counts.update(each.outcome for each in told)
            advance(sum(len(line) for _, line in some))
    return counts, refused


def _usable(
    some: list[tuple[int, bytes]], reading: Callable[[object], Consent], refused: list[tuple[int, str]]
) -> Iterator[Consent]:
    """The consents of those lines that can be used; why the others cannot goes to `refused`, without a value."""
    for number, line in some:
        if not line.strip():
            continue
        try:
            yield reading(strict_json.loads(line))
        except (ConsentError, NoIdentifier, ProblemError) as error:
            refused.append((number, error.detail))
        except strict_json.StrictError as error:
            refused.append((number, f"not read: {error}"))


def _reader(here: Services, controller: str) -> Callable[[object], Consent]:
    def checked(subject: Subject) -> str:
        check_subject(subject, here.profile)
        return here.person_ref(subject)

    return partial(consent_line, controller=controller, person_ref=checked, numbers=here.person_ref.numbers)


@app.command("list")
def list_consents(
    controller: Annotated[str, typer.Option(help="Only those of this member.")] = "",
    after: Annotated[str, typer.Option(help="Begin after this id.")] = "",
    limit: Annotated[int, typer.Option(help="At most so many.", min=1)] = 100,
    as_json: AsJson = False,
) -> None:
    """Consents by id. Who gave them is not shown: only a pseudonym is kept."""
    with told_plainly():
        found = [_row(each) for each in asyncio.run(_list(controller or None, after, limit))]
    if as_json:
        typer.echo(json.dumps(found, indent=2))
        return
    table = Table("id", "standing", "controller", "recipients", "purposes", "services", "until")
    for each in found:
        table.add_row(*each.values())
    Console().print(table)


async def _list(controller: str | None, after: str, limit: int) -> list[Consent]:
    async with open_services() as here, here.db.read() as connection:
        return await people.list_consents(connection, controller, after=after, limit=limit)


def _row(consent: Consent) -> dict[str, str]:
    return {
        "id": consent.id,
        "standing": consent.standing(utc_now()),
        "controller": consent.controller,
        "recipients": " ".join(sorted(consent.recipients)),
        "purposes": " ".join(sorted(consent.purposes)),
        "services": " ".join(sorted(consent.services)),
        "valid_until": moment_text(consent.valid_until),
    }


@app.command()
def withdraw(consent_id: Annotated[str, typer.Argument(help="The consent's id.")]) -> None:
    """Withdraw one consent; counts from the next decision on."""
    with told_plainly():
        outcome = asyncio.run(_withdraw(consent_id))
    typer.echo(outcome)


async def _withdraw(consent_id: str) -> str:
    async with open_services(writing=True) as here:
        async with here.db.read() as connection:
            kept = await people.read_consent(connection, consent_id)
        told = await Recording(here.db, here.log).withdrawal(consent_id, controller=kept.controller)
    return f"{told.id} {told.outcome}" + (f"; receipt {told.receipt}" if told.receipt else "")
