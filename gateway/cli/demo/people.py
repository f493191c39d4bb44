"""Who may sign in at the demo's console: the officers of the country profile, with passwords made here and now."""

import json
import tomllib
from collections.abc import Iterator
from pathlib import Path

from ...people.officers import Officer
from ...trust.keys import write_new
from ...wiring import Services
from ..officer import registered

FILE = "officers.json"


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
