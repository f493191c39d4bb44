"""`sandhi adapter propose`, `test`, `inputs`, `release`...: what `/v1/adapters` does, for who runs the gateway.

The steps are those of `gateway.registration`, with the command line as the one who takes them. Where two people are
wanted (a gateway in production) putting a version on line is not done here, but proposed and approved at the console.
"""

import asyncio
import base64
import json
import sys
from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Annotated, Any, TypeVar

import typer
from rich.table import Table

from ..people.errors import ApprovalNeeded
from ..people.officers import SHELL
from ..registration import folder
from ..registration.errors import AdapterRefused, StepRefused
from ..registration.store import Version
from ..review.evidence import check_text
from ..wiring import Services, open_services
from .member import Reason
from .outcome import told_plainly
from .printed import print_table

T = TypeVar("T")
Adapter = Annotated[str, typer.Argument(help="The adapter's id: the folder's name.")]
Number = Annotated[int, typer.Argument(help="The version, as `versions` lists it.", min=1)]
AsJson = Annotated[bool, typer.Option("--json", help="Machine-readable output.")]


def add_to(app: typer.Typer) -> None:
    """Hang the commands under `sandhi adapter`."""
    for command in (propose, inputs, tried, release, versions, rollback, withdraw, lower, retire, outage, back):
        app.command("test" if command is tried else command.__name__)(command)


def propose(
    place: Annotated[
        Path, typer.Argument(metavar="FOLDER", help="The adapter's folder, or a zip of it as its page gives it.")
    ],
    member: Annotated[str, typer.Option(help="Whose it is, e.g. LK/GOV/EPF.")],
    system: Annotated[str, typer.Option(help="The member's registered system that it speaks for.")],
) -> None:
    """Judge a folder as a stranger's and keep it as the newest version of its adapter. Nothing runs yet."""

    async def work(here: Services) -> None:
        files = folder.of_zip(_encoded(place)) if place.is_file() else folder.of_directory(place)
        made = await here.registration.propose(files, member=member, system=system, by=SHELL)
        needed = ", ".join(sorted(made.needed)) or "nothing"
        typer.echo(f"{made.adapter} version {made.number} is kept ({made.digest[:12]}); it needs {needed}")

    if not place.exists():
        typer.echo(f"sandhi: there is no folder or zip {place}; check the path", err=True)
        raise typer.Exit(1)
    _run(work)


def _encoded(archive: Path) -> str:
    """Of a file that is too large only as much as shows it."""
    with archive.open("rb") as file:
        return base64.b64encode(file.read(folder.LARGEST_ZIP + 1)).decode()


def inputs(
    adapter: Adapter,
    stage: Annotated[str, typer.Option(help="`test` or `production`.")],
    values: Annotated[
        list[str] | None, typer.Argument(help="NAME=VALUE, or NAME to read the value from standard input.")
    ] = None,
) -> None:
    """Give addresses and secrets; they are sealed and never shown again. Those not named stay as they are."""

    async def work(here: Services) -> None:
        made = await here.registration.set_inputs(adapter, stage, _values(values or []), by=SHELL)
        typer.echo(f"{stage}: {', '.join(made['names'])}")

    _run(work)


def tried(adapter: Adapter, number: Number, as_json: AsJson = False) -> None:
    """Dry run against its samples, then a probe of the test endpoint; says the grade and what is missing for more."""

    async def work(here: Services) -> bool:
        report = await here.registration.test(adapter, number, by=SHELL)
        if as_json:
            typer.echo(json.dumps(report, indent=2))
        else:
            _tell(report)
        return bool(report["grade"] != "none")

    if not _run(work):
        raise typer.Exit(1)


def release(
    adapter: Adapter,
    number: Number,
    way: Annotated[str, typer.Option("--as", help="`active`, `canary` or `shadow`.")] = "active",
    share: Annotated[int, typer.Option(help="Of a canary: per cent of the exchanges.", min=0, max=99)] = 0,
) -> None:
    """Put a version on line. In production two people do that, at the console; elsewhere it happens at once."""

    async def work(here: Services) -> None:
        wanted = await here.registration.release_of(adapter, number, way, share)
        if here.settings.is_production:
            raise ApprovalNeeded(
                "in production this takes two people: one proposes it at the console (/v1/adapters/.../release), "
                "another approves"
            )
        await here.registration.released(adapter, wanted, by=SHELL)
        typer.echo(f"{adapter} version {number} is {way}" + (f" for {share} % of the exchanges" if share else ""))

    _run(work)


def versions(
    adapter: Annotated[str | None, typer.Argument(help="One adapter; all otherwise.")] = None, as_json: AsJson = False
) -> None:
    """Registered adapters and the state of their versions; of one: its inputs' names, outages and counts too."""

    async def work(here: Services) -> None:
        ids = [adapter] if adapter else [each.id for each, _ in await here.registration.listed()]
        shown = [await here.registration.shown(each) for each in ids]
        if as_json:
            typer.echo(json.dumps(shown, indent=2))
            return
        if not shown:
            typer.echo("no adapter is registered; `sandhi adapter propose` brings one")
            return
        table = Table("adapter", "version", "state", "grade", "digest", "by")
        for found in shown:
            for each in found["versions"]:
                state = f"{each['state']} {each['share']} %" if each["share"] else each["state"]
                row = (found["id"], str(each["version"]), state, each["grade"], each["digest"][:12], each["by"])
                table.add_row(*row)
        print_table(table)

    _run(work)


def list_registered(*, as_json: bool) -> None:
    """Each registered adapter by the version that runs, else the newest: state, grade, and what it is excused from."""

    async def work(here: Services) -> None:
        found = [(each, _shown_first(versions)) for each, versions in await here.registration.listed()]
        if as_json:
            told = [
                {"id": each.id, "member": each.member, "state": first.state, **first.conformance()}
                for each, first in found
            ]
            typer.echo(json.dumps(told, indent=2))
            return
        table = Table("id", "member", "version", "state", "grade", "excused from")
        for each, first in found:
            excused = "; ".join(f"{rule}: {reason}" for rule, reason in first.conformance()["exempt"].items())
            table.add_row(each.id, each.member, str(first.number), first.state, first.grade, excused)
        print_table(table)

    _run(work)


def _shown_first(versions: Sequence[Version]) -> Version:
    return next((each for each in versions if each.state == "active"), versions[0])


def rollback(adapter: Adapter, reason: Reason = "") -> None:
    """The version that was active before is active again, at once."""

    async def work(here: Services) -> None:
        back = await here.registration.rollback(adapter, by=SHELL, reason=check_text(reason, here.profile))
        typer.echo(f"{adapter} version {back.number} is active again")

    _run(work)


def withdraw(adapter: Adapter, number: Number, reason: Reason = "") -> None:
    """Take a canary or a shadow off line, at once."""
    _run(lambda here: here.registration.withdraw(adapter, number, by=SHELL, reason=check_text(reason, here.profile)))
    typer.echo(f"{adapter} version {number} is withdrawn")


def lower(adapter: Adapter, number: Number, share: Annotated[int, typer.Argument(help="Per cent.", min=1)]) -> None:
    """Let a canary answer less, at once."""
    _run(lambda here: here.registration.lower(adapter, number, share, by=SHELL))
    typer.echo(f"{adapter} version {number} answers {share} % of the exchanges")


def retire(adapter: Adapter, number: Number, reason: Reason = "") -> None:
    """This version never runs again; without an active version callers get `no_link`."""
    _run(lambda here: here.registration.retire(adapter, number, by=SHELL, reason=check_text(reason, here.profile)))
    typer.echo(f"{adapter} version {number} is retired")


def outage(
    adapter: Adapter,
    minutes: Annotated[int, typer.Option(help="How long it lasts.", min=1)],
    start: Annotated[str, typer.Option("--from", help="When, e.g. 2026-11-30T22:00:00+05:30; now otherwise.")] = "",
) -> None:
    """Announce that the agency is off line then: callers are told when to come again."""

    async def work(here: Services) -> None:
        begin = _moment(start) if start else here.trust.clock()
        made = await here.registration.plan_outage(adapter, begin, begin + timedelta(minutes=minutes), by=SHELL)
        typer.echo(f"outage {made.id} until {made.ends_at.isoformat()}")

    _run(work)


def back(
    adapter: Adapter, outage_id: Annotated[str, typer.Argument(metavar="OUTAGE", help="As `outage` said.")]
) -> None:
    """The agency is back early, or the outage is called off."""
    _run(lambda here: here.registration.end_outage(adapter, outage_id, by=SHELL))
    typer.echo(f"the outage of {adapter} is over")


def _run(work: Callable[[Services], Awaitable[T]]) -> T:
    """Open, work, close; a refusal as its sentences and exit code 1."""

    async def opened() -> T:
        async with open_services(writing=True) as here:
            return await work(here)

    with told_plainly():
        try:
            return asyncio.run(opened())
        except AdapterRefused as error:
            broken = any(each.code == "not_judged" for each in error.faults)
            told = (
                "the adapter was not judged"
                if broken
                else "the adapter cannot be used; mend what each line below names"
            )
            typer.echo(f"sandhi: {told}, then give this command again", err=True)
            for fault in error.faults:
                typer.echo(f"  {fault}", err=True)
            raise typer.Exit(1) from None


def _values(told: list[str]) -> dict[str, str]:
    found = {}
    for each in told:
        name, given, value = each.partition("=")
        found[name] = value if given else sys.stdin.readline().rstrip("\n")
    return found


def _moment(text: str) -> datetime:
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        raise StepRefused("a moment is written like 2026-11-30T22:00:00+05:30") from None
    if found.tzinfo is None:
        raise StepRefused("a moment has a time zone, like +05:30 or Z")
    return found


def _tell(report: dict[str, Any]) -> None:
    typer.echo(f"grade: {report['grade']}")
    for name, each in report["rules"].items():
        typer.echo(f"{each['standing']:6}  {each['grade']:6}  {name}")
        if told := each.get("missing") or each.get("reason"):
            typer.echo(f"                {told}")
    for each in report["probe"]:
        codes = ", ".join(f"{name} {each[name]}" for name in ("connection", "auth", "schema", "latency"))
        typer.echo(f"probe of {each['service']}: {codes} ({each['ms']} ms) {each['detail']}".rstrip())
    if missing := report["not_probed_without"]:
        typer.echo(f"not probed: give {', '.join(missing)} (sandhi adapter inputs --stage test)")
