"""`sandhi keys`: the gateway's own keys."""

import asyncio
import json
from datetime import datetime
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from ..gate import utc_now
from ..trust.keys import AHEAD, GatewayKeys, Ring
from ..trust.rotation import rotate
from ..wiring import open_services
from .outcome import told_plainly

app = typer.Typer(help="The gateway's own keys: show, rotate.", no_args_is_help=True)
AsJson = Annotated[bool, typer.Option("--json", help="Machine-readable output.")]


@app.command()
def show(as_json: AsJson = False) -> None:
    """Every key of the gateway: its use, since when, whether it is published. Never a private half."""
    with told_plainly():
        keys, vkeys = asyncio.run(_keys())
    rows = shown(keys, utc_now())
    if as_json:
        typer.echo(json.dumps({"keys": rows, "log": vkeys}, indent=2))
        return
    table = Table("use", "kid", "alg", "signs from", "state")
    for row in rows:
        table.add_row(row["use"], row["kid"], row["alg"], row["use_from"], row["state"])
    Console().print(table)
    for vkey in vkeys:
        typer.echo(f"log {vkey}")


async def _keys() -> tuple[GatewayKeys, list[str]]:
    async with open_services() as here:
        return here.trust.keys, list(await here.log.vkeys())


def shown(keys: GatewayKeys, now: datetime) -> list[dict[str, str]]:
    """One row a key. `state` is next, current, previous (still published) or past."""
    return [row for ring in (keys.token, keys.message) for row in _rows(ring, now)]


def _rows(ring: Ring, now: datetime) -> list[dict[str, str]]:
    current, published = ring.signing(now), ring.published(now)
    rows = []
    for each in ring.keys:
        state = "next" if each.use_from > now else "previous" if each.key in published else "past"
        rows.append(
            {
                "use": ring.use,
                "kid": each.key.kid,
                "alg": each.key.alg,
                "use_from": each.use_from.isoformat(),
                "state": "current" if each.key is current else state,
            }
        )
    return rows


@app.command("rotate")
def rotate_key(
    use: Annotated[str, typer.Argument(help="token or message.")],
    at_once: Annotated[bool, typer.Option("--now", help="Sign with it at once: after a leak, not as a habit.")] = False,
) -> None:
    """Make the next key. It is published now and used after 24 hours, so that no receiver meets an unknown key."""
    with told_plainly():
        asyncio.run(_rotate(use, at_once=at_once))


async def _rotate(use: str, *, at_once: bool) -> None:
    now = utc_now()
    use_from = now if at_once else now + AHEAD
    async with open_services(writing=True) as here:
        key = await rotate(here.db, here.log, here.trust.keys.folder, use, now=now, use_from=use_from)
    typer.echo(f"{key.kid} signs {use}s from {use_from.isoformat(timespec='seconds')} on")
