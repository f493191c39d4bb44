"""A draft's source from a WSDL: the operation's parts, their captions, and an answer that its schema allows."""

from collections.abc import Iterator
from itertools import islice

from lxml import etree

from adapters.kit.drafts.source import MOST_TOLD, DraftRefused, Source, Told
from adapters.kit.untrusted import ProgramRefused, checked_wsdl
from adapters.kit.untrusted.shapes import DEEPEST, Part, Shapes
from adapters.kit.xml_values import Leaf, leaves

KINDS = {  # XML Schema's built-in types -> kinds; any other is text
    "date": "date",
    "gYearMonth": "month",
    "boolean": "boolean",
    "decimal": "decimal",
    "double": "decimal",
    "float": "decimal",
    **dict.fromkeys(("int", "integer", "long", "short", "nonNegativeInteger", "positiveInteger", "byte"), "integer"),
}
SHOWN = {  # a value of each type, for the first sample
    "date": "2026-10-31",
    "dateTime": "2026-10-31T12:00:00Z",
    "gYearMonth": "2026-10",
    "gYear": "2026",
    "time": "12:00:00",
    "boolean": "true",
    "decimal": "10.50",
    "double": "10.50",
    "float": "10.50",
    "base64Binary": "",
    **dict.fromkeys(("int", "integer", "long", "short", "nonNegativeInteger", "positiveInteger", "byte"), "1"),
}


def from_wsdl(text: bytes, name: str, operation: str = "") -> Source:
    """What one operation of a WSDL says.

    Args:
        name: the file's name in the folder.
        operation: its name; not needed where there is only one.

    Raises:
        DraftRefused: the WSDL cannot be used, has no such operation, or several.
    """
    try:
        wsdl = checked_wsdl(text, name)
        if not operation and len(wsdl.operations) == 1:
            operation = next(iter(wsdl.operations))
        if not operation:
            known = ", ".join(sorted(wsdl.operations)[:40])
            raise DraftRefused(f"{name} has several operations, choose one with --operation: {known}")
        chosen = wsdl.operation(operation)
    except ProgramRefused as error:
        raise DraftRefused(str(error)) from None
    asked, answer = wsdl.shapes.element(chosen.request), wsdl.shapes.element(chosen.answer)
    for element, part in ((chosen.request, asked), (chosen.answer, answer)):
        if part is None:
            told = f"{name}: a message of {operation} is {element}, which no schema in the file declares as an element"
            raise DraftRefused(f"{told}; ask the agency for the right file")
    assert asked is not None
    assert answer is not None
    if not wsdl.shapes.parts(asked):
        raise DraftRefused(f"{name}: the request of {operation} has no part that says who is meant; choose another")
    over_xroad = b"x-road.eu/xsd/xroad" in text
    settings = {"client": "CLIENT", "service": "SERVICE"} if over_xroad else {}
    if over_xroad and b'name="userId"' in text:
        settings["user_id"] = "USER"
    sample = etree.tostring(_shown(answer, wsdl.shapes), pretty_print=True, encoding="unicode").strip()
    return Source(
        transport="soap",
        operation=operation,
        told=tuple(_told(leaf) for leaf in islice(leaves(answer, wsdl.shapes), MOST_TOLD)),
        service={"wsdl": f"./{name}", "operation": operation},
        asked={leaf.pointer[1:]: _told(leaf) for leaf in islice(leaves(asked, wsdl.shapes), MOST_TOLD)},
        settings=settings,
        files={name: text},
        answer=sample,
        broken=etree.tostring(etree.Element(chosen.answer), encoding="unicode"),
    )


def _told(leaf: Leaf) -> Told:
    kind = KINDS.get(leaf.part.kind, "text")
    return Told(leaf.pointer, kind, leaf.optional, leaf.part.caption, leaf.lists)


def _shown(part: Part, shapes: Shapes, depth: int = 0) -> etree._Element:
    """An answer with everything in it that may be, one of each; a choice has its first branch only."""
    element = etree.Element(part.tag)
    parts = shapes.parts(part) if depth < DEEPEST else ()
    if not parts:
        element.text = SHOWN.get(part.kind, "text")
    for each in _possible(parts):
        element.append(_shown(each, shapes, depth + 1))
    return element


def _possible(parts: tuple[Part, ...]) -> Iterator[Part]:
    """Of each choice the first branch that is met."""
    chosen: dict[int, int] = {}
    for each in parts:
        if each.branch is None or chosen.setdefault(each.branch[0], each.branch[1]) == each.branch[1]:
            yield each
