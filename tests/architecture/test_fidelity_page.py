"""`docs/fidelity.md` is true: each adapter has a row, each contract is stored, each test is there with its judge."""

import re
from pathlib import Path

import pytest
from architecture.checkout import ROOT

from adapters.kit import discovery

PAGE = ROOT / "docs/fidelity.md"
NAMED = re.compile(r"`([^`]+)`")
JUDGES = {"`jsonschema`": "jsonschema", "`xmlschema`": "xmlschema", "R4B models": "fhir.resources", "golden": "SAMPLES"}
Row = tuple[str, list[str], str, list[str]]


def rows() -> list[Row]:
    """Adapters, contracts, judge, and the two tests of each line."""
    lines = [line for line in PAGE.read_text("utf-8").splitlines() if line.startswith("| `adapters/")]
    cells = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]
    return [(each[0], NAMED.findall(each[1]), each[2], [cell.strip("`") for cell in each[3:]]) for each in cells]


def text_of(test: str) -> str:
    """The file of a test; the test is defined in it."""
    name, _, function = test.partition("::")
    (path,) = (ROOT / "tests").rglob(name)
    text = path.read_text("utf-8")
    assert re.search(rf"^(async )?def {function}\(", text, re.MULTILINE), test
    return text + "".join(_imported(text))


def _imported(text: str) -> list[str]:
    """The helpers of the tests that a test leans on (`from tests.xroad_place import`)."""
    found = re.findall(r"^from tests\.(\w+) import", text, re.MULTILINE)
    return [Path(ROOT / f"tests/{each}.py").read_text("utf-8") for each in found]


def test_every_adapter_of_both_wires_has_one_row() -> None:
    listed = [name for adapters, _, _, _ in rows() for name in NAMED.findall(adapters)]
    folders = [*discovery.discover().values(), *discovery.second_wires().values()]
    assert sorted(listed) == sorted(each.relative_to(ROOT).as_posix() for each in folders)


@pytest.mark.parametrize("row", rows(), ids=lambda row: row[0].split("`")[1].removeprefix("adapters/"))
def test_the_contracts_are_stored_and_the_tests_use_their_judge(row: Row) -> None:
    _, contracts, judge, tests = row
    assert contracts
    assert [each for each in contracts if not (ROOT / each).is_file()] == []
    both = [text_of(each) for each in tests]
    assert len(both) == 2, "one for what is asked, one for what is answered"
    for word, used in JUDGES.items():
        if word in judge:
            assert any(used in text for text in both), f"no test of the row uses {used}"
