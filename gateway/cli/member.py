"""`sandhi member`: register organisations, with the keys they sign agreements with."""

import asyncio
import json
from dataclasses import asdict, replace
from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table

from consent import member_of

from ..gate import utc_now
from ..people import membership
from ..people.errors import ApprovalNeeded
from ..people.officers import SHELL
from ..review.evidence import check_text
from ..trust import Member, RegistrationRefused, register
from ..wiring import Services, open_services
from .keyfiles import made_or_given
from .outcome import told_plainly
from .printed import print_table

app = typer.Typer(help="Members: organisations that take part.", no_args_is_help=True)
AsJson = Annotated[bool, typer.Option("--json", help="Machine-readable output.")]
Id = Annotated[str, typer.Argument(help="Three parts, e.g. LK/GOV/WBB.")]
Contact = Annotated[str | None, typer.Option(help="Where its operators are reached; kept out of the log.")]
Security = Annotated[str | None, typer.Option(help="Whom to call about a leaked key or an attack.")]
Protection = Annotated[str | None, typer.Option("--data-protection-contact", help="Its data-protection officer.")]
Address = Annotated[str | None, typer.Option(help="By post.")]
Reason = Annotated[str, typer.Option(help="Why; becomes part of the entry, so name no person.")]


@app.command()
def add(
    member: Id,
    name: Annotated[str, typer.Option(help="The organisation's name.")],
    contact: Contact = None,
    security_contact: Security = None,
    data_protection: Protection = None,
    address: Address = None,
    proposed: Annotated[bool, typer.Option("--proposed", help="Not to take part yet; `resume` lets it.")] = False,
    jwks: Annotated[Path | None, typer.Option(help="Its public keys; a key is made here otherwise.")] = None,
) -> None:
    """Register a member. Without --jwks a key is made and kept in members/ of the data directory."""
    state = "proposed" if proposed else "active"
    made = Member(member, name, contact or "", state, security_contact or "", data_protection or "", address or "")
    with told_plainly():
        asyncio.run(_add(made, jwks))


async def _add(member: Member, jwks: Path | None) -> None:
    async with open_services(writing=True) as here:
        await registered(here, member, jwks)


async def registered(here: Services, member: Member, jwks: Path | None) -> None:
    """Register the member with its keys, in one transaction."""
    keys, made = made_or_given(jwks)
    path = _key_path(here, member.id)
    now = utc_now()
    async with here.db.write() as connection:
        receipt = await register.add_member(connection, here.log, member, now)
        await register.add_keys(connection, here.log, member.id, keys, now)
        if made:
            made.keep(path)
    here.trust.forget()
    typer.echo(f"{member.id} is registered; receipt {receipt}" + (f"; its key: {path}" if made else ""))


@app.command()
def change(
    member: Id,
    name: Annotated[str | None, typer.Option(help="The organisation's name.")] = None,
    contact: Contact = None,
    security_contact: Security = None,
    data_protection: Protection = None,
    address: Address = None,
) -> None:
    """Change its name, contacts or address; what is left out stays."""
    given = {
        "name": name,
        "contact": contact,
        "security_contact": security_contact,
        "data_protection_contact": data_protection,
        "address": address,
    }
    with told_plainly():
        asyncio.run(_change(member, {key: value for key, value in given.items() if value is not None}))


async def _change(member: str, given: dict[str, str]) -> None:
    async with open_services(writing=True) as here:
        async with here.db.write() as connection:
            kept = await register.find_member(connection, member)
            if kept is None:
                raise RegistrationRefused(f"{member} is not registered; see `sandhi member list`")
            receipt = await register.change_member(connection, here.log, replace(kept, **given), utc_now())
        here.trust.forget()
    typer.echo(f"{member} is changed; receipt {receipt}")


@app.command("list")
def list_members(as_json: AsJson = False) -> None:
    """Every member with its state."""
    with told_plainly():
        found = asyncio.run(_members())
    if as_json:
        typer.echo(json.dumps([asdict(each) for each in found], indent=2, ensure_ascii=False))
        return
    if not found:
        typer.echo("no member is registered yet; see `sandhi member add --help`")
        return
    table = Table("id", "name", "state", "contact", "security contact")
    for each in found:
        table.add_row(each.id, each.name, each.state, each.contact, each.security_contact)
    print_table(table)


async def _members() -> tuple[Member, ...]:
    async with open_services() as here, here.db.read() as connection:
        return await register.members(connection)


@app.command()
def show(member: Id) -> None:
    """One member as JSON: contacts, systems, and the keys it signs agreements with."""
    with told_plainly():
        typer.echo(json.dumps(asyncio.run(_shown(member)), indent=2, ensure_ascii=False))


async def _shown(member: str) -> dict[str, object]:
    async with open_services() as here, here.db.read() as connection:
        found = await register.find_member(connection, member)
        if found is None:
            raise RegistrationRefused(f"{member} is not registered; see `sandhi member list`")
        keys = await register.keys_of(connection, member, utc_now())
        systems = [each.id for each in await register.systems(connection) if each.member_id == member]
        return asdict(found) | {"systems": systems, "jwks": {"keys": [dict(key.jwk) for key in keys]}}


@app.command()
def key(
    member: Id,
    jwks: Annotated[Path | None, typer.Option(help="Public keys to add; one is made here otherwise.")] = None,
    retire: Annotated[str, typer.Option(help="Take the key with this kid out of force instead.")] = "",
    reason: Reason = "",
) -> None:
    """Rotate the key it signs agreements with. What an old key signed stays signed."""
    with told_plainly():
        typer.echo(asyncio.run(_key(member, jwks, retire, reason)))


async def _key(member: str, jwks: Path | None, retire: str, reason: str) -> str:
    now = utc_now()
    async with open_services(writing=True) as here, here.db.write() as connection:
        if retire:
            because = {"by": SHELL, "reason": check_text(reason, here.profile)}
            receipt = await register.retire_key(connection, here.log, member, retire, now, **because)
            return f"{retire} of {member} is out of force; receipt {receipt}"
        keys, made = made_or_given(jwks)
        receipts = await register.add_keys(connection, here.log, member, keys, now)
        told = f"{member} may use {', '.join(each.kid for each in keys)}; receipts {', '.join(receipts)}"
        if not made:
            return told
        path = _key_path(here, member).with_suffix(f".{keys[0].kid[:8]}.json")
        made.keep(path)
        return f"{told}; its key: {path}"


@app.command()
def suspend(member: Id, reason: Reason = "") -> None:
    """Stop all its systems at once, until it is resumed; a second person is asked to look at it."""
    change_state(member, "suspended", reason)


@app.command()
def resume(member: Id, reason: Reason = "") -> None:
    """Let a suspended or proposed member take part (again)."""
    change_state(member, "active", reason)


@app.command()
def retire(member: Id, reason: Reason = "") -> None:
    """Stop it for good."""
    change_state(member, "retired", reason)


def change_state(owner: str, state: str, reason: str) -> None:
    """Of a member or a system; exits 1 when the step is not allowed."""
    with told_plainly():
        asyncio.run(_change_state(owner, state, reason))


async def _change_state(owner: str, state: str, reason: str) -> None:
    async with open_services(writing=True) as here:
        because, now = {"by": SHELL, "reason": check_text(reason, here.profile)}, utc_now()
        async with here.db.write() as connection:
            system = await register.find_system(connection, owner)
            named = system.id if system else owner
            if state == "suspended" and not system:
                desk, ours = here.people.approvals, member_of(here.profile.gateway)
                receipt = await membership.suspend(connection, desk, named, **because, by_member=ours, now=now)
            elif here.settings.is_production and not system:
                raise ApprovalNeeded("In production two people do this: at the console, under Operation, Members.")
            else:
                receipt = await register.set_state(connection, here.log, named, state, now, **because)
        here.trust.forget()
    typer.echo(f"{named} is {state}; receipt {receipt}")


def _key_path(here: Services, member: str) -> Path:
    return here.settings.data_dir / "members" / f"{member.replace('/', '.')}.json"
