"""WSDLs of strangers: real ones are read, every import leads to a stored copy, and what leads elsewhere is refused."""

import gzip
from pathlib import Path

import pytest
from lxml import etree

from adapters.kit import xml_values
from adapters.kit.untrusted import ProgramRefused, checked_wsdl
from adapters.kit.untrusted.sealed_xsd import compiled

ROOT = Path(__file__).parents[3]
STAR = (ROOT / "tests/agencies/star/star.wsdl").read_bytes()
REAL = {
    "star": (4, STAR),
    "liiklusregister": (60, b""),
    "tsd": (19, b""),
}
XROAD = b'schemaLocation="http://x-road.eu/xsd/xroad.xsd"'


def real(name: str) -> bytes:
    stored = ROOT / f"schemas/agency/estonia-xtee/{name}.wsdl.gz"
    return REAL[name][1] or gzip.decompress(stored.read_bytes())


def with_in_schema(text: bytes) -> bytes:
    """STAR's WSDL with something more in its schema."""
    place = b'<element name="HooldajaHooldusedRequest"'
    assert place in STAR
    return STAR.replace(place, text + place, 1)


@pytest.mark.parametrize("name", sorted(REAL))
def test_a_real_register_s_wsdl_is_read_with_nothing_fetched(name: str) -> None:
    wsdl = checked_wsdl(real(name), name)
    assert len(wsdl.operations) == REAL[name][0]
    for operation in wsdl.operations.values():
        assert wsdl.shapes.element(operation.request) is not None


@pytest.mark.parametrize(
    ("text", "code"),
    [
        (STAR.replace(b'namespace="http://x-road.eu/xsd/xroad.xsd"', b'namespace="http://evil.example/x"'), "outside"),
        (with_in_schema(b'<import namespace="urn:x" schemaLocation="file:///etc/passwd"/>'), "outside"),
        (with_in_schema(b'<include schemaLocation="http://evil.example/x.xsd"/>'), "outside"),
        (with_in_schema(b'<redefine schemaLocation="x.xsd"/>'), "outside"),
        (STAR.replace(b"<wsdl:types>", b'<wsdl:import location="http://evil.example/a.wsdl"/><wsdl:types>'), "outside"),
        (STAR.replace(b'type="gYearMonth"', b'type="nothing"'), "schema"),
        (STAR.replace(b"<?xml", b"<!DOCTYPE a><?xml"), "xml"),
        (b"<definitions/>", "not_wsdl"),
    ],
    ids=["import", "file", "include", "redefine", "wsdl_import", "broken", "doctype", "no_wsdl"],
)
def test_a_wsdl_that_leads_elsewhere_is_refused_by_name(text: bytes, code: str) -> None:
    with pytest.raises(ProgramRefused) as refused:
        checked_wsdl(text, "star.wsdl")
    assert refused.value.code == code


def test_an_import_that_is_known_leads_to_the_stored_copy_whatever_address_it_names() -> None:
    text = STAR.replace(XROAD, b'schemaLocation="http://evil.example/xroad.xsd"')
    assert checked_wsdl(text, "star.wsdl").operations.keys() == checked_wsdl(STAR, "star.wsdl").operations.keys()


def test_a_location_that_nobody_stored_is_no_schema() -> None:
    importing = (
        '<xs:schema xmlns:xs="http://www.w3.org/2001/XMLSchema" xmlns:p="urn:p" targetNamespace="urn:q">'
        f'<xs:import namespace="urn:p" schemaLocation="{Path(__file__).as_uri()}"/>'
        '<xs:element name="e" type="p:T"/></xs:schema>'
    )
    with pytest.raises(etree.XMLSchemaParseError):
        compiled(importing, {})


def test_a_message_is_built_in_the_order_of_the_schema_and_read_back() -> None:
    wsdl = checked_wsdl(STAR, "star.wsdl")
    operation = wsdl.operation("KontrolliToimetulekuToetuseSaamist")
    texts = {"lopp": "2026-10-31", "isikukood": "1", "algus": "2026-10-01"}
    message = xml_values.built(operation.request, texts, wsdl.shapes)
    part = wsdl.shapes.element(operation.request)
    assert part is not None
    assert wsdl.schema.validate(message)
    assert xml_values.values(message, part, wsdl.shapes) == texts


def test_what_may_repeat_is_a_list_and_what_is_empty_is_left_out() -> None:
    wsdl = checked_wsdl(STAR, "star.wsdl")
    part = wsdl.shapes.element(wsdl.operation("HooldajaHooldused").answer)
    assert part is not None
    answer = etree.fromstring(
        '<s:HooldajaHooldusedResponse xmlns:s="http://producers.star.xtee.riik.ee/producer/star"><hooldaja>'
        "<isikukood>1</isikukood><eesnimi/><perekonnanimi>P</perekonnanimi><hooldused><hooldus>"
        "<hoolduseAlgus>2026-01-01</hoolduseAlgus><hoolduseLiik>x</hoolduseLiik>"
        "<hooldatavaIsikukood>2</hooldatavaIsikukood></hooldus></hooldused><rakendamised/></hooldaja>"
        "</s:HooldajaHooldusedResponse>"
    )
    told = xml_values.values(answer, part, wsdl.shapes)
    carer = {"isikukood": "1", "perekonnanimi": "P"}
    care = {"hoolduseAlgus": "2026-01-01", "hoolduseLiik": "x", "hooldatavaIsikukood": "2"}
    assert told == {"hooldaja": carer | {"hooldused": {"hooldus": [care]}}}
