"""The simulated population register: raw SOAP over a socket, checked with a second XSD engine; what it refuses."""

import re
from collections.abc import Iterator
from datetime import date

import pytest
import xmlschema
from lxml import etree

from sandbox.agencies.population_register import build, make_settings
from sandbox.faults import Faults
from sandbox.loopback import serving
from sandbox.person import NationalIdRecord, Spelling
from sandbox.population import population
from sandbox.population.register_numbers import register_number
from tests.xroad_place import envelope, fault, header, identifier, post, published, same_definitions

RR = "http://rr.x-road.eu/producer"
PROVIDER = "LK/GOV/DRP/RR"
NAMES = (Spelling("eng", "Latn", "Nimal", "Perera"),)
LIVING, DEAD, CLOSED, LOCKED, NOBODY = (f"3851205000{digit}" for digit in "12345")
RECORDS = {
    LIVING: NationalIdRecord("198534000123", date(1985, 12, 5), NAMES, "male"),
    DEAD: NationalIdRecord("195512304567", date(1955, 5, 2), NAMES, "male", death_date=date(2026, 9, 30)),
    CLOSED: NationalIdRecord("197012304567", date(1970, 5, 2), NAMES, "male", deactivated=True),
    LOCKED: NationalIdRecord("197112304567", date(1971, 5, 2), NAMES, "male"),
}
FAULTS = Faults()


class People:
    def national_id_by_register_number(self, number: str) -> NationalIdRecord | None:
        return RECORDS.get(number)


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    with serving(build(People(), make_settings("http://127.0.0.1", locked={LOCKED}), FAULTS)) as address:
        yield address


@pytest.fixture(autouse=True)
def healthy() -> None:
    FAULTS.clear()


@pytest.fixture(scope="module")
def rr(tmp_path_factory: pytest.TempPathFactory) -> xmlschema.XMLSchema10:
    return published("rr", "RR412", tmp_path_factory.mktemp("rr"))


def ask(operation: str = "RR405IsikNimi", number: str = LIVING) -> str:
    return f"<r:{operation}><request><Isikukood>{number}</Isikukood></request></r:{operation}>"


def said(told: str, operation: str = "RR405IsikNimi", **changed: str) -> bytes:
    return envelope(RR, header(PROVIDER, operation) | changed, told)


def test_our_extract_is_the_wsdl_s_definition_by_definition() -> None:
    assert same_definitions("rr")


@pytest.mark.parametrize(
    ("number", "expected"),
    [
        (LIVING, ["Perera", "Nimal", "0", ""]),
        (DEAD, ["Perera", "Nimal", "0", ""]),
        (CLOSED, ["", "", "1", "isikut ei leitud"]),
        (NOBODY, ["", "", "1", "isikut ei leitud"]),
        (LOCKED, ["", "", "2", "andmeid ei väljastata"]),
    ],
)
def test_a_name_or_why_there_is_none(url: str, rr: xmlschema.XMLSchema10, number: str, expected: list[str]) -> None:
    status, root = post(url, said(ask(number=number)))
    (answer,) = root[1]
    rr.validate(answer)
    assert (status, answer.findtext("request/Isikukood")) == (200, number)
    assert [each.text or "" for each in answer[1]] == expected


@pytest.mark.parametrize(
    ("number", "expected"),
    [
        (LIVING, {"Isikukood": LIVING, "Eesnimi": "Nimal", "Perenimi": "Perera", "Staatus": "E"}),
        (DEAD, {"Isikukood": DEAD, "Eesnimi": "Nimal", "Perenimi": "Perera", "Staatus": "S"}),
        (NOBODY, {"faultCode": "1", "faultString": "isikut ei leitud", "Isikukood": NOBODY}),
        (LOCKED, {"faultCode": "2", "faultString": "andmeid ei väljastata", "Isikukood": LOCKED}),
    ],
)
def test_a_state_or_why_there_is_none(
    url: str, rr: xmlschema.XMLSchema10, number: str, expected: dict[str, str]
) -> None:
    status, root = post(url, said(ask("RR412", number), "RR412"))
    (answer,) = root[1]
    rr.validate(answer)
    assert status == 200
    assert {each.tag: each.text for each in answer[1] if each.text} == expected


SERVICE = header(PROVIDER, "RR405IsikNimi")["service"]
REFUSED: dict[str, tuple[bytes, str]] = {
    "not XML": (b"Isikukood=1", "Client.InvalidXml"),
    "cut": (said(ask())[:-20], "Client.InvalidXml"),
    "document type": (b"<!DOCTYPE s [<!ENTITY a 'b'>]>" + said(ask()), "Client.InvalidXml"),
    "over 1 MiB": (said(ask() + " " * 1024 * 1024), "Client.InvalidSoap"),
    "no envelope": (b"<a/>", "Client.InvalidSoap"),
    "two body elements": (said(ask() + ask()), "Client.InvalidSoap"),
    "header twice": (said(ask(), again="<x:id>m-2</x:id>"), "Client.DuplicateHeaderField"),
    "protocol 3.1": (
        said(ask(), protocolVersion="<x:protocolVersion>3.1</x:protocolVersion>"),
        "Client.InvalidProtocolVersion",
    ),
    "another client": (
        said(ask(), client=identifier("client", "SUBSYSTEM", "LK/COM/NOONE/APP")),
        "Server.ServerProxy.AccessDenied",
    ),
    "another provider": (said(ask(), service=SERVICE.replace("DRP", "OTHER")), "Server.ServerProxy.UnknownService"),
    "relations, which nobody serves": (said(ask("RR435"), "RR435"), "Server.ServerProxy.UnknownService"),
    "another version": (
        said(ask(), service=header(PROVIDER, "RR405IsikNimi", "v2")["service"]),
        "Server.ServerProxy.UnknownService",
    ),
    "body of another service": (said(ask("RR412")), "Client.InvalidBody"),
    "body in another namespace": (said(ask().replace("r:", "x:")), "Client.InvalidBody"),
    "an NIC number": (said(ask(number="198534000123")), "Client.InvalidBody"),
    "thirteenth month": (said(ask(number="38513050001")), "Client.InvalidBody"),
    "no number": (said("<r:RR405IsikNimi><request/></r:RR405IsikNimi>"), "Client.InvalidBody"),
    "two numbers": (
        said(ask().replace("</request>", f"<Isikukood>{DEAD}</Isikukood></request>")),
        "Client.InvalidBody",
    ),
    **{
        f"without {name}": (said(ask(), **{name: ""}), "Client.MissingHeaderField")
        for name in ("client", "service", "id", "protocolVersion")
    },
}


@pytest.mark.parametrize("case", REFUSED)
def test_message_is_refused_with_a_soap_fault(url: str, case: str) -> None:
    raw, code = REFUSED[case]
    assert fault(url, raw) == code


def test_another_content_type_is_refused(url: str) -> None:
    assert fault(url, said(ask()), "application/soap+xml") == "Client.InvalidContentType"


def test_a_fault_never_repeats_the_number(url: str) -> None:
    _, root = post(url, said(ask(number="98765432101")))
    assert b"98765432101" not in etree.tostring(root)


def test_faults_on_demand(url: str, rr: xmlschema.XMLSchema10) -> None:
    FAULTS.set("refuse")
    assert fault(url, said(ask())) == "Server.ServerProxy.AccessDenied"
    FAULTS.set("wrong_schema")
    _, root = post(url, said(ask()))
    assert not rr.is_valid(root[0][0])


def test_everybody_has_a_number_of_the_published_pattern_and_nobody_shares_one() -> None:
    everybody = list(population(300, 7, date(2026, 10, 31)))
    numbers = [register_number(each, 7) for each in everybody]
    pattern = re.compile(r"[1-6][0-9]{2}(0[0-9]|1[0-2])([0-2][0-9]|3[01])[0-9]{4}")
    assert len(set(numbers)) == len(numbers)
    assert all(pattern.fullmatch(each) for each in numbers)
    assert (
        numbers == [register_number(each, 7) for each in everybody] != [register_number(each, 8) for each in everybody]
    )
