"""Writes docs/conformance.md from what a whole gateway did when it was asked: `python -m tests.conformance.statement`.

A test makes the page again and compares; what it claims is what happened.
"""

import asyncio
import re
import tempfile
from pathlib import Path

from gateway.edges.dci.operations import INTERFACES, OPERATIONS
from tests.conformance.ess import VERSION
from tests.conformance.ess.running import listed
from tests.conformance.played import Outcome, played
from tests.dci_house import dci_house

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "conformance.md"
SOURCES = ROOT / "schemas" / "dci" / "SOURCE.md"
ROW = re.compile(
    r"^\| `(?P<file>[a-z]+\.json)` \| .*?github (?P<repo>\S+) `(?P<path>[^`]+)` \| (?P<commit>[0-9a-f]{40})",
    re.MULTILINE,
)

HEAD = """# Conformance statement: DCI

Made by `python -m tests.conformance.statement` from what a gateway did when it was asked; a test makes it again, and
fails where it differs. DCI's documents have no conformance clause, so a claim names files, commits, suites, exceptions.

"""


def page(outcome: Outcome) -> str:
    """The page's text."""
    return HEAD + "\n".join([*_claim(outcome), *_interfaces(outcome), *_suite(outcome), *_exceptions(outcome)]) + "\n"


def sources() -> dict[str, str]:
    """Schema file -> `repository/path@commit` that it is derived from."""
    rows = ROW.finditer(SOURCES.read_text("utf-8"))
    return {f"dci/{each['file']}": f"{each['repo']}/{each['path']}@{each['commit'][:12]}" for each in rows}


def _claim(outcome: Outcome) -> list[str]:
    files = sources()
    validated = "\n".join(f"> - {name}: `{files[each.schema]}`" for name, each in INTERFACES.items())
    roles = "provider and consumer" if any(outcome.consumed.values()) else "provider"
    passed = sum(each.outcome == "passed" for each in outcome.report.results)
    return [
        f"> DCI registry protocol 1.0.0, roles {roles}, interfaces {', '.join(INTERFACES)}, validated against",
        ">",
        validated,
        ">",
        f"> passes the ESS conformance suite {VERSION} of this repository (`tests/conformance/ess`, {passed} of",
        f"> {len(listed())} checks) except those listed below.",
        "",
        f"Messages that were not valid by their file, both ways: {len(outcome.faults)}. The files are held resolved in",
        "[`schemas/dci`](../schemas/dci/SOURCE.md), which lists each correction of a published fault.",
        "",
    ]


def _interfaces(outcome: Outcome) -> list[str]:
    lines = [
        "## Operations",
        "",
        "As provider: asked of the gateway, and its callbacks. As consumer: what it asks and takes.",
        "",
    ]
    lines += ["| interface | as provider | as consumer |", "| --- | --- | --- |"]
    for name in INTERFACES:
        provided, consumed = _paths(outcome.provided[name]), _paths(outcome.consumed[name])
        lines.append(f"| {name} | {provided} | {consumed} |")
    return [*lines, ""]


def _suite(outcome: Outcome) -> list[str]:
    lines = ["## ESS suite", "", "| check | promise | result |", "| --- | --- | --- |"]
    lines += [f"| {each.id} | {each.title} | {each.outcome} |" for each in outcome.report.results]
    return [*lines, ""]


def _exceptions(outcome: Outcome) -> list[str]:
    lines = ["## Exceptions", ""]
    lines += [
        f"- {each.id}, {each.title}: {each.outcome}" for each in outcome.report.results if each.outcome != "passed"
    ]
    for name in INTERFACES:
        there = outcome.provided[name] | outcome.consumed[name]
        missing = [path for path, each in OPERATIONS.items() if each.interface in {"", name} and path not in there]
        if missing:
            lines.append(f"- {name}: not exchanged in this run: {', '.join(f'`{path}`' for path in missing)}")
    lines.append("- GraphQL is refused with `rjct.search_criteria.invalid`.")
    lines.append("- Refusals by agreement or consent have no code of DCI's own: [divergences](divergences.md).")
    return lines


def _paths(paths: frozenset[str]) -> str:
    return ", ".join(f"`{path}`" for path in OPERATIONS if path in paths) or "-"


def main() -> None:
    """Ask, and write the page."""
    with tempfile.TemporaryDirectory() as folder:
        PAGE.write_text(page(asyncio.run(_played_in(Path(folder)))), "utf-8")


async def _played_in(folder: Path) -> Outcome:
    async with dci_house(folder) as house:
        return await played(house)


if __name__ == "__main__":
    main()
