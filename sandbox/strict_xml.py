"""Reading XML from outside, and the published schemas."""

from pathlib import Path

from lxml import etree

SCHEMAS = Path(__file__).parents[1] / "schemas"
MOST_BYTES = 1024 * 1024
DEEPEST = 64
XSI = "{http://www.w3.org/2001/XMLSchema-instance}"

_STORED = {
    "http://x-road.eu/xsd/xroad.xsd": "xroad.xsd",
    "http://x-road.eu/xsd/identifiers.xsd": "identifiers.xsd",
    "http://x-road.eu/xsd/representation.xsd": "representation.xsd",
    "https://www.w3.org/2009/01/xml.xsd": "xml.xsd",
}


class BadXml(Exception):
    """The bytes are not XML this service reads. The text never quotes them."""


def read(raw: bytes) -> etree._Element:
    """The root element of a document without DTD, processing instructions or schema locations; comments are dropped.

    Raises:
        BadXml: not UTF-8, not well formed, too deep, or with one of the above.
    """
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise BadXml("the message is not UTF-8") from None
    if "<!DOCTYPE" in text or "<!ENTITY" in text:
        raise BadXml("a message has no document type")
    try:
        root = etree.fromstring(raw, _parser())
    except etree.XMLSyntaxError:
        raise BadXml("the message is not well-formed XML") from None
    if root.getroottree().docinfo.encoding not in {None, "UTF-8", "utf-8"}:
        raise BadXml("the message declares another encoding than UTF-8")
    _check(root)
    return root


def schema(path: str) -> etree.XMLSchema:
    """A published schema by its path under `schemas/agency/`; imports are answered from stored copies only."""
    parser = _parser()
    parser.resolvers.add(_Stored())
    raw = (SCHEMAS / "agency" / path).read_bytes()
    address = f"http://x-road.eu/xsd/{Path(path).name}"  # relative imports resolve against it
    return etree.XMLSchema(etree.fromstring(raw, parser, base_url=address))


class _Stored(etree.Resolver):
    def resolve(self, system_url: str, _public_id: str, context: object = None) -> object:
        name = _STORED.get(system_url)
        if name is None:
            raise BadXml("a schema imports an address that is not stored")
        content = (SCHEMAS / "agency" / "x-road" / name).read_bytes()
        return self.resolve_string(content, context, base_url=system_url)


def _parser() -> etree.XMLParser:
    return etree.XMLParser(
        resolve_entities=False, no_network=True, load_dtd=False, huge_tree=False, remove_comments=True
    )


def _check(root: etree._Element) -> None:
    prolog = [*root.itersiblings(preceding=True), *root.itersiblings()]
    if any(isinstance(node, etree._ProcessingInstruction) for node in (*prolog, *root.iter())):
        raise BadXml("a message has no processing instructions")
    depth = 0
    for event, element in etree.iterwalk(root, events=("start", "end")):
        depth += 1 if event == "start" else -1
        if depth > DEEPEST:
            raise BadXml(f"the message is deeper than {DEEPEST} levels")
        if any(str(name).startswith(f"{XSI}schemaL") or str(name).startswith(f"{XSI}noN") for name in element.attrib):
            raise BadXml("a message brings no schema location")
