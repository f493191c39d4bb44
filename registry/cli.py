"""The registry's command line: its server, its steps, and the desks where people decide.

Exit codes: 0, 1 (refused or failed; one sentence says why), 2 (usage).
"""

import asyncio
import json
from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Annotated

import typer
from sandhi_client import Client, SandhiError

from pages.desk import Account, Accounts, LoginRefused

from . import compliance, downloads, planning, review
from .checks import CHECKS, asked
from .consents import consents
from .control import control
from .errors import StepFailed
from .feedback import enrolments
from .intake import extract, load
from .listing import draw_up
from .member import member_of
from .practice import copied
from .push import push
from .report import figures
from .server import serve as run_server
from .settings import Settings
from .stage import Stage
from .store import Store, unpacked
from .updates import updates

Step = Callable[[Stage], Awaitable[None]]


def _group(text: str) -> typer.Typer:
    return typer.Typer(help=text, no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False)


app = _group("The social registry, a consumer of the gateway. Settings: REGISTRY_*.")
reviews = _group("The planning department looks at the lines to push.")
cases = _group("Compliance cases: a person decides each.")
people = _group("Who may sign in at the registry's pages.")
app.add_typer(reviews, name="review")
app.add_typer(cases, name="cases")
app.add_typer(people, name="people")

Folder = Annotated[Path, typer.Option("--data", help="Folder of the registry's database; made when absent.")]
Ids = Annotated[list[str], typer.Argument(help="Member ids.", metavar="ID...")]
Login = Annotated[str, typer.Argument(metavar="LOGIN")]
Why = Annotated[str, typer.Option("--reason", help="Why; it is kept.")]


def _check(step: str) -> Step:
    return lambda stage: asked(stage, step, CHECKS[step])


STEPS: Mapping[str, Step] = {
    "load": load,
    "consents": consents,
    "extract": extract,
    **{step: _check(step) for step in ("identity", "civil", "pension", "tax", "education", "enrolled")},
    "list": draw_up,
    "review": review.approve_all,
    "push": push,
    "enrolments": enrolments,
    "updates": updates,
    "compliance": compliance.compliance,
    "control": control,
}


@app.command("step")
def step_(
    name: Annotated[str, typer.Argument(help=", ".join(STEPS))],
    data: Folder,
    knowing: Annotated[
        int, typer.Option(help="Of control: sign it knowing of so many unexplained differences.", min=0)
    ] = 0,
) -> None:
    """Run one step; run again, it goes on where it stopped."""
    if name not in STEPS:
        raise typer.BadParameter(f"steps are {', '.join(STEPS)}", param_hint="NAME")
    if knowing and name != "control":
        raise typer.BadParameter("only control signs differences", param_hint="--knowing")
    step = partial(control, knowing=knowing) if knowing else STEPS[name]
    with stage_at(data) as stage:
        asyncio.run(_run(stage, step))


@app.command()
def serve(data: Folder) -> None:
    """Take events from the gateway, and reviews from people, on REGISTRY_PORT."""
    with stage_at(data) as stage:
        run_server(stage)


@app.command()
def practise(
    data: Folder, into: Annotated[Path, typer.Option("--into", help="Folder of the copy; made when absent.")]
) -> None:
    """Copy the registry as it was before its review, to learn on; nothing of the copy reaches the one that counts."""
    try:
        number = copied(data, into)
    except StepFailed as error:
        typer.echo(f"registry: {error}", err=True)
        raise typer.Exit(1) from None
    typer.echo(f"{number} lines to review in {into}; registry serve --data {into}")


@app.command("report")
def report_(data: Folder) -> None:
    """The registry's figures of the run, as JSON."""
    with stage_at(data) as stage:
        print(json.dumps(figures(stage.settings, stage.store), indent=2))


@app.command()
def withdraw(ids: Ids, data: Folder) -> None:
    """Tell the gateway that people withdrew their consents, all of them; counts from the next decision on."""

    async def tell(stage: Stage) -> None:
        for member in ids:
            rows = stage.store.rows("SELECT record FROM member WHERE id = ?", member)
            if not rows:
                raise StepFailed("there is no member of this id")
            withdrawn = await stage.client.withdraw_consent(member_of(rows[0]).subject())
            stage.tell(f"{len(withdrawn)} consents withdrawn")

    with stage_at(data) as stage:
        asyncio.run(_run(stage, tell))


@reviews.command("list")
def list_lines(
    data: Folder, all_: Annotated[bool, typer.Option("--all", help="Also lines decided on already.")] = False
) -> None:
    """Lines to review with their evidence, JSON Lines."""
    with stage_at(data) as stage:
        after = ""
        while some := list(review.lines(stage, waiting=not all_, after=after)):
            after = some[-1]["id"]
            for line in some:
                print(json.dumps(line))


@reviews.command("downloads")
def list_downloads(data: Folder) -> None:
    """Who took the list away as a table, when, and how many lines, JSON Lines, newest first."""
    with stage_at(data) as stage:
        for row in downloads.latest(stage.store, limit=-1):
            print(json.dumps(dict(row) | {"filters": unpacked(row["filters"])}, ensure_ascii=False))


@reviews.command()
def approve(ids: Ids, data: Folder, reason: Why) -> None:
    """Let lines be pushed."""
    _review("approve", ids, data, reason)


@reviews.command()
def reject(ids: Ids, data: Folder, reason: Why) -> None:
    """Keep lines from being pushed; they stay on the list with the reason."""
    _review("reject", ids, data, reason)


@reviews.command()
def comment(ids: Ids, data: Folder, reason: Why) -> None:
    """Note something beside lines."""
    _review("comment", ids, data, reason)


@cases.command("list")
def list_cases(data: Folder) -> None:
    """All cases, JSON Lines."""
    with stage_at(data) as stage:
        for row in stage.store.rows("SELECT * FROM compliance ORDER BY member"):
            print(json.dumps(dict(row), ensure_ascii=False))


@cases.command("decide")
def decide_case(
    id_: Annotated[str, typer.Argument(metavar="ID", help="Member id.")],
    decision: Annotated[str, typer.Argument(help="What was decided, in a word.")],
    data: Folder,
    reason: Why,
) -> None:
    """A person's decision on one case, after hearing whom it is about."""
    with stage_at(data) as stage:
        compliance.decided(stage, id_, decision, stage.settings.officer, reason)


@people.command("add")
def add_person(
    login: Login, data: Folder, name: Annotated[str, typer.Option("--name", help="The person's name.")]
) -> None:
    """Let a person sign in; prints the password, once."""
    with _accounts(data) as found:
        print(found.add(Account(login, name)))


@people.command("remove")
def remove_person(login: Login, data: Folder) -> None:
    """Take the account out; whoever is signed in with it is not any more."""
    with _accounts(data) as found:
        found.remove(login)


@people.command("list")
def list_people(data: Folder) -> None:
    """Logins and names."""
    with _accounts(data) as found:
        for each in found.all():
            print(f"{each.login}\t{each.name}")


@contextmanager
def _accounts(data: Path) -> Iterator[Accounts]:
    data.mkdir(parents=True, exist_ok=True, mode=0o700)
    try:
        yield planning.accounts(data)
    except LoginRefused as error:
        typer.echo(f"registry: {error}", err=True)
        raise typer.Exit(1) from None


@contextmanager
def stage_at(data: Path) -> Iterator[Stage]:
    """Everything a command needs; failures become one sentence and exit code 1."""
    try:
        settings = Settings.read(data)
        with Store(settings.folder) as store:
            yield Stage(settings, store, _client(settings), typer.echo)
    except (StepFailed, SandhiError) as error:
        typer.echo(f"registry: {error}", err=True)
        raise typer.Exit(1) from None


async def _run(stage: Stage, step: Step) -> None:
    async with stage.client:
        await step(stage)


def _client(settings: Settings) -> Client:
    try:
        return Client.from_file(settings.client)
    except (OSError, ValueError) as error:
        raise StepFailed(f"the credentials cannot be read, set REGISTRY_CLIENT: {error}") from error


def _review(action: str, ids: list[str], data: Path, reason: str) -> None:
    with stage_at(data) as stage:
        for member in ids:
            review.reviewed(stage, action, member, stage.settings.officer, reason)
        typer.echo(f"{len(ids)} {action}: noted for {stage.settings.officer}")
