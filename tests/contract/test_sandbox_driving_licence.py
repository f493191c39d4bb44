"""The simulated traffic register: raw SOAP over a socket, checked with a second XSD engine; what it refuses."""

import json
from collections.abc import Iterator
from datetime import date

import pytest
import xmlschema
from lxml import etree

from sandbox.agencies.driving_licence import build, make_settings
from sandbox.faults import Faults
from sandbox.loopback import serving
from sandbox.population.licences import DrivingRecord, Entitlement
from tests.xroad_place import SHAPES, envelope, fault, header, identifier, post, published, same_definitions

REGISTER = "http://liiklusregister.x-road.eu"
PROVIDER = "LK/GOV/DMT/LICENCES"
DRIVER, TAKEN, NOBODY = "198534000123", "197050100234", "199012304567"
RECORDS = {
    DRIVER: DrivingRecord(
        DRIVER,
        (Entitlement("A, B", "valid", date(2009, 3, 2)), Entitlement("C", "lapsed", date(2011, 3, 2))),
    ),
    TAKEN: DrivingRecord(
        TAKEN,
        (
            Entitlement("B", "suspended", date(1990, 1, 31), date(2026, 7, 1), date(2026, 12, 31)),
            Entitlement("C", "withdrawn", date(1993, 1, 31), date(2026, 7, 1)),
        ),
    ),
}
FAULTS = Faults()


class Drivers:
    def driving_by_nic(self, nic: str) -> DrivingRecord | None:
        return RECORDS.get(nic)


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    with serving(build(Drivers(), make_settings("http://127.0.0.1"), FAULTS)) as address:
        yield address


@pytest.fixture(autouse=True)
def healthy() -> None:
    FAULTS.clear()


@pytest.fixture(scope="module")
def traffic(tmp_path_factory: pytest.TempPathFactory) -> xmlschema.XMLSchema10:
    return published("liiklusregister", "pol_juhtoigusRequest", tmp_path_factory.mktemp("traffic"))


def body(inside: str) -> str:
    return f"<r:pol_juhtoigusRequest>{inside}</r:pol_juhtoigusRequest>"


def ask(number: str = DRIVER) -> str:
    return body(f"<isikukood>{number}</isikukood>")


def said(told: str, **changed: str) -> bytes:
    return envelope(REGISTER, header(PROVIDER, "pol_juhtoigus") | changed, told)


def test_our_extract_is_the_wsdl_s_definition_by_definition() -> None:
    assert same_definitions("liiklusregister")


def test_entitlements_come_in_the_register_s_own_words(url: str, traffic: xmlschema.XMLSchema10) -> None:
    found = {}
    for number in (DRIVER, TAKEN):
        status, root = post(url, said(ask(number)))
        (answer,) = root[1]
        traffic.validate(answer)
        assert (status, answer.findtext("kood")) == (200, "0")
        found[number] = [[member.text or "" for member in row] for row in answer.iterfind("juhtoigus/juhtoigus")]
    assert found == {
        DRIVER: [["A, B", "kehtib", "02.03.2009", "", ""], ["C", "kehtetu", "02.03.2011", "", ""]],
        TAKEN: [
            ["B", "peatatud", "31.01.1990", "01.07.2026", "31.12.2026"],
            ["C", "ära võetud", "31.01.1993", "01.07.2026", ""],
        ],
    }


@pytest.mark.parametrize(
    ("told", "code"),
    [
        (ask(NOBODY), "1"),
        (body(""), "2"),
        (ask("853400123V"), "2"),
        (body("<id>12</id>"), "2"),
        (body(f"<isikukood>{DRIVER}</isikukood><id>12</id>"), "2"),
    ],
)
def test_a_result_without_entitlements_is_in_the_body(
    url: str, traffic: xmlschema.XMLSchema10, told: str, code: str
) -> None:
    status, root = post(url, said(told))
    traffic.validate(root[1][0])
    assert (status, root.findtext(".//kood"), list(root.iter("kat"))) == (200, code, [])


def test_headers_come_back_with_the_hash_of_the_request(url: str) -> None:
    _, root = post(url, said(ask()))
    names = [etree.QName(each).localname for each in root[0]]
    assert names == ["client", "service", "id", "protocolVersion", "requestHash"]
    assert root.findtext(".//{*}serviceCode") == "pol_juhtoigus"


SERVICE = header(PROVIDER, "pol_juhtoigus")["service"]
REFUSED: dict[str, tuple[bytes, str]] = {
    "not XML": (b"isikukood=1", "Client.InvalidXml"),
    "cut": (said(ask())[:-20], "Client.InvalidXml"),
    "not UTF-8": (said(ask()).replace(b"m-1", b"\xff\xfe"), "Client.InvalidXml"),
    "document type": (b"<!DOCTYPE s [<!ENTITY a 'b'>]>" + said(ask()), "Client.InvalidXml"),
    "processing instruction": (b"<?xml-stylesheet href='x'?>" + said(ask()), "Client.InvalidXml"),
    "65 levels": (said("<a>" * 63 + "</a>" * 63), "Client.InvalidXml"),
    "over 1 MiB": (said(ask() + " " * 1024 * 1024), "Client.InvalidSoap"),
    "no envelope": (b"<a/>", "Client.InvalidSoap"),
    "no body element": (said(""), "Client.InvalidSoap"),
    "two body elements": (said(ask() + ask()), "Client.InvalidSoap"),
    "header twice": (said(ask(), again="<x:id>m-2</x:id>"), "Client.DuplicateHeaderField"),
    "header empty": (said(ask(), id="<x:id> </x:id>"), "Client.MissingHeaderField"),
    "protocol 3.1": (
        said(ask(), protocolVersion="<x:protocolVersion>3.1</x:protocolVersion>"),
        "Client.InvalidProtocolVersion",
    ),
    "another client": (
        said(ask(), client=identifier("client", "SUBSYSTEM", "LK/COM/NOONE/APP")),
        "Server.ServerProxy.AccessDenied",
    ),
    "another provider": (said(ask(), service=SERVICE.replace("DMT", "OTHER")), "Server.ServerProxy.UnknownService"),
    "another version": (
        said(ask(), service=header(PROVIDER, "pol_juhtoigus", "v2")["service"]),
        "Server.ServerProxy.UnknownService",
    ),
    "an operation that nobody serves": (
        said(ask(), service=header(PROVIDER, "isikuAndmed")["service"]),
        "Server.ServerProxy.UnknownService",
    ),
    "an answer as a question": (
        said("<r:pol_juhtoigusResponse><kood>0</kood><teade/><juhtoigus/></r:pol_juhtoigusResponse>"),
        "Client.InvalidBody",
    ),
    "body in another namespace": (said(ask().replace("r:", "x:")), "Client.InvalidBody"),
    "unknown element": (said(body("<eesnimi>A</eesnimi>")), "Client.InvalidBody"),
    "number twice": (said(body("<isikukood>1</isikukood><isikukood>1</isikukood>")), "Client.InvalidBody"),
    "internal id that is no number": (said(body("<id>x</id>")), "Client.InvalidBody"),
    **{
        f"without {name}": (said(ask(), **{name: ""}), "Client.MissingHeaderField")
        for name in ("client", "service", "id", "protocolVersion")
    },
}


@pytest.mark.parametrize("case", REFUSED)
def test_message_is_refused_with_a_soap_fault(url: str, case: str) -> None:
    raw, code = REFUSED[case]
    assert fault(url, raw) == code


@pytest.mark.parametrize("content_type", ["application/json", "application/soap+xml", "text/xml; charset=iso-8859-1"])
def test_another_content_type_is_refused(url: str, content_type: str) -> None:
    assert fault(url, said(ask()), content_type) == "Client.InvalidContentType"


def test_neither_an_error_nor_a_fault_repeats_the_number(url: str) -> None:
    for raw in (said(ask("98765432")), said(body("<muu>98765432</muu>"))):
        _, root = post(url, raw)
        assert b"98765432" not in etree.tostring(root)


def test_every_state_has_one_word() -> None:
    codes = json.loads((SHAPES.parent / "codes/liiklusregister-state.json").read_text("utf-8"))["codes"]
    assert len({each["code"] for each in codes}) == len({each["state"] for each in codes}) == len(codes)


def test_faults_on_demand(url: str, traffic: xmlschema.XMLSchema10) -> None:
    FAULTS.set("refuse")
    assert fault(url, said(ask())) == "Server.ServerProxy.AccessDenied"
    FAULTS.set("wrong_schema")
    status, root = post(url, said(ask()))
    assert status == 200
    assert not traffic.is_valid(root[0][0])
    FAULTS.set("garbled")
    with pytest.raises(etree.XMLSyntaxError):
        post(url, said(ask()))
