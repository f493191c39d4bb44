"""`sandhi consent`: import many, list, withdraw. On the database itself; programs use `/v1/consents`."""

import asyncio
import json
from contextlib import suppress
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import Progress
from rich.table import Table

import pages
from consent import Consent
from consent import register as consent_register
from consent.document import moment_text
from consent.errors import ConsentUnknown
from pages.languages import NOW, Spoken

from ..consent_receipts import called, checked, checked_with, issued, page
from ..gate import utc_now
from ..profile import load_profile
from ..recording import Recording
from ..settings import Settings
from ..wiring import open_services
from .consent_check import jws_in, published, told
from .consent_import import REFUSED, Import
from .outcome import told_plainly
from .printed import print_table

app = typer.Typer(help="People's consents: import, list, withdraw, receipt.", no_args_is_help=True)

AsJson = Annotated[bool, typer.Option("--json", help="Machine-readable output.")]


@app.command("import")
def import_consents(
    file: Annotated[Path, typer.Argument(help="JSON Lines, schemas/own/consent.v1.json.")],
    controller: Annotated[str, typer.Option(help="The member that asked the people, e.g. LK/GOV/WBB.")],
    results: Annotated[Path | None, typer.Option(help="Write a result line for each line here.")] = None,
    as_json: AsJson = False,
) -> None:
    """Record every line that can be used; exit code 1 if any could not. An import that was cut goes on where it stood:
    how far it came is kept in FILE.progress until it is done."""
    progress = Progress(console=Console(stderr=True), transient=True)
    with told_plainly(), progress:
        bar = progress.add_task("consents", total=file.stat().st_size)
        run = Import(file, controller, results, lambda done: progress.update(bar, completed=done))
        counts, refused = asyncio.run(run.run())
    if as_json:
        typer.echo(json.dumps({"outcomes": counts, "refused": refused}, indent=2))
    else:
        for line, detail in refused:
            typer.echo(f"line {line}: {detail}", err=True)
        typer.echo(", ".join(f"{count} {outcome}" for outcome, count in sorted(counts.items())) or "nothing to import")
    if counts.get(consent_register.CONFLICT) or counts.get(REFUSED):
        raise typer.Exit(1)


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
    print_table(table)


async def _list(controller: str | None, after: str, limit: int) -> list[Consent]:
    async with open_services() as here, here.db.read() as connection:
        return await consent_register.list_consents(connection, controller, after=after, limit=limit)


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
            kept = await consent_register.read_consent(connection, consent_id)
        told = await Recording(here.db, here.log).withdrawal(consent_id, controller=kept.controller)
    return f"{told.id} {told.outcome}" + (f"; receipt {told.receipt}" if told.receipt else "")


@app.command()
def receipt(
    consent_id: Annotated[str, typer.Argument(help="The consent's id.")] = "",
    html: Annotated[bool, typer.Option("--html", help="A page to print, with a code to check.")] = False,
    language: Annotated[str, typer.Option(help=f"Of the page: {', '.join(pages.LANGUAGES)}.")] = "en",
    check: Annotated[Path | None, typer.Option(help="Check this receipt instead; `-` is standard input.")] = None,
    keys: Annotated[
        Path | None, typer.Option(help="Check it with these published keys (/.well-known/jwks.json), offline.")
    ] = None,
) -> None:
    """Print the signed receipt of a consent: JSON with its JWS, or a page that stands alone; or check one.

    What is checked is the text of the printed code, the page as it was saved, or the JSON; exit code 1 if the gateway
    did not sign it like that.
    """
    if bool(consent_id) == bool(check) or (keys and not check):
        raise typer.BadParameter("give the id of a consent, or --check FILE (with --keys if you like)")
    if language not in pages.LANGUAGES:
        raise typer.BadParameter(f"languages are {', '.join(pages.LANGUAGES)}", param_hint="--language")
    with told_plainly():
        typer.echo(asyncio.run(_check(check, keys) if check else _receipt(consent_id, html, language)))


async def _check(file: Path, keys: Path | None) -> str:
    jws = jws_in(file)
    if keys:
        profile = load_profile(Settings.read()["PROFILE"])
        return "\n".join(told(checked_with(jws, published(keys)), profile, {}))
    async with open_services() as here:
        found = checked(jws, here.trust)
        lines = list(told(found, here.profile, called(here.catalogue, await here.trust.register())))
        async with here.db.read() as connection:
            with suppress(ConsentUnknown):
                kept = await consent_register.read_consent(connection, str(found["record_id"]))
                lines.append(f"Now this consent is {kept.standing(utc_now())}.")
    return "\n".join(lines)


async def _receipt(consent_id: str, html: bool, language: str) -> str:
    async with open_services() as here:
        async with here.db.read() as connection:
            kept = await consent_register.read_consent(connection, consent_id)
        made = issued(kept, here.trust, here.profile, utc_now())
        if html:
            NOW.set(Spoken(pages.LANGUAGES[language], zone=here.profile.zone))
            return page(made, here.profile, called(here.catalogue, await here.trust.register()))
        return json.dumps({"receipt": made.document, "jws": made.jws}, indent=2, ensure_ascii=False)
