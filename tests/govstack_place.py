"""The GovStack Consent API over a real log, for tests: every request and answer is held against the published file."""

import re
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from functools import cache
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import httpx
import jsonschema
import yaml

import schemas
from gateway.edges.govstack.routes import consent_routes
from gateway.gate import utc_now
from gateway.trust.caller import Caller
from tests.agreeing import PROFILE, SR, Here, document, nic, opened, signed
from tests.rule_watch import RuleWatch

FAILURES = ("400", "401", "403", "404", "409", "413", "415", "429", "503")
TERM = "A1~employment-support.eligibility~0"


@cache
def published() -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load((schemas.FOLDER / "govstack/consent-openapi.yaml").read_text("utf-8"))
    return found


@cache
def fixed() -> dict[str, Any]:
    """The file without what is not served, with the failures that it does not name: `schemas/govstack/SOURCE.md`."""
    page = (schemas.FOLDER.parent / "docs/profiles/govstack-consent.md").read_text("utf-8")
    absent = set(re.findall(r"^\| `(\w+)` \| not served", page, re.MULTILINE))
    paths = {
        path: {method: _with_failures(each) for method, each in of.items() if each["operationId"] not in absent}
        for path, of in published()["paths"].items()
    }
    return {**published(), "paths": {path: of for path, of in paths.items() if of}}


def _with_failures(operation: Mapping[str, Any]) -> dict[str, Any]:
    refused = {"type": "object", "required": ["code", "message"], "additionalProperties": False}
    refused |= {"properties": {"code": {"type": "string"}, "message": {"type": "string"}}}
    told = {"description": "Refused", "content": {"application/json": {"schema": refused}}}
    return {**operation, "responses": {**operation["responses"], **dict.fromkeys(FAILURES, told)}}


def operations() -> dict[str, tuple[str, str]]:
    """operationId -> method and path."""
    paths = published()["paths"].items()
    return {each["operationId"]: (method.upper(), path) for path, of in paths for method, each in of.items()}


def fits(schema: Mapping[str, Any], value: object) -> None:
    whole = {**schema, "components": published()["components"]}
    jsonschema.Draft4Validator(whole).validate(value)


class Api:
    """Calls by operationId; what goes out and what comes back with 200 is held against the published file."""

    def __init__(self, here: Here) -> None:
        self.here, self.asked = here, set[str]()

    async def call(self, who: Caller, operation: str, body: object, *path: str) -> httpx.Response:
        return await self._call(who, operation, body, path, {})

    async def refused(
        self, who: Caller, operation: str, body: object = None, *path: str, **query: str
    ) -> tuple[int, str]:
        reply = await self._call(who, operation, body, path, query)
        assert reply.json().keys() == {"code", "message"}
        return reply.status_code, reply.json()["code"]

    async def __call__(
        self, who: Caller, operation: str, body: object = None, *path: str, **query: str
    ) -> dict[str, Any]:
        reply = await self._call(who, operation, body, path, query)
        assert reply.status_code == 200, reply.text
        method, place = operations()[operation]
        answer = published()["paths"][place][method.lower()]["responses"]["200"]
        found: dict[str, Any] = reply.json()
        if "content" in answer:
            fits(answer["content"]["application/json"]["schema"], found)
        self.asked.add(operation)
        return found

    async def _call(self, who: Caller, operation: str, body: object, path: Any, query: Any) -> httpx.Response:
        method, place = operations()[operation]
        if body is not None:
            content = published()["paths"][place][method.lower()]["requestBody"]["content"]
            fits(content["application/json"]["schema"], body)
        values = iter(path)
        url = "/consent" + re.sub(r"\{\w+\}", lambda _: next(values), place)
        self.here.app.state.calling = who
        async with httpx.AsyncClient(transport=httpx.ASGITransport(self.here.app), base_url="http://gateway") as client:
            return await client.request(method, url, json=body, params=query)


@asynccontextmanager
async def an_api(database_url: str, folder: Path) -> AsyncIterator[Api]:
    """The routes over an empty database, with one agreement in force."""
    async with opened(database_url, folder) as here:
        here.app.include_router(consent_routes())
        here.app.state.services = SimpleNamespace(
            db=here.db,
            log=here.log,
            profile=PROFILE,
            person_ref=here.person_ref,
            trust=SimpleNamespace(origin="http://gateway"),
            today=lambda: PROFILE.today(utc_now()),
        )
        await here.call(SR, "POST", "/agreements", json=signed(document(dpia="DPIA 7", data_life_days=90)))
        watch = RuleWatch(here.db.engine)
        yield Api(here)
        assert "govstack_revision" not in watch.alone
        unopened = "SELECT count(*) FROM govstack_record WHERE id NOT IN (SELECT record FROM govstack_revision)"
        async with here.db.read() as connection:
            assert (await connection.exec_driver_sql(unopened)).scalar() == 0  # each came with a revision, so an entry


async def person(api: Api, number: int = 1, who: Caller = SR) -> str:
    body = {"individual": {"id": "", "externalId": nic(number), "externalIdType": "NIC"}}
    return str((await api(who, "serviceIndividualCreate", body))["individual"]["id"])


def signature(draft: Mapping[str, Any], **changes: Any) -> dict[str, Any]:
    made = {"signature": "MEUCIQ", "verificationMethod": "eIDAS", "verificationSignedBy": "the person's card"}
    return {**draft, **made, **changes}


async def consented(api: Api, number: int = 1) -> tuple[str, dict[str, Any]]:
    """A person with a signed record; gives the individual's id and the answer."""
    whose = await person(api, number)
    draft = await api(SR, "serviceIndividualConsentRecordDraftCreate", individualId=whose, dataAgreementId=TERM)
    body = {"consentRecord": draft["consentRecord"], "signature": signature(draft["signature"])}
    return whose, await api(SR, "serviceIndividualConsentRecordSignatureCreate", body)
