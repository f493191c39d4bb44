"""`sandhi keys`: the gateway's own keys, and what ends when."""

import asyncio
import json
from datetime import timedelta
from typing import Annotated

import typer
from rich.table import Table

from ..forecast import HORIZON, Line, forecast, known
from ..gate import utc_now
from ..key_care import key_care
from ..settings import Settings
from ..trust.evidence import entry
from ..trust.keys import AHEAD, AT_ONCE, GatewayKeys
from ..trust.posture import ring_rows
from ..trust.rotation import rotate
from ..trust.vault import rewrapped
from ..wiring import only_writer, open_services
from .outcome import told_plainly
from .printed import print_table

app = typer.Typer(help="The gateway's own keys: list, rotate, encrypt at rest; what ends when.", no_args_is_help=True)
AsJson = Annotated[bool, typer.Option("--json", help="Machine-readable output.")]


@app.command("list")
@app.command("show")
def show(as_json: AsJson = False) -> None:
    """Every key of the gateway: its use, since when, whether it is published, where it is. Never a private half."""
    with told_plainly():
        keys, vkeys = asyncio.run(_keys())
    rows = [row for ring in keys.rings for row in ring_rows(ring, utc_now())]
    if as_json:
        typer.echo(json.dumps({"keys": rows, "log": vkeys}, indent=2))
        return
    table = Table("use", "kid", "alg", "in use from", "state", "held in")
    for row in rows:
        table.add_row(row["use"], row["kid"], row["alg"], row["use_from"], row["state"], row["held"])
    print_table(table)
    for vkey in vkeys:
        typer.echo(f"log {vkey}")


async def _keys() -> tuple[GatewayKeys, list[str]]:
    async with open_services() as here:
        return here.trust.keys, list(await here.log.vkeys())


@app.command("rotate")
def rotate_key(
    use: Annotated[str, typer.Argument(help="token, message, encryption, or partner (RS256).")],
    at_once: Annotated[bool, typer.Option("--now", help="Use it in 3 seconds: after a leak, not as a habit.")] = False,
) -> None:
    """Make the next key. It is there now and used after 24 hours, so that nobody meets an unknown key."""
    with told_plainly():
        asyncio.run(_rotate(use, at_once=at_once))


async def _rotate(use: str, *, at_once: bool) -> None:
    now = utc_now()
    use_from = now + (AT_ONCE if at_once else AHEAD)
    async with open_services(writing=True) as here:
        keys = here.trust.keys
        key = await rotate(here.db, here.log, keys.folder, use, now=now, use_from=use_from, care=keys.care)
    typer.echo(f"{key.kid} is the {use} key from {use_from.isoformat(timespec='seconds')} on")


@app.command()
def rewrap() -> None:
    """Encrypt every key file anew with the newest keystore key, also those that were not encrypted yet.

    To change the key: put the new one before the old one in SANDHI_KEYSTORE_KEY for every process, rewrap, then drop
    the old one.
    """
    with told_plainly():
        names = asyncio.run(_rewrap())
    typer.echo(f"encrypted anew: {', '.join(names)}")


async def _rewrap() -> tuple[str, ...]:
    settings = Settings.read()
    with only_writer(settings):
        names = rewrapped(settings.data_dir / "keys", key_care(settings).vault)
    async with open_services(settings, writing=True) as here, here.db.write() as connection:
        await here.log.append_in(connection, entry("keystore.rewrapped", utc_now(), {"files": list(names)}))
    return names


@app.command("forecast")
def show_forecast(
    days: Annotated[int, typer.Option(min=1, max=3660, help="How far to look.")] = HORIZON.days, as_json: AsJson = False
) -> None:
    """What ends when (keys, certificates, secrets, agreements, consents), and which agreements stop then."""
    with told_plainly():
        lines = asyncio.run(_forecast(timedelta(days=days)))
    if as_json:
        typer.echo(json.dumps([each.document() for each in lines], indent=2, ensure_ascii=False))
        return
    if not lines:
        typer.echo(f"nothing ends within {days} days")
        return
    table = Table("on", "what", "whose", "which", "agreements that stop", "do")
    for each in lines:
        stops = ", ".join(each.stops) or "-"
        table.add_row(f"{each.at:%Y-%m-%d}", each.what, each.owner, each.name, stops, each.do)
    print_table(table)


async def _forecast(ahead: timedelta) -> list[Line]:
    now = utc_now()
    async with open_services() as here, here.db.read() as connection:
        return forecast(await known(connection, here.trust.keys, now, now + ahead), now, now + ahead)
