"""What our adapters ask, by the published files of those whom they ask: each request of a whole question is held
against the stored OpenAPI or DCI document by `jsonschema`, and a changed one breaks it."""

import json
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import date
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl

import jsonschema
import pytest
import yaml
from starlette.types import ASGIApp, Message, Receive, Scope, Send

import schemas
from adapters.kit.contract import Adapter, AgencyHasNoSuchPerson, Identifier, Name, Question, Subject
from adapters.kit.egress import Dialler
from adapters.kit.opening import open_adapter
from sandbox.agencies import civil_registration, national_id, tax
from sandbox.agencies.civil_registration.index import RecordIndex
from sandbox.faults import Faults
from sandbox.loopback import serving
from sandbox.person import SelfEmployment, TaxEmployment, TaxRecord

ROOT = Path(__file__).parents[2]
HMRC = schemas.FOLDER / "agency/hmrc-individuals"
DAY = date(2026, 10, 31)
TAXPAYER = TaxRecord(
    "NA000799C",
    "Nimal",
    "Perera",
    date(1985, 5, 2),
    (TaxEmployment(date(2026, 4, 1), None, "Invented Tea", "345/34678", ((date(2026, 9, 25), 100_000_00),)),),
    (SelfEmployment("2025-26", date(2015, 1, 1), date(2025, 12, 31), 250_00),),
)


@dataclass(frozen=True, slots=True)
class Asked:
    """One request as it came."""

    method: str
    path: str
    query: Mapping[str, str]
    headers: Mapping[str, str]
    body: bytes


@dataclass
class Recorder:
    """Keeps every request, and hands it on; the answer when it is kept, for whoever has it looks at once."""

    app: ASGIApp
    asked: list[Asked] = field(default_factory=list)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        body, told = b"", list[Message]()

        async def written(message: Message) -> None:
            told.append(message)

        async def read() -> Message:
            nonlocal body
            message = await receive()
            body += message.get("body", b"")
            return message

        await self.app(scope, read, written)
        headers = {name.decode(): value.decode() for name, value in scope["headers"]}
        query = dict(parse_qsl(scope["query_string"].decode(), keep_blank_values=True))
        self.asked.append(Asked(scope["method"], scope["path"], query, headers, body))
        for each in told:
            await send(each)


@asynccontextmanager
async def opened(name: str, app: ASGIApp, settings: Mapping[str, str]) -> AsyncIterator[tuple[Adapter, list[Asked]]]:
    recorder = Recorder(app)
    with serving(recorder) as url:
        dialler = Dialler({url.partition("//")[2]})
        given = {**settings, f"{name.upper()}_URL": url}
        adapter = open_adapter(ROOT / "adapters" / name, given.__getitem__, dialler)
        yield adapter, recorder.asked
        await adapter.close()
        await dialler.close()


# --- HMRC: three OpenAPI documents ----------------------------------------------------------------------------------


@cache
def documents() -> tuple[dict[str, Any], ...]:
    texts = (path.read_text("utf-8") for path in sorted(HMRC.glob("*.yaml")))
    return tuple(json.loads(json.dumps(yaml.safe_load(each), default=str)) for each in texts)


def faults(asked: Asked) -> list[str]:
    """What of a request the published documents do not have; a path in none of them is one."""
    for document in documents():
        for template, operations in document["paths"].items():
            bound = _bound(template, asked.path)
            if bound is not None and asked.method.lower() in operations:
                operation = operations[asked.method.lower()]
                listed = [*operations.get("parameters", []), *operation.get("parameters", [])]
                declared = [_resolved(document, each) for each in listed]
                return [*_wrong(document, declared, bound, asked), *_body(document, operation, asked)]
    return ["no such path"]


def _bound(template: str, path: str) -> dict[str, str] | None:
    address, _, query = template.partition("?")
    wanted, given = address.strip("/").split("/"), path.strip("/").split("/")
    names = {each.partition("=")[0]: "" for each in query.strip("{}").split("&") if "=" in each}
    if len(wanted) != len(given):
        return None
    for ours, theirs in zip(wanted, given, strict=True):
        if ours.startswith("{"):
            names[ours.strip("{}")] = theirs
        elif ours != theirs:
            return None
    return names


def _resolved(document: Mapping[str, Any], part: Any) -> Any:
    while "$ref" in part:
        found: Any = document
        for name in part["$ref"].removeprefix("#/").split("/"):
            found = found[name]
        part = found
    return part


def _wrong(document: Mapping[str, Any], declared: list[Any], bound: Mapping[str, str], asked: Asked) -> Iterator[str]:
    given = {"path": bound, "query": asked.query, "header": asked.headers}
    known = {each["name"] for each in declared if each["in"] == "query"} | bound.keys()
    yield from (f"query {name}: not declared" for name in asked.query.keys() - known)
    for each in declared:
        place = {name.lower(): value for name, value in given[each["in"]].items()}
        value = place.get(each["name"].lower())
        if value is None or value == "":
            if each.get("required"):
                yield f"{each['in']} {each['name']}: missing"
        elif not _validator(document, each["schema"]).is_valid(value):
            yield f"{each['in']} {each['name']}: breaks its schema"


def _body(document: Mapping[str, Any], operation: Mapping[str, Any], asked: Asked) -> Iterator[str]:
    if "requestBody" not in operation:
        yield from ["a body where none is declared"] if asked.body else []
        return
    content = _resolved(document, operation["requestBody"])["content"]
    (media,) = content.values()
    found = _validator(document, media["schema"]).iter_errors(json.loads(asked.body))
    yield from (f"body {error.json_path}: {error.validator}" for error in found)


def _validator(document: Mapping[str, Any], schema: Mapping[str, Any]) -> jsonschema.Draft4Validator:
    return jsonschema.Draft4Validator({**schema, "components": document["components"]})


async def test_every_request_for_taxes_is_one_of_hmrc_s_documents(tmp_path: Path) -> None:
    class Registers:
        def tax_by_tin(self, tin: str) -> TaxRecord | None:
            return TAXPAYER if tin == TAXPAYER.tin else None

    settings = tax.make_settings("http://tax.example", tmp_path, today=DAY)
    subject = Subject((Identifier("TIN", "NA000799C"),), (Name("eng", "Latn", "Nimal Perera"),), date(1985, 5, 2))
    question = Question("tax.employment", subject, frozenset({"employments", "self_employments"}), DAY)
    async with opened("tax", tax.build(Registers(), settings, Faults()), settings.exported()) as (adapter, requests):
        adapter.normalise("tax.employment", await adapter.ask(question))
    called = [each for each in requests if each.path != "/oauth/token"]
    assert {each.path.split("/")[2] for each in called} == {"matching", "employments", "income"}
    assert [fault for each in called for fault in faults(each)] == []
    match = next(each for each in called if each.method == "POST")
    half = replace(match, body=b'{"firstName": "Nimal"}')
    assert faults(half) != [], "the documents do judge"
    assert faults(replace(match, path="/individuals/other")) == ["no such path"]


# --- DCI CRVS -------------------------------------------------------------------------------------------------------


async def test_every_search_of_civil_registration_fits_dci_s_file(tmp_path: Path) -> None:
    settings = civil_registration.make_settings("http://127.0.0.1", tmp_path)
    names = (Name("eng", "Latn", "Nimal Perera"),)
    fields = frozenset({"birth_date", "death_date", "death_matched_by"})
    questions = [
        Question("civil_registration.vital_events", Subject(numbers, names, date(1985, 12, 5)), fields, DAY)
        for numbers in ((Identifier("NIC", "198534001234"),), ())
    ]
    app = civil_registration.build(RecordIndex([]), settings, Faults())  # what is asked is what counts
    async with opened("civil_registration", app, settings.exported()) as (adapter, requests):
        for question in questions:
            with pytest.raises(AgencyHasNoSuchPerson):
                await adapter.ask(question)
    searches = [each for each in requests if "token" not in each.path]
    operations: Any = schemas.load("dci/crvs.json")["operations"]
    assert searches
    for each in searches:
        jsonschema.Draft4Validator(operations[each.path]["request"]).validate(json.loads(each.body))
    criteria = [json.loads(each.body)["message"]["search_request"][0]["search_criteria"] for each in searches]
    assert len({each["query_type"] for each in criteria}) == 2, "by number, and by name and birth date"


# --- MOSIP IDA ------------------------------------------------------------------------------------------------------

SEALED = {"request"}  # an object in the document, encrypted on the wire (schemas/agency/mosip-ida/wire.md)
LATER = {"requestedAuth"}  # not in the document yet; what the page beside it and MOSIP's own client have


async def test_every_request_for_an_identity_has_only_members_of_mosip_s_document(tmp_path: Path) -> None:
    class Nobody:
        def national_id_by_nic(self, nic: str) -> None:
            return None

    published: Any = json.loads((schemas.FOLDER / "agency/mosip-ida/authentication-service-openapi.json").read_bytes())
    paths = {each.split("/")[1]: operations["post"] for each, operations in published["paths"].items()}
    settings = national_id.make_settings("http://127.0.0.1", tmp_path)
    names = (Name("eng", "Latn", "Nimal Perera"),)
    subject = Subject((Identifier("NIC", "198534001234"),), names, date(1985, 12, 5))
    app = national_id.build(Nobody(), settings, Faults())
    async with opened("national_id", app, settings.exported()) as (adapter, requests):
        for wanted in ({"confirmed"}, {"confirmed", "names", "birth_date"}):
            with pytest.raises(AgencyHasNoSuchPerson):
                await adapter.ask(Question("national_id.identity", subject, frozenset(wanted), DAY))
    kinds = [next(part for part in each.path.split("/") if part in paths) for each in requests]
    assert set(kinds) == {"auth", "kyc"}
    for kind, asked in zip(kinds, requests, strict=True):
        schema = _resolved(published, paths[kind]["requestBody"]["content"]["application/json"]["schema"])
        body = json.loads(asked.body)
        assert body.keys() <= schema["properties"].keys() | LATER
        clear = {"properties": {name: each for name, each in schema["properties"].items() if name not in SEALED}}
        assert [error.json_path for error in _validator(published, clear).iter_errors(body)] == []
