"""Whatever a canonical schema allows becomes XML that the generated XSD allows, for every service that is asked."""

from collections.abc import Iterator
from datetime import date
from functools import cache
from typing import Any

import pytest
import xmlschema
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from lxml import etree

import schemas
from adapters.kit import discovery, manifest
from adapters.kit.claims import CLAIMS
from adapters.kit.contract import Service
from gateway.edges.xroad.bodies import answer_of, question_of, refusal_of
from gateway.edges.xroad.codes import XRoadError
from gateway.edges.xroad.shapes import code_of, namespace_of, schema_of, wsdl_of, xsd_of
from gateway.model import Answer, Withheld


def asked_services() -> Iterator[Service]:
    for folder in discovery.discover().values():
        yield from (each for each in manifest.load(folder).services.values() if "read" in each.actions)


SERVICES = {each.id: each for each in asked_services()}


@cache
def judge(service: str) -> xmlschema.XMLSchema10:
    """Another XSD engine than the product's."""
    return xmlschema.XMLSchema10(etree.tostring(xsd_of(SERVICES[service])).decode())


def answer(released: Any, *, is_claim: bool = False) -> Answer:
    withheld = (Withheld("other", "not_in_agreement"),)
    return Answer("e-1", "answered", released, is_claim, withheld, "LK/GOV/X/Y", date(2026, 10, 31), "exact", "r-1")


def values(schema: Any) -> st.SearchStrategy[Any]:
    """Values of the words that canonical schemas use; what is not required is there or not."""
    kinds = schema.get("type", "string")
    found = [one(kind, schema) for kind in ([kinds] if isinstance(kinds, str) else kinds)]
    fixed = schema.get("enum", [schema["const"]] if "const" in schema else None)
    return st.sampled_from(fixed) if fixed else st.one_of(found)


def one(kind: str, schema: Any) -> st.SearchStrategy[Any]:
    if kind == "object":
        members = {name: values(of) for name, of in schema["properties"].items()}
        wanted = {name: members.pop(name) for name in schema.get("required", ())}
        return st.fixed_dictionaries(wanted, optional=members)
    if kind == "array":
        unique = (lambda each: str(each)) if schema.get("uniqueItems") else None
        return st.lists(values(schema["items"]), min_size=schema.get("minItems", 0), max_size=3, unique_by=unique)
    if kind in {"integer", "number"}:
        return st.integers(schema.get("minimum", -(10**6)), schema.get("maximum", 10**6))
    if kind in {"null", "boolean"}:
        return st.none() if kind == "null" else st.booleans()
    return texts(schema)


def texts(schema: Any) -> st.SearchStrategy[str]:
    if schema.get("format") == "date":
        return st.dates(date(1900, 1, 1), date(2099, 12, 31)).map(date.isoformat)
    if schema.get("format") == "uuid":
        return st.uuids().map(str)
    if "pattern" in schema:
        return st.from_regex(schema["pattern"].replace("$", r"\Z"))
    return st.text(min_size=schema.get("minLength", 0), max_size=min(schema.get("maxLength", 20), 20))


@pytest.mark.parametrize("name", SERVICES)
def test_every_record_that_fits_its_schema_fits_the_xsd(name: str) -> None:
    service = SERVICES[name]
    schema: Any = {**schemas.load(service.record_schema), "required": []}
    checker = schemas.compiled(schema, name)

    @settings(max_examples=8, deadline=None, database=None, suppress_health_check=list(HealthCheck))
    @given(values(schema).filter(checker.is_valid))  # some schemas also say which members belong together
    def fits(record: Any) -> None:
        made = etree.fromstring(etree.tostring(answer_of(answer(record), service)))
        assert schema_of(service).validate(made), schema_of(service).error_log
        judge(name).validate(made)

    fits()


@pytest.mark.parametrize("name", SERVICES)
def test_claims_refusals_and_questions_fit_and_the_wsdl_holds_the_same_schema(name: str) -> None:
    service = SERVICES[name]
    judge(name).validate(refusal_of("not_available", "No answer is available.", service))
    for each in sorted(service.claims):
        told = answer(dict.fromkeys(sorted(CLAIMS[each].answers)), is_claim=True)
        judge(name).validate(etree.fromstring(etree.tostring(answer_of(told, service))))
    field, kind = min(service.fields), service.id_types[0]
    identifier = f'<r:identifier type="{kind}">1</r:identifier>'
    text = f"<r:subject>{identifier}</r:subject><r:field>{field}</r:field><r:as_at>2026-10-31</r:as_at>"
    body = etree.fromstring(f'<r:{code_of(service)} xmlns:r="{namespace_of(service)}">{text}</r:{code_of(service)}>')
    judge(name).validate(body)
    assert question_of(body, service) == {
        "subject": {"identifiers": [{"type": kind, "value": "1"}], "names": []},
        "fields": [field],
        "as_at": "2026-10-31",
    }
    body[1].text = "no_such_field"
    with pytest.raises(XRoadError):
        question_of(body, service)
    plain = etree.XMLParser(remove_blank_text=True)
    within = etree.fromstring(wsdl_of(service), plain).find(".//{http://www.w3.org/2001/XMLSchema}schema")
    assert etree.tostring(within, method="c14n", exclusive=True) == etree.tostring(
        xsd_of(service), method="c14n", exclusive=True
    )


def test_a_text_that_no_xml_can_hold_is_told_with_replacements() -> None:
    service = SERVICES["national_id.identity"]
    record = {"confirmed": True, "names": [{"language": "eng", "script": "Latn", "value": "a\x00b\x0bc\ufffe"}]}
    made = etree.fromstring(etree.tostring(answer_of(answer(record), service)))
    assert made.findtext(".//{*}value") == "a\ufffdb\ufffdc\ufffd"


def test_a_claim_is_read_with_the_types_of_its_parameters() -> None:
    service = SERVICES["tax.employment"]
    namespace = namespace_of(service)
    claim = '<r:claim name="employment_status"><r:parameter name="months">6</r:parameter></r:claim>'
    born = "<r:birth_date>1990-01-01</r:birth_date>"
    subject = f'<r:subject><r:identifier type="TIN">AB123456C</r:identifier>{born}</r:subject>'
    body = etree.fromstring(f'<r:employment xmlns:r="{namespace}">{subject}{claim}</r:employment>')
    asked: Any = question_of(body, service)
    assert asked["claim"] == {"name": "employment_status", "parameters": {"months": 6}}
    assert asked["subject"]["birth_date"] == "1990-01-01"
