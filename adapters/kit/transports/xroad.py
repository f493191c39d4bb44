"""X-Road's message protocol 4.0 over SOAP 1.1: own envelope, lxml, and the agency's real XSD.

Source: X-Road PR-MESS 4.0 (headers 2.2, wrapped bodies 2.3, faults 2.5), SOAP 1.1 sections 4 and 4.4. The security
server does the signing; what we check is that the answer is the one to our message and fits the schema.
"""

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import uuid4

from lxml import etree

from adapters.kit.contract import (
    AgencyAnswerMalformed,
    AgencyError,
    AgencyRefused,
    AgencyRejectedMessage,
    AgencyUnavailable,
)
from adapters.kit.egress import HttpAnswer, HttpClient
from adapters.kit.fitting import xml_answer
from adapters.kit.untrusted import checked_xsd

SOAP = "http://schemas.xmlsoap.org/soap/envelope/"
XROAD = "http://x-road.eu/xsd/xroad.xsd"
IDENTIFIERS = "http://x-road.eu/xsd/identifiers"
PROTOCOL = "4.0"

_PARTS = ("xRoadInstance", "memberClass", "memberCode", "subsystemCode")
_REFUSED = ("AccessDenied", "Forbidden", "Unauthorized")
_FAULT_ID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.ASCII | re.IGNORECASE)  # no person's number
_HEADER, _BODY = f"{{{SOAP}}}Header", f"{{{SOAP}}}Body"
_CHARSET = re.compile(r"""charset\s*=\s*["']?([A-Za-z0-9._-]+)""", re.ASCII | re.IGNORECASE)
_NAMES = {"soap": SOAP, "xrd": XROAD, "id": IDENTIFIERS}


class NotASystem(ValueError):
    """A system's id is not `instance/class/member/subsystem`."""


@dataclass(frozen=True, slots=True)
class System:
    """A client or provider: instance, member class, member code, subsystem code."""

    parts: tuple[str, ...]

    @classmethod
    def of(cls, path: str) -> "System":
        """`LK/GOV/MOE/EHIS` -> System.

        Raises:
            NotASystem: not four parts.
        """
        parts = tuple(path.split("/"))
        if len(parts) != len(_PARTS) or not all(parts):
            raise NotASystem("write an X-Road system as instance/class/member/subsystem")
        return cls(parts)


def load_schema(path: Path) -> etree.XMLSchema:
    """An agency's XSD that lies in this repository. Its imports are cut off, so that nothing is ever fetched: X-Road's
    own schemas are imported for captions in annotations only.

    Raises:
        ProgramRefused: it breaks a rule of `adapters.kit.untrusted.xsd`, or a definition does need an import.
    """
    return checked_xsd(path.read_bytes(), path.name, trial=False)


class XRoad:
    """Calls to one provider through the security server behind `http`."""

    def __init__(self, http: HttpClient, client: System, provider: System, schema: etree.XMLSchema) -> None:
        self._http = http
        self._client = client
        self._provider = provider
        self._schema = schema

    async def call(
        self,
        request: etree._Element,
        *,
        code: str = "",
        version: str = "v1",
        issue: str = "",
        answer: str = "",
        user: str = "",
    ) -> etree._Element:
        """One call.

        Args:
            request: the body; its local name is the service code (document/literal wrapped), unless `code` is given.
            code: the service code of a provider whose bodies are called otherwise (`<code>Request`).
            issue: our case reference, if any; never a person's number.
            answer: the element that answers, if it is called otherwise than `<code>Response`.
            user: whom the provider shall take for the asking user, where it wants one (`userId`).

        Returns:
            The element that answers, valid against the agency's XSD.

        Raises:
            AgencyRejectedMessage: our own body breaks the XSD (nothing was sent), or a `Client` fault.
            AgencyUnavailable: a `Server` fault, or not reachable.
            AgencyRefused: a fault that denies access.
            AgencyAnswerMalformed: not SOAP, not the answer to our message, or it breaks the XSD.
        """
        if not self._schema.validate(request):
            raise AgencyRejectedMessage(f"our message breaks the schema{where(self._schema)}", code="own_schema")
        message_id = str(uuid4())
        asked = etree.QName(etree.QName(request).namespace, code or etree.QName(request).localname)
        content = envelope(
            request,
            self._client,
            self._provider,
            code=asked.localname,
            message_id=message_id,
            version=version,
            issue=issue,
            user=user,
        )
        headers = {"content-type": "text/xml; charset=utf-8", "soapaction": '""'}
        told = await self._http.request("POST", "/", headers=headers, content=content, faults=is_outage)
        root, found = opened(told)
        self._check_header(root, message_id, asked.localname)
        return checked(found, answer or f"{{{asked.namespace}}}{asked.localname}Response", self._schema)

    def _check_header(self, root: etree._Element, message_id: str, operation: str) -> None:
        """The provider must copy our header fields into its answer (PR-MESS 2.2)."""
        header = root.find("soap:Header", _NAMES)
        names = () if header is None else [str(each.tag) for each in header]
        found = () if header is None or len(set(names)) != len(names) else (
            header.findtext("xrd:protocolVersion", namespaces=_NAMES),
            header.findtext("xrd:id", namespaces=_NAMES),
            _codes(header.find("xrd:client", _NAMES)),
            _codes(header.find("xrd:service", _NAMES))[:5],
        )  # fmt: skip
        if found != (PROTOCOL, message_id, self._client.parts, (*self._provider.parts, operation)):
            raise AgencyAnswerMalformed("the X-Road header is not that of our message", code="header")


def opened(answer: HttpAnswer) -> tuple[etree._Element, etree._Element]:
    """The envelope and what its body holds.

    Raises:
        AgencyError: what a fault means, see `fault_of`; AgencyAnswerMalformed: not one element in a SOAP 1.1 body.
    """
    root = _parsed(answer)
    parts = [str(each.tag) for each in root]
    if parts not in ([_BODY], [_HEADER, _BODY]):  # WS-I Basic Profile 1.1, R1011 and R9981
        raise AgencyAnswerMalformed("the answer has not one SOAP body after one header", code=str(answer.status))
    body = root[-1]
    content = body[0] if len(body) == 1 else None
    if content is None:
        raise AgencyAnswerMalformed("the answer has not one element in its SOAP body", code=str(answer.status))
    if content.tag == f"{{{SOAP}}}Fault":
        raise fault_of(content)
    if answer.status != 200:
        raise AgencyAnswerMalformed("an answer that is no fault has another status than 200", code=str(answer.status))
    return root, content


def is_outage(answer: HttpAnswer) -> bool:
    """Whether an answer of 5xx says that the other side is out: SOAP 1.1 sends every fault with 500, also a refusal."""
    try:
        opened(answer)
    except AgencyError as error:
        return isinstance(error, AgencyUnavailable | AgencyAnswerMalformed)
    return True


def checked(content: etree._Element, tag: str, schema: etree.XMLSchema) -> etree._Element:
    """The content, if it is the wanted element and fits the schema.

    Raises:
        AgencyAnswerMalformed: it is not; the text has the place, never a value.
    """
    if content.tag != tag:
        raise AgencyAnswerMalformed("the answer is about another operation", code="operation")
    if not schema.validate(content):
        raise AgencyAnswerMalformed(f"the answer breaks the agency's schema{where(schema)}", code="schema")
    return content


def envelope(
    body: etree._Element,
    client: System,
    provider: System,
    *,
    code: str,
    message_id: str,
    version: str,
    issue: str = "",
    user: str = "",
) -> bytes:
    """The SOAP envelope with X-Road's headers, in UTF-8."""
    root = etree.Element(f"{{{SOAP}}}Envelope", nsmap=_NAMES)
    header = etree.SubElement(root, f"{{{SOAP}}}Header")
    _system(header, "client", "SUBSYSTEM", client)
    service = _system(header, "service", "SERVICE", provider)
    etree.SubElement(service, f"{{{IDENTIFIERS}}}serviceCode").text = code
    etree.SubElement(service, f"{{{IDENTIFIERS}}}serviceVersion").text = version
    if user:
        etree.SubElement(header, f"{{{XROAD}}}userId").text = user
    etree.SubElement(header, f"{{{XROAD}}}id").text = message_id
    if issue:
        etree.SubElement(header, f"{{{XROAD}}}issue").text = issue
    etree.SubElement(header, f"{{{XROAD}}}protocolVersion").text = PROTOCOL
    etree.SubElement(root, f"{{{SOAP}}}Body").append(body)
    return etree.tostring(root, xml_declaration=True, encoding="UTF-8")


def fault_of(fault: etree._Element) -> AgencyError:
    """A SOAP Fault by its code: `Client.*` is our message, `Server.*` the other side, access denied a refusal.

    The fault string is not carried on: it may repeat what we asked. Source: SOAP 1.1 section 4.4.1.
    """
    kind = (fault.findtext("faultcode") or "").rpartition(":")[2].strip()[:200]
    code = traced(kind, fault.findtext("{*}detail/{*}faultDetail") or "")
    if kind.endswith(_REFUSED):
        return AgencyRefused("the agency denies us access", code=code)
    if kind == "Client" or kind.startswith("Client."):
        return AgencyRejectedMessage("the agency cannot read our message", code=code)
    if kind == "Server" or kind.startswith("Server."):
        return AgencyUnavailable("the agency failed", code=code)
    return AgencyAnswerMalformed("a SOAP fault with a code of no known kind", code=code)


def traced(code: str, fault_id: str) -> str:
    """The code, and the id under which the security server's log has the fault, if there is one.

    Source: X-Road PR-REST 1.0 section 4.6; PR-MESS 4.0, `faultDetail`.
    """
    return f"{code} {fault_id}" if _FAULT_ID.fullmatch(fault_id) else code


def _parsed(answer: HttpAnswer) -> etree._Element:
    if answer.content_type not in {"text/xml", "application/soap+xml"}:
        if answer.status >= 500:  # a proxy in between, not the provider
            raise AgencyUnavailable("the agency failed", code=str(answer.status))
        raise AgencyAnswerMalformed("the answer is not XML by its content type", code=str(answer.status))
    charset = _CHARSET.search(answer.headers.get("content-type", ""))
    if charset and charset[1].lower() not in {"utf-8", "us-ascii"}:  # goes before what the document says: RFC 7303, 3
        raise AgencyAnswerMalformed("the answer is not UTF-8 by its content type", code=str(answer.status))
    root = xml_answer(answer.body, code=str(answer.status), limit=len(answer.body))  # the byte cap was the client's
    if root.tag != f"{{{SOAP}}}Envelope":
        raise AgencyAnswerMalformed("the answer is not a SOAP 1.1 envelope", code=str(answer.status))
    return root


def _system(header: etree._Element, name: str, kind: str, system: System) -> etree._Element:
    element = etree.SubElement(header, f"{{{XROAD}}}{name}", {f"{{{IDENTIFIERS}}}objectType": kind})
    for part, value in zip(_PARTS, system.parts, strict=True):
        etree.SubElement(element, f"{{{IDENTIFIERS}}}{part}").text = value
    return element


def _codes(element: etree._Element | None) -> tuple[str, ...]:
    return () if element is None else tuple(child.text or "" for child in element)


def where(schema: etree.XMLSchema) -> str:
    """Which rule a document broke first, and at which element: never its text."""
    log: Any = schema.error_log  # iterable, which the type stubs do not know
    first = next(iter(log), None)
    return f" ({first.type_name} at {first.path})" if first is not None else ""
