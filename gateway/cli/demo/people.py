"""Who may sign in at the demo's pages, with passwords made here and now: at the console the officers of the country
profile; at `/my-data` a few of the invented people; at the registry and at the local offices people with accounts of
those agencies.
"""

import json
import subprocess
import sys
import tomllib
from collections.abc import Iterator, Mapping
from itertools import islice
from pathlib import Path
from typing import Any

from ...people.officers import Officer
from ...people.people import MY_DATA
from ...people.roles import ROLES, Right
from ...settings import Settings
from ...trust.keys import write_new
from ...wiring import Services, open_services
from ..officer import registered

FILE = "officers.json"
CITIZENS = "citizens.json"
CITIZENS_MADE = 3
NOT_EMPLOYED = 2  # DCI's code: whom the registry asks about
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


async def admit_citizens(settings: Settings, data: Path) -> None:
    """Give some people about whom the registry will ask an account for `/my-data`, kept in `citizens.json` likewise."""
    if (data / CITIZENS).exists():
        return
    with (data / "sandbox" / "registrations.jsonl").open(encoding="utf-8") as lines:
        asked = filter(_is_asked_about, map(json.loads, lines))
        chosen = list(islice(asked, CITIZENS_MADE))
    kept = []
    async with open_services(settings, writing=True) as here, here.db.write() as connection:
        own = next(each for each in here.people.offered(MY_DATA) if each.built_in)
        for place, person in enumerate(chosen, 1):
            login, number = f"person-{place}", _number(person)
            _, password = await here.people.accounts.add(connection, login, {own.citizen_claim: number})
            kept.append({"login": login, "password": password, "name": person["names"][0]["value"], "number": number})
        write_new(data / CITIZENS, json.dumps(kept, indent=2) + "\n")


def who_may_sign_in(data: Path, gateway: str) -> Iterator[str]:
    """Lines for the person who started the demo: who uses the console, its API, and `/my-data`."""
    officers = json.loads((data / FILE).read_text(encoding="utf-8"))
    yield f"console: {gateway}/console; who may sign in (also in {data / FILE}):"
    yield from (_officer(each) for each in officers if _rights(each) - {Right.PEOPLE_ASSIST})
    yield f"help for people who are present, a program's calls: {gateway}/v1/assisted/uses; who may sign in for it:"
    yield from (_officer(each) for each in officers if Right.PEOPLE_ASSIST in _rights(each))
    yield f"what people see of themselves: {gateway}/my-data; who may sign in (also in {data / CITIZENS}):"
    for each in json.loads((data / CITIZENS).read_text(encoding="utf-8")):
        yield f"  {each['login']:<13} {each['password']:<18} {each['name']}"


def _officer(each: Mapping[str, str]) -> str:
    where = each.get("territory") or each["member"]
    return f"  {each['login']:<13} {each['password']:<18} {', '.join(each['roles'])} ({where})"


def _rights(officer: Mapping[str, str]) -> frozenset[Right]:
    """Empty for who works at a desk of the registry or of an office: the console has nothing for them."""
    return frozenset[Right]().union(*(ROLES[each].rights for each in officer["roles"]))


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


def _is_asked_about(person: Mapping[str, Any]) -> bool:
    return person["employment_status"] == NOT_EMPLOYED and bool(person["consents"]) and bool(_number(person))


def _number(person: Mapping[str, Any]) -> str:
    return next((str(each["value"]) for each in person["identifiers"] if each["type"] == "NIC"), "")


def _account(folder: Path, officer: Mapping[str, str]) -> str:
    """The password of the account made. A run that was cut too early may have left one whose password nobody has."""
    command = [sys.executable, "-m", "registry", "people"]
    where = ["--data", str(folder)]
    if officer["login"] in subprocess.check_output([*command, "list", *where], text=True).split():
        subprocess.run([*command, "remove", officer["login"], *where], check=True)
    added = [*command, "add", officer["login"], "--name", officer["name"], *where]
    return subprocess.check_output(added, text=True).strip()
