"""`sandhi audit` for those who keep the log: holds and erasure, alarms, the log's key, the drill."""

import asyncio
from datetime import timedelta
from pathlib import Path
from typing import Annotated
from uuid import UUID

import typer

from adapters.kit.contract import Identifier, Subject
from audit.details import exchange as of_exchange
from audit.details import person as of_person
from audit.erasure import erase, held, lifted
from audit.errors import NotInLog
from audit.watching import cleared

from ..citizen.contests import forget_contests
from ..drill import drilled
from ..gate import utc_now
from ..kept_answers import forget_people
from ..log_keeper import outgoing_key
from ..proved_lines import forget_lines
from ..review.evidence import check_text
from ..settings import SettingError
from ..wiring import Services, open_services
from .outcome import told_plainly

By = Annotated[str, typer.Option("--by", help="Who does it.")]
Why = Annotated[str, typer.Option("--reason", help="Why; becomes part of an entry, so name no person.")]


def add_to(app: typer.Typer) -> None:
    """The commands below, added to `sandhi audit`."""
    for command in (hold, lift, erase_details, expire, resume, rotate_key, drill):
        app.command(command.__name__.replace("_", "-").removesuffix("-details"))(command)


def entry_id(text: str) -> UUID:
    """The id in a receipt, or the id itself.

    Raises:
        NotInLog: it is none.
    """
    try:
        return UUID(text.rpartition(":")[2])
    except ValueError:
        raise NotInLog("an entry id is a UUID; it is the last part of a receipt") from None


def hold(
    name: Annotated[str, typer.Argument(help="A name for the hold, e.g. the number of a court case.")],
    why: Why,
    person: Annotated[str, typer.Option(help="TYPE=NUMBER.")] = "",
    exchange: Annotated[str, typer.Option(help="Id of an exchange.")] = "",
    agreement: Annotated[str, typer.Option(help="Id of an agreement.")] = "",
    everything: Annotated[bool, typer.Option("--everything")] = False,
) -> None:
    """Place a legal hold: what it names is not erased until it is lifted."""

    async def placed() -> None:
        async with open_services(writing=True) as here:
            scope = "*" if everything else _scope(here, person, exchange, agreement)
            reason = check_text(why, here.profile)
            async with here.db.write() as connection:
                entry = await connection.run_sync(held, name, scope, reason, utc_now())
                await here.log.append_in(connection, entry)

    with told_plainly():
        asyncio.run(placed())
    typer.echo(f"hold {name} stands")


def lift(name: Annotated[str, typer.Argument(help="The hold's name.")], why: Why) -> None:
    """Lift a legal hold."""

    async def done() -> None:
        async with open_services(writing=True) as here, here.db.write() as connection:
            entry = await connection.run_sync(lifted, name, check_text(why, here.profile), utc_now())
            await here.log.append_in(connection, entry)

    with told_plainly():
        asyncio.run(done())
    typer.echo(f"hold {name} is lifted")


def erase_details(
    by: By,
    why: Why,
    person: Annotated[str, typer.Option(help="TYPE=NUMBER.")] = "",
    exchange: Annotated[str, typer.Option(help="Id of an exchange.")] = "",
) -> None:
    """Erase the details and index lines of a person or an exchange; prints the certificate. Proofs still hold."""

    async def done() -> str:
        async with open_services(writing=True) as here:
            scope = _scope(here, person, exchange, "")
            reason = check_text(why, here.profile)
            async with here.db.write() as connection:
                certificate = await erase(connection, here.log, scope, by=by, reason=reason, now=utc_now())
                if person:
                    ref = scope.removeprefix(of_person(""))
                    await connection.run_sync(forget_lines, ref)
                    await forget_people(connection, [ref])
                    await forget_contests(connection, here.log, ref, by=by, now=utc_now())
                return certificate.text()

    with told_plainly():
        typer.echo(asyncio.run(done()))


def expire(
    days: Annotated[
        int | None, typer.Option(min=1, help="Where no agreement says otherwise; default: SANDHI_DETAILS_KEPT_DAYS.")
    ] = None,
    keep: Annotated[list[str] | None, typer.Option(help="AGREEMENT=DAYS instead of its data life, repeatable.")] = None,
) -> None:
    """Erase details that have been kept as long as they may be, as `serve` does itself; legal holds win."""
    kept = dict(map(_kept, keep or []))

    async def done() -> str:
        async with open_services(writing=True) as here:
            found = await here.details.expire(utc_now(), timedelta(days=days) if days else None, kept)
            return f"{found.keys} keys and {found.details} details erased, {found.held} kept by holds"

    with told_plainly():
        typer.echo(asyncio.run(done()))


def resume(by: By, why: Why) -> None:
    """Publish again after an alarm: on a person's word, which is an entry."""

    async def done() -> int:
        async with open_services(writing=True) as here:
            return await cleared(here.log, by=by, reason=check_text(why, here.profile), now=utc_now())

    with told_plainly():
        typer.echo(f"{asyncio.run(done())} alarms cleared")


def rotate_key(retire: Annotated[bool, typer.Option("--retire", help="End the overlap.")] = False) -> None:
    """Change the log's key at the next start: both keys sign until the old one is retired. Stop `serve` first."""

    async def moved() -> str:
        async with open_services(writing=True) as here:
            keys = here.settings.data_dir / "keys"
            outgoing = outgoing_key(keys)
            return _retired(outgoing) if retire else _moved(keys / "log.key", outgoing)

    with told_plainly():
        typer.echo(asyncio.run(moved()))


def drill(by: By) -> None:
    """Stop the log, try every service, and see that nothing leaves. Exit code 1 if anything does."""

    async def held_drill() -> tuple[str, bool]:
        async with open_services(writing=True) as here:
            done = await drilled(here.gate, by=by, now=utc_now())
            return str(done), done.passed

    with told_plainly():
        told, passed = asyncio.run(held_drill())
    typer.echo(told)
    if not passed:
        raise typer.Exit(1)


def _moved(key: Path, outgoing: Path) -> str:
    if outgoing.exists():
        raise SettingError("a key is on its way out already; retire it first")
    outgoing.parent.mkdir(mode=0o700, exist_ok=True)
    key.replace(outgoing)
    return "the next start makes a new key; give the new line of /log/vkeys to witnesses and auditors, then retire"


def _retired(outgoing: Path) -> str:
    if not outgoing.exists():
        raise SettingError("no key is on its way out")
    outgoing.unlink()
    return "the old key signs no more; its line in /log/vkeys stays, for old checkpoints"


def _scope(here: Services, person: str, exchange: str, agreement: str) -> str:
    if sum(map(bool, (person, exchange, agreement))) != 1:
        raise typer.BadParameter("name one person, one exchange or one agreement")
    if agreement:
        return f"agreement:{agreement}"
    if exchange:
        return of_exchange(exchange)
    kind, _, number = person.partition("=")
    if not number:
        raise typer.BadParameter("TYPE=NUMBER, e.g. NIC=199912345678", param_hint="--person")
    return of_person(here.person_ref(Subject((Identifier(kind, number),))))


def _kept(text: str) -> tuple[str, str]:
    name, _, days = text.rpartition("=")
    if not name or not days.isdecimal():
        raise typer.BadParameter("AGREEMENT=DAYS", param_hint="--keep")
    return name, days
