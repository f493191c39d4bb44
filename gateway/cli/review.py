"""`sandhi audit` for those who review: findings, replay, reports, breach scope, statements."""

import asyncio
import json
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any, TypeVar

import typer
from rich.table import Table

from ..edges.v1.audit_named import of_case
from ..gate import utc_now
from ..review import breach as breaches
from ..review import findings, report_files, schedules
from ..review import statements as monthly
from ..review.evidence import check_reason, note_reading
from ..review.replay import DIFFERENT, Replaying
from ..review.reports import REPORTS, made
from ..review.rule_runner import rule_runner
from ..review.search import one_exchange
from ..wiring import Services, open_services
from .outcome import told_plainly
from .printed import print_table

findings_app = typer.Typer(help="What looks unusual, and who looks after it.", no_args_is_help=True)
T = TypeVar("T")

BY = "command-line"
AsJson = Annotated[bool, typer.Option("--json", help="Machine readable.")]
Why = Annotated[str, typer.Option("--reason", help="Why evidence is read (10 characters); becomes an entry.")]
Moment = Annotated[datetime | None, typer.Option(help="ISO 8601; UTC where no zone is given.")]


def add_to(app: typer.Typer) -> None:
    """The commands below, added to `sandhi audit`."""
    app.add_typer(findings_app, name="findings")
    for command in (replay, report, breach, statements):
        app.command(command.__name__)(command)


@findings_app.command("run")
def run_findings(
    since: Annotated[datetime | None, typer.Option(formats=["%Y-%m-%d"], help="First day to look at.")] = None,
) -> None:
    """Look for findings now, from where the last run ended. Running again adds nothing."""

    async def looked(here: Services) -> int:
        return await rule_runner(here).run(utc_now(), since=since.date() if since else None)

    typer.echo(f"{_with(looked)} new findings")


@findings_app.command("list")
def list_findings(
    state: Annotated[str, typer.Option(help="open, assigned or signed_off.")] = "",
    rule: Annotated[str, typer.Option(help="Name of a rule.")] = "",
    as_json: AsJson = False,
) -> None:
    """What was found: which rule, about what, who looks after it."""

    async def found(here: Services) -> list[dict[str, object]]:
        async with here.db.read() as connection:
            kept = await findings.listed(connection, state=state, rule=rule, most=10_000)
        return [findings.summary(each, here.profile.zone) for each in kept]

    rows = _with(found, writing=False)
    _shown(rows, ("id", "rule", "subject", "state", "assigned_to"), as_json=as_json, empty="no findings")


@findings_app.command("show")
def show(finding: Annotated[str, typer.Argument(help="Id of a finding.")]) -> None:
    """One finding: what was seen, why it matters, what to do, what was said."""

    async def found(here: Services) -> dict[str, object]:
        async with here.db.read() as connection:
            return await findings.shown(connection, await findings.read(connection, finding), here.profile.zone)

    typer.echo(json.dumps(_with(found, writing=False), indent=1, ensure_ascii=False))


def replay(
    exchange: Annotated[str, typer.Argument(help="Id of an exchange.")], why: Why, as_json: AsJson = False
) -> None:
    """Decide an exchange again on the facts as they were. Exit code 1 when the verdict is another."""

    async def decided(here: Services) -> dict[str, object]:
        reason = check_reason(why, here.profile)
        found = await here.log.store.read(lambda connection: one_exchange(connection, exchange))
        replayed = await Replaying(here.db, here.gate, here.person_ref).replayed(found)
        await note_reading(here.log, by=BY, how="replay", reason=reason, now=utc_now(), exchange=exchange, found=1)
        verdicts = {"logged": replayed.logged, "again": replayed.again}
        told = {name: each.wire() if each else None for name, each in verdicts.items()}
        return {"result": replayed.result, "why": replayed.why, "lines": replayed.lines} | told

    told = _with(decided)
    if as_json:
        typer.echo(json.dumps(told, indent=1, ensure_ascii=False))
    else:
        typer.echo(f"{told['result']}: {told['why']}" if told["why"] else str(told["result"]))
    if told["result"] == DIFFERENT:
        raise typer.Exit(1)


def report(
    name: Annotated[str, typer.Argument(help=f"{', '.join(REPORTS)}.")],
    every: Annotated[str, typer.Option(help=f"The last whole {', '.join(schedules.PERIODS)}.")] = "month",
) -> None:
    """Write a report of the last whole period into DATA/reports, as CSV and PDF."""
    if name not in REPORTS or every not in schedules.PERIODS:
        raise typer.BadParameter(f"a report is one of {', '.join(REPORTS)}; a period {', '.join(schedules.PERIODS)}")

    async def wrote(here: Services) -> list[Path]:
        now = utc_now()
        since, until = schedules.period_before(every, now, here.profile.zone)
        async with here.db.read() as connection:
            sheet = await made(connection, name, since, until, here.profile.zone, now)
        stem = schedules.stem(name, since, until)
        folder, sign = here.settings.data_dir / report_files.FOLDER, here.trust.sign_compact
        return await schedules.written(here.db, here.log, folder, stem, sheet, by=BY, now=now, sign=sign)

    for path in _with(wrote):
        typer.echo(str(path))


def breach(
    why: Why,
    kid: Annotated[str, typer.Option(help="Id of a key.")] = "",
    system: Annotated[str, typer.Option(help="Id of a system, e.g. LK/GOV/WBB/SRIS, or of a member.")] = "",
    agreement: Annotated[str, typer.Option(help="Id of an agreement.")] = "",
    since: Moment = None,
    until: Moment = None,
) -> None:
    """How many people, which fields, to whom: what a leaked key, system, agreement or period affects. Opens no case."""

    async def found(here: Services) -> dict[str, Any]:
        reason = check_reason(why, here.profile)
        criteria = breaches.Criteria(kid, system, agreement, _aware(since), _aware(until))
        scope = await breaches.scope_of(here.db, here.log, await of_case(here, criteria))
        used = sorted(criteria.wire())
        told = {"filters": used, "found": scope.exchanges}
        await note_reading(here.log, by=BY, how="breach", reason=reason, now=utc_now(), **told)
        return breaches.figures(scope)

    typer.echo(json.dumps(_with(found), indent=1))


def statements(month: Annotated[str, typer.Argument(help="YYYY-MM; over already.")]) -> None:
    """Issue the signed statements of a month to every system that took part and has none yet."""

    async def issued(here: Services) -> int:
        sign, zone = here.trust.sign_compact, here.profile.zone
        return await monthly.issue(here.db, here.log, sign, month, by=BY, now=utc_now(), zone=zone)

    typer.echo(f"{_with(issued)} statements issued")


def _with(work: Callable[[Services], Awaitable[T]], *, writing: bool = True) -> T:
    async def opened() -> T:
        async with open_services(writing=writing) as here:
            return await work(here)

    with told_plainly():
        return asyncio.run(opened())


def _shown(rows: list[dict[str, object]], columns: tuple[str, ...], *, as_json: bool, empty: str) -> None:
    if as_json:
        typer.echo(json.dumps(rows, indent=1, ensure_ascii=False))
        return
    if not rows:
        typer.echo(empty)
        return
    table = Table(*columns)
    for row in rows:
        table.add_row(*(str(row[each] or "") for each in columns))
    print_table(table)


def _aware(at: datetime | None) -> datetime | None:
    return at if at is None or at.tzinfo else at.replace(tzinfo=UTC)
