"""`sandhi member`: register organisations, with the keys they sign agreements with."""

import asyncio
import json
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from ..gate import utc_now
from ..trust import Member, register
from ..wiring import Services, open_services
from .keyfiles import made_or_given
from .outcome import told_plainly

app = typer.Typer(help="Members: organisations that take part.", no_args_is_help=True)
AsJson = Annotated[bool, typer.Option("--json", help="Machine-readable output.")]
Id = Annotated[str, typer.Argument(help="Three parts, e.g. LK/GOV/WBB.")]


@app.command()
def add(
    member: Id,
    name: Annotated[str, typer.Option(help="The organisation's name.")],
    contact: Annotated[str, typer.Option(help="Where its operators are reached; kept out of the log.")] = "",
    jwks: Annotated[Path | None, typer.Option(help="Its public keys; a key is made here otherwise.")] = None,
) -> None:
    """Register a member. Without --jwks a key is made and kept in members/ of the data directory."""
    with told_plainly():
        asyncio.run(_add(Member(member, name, contact), jwks))


async def _add(member: Member, jwks: Path | None) -> None:
    async with open_services(writing=True) as here:
        await registered(here, member, jwks)


async def registered(here: Services, member: Member, jwks: Path | None) -> None:
    """Register the member with its keys, in one transaction."""
    path = here.settings.data_dir / "members" / f"{member.id.replace('/', '.')}.json"
    keys, made = made_or_given(jwks)
    now = utc_now()
    async with here.db.write() as connection:
        receipt = await register.add_member(connection, here.log, member, now)
        await register.add_keys(connection, here.log, member.id, keys, now)
        if made:
            made.keep(path)
    here.trust.forget()
    typer.echo(f"{member.id} is registered; receipt {receipt}" + (f"; its key: {path}" if made else ""))


@app.command("list")
def list_members(as_json: AsJson = False) -> None:
    """Every member with its state."""
    with told_plainly():
        found = asyncio.run(_members())
    if as_json:
        rows = [{"id": each.id, "name": each.name, "contact": each.contact, "state": each.state} for each in found]
        typer.echo(json.dumps(rows, indent=2, ensure_ascii=False))
        return
    table = Table("id", "name", "state")
    for each in found:
        table.add_row(each.id, each.name, each.state)
    Console().print(table)


async def _members() -> tuple[Member, ...]:
    async with open_services() as here, here.db.read() as connection:
        return await register.members(connection)


@app.command()
def suspend(member: Id) -> None:
    """Stop all its systems at once, until it is resumed."""
    change_state(member, "suspended")


@app.command()
def resume(member: Id) -> None:
    """Let a suspended or proposed member take part (again)."""
    change_state(member, "active")


@app.command()
def retire(member: Id) -> None:
    """Stop it for good."""
    change_state(member, "retired")


def change_state(owner: str, state: str) -> None:
    """Of a member or a system; exits 1 when the step is not allowed."""
    with told_plainly():
        asyncio.run(_change_state(owner, state))


async def _change_state(owner: str, state: str) -> None:
    async with open_services(writing=True) as here:
        async with here.db.write() as connection:
            system = await register.find_system(connection, owner)
            named = system.id if system else owner
            receipt = await register.set_state(connection, here.log, named, state, utc_now())
        here.trust.forget()
    typer.echo(f"{named} is {state}; receipt {receipt}")
