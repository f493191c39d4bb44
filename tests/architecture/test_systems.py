"""Every system that must work has a conformance suite, a row of the README that says by what it is proved, and an
exchange in a flow test; a profile that nobody else published has everything that an agency needs to write its side."""

import json
import re
from pathlib import Path

import pytest
from architecture.checkout import ROOT

from adapters.kit import discovery, golden, manifest
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


@pytest.mark.parametrize("adapter", sorted(PROFILES))
def test_a_profile_of_our_own_is_stored_as_a_document_that_judges(adapter: str) -> None:
    """Requests and refusals of messages, or the lines of files; the page leads to it, and fidelity.md names it."""
    name = f"schemas/agency/own/{PROFILES[adapter]}.json"
    parts = json.loads((ROOT / name).read_text("utf-8"))["$defs"]
    assert parts.keys() & {"refused", "refusal", "error"}, "what a refusal is"
    assert parts.keys() & {"search", "request", "list", "question", "report"}, "what a request is"
    assert f"]({'../../'}{name})" in (ROOT / f"docs/profiles/{PROFILES[adapter]}.md").read_text("utf-8")
    listed = (ROOT / "docs/fidelity.md").read_text("utf-8").splitlines()
    (row,) = (each for each in listed if each.startswith(f"| `adapters/{adapter}`"))
    assert f"`{name}`" in row


def test_every_stored_profile_is_one_of_an_adapter() -> None:
    stored = {each.stem for each in (ROOT / "schemas/agency/own").glob("*.json")}
    assert stored == set(PROFILES.values())


def test_a_row_that_says_own_profile_is_held_by_the_tests_above() -> None:
    said = {page for row in rows() for page in re.findall(r"own profile\]\(docs/profiles/([a-z-]+)\.md\)", row[1])}
    assert said == set(PROFILES.values())


@pytest.mark.parametrize("folder", sorted(FOLDERS))
def test_a_conformance_suite_runs_for_each_adapter(folder: str) -> None:
    """`suite(...)` in a contract test: of the folder that the call names, or that the module's constant does."""
    tests = [each.read_text("utf-8") for each in (ROOT / "tests/contract").glob("test_adapter_*.py")]
    assert any(folder in _suites(text) for text in tests)


def _suites(text: str) -> set[str]:
    """The folders, from the repository's root, that a test module runs the suite over by day."""
    constants: dict[str, str] = {}
    for names, values in re.findall(r"^([A-Z]+(?:, [A-Z]+)*) = (.*)", text, re.MULTILINE):
        constants |= zip(names.split(", "), re.findall(r'"(adapters/[a-z_/]+)"', values), strict=False)
    given = re.findall(r"^Test\w+ = suite\((.*)", text, re.MULTILINE)
    found = {constants.get(re.split(r"[,)]", each)[0], "") for each in given}
    return found | {name for each in given for name in re.findall(r'"(adapters/[a-z_/]+)"', each)}


@pytest.mark.parametrize("adapter", sorted(NAMED))
def test_an_exchange_of_each_system_is_in_a_flow_test(adapter: str) -> None:
    """A row of processes.md names a service of the adapter and the flow test that plays it (test_processes_page.py)."""
    services = {each.id for each in manifest.load(discovery.discover()[adapter]).services.values()}
    played = [line for line in (ROOT / "docs/processes.md").read_text("utf-8").splitlines() if "`test_" in line]
    assert any(f"`{each}`" in line for each in services for line in played)


def test_a_row_of_the_table_belongs_to_something_that_exists() -> None:
    named = {each for row in rows() for each in re.findall(r"`(adapters/[a-z_/]+)`", row[2])}
    assert named == set(FOLDERS)
