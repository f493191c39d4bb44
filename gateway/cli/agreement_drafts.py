"""`sandhi agreement diff | simulate | notices | register`: look before anybody signs, and after."""

import asyncio
import json
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.table import Table
from sqlalchemy.ext.asyncio import AsyncConnection

from consent import Agreement, agreement_of, sentences, store
from consent.amendment import difference, widens
from consent.errors import AgreementUnknown
from consent.expiry import notices
from consent.exposure import newly_exposed

from ..edges.v1.agreement_views import made_up_people, published
from ..gate import utc_now
from ..review.drafted import Drafted
from ..review.replay import Replaying
from ..wiring import open_services
from .agreement_files import AsJson, Id, read_signed
from .outcome import told_plainly
from .printed import print_table

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

    Then which of the newest exchanges between its systems it would have decided differently. Nothing is kept and no
    agency is asked.
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
    print_table(table)
    _show_past(found["past_exchanges"])


def _show_past(past: dict[str, Any]) -> None:
    different = past["different"]
    typer.echo(
        f"Of the newest {past['looked_at']} exchanges between these systems it would have decided {len(different)}"
        f" differently; {past['not_told']} cannot be decided again."
    )
    if not different:
        return
    table = Table("exchange", "asked by", "for", "more", "less", "people")
    for each in different:
        more, less = (", ".join(each[name]) or "-" for name in ("gained", "lost"))
        table.add_row(each["exchange_id"], each["consumer"], each["purpose"], more, less, str(each["people"]))
    print_table(table)


async def _simulated(file: Path) -> dict[str, Any]:
    document, _ = read_signed(file)
    draft, now = agreement_of(document), utc_now()
    async with open_services() as here:
        async with here.db.read() as connection:
            before = await _before(connection, draft)
            exposed = await newly_exposed(connection, before, draft, now)
        past = await Drafted(here.db, Replaying(here.db, here.gate, here.person_ref)).compared(draft)
    changes = difference(before, draft) if before else ()
    return {
        "sentences": sentences(draft),
        "changes": [{"effect": each.effect, "place": each.place, "words": each.words} for each in changes],
        "newly_exposed": exposed.people,
        "without_consent": [list(each) for each in exposed.without_consent],
        "people": made_up_people(draft, before, now),
        "past_exchanges": past.wire(),
    }


async def _before(connection: AsyncConnection, draft: Agreement) -> Agreement | None:
    try:
        return (await store.established_agreement(connection, draft.id)).agreement
    except AgreementUnknown:
        return None


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
