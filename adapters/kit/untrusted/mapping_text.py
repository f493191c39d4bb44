"""Mappings of agencies: a closed grammar (`schemas/own/mapping.v1.json`), bounded in size.

A mapping has no expressions: a line is a pointer, a converter of our own by name, whether the value may be absent, and
at which values of one field above it is told. There is nothing to evaluate, no template, no attribute and no pattern of
the author's. What is left to bound is how much of it there is here, and how many values it takes from one answer
(`mapping.STEPS`).
"""

import re
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import schemas
from adapters.kit import converters

from .refused import ProgramRefused

SHAPE = "own/mapping.v1.json"
LIMIT = 64 * 1024
MOST_LINES = 500
DEPTH = 5  # of `each` within `each`

Lines = Mapping[str, Mapping[str, Any]]
_AT_LINE = re.compile(r"\(at line (\d+)")


def checked_mapping(text: bytes, where: str = "mapping.toml") -> dict[str, Lines]:
    """The lines of each service, for `mapping.compiled`.

    Raises:
        ProgramRefused: `too_large`, `toml`, `grammar`, `too_many_lines`, `too_deep`, `converter`, `condition_unknown`,
            `condition_later` or `condition_list`, with the line.
    """
    if len(text) > LIMIT:
        raise ProgramRefused("too_large", f"a mapping has at most {LIMIT} bytes", where=where)
    try:
        decoded = text.decode("utf-8")
        raw = tomllib.loads(decoded)
    except UnicodeDecodeError:
        raise ProgramRefused("toml", "not TOML (not UTF-8)", where=where) from None
    except RecursionError:
        raise ProgramRefused("too_deep", f"`each` goes at most {DEPTH} levels deep", where=where) from None
    except tomllib.TOMLDecodeError as error:
        found = _AT_LINE.search(str(error))
        line = int(found.group(1)) if found else 0
        raise ProgramRefused("toml", f"not TOML ({error})", where=where, line=line) from None
    _check(raw, decoded, where)
    return raw


def _check(raw: dict[str, Any], text: str, where: str) -> None:
    for count, path in enumerate(_paths(raw)):
        line = line_of(text, path)
        if count >= MOST_LINES:
            raise ProgramRefused("too_many_lines", f"a mapping has at most {MOST_LINES} lines", where=where, line=line)
        if len(path) > DEPTH + 2:
            raise ProgramRefused("too_deep", f"`each` goes at most {DEPTH} levels deep", where=where, line=line)
    if (fault := schemas.explained(schemas.validator(SHAPE), raw)) is not None:
        line = line_of(text, fault.partition(":")[0].split("/")[1:])
        raise ProgramRefused("grammar", f"breaks schemas/{SHAPE} at {fault}", where=where, line=line)
    for path, said, beside in _lines(raw):
        if broken := _converter_fault(said) or _condition_fault(path[-1], said, beside):
            raise ProgramRefused(*broken, where=where, line=line_of(text, path))


def _converter_fault(line: Mapping[str, Any]) -> tuple[str, str] | None:
    name = line.get("with")
    if name is None or converters.named(name):
        return None
    known = ", ".join(sorted(converters.CONVERTERS))
    return "converter", f"no converter {name}: there are {known}, and date:DD.MM.YYYY, month:MM/YYYY in any order"


def _condition_fault(name: str, line: Mapping[str, Any], beside: Lines) -> tuple[str, str] | None:
    """What `only_where` may name: one value that is known when the line's turn comes, so that nothing can go round."""
    for wanted in line.get("only_where", ()):
        if wanted not in beside:
            return "condition_unknown", f"only_where names {wanted}, which no line beside it maps"
        order = list(beside)
        if order.index(wanted) >= order.index(name):
            return "condition_later", f"only_where names {wanted}, which must stand on a line above {name}"
        if "each" in beside[wanted]:
            return "condition_list", f"only_where names {wanted}, which is a list; name a single value"
    return None


def line_of(text: str, path: Sequence[str]) -> int:
    """The line, from 1, in which a table, or a field of it, is told; as near as the text allows, 0 for nowhere."""
    found = 0
    for number, line in enumerate(text.splitlines(), 1):
        head = re.match(r"""\s*(\[?)\s*["']?([\w-]+)""", line)
        if head is None:
            continue
        if head.group(1) and path and head.group(2) == path[0]:
            found = number
        elif found and not head.group(1) and len(path) > 1 and head.group(2) == path[1]:
            return number
    return found


def _paths(raw: Mapping[str, Any]) -> Iterator[tuple[str, ...]]:
    """Service, field, field below it...: one path a line, whatever else the text may hold."""
    waiting: list[tuple[tuple[str, ...], object]] = [((name,), fields) for name, fields in raw.items()]
    while waiting:
        path, fields = waiting.pop()
        for name, line in fields.items() if isinstance(fields, Mapping) else ():
            yield (*path, name)
            if isinstance(line, Mapping) and "each" in line:
                waiting.append(((*path, name), line["each"]))


def _lines(raw: Mapping[str, Lines]) -> Iterator[tuple[tuple[str, ...], Mapping[str, Any], Lines]]:
    """Every line of a text that fits the grammar: its path, what it says, and the lines that it stands among."""
    for path in _paths(raw):
        beside: Any = raw[path[0]]
        for name in path[1:-1]:
            beside = beside[name]["each"]
        yield path, beside[path[-1]], beside
