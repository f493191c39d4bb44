"""SOAP 1.1 envelopes of the X-Road message protocol 4.0: headers checked and echoed, faults."""

import base64
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass

from lxml import etree

from .strict_xml import schema

SOAP = "{http://schemas.xmlsoap.org/soap/envelope/}"
XROAD = "{http://x-road.eu/xsd/xroad.xsd}"
IDENTIFIER = "{http://x-road.eu/xsd/identifiers}"
REQUIRED = ("client", "service", "id", "protocolVersion")  # userId and issue are optional in protocol 4.0
NAMES = {
    "soapenv": "http://schemas.xmlsoap.org/soap/envelope/",
    "xro": "http://x-road.eu/xsd/xroad.xsd",
    "iden": "http://x-road.eu/xsd/identifiers",
}
_PARTS = ("xRoadInstance", "memberClass", "memberCode", "subsystemCode")
_HEADERS = schema("x-road/xroad.xsd")


class SoapFault(Exception):
    """The message cannot be served: `Client.*` the sender's mistake, `Server.*` ours. Never quotes the message."""

    def __init__(self, code: str, text: str) -> None:
        super().__init__(code)
        self.code = code
        self.text = text


@dataclass(frozen=True, slots=True)
class Message:
    """A request whose headers are in order. `client` and `service` in path spelling, `operation` with its version."""

    headers: Mapping[str, etree._Element]
    client: str
    service: str
    operation: tuple[str, str]
    body: etree._Element


def opened(envelope: etree._Element) -> Message:
    """Take a request apart.

    Raises:
        SoapFault: not an envelope with one header and one body element, or a header missing, doubled or malformed.
    """
    parts = list(envelope)
    if envelope.tag != f"{SOAP}Envelope" or [part.tag for part in parts] != [f"{SOAP}Header", f"{SOAP}Body"]:
        raise SoapFault("Client.InvalidSoap", "not a SOAP 1.1 envelope with a header and a body")
    if len(parts[1]) != 1:
        raise SoapFault("Client.InvalidSoap", "the body has not exactly one element")
    headers = _headers(parts[0])
    service = headers["service"]
    operation = _part(service, "serviceCode"), _part(service, "serviceVersion")
    return Message(headers, _path(headers["client"]), _path(service), operation, parts[1][0])


def answer(message: Message, body: etree._Element, request: bytes) -> bytes:
    """The reply: the request's headers, the hash of the request, the body."""
    envelope = etree.Element(f"{SOAP}Envelope", nsmap=NAMES)
    header = etree.SubElement(envelope, f"{SOAP}Header")
    header.extend(list(message.headers.values()))
    digest = etree.SubElement(header, f"{XROAD}requestHash", algorithmId="http://www.w3.org/2001/04/xmlenc#sha512")
    digest.text = base64.b64encode(hashlib.sha512(request).digest()).decode("ascii")
    etree.SubElement(envelope, f"{SOAP}Body").append(body)
    return etree.tostring(envelope, xml_declaration=True, encoding="UTF-8")


def fault(error: SoapFault) -> bytes:
    """SOAP 1.1 section 4.4; X-Road's dotted codes have no prefix."""
    envelope = etree.Element(f"{SOAP}Envelope", nsmap={"soapenv": NAMES["soapenv"]})
    body = etree.SubElement(etree.SubElement(envelope, f"{SOAP}Body"), f"{SOAP}Fault")
    etree.SubElement(body, "faultcode").text = error.code
    etree.SubElement(body, "faultstring").text = error.text
    return etree.tostring(envelope, xml_declaration=True, encoding="UTF-8")


def _headers(header: etree._Element) -> dict[str, etree._Element]:
    found: dict[str, etree._Element] = {}
    for child in header:
        if not child.tag.startswith(XROAD):
            continue
        name = child.tag.removeprefix(XROAD)
        if name in found:
            raise SoapFault("Client.DuplicateHeaderField", f"the header {name} occurs twice")
        if not _HEADERS.validate(child):
            raise SoapFault("Client.InvalidSoap", f"the header {name} does not fit the schema of the protocol")
        found[name] = child
    for name in REQUIRED:
        if name not in found or not "".join(map(str, found[name].itertext())).strip():
            raise SoapFault("Client.MissingHeaderField", f"the header {name} is missing")
    if found["protocolVersion"].text != "4.0":
        raise SoapFault("Client.InvalidProtocolVersion", "this server speaks protocol version 4.0")
    return found


def _path(identifier: etree._Element) -> str:
    """`LK/GOV/MOE/EHIS`"""
    return "/".join(part for part in (_part(identifier, name) for name in _PARTS) if part)


def _part(identifier: etree._Element, name: str) -> str:
    return identifier.findtext(f"{IDENTIFIER}{name}") or ""
