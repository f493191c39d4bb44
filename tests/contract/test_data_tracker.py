"""Estonia's data-tracker API as its published file says: requests and answers are held against it."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import jsonschema_rs
import pytest
import yaml

from schemas import FOLDER
from tests.citizen_house import ANN, BEN, ORIGIN, STATUTE, House, a_house, document

FILE = yaml.safe_load((FOLDER / "agency/estonia-data-tracker/dumonitor-openapi.yaml").read_text("utf-8"))
ME = {"X-Road-UserId": f"LK{ANN}"}


@pytest.fixture
async def house(sqlite_url: str, tmp_path: Path) -> AsyncIterator[House]:
    async with a_house(tmp_path, sqlite_url) as opened:
        yield opened


@pytest.fixture
async def both(database_url: str, tmp_path: Path) -> AsyncIterator[House]:
    """For what rests on the database's own ways: the same test on SQLite and PostgreSQL."""
    async with a_house(tmp_path, database_url) as opened:
        yield opened


def inlined(node: Any) -> Any:
    """The published schema with its references in place."""
    if isinstance(node, dict) and "$ref" in node:
        return inlined(FILE["components"]["schemas"][node["$ref"].rpartition("/")[2]])
    if isinstance(node, dict):
        return {name: inlined(value) for name, value in node.items()}
    return [inlined(each) for each in node] if isinstance(node, list) else node


def fixed() -> dict[str, Any]:
    """The file with the two failures that it does not name (`schemas/agency/estonia-data-tracker/SOURCE.md`)."""
    document = {**FILE, "paths": {path: {"get": dict(each["get"])} for path, each in FILE["paths"].items()}}
    for path in document["paths"].values():
        told = {status: {"description": "Refused"} for status in ("401", "429")}
        path["get"]["responses"] = {**path["get"]["responses"], **told}
    return document


async def asked(browser: httpx.AsyncClient, path: str, **query: Any) -> dict[str, Any]:
    """An answer that fits the file, to a question whose parameters the file has."""
    operation = FILE["paths"][path]["get"]
    known = {each["name"]: each for each in operation.get("parameters", ())}
    named = {name for name, each in known.items() if each["in"] == "query"}
    assert query.keys() <= named
    answer = await browser.get(path, params=query, headers=ME)
    assert answer.status_code == 200, answer.text
    schema = operation["responses"]["200"]["content"]["application/json"]["schema"]
    body: dict[str, Any] = answer.json()
    jsonschema_rs.validator_for(inlined(schema), validate_formats=True).validate(body)
    known_members = inlined(schema)["properties"]
    assert body.keys() <= known_members.keys()
    for usage in body.get("usages", ()):
        assert usage.keys() <= known_members["usages"]["items"]["properties"].keys()
    return body


async def test_every_operation_of_the_file_is_served(house: House) -> None:
    mine = await house.citizen(ANN)
    assert set(FILE["paths"]) == {"/v2/findUsage", "/v2/usagePeriod", "/v2/heartbeat"}
    assert await asked(mine, "/v2/heartbeat") == {"status": "OK"}
    assert (await asked(mine, "/v2/usagePeriod")).keys() == {"periodStart"}
    assert await asked(mine, "/v2/findUsage", userCode=f"LK{ANN}") == {"totalUsages": 0, "usages": []}


async def test_uses_are_told_with_the_one_who_received(both: House) -> None:
    house = both
    await house.agree(document(legal_bases=STATUTE))
    await house.ask(ANN)
    await house.deliver(ANN)
    await house.work()
    handed, question = (await asked(await house.citizen(ANN), "/v2/findUsage", userCode=f"LK{ANN}"))["usages"]
    assert (question["receiverCode"], question["receiverSystem"]) == ("LK/GOV/WBB", "LK/GOV/WBB/SRIS")
    assert handed["receiverCode"] == "LK/GOV/EPF"
    assert question["logtime"] == "2026-11-01T09:00:01+00:00"
    assert "Why: Find out who may benefit from employment support." in question["action"]


async def test_the_total_counts_what_offset_and_limit_leave_out_and_the_period_counts(house: House) -> None:
    await house.agree(document(legal_bases=STATUTE))
    for _ in range(5):
        await house.ask(ANN)
    await house.ask(BEN)
    mine, me = await house.citizen(ANN), f"LK{ANN}"
    everything = (await asked(mine, "/v2/findUsage", userCode=me))["usages"]
    part = await asked(mine, "/v2/findUsage", userCode=me, offset=1, limit=2)
    assert (part["totalUsages"], part["usages"]) == (5, everything[1:3])
    period = {"periodStart": "2026-11-01T09:00:02Z", "periodEnd": "2026-11-01T09:00:04Z"}
    assert (await asked(mine, "/v2/findUsage", userCode=me, **period))["totalUsages"] == 2


BAD = [
    ({"X-Road-UserId": f"LK{BEN}"}, {"userCode": f"LK{BEN}"}),
    ({"X-Road-UserId": f"LK{BEN}"}, {"userCode": f"LK{ANN}"}),
    (ME, {"userCode": f"LK{BEN}"}),
    (ME, {"userCode": ANN}),
    (ME, {}),
    ({}, {"userCode": f"LK{ANN}"}),
    (ME, {"userCode": f"LK{ANN}", "periodStart": "yesterday"}),
    (ME, {"userCode": f"LK{ANN}", "limit": "-1"}),
]


async def test_who_asks_for_anybody_else_or_wrongly_gets_the_file_s_400(house: House) -> None:
    mine = await house.citizen(ANN)
    for headers, query in BAD:
        answer = await mine.get("/v2/findUsage", params=query, headers=headers)
        assert answer.status_code == 400, (headers, query)
        assert ANN not in answer.text
        assert BEN not in answer.text
    assert await house.facts("citizen.read") == []


async def test_nobody_is_signed_in_and_nothing_is_told(house: House) -> None:
    async with httpx.AsyncClient(transport=httpx.ASGITransport(house.app), base_url=ORIGIN) as anybody:
        answer = await anybody.get("/v2/findUsage", params={"userCode": f"LK{ANN}"}, headers=ME)
        assert answer.status_code == 401
        assert (await anybody.get("/v2/heartbeat")).status_code == 200
