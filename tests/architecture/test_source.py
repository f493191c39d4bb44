"""How the code is written: sizes, words, what tests may not do, what no file may hold."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path
from statistics import median

import pytest
from architecture.checkout import ROOT, below, files, functions, name_of, parsed, product

FROZEN = ROOT / "gateway/migrations/versions"  # what databases went through: lists of columns, never edited again
UNFINISHED = re.compile(r"\b(TODO|FIXME|XXX)\b|NotImplementedError|type: ignore|# noqa")
SILENCED: dict[str, str] = {}  # path -> why the checker cannot be satisfied there
ELSEWHERE = re.compile(r"/(?:work|root)/|/(?:home|Users)/\w|index-url[ =]+\w+:")  # a machine's path, a package index
DODGES = {"skip", "skipif", "skipTest", "importorskip", "xfail"}


def written() -> list[Path]:
    """The product's code that people read and change."""
    return [path for path in product() if not path.is_relative_to(FROZEN)]


def lines(path: Path) -> list[str]:
    return path.read_text("utf-8").splitlines()


def test_a_file_fits_into_a_reader_s_head() -> None:
    assert {name_of(each): len(lines(each)) for each in written() if len(lines(each)) > 400} == {}


def test_a_function_fits_on_a_screen() -> None:
    lengths = {
        f"{name_of(path)}:{each.name}": (each.end_lineno or each.lineno) - each.lineno + 1
        for path in written()
        for each in functions(path)
    }
    over = {name: length for name, length in lengths.items() if length > 40}
    assert median(lengths.values()) <= 10
    assert len(over) <= len(lengths) / 100, over
    assert {name: length for name, length in over.items() if length > 60} == {}


def test_nothing_is_unfinished_and_no_checker_is_silenced() -> None:
    found = {name_of(each) for each in product() for line in lines(each) if UNFINISHED.search(line)}
    assert found == set(SILENCED)


def test_tables_are_printed_in_one_place_which_cuts_nothing_in_a_pipe() -> None:
    others = {name_of(each) for each in below("gateway", suffix=".py") if "Console()" in each.read_text("utf-8")}
    assert others == {"gateway/cli/printed.py"}


def test_every_failure_has_a_name() -> None:
    bare = [
        f"{name_of(path)}:{node.lineno}"
        for path in product()
        for node in ast.walk(parsed(path))
        if isinstance(node, ast.Raise) and node.exc is not None and _called(node.exc) in {"Exception", "BaseException"}
    ]
    assert bare == []


def _called(raised: ast.expr) -> str:
    raised = raised.func if isinstance(raised, ast.Call) else raised
    return raised.id if isinstance(raised, ast.Name) else ""


def test_no_file_is_called_after_nothing() -> None:
    vague = re.compile(r"(utils?|helpers?|managers?|misc|common|stuff)\.py")
    assert [name_of(each) for each in product() if vague.fullmatch(each.name)] == []


def test_no_test_dodges() -> None:
    dodging = [f"{name_of(path)}: {word}" for path in below("tests", suffix=".py") for word in _dodges(path)]
    assert dodging == []


def _dodges(path: Path) -> Iterator[str]:
    for node in ast.walk(parsed(path)):
        if isinstance(node, ast.Attribute) and node.attr in DODGES:
            yield node.attr
        if isinstance(node, ast.ImportFrom | ast.Import):
            names = [*(each.name for each in node.names), getattr(node, "module", None) or ""]
            yield from (name for name in names if name.startswith(("mock", "unittest")) or name in DODGES)


def test_every_test_file_has_its_own_name() -> None:
    names = [each.name for each in below("tests", suffix=".py") if each.name != "conftest.py"]
    assert sorted(names) == sorted(set(names))


def test_no_file_names_this_machine_or_a_package_registry() -> None:
    found = []
    for path in files():
        if path == Path(__file__) or path.is_relative_to(ROOT / "schemas/agency"):
            continue
        text = path.read_bytes().decode("utf-8", "replace")
        found += [f"{name_of(path)}: {match.group()}" for match in ELSEWHERE.finditer(text)]
    assert found == []


@pytest.mark.parametrize("folder", ["consent", "audit"])
def test_what_stands_alone_imports_itself_relatively(folder: str) -> None:
    absolute = [
        name_of(path)
        for path in below(folder, suffix=".py")
        for node in ast.walk(parsed(path))
        if (isinstance(node, ast.ImportFrom) and node.level == 0 and (node.module or "").split(".")[0] == folder)
        or (isinstance(node, ast.Import) and any(each.name.split(".")[0] == folder for each in node.names))
    ]
    assert absolute == []
