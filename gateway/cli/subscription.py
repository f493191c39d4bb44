"""`sandhi subscription`: who is told what."""

from typing import Annotated

import typer

from ..delivery import jobs as work
from ..events.subscriptions import UNSUBSCRIBED, Subscription, SubscriptionRefused
from ..wiring import Services
from .jobs import AsJson, shown, time_of, with_services

app = typer.Typer(help="Who is told what: subscriptions to events.", no_args_is_help=True)


@app.command("list")
def list_subscriptions(
    system: Annotated[str, typer.Option(help="Only those of this system, or to it.")] = "",
    as_json: AsJson = False,
) -> None:
    """Every subscription, ended ones too."""

    async def listed(here: Services) -> list[dict[str, object]]:
        found = await here.subscriptions.all()
        return [_row(each) for each in found if not system or system in {each.subscriber, each.provider}]

    rows = with_services(listed, writing=False)
    columns = ("code", "subscriber", "provider", "event_type", "purpose", "frequency", "filter", "state")
    shown(rows, columns, as_json=as_json, empty="no subscriptions")


@app.command("end")
def end(code: Annotated[str, typer.Argument(help="Code of a subscription.")]) -> None:
    """End a subscription for its subscriber, who is told so. Nothing of it is handed over from now on."""

    async def ended(here: Services) -> str:
        try:
            each = await here.subscriptions.one(code)
        except KeyError:
            raise SubscriptionRefused("there is no subscription of this code; `sandhi subscription list`") from None
        await here.subscriptions.end(each.subscriber, code)
        now = here.subscriptions.clock().timestamp()
        async with here.db.write() as connection:
            await work.add(connection, UNSUBSCRIBED, code, now=now, lane=work.LIVE)
        return "ended"

    typer.echo(with_services(ended))


def _row(each: Subscription) -> dict[str, object]:
    return {
        "code": each.code,
        "subscriber": each.subscriber,
        "provider": each.provider,
        "event_type": each.event_type,
        "purpose": each.purpose,
        "frequency": each.frequency,
        "filter": "yes" if each.filter is not None else None,
        "state": each.state,
        "created": time_of(each.created),
    }
