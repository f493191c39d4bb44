"""What an XML Schema says of one element: its parts, whether they repeat, and what is in them.

lxml judges documents but tells nothing of a schema. Building a request, reading an answer as JSON-like values and
suggesting a mapping need to know which parts an element has. Only what document/literal messages use is followed:
sequences, choices, groups, extensions and references; wildcards and attributes have no parts.

Source: XML Schema 1.0 part 1 (second edition), sections 3.3, 3.4, 3.7 and 3.8.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

from lxml import etree

XSD = "http://www.w3.org/2001/XMLSchema"
DEEPEST = 12  # parts within parts, for whoever walks all of them: a type may hold itself
_MODELS = frozenset({"all", "choice", "complexContent", "extension", "restriction", "sequence"})


@dataclass(frozen=True, slots=True)
class Part:
    """One element. `tag` is its name with its namespace, `kind` the built-in type of its text, empty if it has parts,
    and `node` the type that has them."""

    tag: str
    name: str
    kind: str = ""
    many: bool = False
    required: bool = True
    caption: str = ""
    node: etree._Element | None = None
    branch: tuple[int, int] | None = None  # which choice it is in, and which branch of it; they exclude each other


class Shapes:
    """The elements of some schemas, by name with namespace."""

    def __init__(self, roots: Sequence[etree._Element]) -> None:
        self._named = {
            (local_name(node), f"{{{root.get('targetNamespace', '')}}}{node.get('name')}"): node
            for root in roots
            for node in root.iterchildren(f"{{{XSD}}}*")
            if node.get("name")
        }

    def element(self, tag: str) -> Part | None:
        """A global element; None if no schema declares it."""
        node = self._named.get(("element", tag))
        return None if node is None else self._part(node)

    def parts(self, part: Part) -> tuple[Part, ...]:
        """The elements in an element, in the order of its schema."""
        return () if part.node is None else tuple(self._in(part.node, required=True, many=False))

    def _in(self, node: etree._Element, *, required: bool, many: bool, depth: int = 0) -> Iterator[Part]:
        is_choice = local_name(node) == "choice"
        for at, child in enumerate(node.iterchildren(f"{{{XSD}}}*") if depth < DEEPEST else ()):
            for part in self._of(child, required=required and not is_choice, many=many, depth=depth):
                yield replace(part, branch=(line_of(node), at)) if is_choice and part.branch is None else part

    def _of(self, child: etree._Element, *, required: bool, many: bool, depth: int) -> Iterator[Part]:
        """The element that a particle is, or those in it."""
        needed = required and child.get("minOccurs", "1") != "0"
        repeats = many or child.get("maxOccurs", "1") not in {"0", "1"}
        if local_name(child) == "element":
            yield replace(self._part(child), required=needed, many=repeats)
        elif local_name(child) in _MODELS or local_name(child) == "group":
            yield from self._base(child, needed=needed, repeats=repeats, depth=depth)
            yield from self._in(child, required=needed, many=repeats, depth=depth + 1)

    def _base(self, node: etree._Element, *, needed: bool, repeats: bool, depth: int) -> Iterator[Part]:
        """What an extension adds to, or what a reference to a group means."""
        meant = {"extension": ("complexType", "base"), "group": ("group", "ref")}.get(local_name(node))
        if meant and (target := self._named.get((meant[0], full_name(node, node.get(meant[1], ""))))) is not None:
            yield from self._in(target, required=needed, many=repeats, depth=depth + 1)

    def _part(self, node: etree._Element) -> Part:
        if referred := node.get("ref", ""):
            tag = full_name(node, referred)
            meant = self._named.get(("element", tag))
            return Part(tag, etree.QName(tag).localname, "string") if meant is None else self._part(meant)
        name = node.get("name", "")
        part = Part(_tag(node, name), name, caption=_caption(node))
        inline = next(node.iterchildren(f"{{{XSD}}}complexType", f"{{{XSD}}}simpleType"), None)
        return self._typed(part, inline if inline is not None else full_name(node, node.get("type", "")))

    def _typed(self, part: Part, kind: etree._Element | str, depth: int = 0) -> Part:
        """With the parts of its type, or the built-in type that its text has in the end."""
        node = kind if isinstance(kind, etree._Element) else self._named.get(("complexType", kind))
        if node is None and isinstance(kind, str):
            if kind.startswith(f"{{{XSD}}}"):
                return replace(part, kind=etree.QName(kind).localname)
            node = self._named.get(("simpleType", kind))
        if node is None or depth > DEEPEST:
            return replace(part, kind="string")
        based = next((each for each in node.iter(f"{{{XSD}}}restriction", f"{{{XSD}}}extension")), None)
        if local_name(node) == "simpleType" or node.find(f"{{{XSD}}}simpleContent") is not None:
            return replace(part, kind="string") if based is None else self._typed(
                part, full_name(based, based.get("base", "")), depth + 1
            )  # fmt: skip
        return replace(part, node=node)


def _tag(node: etree._Element, name: str) -> str:
    """A local element has its schema's namespace only where the schema, or the element itself, says `qualified`."""
    root = next(each for each in (node, *node.iterancestors()) if local_name(each) == "schema")
    is_global = node.getparent() is root
    form = node.get("form", root.get("elementFormDefault", "unqualified"))
    space = root.get("targetNamespace", "")
    return f"{{{space}}}{name}" if space and (is_global or form == "qualified") else name


def full_name(node: etree._Element, name: str) -> str:
    """`sch:Answer` as it is meant at this place: `{namespace}Answer`."""
    prefix, _, local = name.rpartition(":")
    spaces: Any = node.nsmap
    return f"{{{spaces.get(prefix or None, '')}}}{local}"


def _caption(node: etree._Element) -> str:
    """What the annotation says first, on one line; registers write their captions there."""
    annotation = node.find(f"{{{XSD}}}annotation")
    words = [] if annotation is None else [" ".join(str(text).split()) for text in annotation.itertext()]
    return next((each[:120] for each in words if each), "")


def local_name(node: etree._Element) -> str:
    """A node's name without its namespace."""
    return etree.QName(node).localname


def line_of(node: etree._Element) -> int:
    """Where a node stands in its document; 0 if that is not known."""
    known: Any = node.sourceline  # a number, or nothing; the type stubs know neither
    return int(known or 0)
