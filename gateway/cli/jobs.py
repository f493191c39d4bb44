"""`sandhi jobs`: work under way, dead letters, campaigns.

Dead letters are released or dropped by two people, at the console or `POST /v1/approvals`; here they are only shown.
"""

import asyncio
import json
from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Annotated, TypeVar

import typer
from rich.table import Table

from ..delivery import letters as dead
from ..delivery.campaign_values import CampaignRefused
from ..delivery.queues import waiting_work
from ..events.subscriptions import SubscriptionRefused
from ..wiring import Services, open_services
from .outcome import told_plainly
from .printed import print_table

app = typer.Typer(help="Work under way, dead letters, campaigns.", no_args_is_help=True)
T = TypeVar("T")

AsJson = Annotated[bool, typer.Option("--json", help="Machine readable.")]
CampaignId = Annotated[str, typer.Argument(help="Id of a campaign, as `sandhi jobs campaigns` has it.")]


@app.command("list")
def list_jobs(as_json: AsJson = False) -> None:
    """How much work of each kind waits, since when, and what the last failures were."""

    async def counted(here: Services) -> list[dict[str, object]]:
        async with here.db.read() as connection:
            return await waiting_work(connection)

    rows = with_services(counted, writing=False)
    shown(rows, ("kind", "lane", "state", "last_failure", "count", "oldest"), as_json=as_json, empty="nothing waits")


@app.command("letters")
def list_letters(as_json: AsJson = False) -> None:
    """What did not go through for a day, grouped by its cause. Once it is mended, two people release the group."""

    async def grouped(here: Services) -> list[dict[str, object]]:
        async with here.db.read() as connection:
            return [each.wire() for each in await dead.groups(connection)]

    rows = with_services(grouped, writing=False)
    shown(rows, ("kind", "cause", "target", "count", "oldest"), as_json=as_json, empty="no dead letters")


@app.command("campaigns")
def list_campaigns(as_json: AsJson = False) -> None:
    """Every campaign: how far it is, and when it will have asked everybody."""

    async def listed(here: Services) -> list[dict[str, object]]:
        return [{**each.wire(), "consumer": each.consumer} for each in await here.campaigns.listed()]

    rows = with_services(listed, writing=False)
    columns = ("campaign_id", "consumer", "service", "state", "done", "lines", "used_today", "per_day", "expected_end")
    shown(rows, columns, as_json=as_json, empty="no campaigns")


@app.command()
def pause(campaign_id: CampaignId) -> None:
    """Let a campaign ask nothing more; what is under way is finished."""
    typer.echo(_become(campaign_id, "pause"))


@app.command()
def resume(campaign_id: CampaignId) -> None:
    """Let a paused campaign go on."""
    typer.echo(_become(campaign_id, "resume"))


def _become(campaign_id: str, verb: str) -> str:
    async def changed(here: Services) -> str:
        known = {each.id: each for each in await here.campaigns.listed(most=10_000)}
        if campaign_id not in known:
            raise CampaignRefused("there is no campaign of this id; `sandhi jobs campaigns` lists them")
        change = here.campaigns.pause if verb == "pause" else here.campaigns.resume
        return (await change(known[campaign_id].consumer, campaign_id)).state

    return with_services(changed)


def with_services(work: Callable[[Services], Awaitable[T]], *, writing: bool = True) -> T:
    """What `work` gives over an opened gateway; a refusal is one sentence and exit code 1."""

    async def opened() -> T:
        async with open_services(writing=writing) as here:
            return await work(here)

    try:
        with told_plainly():
            return asyncio.run(opened())
    except (CampaignRefused, SubscriptionRefused) as error:
        typer.echo(f"sandhi: {error}", err=True)
        raise typer.Exit(1) from None


def shown(rows: Sequence[Mapping[str, object]], columns: Sequence[str], *, as_json: bool, empty: str) -> None:
    """The rows as JSON or as a table; `empty` is said when there are none."""
    if as_json:
        typer.echo(json.dumps(list(rows), indent=1))
        return
    if not rows:
        typer.echo(empty)
        return
    table = Table(*columns)
    for each in rows:
        table.add_row(*("" if each[name] is None else str(each[name]) for name in columns))
    print_table(table)


def time_of(moment: float) -> str:
    """In UTC, to the second."""
    return datetime.fromtimestamp(moment, UTC).isoformat(timespec="seconds")
