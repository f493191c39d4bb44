"""The simulated education register: raw SOAP over a socket, checked with a second XSD engine; what it refuses."""

import gzip
import json
import threading
from collections.abc import Iterator
from datetime import date
from http.client import HTTPConnection
from pathlib import Path
from urllib.parse import urlsplit

import pytest
import xmlschema
from lxml import etree

from sandbox.agencies.education import build, make_settings
from sandbox.faults import Faults
from sandbox.loopback import serving
from sandbox.person import EducationRecord, Enrolment, Qualification

SCHEMAS = Path(__file__).parents[2] / "schemas"
EHIS = "http://producers.ehis.xtee.riik.ee/producer/ehis"
XRO = "{http://x-road.eu/xsd/xroad.xsd}"

GRADUATE, STUDENT, UNSCHOOLED, LOCKED, NOBODY = (f"1000000000{digit}" for digit in "12345")
RECORDS = {
    GRADUATE: EducationRecord(
        GRADUATE,
        (
            Enrolment(3, "full_time", date(2005, 1, 10), date(2007, 8, 31), "completed"),
            Enrolment(6, "distance", date(2010, 1, 5), date(2011, 2, 1), "left"),
        ),
        (Qualification(3, True, date(2007, 9, 1)), Qualification(4, True, date(2015, 6, 30))),
    ),
    STUDENT: EducationRecord(STUDENT, (Enrolment(6, "part_time", date(2025, 2, 3), None),)),
    UNSCHOOLED: EducationRecord(UNSCHOOLED),
    LOCKED: EducationRecord(LOCKED, (Enrolment(2, "full_time", date(2001, 1, 8), None),)),
}
FAULTS = Faults()


class Learners:
    def education_by_learner(self, number: str) -> EducationRecord | None:
        return RECORDS.get(number)


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    settings = make_settings("http://127.0.0.1", locked={LOCKED})
    with serving(build(Learners(), settings, FAULTS)) as address:
        yield address


@pytest.fixture(autouse=True)
def healthy() -> None:
    FAULTS.clear()


def identifier(name: str, kind: str, path: str, *more: tuple[str, str]) -> str:
    parts = zip(("xRoadInstance", "memberClass", "memberCode", "subsystemCode"), path.split("/"), strict=True)
    inside = "".join(f"<i:{tag}>{text}</i:{tag}>" for tag, text in (*parts, *more))
    return f'<x:{name} i:objectType="{kind}">{inside}</x:{name}>'


def header(operation: str, version: str = "v1") -> dict[str, str]:
    code = (("serviceCode", operation), ("serviceVersion", version))
    return {
        "client": identifier("client", "SUBSYSTEM", "LK/GOV/SANDHI/GATEWAY"),
        "service": identifier("service", "SERVICE", "LK/GOV/MOE/EHIS", *code),
        "id": "<x:id>m-1</x:id>",
        "userId": "<x:userId>LK0</x:userId>",
        "protocolVersion": "<x:protocolVersion>4.0</x:protocolVersion>",
    }


def envelope(operation: str, body: str, **changed: str) -> bytes:
    headers = "".join((header(operation) | changed).values())
    return (
        '<s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/" xmlns:x="http://x-road.eu/xsd/xroad.xsd"'
        f' xmlns:i="http://x-road.eu/xsd/identifiers" xmlns:e="{EHIS}"><s:Header>{headers}</s:Header>'
        f"<s:Body>{body}</s:Body></s:Envelope>"
    ).encode()


def studies(*numbers: str, start: str = "1900-01-01", end: str = "2026-10-31") -> str:
    codes = "".join(f"<isikukood>{number}</isikukood>" for number in numbers)
    return (
        f"<e:tootukassaleKehtivadV2><isikukoodid>{codes}</isikukoodid><algusKp>{start}</algusKp>"
        f"<loppKp>{end}</loppKp></e:tootukassaleKehtivadV2>"
    )


def completions(*numbers: str, dates: str = "") -> str:
    items = "".join(f"<item><isikukoodKp>{number}</isikukoodKp></item>" for number in numbers)
    return f"<e:kmaLopetanud>{dates}<isikud>{items}</isikud></e:kmaLopetanud>"


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


def oracle() -> xmlschema.XMLSchema10:
    """A second engine over the whole WSDL's own schema, not over our extract."""
    wsdl = etree.fromstring(gzip.decompress((SCHEMAS / "agency/estonia-xtee/ehis.wsdl.gz").read_bytes()))
    types = wsdl.find(".//{http://www.w3.org/2001/XMLSchema}schema")
    xroad = SCHEMAS / "agency/x-road"
    stored = {
        "http://x-road.eu/xsd/xroad.xsd": xroad / "xroad.xsd",
        "http://x-road.eu/xsd/representation.xsd": xroad / "representation.xsd",
        "https://www.w3.org/2009/01/xml.xsd": xroad / "xml.xsd",
    }
    return xmlschema.XMLSchema10(
        etree.tostring(types).decode(),
        uri_mapper=lambda address: stored[address].as_uri() if address in stored else address,
        allow="local",
    )


@pytest.fixture(scope="module")
def wsdl_schema() -> xmlschema.XMLSchema10:
    return oracle()


def test_extracted_schema_is_the_wsdls_definition_by_definition() -> None:
    folder = SCHEMAS / "agency/estonia-xtee"
    wsdl = etree.fromstring(gzip.decompress((folder / "ehis.wsdl.gz").read_bytes()))
    theirs = wsdl.find(".//{http://www.w3.org/2001/XMLSchema}schema")
    ours = etree.parse(folder / "ehis.xsd").getroot()
    assert theirs is not None
    for definition in ours.xpath("*[@name]"):
        same = {"name": definition.get("name"), "kind": etree.QName(definition).localname}
        (published,) = theirs.xpath("*[@name=$name and local-name()=$kind]", **same)
        assert etree.tostring(definition, method="c14n", exclusive=True) == etree.tostring(
            published, method="c14n", exclusive=True
        )


def test_bulk_answer_has_one_person_for_each_number_in_order(url: str, wsdl_schema: xmlschema.XMLSchema10) -> None:
    status, root = post(url, envelope("tootukassaleKehtivadV2", studies(STUDENT, NOBODY, GRADUATE, UNSCHOOLED, LOCKED)))
    body = root[1][0]
    wsdl_schema.validate(body)
    people = body.findall("isikud/isik")
    assert status == 200
    assert [each.findtext("isikukood") for each in people] == [STUDENT, NOBODY, GRADUATE, UNSCHOOLED, LOCKED]
    assert [each.findtext("viga/veakood") for each in people] == [None, "1", None, None, "2"]
    assert [len(each.findall("oppimine")) for each in people] == [1, 0, 2, 0, 0]
    done, left = people[2].findall("oppimine")
    assert done.findtext("oppekavaTase") == "üldkeskharidus"
    assert (done.findtext("algusKp"), done.findtext("loppKp")) == ("10.01.2005", "31.08.2007")
    assert (done.findtext("lopetamisePohjus"), done.findtext("lahkumisePohjus")) == ("õppekava täitmine", "")
    assert (left.findtext("lopetamisePohjus"), left.findtext("lahkumisePohjus")) == ("", "omal soovil")
    assert left.findtext("oppevormid/oppevorm") == "kaugõpe"
    assert people[0].findtext("oppimine/loppKp") == ""  # open: empty text, as EHIS sends it


def test_only_studies_within_the_period_are_given(url: str) -> None:
    body = studies(GRADUATE, start="2008-01-01", end="2010-12-31")
    _, root = post(url, envelope("tootukassaleKehtivadV2", body))
    assert [each.text for each in root.iter("oppekavaTase")] == ["bakalaureuseõpe"]


def test_completions_carry_the_qualification_and_its_day(url: str, wsdl_schema: xmlschema.XMLSchema10) -> None:
    _, root = post(url, envelope("kmaLopetanud", completions(GRADUATE, STUDENT, NOBODY)))
    wsdl_schema.validate(root[1][0])
    rows = [
        tuple(item.findtext(name) for name in ("alustanud", "kuupaev", "kvalifikatsioon")) for item in root.iter("item")
    ]
    assert rows == [
        ("2005-01-10", "2007-09-01", "kutsekeskharidus põhihariduse baasil"),
        ("2015-06-30", "2015-06-30", "kutsekeskharidus keskhariduse baasil"),
    ]
    assert root.findtext(".//kood") == "0"


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (completions(UNSCHOOLED, NOBODY, LOCKED), "1"),
        (completions(GRADUATE, dates="<algusKp>2016-01-01</algusKp>"), "1"),
        (completions("31.12.1999"), "2"),
        ("<e:kmaLopetanud><isikud><item><perenimiAlgus>A</perenimiAlgus></item></isikud></e:kmaLopetanud>", "2"),
    ],
)
def test_business_result_is_in_the_body(url: str, wsdl_schema: xmlschema.XMLSchema10, body: str, code: str) -> None:
    status, root = post(url, envelope("kmaLopetanud", body))
    wsdl_schema.validate(root[1][0])
    assert (status, root.findtext(".//kood"), list(root.iter("item"))) == (200, code, [])


def plain(element: etree._Element) -> list[tuple[str, str | None, list[tuple[str, str]]]]:
    """An element without its choice of prefixes."""
    return [(each.tag, each.text, each.items()) for each in element.iter()]


def test_headers_come_back_as_they_were_sent(url: str) -> None:
    raw = envelope("tootukassaleKehtivadV2", studies(GRADUATE))
    _, root = post(url, raw)
    sent, got = etree.fromstring(raw)[0], root[0]
    assert [plain(each) for each in got[:-1]] == [plain(each) for each in sent]
    assert got[-1].tag == f"{XRO}requestHash"


def test_five_thousand_numbers_in_one_call_and_not_one_more(url: str) -> None:
    numbers = [f"{number:011d}" for number in range(5000)]
    _, root = post(url, envelope("tootukassaleKehtivadV2", studies(*numbers)))
    assert len(list(root.iter("isik"))) == 5000
    assert fault(url, envelope("tootukassaleKehtivadV2", studies(*numbers, NOBODY))) == "Client.InvalidBody"


V2 = "tootukassaleKehtivadV2"
ASK = studies(GRADUATE)
REFUSED: dict[str, tuple[bytes, str]] = {
    "not XML": (b"isikukood=1", "Client.InvalidXml"),
    "cut": (envelope(V2, ASK)[:-20], "Client.InvalidXml"),
    "not UTF-8": (envelope(V2, ASK).replace(b"m-1", b"\xff\xfe"), "Client.InvalidXml"),
    "document type": (b"<!DOCTYPE s [<!ENTITY a 'b'>]>" + envelope(V2, ASK), "Client.InvalidXml"),
    "external entity": (
        b"<!DOCTYPE s [<!ENTITY a SYSTEM 'file:///etc/passwd'>]>" + envelope(V2, ASK).replace(b"m-1", b"&a;"),
        "Client.InvalidXml",
    ),
    "processing instruction": (b"<?xml-stylesheet href='x'?>" + envelope(V2, ASK), "Client.InvalidXml"),
    "another encoding declared": (
        b"<?xml version='1.0' encoding='ISO-8859-1'?>" + envelope(V2, ASK),
        "Client.InvalidXml",
    ),
    "schema location": (
        envelope(
            V2,
            ASK.replace(">", f' xmlns:si="{"http://www.w3.org/2001/XMLSchema-instance"}" si:schemaLocation="a b">', 1),
        ),
        "Client.InvalidXml",
    ),
    "a thousand levels": (envelope(V2, "<a>" * 1000 + "</a>" * 1000), "Client.InvalidXml"),
    "65 levels": (envelope(V2, "<a>" * 63 + "</a>" * 63), "Client.InvalidXml"),
    "over 1 MiB": (envelope(V2, ASK + " " * 1024 * 1024), "Client.InvalidSoap"),
    "no envelope": (b"<a/>", "Client.InvalidSoap"),
    "no body element": (envelope(V2, ""), "Client.InvalidSoap"),
    "two body elements": (envelope(V2, ASK + ASK), "Client.InvalidSoap"),
    "header twice": (envelope(V2, ASK, again="<x:id>m-2</x:id>"), "Client.DuplicateHeaderField"),
    "header empty": (envelope(V2, ASK, id="<x:id> </x:id>"), "Client.MissingHeaderField"),
    "client without object type": (
        envelope(V2, ASK, client="<x:client><i:xRoadInstance>LK</i:xRoadInstance></x:client>"),
        "Client.InvalidSoap",
    ),
    "protocol 3.1": (
        envelope(V2, ASK, protocolVersion="<x:protocolVersion>3.1</x:protocolVersion>"),
        "Client.InvalidProtocolVersion",
    ),
    "another client": (
        envelope(V2, ASK, client=identifier("client", "SUBSYSTEM", "LK/COM/NOONE/APP")),
        "Server.ServerProxy.AccessDenied",
    ),
    "another provider": (
        envelope(V2, ASK, service=header(V2)["service"].replace("EHIS", "OTHER")),
        "Server.ServerProxy.UnknownService",
    ),
    "marks, which nobody serves": (envelope("kodLoputunnistus", ASK), "Server.ServerProxy.UnknownService"),
    "another version": (envelope(V2, ASK, service=header(V2, "v2")["service"]), "Server.ServerProxy.UnknownService"),
    "body of another service": (envelope(V2, completions(GRADUATE)), "Client.InvalidBody"),
    "body in another namespace": (envelope(V2, ASK.replace("e:", "x:")), "Client.InvalidBody"),
    "ten digits": (envelope(V2, studies("1000000000")), "Client.InvalidBody"),
    "no number": (envelope(V2, studies()), "Client.InvalidBody"),
    "day that does not exist": (envelope(V2, studies(GRADUATE, end="2026-02-30")), "Client.InvalidBody"),
    "unknown element": (envelope(V2, ASK.replace("</e:", "<hinded/></e:")), "Client.InvalidBody"),
    "period turned round": (envelope(V2, studies(GRADUATE, start="2027-01-01")), "Client.InvalidBody"),
    "501 people in kmaLopetanud": (
        envelope("kmaLopetanud", completions(*[GRADUATE] * 501)),
        "Client.InvalidBody",
    ),
    **{
        f"without {name}": (envelope(V2, ASK, **{name: ""}), "Client.MissingHeaderField")
        for name in ("client", "service", "id", "protocolVersion")
    },
}


@pytest.mark.parametrize("case", REFUSED)
def test_message_is_refused_with_a_soap_fault(url: str, case: str) -> None:
    raw, code = REFUSED[case]
    assert fault(url, raw) == code


@pytest.mark.parametrize("content_type", ["application/json", "application/soap+xml", "text/xml; charset=iso-8859-1"])
def test_another_content_type_is_refused(url: str, content_type: str) -> None:
    assert fault(url, envelope(V2, ASK), content_type) == "Client.InvalidContentType"


def test_fault_never_repeats_the_number(url: str) -> None:
    _, root = post(url, envelope(V2, studies("987654321")))
    assert b"987654321" not in etree.tostring(root)


def test_every_level_form_and_reason_has_a_code_and_only_one_meaning() -> None:
    levels = json.loads((SCHEMAS / "codes/ehis-level-isced.json").read_text("utf-8"))["codes"]
    forms = json.loads((SCHEMAS / "codes/ehis-study-form.json").read_text("utf-8"))["codes"]
    assert len({each["code"] for each in levels}) == len(levels)
    assert len({each["code"] for each in forms}) == len(forms)
    assert {each["isced"] for each in levels if not each["technical"]} == set(range(9))
    assert {each["mode"] for each in forms} == {"full_time", "part_time", "distance"}


def test_faults_on_demand(url: str, wsdl_schema: xmlschema.XMLSchema10) -> None:
    FAULTS.set("refuse")
    assert fault(url, envelope(V2, ASK)) == "Server.ServerProxy.AccessDenied"
    FAULTS.set("wrong_schema")
    status, root = post(url, envelope(V2, ASK))
    assert status == 200
    assert not wsdl_schema.is_valid(root[0][0])
    FAULTS.set("garbled")
    with pytest.raises(etree.XMLSyntaxError):
        post(url, envelope(V2, ASK))


def test_callers_at_once_do_not_disturb_each_other(url: str) -> None:
    found: list[int] = []
    calls = [
        threading.Thread(target=lambda: found.append(len(list(post(url, envelope(V2, ASK))[1].iter("oppimine")))))
        for _ in range(8)
    ]
    for call in calls:
        call.start()
    for call in calls:
        call.join()
    assert found == [2] * 8
