"""The subsistence-benefit register as its WSDL describes it: `python tests/agencies/star/star_register.py PORT`.

Judges every message by the schema of the WSDL, wants the five headers that the WSDL names, and answers about invented
people: whom it knows by number, and the last month that a benefit was granted for within the period. Written from the
WSDL alone; it shares no code with the product.
"""

import sys
from collections.abc import Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, ClassVar

from lxml import etree

SOAP = "http://schemas.xmlsoap.org/soap/envelope/"
XROAD = "http://x-road.eu/xsd/xroad.xsd"
STAR = "http://producers.star.xtee.riik.ee/producer/star"
XSD = "http://www.w3.org/2001/XMLSchema"
OPERATION = "KontrolliToimetulekuToetuseSaamist"
HEADERS = ("client", "service", "userId", "id", "protocolVersion")

PEOPLE: Mapping[str, tuple[str, str, tuple[str, ...]]] = {  # number -> given name, family name, months granted
    "199012304567": ("Kamal", "Perera", ("2026-08", "2026-10")),
    "198061308997": ("Gayani", "Nawaratne", ()),
}


def schema() -> etree.XMLSchema:
    """The schema in the WSDL; nothing of the messages needs what it imports."""
    root = etree.parse(Path(__file__).with_name("star.wsdl")).getroot()
    found = root.find(f".//{{{XSD}}}schema")
    for imported in found.findall(f"{{{XSD}}}import"):
        found.remove(imported)
    return etree.XMLSchema(etree.fromstring(etree.tostring(found)))


class Register(BaseHTTPRequestHandler):
    """One call; what was heard is kept for whoever tests."""

    judge: ClassVar[etree.XMLSchema] = schema()
    heard: ClassVar[list[bytes]] = []
    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        content = self.rfile.read(int(self.headers["content-length"]))
        self.heard.append(content)
        root = etree.fromstring(content)
        header, body = root.find(f"{{{SOAP}}}Header"), root.find(f"{{{SOAP}}}Body")
        missing = [name for name in HEADERS if header is None or header.find(f"{{{XROAD}}}{name}") is None]
        request = body[0] if body is not None and len(body) else None
        if missing or request is None or not self.judge.validate(request):
            self._tell(500, None, self._fault(missing))
        elif request.tag != f"{{{STAR}}}{OPERATION}Request":
            self._tell(500, None, self._fault(["operation"]))
        else:
            self._tell(200, header, self._answer(request))

    def _answer(self, request: Any) -> Any:
        number, begin, end = (request.findtext(name) for name in ("isikukood", "algus", "lopp"))
        given, family, months = PEOPLE.get(number, ("-", "-", ()))
        within = [month for month in months if begin[:7] <= month <= end[:7]]
        answer = etree.Element(f"{{{STAR}}}{OPERATION}Response", nsmap={"star": STAR})
        for name, text in (("isikukood", number), ("eesnimi", given), ("perekonnanimi", family)):
            etree.SubElement(answer, name).text = text
        told = ("maaramine", max(within)) if within else ("info", "Toetuse saajaid ei leitud")
        etree.SubElement(answer, told[0]).text = told[1]
        assert self.judge.validate(answer)
        return answer

    @staticmethod
    def _fault(missing: list[str]) -> Any:
        fault = etree.Element(f"{{{SOAP}}}Fault")
        etree.SubElement(fault, "faultcode").text = "soap:Client"
        etree.SubElement(fault, "faultstring").text = f"not as the WSDL says: {', '.join(missing) or 'the body'}"
        return fault

    def _tell(self, status: int, header: Any, content: Any) -> None:
        root = etree.Element(f"{{{SOAP}}}Envelope", nsmap={"soap": SOAP})
        if header is not None:
            root.append(header)
        etree.SubElement(root, f"{{{SOAP}}}Body").append(content)
        told = etree.tostring(root, xml_declaration=True, encoding="UTF-8")
        self.send_response(status)
        self.send_header("content-type", "text/xml; charset=utf-8")
        self.send_header("content-length", str(len(told)))
        self.end_headers()
        self.wfile.write(told)

    def log_message(self, *_: object) -> None:
        """Numbers of people do not belong on a screen."""


def serve(port: int) -> ThreadingHTTPServer:
    """The register on a port of loopback; 0: a free one. Call `serve_forever`."""
    return ThreadingHTTPServer(("127.0.0.1", port), Register)


if __name__ == "__main__":
    serve(int(sys.argv[1])).serve_forever()
