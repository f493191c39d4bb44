"""Bodies of SOAP messages: a question from XML, an answer into XML. Both fit the XSD of `shapes`."""

import re
from collections.abc import Mapping
from typing import Any

from lxml import etree

import schemas
from adapters.kit.claims import CLAIMS
from adapters.kit.contract import Service

from ...model import Answer
from .codes import BAD_REQUEST, XRoadError
from .shapes import ANSWER, code_of, namespace_of, schema_of

NIL = "{http://www.w3.org/2001/XMLSchema-instance}nil"
NOT_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
"""Characters that no XML document can hold (XML 1.0 section 2.2); an agency's text may have them."""
NUMBERS = {"integer": int, "number": float}


def question_of(body: etree._Element, service: Service) -> dict[str, object]:
    """The question as the JSON edge takes it.

    Raises:
        XRoadError: it breaks the service's XSD; the text says where, never what.
    """
    schema = schema_of(service)
    if not schema.validate(body):
        log: Any = schema.error_log  # iterable, which the type stubs do not know
        first = next(iter(log))
        raise XRoadError(BAD_REQUEST, f"The body breaks the service's schema ({first.type_name}); see getWsdl.")
    parts = _Parts(body)
    subject = _Parts(parts.one("subject"))
    asked: dict[str, object] = {"subject": _subject(subject)}
    if fields := parts.all("field"):
        asked["fields"] = [each.text for each in fields]
    if (claim := parts.find("claim")) is not None:
        asked["claim"] = _claim(claim)
    if (period := parts.find("period")) is not None:
        asked["period"] = {etree.QName(each).localname: each.text for each in period}
    if (as_at := parts.find("as_at")) is not None:
        asked["as_at"] = as_at.text
    return asked


class _Parts:
    """Children of an element of our namespaces, by local name."""

    def __init__(self, element: etree._Element) -> None:
        self._element = element

    def all(self, name: str) -> list[etree._Element]:
        return [each for each in self._element if etree.QName(each).localname == name]

    def find(self, name: str) -> etree._Element | None:
        return next(iter(self.all(name)), None)

    def one(self, name: str) -> etree._Element:
        return self.all(name)[0]


def _subject(parts: _Parts) -> dict[str, object]:
    born = parts.find("birth_date")
    return {
        "identifiers": [{"type": each.get("type"), "value": each.text or ""} for each in parts.all("identifier")],
        "names": [{**dict(each.attrib), "value": each.text or ""} for each in parts.all("name")],
    } | ({"birth_date": born.text} if born is not None else {})


def _claim(element: etree._Element) -> dict[str, object]:
    name = str(element.get("name"))
    known: Any = CLAIMS[name].parameters.get("properties", {})
    given = {str(each.get("name")): each.text or "" for each in element}
    return {"name": name, "parameters": {each: _value(text, known.get(each, {})) for each, text in given.items()}}


def _value(text: str, schema: Mapping[str, Any]) -> object:
    """As the claim's own schema types it; what is no number stays text, and the claim refuses it."""
    try:
        return NUMBERS.get(schema.get("type", ""), str)(text)
    except ValueError:
        return text


def answer_of(answer: Answer, service: Service) -> etree._Element:
    """`<code>Response` with the record or the claims."""
    namespace = namespace_of(service)
    root = etree.Element(f"{{{namespace}}}{code_of(service)}Response", nsmap={"tns": namespace})
    wire: Mapping[str, Any] = answer.wire()
    for name in ANSWER[:2]:
        _add(root, name, wire[name])
    if answer.is_claim:
        _claims(root, answer.released)
    else:
        record: Any = schemas.load(service.record_schema)
        _object(_sub(root, "record"), answer.released, record)
    for each in wire["withheld"]:
        withheld = _sub(root, "withheld")
        _add(withheld, "field", each["field"])
        _add(withheld, "reason", each["reason"])
    for name in ANSWER[2:]:
        _add(root, name, wire[name])
    if answer.contested:
        _add(root, "contested", True)
    if answer.kept_at:
        _add(root, "kept_at", answer.kept_at)
    return root


def _claims(root: etree._Element, released: Mapping[str, object]) -> None:
    claims = _sub(root, "claims")
    for name in sorted(released):
        _add(claims, name, released[name])


def _object(parent: etree._Element, value: Mapping[str, Any], schema: Mapping[str, Any]) -> None:
    """The members in the schema's order, as an XSD sequence wants them."""
    for name, of in schema["properties"].items():
        if name not in value:
            continue
        found = value[name]
        if isinstance(found, Mapping):
            _object(_sub(parent, name), found, of)
        elif isinstance(found, list | tuple):
            items = _sub(parent, name)
            for each in found:
                if isinstance(each, Mapping):
                    _object(_sub(items, "item"), each, of["items"])
                else:
                    _add(items, "item", each)
        else:
            _add(parent, name, found)


def _add(parent: etree._Element, name: str, value: object) -> None:
    made = _sub(parent, name)
    if value is None:
        made.set(NIL, "true")
    else:
        made.text = NOT_XML.sub("\ufffd", str(value).lower() if isinstance(value, bool) else str(value))


def _sub(parent: etree._Element, name: str) -> etree._Element:
    return etree.SubElement(parent, f"{{{etree.QName(parent).namespace}}}{name}")


def refusal_of(code: str, text: str, service: Service) -> etree._Element:
    """The service's own "no": a normal answer, not a fault."""
    namespace = namespace_of(service)
    root = etree.Element(f"{{{namespace}}}{code_of(service)}Response", nsmap={"tns": namespace})
    _add(root, "faultCode", code)
    _add(root, "faultString", text)
    return root
