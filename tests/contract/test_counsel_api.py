"""What a counsellor can do on the pages, a program of the office can: the same queue, rules and findings."""

import json
import stat
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest
from contract.test_counsel_desk import WHOLE, Desk, client
from starlette.applications import Starlette
from starlette.routing import Mount, Route

from sandbox.agencies.offices.program import DOCUMENT
from tests.played_gateway import PlayedGateway
from tests.small_gateway import served
from tests.told_by_openapi import held_to

FOUND = {"tax": "working", "pension": "confirmed_no_work"}
FINDING = {"id": "SR000000101", "found": FOUND, "found_on": "2026-11-14", "role": "outreach officer"}
SAME = {
    "GET /counsel/people": "GET /counselling/people",
    "POST /counsel/people/send": "POST /counselling/send",
    "GET /counsel/people/{number:int}": "POST /counselling/person",
    "POST /counsel/people/{number:int}": "POST /counselling/finding",
}
"""Page or form of the counsellors -> what does the same for a program."""


@dataclass(slots=True)
class Program:
    """A program of one office, beside its counsellors."""

    desk: Desk
    tokens: Path
    office: str = "LK-11"

    async def ask(self, method: str, name: str, body: object = None, token: str = "") -> httpx.Response:
        held = token or json.loads(self.tokens.read_text("utf-8"))[self.office]
        headers = {"authorization": f"Bearer {held}"}
        sent: dict[str, Any] = {} if body is None else {"json": body}
        return await self.desk.http.request(method, f"/counselling/{name}", headers=headers, **sent)

    async def people(self, place: str = "") -> dict[str, Any]:
        found: dict[str, Any] = (await self.ask("GET", f"people?place={place}")).json()
        return found


@pytest.fixture
async def program(tmp_path: Path) -> AsyncIterator[Program]:
    gateway = PlayedGateway()
    async with served(Starlette(routes=[Mount("/gateway", app=gateway.app)])) as url:
        desk = Desk(tmp_path, gateway, f"{url}/gateway")
        desk.http.event_hooks["response"].append(held_to(json.loads(DOCUMENT.read_bytes())))
        yield Program(desk, tmp_path / "offices" / "counsel-tokens.json")
        await desk.http.aclose()
        await desk.clients.close()
        desk.book.close()


async def test_what_a_page_can_do_a_program_can(program: Program) -> None:
    routes = [each for each in program.desk.routes if isinstance(each, Route)]
    offered = {f"{method} {each.path}" for each in routes for method in (each.methods or set()) - {"HEAD"}}
    of_pages = {each for each in offered if " /counsel/" in each and "/sign-" not in each and "{rest" not in each}
    assert of_pages == SAME.keys()
    document = "GET /counselling/openapi.json"
    of_programs = {*SAME.values(), document}
    assert {each for each in offered if " /counselling/" in each} == of_programs
    described = (await program.desk.http.get("/counselling/openapi.json")).json()["paths"]
    assert {f"{method.upper()} {path}" for path, item in described.items() for method in item} == {
        *SAME.values(),
        document,
    }


async def test_only_the_token_of_an_office_opens_it_and_a_session_does_not(program: Program) -> None:
    assert stat.S_IMODE(program.tokens.stat().st_mode) == 0o600
    await program.desk.sign_in("LK-11")
    for route in SAME.values():
        method, _, path = route.partition(" ")
        for held in ("x", "ö"):
            headers = {"authorization": f"Bearer {held}".encode()}
            answer = await program.desk.http.request(method, path, headers=headers)
            assert (answer.status_code, answer.headers["content-type"]) == (401, "application/problem+json")
    await program.ask("POST", "finding", FINDING, token="x")
    assert program.desk.gateway.deliveries == {}


async def test_the_queue_of_a_program_is_the_one_of_the_page(program: Program) -> None:
    program.desk.add(client("LK-11", "SR000000103", gn="09005"), client("LK-11", "SR000000100", gn="09010"))
    found = await program.people()
    assert found["waiting"] == 3
    await program.desk.sign_in("LK-11")
    assert [each["id"] for each in found["people"]] == program.desk.listed((await program.desk.page()).text)
    assert [each["id"] for each in (await program.people("LK-1109"))["people"]] == ["SR000000103", "SR000000100"]
    assert "199012304567" not in json.dumps(found)
    one = (await program.ask("POST", "person", {"id": "SR000000101"})).json()
    assert (one["verify"], one["phone"], one["next"]) == (["tax", "pension"], "+94791234567", "SR000000103")


async def test_a_program_s_finding_is_sent_and_corrected_like_a_counsellor_s(program: Program) -> None:
    kept = await program.ask("POST", "finding", FINDING)
    assert (kept.status_code, kept.json()["findings"][0]["state"]) == (202, "new")
    (person,) = (await program.people())["people"]
    assert [each["state"] for each in person["findings"]] == ["handed"]
    assert (await program.ask("POST", "finding", FINDING)).json()["detail"] == (
        "There is a finding about this person already."
    )
    again = FINDING | {"found": FOUND | {"tax": "not_found"}, "corrects": 1}
    assert (await program.ask("POST", "finding", again)).status_code == 202
    told = [each["record"]["checks"][0]["finding"] for each in program.desk.gateway.deliveries.values()]
    assert told == ["working", "not_found"]
    await program.desk.sign_in("LK-11")
    assert "Corrected" in (await program.desk.page()).text


@pytest.mark.parametrize(
    "change",
    [
        {"found": {"tax": "working"}},
        {"found": {"tax": ["working"], "pension": "working"}},
        {"found": []},
        {"found_on": "soon"},
        {"found_on": "2026-11-21"},
        {"role": "minister"},
        {"corrects": True},
        {"corrects": 1},
        {"officer": "Kavitha"},
    ],
    ids=str,
)
async def test_a_finding_that_is_not_whole_is_a_problem_and_not_kept(program: Program, change: dict[str, Any]) -> None:
    answer = await program.ask("POST", "finding", FINDING | change)
    assert (answer.status_code, answer.json()["status"]) == (400, 400)
    assert program.desk.gateway.deliveries == {}


async def test_a_body_that_is_none_is_a_problem(program: Program) -> None:
    for body in (None, [], {}, {"id": "SR000000101"}, "x" * 20_000):
        assert (await program.ask("POST", "finding", body)).status_code == 400, body


async def test_a_person_of_another_office_is_as_unknown_as_nobody(program: Program) -> None:
    for member in ("SR000000201", "SR999999999", 7):
        for name, body in (("person", {"id": member}), ("finding", FINDING | {"id": member})):
            assert (await program.ask("POST", name, body)).status_code == 404
    assert program.desk.gateway.deliveries == {}


async def test_a_finding_waits_while_the_gateway_is_away_and_a_program_sends_it_again(program: Program) -> None:
    program.desk.gateway.busy = 1000
    await program.desk.sign_in("LK-11")
    await program.desk.post(f"/counsel/people/{program.desk.number('LK-11')}", **WHOLE)
    program.desk.gateway.busy = 0
    assert (await program.ask("POST", "send", {})).status_code == 202
    assert (await program.people())["people"][0]["findings"][0]["state"] == "handed"
