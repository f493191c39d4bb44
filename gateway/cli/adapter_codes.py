"""`sandhi adapter coverage`, `unmapped`, `map`, `health`: what mappings give, codes nobody knows, how agencies are."""

import asyncio
import json
from typing import Annotated, Any

import typer
from sandhi_client import Client, Problem

from adapters.kit import coverage as coverages
from adapters.kit import discovery

from ..agency_health import NO_LINK
from ..normalising import Asked, ClearingRefused, Unmapped
from ..settings import Settings
from ..wiring import Services
from .jobs import AsJson, shown, time_of, with_services
from .outcome import told_plainly

By = Annotated[str, typer.Option(help="Who says so, for the log.")]


def coverage(as_json: AsJson = False) -> None:
    """How much of the canonical record each mapping gives, and how much of that a golden sample shows."""
    found = [each for folder in discovery.discover().values() for each in coverages.covered(folder)]
    rows = [each.wire() for each in found]
    if as_json:
        typer.echo(json.dumps(rows, indent=1))
        return
    texts = [
        {name: f"{each[name]:.0%}" if name.startswith("of_") else _joined(each[name]) for name in each} for each in rows
    ]
    shown(texts, ("service", "of_record", "of_declared", "not_given", "not_shown", "codes"), as_json=False, empty="")


def unmapped(as_json: AsJson = False) -> None:
    """Codes of agencies that no mapping knows; a record went out with each, marked as unmapped."""

    async def listed(here: Services) -> list[dict[str, object]]:
        return [
            {
                "adapter": each.adapter,
                "list": each.list,
                "code": each.code,
                "count": each.count,
                "last_met": time_of(each.last_met),
                "choices": ", ".join(each.choices),
            }
            for each in await _queue(here).waiting()
        ]

    rows = with_services(listed, writing=False)
    columns = ("adapter", "list", "code", "count", "last_met", "choices")
    shown(rows, columns, as_json=as_json, empty="every code is known")


def map_code(
    adapter: Annotated[str, typer.Argument(help="Id of the adapter.")],
    code_list: Annotated[str, typer.Argument(metavar="LIST", help="A table of its codes.toml.")],
    code: Annotated[str, typer.Argument(help="The agency's own code.")],
    ours: Annotated[str, typer.Argument(help="Our code; `sandhi adapter unmapped` has the choices.")],
    by: By = "operator",
) -> None:
    """Say what a code means: an entry of the log, in force from the next answer on. A later word replaces it."""

    async def cleared(here: Services) -> str:
        return await _queue(here).cleared(Asked(adapter, code_list, code, ours), by=by)

    try:
        receipt = with_services(cleared)
    except ClearingRefused as error:
        typer.echo(f"sandhi: {error}", err=True)
        raise typer.Exit(1) from None
    typer.echo(f"{adapter} {code_list}: {code} is {ours} from now on; receipt {receipt}")


def health(
    name: Annotated[str, typer.Option("--as", help="Credentials: clients/NAME.json, with scope admin.")] = "operator",
    as_json: AsJson = False,
) -> None:
    """How each agency has been lately, as the running gateway saw it; exits 1 when one of them is left alone."""
    with told_plainly():
        answer = asyncio.run(_asked(name))
    if "agencies" not in answer:
        typer.echo(f"sandhi: {answer.get('detail', 'refused')}", err=True)
        raise typer.Exit(1)
    found: list[dict[str, Any]] = answer["agencies"]
    rows = [
        each | {"newest": _joined(sorted(each["newest"].values())[-1:]), "quota": _quota(each["quota"])}
        for each in found
    ]
    columns = ("adapter", "state", "calls", "failures", "ok_ago_s", "failed_ago_s", "newest", "quota")
    shown(found if as_json else rows, columns, as_json=as_json, empty=f"no agency: {NO_LINK} to any")
    if any(each["state"] == "open" for each in found):
        raise typer.Exit(1)


async def _asked(name: str) -> dict[str, Any]:
    async with Client.from_file(Settings.read().data_dir / "clients" / f"{name}.json") as client:
        try:
            reply = await client.session.call("GET", "/v1/agency-health")
        except Problem as problem:
            return dict(problem.document)
        answer: dict[str, Any] = json.loads(reply.body)
        return answer


def _quota(told: dict[str, int] | None) -> str:
    return f"{told['used_today']} of {told['per_day']}" if told else "-"


def _queue(here: Services) -> Unmapped:
    return Unmapped(here.db, here.log, here.catalogue)


def _joined(value: object) -> str:
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value)


def add_to(app: typer.Typer) -> None:
    """Put these under `sandhi adapter`."""
    app.command()(coverage)
    app.command()(unmapped)
    app.command("map")(map_code)
    app.command()(health)
