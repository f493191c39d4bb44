"""XML messages as JSON-like values and back, along the shapes of a schema.

An element with parts becomes an object, one that may repeat a list, any other its text; what is empty or nil is left
out, but for lists of an element that says something.
Mappings find their way in it by JSON pointer, requests are told as paths (`person/code`).
"""

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from lxml import etree

from adapters.kit.untrusted.shapes import DEEPEST, Part, Shapes

_NIL = "{http://www.w3.org/2001/XMLSchema-instance}nil"


class Leaf(NamedTuple):
    """One text of a message: its pointer (`/job/0/from` is told as `/job/from`), its part, whether it may be absent."""

    pointer: str
    part: Part
    optional: bool
    lists: tuple[str, ...]  # pointers of the lists around it


def values(element: etree._Element, part: Part, shapes: Shapes) -> object:
    """What an element says. It is valid by the schema of `shapes`, so it goes no deeper than that."""
    parts = {each.name: each for each in shapes.parts(part)}
    if not parts:
        return (element.text or "").strip()
    found: dict[str, Any] = {}
    for child in element.iterchildren("*"):
        known = parts.get(etree.QName(child).localname)
        value = None if known is None or child.get(_NIL) in {"true", "1"} else values(child, known, shapes)
        if known is None or value in (None, "", {}):
            continue
        if known.many:
            found.setdefault(known.name, []).append(value)
        else:
            found[known.name] = value
    if found:  # an element that says something says of each of its lists how much there is: nothing is an empty list
        found |= {each.name: [] for each in parts.values() if each.many and each.name not in found}
    return found


def built(tag: str, texts: Mapping[str, str], shapes: Shapes) -> etree._Element:
    """A message with these texts by path, in the order of the schema; what the schema does not know goes last.

    Raises:
        ValueError: a text that no XML document can hold.
    """
    element = etree.Element(tag)
    part = shapes.element(tag)
    _fill(element, part, {tuple(path.split("/")): text for path, text in texts.items()}, shapes)
    return element


def _fill(element: etree._Element, part: Part | None, texts: Mapping[tuple[str, ...], str], shapes: Shapes) -> None:
    known = {each.name: each for each in (shapes.parts(part) if part else ())}
    wanted = list(dict.fromkeys(path[0] for path in texts))
    order = list(known)
    for name in sorted(wanted, key=lambda each: order.index(each) if each in known else len(order)):
        child = etree.SubElement(element, known[name].tag if name in known else name)
        below = {path[1:]: text for path, text in texts.items() if path[0] == name}
        if () in below:
            child.text = below[()]
        else:
            _fill(child, known.get(name), below, shapes)


def leaves(
    part: Part, shapes: Shapes, pointer: str = "", *, optional: bool = False, lists: tuple[str, ...] = ()
) -> Iterator[Leaf]:
    """Every text that a message may hold, in the order of its schema; a type that holds itself is followed a while."""
    parts = shapes.parts(part) if pointer.count("/") < DEEPEST else ()
    if not parts:
        yield Leaf(pointer, part, optional, lists)
    for each in parts:
        place = f"{pointer}/{each.name}"
        around = (*lists, place) if each.many else lists
        yield from leaves(each, shapes, place, optional=optional or not each.required, lists=around)


def part_at(part: Part, shapes: Shapes, pointer: str) -> Part | None:
    """The part that a pointer leads to, list places left out (`/job/from`); None if the schema has none there."""
    for name in pointer.split("/")[1:]:
        found = next((each for each in shapes.parts(part) if each.name == name), None)
        if found is None:
            return None
        part = found
    return part
