"""`sandhi agreement`: sign a document, put it in force, read it, stop it.

A signed agreement travels as one file, `{"document": ..., "signatures": {member: JWS}}`: the first side
signs the document, the second signs what the first sent, and either brings the result.
"""

import asyncio
import json
from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table

from consent import agreement_of, sentences, sign_agreement, store
from consent.errors import DocumentInvalid
from consent.store import RecordedAgreement

from ..gate import utc_now
from ..recording import Recording
from ..wiring import open_services
from . import agreement_drafts, agreement_stops
from .agreement_files import AsJson, Id, read_object, read_signed
from .outcome import told_plainly
from .printed import print_table

app = typer.Typer(help="Data-sharing agreements: sign, put in force, read, stop.", no_args_is_help=True)
agreement_drafts.add_to(app)
agreement_stops.add_to(app)

By = Annotated[str, typer.Option("--by", help="The member that does it, e.g. LK/GOV/WBB.")]


@app.command()
def sign(
    file: Annotated[Path, typer.Argument(help="The document, or what the other side has signed.")],
    key: Annotated[Path, typer.Option(help="Private JWK of the member; its kid is the registered one.")],
    member: Annotated[str, typer.Option(help="The member that signs, e.g. LK/GOV/WBB.")],
    out: Annotated[Path | None, typer.Option(help="File to write; standard output otherwise.")] = None,
) -> None:
    """Add one member's signature. Shows in plain sentences what is signed. Needs no database."""
    with told_plainly():
        document, signatures = read_signed(file)
        agreement = agreement_of(document)
        if member not in {agreement.provider.member, agreement.consumer.member}:
            raise DocumentInvalid(f"{member} is no party of {agreement.name}")
        signature = sign_agreement(document, read_object(key))
        for sentence in sentences(agreement):
            typer.echo(sentence, err=True)
        signed = {"document": document, "signatures": {**signatures, member: signature}}
        text = json.dumps(signed, indent=2, ensure_ascii=False) + "\n"
        if out is None:
            typer.echo(text, nl=False)
        else:
            out.write_text(text, encoding="utf-8")


@app.command()
def add(
    file: Annotated[Path, typer.Argument(help="The document with both signatures.")],
    by: Annotated[str, typer.Option("--by", help="The member that brings it; the consumer otherwise.")] = "",
) -> None:
    """Put a signed agreement, or its next version, in force."""
    with told_plainly():
        asyncio.run(_add(file, by))


async def _add(file: Path, by: str) -> None:
    document, signatures = read_signed(file)
    brought_by = by or agreement_of(document).consumer.member
    async with open_services(writing=True) as here:
        recording = Recording(here.db, here.log)
        recorded, receipt = await recording.agreement(document, signatures, here.trust.member_keys, by=brought_by)
    typer.echo(f"{recorded.agreement.name} is {recorded.agreement.state}; receipt {receipt}")


@app.command("list")
def list_agreements(
    member: Annotated[str, typer.Option(help="Only those of this member.")] = "", as_json: AsJson = False
) -> None:
    """Every version of every agreement."""
    with told_plainly():
        found = asyncio.run(_list(member or None))
    if as_json:
        typer.echo(json.dumps([_summary(each) for each in found], indent=2))
        return
    table = Table("id", "version", "standing", "consumer", "provider", "title")
    for each in map(_summary, found):
        table.add_row(*(str(each[name]) for name in ("id", "version", "standing", "consumer", "provider", "title")))
    print_table(table)


async def _list(member: str | None) -> list[RecordedAgreement]:
    async with open_services() as here, here.db.read() as connection:
        return await store.list_agreements(connection, member)


@app.command()
def show(
    agreement_id: Id,
    version: Annotated[int | None, typer.Option(help="The newest otherwise.")] = None,
    as_json: AsJson = False,
) -> None:
    """One version, in plain sentences or as the signed document."""
    with told_plainly():
        found = asyncio.run(_show(agreement_id, version))
    if as_json:
        shown = _summary(found) | {"document": found.parsed, "signatures": dict(found.signatures)}
        typer.echo(json.dumps(shown, indent=2, ensure_ascii=False))
        return
    typer.echo("\n".join([*sentences(found.agreement), f"Now: {found.agreement.standing(utc_now())}."]))


async def _show(agreement_id: str, version: int | None) -> RecordedAgreement:
    async with open_services() as here, here.db.read() as connection:
        return await store.read_agreement(connection, agreement_id, version)


@app.command()
def suspend(agreement_id: Id, by: By) -> None:
    """Stop it at once, until the same member resumes it."""
    _change("suspend", agreement_id, by)


@app.command()
def resume(agreement_id: Id, by: By) -> None:
    """Put a suspended agreement back in force."""
    _change("resume", agreement_id, by)


@app.command()
def end(agreement_id: Id, by: By) -> None:
    """End it for good."""
    _change("end", agreement_id, by)


def _change(verb: str, agreement_id: str, by: str) -> None:
    with told_plainly():
        asyncio.run(_changed(verb, agreement_id, by))


async def _changed(verb: str, agreement_id: str, by: str) -> None:
    async with open_services(writing=True) as here:
        changed, receipt = await Recording(here.db, here.log).agreement_change(verb, agreement_id, by=by)
    typer.echo(f"{changed.agreement.name} is {changed.agreement.state}; receipt {receipt}")


def _summary(found: RecordedAgreement) -> dict[str, object]:
    agreement = found.agreement
    return {
        "id": agreement.id,
        "version": agreement.version,
        "standing": agreement.standing(utc_now()),
        "state": agreement.state.value,
        "consumer": agreement.consumer.member,
        "provider": agreement.provider.member,
        "title": agreement.title,
        "recorded_at": found.recorded_at.isoformat(),
        "digest": found.digest,
    }
