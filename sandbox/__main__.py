"""The sandbox's command line: `python -m sandbox truth | population | registrations | world | serve | practise`.

Results go to standard output, as JSON Lines with `--json`; progress goes to standard error.
Exit codes: 0, 1 (refused or failed), 2 (usage).
"""

import sys
import time
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from importlib import import_module
from itertools import chain
from json import dumps
from pathlib import Path
from typing import Annotated

import orjson
import typer
from rich.console import Console
from rich.table import Table

from .lines import everything, registration
from .person import Person
from .population import DEFAULT_DATE, MOST_PEOPLE, population
from .population.payees import payee
from .truth import OUTCOMES, Line, truth
from .truth_world import quality
from .world import Registers

SOURCES = ("national_id", "civil_registration", "tax", "pension", "education", "ess", "messaging")
EVERY = 5.0  # seconds between two lines of progress

app = typer.Typer(
    help="Simulated agencies over one synthetic population. All people are invented.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)

People = Annotated[
    int,
    typer.Option(
        help="People in the social registry; agencies know five times as many others.", min=1, max=MOST_PEOPLE
    ),
]
Seed = Annotated[int, typer.Option(help="The same seed makes the same people.", min=0, max=2**32 - 1)]
Date = Annotated[datetime, typer.Option(help="The list date T.", formats=["%Y-%m-%d"])]
Without = Annotated[
    list[str] | None, typer.Option(help="A source that is not linked; repeat it, or separate by commas.")
]
Json = Annotated[bool, typer.Option("--json", help="JSON Lines instead of a short table.")]
T = datetime.combine(DEFAULT_DATE, datetime.min.time())


@app.command("truth")
def print_truth(
    people: People = 2000, seed: Seed = 7, date: Date = T, without: Without = None, json: Json = False
) -> None:
    """The rule's outcome and reasons for every flagged member record, as the registers have it (`list.jsonl`)."""
    missing = _sources(without)
    lines = truth(_registers(people, seed, date), date.date(), missing)
    if json:
        _write_list(lines)
        return
    counts = Counter(line["outcome"] for line in lines)
    _table("outcome", {outcome: counts[outcome] for outcome in OUTCOMES} | {"flagged": len(lines)})


@app.command("population")
def print_population(
    people: People = 2000, seed: Seed = 7, date: Date = T, without: Without = None, json: Json = False
) -> None:
    """Everybody, with what is so and what each register holds."""
    missing = _sources(without)
    everybody = _watched(population(people, seed, date.date()))
    if json:
        _write(everything(person, missing) | {"payee": payee(person, seed, date.date())} for person in everybody)
        return
    counts: Counter[str] = Counter()
    for person in everybody:
        counts["people"] += 1
        counts.update(name for name, record in _held(person).items() if record and name not in missing)
    _table("register", counts)


@app.command("registrations")
def print_registrations(people: People = 2000, seed: Seed = 7, date: Date = T, json: Json = False) -> None:
    """The social registry's own intake: one member record a line."""
    everybody = _watched(population(people, seed, date.date()))
    records = chain.from_iterable(person.registrations for person in everybody)
    if json:
        _write(registration(record) for record in records)
        return
    _table("district", dict(sorted(Counter(record.gn_division[:5] for record in records).items())))


@app.command("world")
def print_world(
    list_file: Annotated[Path, typer.Option("--list", help="A list.jsonl.", exists=True, dir_okay=False)],
    people: People = 2000,
    seed: Seed = 7,
    date: Date = T,
    json: Json = False,
) -> None:
    """How well a list agrees with what people really do, informal work included. It judges nothing."""
    lines = [orjson.loads(line) for line in list_file.read_bytes().splitlines()]
    try:
        found = quality(lines, _registers(people, seed, date), date.date())
    except KeyError:
        typer.echo(
            "a line of the list is not of this population: give the people, seed and date it was made with", err=True
        )
        raise typer.Exit(1) from None
    figures = {
        "listed": found.listed,
        "potential": found.potential,
        "both": found.both,
        "precision": round(found.precision, 4),
        "recall": round(found.recall, 4),
    }
    if json:
        _write([figures])
        return
    _table("figure", figures)


@app.command("serve")
def serve(
    data: Annotated[Path, typer.Option(help="Folder for settings and state; made when absent.")],
    clients: Annotated[
        Path | None, typer.Option(help="Folder of the agencies' own credentials at the gateway; may be filled later.")
    ] = None,
    gateway: Annotated[str, typer.Option(help="Base URL of the gateway.")] = "http://127.0.0.1:8080",
    people: People = 2000,
    seed: Seed = 7,
    date: Date = T,
    port: Annotated[int, typer.Option(help="HTTP port of the agencies; 0 takes a free one.", min=0, max=65535)] = 0,
    sftp_port: Annotated[
        int, typer.Option(help="SFTP port of the pension fund; 0 takes a free one.", min=0, max=65535)
    ] = 0,
) -> None:
    """Run all agencies until SIGINT or SIGTERM."""
    server = import_module("sandbox.server")  # only here: it brings the agencies and their sockets with it
    server.serve(
        people=people,
        seed=seed,
        date=date.date(),
        data=data,
        clients=clients or data / "clients",
        gateway=gateway,
        port=port,
        sftp_port=sftp_port,
    )


@app.command("practise")
def practise(
    data: Annotated[Path, typer.Option(help="Folder of a sandbox that has run.", exists=True, file_okay=False)],
    into: Annotated[Path, typer.Option(help="Folder of the copy; made when absent.")],
    port: Annotated[int, typer.Option(help="HTTP port of the pages.", min=1, max=65535)],
) -> None:
    """The counsellors' pages over a copy in which nothing has been found yet, until SIGINT or SIGTERM."""
    practice = import_module("sandbox.practice")
    typer.echo(f"{practice.copied(data / 'offices', into)} people to verify in {into}", err=True)
    practice.serve(into, port)


def _registers(people: int, seed: int, date: datetime) -> Registers:
    return Registers(people, seed, date.date(), _watched)


def _held(person: Person) -> Mapping[str, object]:
    registers = everything(person)["registers"]
    assert isinstance(registers, dict)
    return {"social_registry": person.registrations, **registers}


def _sources(without: list[str] | None) -> frozenset[str]:
    named = {name.strip() for text in without or () for name in text.split(",")} - {""}
    if not named <= set(SOURCES):
        raise typer.BadParameter(f"sources are {', '.join(SOURCES)}", param_hint="--without")
    return frozenset(named)


def _watched(people: Iterator[Person]) -> Iterator[Person]:
    """Everybody, with a line on standard error every few seconds."""
    shown = time.monotonic()
    for number, person in enumerate(people, start=1):
        if number % 1000 == 0 and time.monotonic() - shown > EVERY:
            shown = time.monotonic()
            typer.echo(f"{number} people", err=True)
        yield person


def _write(lines: Iterable[Mapping[str, object]]) -> None:
    for line in lines:
        sys.stdout.buffer.write(orjson.dumps(line, option=orjson.OPT_APPEND_NEWLINE))


def _write_list(lines: Iterable[Line]) -> None:
    """Spelled as the registry spells `list.jsonl`, so that a plain `diff` of the two shows what differs."""
    for line in lines:
        sys.stdout.write(dumps({"id": line["id"], "outcome": line["outcome"], "reasons": line["reasons"]}) + "\n")


def _table(what: str, rows: Mapping[str, object]) -> None:
    table = Table(what, "count")
    for name, value in rows.items():
        table.add_row(name, str(value))
    Console().print(table)


if __name__ == "__main__":
    app()
