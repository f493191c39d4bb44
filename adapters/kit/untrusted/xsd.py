"""XML Schemas of agencies: XSD 1.0, all in one file, with nothing that multiplies.

Source: XML Schema 1.0 parts 1 and 2 (second edition). What libxml2 cannot bound by itself is refused by its text; the
rest is compiled once in a sealed process (`sealed_xsd.py`) before this one compiles it.
"""

import json
import subprocess
import sys
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path

from lxml import etree

from adapters.kit import strict_xml
from adapters.kit.strict_json import StrictError

from . import patterns
from .refused import ProgramRefused
from .sealed_xsd import compiled
from .shapes import XSD, line_of, local_name

LIMIT = 1024 * 1024
ELEMENTS = 20_000
MOST_OCCURS = 10_000
MOST_ENUMERATION = 1_000  # values of one type: each value of a document is compared with all
MOST_MODEL = 20_000  # particles of one content model, with its groups written out
DEEPEST_MODEL = 100  # groups within groups, and types that extend types
TRIAL_S = 5.0

_VERSIONING = "{http://www.w3.org/2007/XMLSchema-versioning}"
_OUTSIDE = frozenset({"include", "override", "redefine"})
_NEWER = frozenset({"alternative", "assert", "assertion", "defaultOpenContent", "explicitTimezone", "openContent"})
_IDENTITY = frozenset({"key", "keyref", "unique"})
_SEALED = Path(__file__).with_name("sealed_xsd.py")


@cache
def checked_xsd(text: bytes, where: str = "schema.xsd", *, trial: bool = True) -> etree.XMLSchema:
    """The compiled schema that somebody else wrote. Imports are cut off: nothing is ever fetched, and a definition that
    needs an imported one does not compile.

    Args:
        text: the XML document.
        where: its name, for the error.
        trial: compile it in a sealed process first; not needed for what lies in this repository.

    Raises:
        ProgramRefused: `xml`, `too_large`, `not_xsd`, `outside`, `xsd_1_1`, `identity`, `occurs`, `enumeration`,
            `pattern`, `model` or `schema`, with the line.
    """
    otherwise = ("not_xsd", "the root is not an XSD schema")
    root = read_root(text, where, f"{{{XSD}}}schema", limit=LIMIT, otherwise=otherwise)
    check_text(root, where)
    for imported in root.findall(f"{{{XSD}}}import"):
        root.remove(imported)
    return compiled_schema(etree.tostring(root).decode(), {}, where, trial=trial)


def check_text(root: etree._Element, where: str) -> None:
    """What can be told of a schema without compiling it.

    Raises:
        ProgramRefused: as `checked_xsd`, but for `schema`.
    """
    if sum(1 for _ in root.iter()) > ELEMENTS:
        raise ProgramRefused("too_large", f"a schema has at most {ELEMENTS} elements", where=where)
    for node in root.iter(f"{{{XSD}}}*"):
        _check(node, where)
    _Models(root, where).check()


def compiled_schema(text: str, copies: Mapping[str, str], where: str, *, trial: bool) -> etree.XMLSchema:
    """A checked schema, compiled; `copies` are all that its imports may lead to, by location.

    Raises:
        ProgramRefused: `schema`.
    """
    if trial:
        _try_out(json.dumps([text, dict(copies)]).encode(), where)
    try:
        return compiled(text, copies)
    except etree.XMLSchemaParseError as error:
        raise _uncompiled(error, where) from None


def read_root(text: bytes, where: str, tag: str, *, limit: int, otherwise: tuple[str, str]) -> etree._Element:
    """The root of a stranger's XML document of at most `limit` bytes, if it is a `tag`.

    Raises:
        ProgramRefused: `xml`; or the code and text that `otherwise` gives, for another root.
    """
    try:
        root = strict_xml.parse(text, limit=limit)
    except StrictError as error:
        raise ProgramRefused("xml", str(error), where=where) from None
    if root.tag != tag:
        raise ProgramRefused(*otherwise, where=where, line=line_of(root))
    return root


def _check(node: etree._Element, where: str) -> None:
    if fault := next(_faults(node), None):
        raise ProgramRefused(*fault, where=where, line=line_of(node))
    if local_name(node) == "pattern":
        try:
            patterns.check(node.get("value", ""))
        except ProgramRefused as error:
            raise ProgramRefused(error.code, error.detail, where=where, line=line_of(node)) from None


def _faults(node: etree._Element) -> Iterator[tuple[str, str]]:
    """What one element breaks: code and text."""
    name = local_name(node)
    if name in _OUTSIDE:
        yield "outside", f"{name} is not followed: put all definitions into one file"
    if name in _NEWER or any(str(each).startswith(_VERSIONING) for each in node.attrib):
        yield "xsd_1_1", "only XSD 1.0 is run: no assertions, alternatives or open content"
    if name in _IDENTITY:
        yield "identity", f"{name} compares every element with every other: leave it out, the mapping can check it"
    for occurs in (node.get("minOccurs", "1"), node.get("maxOccurs", "1")):
        bounded = occurs.strip()
        if bounded != "unbounded" and (not bounded.isdecimal() or len(bounded) > 9 or int(bounded) > MOST_OCCURS):
            yield "occurs", f"minOccurs and maxOccurs go up to {MOST_OCCURS}, or `unbounded`"
    if name == "restriction" and len(node.findall(f"{{{XSD}}}enumeration")) > MOST_ENUMERATION:
        yield "enumeration", f"a type lists at most {MOST_ENUMERATION} values"


class _Models:
    """Counts content models with the groups and base types they refer to written out."""

    def __init__(self, root: etree._Element, where: str) -> None:
        self._root, self._where = root, where
        self._named = {
            (local_name(each), each.get("name", "")): each
            for each in root
            if local_name(each) in {"attributeGroup", "complexType", "group"}
        }
        self._sizes: dict[etree._Element, int] = {}

    def check(self) -> None:
        """Raise for a model that is too large, or holds itself."""
        for node in self._root.iter(f"{{{XSD}}}complexType", f"{{{XSD}}}group", f"{{{XSD}}}attributeGroup"):
            self._size(node, 0)

    def _size(self, node: etree._Element, depth: int) -> int:
        if node in self._sizes:
            if self._sizes[node] < 0:
                raise self._refused(node, "a group or a base type holds itself")
            return self._sizes[node]
        if depth > DEEPEST_MODEL:
            raise self._refused(node, f"groups and base types go more than {DEEPEST_MODEL} levels deep")
        self._sizes[node] = -1
        inner = [each for each in node if local_name(each) not in {"annotation", "element", "attribute"}]
        total = 1 + sum(self._size(each, depth + 1) for each in inner)
        total += sum(local_name(each) in {"element", "attribute"} for each in node)
        if (meant := self._meant(node)) is not None:
            total += self._size(meant, depth + 1)
        if total > MOST_MODEL:
            raise self._refused(node, f"a content model has more than {MOST_MODEL} parts with its groups written out")
        self._sizes[node] = total
        return total

    def _meant(self, node: etree._Element) -> etree._Element | None:
        name = local_name(node)
        if name in {"group", "attributeGroup"}:
            return self._named.get((name, node.get("ref", "").rpartition(":")[2]))
        if name == "extension":
            return self._named.get(("complexType", node.get("base", "").rpartition(":")[2]))
        return None

    def _refused(self, node: etree._Element, told: str) -> ProgramRefused:
        return ProgramRefused("model", told, where=self._where, line=line_of(node))


def _try_out(text: bytes, where: str) -> None:
    """Compile in a process that may use one second and 512 MiB, and open no file."""
    command = [sys.executable, "-I", str(_SEALED)]
    try:
        tried = subprocess.run(command, input=text, capture_output=True, timeout=TRIAL_S, env={}, check=False)
    except subprocess.TimeoutExpired:
        raise ProgramRefused("schema", "compiling it takes too long", where=where) from None
    if tried.returncode < 0 or tried.returncode > 1:
        raise ProgramRefused("schema", "compiling it takes more than 1 s or 512 MiB", where=where)
    if tried.returncode == 1:
        line, _, rule = tried.stdout.decode("utf-8", "replace").strip().partition(" ")
        raise ProgramRefused("schema", f"does not compile: {rule}", where=where, line=int(line or 0))


def _uncompiled(error: etree.XMLSchemaParseError, where: str) -> ProgramRefused:
    last = error.error_log.last_error
    rule, line = (last.type_name, last.line) if last is not None else ("XMLSchemaParseError", 0)
    return ProgramRefused("schema", f"does not compile: {rule}", where=where, line=line)
