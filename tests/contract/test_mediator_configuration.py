"""GovStack Information Mediator, configuration: each member over its own, every change an entry, effect at once."""

from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from starlette.applications import Starlette
from starlette.responses import JSONResponse, PlainTextResponse
from starlette.routing import Route

from sandbox.loopback import serving
from tests.certified_place import (
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
from tests.mediator_files import judge

CHANGES = ("consumer.stopped", "control.ended", "consumer.approved")
CLIENT = {"x-road-client": SR}
SPEC = {"openapi": "3.0.3", "info": {"title": "offices", "version": "1"}, "paths": {}}
WHO = {"memberClass": "GOV", "memberCode": "WBB", "applicationId": "SRIS"}
OWN = {"memberClass": "GOV", "memberCode": "DMT", "applicationId": "LICENCES", "serviceId": "entitlement"}


@pytest.fixture(scope="module")
def linked() -> Iterator[dict[str, str]]:
    routes = [
        Route("/good.json", lambda _: JSONResponse(SPEC)),
        Route("/other.json", lambda _: JSONResponse({"swagger": "2.0"})),
        Route("/text", lambda _: PlainTextResponse("openapi: 3.0.0")),
    ]
    with traffic_register() as environment, serving(Starlette(routes=routes)) as url:
        hosts = f"{environment['SANDHI_ALLOWED_HOSTS']},{url.partition('//')[2]}"
        yield environment | {"SANDHI_ALLOWED_HOSTS": hosts, "specs": url}


@pytest.fixture
async def house(tmp_path: Path, linked: dict[str, str]) -> AsyncIterator[House]:
    environment = {name: value for name, value in linked.items() if name != "specs"}
    async with a_house(tmp_path, environment=environment) as found:
        await found.agreed(agreement())
        yield found


async def called(
    house: House, system: str, method: str, path: str, body: object = None, **query: str
) -> httpx.Response:
    answer = await house.call(system, method, f"/im/api/v1{path}", json=body, params=query)
    judge("im-configuration", answer)
    return answer


def rights(*who: dict[str, str], **changes: str) -> list[dict[str, Any]]:
    return [OWN | changes | {"rights": list(who or (WHO,))}]


async def may_ask(house: House) -> bool:
    answer = await house.call(SR, "POST", SERVICE, json=question(driver().nic), headers=CLIENT)
    return answer.status_code == 200


async def test_denying_a_consumer_counts_at_its_next_question_and_allowing_lets_it_go_on(house: House) -> None:
    assert await may_ask(house)
    assert (await called(house, TRAFFIC, "PATCH", "/rights/deny", rights())).status_code == 200
    assert not await may_ask(house)
    assert (await called(house, TRAFFIC, "GET", "/rights/allow")).json() == {"allowList": []}
    assert (await called(house, TRAFFIC, "PATCH", "/rights/allow", rights())).status_code == 200
    assert await may_ask(house)
    told = (await called(house, TRAFFIC, "GET", "/rights/allow")).json()["allowList"]
    assert told == [OWN | {"rights": [WHO | {"member": "GOV/WBB", "application": "SRIS"}]}]
    entries = await house.said(*CHANGES)
    assert [each["kind"] for each in entries] == list(CHANGES)
    told = {(each["by"], each["provider"], each["consumer"], each["service"]) for each in entries}
    assert told == {(TRAFFIC, TRAFFIC, SR, "driving_licence.entitlement")}


async def test_doing_it_again_changes_nothing_and_a_member_says_nothing_about_another_s_services(house: House) -> None:
    for system in (SR, STRANGER):
        for path in ("/rights/deny", "/rights/allow"):
            answer = await called(house, system, "PATCH", path, rights())
            assert (answer.status_code, answer.json()["code"]) == (401, "forbidden")
    assert await may_ask(house)
    unknown = await called(house, TRAFFIC, "PATCH", "/rights/deny", rights(serviceId="none"))
    assert unknown.status_code == 400
    for _ in range(2):
        assert (await called(house, TRAFFIC, "PATCH", "/rights/deny", rights())).status_code == 200
    assert [each["kind"] for each in await house.said(*CHANGES)] == ["consumer.stopped"]
    assert (await called(house, TRAFFIC, "PATCH", "/rights/allow")).status_code == 200


async def test_an_allow_list_comes_in_pages_and_by_filters(house: House, linked: dict[str, str]) -> None:
    await called(house, TRAFFIC, "POST", "/config", config(service(linked, "a"), service(linked, "b")))
    for name in ("a", "b"):
        await called(house, TRAFFIC, "PATCH", "/rights/allow", rights(serviceId=name))
    found, token = [], {}
    for _ in range(3):
        page = (await called(house, TRAFFIC, "GET", "/rights/allow", pageSize="1", **token)).json()
        found += [each["serviceId"] for each in page["allowList"]]
        token = {"nextPageToken": page["nextPageToken"]} if "nextPageToken" in page else {}
    assert (found, token) == (["a", "b", "entitlement"], {})
    only = (await called(house, TRAFFIC, "GET", "/rights/allow", serviceId="b", memberCode="DMT")).json()
    assert [each["serviceId"] for each in only["allowList"]] == ["b"]
    none = (await called(house, TRAFFIC, "GET", "/rights/allow", applicationId="OTHER")).json()
    assert none == {"allowList": []}
    assert (await called(house, TRAFFIC, "GET", "/rights/allow", nextPageToken="x")).status_code == 400


def service(linked: dict[str, str], name: str, path: str = "/good.json", **more: Any) -> dict[str, Any]:
    return {"id": name, "specUrl": linked["specs"] + path, "serviceUrl": "https://offices.example/api"} | more


def config(*services: dict[str, Any], application: str = "LICENCES", **changes: Any) -> dict[str, Any]:
    applications = [{"id": application, "services": list(services)}]
    member = {"name": "Motor Traffic", "class": "GOV", "code": "DMT", "applications": applications}
    return {"domain": "gateway.example", "instance": "LK", "members": [member]} | changes


async def listed(house: House) -> list[str]:
    answer = await house.call(SR, "GET", f"/im/r1/{TRAFFIC}/listMethods", headers=CLIENT)
    return [each["serviceCode"] for each in answer.json()["member"]]


async def test_a_member_describes_its_services_and_the_directory_has_them(house: House, linked: dict[str, str]) -> None:
    allowed = {"rights": [{"member": "GOV/WBB", "application": "SRIS"}]}
    first = config(service(linked, "offices", **allowed), service(linked, "hours"))
    assert (await called(house, TRAFFIC, "GET", "/status")).status_code == 200
    assert (await called(house, TRAFFIC, "POST", "/config", first)).status_code == 201
    assert await listed(house) == ["entitlement", "hours", "offices"]
    spec = await house.call(SR, "GET", f"/im/r1/{TRAFFIC}/getOpenAPI?serviceCode=offices", headers=CLIENT)
    assert '"3.0.3"' in spec.json()
    may = await house.call(SR, "GET", f"/im/r1/{TRAFFIC}/allowedMethods", headers=CLIENT)
    assert [each["serviceCode"] for each in may.json()["member"]] == ["entitlement", "offices"]
    shown = (await called(house, TRAFFIC, "GET", "/config")).json()["members"][0]["applications"]
    licences = next(each for each in shown if each["id"] == "LICENCES")
    assert [(each["id"], each["rights"]) for each in licences["services"]] == [
        ("hours", []),
        ("offices", allowed["rights"]),
    ]
    assert (await called(house, TRAFFIC, "PATCH", "/config", config(service(linked, "more")))).status_code == 201
    assert await listed(house) == ["entitlement", "hours", "more", "offices"]
    assert (await called(house, TRAFFIC, "PUT", "/config", config(service(linked, "only")))).status_code == 201
    assert await listed(house) == ["entitlement", "only"]
    changes = await house.said("mediator.configured")
    assert [(len(each["described"]), len(each["removed"])) for each in changes] == [(2, 0), (1, 0), (1, 3)]


async def test_a_configuration_that_is_not_the_member_s_own_or_cannot_be_meant_changes_nothing(
    house: House, linked: dict[str, str]
) -> None:
    other = config(service(linked, "x"))
    other["members"][0]["code"] = "WBB"
    wrong = {
        "another member": other,
        "another instance": config(service(linked, "x"), instance="EE"),
        "no application": config(service(linked, "x"), application="NONE"),
        "the name of an adapter's service": config(service(linked, "entitlement")),
        "no OpenAPI": config(service(linked, "x", "/other.json")),
        "no JSON": config(service(linked, "x", "/text")),
        "nothing there": config(service(linked, "x", "/none")),
        "an address inside": config(service({"specs": "http://10.0.0.1"}, "x")),
    }
    for name, body in wrong.items():
        answer = await called(house, TRAFFIC, "POST", "/config", body)
        assert (name, answer.status_code) == (name, 400)
    started = await called(house, TRAFFIC, "POST", "/config", config(), init="true")
    assert started.status_code == 400
    assert await listed(house) == ["entitlement"]
