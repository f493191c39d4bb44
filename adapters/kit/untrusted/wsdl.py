"""WSDLs of agencies: their operations, and their schemas with every import mapped to a copy that is stored here.

Nothing is fetched: an import leads to another schema of the same file, or to one of `STORED`, or the WSDL is refused.
Each schema is checked as any XSD of a stranger (`xsd`). Only document/literal operations can be used; others are left
out, so that a WSDL with one old operation still serves for the rest.

Source: WSDL 1.1, sections 2 and 3; WS-I Basic Profile 1.1, section 4.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from types import MappingProxyType

from lxml import etree

import schemas

from .refused import ProgramRefused
from .shapes import XSD, Shapes, full_name, line_of
from .xsd import check_text, compiled_schema, read_root

WSDL = "http://schemas.xmlsoap.org/wsdl/"
SOAP = "http://schemas.xmlsoap.org/wsdl/soap/"
LIMIT = 2 * 1024 * 1024
STORED: Mapping[str, str] = {
    "http://x-road.eu/xsd/xroad.xsd": "x-road/xroad.xsd",
    "http://x-road.eu/xsd/identifiers": "x-road/identifiers.xsd",
    "http://x-road.eu/xsd/representation.xsd": "x-road/representation.xsd",
    "http://www.w3.org/XML/1998/namespace": "x-road/xml.xsd",
    "http://ws-i.org/profiles/basic/1.1/xsd": "stand-ins/swaref.xsd",
    "http://schemas.xmlsoap.org/soap/encoding/": "stand-ins/soap-encoding.xsd",
}
"""Namespace -> the copy, below `schemas/agency/`."""

_NAMES = {"wsdl": WSDL, "soap": SOAP, "xs": XSD}


@dataclass(frozen=True, slots=True)
class Operation:
    """One document/literal operation. `request` and `answer` are names of elements, with their namespace."""

    name: str
    request: str
    answer: str
    action: str = ""  # SOAPAction
    version: str = ""  # X-Road's


@dataclass(frozen=True, slots=True)
class Wsdl:
    """What a WSDL offers, ready to judge messages."""

    operations: Mapping[str, Operation]
    schema: etree.XMLSchema
    shapes: Shapes

    def operation(self, name: str) -> Operation:
        """One operation.

        Raises:
            ProgramRefused: `operation`; the text names those there are.
        """
        if name not in self.operations:
            known = ", ".join(sorted(self.operations)[:20]) or "none that is document/literal"
            raise ProgramRefused("operation", f"has no operation {name}; it has {known}")
        return self.operations[name]


@cache
def checked_wsdl(text: bytes, where: str = "service.wsdl", *, trial: bool = True) -> Wsdl:
    """The WSDL that somebody else wrote.

    Args:
        text: the XML document.
        where: its name, for the error.
        trial: compile its schemas in a sealed process first; not needed for what lies in this repository.

    Raises:
        ProgramRefused: `xml`, `too_large`, `not_wsdl`, `outside`, or what `checked_xsd` refuses.
    """
    otherwise = ("not_wsdl", "the root is not a WSDL 1.1 `definitions`")
    root = read_root(text, where, f"{{{WSDL}}}definitions", limit=LIMIT, otherwise=otherwise)
    own = root.findall("wsdl:types/xs:schema", _NAMES)
    _check_outside(root, own, where)
    for schema in own:
        check_text(schema, where)
    operations = {each.name: each for each in _operations(root)}
    shapes = Shapes([*own, *(_stored(space) for space in STORED)])
    places: dict[str, list[str]] = {}
    for at, schema in enumerate(own):
        places.setdefault(schema.get("targetNamespace", ""), []).append(f"sandhi:own:{at}")
    copies = {f"sandhi:own:{at}": _mapped(schema, places, f"sandhi:own:{at}") for at, schema in enumerate(own)}
    copies |= {_place(space): _mapped(_stored(space), {}) for space in STORED}
    joined = compiled_schema(_joining(places), copies, where, trial=trial)
    return Wsdl(MappingProxyType(operations), joined, shapes)


def _check_outside(root: etree._Element, own: Sequence[etree._Element], where: str) -> None:
    if (found := root.find("wsdl:import", _NAMES)) is not None:
        told = "a WSDL that imports another is not followed: put both into one file"
        raise ProgramRefused("outside", told, where=where, line=line_of(found))
    known = {schema.get("targetNamespace", "") for schema in own} | set(STORED) | {XSD}
    for imported in (each for schema in own for each in schema.findall("xs:import", _NAMES)):
        space = imported.get("namespace", "")
        if space not in known:
            told = (
                f"imports {space or 'a schema without a namespace'}, of which no copy is stored; nothing is fetched: "
            )
            raise ProgramRefused("outside", f"{told}put it into wsdl:types", where=where, line=line_of(imported))


def _mapped(schema: etree._Element, places: Mapping[str, Sequence[str]], own: str = "") -> str:
    """A schema's text with its imports led to copies; a schema need not import XML Schema itself.

    Of several schemas of one namespace the first includes the others: an importer looks at one only.
    """
    copy = etree.fromstring(etree.tostring(schema))
    for imported in copy.findall("xs:import", _NAMES):
        space = imported.get("namespace", "")
        if space == XSD:
            copy.remove(imported)
        else:
            imported.set("schemaLocation", places[space][0] if space in places else _place(space))
    first, *others = places.get(schema.get("targetNamespace", ""), [""])
    for place in others if own == first else ():
        copy.insert(0, etree.Element(f"{{{XSD}}}include", {"schemaLocation": place}))
    return etree.tostring(copy).decode()


def _joining(places: Mapping[str, Sequence[str]]) -> str:
    """A schema that has nothing of its own and imports all the others."""
    root = etree.Element(f"{{{XSD}}}schema", {"targetNamespace": "urn:sandhi:joined"}, nsmap={"xs": XSD})
    for space, (place, *_) in places.items():
        etree.SubElement(root, f"{{{XSD}}}import", {"namespace": space, "schemaLocation": place})
    return etree.tostring(root).decode()


def _place(space: str) -> str:
    return f"sandhi:stored:{space}"


@cache
def _stored(space: str) -> etree._Element:
    return etree.fromstring((schemas.FOLDER / "agency" / STORED[space]).read_bytes())


def _operations(root: etree._Element) -> Iterator[Operation]:
    messages = {each.get("name", ""): each for each in root.findall("wsdl:message", _NAMES)}
    for operation in root.findall("wsdl:portType/wsdl:operation", _NAMES):
        name = operation.get("name", "")
        request, answer = (_body(operation, way, messages) for way in ("input", "output"))
        if request and answer:
            yield Operation(name, request, answer, *_bound(root, name))


def _body(operation: etree._Element, way: str, messages: Mapping[str, etree._Element]) -> str:
    """The element that is the body of a message; empty for a message that is not one element."""
    found = operation.find(f"wsdl:{way}", _NAMES)
    message = messages.get(found.get("message", "").rpartition(":")[2]) if found is not None else None
    parts = [] if message is None else message.findall("wsdl:part", _NAMES)
    if len(parts) != 1 or not (named := parts[0].get("element", "")):
        return ""
    return full_name(parts[0], named)


def _bound(root: etree._Element, name: str) -> tuple[str, str]:
    """SOAPAction and X-Road's version of an operation, as its binding says; empty without one."""
    for bound in root.iterfind("wsdl:binding/wsdl:operation", _NAMES):
        if bound.get("name") == name:
            soap = bound.find("soap:operation", _NAMES)
            version = next((each.text or "" for each in bound if str(each.tag).endswith("}version")), "")
            return ("" if soap is None else soap.get("soapAction", "")), version.strip()
    return "", ""
