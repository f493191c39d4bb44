"""Who may sign in at the demo's pages, with passwords made here and now: at the console the officers of the country
profile; at the registry and at the local offices people with accounts of those agencies.
"""

import json
import subprocess
import sys
import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path

from ...people.officers import Officer
from ...trust.keys import write_new
from ...wiring import Services
from ..officer import registered

FILE = "officers.json"
PLANNERS = "planners.json"
COUNSELLORS = Path("sandbox", "offices", "counsellors.json")


async def admit_officers(here: Services) -> None:
    """Register them and keep their passwords in `officers.json`, for its owner only; those there already stay."""
    path = here.settings.data_dir / FILE
    if path.exists():
        return
    rows = tomllib.loads((here.profile.folder / "officers.toml").read_text(encoding="utf-8"))["officer"]
    kept = []
    async with here.db.write() as connection:
        for row in rows:
            wanted = Officer("", row["member"], row["name"], "", "")
            at = {"login": row["login"], "roles": row["roles"], "territory": row.get("territory", "")}
            made, password = await registered(here, connection, wanted, **at)
            kept.append({"id": made.id, "password": password} | row)
        write_new(path, json.dumps(kept, indent=2) + "\n")


def who_may_sign_in(data: Path, gateway: str) -> Iterator[str]:
    """Lines for the person who started the demo."""
    yield f"console: {gateway}/console; who may sign in (also in {data / FILE}):"
    for each in json.loads((data / FILE).read_text(encoding="utf-8")):
        where = each.get("territory") or each["member"]
        yield f"  {each['login']:<13} {each['password']:<18} {', '.join(each['roles'])} ({where})"


def admit_planners(data: Path) -> None:
    """Give the planning reviewers among the officers an account at the registry, by its own command."""
    if (data / PLANNERS).exists():
        return
    officers = json.loads((data / FILE).read_text(encoding="utf-8"))
    planners = [each for each in officers if "planning_reviewer" in each["roles"]]
    kept = [{"login": each["login"], "password": _account(data / "registry", each)} for each in planners]
    write_new(data / PLANNERS, json.dumps(kept, indent=2) + "\n")


def who_may_sign_in_elsewhere(data: Path, registry: str, sandbox: str) -> Iterator[str]:
    """The same for the pages of the registry and of the local offices."""
    yield f"planning department: {registry}/desk; who may sign in (also in {data / PLANNERS}):"
    for each in json.loads((data / PLANNERS).read_text(encoding="utf-8")):
        yield f"  {each['login']:<20} {each['password']}"
    yield f"counsellors of the local offices: {sandbox}/counsel; one account an office, in {data / COUNSELLORS}:"
    first = json.loads((data / COUNSELLORS).read_text(encoding="utf-8"))[0]
    yield f"  {first['login']:<20} {first['password']}"


def _account(folder: Path, officer: Mapping[str, str]) -> str:
    """The password of the account made. A run that was cut too early may have left one whose password nobody has."""
    command = [sys.executable, "-m", "registry", "people"]
    where = ["--data", str(folder)]
    if officer["login"] in subprocess.check_output([*command, "list", *where], text=True).split():
        subprocess.run([*command, "remove", officer["login"], *where], check=True)
    added = [*command, "add", officer["login"], "--name", officer["name"], *where]
    return subprocess.check_output(added, text=True).strip()
