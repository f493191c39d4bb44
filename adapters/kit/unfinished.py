"""What somebody has still to say before a folder is done: marks of a draft, and codes that lead to nothing of ours."""

import re
import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import schemas
from adapters.kit import codes, conditions
from adapters.kit.untrusted.mapping_text import Lines

MARK = "CHANGE"
_MARKED = re.compile(r"\bCHANGE\b|\bchange@agency\.example\b")
_TABLE = re.compile(r"\s*\[\s*[\"']?([\w-]+)[\"']?\s*\]")
_CODE = re.compile(r"\s*[\"']?([\w./:+-]+)[\"']?\s*=")


def left_to_change(folder: Path) -> list[str]:
    """The lines that a draft left to a person, as `codes.toml:4: "CKD" = "CHANGE"`."""
    samples = (folder / "samples").glob("*")
    paths = [*sorted(folder.glob("*.toml")), *sorted(folder.glob("*.md")), *sorted(samples)]
    return [
        f"{path.relative_to(folder).as_posix()}:{number}: {' '.join(line.split())[:120]}"
        for path in paths
        if path.suffix in {".toml", ".md", ".golden"}
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1)
        if _MARKED.search(line)
    ]


def code_faults(folder: Path, lines: Lines, record_schema: str) -> Iterator[tuple[int, str]]:
    """Codes of ours in `codes.toml` that the record has not where a line puts them: line from 1, and words.

    Only lists that lines of the mapping name are judged; whether a sample uses the code does not matter.
    """
    path = folder / codes.FILE
    if not path.exists():
        return
    text = path.read_text(encoding="utf-8")
    tables = tomllib.loads(text)
    for field, table, part in _translated(lines, record_schema):
        for code, ours in tables.get(table, {}).items():
            if ours != MARK and not conditions.allowed(part, ours, schemas.load(record_schema)):
                told = f"our {field} is never {ours}: `sandhi adapter records` has its values"
                yield _line_of(text, table, code), f"{table}.{code}: {told}"


def _translated(lines: Lines, record_schema: str) -> Iterator[tuple[str, str, Mapping[str, Any]]]:
    """Each line with `codes`: our field, the list, and the part of the record's schema for the field."""
    whole: Mapping[str, Any] = schemas.load(record_schema)
    waiting = [("", lines, whole)]
    while waiting:
        before, here, around = waiting.pop()
        properties: Mapping[str, Any] = conditions.meant(around, whole).get("properties", {})
        for name, line in here.items():
            part = properties.get(name)
            if part is not None and "codes" in line:
                yield f"{before}{name}", line["codes"], part
            if part is not None and "each" in line:
                waiting.append((f"{before}{name}.", line["each"], conditions.meant(part, whole).get("items", {})))


def _line_of(text: str, table: str, code: str) -> int:
    """The line, from 1, of a code in its list; 0 where it is written in another way."""
    here = ""
    for number, line in enumerate(text.splitlines(), 1):
        if head := _TABLE.match(line):
            here = head.group(1)
        elif here == table and (key := _CODE.match(line)) and key.group(1) == code:
            return number
    return 0
