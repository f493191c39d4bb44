"""X-Road for tests: envelopes written by hand, a scripted provider, and a second XSD engine over a whole WSDL."""

import gzip
from collections.abc import Callable
from http.client import HTTPConnection
from pathlib import Path
from urllib.parse import urlsplit

import xmlschema
from aiohttp import web
from lxml import etree

SHAPES = Path(__file__).parents[1] / "schemas/agency"
SOAP = "{http://schemas.xmlsoap.org/soap/envelope/}"
CLIENT = "LK/GOV/SANDHI/GATEWAY"
_XSD = "{http://www.w3.org/2001/XMLSchema}"
_STUBS = {  # imported for one type each, by operations that we do not use
    "http://ws-i.org/profiles/basic/1.1/swaref.xsd": ("http://ws-i.org/profiles/basic/1.1/xsd", "swaRef"),
    "https://schemas.xmlsoap.org/soap/encoding/": ("http://schemas.xmlsoap.org/soap/encoding/", "base64"),
}


def wsdl(register: str) -> etree._Element:
    return etree.fromstring(gzip.decompress((SHAPES / f"estonia-xtee/{register}.wsdl.gz").read_bytes()))


def published(register: str, element: str, folder: Path) -> xmlschema.XMLSchema10:
    """The WSDL's whole schema that defines `element`, not our extract; imports come from stored copies only."""
    (found,) = [each for each in wsdl(register).iter(f"{_XSD}schema") if each.xpath("*[@name=$name]", name=element)]
    stored = {f"http://x-road.eu/xsd/{name}.xsd": SHAPES / f"x-road/{name}.xsd" for name in ("xroad", "representation")}
    stored["https://www.w3.org/2009/01/xml.xsd"] = SHAPES / "x-road/xml.xsd"
    for address, (namespace, name) in _STUBS.items():
        stored[address] = folder / f"{name}.xsd"
        stored[address].write_text(
            f'<schema xmlns="{_XSD[1:-1]}" targetNamespace="{namespace}"><simpleType name="{name}">'
            '<restriction base="string"/></simpleType><attribute name="arrayType" type="string"/>'
            '<complexType name="Array"><sequence><any minOccurs="0" maxOccurs="unbounded" processContents="lax"/>'
            "</sequence></complexType></schema>"
        )
    return xmlschema.XMLSchema10(
        etree.tostring(found).decode(),
        uri_mapper=lambda address: stored[address].as_uri() if address in stored else address,
        allow="local",
    )


def same_definitions(register: str) -> bool:
    """Whether every definition of our extract stands in the WSDL as it is."""

    def plain(element: etree._Element) -> bytes:
        return etree.tostring(element, method="c14n", exclusive=True)

    theirs = {plain(each) for schema in wsdl(register).iter(f"{_XSD}schema") for each in schema.xpath("*[@name]")}
    ours = etree.parse(SHAPES / f"estonia-xtee/{register}.xsd").getroot().xpath("*[@name]")
    return bool(ours) and {plain(each) for each in ours} <= theirs


def identifier(name: str, kind: str, path: str, *more: tuple[str, str]) -> str:
    parts = zip(("xRoadInstance", "memberClass", "memberCode", "subsystemCode"), path.split("/"), strict=True)
    inside = "".join(f"<i:{tag}>{text}</i:{tag}>" for tag, text in (*parts, *more))
    return f'<x:{name} i:objectType="{kind}">{inside}</x:{name}>'


def header(provider: str, operation: str, version: str = "v1") -> dict[str, str]:
    code = (("serviceCode", operation), ("serviceVersion", version))
    return {
        "client": identifier("client", "SUBSYSTEM", CLIENT),
        "service": identifier("service", "SERVICE", provider, *code),
        "id": "<x:id>m-1</x:id>",
        "protocolVersion": "<x:protocolVersion>4.0</x:protocolVersion>",
    }


def envelope(namespace: str, headers: dict[str, str], body: str) -> bytes:
    return (
        '<s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/" xmlns:x="http://x-road.eu/xsd/xroad.xsd"'
        f' xmlns:i="http://x-road.eu/xsd/identifiers" xmlns:r="{namespace}"><s:Header>{"".join(headers.values())}'
        f"</s:Header><s:Body>{body}</s:Body></s:Envelope>"
    ).encode()


def post(url: str, raw: bytes, content_type: str = "text/xml; charset=utf-8") -> tuple[int, etree._Element]:
    connection = HTTPConnection(urlsplit(url).netloc, timeout=10)
    connection.request("POST", "/", raw, {"Content-Type": content_type, "SOAPAction": '""'})
    answer = connection.getresponse()
    content = answer.read()
    connection.close()
    return answer.status, etree.fromstring(content)


def fault(url: str, raw: bytes, content_type: str = "text/xml") -> str:
    status, root = post(url, raw, content_type)
    assert status == 500
    return root.findtext(".//faultcode") or ""


def soap_fault(code: str, text: str = "") -> str:
    return f"<s:Fault xmlns:s='{SOAP[1:-1]}'><faultcode>{code}</faultcode><faultstring>{text}</faultstring></s:Fault>"


class Scripted:
    """A provider behind its security server: judges what it is sent, repeats the header, answers as told."""

    def __init__(self, published: xmlschema.XMLSchema10, answer: Callable[[etree._Element], str]) -> None:
        self.published = published
        self.answer = answer
        self.bodies: list[etree._Element] = []
        self.codes: list[str] = []
        self.header: Callable[[str], str] = str

    async def handle(self, request: web.BaseRequest) -> web.Response:
        root = etree.fromstring(await request.read())
        head, body = root.find(f"{SOAP}Header"), root.find(f"{SOAP}Body/*")
        assert head is not None
        assert body is not None
        self.published.validate(body)
        for each in head:
            self.published.maps.elements[each.tag].validate(each)
        self.bodies.append(body)
        self.codes.append(root.findtext(".//{*}serviceCode") or "")
        content = self.answer(body)
        repeated = self.header(etree.tostring(head, encoding="unicode"))
        text = f'<s:Envelope xmlns:s="{SOAP[1:-1]}">{repeated}<s:Body>{content}</s:Body></s:Envelope>'
        status = 500 if "Fault" in content else 200
        return web.Response(text=text, status=status, content_type="text/xml", charset="utf-8")
