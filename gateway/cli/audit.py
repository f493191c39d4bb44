"""`sandhi audit`: check the log as any auditor would, search it, and take evidence out of it."""

import asyncio
import json
import os
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table
from sqlalchemy import Connection

from adapters.kit.contract import Identifier, Subject
from audit import Wanted, bundle, bundle_check, views
from audit.databases import in_database
from audit.derived import with_search_tables
from audit.fsck import Report
from audit.memory import remembered
from audit.places import checked, checked_database
from audit.progress import Bar
from audit.wording import sentence

from ..gate import utc_now
from ..log_keeper import tsa_certificates
from ..proved_lines import entries_around, proved_lines
from ..review.evidence import check_reason, note_reading
from ..review.permissions import beyond_the_log
from ..settings import Settings
from ..trust.person import PersonRef
from ..wiring import Services, open_services
from . import audit_care, review
from .outcome import told_plainly
from .printed import print_table

app = typer.Typer(
    help="The tamper-evident log: check it, search it, take evidence out of it, take care of it.", no_args_is_help=True
)

AsJson = Annotated[bool, typer.Option("--json", help="Machine readable.")]
Reason = Annotated[
    str, typer.Option(help="Why evidence is read, in ten characters or more; becomes an entry, so name no person.")
]
Exchange = Annotated[str, typer.Option(help="Id of an exchange.")]
Person = Annotated[str, typer.Option(help="TYPE=NUMBER of a person, e.g. NIC=199912345678.")]
Moment = Annotated[datetime | None, typer.Option(help="Claimed time, ISO 8601; UTC where no zone is given.")]
ASKED = ("consumer", "provider", "service", "purpose", "agreement", "outcome", "case", "officer")
HASHED: Mapping[str, Callable[[PersonRef, str], tuple[str, str]]] = {
    "case": lambda refs, value: ("case_ref", refs.case_ref(value)),
    "officer": lambda refs, value: ("officer_ref", refs.officer_ref(value)),
}
"""What the log knows by a keyed hash."""


async def verified(database_url: str) -> Report:
    """The report on the newest log of a database.

    Raises:
        SourceUnreadable: there is none.
    """
    return (await checked_database(database_url))[-1]


@app.callback()
def audit() -> None:
    """The tamper-evident log."""


@app.command()
@app.command("fsck", hidden=True)
def verify(
    evidence: Annotated[Path | None, typer.Argument(help="An evidence bundle; without it, the whole log.")] = None,
    db: Annotated[str | None, typer.Option(help="Database URL; default: the gateway's own.")] = None,
    url: Annotated[str | None, typer.Option(help="Address of a log, read over HTTP.")] = None,
    vkey: Annotated[list[str] | None, typer.Option(help="Verifier key you trust, repeatable.")] = None,
    checkpoint: Annotated[list[Path] | None, typer.Option(help="Checkpoint you kept, repeatable.")] = None,
    policy: Annotated[Path | None, typer.Option(help="For a bundle: keys and witnesses you trust.")] = None,
    as_json: AsJson = False,
) -> None:
    """Rehash every entry, rebuild the tree, check every signature. Exit code 1 on any finding.

    A database is also asked whether its search tables say what the entries say; the gateway's own, whether its signer
    remembers more than it holds, and whether agreements and consents allow what the log does not.
    """
    if sum(each is not None for each in (evidence, db, url)) > 1:
        raise typer.BadParameter("give a bundle, --db or --url, not several")
    with told_plainly():
        if evidence is not None:
            _show_verdict(
                bundle_check.checked(evidence, policy.read_text("utf-8") if policy else None), as_json=as_json
            )
            return
        bar, own = Bar("checking"), Settings.read() if db is None and url is None else None
        where, kept = url or db or Settings.read().database_url, [path.read_bytes() for path in checkpoint or ()]
        signer = remembered(own.data_dir / "keys") if own else []  # before the log is read: it only grows
        reports = checked(where, vkey or (), kept, bar, processes=os.cpu_count() or 1, remembered=signer)
        reports = with_search_tables(where, reports)
        reports = _with_permissions(where, reports) if own else reports
        bar.end()
    if as_json:
        typer.echo(json.dumps([report.wire() for report in reports], indent=1))
    else:
        typer.echo("\n\n".join(map(str, reports)))
    if not all(report.ok for report in reports):
        raise typer.Exit(1)


def _with_permissions(where: str, reports: list[Report]) -> list[Report]:
    """What the log says counts once the log is right."""
    if not all(each.ok for each in reports):
        return reports
    found = asyncio.run(in_database(where, beyond_the_log))
    return [*reports[:-1], replace(reports[-1], findings=tuple(found))]


def _show_verdict(verdict: bundle_check.Verdict, *, as_json: bool) -> None:
    typer.echo(json.dumps(verdict.wire(), indent=1) if as_json else str(verdict))
    if not verdict.ok:
        raise typer.Exit(1)


@app.command()
def proof(entry_id: Annotated[str, typer.Argument(help="Id of an entry; the last part of a receipt.")]) -> None:
    """Print the C2SP tlog-proof file of one entry."""

    async def proved() -> str:
        async with open_services() as here:
            return await here.log.proof(audit_care.entry_id(entry_id))

    with told_plainly():
        typer.echo(asyncio.run(proved()), nl=False)


@app.command()
def search(
    reason: Reason,
    person: Person = "",
    exchange: Exchange = "",
    where: Annotated[list[str] | None, typer.Option(help=f"NAME=VALUE, repeatable: {', '.join(ASKED)}.")] = None,
    since: Moment = None,
    until: Moment = None,
    limit: Annotated[int, typer.Option(min=1, max=1000)] = 50,
    as_json: AsJson = False,
) -> None:
    """Find entries, newest first. That somebody looked, and why, is an entry too."""

    async def searched() -> list[dict[str, object]]:
        async with open_services(writing=True) as here:
            wanted = _wanted(here, _facts(here, exchange, where), person, (since, until), limit)
            await _read(here, reason, "search")
            found = await here.log.search(wanted)
            entries = await here.log.find([each.entry_id for each in found])
        return [
            {"seq": each.seq, "at": each.entry.at.isoformat(), "id": str(each.entry.id), "said": sentence(each.entry)}
            for each in reversed(entries)
        ]

    with told_plainly():
        rows = asyncio.run(searched())
    if as_json:
        typer.echo(json.dumps(rows, indent=1, ensure_ascii=False))
    elif not rows:
        typer.echo("nothing found")
    else:
        table = Table("entry", "claimed time", "what happened")
        for row in rows:
            table.add_row(str(row["seq"]), str(row["at"]), str(row["said"]))
        print_table(table)


@app.command("bundle")
def write_bundle(
    file: Annotated[Path, typer.Argument(help="The ZIP file to write.")],
    reason: Reason,
    exchange: Exchange = "",
    person: Person = "",
    since: Moment = None,
    until: Moment = None,
    disclose: Annotated[bool, typer.Option("--disclose", help="With what is kept beside the log, e.g. cases.")] = False,
) -> None:
    """Write an evidence bundle of an exchange, a person or a period: for people, and for machines offline.

    More than 20,000 entries become several files, each complete in itself.
    """
    if bool(exchange or person) == bool(since or until):
        raise typer.BadParameter("give --exchange, --person, both, or --since and --until")

    async def made() -> tuple[int, int, list[Path]]:
        async with open_services(writing=True) as here:
            period = f"{since or 'the beginning'} to {until or 'now'}"
            about = f"exchange {exchange}" if exchange else "one person" if person else f"everything from {period}"
            facts = _facts(here, exchange, None)
            asked_for = "" if exchange else person  # an exchange has all its entries; the person chooses the lines
            wanted = _wanted(here, facts, asked_for, (since, until), bundle.MOST_ENTRIES)
            await _read(here, reason, "bundle with details" if disclose else "bundle")
            await here.log.checkpoint()
            lines_of = (person_ref(here, person), exchange)
            return await _write(here, file, about, wanted, lines_of=lines_of, disclose=disclose)

    with told_plainly():
        count, lines, files = asyncio.run(made())
    told = f"{count} entries and {lines} lines of bulk exchanges" if person else f"{count} entries"
    for each in files:
        of = "" if len(files) == 1 else f", one of {len(files)} files"
        typer.echo(f"{each}: evidence of {told}{of}; check it with: python -m audit verify {each}")


async def _write(
    here: Services, file: Path, about: str, search: Wanted, *, lines_of: tuple[str | None, str], disclose: bool
) -> tuple[int, int, list[Path]]:
    def work(connection: Connection) -> tuple[int, int, list[Path]]:
        person, exchange = lines_of
        lines = proved_lines(connection, person, exchange) if person else {}
        ids = sorted({*bundle.all_found(connection, search)} | entries_around(connection, lines))
        policy, tsa = here.log.policy, tsa_certificates(here.settings)
        shown = here.details.opened(connection, ids) if disclose else {}
        wanted = bundle.Wanted(about, ids, policy, disclosed=shown, lines=lines, tsa=tsa)
        return len(ids), sum(map(len, lines.values())), bundle.files(connection, wanted, file)

    return await here.log.store.read(work)


@app.command()
def export(
    reason: Reason,
    form: Annotated[str, typer.Option("--format", help=f"{', '.join(views.FORMATS)}.")] = "jsonl",
    since: Moment = None,
    until: Moment = None,
    limit: Annotated[int, typer.Option(min=1, help="The newest so many.")] = 10_000,
) -> None:
    """Print entries for other programs, marked "not evidence". As tiles: python -m audit export."""
    if form not in views.FORMATS:
        raise typer.BadParameter(f"one of {', '.join(views.FORMATS)}", param_hint="--format")

    async def exported() -> tuple[str, bool]:
        async with open_services(writing=True) as here:
            await _read(here, reason, f"export {form}")
            found = await here.log.search(_wanted(here, (), "", (since, until), limit))
            entries = await here.log.find([each.entry_id for each in found])
            return views.FORMATS[form](here.log.origin, entries), len(found) == limit

    with told_plainly():
        text, cut = asyncio.run(exported())
    typer.echo(text, nl=False)
    if cut:
        typer.echo(f"these are the newest {limit} entries; raise --limit, or name a period, for more", err=True)


async def _read(here: Services, reason: str, how: str) -> None:
    """Reading evidence needs a reason and is an entry. Raises ReviewRefused: no reason, or one that names a person."""
    await note_reading(here.log, by="operator", how=how, reason=check_reason(reason, here.profile), now=utc_now())


def _facts(here: Services, exchange: str, where: list[str] | None) -> tuple[tuple[str, str], ...]:
    facts = [("exchange_id", exchange)] if exchange else []
    for each in where or []:
        name, _, value = each.partition("=")
        if name not in ASKED or not value:
            raise typer.BadParameter(f"NAME=VALUE with one of {', '.join(ASKED)}", param_hint="--where")
        hashed = HASHED.get(name)
        facts.append(hashed(here.person_ref, value) if hashed else (name, value))
    return tuple(facts)


def _wanted(
    here: Services,
    facts: tuple[tuple[str, str], ...],
    person: str,
    period: tuple[datetime | None, datetime | None],
    limit: int,
) -> Wanted:
    since, until = (each and (each if each.tzinfo else each.astimezone(tz=utc_now().tzinfo)) for each in period)
    return Wanted(facts, subject_ref=person_ref(here, person), since=since, until=until, limit=limit)


def person_ref(here: Services, person: str) -> str | None:
    """The pseudonym of TYPE=NUMBER; None for an empty text."""
    if not person:
        return None
    kind, _, number = person.partition("=")
    if not number:
        raise typer.BadParameter("TYPE=NUMBER, e.g. NIC=199912345678", param_hint="--person")
    return here.person_ref(Subject((Identifier(kind, number),)))


audit_care.add_to(app)  # last, so that help begins with what is asked for most
review.add_to(app)
