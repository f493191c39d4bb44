"""`sandhi system`: register the computer systems of members, their keys, and get a token as one of them."""

import asyncio
import json
from dataclasses import asdict, replace
from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table
from sandhi_client import Client, SandhiError

from ..gate import utc_now
from ..people.officers import SHELL
from ..review.evidence import check_text
from ..settings import Settings
from ..trust import Offered, Policy, RegistrationRefused, System, key_sets, register
from ..trust.addresses import check_callbacks
from ..wiring import Services, open_services
from . import system_policy
from .keyfiles import made_or_given
from .member import Reason, change_state
from .outcome import told_plainly
from .printed import print_table
from .system_policy import named, published

app = typer.Typer(help="Systems: a member's computer systems; they call, and may be called.", no_args_is_help=True)
AsJson = Annotated[bool, typer.Option("--json", help="Machine-readable output.")]
Name = Annotated[str, typer.Argument(help="The system's id or client id.")]
Scope = Annotated[
    list[str] | None, typer.Option(help="exchange, delivery, events, consent, agreement, audit, admin; repeatable.")
]
Service = Annotated[
    list[str] | None, typer.Option(help="NAME=CALLBACK_URL=RECORD_SCHEMA that it takes deliveries for; repeatable.")
]
for command in (system_policy.policy, system_policy.certificate, system_policy.secret, system_policy.posture):
    app.command()(command)


@app.command()
def add(
    system: Annotated[str, typer.Argument(help="Four parts, e.g. LK/GOV/WBB/SRIS; its member is registered.")],
    client: Annotated[str, typer.Option(help="Client id and file name; the dotted id otherwise.")] = "",
    name: Annotated[str, typer.Option(help="What people call it.")] = "",
    scope: Scope = None,
    service: Service = None,
    jwks: Annotated[Path | None, typer.Option(help="Its public keys; a key is made here otherwise.")] = None,
    jwks_uri: Annotated[str, typer.Option(help="Where it publishes its keys; they are fetched from there.")] = "",
    proposed: Annotated[bool, typer.Option("--proposed", help="Not to call yet; `resume` lets it.")] = False,
) -> None:
    """Register a system. Without its keys one is made, and clients/CLIENT.json of the data directory written."""
    with told_plainly():
        offered = tuple(_offered(each) for each in service or ())
        client_id, state = client or system.replace("/", "."), "proposed" if proposed else "active"
        policy = Policy.read({"jwks_uri": jwks_uri})
        made = System(system, client_id, name or client_id, frozenset(scope or ()), offered, state, policy)
        asyncio.run(_add(made, jwks))


async def _add(system: System, jwks: Path | None) -> None:
    async with open_services(writing=True) as here:
        await registered(here, system, jwks)


async def registered(here: Services, system: System, jwks: Path | None) -> None:
    """Register the system with its keys, in one transaction."""
    check_callbacks(system.services, here.trust.may_dial)
    if system.policy.jwks_uri:
        await _registered_from(here, system, jwks)
        return
    path = client_path(here.settings, system.client_id)
    keys, made = made_or_given(jwks)
    now = utc_now()
    async with here.db.write() as connection:
        receipt = await register.add_system(connection, here.log, system, now)
        await register.add_keys(connection, here.log, system.id, keys, now)
        if made:
            made.keep(path, _about(here.settings, system))
    here.trust.forget()
    typer.echo(f"{system.id} is registered; receipt {receipt}" + (f"; its credentials: {path}" if made else ""))


async def _registered_from(here: Services, system: System, jwks: Path | None) -> None:
    """Register the system with the keys that it publishes itself."""
    if jwks:
        raise RegistrationRefused("give --jwks or --jwks-uri, not both")
    fetched, now = await published(here, system), utc_now()
    async with here.db.write() as connection:
        receipt = await register.add_system(connection, here.log, system, now)
        await key_sets.put(connection, here.log, system, fetched, now)
    here.trust.forget()
    typer.echo(f"{system.id} is registered with {len(fetched.keys)} fetched keys; receipt {receipt}")


@app.command()
def change(
    name: Name,
    called: Annotated[str | None, typer.Option("--name", help="What people call it.")] = None,
    scope: Scope = None,
    service: Service = None,
) -> None:
    """Change its name, or replace all its scopes or all services it takes deliveries for; what is left out stays."""
    with told_plainly():
        offered = None if service is None else tuple(_offered(each) for each in service)
        scopes = None if scope is None else frozenset(scope)
        asyncio.run(_change(name, called, scopes, offered))


async def _change(
    name: str, called: str | None, scopes: frozenset[str] | None, offered: tuple[Offered, ...] | None
) -> None:
    async with open_services(writing=True) as here:
        check_callbacks(offered or (), here.trust.may_dial)
        async with here.db.write() as connection:
            kept = await named(connection, name)
            after = replace(
                kept,
                name=called or kept.name,
                scopes=kept.scopes if scopes is None else scopes,
                services=kept.services if offered is None else offered,
            )
            receipt = await register.change_system(connection, here.log, after, utc_now())
        here.trust.forget()
    typer.echo(f"{kept.id} is changed; receipt {receipt}")


@app.command()
def show(name: Name) -> None:
    """One system as JSON: state, scopes, services, policy, and its keys in force."""
    with told_plainly():
        typer.echo(json.dumps(asyncio.run(_shown(name)), indent=2, ensure_ascii=False))


async def _shown(name: str) -> dict[str, object]:
    async with open_services() as here, here.db.read() as connection:
        found, now = await named(connection, name), utc_now()
        keys = [
            dict(key.jwk) for use in ("sig", "enc") for key in await register.keys_of(connection, found.id, now, use)
        ]
        return _row(found) | {"jwks": {"keys": keys}}


@app.command("list")
def list_systems(as_json: AsJson = False) -> None:
    """Every system with its state, scopes and what it takes deliveries for."""
    with told_plainly():
        found = asyncio.run(_systems())
    if as_json:
        typer.echo(json.dumps([_row(each) for each in found], indent=2, ensure_ascii=False))
        return
    if not found:
        typer.echo("no system is registered yet; see `sandhi system add --help`")
        return
    table = Table("id", "client", "state", "scopes", "services")
    for each in found:
        services = ", ".join(offered.name for offered in each.services)
        table.add_row(each.id, each.client_id, each.state, ", ".join(sorted(each.scopes)), services)
    print_table(table)


async def _systems() -> tuple[System, ...]:
    async with open_services() as here, here.db.read() as connection:
        return await register.systems(connection)


@app.command()
def suspend(name: Name, reason: Reason = "") -> None:
    """Refuse it from its next call on, until it is resumed."""
    change_state(name, "suspended", reason)


@app.command()
def resume(name: Name, reason: Reason = "") -> None:
    """Let a suspended or proposed system call (again)."""
    change_state(name, "active", reason)


@app.command()
def retire(name: Name, reason: Reason = "") -> None:
    """Refuse it for good."""
    change_state(name, "retired", reason)


@app.command()
def key(
    name: Name,
    jwks: Annotated[Path | None, typer.Option(help="Public keys to add; one is made here otherwise.")] = None,
    retire: Annotated[str, typer.Option(help="Take the key with this kid out of force instead.")] = "",
    reason: Reason = "",
) -> None:
    """Rotate: add a key beside the old one, move the system over, then retire the old one."""
    with told_plainly():
        asyncio.run(_key(name, jwks, retire, reason))


async def _key(name: str, jwks: Path | None, retire: str, reason: str) -> None:
    async with open_services(writing=True) as here:
        typer.echo(await rotated(here, name, jwks, retire, reason))
        here.trust.forget()


async def rotated(here: Services, name: str, jwks: Path | None, retire: str, reason: str) -> str:
    """Add or retire keys of a system, in one transaction; gives the sentence to tell."""
    now = utc_now()
    async with here.db.write() as connection:
        system = await named(connection, name)
        if retire:
            because = {"by": SHELL, "reason": check_text(reason, here.profile)}
            receipt = await register.retire_key(connection, here.log, system.id, retire, now, **because)
            return f"{retire} of {system.id} is out of force; receipt {receipt}"
        if system.policy.jwks_uri:
            raise RegistrationRefused(f"the keys of {system.id} are fetched from where it publishes them")
        keys, made = made_or_given(jwks, system.policy.signature.algorithms)
        receipts = await register.add_keys(connection, here.log, system.id, keys, now)
        kids = ", ".join(each.kid for each in keys)
        if not made:
            return f"{system.id} may use {kids}; receipts {', '.join(receipts)}"
        path = client_path(here.settings, system.client_id).with_suffix(f".{keys[0].kid[:8]}.json")
        made.keep(path, _about(here.settings, system))
        return f"{system.id} may use {kids}; its credentials: {path}; receipts {', '.join(receipts)}"


@app.command()
def token(
    name: Annotated[str, typer.Argument(help="Credentials: clients/NAME.json of the data directory.")],
    proof: Annotated[
        tuple[str, str] | None, typer.Option(metavar="METHOD PATH", help="Print both headers for this one call.")
    ] = None,
) -> None:
    """Print an access token, bound to the system's own key: every use needs a fresh DPoP proof by that key.

    curl -H @<(sandhi system token sr --proof GET /v1/catalogue) http://127.0.0.1:8080/v1/catalogue
    """
    with told_plainly():
        path = client_path(Settings.read(), name)
        try:
            typer.echo(asyncio.run(_token(path, proof)))
        except SandhiError as error:
            typer.echo(f"sandhi: {error}", err=True)
            raise typer.Exit(1) from None


async def _token(path: Path, proof: tuple[str, str] | None) -> str:
    async with Client.from_file(path) as client:
        access = await client.session.token()
        if proof is None:
            return access
        method, target = proof
        made = client.session.proof(method.upper(), target, access)
        return f"Authorization: DPoP {access}\nDPoP: {made}"


def client_path(settings: Settings, client_id: str) -> Path:
    """Where a client's credentials are."""
    return settings.data_dir / "clients" / f"{client_id}.json"


def _about(settings: Settings, system: System) -> dict[str, str]:
    return {"gateway": settings["PUBLIC_URL"], "client_id": system.client_id, "system": system.id}


def _offered(text: str) -> Offered:
    parts = text.split("=")
    if len(parts) != 3 or not all(parts):
        raise RegistrationRefused("give a service as NAME=CALLBACK_URL=RECORD_SCHEMA")
    return Offered(*parts)


def _row(system: System) -> dict[str, object]:
    return {
        "id": system.id,
        "client_id": system.client_id,
        "name": system.name,
        "state": system.state,
        "scopes": sorted(system.scopes),
        "services": [asdict(each) for each in system.services],
        "policy": system.policy.document(),
    }
