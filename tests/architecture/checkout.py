"""The checkout as the tests look at it: its files as git sees them, and its pages."""

import ast
import re
import subprocess
from collections.abc import Iterator
from functools import cache
from pathlib import Path

ROOT = Path(__file__).parents[2]
Function = ast.FunctionDef | ast.AsyncFunctionDef


@cache
def files() -> tuple[Path, ...]:
    """Every file that is tracked or would be: not what `.gitignore` names, not what was deleted."""
    command = ["git", "-c", "safe.directory=*", "ls-files", "--cached", "--others", "--exclude-standard", "-z"]
    listed = subprocess.run(command, cwd=ROOT, capture_output=True, check=True).stdout.decode()
    return tuple(sorted(path for name in set(listed.split("\0")) - {""} if (path := ROOT / name).is_file()))


def below(*folders: str, suffix: str) -> list[Path]:
    """The files of some folders that end with `suffix`; of the whole checkout without a folder."""
    starts = [ROOT / folder for folder in folders] or [ROOT]
    return [path for path in files() if path.suffix == suffix and any(path.is_relative_to(each) for each in starts)]


def product() -> list[Path]:
    """The Python files that are not tests."""
    return [path for path in below(suffix=".py") if not path.is_relative_to(ROOT / "tests")]


def pages() -> list[Path]:
    """Our own pages; what is vendored keeps its origin's links."""
    return [path for path in below(suffix=".md") if not path.is_relative_to(ROOT / "schemas/agency")]


def name_of(path: Path) -> str:
    """The path below the checkout."""
    return path.relative_to(ROOT).as_posix()


@cache
def parsed(path: Path) -> ast.Module:
    """The syntax tree of a Python file."""
    return ast.parse(path.read_text(encoding="utf-8"))


def functions(path: Path) -> Iterator[Function]:
    """Every function and method of a file, those inside others too."""
    return (node for node in ast.walk(parsed(path)) if isinstance(node, Function))


def blocks(text: str, language: str = r"\w*") -> list[tuple[str, str]]:
    """Fenced code blocks of a page: (what stands after the language, content)."""
    fenced = re.compile(rf"^```{language}\b(.*)\n((?s:.*?))^```$", re.MULTILINE)
    return [(told.strip(), body) for told, body in fenced.findall(text)]


def section(text: str, heading: str) -> str:
    """What stands under a heading of a page, up to the next one of any level."""
    return re.split(r"^#+ ", text.split(f"{heading}\n", 1)[1], maxsplit=1, flags=re.MULTILINE)[0]


def table(text: str) -> list[list[str]]:
    """The rows of the first table in a text, without its head; cells without back-quotes."""
    lines = [line for line in text.splitlines() if line.startswith("|")]
    return [[cell.strip().replace("`", "") for cell in line.strip("|").split(" | ")] for line in lines[2:]]
