"""The README's table of systems, and the pages of our own profiles: each adapter has a row that says by what it is
proved, and a profile that nobody else published has everything that an agency needs to write its side."""

import re
from pathlib import Path

import pytest
from architecture.checkout import ROOT

from adapters.kit import discovery, golden
from sandbox.assembly import AGENCIES

NAMED = frozenset(
    {
        *("national_id", "civil_registration", "tax", "pension", "education", "ess", "driving_licence", "health"),
        *("samurdhi", "elders", "disability", "kidney", "public_works", "psp", "bank", "treasury", "grievance"),
        *("field_verification", "messaging", "social_registry", "employment_offices", "post_office", "e_letters"),
    }
)
PROFILES = {
    "pension": "pension-file",
    "health": "health-certificate",
    "employment_offices": "employment-offices",
    "grievance": "grievance",
    "field_verification": "field-verification",
    "bank": "bank-files",
    "post_office": "post-office-files",
    "treasury": "treasury-reports",
}


def rows() -> list[list[str]]:
    table = (ROOT / "README.md").read_text("utf-8").partition("\n## Systems\n")[2].partition("\n## ")[0]
    found = [
        [cell.strip() for cell in line.strip("|").split("|")] for line in table.splitlines() if line.startswith("| ")
    ]
    return [row for row in found if len(row) == 4 and not row[0].startswith("---")][1:]


def row_of(folder: Path) -> list[str]:
    name = folder.relative_to(ROOT).as_posix()
    (row,) = (each for each in rows() if f"`{name}`" in each[2])
    return row


FOLDERS = {each.relative_to(ROOT).as_posix(): each for each in discovery.discover().values()}
FOLDERS |= {each.relative_to(ROOT).as_posix(): each for each in discovery.second_wires().values()}


def test_the_systems_of_the_seeds_have_an_adapter_and_an_agency_in_the_sandbox() -> None:
    assert discovery.discover().keys() == NAMED
    assert set(AGENCIES) >= NAMED


@pytest.mark.parametrize("folder", sorted(FOLDERS))
def test_a_row_says_the_wire_the_contract_and_by_what_it_is_proved(folder: str) -> None:
    _, wire, _, proved = row_of(FOLDERS[folder])
    assert len(wire) > 10
    assert re.search(r"own sandbox only|nightly|by `xmlschema` beside `lxml`|OpenSSH", proved), proved
    for link in re.findall(r"\]\(([^)#]+)\)", f"{wire} {proved}"):
        assert (ROOT / link).exists(), link


@pytest.mark.parametrize("adapter", sorted(PROFILES))
def test_a_profile_of_our_own_has_layout_schema_errors_and_golden_failures(adapter: str) -> None:
    folder = discovery.discover()[adapter]
    page = (ROOT / f"docs/profiles/{PROFILES[adapter]}.md").read_text("utf-8")
    assert f"docs/profiles/{PROFILES[adapter]}.md" in row_of(folder)[1]
    assert "own profile" in page
    assert re.search(r"(?im)^#+ .*(error|refus|confirmation)", page), "a part about errors"
    assert len(re.findall(r"(?m)^\|.*`[A-Za-z_-]*[A-Z0-9-][A-Za-z0-9_-]*`", page)) >= 3, "a table of codes"
    assert "schemas/" in page or "answer.json" in page or re.search(r"(?m)^```", page), "a layout or a schema"
    failing = {each.name for each in golden.load(folder) if each.result == "error"}
    named = {each for each in failing if each in page} | set(re.findall(r"(?m)^### .*Golden failure", page))
    assert len(named) >= 2, f"name two golden failures of {sorted(failing)}"


def test_a_row_of_the_table_belongs_to_something_that_exists() -> None:
    named = {each for row in rows() for each in re.findall(r"`(adapters/[a-z_/]+)`", row[2])}
    assert named == set(FOLDERS)
