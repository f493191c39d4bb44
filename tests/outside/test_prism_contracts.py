"""Proof from outside: Prism stands between our adapters and the sandbox and checks both against the published files.

A request or an answer that breaks HMRC's or Twilio's OpenAPI document is stopped by Prism (422, 500), so that a
misreading shared by adapter and sandbox shows. Prism follows the documents; it knows no other rule of the agencies.
"""

import json
import re
import tempfile
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from datetime import date
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import pytest
import yaml
from outside.npm_tools import installed, running

from adapters.kit.contract import Adapter, AgencyUnavailable, Handed, Identifier, Item, Name, Question, Subject
from adapters.kit.egress import Dialler
from adapters.kit.opening import open_adapter
from sandbox.agencies import messaging, tax
from sandbox.faults import Faults
from sandbox.loopback import serving
from sandbox.person import SelfEmployment, TaxEmployment, TaxRecord

ROOT = Path(__file__).parents[2]
PUBLISHED = ROOT / "schemas/agency"
T = date(2026, 10, 31)
TAXPAYER = TaxRecord(
    "NA000799C",
    "Nimal",
    "Perera",
    date(1985, 5, 2),
    (TaxEmployment(date(2026, 4, 1), None, "Invented Tea", "345/34678", ((date(2026, 9, 25), 100_000_00),)),),
    (SelfEmployment("2025-26", date(2015, 1, 1), date(2025, 12, 31), 250_00),),
)
QUESTION = Question(
    "tax.employment",
    Subject((Identifier("TIN", "NA000799C"),), (Name("eng", "Latn", "Nimal Perera"),), date(1985, 5, 2)),
    frozenset({"employments", "self_employments"}),
    T,
)
PAYMENT = {"date": "2026-09-25", "taxable_pay": "100000.00"}
TOKEN = {  # RFC 6749, sections 4.4.2 and 5.1; in HMRC's files the token endpoint stands as an address only
    "post": {
        "security": [],
        "requestBody": {"content": {"application/x-www-form-urlencoded": {"schema": {"type": "object"}}}},
        "responses": {"200": {"description": "", "content": {"application/json": {"schema": {"type": "object"}}}}},
    }
}

pytestmark = pytest.mark.nightly


class Registers:
    def tax_by_tin(self, tin: str) -> TaxRecord | None:
        return TAXPAYER if tin == TAXPAYER.tin else None


def hmrc() -> dict[str, Any]:
    """HMRC's three files as one document. Each calls other things `Links` or `Self`, so parts get their file's name."""
    merged: dict[str, Any] = {"openapi": "3.0.3", "info": {"title": "HMRC individuals", "version": "2.0"}}
    merged |= {"paths": {"/oauth/token": TOKEN}, "components": {"securitySchemes": {}}}
    for name in ("matching", "employments", "income"):
        text = (PUBLISHED / f"hmrc-individuals/individuals-{name}-2.0.yaml").read_text("utf-8")
        document = yaml.safe_load(re.sub(r"#/components/(\w+)/", rf"#/components/\1/{name}.", text))
        merged["paths"] |= document["paths"]
        merged["security"] = document.get("security", [])
        merged["components"]["securitySchemes"] |= document["components"].pop("securitySchemes")
        for kind, parts in document["components"].items():
            merged["components"].setdefault(kind, {}).update({f"{name}.{part}": each for part, each in parts.items()})
    return merged


def twilio() -> dict[str, Any]:
    document: dict[str, Any] = json.loads((PUBLISHED / "twilio/messages-calls.extract.json").read_text("utf-8"))
    return document


@pytest.fixture(scope="module")
def prism(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The command."""
    return installed("@stoplight/prism-cli", "5.14.2", "prism", tmp_path_factory.mktemp("prism"))


@asynccontextmanager
async def between(
    prism: Path, document: Mapping[str, Any], upstream: str, settings: Mapping[str, str], adapter: str
) -> AsyncIterator[tuple[Adapter, str]]:
    """The adapter, with Prism between it and the agency; and Prism's address."""
    folder = Path(tempfile.mkdtemp(dir=prism.parents[2]))
    (folder / "openapi.json").write_text(json.dumps(document, default=str))  # YAML took examples for dates
    words: list[str | Path] = ["proxy", folder / "openapi.json", upstream, "--errors", "--port", "{port}"]
    async with running(prism, *words, log=folder / "prism.log") as port:
        url = f"http://127.0.0.1:{port}"
        dialler = Dialler({f"127.0.0.1:{port}"})
        found = {**settings, f"{adapter.upper()}_URL": url}
        opened = open_adapter(ROOT / "adapters" / adapter, found.__getitem__, dialler)
        try:
            yield opened, url
        finally:
            await opened.close()
            await dialler.close()


async def test_tax_and_hmrc_s_files_agree(prism: Path, tmp_path: Path) -> None:
    settings = tax.make_settings("http://tax.example", tmp_path / "agency", today=T)
    faults = Faults()
    with serving(tax.build(Registers(), settings, faults)) as upstream:
        async with between(prism, hmrc(), upstream, settings.exported(), "tax") as (adapter, url):
            record: Any = adapter.normalise("tax.employment", await adapter.ask(QUESTION))
            assert [job["payments"] for job in record["employments"]] == [[PAYMENT]]
            assert [each["turnover"] for each in record["self_employments"]] == ["250.00"]
            await refuses_half_a_match(url)
            faults.set("wrong_schema")
            with pytest.raises(AgencyUnavailable):  # Prism's 500 in place of the agency's answer
                await adapter.ask(QUESTION)


async def refuses_half_a_match(url: str) -> None:
    """Prism does look: a match without a birth date never reaches the agency."""
    body = {"firstName": "Nimal", "lastName": "Perera", "nino": "NA000799C"}
    headers = {
        "authorization": "Bearer any",
        "accept": "application/vnd.hmrc.2.0+json",
        "correlationid": str(uuid4()),
    }
    async with httpx.AsyncClient(trust_env=False) as client:
        answer = await client.post(f"{url}/individuals/matching/", json=body, headers=headers)
    assert (answer.status_code, answer.json()["title"]) == (422, "Invalid request")


@pytest.mark.parametrize("channel", ["sms", "whatsapp", "voice"])
async def test_messaging_and_twilio_s_file_agree(channel: str, prism: Path, tmp_path: Path) -> None:
    settings = messaging.make_settings("http://messaging.example", tmp_path / "agency")
    store = messaging.Store(tmp_path / "messages.db")
    with serving(messaging.build(store, settings, Faults())) as upstream:
        async with between(prism, twilio(), upstream, settings.exported(), "messaging") as (adapter, _):
            alert = {"channel": channel, "to": "+94771234568", "language": "tam", "text": "வேலை"}
            handed = await adapter.deliver(Item("item-1", "messaging.alert", alert))
            assert isinstance(handed, Handed)
            assert handed.state == "queued"
