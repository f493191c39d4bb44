"""The only XML reader for bytes from outside.

lxml with its safe options still accepts a DOCTYPE and drops what it declared, so a document type is
refused before any parser sees the document. Limits are enforced while reading, so that a flood of
elements is cut early. Source: XML 1.0 sections 2.6, 2.8, 4.3.3; SOAP 1.1 section 3 (no DTD, no PI).
"""

import re
from io import BytesIO

from lxml import etree

from adapters.kit.strict_json import StrictError

LIMIT = 1024 * 1024
DEPTH = 64
ATTRIBUTES = 256
ELEMENTS = 100_000

_DECLARATION = re.compile(rb"^<\?xml\s[^>]*?\?>")
_ENCODING = re.compile(rb"""encoding\s*=\s*["']([A-Za-z0-9._-]+)["']""")
_INSTANCE = "http://www.w3.org/2001/XMLSchema-instance"
_FETCHING = frozenset({f"{{{_INSTANCE}}}schemaLocation", f"{{{_INSTANCE}}}noNamespaceSchemaLocation"})
_XINCLUDE = "{http://www.w3.org/2001/XInclude}"

__all__ = ["StrictError", "parse"]


def parse(data: bytes, *, limit: int = LIMIT) -> etree._Element:
    """Read one XML document and return its root element; comments are dropped.

    Raises:
        StrictError: too big, not UTF-8, not well-formed, with a DOCTYPE, a processing instruction, XInclude or a
            schema location, deeper than 64 levels, more than 256 attributes on an element or 100,000 elements.
    """
    if len(data) > limit:
        raise StrictError(f"larger than {limit} bytes")
    _check_bytes(data)
    reading = etree.iterparse(
        BytesIO(data),
        events=("start", "end", "pi"),
        resolve_entities=False,
        no_network=True,
        load_dtd=False,
        dtd_validation=False,
        huge_tree=False,
        remove_comments=True,
        encoding="utf-8",
    )
    try:
        return _checked(reading)
    except etree.XMLSyntaxError:
        raise StrictError("not well-formed") from None


def _check_bytes(data: bytes) -> None:
    try:
        data.decode("utf-8")
    except UnicodeDecodeError:
        raise StrictError("not UTF-8") from None
    if b"\x00" in data or data.startswith(b"\xef\xbb\xbf"):
        raise StrictError("not plain UTF-8")
    if b"<!DOCTYPE" in data or b"<!ENTITY" in data:
        raise StrictError("with a document type")
    declaration = _DECLARATION.match(data)
    encoding = _ENCODING.search(declaration.group()) if declaration else None
    if encoding and encoding.group(1).lower() not in {b"utf-8", b"us-ascii"}:
        raise StrictError("declares an encoding other than UTF-8")


def _checked(reading: "etree.iterparse[tuple[str, etree._Element]]") -> etree._Element:
    depth = elements = 0
    for event, node in reading:
        if event == "pi":
            raise StrictError("with a processing instruction")
        if event == "end":
            depth -= 1
            continue
        depth += 1
        elements += 1
        _check_element(node, depth, elements)
    root: etree._Element = reading.root
    return root


def _check_element(node: etree._Element, depth: int, elements: int) -> None:
    if depth > DEPTH:
        raise StrictError(f"nested deeper than {DEPTH} levels")
    if elements > ELEMENTS:
        raise StrictError(f"more than {ELEMENTS} elements")
    if len(node.attrib) > ATTRIBUTES:
        raise StrictError(f"more than {ATTRIBUTES} attributes on an element")
    if node.tag.startswith(_XINCLUDE):
        raise StrictError("with XInclude")
    if not _FETCHING.isdisjoint(node.attrib):
        raise StrictError("with a schema location")
