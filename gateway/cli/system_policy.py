"""`sandhi system policy|certificate|secret|posture`: how systems may present themselves, and how they do."""

import asyncio
import json
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.table import Table
from sqlalchemy.ext.asyncio import AsyncConnection

from adapters.kit import strict_json

from ..gate import utc_now
from ..trust import Policy, RegistrationRefused, System, client_secrets, held_certificates, key_sets, register
from ..trust.errors import KeysRefused
from ..trust.key_sets import Fetched
from ..trust.posture import Posture, own_posture, postures
from ..wiring import Services, open_services
from .outcome import told_plainly
from .printed import print_table

AsJson = Annotated[bool, typer.Option("--json", help="Machine-readable output.")]
Name = Annotated[str, typer.Argument(help="The system's id or client id.")]
Work = Callable[[Services, AsyncConnection, System], Awaitable[str]]


def policy(
    name: Name,
    setting: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="MEMBER=VALUE", help="e.g. signature.window_s=60, bearer=true; repeatable."),
    ] = None,
    file: Annotated[Path | None, typer.Option(help="The whole policy as JSON, instead of single members.")] = None,
) -> None:
    """Show what is agreed about how a system presents itself, or change it; the log says what was raised and lowered.

    A list is separated by commas: --set signature.algorithms=RS256; an empty value is the empty list.
    """
    with told_plainly():
        typer.echo(asyncio.run(_policy(name, setting or [], file)))


async def _policy(name: str, given: Sequence[str], file: Path | None) -> str:
    changing = bool(given or file)
    async with open_services(writing=changing) as here:
        async with here.db.read() as connection:
            system = await named(connection, name)
        if not changing:
            return json.dumps(system.policy.document(), indent=2)
        after = Policy.read(_changed(_document(file) if file else system.policy.document(), given))
        fetched = await published(here, replace(system, policy=after)) if _moved(system, after) else None
        async with here.db.write() as connection:
            receipt = await register.change_policy(connection, here.log, system.id, after, utc_now())
            if fetched:
                await key_sets.put(connection, here.log, system, fetched, utc_now())
        here.trust.forget()
    return f"the policy of {system.id} is changed; receipt {receipt}"


def _moved(system: System, after: Policy) -> bool:
    return bool(after.jwks_uri) and after.jwks_uri != system.policy.jwks_uri


def _document(file: Path) -> Mapping[str, Any]:
    try:
        found = strict_json.loads(file.read_bytes())
    except strict_json.StrictError as error:
        raise RegistrationRefused(f"{file} was not read: {error}") from None
    if not isinstance(found, dict):
        raise RegistrationRefused(f"{file} is not a JSON object")
    return found


def _changed(document: Mapping[str, Any], given: Sequence[str]) -> dict[str, Any]:
    after: dict[str, Any] = json.loads(json.dumps(document))
    for each in given:
        place, equals, text = each.partition("=")
        *parents, member = place.split(".")
        part: Any = after
        for parent in parents:
            part = part.get(parent) if isinstance(part, dict) else None
        if not equals or not isinstance(part, dict) or member not in part:
            raise RegistrationRefused(f"{place} is no member of a policy; `sandhi system policy NAME` shows them all")
        part[member] = _value(text, part[member])
    return after


def _value(text: str, before: object) -> object:
    """The text as a value of the kind that is there; the policy says if it does not fit."""
    if isinstance(before, bool):
        return {"true": True, "yes": True, "false": False, "no": False}.get(text.lower(), text)
    if isinstance(before, list):
        return [each.strip() for each in text.split(",") if each.strip()]
    if isinstance(before, int | float):
        try:
            return int(text) if isinstance(before, int) else float(text)
        except ValueError:
            return text
    return text


def certificate(
    name: Name,
    file: Annotated[Path | None, typer.Argument(help="A client certificate in PEM that it may present.")] = None,
    retire: Annotated[str, typer.Option(help="Refuse the certificate with this thumbprint instead.")] = "",
) -> None:
    """Let a system present a client certificate (mutual TLS), or refuse one again."""

    async def work(here: Services, connection: AsyncConnection, system: System) -> str:
        if retire:
            receipt = await held_certificates.retire(connection, here.log, system, retire, utc_now())
            return f"{system.id} may no longer present {retire}; receipt {receipt}"
        if file is None:
            raise KeysRefused("name the file with the certificate in PEM, or --retire THUMBPRINT")
        pem = file.read_text("ascii", errors="replace")
        receipt = await held_certificates.add(connection, here.log, system, pem, utc_now())
        return f"{system.id} may present it; receipt {receipt}"

    _change(name, work)


def secret(
    name: Name,
    days: Annotated[int, typer.Option(min=1, max=366, help="How long it lives.")] = client_secrets.LIFETIME.days,
    withdraw: Annotated[bool, typer.Option("--withdraw", help="End every secret of the system at once.")] = False,
) -> None:
    """Make a client secret for a partner that can do nothing better. It is printed here, once, and kept as a hash.

    The one before stays in force for a week. The policy must allow it: --set client_secret=true.
    """

    async def work(here: Services, connection: AsyncConnection, system: System) -> str:
        now = utc_now()
        if withdraw:
            receipt = await client_secrets.withdraw(connection, here.log, system, now)
            return f"{system.id} has no client secret any more; receipt {receipt}"
        lifetime = client_secrets.days(days)
        made, receipt = await client_secrets.make(connection, here.log, system, now, lifetime)
        typer.echo(f"{system.id}: hand it over now, it is not shown again; receipt {receipt}", err=True)
        typer.echo(f"it ends {now + lifetime:%Y-%m-%d}", err=True)
        return made

    _change(name, work)


def posture(as_json: AsJson = False) -> None:
    """How each system may authenticate and bind its tokens, how it did, its exceptions, and what of it ends when."""
    with told_plainly():
        gateway, found = asyncio.run(_postures())
    if as_json:
        typer.echo(json.dumps({"gateway": gateway, "systems": [each.document() for each in found]}, indent=2))
        return
    table = Table("system", "state", "may", "did", "last used", "exceptions", "next end")
    for each in found:
        table.add_row(*_row(each))
    print_table(table)
    typer.echo(f"the gateway's own keys: {gateway['keys_at_rest']}; signing keys in {gateway['signing_keys_in']}")


async def _postures() -> tuple[dict[str, object], list[Posture]]:
    now = utc_now()
    async with open_services() as here, here.db.read() as connection:
        return own_posture(here.trust.keys, now), await postures(connection, now)


def _row(each: Posture) -> tuple[str, ...]:
    ends = [key.not_after for key in each.keys if key.not_after]
    ends += [end for end in each.certificates.values() if end] + list(each.secrets)
    return (
        each.system.id,
        each.system.state if each.in_force or each.system.state != "active" else "member not active",
        ", ".join((*each.authentication, *each.binding)),
        ", ".join(use.method for use in each.did) or "-",
        f"{each.last_used_at:%Y-%m-%d %H:%M}" if each.last_used_at else "never",
        "; ".join(each.system.policy.exceptions()) or "-",
        f"{min(ends):%Y-%m-%d}" if ends else "-",
    )


async def named(connection: AsyncConnection, name: str) -> System:
    """The system of this id or client id. Raises RegistrationRefused."""
    system = await register.find_system(connection, name)
    if system is None:
        raise RegistrationRefused(f"{name} is not registered; see `sandhi system list`")
    return system


async def published(here: Services, system: System) -> Fetched:
    """What the system publishes at its `jwks_uri` now. Raises KeysRefused."""
    if here.trust.key_sets is None:
        raise KeysRefused("this gateway fetches no key sets; give the keys with --jwks")
    return await here.trust.key_sets.fetched(system)


def _change(name: str, work: Work) -> None:
    with told_plainly():
        typer.echo(asyncio.run(_made(name, work)))


async def _made(name: str, work: Work) -> str:
    async with open_services(writing=True) as here:
        async with here.db.write() as connection:
            told = await work(here, connection, await named(connection, name))
        here.trust.forget()
        return told
