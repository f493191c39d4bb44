"""XML shapes of our services: XSD made from the canonical JSON Schema, and the WSDL around it.

Element names are the members' own (`closed_month`). A list is an element with `item` children, so that an empty list
and an absent one differ; null is `xsi:nil`. Of a record every member may be absent: it was not granted.

Source: PR-MESS section 2.3 (document/literal wrapped: the body element is the service code, the answer's adds
`Response`); XML Schema 1.0 part 2; WSDL 1.1.
"""

from collections.abc import Iterable, Mapping
from functools import lru_cache
from typing import Any

from lxml import etree

import schemas
from adapters.kit.claims import CLAIMS
from adapters.kit.contract import Service

XSD = "http://www.w3.org/2001/XMLSchema"
WSDL = "http://schemas.xmlsoap.org/wsdl/"
WSDL_SOAP = "http://schemas.xmlsoap.org/wsdl/soap/"
XROAD = "http://x-road.eu/xsd/xroad.xsd"
ENDPOINT = "http://example.org/xroad-endpoint"  # as PR-META section 4 wants it
HEADER_PARTS = ("client", "service", "id", "userId", "issue", "protocolVersion")
ANSWER = ("exchange_id", "outcome", "source", "source_code", "as_of", "match", "receipt", "salt")

Schema = Mapping[str, Any]


class Maker:
    """Makes elements of one namespace: `X("element", child, name="months")`."""

    def __init__(self, namespace: str) -> None:
        self._namespace = namespace

    def __call__(self, tag: str, *inside: etree._Element | str, **attributes: str) -> etree._Element:
        made = etree.Element(f"{{{self._namespace}}}{tag}", attributes)
        for each in inside:
            if isinstance(each, str):
                made.text = each
            else:
                made.append(each)
        return made


X, W, S, XRD = Maker(XSD), Maker(WSDL), Maker(WSDL_SOAP), Maker(XROAD)


class NoXmlShape(Exception):
    """A canonical schema uses a word that has no place here; the text names it."""


def namespace_of(service: Service) -> str:
    """Of a service's messages."""
    return f"urn:sandhi:x-road:{service.id}:v1"


def code_of(service: Service) -> str:
    """The service code: what comes after the adapter's name."""
    return service.id.partition(".")[2]


def schema_of(service: Service) -> etree.XMLSchema:
    """The compiled XSD that a request is held against."""
    return _compiled(etree.tostring(xsd_of(service)))


@lru_cache(256)
def _compiled(xsd: bytes) -> etree.XMLSchema:
    return etree.XMLSchema(etree.fromstring(xsd))


def xsd_of(service: Service) -> etree._Element:
    """The XSD of question and answer.

    Raises:
        NoXmlShape: the record's schema cannot be said in XSD.
    """
    code, namespace = code_of(service), namespace_of(service)
    root = etree.Element(f"{{{XSD}}}schema", nsmap={"xs": XSD, "tns": namespace})
    root.set("targetNamespace", namespace)
    root.set("elementFormDefault", "qualified")
    root.append(X("element", _complex(_question(service)), name=code))
    fault = X("sequence", _plain("faultCode"), _plain("faultString"))
    root.append(X("element", _complex([X("choice", X("sequence", *_answer(service)), fault)]), name=f"{code}Response"))
    return root


def _question(service: Service) -> list[etree._Element]:
    identifier = _texts("identifier", ["type"], maxOccurs="10")
    name = _texts("name", ["language", "script"], minOccurs="0", maxOccurs="10")
    subject = X("element", _complex([identifier, name, _plain("birth_date", "xs:date", "0")]), name="subject")
    ways = [X("element", _listed(sorted(service.fields)), name="field", maxOccurs=str(len(service.fields)))]
    if service.claims:
        parameter = _texts("parameter", ["name"], minOccurs="0", maxOccurs="10")
        claim_name = X("attribute", _listed(sorted(service.claims)), name="name", use="required")
        ways.append(X("element", X("complexType", X("sequence", parameter), claim_name), name="claim"))
    period = X("element", _complex([_plain("from", "xs:date"), _plain("to", "xs:date")]), name="period", minOccurs="0")
    return [subject, X("choice", *ways), period, _plain("as_at", "xs:date", "0")]


def _answer(service: Service) -> list[etree._Element]:
    record: Any = schemas.load(service.record_schema)
    members = [_element(name, schema, required=False) for name, schema in record["properties"].items()]
    parts = [X("element", _complex(members), name="record")]
    if service.claims:
        names = sorted({name for each in service.claims for name in CLAIMS[each].answers})
        told = [X("element", name=each, type="xs:string", minOccurs="0", nillable="true") for each in names]
        parts.append(X("element", _complex(told), name="claims"))
    withheld = X("element", _complex([_plain("field"), _plain("reason")]), name="withheld", minOccurs="0")
    withheld.set("maxOccurs", "unbounded")
    first, last = [_plain(each) for each in ANSWER[:2]], [_plain(each) for each in ANSWER[2:]]
    marks = _plain("contested", "xs:boolean", "0"), _plain("kept_at", "xs:string", "0")
    return [*first, X("choice", *parts), withheld, *last, *marks]


def _element(name: str, schema: Schema, *, required: bool) -> etree._Element:
    made = X("element", name=name)
    if not required:
        made.set("minOccurs", "0")
    kinds = _kinds(schema)
    if "null" in kinds or None in schema.get("enum", ()):
        made.set("nillable", "true")
    kind = next((each for each in kinds if each != "null"), "string")
    if kind == "object":
        wanted = schema.get("required", ())
        inner = [_element(each, of, required=each in wanted) for each, of in schema["properties"].items()]
        made.append(_complex(inner))
    elif kind == "array":
        item = _element("item", schema["items"], required=False)
        item.set("maxOccurs", str(schema.get("maxItems", "unbounded")))
        made.append(_complex([item]))
    else:
        made.append(_simple(kind, schema))
    return made


def _kinds(schema: Schema) -> list[str]:
    if "type" not in schema and ({"enum", "const"} & schema.keys()):
        return ["boolean" if isinstance(schema.get("const"), bool) else "string"]
    kinds = schema.get("type")
    if kinds is None:
        raise NoXmlShape(f"a schema without a type: {sorted(schema)}")
    return [kinds] if isinstance(kinds, str) else list(kinds)


BASES = {"string": "xs:string", "integer": "xs:integer", "number": "xs:decimal", "boolean": "xs:boolean"}
FACETS = {
    "minLength": "minLength",
    "maxLength": "maxLength",
    "minimum": "minInclusive",
    "maximum": "maxInclusive",
}


def _simple(kind: str, schema: Schema) -> etree._Element:
    base = "xs:date" if schema.get("format") == "date" else BASES[kind]
    allowed = schema.get("enum", [schema["const"]] if "const" in schema and kind == "string" else [])
    facets = [X("enumeration", value=str(each)) for each in allowed if each is not None]
    if "pattern" in schema:
        facets.append(X("pattern", value=str(schema["pattern"]).removeprefix("^").removesuffix("$")))
    facets += [X(facet, value=str(schema[word])) for word, facet in FACETS.items() if word in schema]
    return X("simpleType", X("restriction", *facets, base=base))


def _complex(parts: Iterable[etree._Element]) -> etree._Element:
    return X("complexType", X("sequence", *parts))


def _plain(name: str, kind: str = "xs:string", least: str = "1") -> etree._Element:
    return X("element", name=name, type=kind, minOccurs=least)


def _listed(values: Iterable[str]) -> etree._Element:
    return X("simpleType", X("restriction", *(X("enumeration", value=each) for each in values), base="xs:string"))


def _texts(name: str, attributes: Iterable[str], **occurs: str) -> etree._Element:
    """An element with text and these attributes."""
    required = [X("attribute", name=each, type="xs:string", use="required") for each in attributes]
    content = X("simpleContent", X("extension", *required, base="xs:string"))
    return X("element", X("complexType", content), name=name, **occurs)


def wsdl_of(service: Service) -> bytes:
    """The WSDL, as `getWsdl` attaches it."""
    code, namespace = code_of(service), namespace_of(service)
    names = {"wsdl": WSDL, "soap": WSDL_SOAP, "xrd": XROAD, "tns": namespace}
    root = etree.Element(f"{{{WSDL}}}definitions", nsmap=names)
    root.set("targetNamespace", namespace)
    header = X("schema", X("import", namespace=XROAD, schemaLocation=XROAD), targetNamespace=f"{namespace}:header")
    root.append(W("types", xsd_of(service), header))
    for message in (code, f"{code}Response"):
        parts = [W("part", name=each, element=f"xrd:{each}") for each in HEADER_PARTS]
        root.append(W("message", W("part", name="body", element=f"tns:{message}"), *parts, name=message))
    both = [W("input", message=f"tns:{code}"), W("output", message=f"tns:{code}Response")]
    root.append(W("portType", W("operation", *both, name=code), name="port"))
    bound = [W("input", *_parts(code)), W("output", *_parts(f"{code}Response"))]
    version = XRD("version", "v1")
    operation = W("operation", S("operation", soapAction=""), version, *bound, name=code)
    style = S("binding", style="document", transport="http://schemas.xmlsoap.org/soap/http")
    root.append(W("binding", style, operation, name="binding", type="tns:port"))
    port = W("port", S("address", location=ENDPOINT), name="port", binding="tns:binding")
    root.append(W("service", port, name="service"))
    return etree.tostring(root, xml_declaration=True, encoding="UTF-8", pretty_print=True)


def _parts(message: str) -> list[etree._Element]:
    headers = [S("header", message=f"tns:{message}", part=each, use="literal") for each in HEADER_PARTS]
    return [S("body", parts="body", use="literal"), *headers]
