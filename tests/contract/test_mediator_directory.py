"""GovStack Information Mediator, directory: the published harness's scenarios, and both published shapes at once."""

import json
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Any

import httpx
import jsonschema
import pytest
import pytest_asyncio

import schemas
from gateway.edges.mediator import described
from tests.certified_place import SR, STRANGER, TRAFFIC, House, a_house, agreement, driver, question, traffic_register
from tests.mediator_files import judge

pytestmark = pytest.mark.asyncio(loop_scope="module")
HARNESS_CLIENT = {"Information-Mediator-Client": "eGovStack/GOV/90000009/digitalregistries"}
DATA: dict[str, Any] = json.loads((schemas.FOLDER / "govstack/im-harness-test-data.json").read_text("utf-8"))
SPEC = '{"openapi": "3.0.0", "info": {"title": "fixture", "version": "1"}, "paths": {}}'
PROVIDERS = [
    "/".join(each[name] for name in ("GovStackInstance", "memberClass", "memberCode", "applicationCode"))
    for each in DATA["data"]
]
HARNESS_LIST = {  # test/openAPI/features/support/helpers/helpers.js, without the members that nobody sends
    "type": "object",
    "required": ["member"],
    "additionalProperties": False,
    "properties": {
        "member": {
            "type": "array",
            "items": {
                "type": "object",
                "additionalProperties": False,
                "properties": {
                    "serviceType": {"type": "string"},
                    "memberClass": {"type": "string"},
                    "memberCode": {"type": "string"},
                    "applicationCode": {"type": "string"},
                    "serviceCode": {"type": "string"},
                    "endpointList": {"type": "object", "additionalProperties": False, "properties": {"member": {}}},
                },
            },
        }
    },
}


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def house(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[House]:
    with traffic_register() as environment:
        async with a_house(tmp_path_factory.mktemp("house"), environment=environment) as found:
            await found.agreed(agreement())
            async with found.services.db.write() as connection:
                for provider, each in zip(PROVIDERS, DATA["data"], strict=True):
                    for service in each["service"]:
                        fixture = described.Described(provider, service["serviceCode"], "", "", SPEC)
                        await described.put(connection, fixture, datetime.now(UTC))
            yield found


async def got(house: House, path: str, system: str = SR, **headers: str) -> httpx.Response:
    answer = await house.call(system, "GET", path, headers=headers or HARNESS_CLIENT)
    if path.startswith("/im/r1"):
        judge("im-directory", answer)
    return answer


@pytest.mark.parametrize("r1", ["", "/r1"])
@pytest.mark.parametrize("method", ["listMethods", "allowedMethods"])
async def test_harness_scenarios_of_lists_pass_with_and_without_r1(house: House, method: str, r1: str) -> None:
    quoted = "%3CGovStackInstance%3E/%3CmemberClass%3E/%3CmemberCode%3E/%3CapplicationCode%3E"
    for provider in [*PROVIDERS, "no/such/provider/here", TRAFFIC, quoted]:
        answer = await got(house, f"/im{r1}/{provider}/{method}?serviceId=serviceId1")
        assert (answer.status_code, answer.headers["content-type"]) == (200, "application/json; charset=utf-8")
        jsonschema.validate(answer.json(), HARNESS_LIST)
    unknown = (await got(house, f"/im{r1}/no/such/provider/here/{method}")).json()
    assert unknown == {"member": []}


@pytest.mark.parametrize("r1", ["", "/r1"])
async def test_harness_scenarios_of_get_openapi_pass_with_and_without_r1(house: House, r1: str) -> None:
    for provider in PROVIDERS:
        answer = await got(house, f"/im{r1}/{provider}/getOpenAPI?serviceCode=alp4aNum3r1c")
        assert (answer.status_code, answer.headers["content-type"]) == (200, "application/json; charset=utf-8")
        assert json.loads(answer.json())["openapi"] == "3.0.0"
    known = f"/im{r1}/identifier/identifier/alp4aNum3r1c/alp4aNum3r1c/getOpenAPI"
    wrong = [f"{known}?serviceCode=_invalid", f"{known}?serviceCode=", known]
    parts = ("1nval1d/identifier/x/y", "identifier/1nval1d/x/y", "identifier/identifier/_invalid/x", "a/b/c/_d")
    wrong += [f"/im{r1}/{each}/getOpenAPI?serviceCode=alp4aNum3r1c" for each in parts]
    for path in wrong:
        answer = await got(house, path)
        assert (answer.status_code, type(answer.json())) == (400, str)


async def test_harness_scenarios_of_list_clients_pass_and_ours_are_there(house: House) -> None:
    for instance in ("instanceId", "instanceId1"):
        answer = await got(house, f"/im/listClients?serviceId=serviceId&instanceId={instance}")
        judge("im-directory", answer)
        assert (answer.status_code, answer.json()) == (200, {"member": []})
    ours = await got(house, "/im/listClients")
    judge("im-directory", ours)
    assert {
        "name": "LICENCES",
        "id": {
            "objectType": "APPLICATION",
            "instanceId": "LK",
            "memberClass": "GOV",
            "memberCode": "DMT",
            "applicationCode": "LICENCES",
        },
    } in ours.json()["member"]


@pytest.mark.parametrize("name", ["X-Road-Client", "X-GovStack-Client", "Information-Mediator-Client"])
async def test_each_of_the_three_client_headers_is_taken_and_what_is_allowed_follows_the_certificate(
    house: House, name: str
) -> None:
    path = f"/im/r1/{TRAFFIC}/allowedMethods"
    allowed = (await got(house, path, SR, **{name: SR})).json()["member"]
    assert [each["serviceCode"] for each in allowed] == ["entitlement"]
    assert (await got(house, path, STRANGER, **{name: SR})).json() == {"member": []}
    asked = question(driver().nic)
    answer = await house.call(SR, "POST", f"/im/r1/{TRAFFIC}/entitlement", json=asked, headers={name: SR})
    assert answer.json()["record"] == {"may_drive": True}


async def test_without_a_client_header_a_path_of_an_application_is_refused(house: House) -> None:
    answer = await house.call(SR, "GET", f"/im/r1/{TRAFFIC}/listMethods")
    assert (answer.status_code, answer.json().keys()) == (400, {"code", "message"})


async def test_without_a_registered_certificate_every_path_refuses(house: House) -> None:
    for path in ("/im", "/im/listClients", f"/im/{TRAFFIC}/listMethods", "/im/api/v1/config", "/im/r1/x", "/im/x"):
        answer = await house.call(None, "GET", path, headers=HARNESS_CLIENT)
        assert (answer.status_code, answer.json()["code"]) == (401, "unauthenticated")


async def test_a_service_of_an_adapter_is_described_by_the_same_document_as_at_x_road(house: House) -> None:
    told = await got(house, f"/im/r1/{TRAFFIC}/getOpenAPI?serviceCode=entitlement")
    xroad = await house.call(
        SR, "GET", f"/r1/{TRAFFIC}/getOpenAPI?serviceCode=entitlement", headers={"x-road-client": SR}
    )
    assert json.loads(told.json()) == xroad.json()


async def test_what_is_not_there_is_told_in_the_surface_s_shape(house: House) -> None:
    answer = await house.call(SR, "GET", "/im/nothing/here")
    assert (answer.status_code, answer.json()["code"]) == (404, "not_found")
