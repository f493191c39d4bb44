"""`docs/processes.md` is true: every service that a row names is offered, and every test that it names is there."""

import re
from pathlib import Path

from architecture.checkout import ROOT

from adapters.kit import discovery, manifest
from adapters.kit.callback import RECORD_TYPES

PAGE = ROOT / "docs" / "processes.md"
FLOWS = ROOT / "tests" / "flows"
ROW = re.compile(r"^\| (?!step|flow|---)(?P<what>.+) \| (?P<services>.+) \| `(?P<test>[^`]+)` \|$", re.MULTILINE)
NAMED = re.compile(r"`([^`]+)`")
ROWS = {"A": 12, "B: the registry": 11, "B, as-is": 17}


def rows(text: str) -> list[re.Match[str]]:
    return list(ROW.finditer(text))


def test_no_row_of_the_three_tables_is_missing() -> None:
    sections = re.split(r"^## ", PAGE.read_text("utf-8"), flags=re.MULTILINE)[1:]
    assert {key: len(rows(each)) for each, key in zip(sections, ROWS, strict=True) if each.startswith(key)} == ROWS


def test_every_service_of_a_row_is_offered_by_an_adapter_or_taken_by_a_registered_system() -> None:
    folders = discovery.discover().values()
    offered = {each.id for folder in folders for each in manifest.load(folder).services.values()}
    unknown = [
        service
        for row in rows(PAGE.read_text("utf-8"))
        for service in NAMED.findall(row["services"])
        if not service.startswith("POST ")
        and not (service in offered or ("/" in service and service.rpartition("/")[2] in RECORD_TYPES))
    ]
    assert unknown == []


def test_every_test_of_a_row_is_there_and_played() -> None:
    dead = [row["test"] for row in rows(PAGE.read_text("utf-8")) if not _played(*row["test"].split("::"))]
    assert dead == []


def _played(file: str, name: str = "") -> bool:
    """A test of its own, or a part that its file's only test plays."""
    path: Path = FLOWS / file
    text = path.read_text("utf-8") if path.exists() else ""
    if not name:
        return bool(text)
    defined = re.search(rf"^(async )?def {name}\(", text, re.MULTILINE) is not None
    return defined and (name.startswith("test_") or f"    {name},\n" in text)
