"""X-Road REST at `/r1`: who is let in, what comes back, and that every failure is X-Road's."""

import base64
import hashlib
import logging
from collections.abc import AsyncIterator, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any
from uuid import UUID

import httpx
import jsonschema
import pytest
import pytest_asyncio
from lxml import etree

from consent import FactsUnavailable
from tests.certified_place import (
    OUTREACH,
    PURPOSE,
    SERVICE,
    SR,
    STRANGER,
    TRAFFIC,
    House,
    a_house,
    agreement,
    driver,
    question,
    traffic_register,
)
from tests.xroad_place import envelope, header

pytestmark = pytest.mark.asyncio(loop_scope="module")
DROPPED = {"host", "user-agent", "connection", "content-length"}
CLIENT = {"x-road-client": SR}


@pytest.fixture(scope="module")
def linked() -> Iterator[dict[str, str]]:
    with traffic_register() as environment:
        yield environment


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def house(tmp_path_factory: pytest.TempPathFactory, linked: dict[str, str]) -> AsyncIterator[House]:
    """For tests that change nothing of it."""
    async with a_house(tmp_path_factory.mktemp("house"), environment=linked) as found:
        await found.agreed(agreement())
        yield found


def expected_hash(answer: httpx.Response) -> str:
    """Computed from what was sent, by PR-REST section 4.3, apart from the code under test."""
    asked = answer.request
    lines = [asked.method, asked.url.raw_path.decode()]
    lines += [f"{name.lower()}:{value}" for name, value in asked.headers.items() if name.lower() not in DROPPED]
    lines.append(f"x-road-request-id:{answer.headers['x-road-request-id']}")
    digest = hashlib.sha512("".join(f"{line}\r\n" for line in lines).encode()).digest()
    if asked.content:
        digest = hashlib.sha512(digest + hashlib.sha512(asked.content).digest()).digest()
    return base64.b64encode(digest).decode()


def is_error(answer: httpx.Response, code: str, status: int) -> bool:
    """Whether X-Road says that it failed itself, in its body and its header."""
    body = answer.json()
    assert body.keys() == {"type", "message", "detail"}
    return (body["type"], answer.headers["x-road-error"], answer.status_code) == (code, code, status)


async def test_a_registered_certificate_asks_and_gets_the_granted_fields_and_its_headers_back(house: House) -> None:
    held = driver()
    sent = CLIENT | {"x-road-id": "m-1", "x-road-userid": "LK-OFFICER-7", "x-road-issue": "CASE-9"}
    answer = await house.call(SR, "POST", SERVICE, json=question(held.nic, "may_drive", "entitlements"), headers=sent)
    assert answer.status_code == 200, answer.text
    found = answer.json()
    assert (found["outcome"], found["record"]) == ("answered", {"may_drive": True})
    assert found["withheld"] == [{"field": "entitlements", "reason": "not_in_agreement"}]
    told = {name: answer.headers[f"x-road-{name}"] for name in ("client", "service", "id")}
    assert told == {"client": SR, "service": f"{TRAFFIC}/entitlement", "id": "m-1"}
    assert UUID(answer.headers["x-road-request-id"])
    assert answer.headers["x-road-request-hash"] == expected_hash(answer)
    assert "x-road-error" not in answer.headers


async def test_the_log_has_the_exchange_and_what_names_people_only_as_keyed_hashes(house: House) -> None:
    held = driver()
    sent = CLIENT | {"x-road-id": "m-2", "x-road-userid": "EE48001010001", "x-road-issue": "CASE-9"}
    sent["x-road-represented-party"] = "GOV/7001"
    answer = await house.call(SR, "POST", SERVICE, json=question(held.nic), headers=sent)
    intent, outcome = await house.entries(exchange_id=answer.json()["exchange_id"])
    ref = house.services.person_ref
    assert intent.facts["message"] == {
        "standard": "x-road",
        "request_id": answer.headers["x-road-request-id"],
        "id_ref": ref.case_ref("m-2"),
        "represented_ref": ref.case_ref("GOV/7001"),
    }
    assert (intent.facts["officer_ref"], intent.facts["case_ref"]) == (
        ref.officer_ref("EE48001010001"),
        ref.case_ref("CASE-9"),
    )
    assert (intent.facts["consumer"], intent.facts["provider"], intent.facts["purpose"]) == (SR, TRAFFIC, PURPOSE)
    assert outcome.facts["released"] == ["may_drive"]
    written = f"{intent.facts} {outcome.facts}"
    assert not any(each in written for each in (held.nic, "EE48001010001", "CASE-9", "GOV/7001", "m-2"))


@pytest.mark.parametrize("path", [SERVICE, f"/r1/{TRAFFIC}/listMethods", "/listClients", "/r1", "/r1/x"])
async def test_without_a_registered_certificate_nothing_is_read(house: House, path: str) -> None:
    async def body() -> AsyncIterator[bytes]:
        raise AssertionError("somebody reads the body")
        yield b""

    for issued in (None, house.authority.client("nobody")):
        house.certificates = {**house.certificates, "somebody": issued} if issued else house.certificates
        answer = await house.call("somebody" if issued else None, "POST", path, content=body(), headers=CLIENT)
        assert is_error(answer, "Server.ClientProxy.SslAuthenticationFailed", 401)


async def test_a_token_is_no_credential_here(house: House) -> None:
    answer = await house.call(None, "POST", SERVICE, headers=CLIENT | {"authorization": "DPoP x", "dpop": "y"})
    assert is_error(answer, "Server.ClientProxy.SslAuthenticationFailed", 401)


async def test_the_certificate_decides_who_calls_and_the_header_may_not_say_otherwise(house: House) -> None:
    nic = driver().nic
    other = await house.call(STRANGER, "POST", SERVICE, json=question(nic), headers=CLIENT)
    assert is_error(other, "Server.ClientProxy.SslAuthenticationFailed", 401)
    last_wins = [("x-road-client", STRANGER), ("x-road-client", SR)]
    assert (await house.call(SR, "POST", SERVICE, json=question(nic), headers=last_wins)).status_code == 200
    none = await house.call(SR, "POST", SERVICE, json=question(nic))
    assert is_error(none, "Client.BadRequest", 400)


REFUSED: dict[str, tuple[dict[str, Any], str, int]] = {
    "another method": ({"method": "GET"}, "Client.BadRequest", 400),
    "TRACE": ({"method": "TRACE"}, "Client.BadRequest", 400),
    "too few parts": ({"path": "/r1/LK/GOV/DMT"}, "Client.BadRequest", 400),
    "a space in a part": ({"path": "/r1/LK/GOV/DMT/LICENCES/en%20titlement"}, "Client.BadRequest", 400),
    "not UTF-8": ({"path": "/r1/LK/GOV/DMT/LICENCES/%ff"}, "Client.BadRequest", 400),
    "an unknown member": ({"path": "/r1/LK/GOV/NONE/X/entitlement"}, "Server.ClientProxy.UnknownMember", 500),
    "an unknown service": ({"path": f"/r1/{TRAFFIC}/none"}, "Server.ServerProxy.UnknownService", 500),
    "a path below": ({"path": f"{SERVICE}/199012304567"}, "Server.ServerProxy.UnknownService", 500),
    "not JSON": ({"content": b"{", "json": None}, "Client.BadRequest", 400),
    "a list": ({"json": []}, "Client.BadRequest", 400),
    "another media type": ({"content": b"{}", "json": None, "type": "text/plain"}, "Client.BadRequest", 400),
    "an unknown field": ({"json": question("199012304567", "shoe_size")}, "Client.BadRequest", 400),
    "a purpose in the body": ({"json": question("199012304567", purpose=PURPOSE)}, "Client.BadRequest", 400),
    "no identifier": ({"json": question("199012304567", subject={"identifiers": []})}, "Client.BadRequest", 400),
    "an unknown purpose": ({"headers": {"sandhi-purpose": "curiosity"}}, "Client.BadRequest", 400),
    "a number for a case": ({"headers": {"x-road-issue": "199012304567"}}, "Client.BadRequest", 400),
    "three parts of a client": ({"headers": {"x-road-client": "LK/GOV/WBB"}}, "Client.BadRequest", 400),
    "a bad security server": ({"headers": {"x-road-security-server": "LK/GOV"}}, "Client.BadRequest", 400),
    "a bad represented party": ({"headers": {"x-road-represented-party": "a/b/c"}}, "Client.BadRequest", 400),
    "too large": ({"content": b" " * 1_100_000, "json": None}, "Client.BadRequest", 400),
}


@pytest.mark.parametrize("name", REFUSED)
async def test_a_message_that_cannot_be_meant_is_refused_in_x_roads_shape(house: House, name: str) -> None:
    change, code, status = REFUSED[name]
    headers = CLIENT | {"content-type": change.get("type", "application/json")} | change.get("headers", {})
    body = {"json": change.get("json", question("199012304567"))} if "content" not in change else {}
    if "content" in change:
        body = {"content": change["content"]}
    answer = await house.call(SR, change.get("method", "POST"), change.get("path", SERVICE), headers=headers, **body)
    assert is_error(answer, code, status), answer.text
    assert "199012304567" not in answer.text


async def test_an_error_is_xml_for_who_accepts_xml_and_in_the_new_spelling_for_who_reads_it(
    tmp_path: Path, linked: dict[str, str]
) -> None:
    async with a_house(tmp_path, environment=linked | {"SANDHI_XROAD_NEW_CODES": "LK/GOV/WBB"}) as house:
        for system, code in ((SR, "server.serverproxy.access_denied"), (STRANGER, "Server.ServerProxy.AccessDenied")):
            headers = {"x-road-client": system, "accept": "application/xml"}
            answer = await house.call(system, "POST", SERVICE, json=question(driver().nic), headers=headers)
            root = etree.fromstring(answer.content)
            assert [each.tag for each in root] == ["type", "message", "detail"]
            assert (answer.status_code, answer.headers["x-road-error"], root[0].text) == (500, code, code)


async def test_who_has_no_agreement_is_denied_access_and_the_log_says_so(house: House) -> None:
    headers = {"x-road-client": STRANGER}
    answer = await house.call(STRANGER, "POST", SERVICE, json=question(driver().nic), headers=headers)
    assert is_error(answer, "Server.ServerProxy.AccessDenied", 500)
    intent, outcome = await house.entries(exchange_id=answer.json()["detail"])
    assert (intent.facts["purpose"], outcome.facts["outcome"]) == ("not-stated", "refused_by_rules")


async def test_the_services_own_no_is_no_error_of_x_road(house: House) -> None:
    refused = await house.call(SR, "POST", SERVICE, json=question(driver().nic, "entitlements"), headers=CLIENT)
    assert (refused.status_code, refused.json()["code"]) == (403, "refused_by_rules")
    assert "x-road-error" not in refused.headers
    assert refused.headers["x-road-request-hash"] == expected_hash(refused)


async def test_an_agency_that_is_not_linked_is_a_disabled_service(tmp_path: Path) -> None:
    async with a_house(tmp_path) as house:
        await house.agreed(agreement())
        answer = await house.call(SR, "POST", SERVICE, json=question(driver().nic), headers=CLIENT)
        assert is_error(answer, "Server.ServerProxy.ServiceDisabled", 500)
        (_, outcome) = await house.entries(exchange_id=answer.json()["detail"])
        assert outcome.facts["outcome"] == "no_link"


async def test_what_may_be_called_follows_the_agreements_and_two_purposes_have_to_be_told_apart(
    tmp_path: Path, linked: dict[str, str]
) -> None:
    async with a_house(tmp_path, environment=linked) as house:
        await house.agreed(agreement())
        await house.agreed(agreement(id="DSA-Y", purposes=[OUTREACH]))
        unstated = await house.call(SR, "POST", SERVICE, json=question(driver().nic), headers=CLIENT)
        assert is_error(unstated, "Client.BadRequest", 400)
        assert "Sandhi-Purpose" in unstated.json()["message"]
        stated = CLIENT | {"sandhi-purpose": OUTREACH}
        answer = await house.call(SR, "POST", SERVICE, json=question(driver().nic), headers=stated)
        (intent, _) = await house.entries(exchange_id=answer.json()["exchange_id"])
        assert intent.facts["purpose"] == OUTREACH
        for each in ("DSA-X", "DSA-Y"):
            await house.ended(each)
        allowed = await house.call(SR, "GET", f"/r1/{TRAFFIC}/allowedMethods", headers=CLIENT)
        assert allowed.json() == {"service": []}


DCI = ("search", "subscribe", "unsubscribe", "txn/status", "sync/search", "sync/txn/status")
PATHS = ("/", *(f"/registry/{each}" for each in DCI))


async def test_list_methods_and_allowed_methods_have_the_published_shape(house: House) -> None:
    listed = (await house.call(SR, "GET", f"/r1/{TRAFFIC}/listMethods", headers=CLIENT)).json()
    assert listed == {
        "service": [
            {
                "xroad_instance": "LK",
                "member_class": "GOV",
                "member_code": "DMT",
                "subsystem_code": "LICENCES",
                "object_type": "SERVICE",
                "service_code": "entitlement",
                "service_type": "OPENAPI",
                "endpoint_list": [{"method": "POST", "path": path} for path in PATHS],
            }
        ]
    }
    allowed = f"/r1/{TRAFFIC}/allowedMethods"
    assert (await house.call(SR, "GET", allowed, headers=CLIENT)).json() == listed
    stranger = {"x-road-client": STRANGER}
    assert (await house.call(STRANGER, "GET", allowed, headers=stranger)).json() == {"service": []}


async def test_list_clients_is_xml_by_default_and_json_for_who_asks(house: House) -> None:
    plain = etree.fromstring((await house.call(SR, "GET", "/listClients")).content)
    assert plain.tag == "{http://x-road.eu/xsd/xroad.xsd}clientList"
    found = (await house.call(SR, "GET", "/listClients", headers={"accept": "application/json"})).json()["member"]
    subsystem = next(each for each in found if each["id"].get("subsystem_code") == "SRIS")
    assert subsystem == {
        "id": {
            "object_type": "SUBSYSTEM",
            "xroad_instance": "LK",
            "member_class": "GOV",
            "member_code": "WBB",
            "subsystem_code": "SRIS",
        },
        "name": "Name of LK/GOV/WBB",
        "subsystem_name": "SRIS",
    }
    assert len(found) == len(plain)
    elsewhere = await house.call(SR, "GET", "/listClients?xRoadInstance=EE", headers={"accept": "application/json"})
    assert elsewhere.json() == {"member": []}


async def test_the_openapi_document_of_a_service_fits_question_and_answer(house: House) -> None:
    document = (await house.call(SR, "GET", f"/r1/{TRAFFIC}/getOpenAPI?serviceCode=entitlement", headers=CLIENT)).json()
    operation = document["paths"]["/"]["post"]
    asked = question(driver().nic)
    jsonschema.Draft202012Validator(operation["requestBody"]["content"]["application/json"]["schema"]).validate(asked)
    answer = await house.call(SR, "POST", SERVICE, json=asked, headers=CLIENT)
    schema = operation["responses"]["200"]["content"]["application/json"]["schema"]
    jsonschema.Draft202012Validator(schema).validate(answer.json())
    missing = await house.call(SR, "GET", f"/r1/{TRAFFIC}/getOpenAPI", headers=CLIENT)
    assert is_error(missing, "Client.BadRequest", 400)


async def test_when_agreements_cannot_be_read_both_edges_say_so_in_their_shape(tmp_path: Path) -> None:
    async def unavailable(_: object) -> Any:
        raise FactsUnavailable("the database did not answer: try again")

    async with a_house(tmp_path) as house:
        app: Any = house.app
        app.state.services = replace(house.services, gate=replace(house.services.gate, facts_of_many=unavailable))
        answer = await house.call(SR, "GET", f"/r1/{TRAFFIC}/allowedMethods", headers=CLIENT)
        assert is_error(answer, "Server.ServerProxy.LoggingFailed", 500)
        head = "".join(header(TRAFFIC, "allowedMethods").values()).replace("SANDHI", "WBB").replace("GATEWAY", "SRIS")
        raw = envelope("urn:x", {"all": head}, "<x:allowedMethods/>")
        fault = await house.call(SR, "POST", "/xroad/soap", content=raw, headers={"content-type": "text/xml"})
        assert "<faultcode>Server.ServerProxy.LoggingFailed</faultcode>" in fault.text


async def test_a_number_in_an_address_is_in_no_log(house: House, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.DEBUG, "sandhi"):
        for path in (f"{SERVICE}/199012304567?nic=199012304567", "/r1/199012304567/GOV/X/Y/Z?q=199012304567"):
            await house.call(SR, "GET", path, headers=CLIENT)
    assert "199012304567" not in "".join(str(each.__dict__) for each in caplog.records if each.name != "httpx")
