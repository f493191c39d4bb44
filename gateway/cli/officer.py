"""`sandhi officer`: people who work with the gateway, their roles, and accounts to try it out with."""

import asyncio
import json
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import Annotated

import typer
from rich.table import Table
from sqlalchemy.ext.asyncio import AsyncConnection

from ..gate import utc_now
from ..people import grants, officers
from ..people.errors import OfficerRefused
from ..people.grants import Grant, Wanted
from ..people.officers import SHELL, Officer
from ..people.people import CONSOLE, MY_DATA
from ..people.roles import ROLES, Reach, role_named
from ..review.evidence import check_text
from ..trust import register
from ..wiring import Services, open_services
from .member import Reason
from .outcome import told_plainly
from .printed import print_table

app = typer.Typer(help="Officers: people who sign in at /console, and their roles.", no_args_is_help=True)
AsJson = Annotated[bool, typer.Option("--json", help="Machine-readable output.")]
Id = Annotated[str, typer.Argument(help="The officer's id, e.g. OFF-7K2M9QXA.")]
GRANTABLE = ", ".join(each.name for each in ROLES.values() if each.reach is not Reach.SELF)
Role = Annotated[str, typer.Option(help=f"One of {GRANTABLE}.")]
Member = Annotated[str, typer.Option(help="The member that the role is for, where it is for one.")]
Territory = Annotated[str, typer.Option(help="Where the role is for a territory: a code such as LK-1103.")]
Days = Annotated[int, typer.Option(help="How long the role lasts.", min=1, max=grants.LONGEST.days)]


@app.command()
def add(
    name: Annotated[str, typer.Option(help="What people call the officer; kept out of the log.")],
    member: Annotated[str, typer.Option(help="The organisation, e.g. LK/GOV/WBB.")],
    login: Annotated[str, typer.Option(help="Make an account of the built-in provider; its password is shown.")] = "",
    issuer: Annotated[str, typer.Option(help="Otherwise: the issuer that vouches for the officer,")] = "",
    subject: Annotated[str, typer.Option(help="and the officer's subject there (`sub`).")] = "",
    role: Annotated[str, typer.Option(help=f"A first role: one of {GRANTABLE}.")] = "",
    territory: Territory = "",
    as_json: AsJson = False,
) -> None:
    """Register an officer, with an account of the built-in identity provider or one elsewhere."""
    with told_plainly():
        if bool(login) == bool(issuer and subject):
            raise OfficerRefused("give --login, or --issuer and --subject")
        made, password = asyncio.run(_add(Officer("", member, name, issuer, subject), login, role, territory))
    if as_json:
        typer.echo(json.dumps({"id": made.id} | ({"login": login, "password": password} if login else {})))
        return
    typer.echo(f"{made.id} is registered" + (f"; login {login}, password {password} (shown once)" if login else ""))


async def _add(wanted: Officer, login: str, role: str, territory: str) -> tuple[Officer, str]:
    async with open_services(writing=True) as here, here.db.write() as connection:
        return await registered(
            here, connection, wanted, login=login, roles=[role] if role else [], territory=territory
        )


async def registered(
    here: Services, connection: AsyncConnection, wanted: Officer, *, login: str, roles: Sequence[str], territory: str
) -> tuple[Officer, str]:
    """Register an officer of a registered member, with a login and roles; gives the password made, empty without.

    Raises:
        OfficerRefused: the member is unknown, the login is taken, or this gateway has no accounts of its own.
    """
    await _check_member(here, connection, wanted.member)
    issuer, subject, password, now = wanted.issuer, wanted.subject, "", utc_now()
    if login:
        own = next((each for each in here.people.offered(CONSOLE) if each.built_in), None)
        if own is None:
            raise OfficerRefused("this gateway has no accounts of its own; give --issuer and --subject")
        issuer = own.issuer
        subject, password = await here.people.accounts.add(connection, login, {})
    made = Officer(officers.new_officer_id(), wanted.member, wanted.name, issuer, subject)
    await officers.add(connection, here.log, made, by=SHELL, now=now)
    for role in roles:
        asked = _wanted(made.id, role, made.member, territory)
        await grants.give(connection, here.log, asked, here.profile.raw, by=SHELL, now=now)
    return made, password


@app.command()
def citizen(
    login: Annotated[str, typer.Option(help="The account's name at the built-in provider.")],
    number: Annotated[str, typer.Option(prompt="Identity number", help="Asked for if left out: keep it out of files.")],
) -> None:
    """Make an account that vouches for a person, to try /my-data on a laptop. The number is kept sealed."""
    with told_plainly():
        password = asyncio.run(_citizen(login, number))
    typer.echo(f"login {login}, password {password} (shown once)")


async def _citizen(login: str, number: str) -> str:
    async with open_services(writing=True) as here, here.db.write() as connection:
        own = next((each for each in here.people.offered(MY_DATA) if each.built_in), None)
        if own is None:
            raise OfficerRefused("this gateway has no accounts of its own; people sign in at their own provider")
        if not here.profile.patterns[here.profile.person_key].fullmatch(number):
            raise OfficerRefused(f"the number does not have the form of a {here.profile.person_key}")
        _, password = await here.people.accounts.add(connection, login, {own.citizen_claim: number})
        return password


@app.command("list")
def list_officers(as_json: AsJson = False) -> None:
    """Every officer with state and roles."""
    with told_plainly():
        found, held = asyncio.run(_officers())
    if as_json:
        typer.echo(json.dumps([_row(each, held(each.id)) for each in found], indent=2, ensure_ascii=False))
        return
    table = Table("id", "member", "name", "state", "roles")
    for each in found:
        table.add_row(each.id, each.member, each.name, each.state, ", ".join(map(_told, held(each.id))))
    print_table(table)


async def _officers() -> tuple[Sequence[Officer], Callable[[str], Sequence[Grant]]]:
    async with open_services() as here, here.db.read() as connection:
        held = await grants.everybodys(connection, utc_now())
        return await officers.listed(connection), lambda id_: held.get(id_, ())


@app.command()
def show(officer: Id, as_json: AsJson = False) -> None:
    """One officer: who vouches, which roles until when, granted by whom."""
    with told_plainly():
        found, held = asyncio.run(_officer(officer))
    if as_json:
        typer.echo(json.dumps(_row(found, held), indent=2, ensure_ascii=False))
        return
    typer.echo(f"{found.id}: {found.name}, {found.member}, {found.state}\n{found.issuer} {found.subject}")
    for each in held:
        typer.echo(f"  {each.id} {_told(each)} until {each.expires_at.date()}, granted by {each.granted_by}")


async def _officer(id_: str) -> tuple[Officer, Sequence[Grant]]:
    async with open_services() as here, here.db.read() as connection:
        return await officers.read(connection, id_), await grants.of(connection, id_, utc_now())


@app.command("role")
def grant_role(
    officer: Id,
    role: Annotated[str, typer.Argument(help=f"One of {GRANTABLE}; with --revoke, the id of the granted role.")],
    member: Member = "",
    territory: Territory = "",
    days: Days = grants.LONGEST.days,
    revoke: Annotated[bool, typer.Option("--revoke", help="Take the role with this id away.")] = False,
    reason: Reason = "",
) -> None:
    """Grant a role for a year at most, or take one away; `sandhi officer show` has the ids."""
    with told_plainly():
        until = utc_now() + timedelta(days=days)
        work = _revoke(officer, role, reason) if revoke else _grant(officer, role, member, territory, until)
        typer.echo(asyncio.run(work))


async def _revoke(id_: str, grant: str, reason: str) -> str:
    async with open_services(writing=True) as here, here.db.write() as connection:
        because = {"by": SHELL, "reason": check_text(reason, here.profile)}
        receipt = await grants.revoke(connection, here.log, id_, grant, **because, now=utc_now())
        return f"{grant} of {id_} is revoked; receipt {receipt}"


async def _grant(id_: str, role: str, member: str, territory: str, until: datetime) -> str:
    async with open_services(writing=True) as here, here.db.write() as connection:
        found = await officers.read(connection, id_)
        asked = _wanted(id_, role, member or found.member, territory, until)
        made = await grants.give(connection, here.log, asked, here.profile.raw, by=SHELL, now=utc_now())
        return f"{id_} is {_told(made)} until {made.expires_at.date()}; the role's id is {made.id}"


@app.command()
def suspend(officer: Id, reason: Reason = "") -> None:
    """Sign the officer out everywhere, and let nobody sign in as them until they are resumed."""
    _change_state(officer, "suspended", reason)


@app.command()
def resume(officer: Id, reason: Reason = "") -> None:
    """Let a suspended officer sign in again."""
    _change_state(officer, "active", reason)


@app.command()
def retire(officer: Id, reason: Reason = "") -> None:
    """Stop it for good."""
    _change_state(officer, "retired", reason)


def _change_state(officer: str, state: str, reason: str) -> None:
    with told_plainly():
        typer.echo(f"{officer} is {state}; receipt {asyncio.run(_state(officer, state, reason))}")


async def _state(id_: str, state: str, reason: str) -> str:
    async with open_services(writing=True) as here, here.db.write() as connection:
        because = {"by": SHELL, "reason": check_text(reason, here.profile)}
        return await officers.set_state(connection, here.log, id_, state, **because, now=utc_now())


async def _check_member(here: Services, connection: AsyncConnection, member: str) -> None:
    """Raise unless the member is registered, or is the gateway's own."""
    known = {each.id for each in await register.members(connection)} | {here.profile.gateway.rpartition("/")[0]}
    if member not in known:
        raise OfficerRefused(f"{member} is not registered; see `sandhi member list`")


def _wanted(id_: str, role: str, member: str, territory: str, until: datetime | None = None) -> Wanted:
    """The officer's own member, or the territory, where the role's reach asks for it."""
    reach = role_named(role).reach
    at = territory if reach is Reach.TERRITORY else ""
    return Wanted(id_, role, member if reach is Reach.MEMBER else "", at, until)


def _told(held: Grant) -> str:
    where = held.member or held.territory
    return f"{held.role} ({where})" if where else held.role


def _row(found: Officer, held: Sequence[Grant]) -> dict[str, object]:
    about = {"id": found.id, "member": found.member, "name": found.name, "state": found.state}
    roles = [
        {
            "id": each.id,
            "role": each.role,
            "member": each.member or None,
            "territory": each.territory or None,
            "granted_by": each.granted_by,
            "expires_at": each.expires_at.isoformat(),
        }
        for each in held
    ]
    return about | {"issuer": found.issuer, "subject": found.subject, "roles": roles}
