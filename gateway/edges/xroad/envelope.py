"""One X-Road SOAP message in, read strictly; one answer or fault out.

Every header block is looked at: those of X-Road come once, in their published shape; a foreign one is sent back as it
came, unless it must be understood. Source: PR-MESS sections 2.2 to 2.5; SOAP 1.1 sections 4 and 6.2.
"""

import copy
from collections.abc import Sequence
from dataclasses import dataclass
from uuid import uuid4

from fastapi.responses import Response
from lxml import etree

from adapters.kit import strict_xml
from adapters.kit.strict_json import StrictError

from ...trust.caller import Caller
from .asking import Called
from .codes import BAD_REQUEST, NOT_THE_CLIENT, UNKNOWN_SERVICE, XRoadError
from .hashes import SHA_512, soap_hash
from .identifiers import PARTS, SERVICE_VERSION, Provider, segment

SOAP = "http://schemas.xmlsoap.org/soap/envelope/"
XROAD = "http://x-road.eu/xsd/xroad.xsd"
IDENTIFIERS = "http://x-road.eu/xsd/identifiers"
REPRESENTATION = "http://x-road.eu/xsd/representation.xsd"
OURS = "urn:sandhi:x-road:header"
OBJECT_TYPE = f"{{{IDENTIFIERS}}}objectType"
MUST_UNDERSTAND = f"{{{SOAP}}}mustUnderstand"
TEXTS = frozenset({"id", "userId", "issue", "protocolVersion"})
KNOWN = TEXTS | {"client", "service", "securityServer"}
REQUIRED = ("client", "service", "id", "protocolVersion")
PURPOSE = f"{{{OURS}}}purpose"
REPRESENTED = f"{{{REPRESENTATION}}}representedParty"
MEDIA_TYPE = "text/xml; charset=utf-8"


@dataclass(frozen=True, slots=True)
class Soap:
    """A message whose header was read. `body` is its one body element, not yet judged."""

    called: Called
    header: etree._Element
    body: etree._Element
    hash: str


def read_soap(message: bytes, who: Caller, request_id: str) -> Soap:
    """Read a message.

    Raises:
        XRoadError: not SOAP 1.1, a header block is missing, twice, misshapen or not to be understood, the client is
            not who the certificate says, or the body has not the one element that the service code names.
    """
    header, body = _taken_apart(message)
    found = _blocks(header)
    _check_version(_text(found["protocolVersion"]))
    _check_client(found["client"], who)
    provider, code = _service(found["service"])
    _check_server(found.get("securityServer"))
    if etree.QName(body).localname != code:
        raise XRoadError(BAD_REQUEST, "The body element is not called like the service of the header.")
    called = Called(
        caller=who,
        provider=provider,
        code=code,
        message_id=_text(found["id"]),
        request_id=request_id,
        user=_text(found.get("userId")),
        issue=_text(found.get("issue")),
        represented=_represented(header.find(REPRESENTED)),
        purpose=_text(header.find(PURPOSE)),
    )
    return Soap(called, header, body, soap_hash(message))


def _taken_apart(message: bytes) -> tuple[etree._Element, etree._Element]:
    try:
        root = strict_xml.parse(message)
    except StrictError as error:
        raise XRoadError(BAD_REQUEST, f"The message is {error}.") from None
    parts = [each.tag for each in root]
    if root.tag != f"{{{SOAP}}}Envelope" or parts != [f"{{{SOAP}}}Header", f"{{{SOAP}}}Body"]:
        raise XRoadError(BAD_REQUEST, "The message is no SOAP 1.1 envelope of one header and one body.")
    header, body = root
    if len(body) != 1:
        raise XRoadError(BAD_REQUEST, "The body has exactly one element.")
    return header, body[0]


def _blocks(header: etree._Element) -> dict[str, etree._Element]:
    """X-Road's own blocks by name."""
    found: dict[str, etree._Element] = {}
    seen: set[str] = set()
    for block in header:
        name = etree.QName(block)
        if block.tag in seen:
            raise XRoadError(BAD_REQUEST, "A header block comes twice.")
        seen.add(block.tag)
        if name.namespace == XROAD and name.localname in KNOWN:
            found[name.localname] = block
        elif block.tag not in {PURPOSE, REPRESENTED} and (
            name.namespace == XROAD or block.get(MUST_UNDERSTAND, "0") not in {"0", "false"}
        ):
            raise XRoadError(BAD_REQUEST, "A header block is not understood here; see docs/guides/x-road.md.")
    if missing := [each for each in REQUIRED if each not in found]:
        raise XRoadError(BAD_REQUEST, f"Header blocks are missing: {', '.join(missing)}.")
    return found


def _text(block: etree._Element | None) -> str:
    """A block that is text and nothing else; it is sent back, or hashed."""
    if block is None:
        return ""
    text = (block.text or "").strip()
    if len(block) or len(text) > 255 or not text.isprintable():
        raise XRoadError(BAD_REQUEST, "A header block of text is one line of up to 255 characters.")
    return text


def _check_version(stated: str) -> None:
    if stated != "4.0":
        raise XRoadError(BAD_REQUEST, "protocolVersion is 4.0 here.")


def _check_client(block: etree._Element, who: Caller) -> None:
    if block.get(OBJECT_TYPE) != "SUBSYSTEM":
        raise XRoadError(BAD_REQUEST, "The client is a SUBSYSTEM, as it is registered here.")
    if "/".join(_parts(block, PARTS)) != who.system:
        raise XRoadError(NOT_THE_CLIENT, "The client is not the system that this certificate is registered for.")


def _check_server(block: etree._Element | None) -> None:
    """There is one server; who names another than the service's own is still answered by it. Source: PR-TARGETSS."""
    if block is None:
        return
    if block.get(OBJECT_TYPE) != "SERVER":
        raise XRoadError(BAD_REQUEST, "The security server has objectType SERVER.")
    _parts(block, (*PARTS[:3], "serverCode"))


def _service(block: etree._Element) -> tuple[Provider, str]:
    if block.get(OBJECT_TYPE) != "SERVICE":
        raise XRoadError(BAD_REQUEST, "The service has objectType SERVICE.")
    names = (*PARTS, "serviceCode", "serviceVersion")
    first, second, third, fourth, code, *version = _parts(block, names[: max(5, len(block))])
    if version and version[0] != SERVICE_VERSION:
        raise XRoadError(UNKNOWN_SERVICE, f"Services have one version here, {SERVICE_VERSION}.")
    return Provider((first, second, third, fourth)), code


def _parts(block: etree._Element, names: Sequence[str]) -> list[str]:
    """The codes of an identifier, which stand in their published order.

    Source: identifiers.xsd, XRoadClientIdentifierType and XRoadServiceIdentifierType.
    """
    if [each.tag for each in block] != [f"{{{IDENTIFIERS}}}{each}" for each in names]:
        raise XRoadError(BAD_REQUEST, f"An identifier has {', '.join(names)}, in this order.")
    return [segment(_text(each).replace("%", "%25")) for each in block]


def _represented(block: etree._Element | None) -> str:
    if block is None:
        return ""
    names = [etree.QName(each).localname for each in block]
    if names not in (["partyCode"], ["partyClass", "partyCode"]):
        raise XRoadError(BAD_REQUEST, "representedParty has partyClass, if any, and partyCode.")
    return "/".join(_text(each) for each in block)


def answer_to(asked: Soap, content: etree._Element) -> bytes:
    """The envelope of an answer: the question's header blocks as they came, and the hash of the question."""
    root = etree.Element(f"{{{SOAP}}}Envelope", nsmap={"soap": SOAP})  # blocks keep the prefixes they came with
    header = etree.SubElement(root, f"{{{SOAP}}}Header")
    header.extend([copy.deepcopy(each) for each in asked.header])
    made = etree.SubElement(header, f"{{{XROAD}}}requestHash", {"algorithmId": SHA_512}, nsmap={"xrd": XROAD})
    made.text = asked.hash
    etree.SubElement(root, f"{{{SOAP}}}Body").append(content)
    return etree.tostring(root, xml_declaration=True, encoding="UTF-8")


def soap(message: bytes) -> Response:
    """An answer that is no fault."""
    return Response(message, media_type=MEDIA_TYPE)


def with_attachment(message: bytes, attached: bytes) -> Response:
    """The SOAP part first, then the attachment. Source: PR-MESS section 2.4; PR-META annexes C.7 and C.8."""
    boundary = f"sandhi-{uuid4().hex}"
    first = _part(message, "Content-Transfer-Encoding: 8bit")
    second = _part(attached, "Content-Transfer-Encoding: binary\r\nContent-ID: wsdl=sandhi")
    body = b"".join(f"--{boundary}\r\n".encode() + part for part in (first, second)) + f"--{boundary}--\r\n".encode()
    return Response(body, media_type=f'multipart/related; type="text/xml"; boundary="{boundary}"')


def _part(content: bytes, headers: str) -> bytes:
    return f"Content-Type: text/xml; charset=UTF-8\r\n{headers}\r\n\r\n".encode() + content + b"\r\n"


def fault(code: str, text: str, detail: str, *, status: int = 500) -> Response:
    """A technical failure; HTTP says 500 to every fault (SOAP 1.1 section 6.2), but for whom the door refuses."""
    root = etree.Element(f"{{{SOAP}}}Envelope", nsmap={"soap": SOAP})
    made = etree.SubElement(etree.SubElement(root, f"{{{SOAP}}}Body"), f"{{{SOAP}}}Fault")
    etree.SubElement(made, "faultcode").text = code
    etree.SubElement(made, "faultstring").text = text
    etree.SubElement(etree.SubElement(made, "detail"), "faultDetail").text = detail
    return Response(etree.tostring(root, xml_declaration=True, encoding="UTF-8"), status, media_type=MEDIA_TYPE)
