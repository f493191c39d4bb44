"""Consents through the whole application, door and all: GovStack's API, receipts, erasures."""

import json
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
import pytest_asyncio
from sandhi_client import Problem

from gateway.app import build_app
from tests.signing_place import NIC, URL, SigningPlace, signing_place

pytestmark = pytest.mark.asyncio(loop_scope="module")
TERM = "DSA-2026-03~employment-support.eligibility~0"
SERVICE = "/consent/service"


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def place(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[SigningPlace]:
    async with signing_place(tmp_path_factory.mktemp("consents")) as opened:
        yield opened


async def call(place: SigningPlace, method: str, path: str, body: object = None) -> dict[str, Any]:
    content = None if body is None else json.dumps(body).encode()
    headers = {"content-type": "application/json"} if content else {}
    async with place.client() as client:
        reply = await client.session.call(method, path, content=content, headers=headers)
    found: dict[str, Any] = json.loads(reply.body)
    return found


async def test_anonymous_calls_are_refused_in_the_shape_of_the_edge_before_the_body(place: SigningPlace) -> None:
    transport = httpx.ASGITransport(build_app(place.services))
    async with httpx.AsyncClient(transport=transport, base_url=URL) as anybody:
        for method, path in (("GET", "/config/policies/"), ("POST", "/service/individual/"), ("GET", "/nothing")):
            answer = await anybody.request(method, f"/consent{path}", content=b"{not json")
            assert (answer.status_code, answer.json()["code"]) == (401, "unauthenticated")
            assert answer.json().keys() == {"code", "message"}
            assert "www-authenticate" in answer.headers


async def test_a_person_consents_over_govstack_takes_a_receipt_and_opts_out(place: SigningPlace) -> None:
    person = {"individual": {"id": "", "externalId": NIC, "externalIdType": "NIC"}}
    whose = (await call(place, "POST", f"{SERVICE}/individual/", person))["individual"]["id"]
    query = f"individualId={whose}&dataAgreementId={TERM}"
    draft = await call(place, "POST", f"{SERVICE}/individual/record/consent-record/draft/?{query}")
    signature = {"signature": "c2ln", "verificationMethod": "paper", "verificationSignedBy": "form 7"}
    body = {"consentRecord": draft["consentRecord"], "signature": draft["signature"] | signature}
    record = (await call(place, "POST", f"{SERVICE}/individual/record/consent-record/", body))["consentRecord"]
    consents = (await call(place, "GET", "/v1/consents?limit=1000"))["consents"]
    (consent,) = [each for each in consents if each["id"].startswith(record["id"])]
    taken = await call(place, "GET", f"/v1/consents/{consent['id']}/receipt")
    checked = await call(place, "POST", "/v1/receipts/verify", {"jws": taken["jws"]})
    assert (checked["valid"], checked["standing"]) == (True, "in force")
    out = {"consentRecord": record | {"optIn": False}}
    await call(place, "PUT", f"{SERVICE}/individual/record/consent-record/{record['id']}/", out)
    checked = await call(place, "POST", "/v1/receipts/verify", {"jws": taken["jws"]})
    assert checked["standing"] == "withdrawn"
    assert (await call(place, "GET", "/v1/erasures"))["erasures"] == []


async def test_an_operation_that_is_not_served_is_not_there(place: SigningPlace) -> None:
    with pytest.raises(Problem) as webhooks:
        await call(place, "GET", "/consent/config/webhooks/")
    with pytest.raises(Problem) as created:
        await call(
            place, "POST", "/consent/config/policy/", {"policy": {"id": "", "name": "", "version": "", "url": ""}}
        )
    assert (webhooks.value.status, created.value.status) == (404, 404)


async def test_a_policy_that_is_in_force_is_not_deleted(place: SigningPlace) -> None:
    with pytest.raises(Problem) as deleted:
        await call(place, "DELETE", "/consent/config/policy/DSA-2026-03/")
    assert (deleted.value.status, deleted.value.code) == (409, "conflict")
