"""X-Road SOAP 4.0 at `/xroad/soap`: strict in, X-Road faults out, and every body judged by a second XSD engine."""

import base64
import email
import hashlib
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
import pytest_asyncio
import xmlschema
from lxml import etree

from adapters.kit import discovery, manifest
from gateway.edges.xroad.shapes import xsd_of
from tests.certified_place import (
    OUTREACH,
    PURPOSE,
    SR,
    STRANGER,
    TRAFFIC,
    House,
    a_house,
    agreement,
    driver,
    traffic_register,
)
from tests.proxied import edge
from tests.xroad_place import SHAPES, envelope, identifier

pytestmark = pytest.mark.asyncio(loop_scope="module")
NAMESPACE = "urn:sandhi:x-road:driving_licence.entitlement:v1"
XROAD = "{http://x-road.eu/xsd/xroad.xsd}"
IDENTIFIERS = "{http://x-road.eu/xsd/identifiers}"
SOAP = "{http://schemas.xmlsoap.org/soap/envelope/}"
HEADERS = {"content-type": "text/xml; charset=utf-8", "soapaction": '""'}


@pytest.fixture(scope="module")
def linked() -> Iterator[dict[str, str]]:
    with traffic_register() as environment:
        yield environment


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def house(tmp_path_factory: pytest.TempPathFactory, linked: dict[str, str]) -> AsyncIterator[House]:
    async with a_house(tmp_path_factory.mktemp("house"), environment=linked) as found:
        await found.agreed(agreement())
        yield found


@pytest.fixture(scope="module")
def published() -> xmlschema.XMLSchema10:
    """X-Road's own schemas, from the stored copies."""
    stored = {f"https://www.w3.org/2009/01/{name}": SHAPES / f"x-road/{name}" for name in ("xml.xsd",)}
    return xmlschema.XMLSchema10(
        str(SHAPES / "x-road/xroad.xsd"),
        uri_mapper=lambda address: stored[address].as_uri() if address in stored else address,
        allow="local",
    )


@pytest.fixture(scope="module")
def shapes() -> xmlschema.XMLSchema10:
    folder = discovery.discover()["driving_licence"]
    service = manifest.load(folder).services["entitlement"]
    return xmlschema.XMLSchema10(etree.tostring(xsd_of(service)).decode())


def header(code: str = "entitlement", client: str = SR, **more: str) -> dict[str, str]:
    called = identifier("service", "SERVICE", TRAFFIC, ("serviceCode", code), ("serviceVersion", "v1"))
    return {
        "client": identifier("client", "SUBSYSTEM", client),
        "service": called,
        "id": "<x:id>m-1</x:id>",
        "userId": "<x:userId>EE48001010001</x:userId>",
        "issue": "<x:issue>CASE-9</x:issue>",
        "protocolVersion": "<x:protocolVersion>4.0</x:protocolVersion>",
        **more,
    }


def asked(nic: str, *fields: str) -> str:
    wanted = "".join(f"<r:field>{each}</r:field>" for each in fields or ("may_drive",))
    named = f'<r:subject><r:identifier type="NIC">{nic}</r:identifier></r:subject>'
    return f"<r:entitlement>{named}{wanted}</r:entitlement>"


def message(body: str, headers: dict[str, str] | None = None) -> bytes:
    return envelope(NAMESPACE, headers or header(), body)


async def sent(house: House, raw: bytes, system: str | None = SR, **changes: Any) -> httpx.Response:
    headers = changes.pop("headers", HEADERS)
    return await house.call(system, "POST", changes.pop("path", "/xroad/soap"), content=raw, headers=headers)


def faulted(answer: httpx.Response) -> str:
    """The code of a fault in X-Road's shape: SOAP 1.1, `detail/faultDetail`, XML whatever happened."""
    assert answer.headers["content-type"] == "text/xml; charset=utf-8"
    fault = etree.fromstring(answer.content).find(f"{SOAP}Body/{SOAP}Fault")
    assert fault is not None
    assert [each.tag for each in fault] == ["faultcode", "faultstring", "detail"]
    assert fault.findtext("detail/faultDetail")
    return str(fault.findtext("faultcode"))


async def test_a_question_is_answered_with_its_headers_its_hash_and_a_body_of_the_service_s_schema(
    house: House, published: xmlschema.XMLSchema10, shapes: xmlschema.XMLSchema10
) -> None:
    raw = message(asked(driver().nic, "may_drive", "entitlements"))
    question, answer = etree.fromstring(raw), await sent(house, raw)
    assert answer.status_code == 200, answer.text
    root = etree.fromstring(answer.content)
    asked_for, body = question.find(f"{SOAP}Body/*"), root.find(f"{SOAP}Body/*")
    for each in (asked_for, body):
        shapes.validate(each)
    *copied, made = root.find(f"{SOAP}Header")
    for before, after in zip(question.find(f"{SOAP}Header"), copied, strict=True):
        assert etree.tostring(before, method="c14n", exclusive=True) == etree.tostring(
            after, method="c14n", exclusive=True
        )
        published.maps.elements[after.tag].validate(after)
    published.maps.elements[made.tag].validate(made)
    assert made.tag == f"{XROAD}requestHash"
    assert made.get("algorithmId") == "http://www.w3.org/2001/04/xmlenc#sha512"
    assert made.text == base64.b64encode(hashlib.sha512(raw).digest()).decode()
    assert body.findtext("{*}record/{*}may_drive") == "true"
    assert body.find("{*}record/{*}entitlements") is None
    assert body.findtext("{*}withheld/{*}field") == "entitlements"


async def test_the_log_has_the_exchange_of_a_soap_message(house: House) -> None:
    nic = driver().nic
    answer = etree.fromstring((await sent(house, message(asked(nic)))).content)
    intent, outcome = await house.entries(exchange_id=str(answer.findtext(".//{*}exchange_id")))
    ref = house.services.person_ref
    assert (intent.facts["officer_ref"], intent.facts["purpose"]) == (ref.officer_ref("EE48001010001"), PURPOSE)
    assert (intent.facts["case_ref"], outcome.facts["released"]) == (ref.case_ref("CASE-9"), ["may_drive"])
    assert not any(each in f"{intent.facts}{outcome.facts}" for each in (nic, "EE48001010001", "CASE-9"))


async def test_who_names_its_security_server_is_answered_with_the_block_as_it_came(house: House) -> None:
    answer = await sent(house, message(asked(driver().nic), header(x=SERVER)))
    assert answer.status_code == 200, answer.text
    assert (
        etree.fromstring(answer.content).findtext(f"{SOAP}Header/{XROAD}securityServer/{IDENTIFIERS}serverCode")
        == "ss1"
    )


async def test_the_service_s_no_is_a_normal_answer(house: House, shapes: xmlschema.XMLSchema10) -> None:
    answer = await sent(house, message(asked(driver().nic, "entitlements")))
    body = etree.fromstring(answer.content).find(f"{SOAP}Body/*")
    shapes.validate(body)
    assert (answer.status_code, body.findtext("{*}faultCode")) == (200, "refused_by_rules")


async def test_without_a_registered_certificate_there_is_a_fault_before_the_body_is_read(house: House) -> None:
    async def body() -> AsyncIterator[bytes]:
        raise AssertionError("somebody reads the body")
        yield b""

    for path in ("/xroad/soap", "/xroad", "/xroad/x"):
        answer = await house.call(None, "POST", path, content=body(), headers=HEADERS)
        assert (answer.status_code, faulted(answer)) == (401, "Server.ClientProxy.SslAuthenticationFailed")


NIC = "199012304567"
GOOD = asked(NIC)
EXTERNAL = '<!DOCTYPE x [<!ENTITY e SYSTEM "file:///etc/passwd">]>'
SERVER = (
    '<x:securityServer i:objectType="SERVER"><i:xRoadInstance>LK</i:xRoadInstance><i:memberClass>GOV</i:memberClass>'
    "<i:memberCode>SANDHI</i:memberCode><i:serverCode>ss1</i:serverCode></x:securityServer>"
)
BOMB = (
    '<!DOCTYPE s:Envelope [<!ENTITY a "ha"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;"><!ENTITY c "&b;&b;&b;&b;&b;&b;&b;">]>'
)
DEEP = "<r:x>" * 20_000 + "</r:x>" * 20_000
BROKEN: dict[str, bytes] = {
    "empty": b"",
    "not XML": b"{}",
    "a document type": EXTERNAL.encode() + message(GOOD),
    "a bomb of entities": (BOMB + message(GOOD).decode().replace(NIC, "&c;")).encode(),
    "a deep nesting": message(f"<r:entitlement>{DEEP}</r:entitlement>"),
    "a processing instruction": b'<?xml-stylesheet href="http://127.0.0.1:9/x"?>' + message(GOOD).replace(b"NIC", b"X"),
    "another encoding than it says": b'<?xml version="1.0" encoding="UTF-8"?>'
    + message(GOOD).decode().encode("utf-16"),
    "a security server that is none": message(GOOD, header(x=SERVER.replace("ss1", ""))),
    "SOAP 1.2": message(GOOD).replace(b"schemas.xmlsoap.org/soap/envelope/", b"www.w3.org/2003/05/soap-envelope"),
    "two bodies": message(GOOD + GOOD),
    "an empty body": message(""),
    "no client": message(GOOD, header() | {"client": ""}),
    "no id": message(GOOD, header() | {"id": ""}),
    "two ids": message(GOOD, header() | {"id": "<x:id>1</x:id><x:id>2</x:id>"}),
    "protocol 3": message(GOOD, header(protocolVersion="<x:protocolVersion>3.1</x:protocolVersion>")),
    "a member for a client": message(GOOD, header() | {"client": identifier("client", "MEMBER", SR)}),
    "parts in another order": message(GOOD).replace(b"i:memberClass", b"i:memberCode", 2),
    "a foreign block to be understood": message(GOOD, header(x='<y xmlns="urn:y" s:mustUnderstand="1"/>')),
    "a request hash of one's own": message(GOOD, header(x="<x:requestHash>x</x:requestHash>")),
    "a central service": message(GOOD, header(x="<x:centralService/>")),
    "an element in a text": message(GOOD, header(id="<x:id><x:id/></x:id>")),
    "another body than the service": message("<r:other/>"),
    "another namespace": message(GOOD).replace(NAMESPACE.encode(), b"urn:other"),
    "an unknown field": message(asked(NIC, "shoe_size")),
    "no field": message("<r:entitlement><r:subject/></r:entitlement>"),
    "an unknown type of number": message(GOOD).replace(b'"NIC"', b'"PASSPORT"'),
    "a number for a case": message(GOOD, header(issue=f"<x:issue>{NIC}</x:issue>")),
    "an unknown purpose": message(GOOD, header(x='<purpose xmlns="urn:sandhi:x-road:header">curiosity</purpose>')),
}


@pytest.mark.parametrize("name", BROKEN)
async def test_a_message_that_cannot_be_meant_is_a_client_fault(house: House, name: str) -> None:
    answer = await sent(house, BROKEN[name])
    assert (answer.status_code, faulted(answer)) == (500, "Client.BadRequest"), answer.text
    assert NIC not in answer.text


async def test_other_refusals_are_faults_with_their_own_codes(house: House) -> None:
    unknown = message("<r:none/>", header("none"))
    assert faulted(await sent(house, unknown)) == "Server.ServerProxy.UnknownService"
    version = message(GOOD).replace(b"<i:serviceVersion>v1", b"<i:serviceVersion>v2")
    assert faulted(await sent(house, version)) == "Server.ServerProxy.UnknownService"
    nobody = message(GOOD).replace(b"LICENCES", b"NOBODY")
    assert faulted(await sent(house, nobody)) == "Server.ClientProxy.UnknownMember"
    forged = await sent(house, message(GOOD), STRANGER)
    assert faulted(forged) == "Server.ClientProxy.SslAuthenticationFailed"
    denied = await sent(house, message(GOOD, header(client=STRANGER)), STRANGER)
    assert faulted(denied) == "Server.ServerProxy.AccessDenied"


async def test_what_the_framework_refuses_is_a_fault_too(house: House) -> None:
    for method, path in (("GET", "/xroad/soap"), ("TRACE", "/xroad/soap"), ("POST", "/xroad/other"), ("PUT", "/xroad")):
        answer = await house.call(SR, method, path, content=message(GOOD), headers=HEADERS)
        assert faulted(answer) == "Client.BadRequest"
    part = b"--b\r\nContent-Type: text/xml\r\n\r\n" + message(GOOD) + b"\r\n--b--\r\n"
    for kind, body in (("application/json", message(GOOD)), ('multipart/related; boundary="b"', part)):
        other = await sent(house, body, headers={"content-type": kind})
        assert faulted(other) == "Client.BadRequest"
    large = await sent(house, message(GOOD) + b" " * 1_100_000)
    assert faulted(large) == "Client.BadRequest"


async def test_a_block_of_ours_states_the_purpose_and_a_harmless_foreign_one_comes_back(
    tmp_path: Path, linked: dict[str, str]
) -> None:
    async with a_house(tmp_path, environment=linked) as house:
        await house.agreed(agreement())
        await house.agreed(agreement(id="DSA-Y", purposes=[OUTREACH]))
        assert faulted(await sent(house, message(asked(driver().nic)))) == "Client.BadRequest"
        ours = f'<purpose xmlns="urn:sandhi:x-road:header">{OUTREACH}</purpose><y xmlns="urn:y">1</y>'
        answer = etree.fromstring((await sent(house, message(asked(driver().nic), header(x=ours)))).content)
        intent, _ = await house.entries(exchange_id=str(answer.findtext(".//{*}exchange_id")))
        assert intent.facts["purpose"] == OUTREACH
        assert answer.findtext(f"{SOAP}Header/{{urn:y}}y") == "1"


@pytest.mark.parametrize("code", ["listMethods", "allowedMethods"])
async def test_the_metadata_services_list_what_there_is_and_what_is_allowed(
    house: House, published: xmlschema.XMLSchema10, code: str
) -> None:
    for system, expected in ((SR, ["entitlement"]), (STRANGER, ["entitlement"] if code == "listMethods" else [])):
        answer = await sent(house, message(f"<x:{code}/>", header(code, system)), system)
        body = etree.fromstring(answer.content).find(f"{SOAP}Body/*")
        assert body.tag == f"{XROAD}{code}Response"
        assert [each.findtext(f"{IDENTIFIERS}serviceCode") for each in body] == expected
        for each in body:
            published.maps.elements[each.tag].validate(each)
    assert faulted(await sent(house, message(f"<x:{code}>x</x:{code}>", header(code)))) == "Client.BadRequest"


async def test_get_wsdl_attaches_a_description_whose_schema_judges_as_ours(
    house: House, shapes: xmlschema.XMLSchema10
) -> None:
    body = "<x:getWsdl><x:serviceCode>entitlement</x:serviceCode></x:getWsdl>"
    answer = await sent(house, message(body, header("getWsdl")))
    whole = f"Content-Type: {answer.headers['content-type']}\r\n\r\n".encode() + answer.content
    first, second = email.message_from_bytes(whole).get_payload()
    told = etree.fromstring(first.get_payload(decode=True)).find(f"{SOAP}Body/*")
    assert [each.text for each in told] == ["entitlement", "v1"]
    wsdl = etree.fromstring(second.get_payload(decode=True))
    found = wsdl.find(".//{http://www.w3.org/2001/XMLSchema}schema")
    again = xmlschema.XMLSchema10(etree.tostring(found).decode())
    assert sorted(again.elements) == sorted(shapes.elements) == ["entitlement", "entitlementResponse"]
    assert wsdl.find(".//{http://schemas.xmlsoap.org/wsdl/soap/}address").get("location") == (
        "http://example.org/xroad-endpoint"
    )
    wrong = "<x:getWsdl><x:serviceCode>none</x:serviceCode></x:getWsdl>"
    assert faulted(await sent(house, message(wrong, header("getWsdl")))) == "Server.ServerProxy.UnknownService"


async def test_through_haproxy_a_message_is_answered_to_the_registered_certificate_only(
    house: House, tmp_path: Path
) -> None:
    raw, ca = message(asked(driver().nic)), house.authority
    async with edge(house.app, ca, tmp_path) as port:
        answers = []
        for each in (house.certificates[SR], ca.client("unregistered")):
            async with httpx.AsyncClient(verify=ca.context(each)) as caller:
                sent_to = f"https://127.0.0.1:{port}/xroad/soap"
                answers.append(await caller.post(sent_to, content=raw, headers=HEADERS))
    good, refused = answers
    assert b"may_drive>true<" in good.content
    assert faulted(refused) == "Server.ClientProxy.SslAuthenticationFailed"
