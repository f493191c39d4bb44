"""`sandhi agreement diff | simulate | notices | register`: look before anybody signs, and after."""

import asyncio
import json
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from consent import Agreement, agreement_of, sentences, store
from consent.amendment import difference, widens
from consent.archetypes import disclosed, tried
from consent.errors import AgreementUnknown
from consent.exposure import newly_exposed
from consent.lapse import notices

from ..edges.v1.agreement_views import published
from ..gate import utc_now
from ..wiring import open_services
from .agreement_files import AsJson, Id, read_signed
from .outcome import told_plainly

Draft = Annotated[Path, typer.Argument(help="The draft: an agreement document, signed or not.")]
EFFECTS = {"widened": "WIDENS", "narrowed": "narrows", "reworded": "rewords"}


def diff(
    agreement_id: Id,
    before: Annotated[int, typer.Option(help="A version.")],
    after: Annotated[int, typer.Option(help="A later version.")],
    as_json: AsJson = False,
) -> None:
    """What changed between two versions, rule by rule."""
    with told_plainly():
        pair = asyncio.run(_versions(agreement_id, before, after))
    changes = difference(*pair)
    if as_json:
        told = [{"effect": each.effect, "place": each.place, "words": each.words} for each in changes]
        typer.echo(json.dumps({"widens": widens(changes), "changes": told}, indent=2, ensure_ascii=False))
        return
    typer.echo("\n".join(f"{EFFECTS[each.effect]}: {each.words}" for each in changes) or "Nothing changed.")


async def _versions(agreement_id: str, before: int, after: int) -> tuple[Agreement, Agreement]:
    async with open_services() as here, here.db.read() as connection:
        first = await store.read_agreement(connection, agreement_id, before)
        second = await store.read_agreement(connection, agreement_id, after)
    return first.agreement, second.agreement


def simulate_draft(file: Draft, as_json: AsJson = False) -> None:
    """What a draft would disclose, to whom, about made-up people; and how many real ones it would newly expose.

    Nothing is kept and no agency is asked.
    """
    with told_plainly():
        found = asyncio.run(_simulated(file))
    if as_json:
        typer.echo(json.dumps(found, indent=2, ensure_ascii=False))
        return
    typer.echo("\n".join(found["sentences"]))
    for each in found["changes"]:
        typer.echo(f"{EFFECTS[each['effect']]}: {each['words']}")
    typer.echo(f"People with a consent in force whose data it would newly expose: {found['newly_exposed']}.")
    table = Table("a person who", "would have disclosed", "to", "for")
    for row in found["people"]:
        for line in row["disclosed"] or [{"fields": ["nothing"], "recipient": "-", "service": "", "purpose": "-"}]:
            said = f"{line['service']}: {', '.join(line['fields'])}".lstrip(": ")
            table.add_row(row["person"], said, line["recipient"], line["purpose"])
    Console().print(table)


async def _simulated(file: Path) -> dict[str, Any]:
    document, _ = read_signed(file)
    draft, now = agreement_of(document), utc_now()
    async with open_services() as here, here.db.read() as connection:
        try:
            before = (await store.established_agreement(connection, draft.id)).agreement
        except AgreementUnknown:
            before = None
        exposed = await newly_exposed(connection, before, draft, now)
    changes = difference(before, draft) if before else ()
    people = [
        {
            "person": person.name,
            "disclosed": [
                {"recipient": key[0], "service": key[1], "purpose": key[2], "fields": sorted(fields)}
                for key, fields in sorted(disclosed(verdicts).items())
                if fields
            ],
            "differs": any(each.differs for each in verdicts),
        }
        for person, verdicts in tried(draft, before, now)
    ]
    return {
        "sentences": sentences(draft),
        "changes": [{"effect": each.effect, "place": each.place, "words": each.words} for each in changes],
        "newly_exposed": exposed.people,
        "without_consent": [list(each) for each in exposed.without_consent],
        "people": people,
    }


def list_notices(as_json: AsJson = False) -> None:
    """What ends or is due for review within 60, 30 or 7 days."""
    with told_plainly():
        found = asyncio.run(_agreements())
    due = notices([each.agreement for each in found], utc_now())
    if as_json:
        told = [{"name": each.name, "about": each.about, "at": each.at.isoformat(), "days": each.days} for each in due]
        typer.echo(json.dumps(told, indent=2))
        return
    for each in due:
        officers = ", ".join(officer.contact for officer in each.agreement.officers) or "no officer named"
        typer.echo(f"{each.agreement.name} {each.about} {each.at:%d %B %Y} ({officers})")
    if not due:
        typer.echo("Nothing ends within 60 days.")


def register() -> None:
    """The public register of agreements, as JSON Lines, without its officers."""
    with told_plainly():
        found = asyncio.run(_agreements())
    for each in found:
        typer.echo(json.dumps(published(each), ensure_ascii=False))


async def _agreements() -> list[store.RecordedAgreement]:
    async with open_services() as here, here.db.read() as connection:
        return await store.list_agreements(connection)


def add_to(app: typer.Typer) -> None:
    """Beside the other commands of `sandhi agreement`."""
    app.command("diff")(diff)
    app.command("simulate")(simulate_draft)
    app.command("notices")(list_notices)
    app.command("register")(register)
