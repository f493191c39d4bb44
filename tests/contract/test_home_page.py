"""The first page of who does not read evidence: what waits, where else the work is, names in place of ids."""

import re
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from consent import member_of
from gateway.people import grants
from gateway.people.officers import SHELL
from tests.people_place import WBB, wanted_with_reach
from tests.reviewing import House, a_house

TASK = re.compile(r'<li><a class="govuk-link" href="([^"]*)">(\d+) ')
WORDS = {
    "planning_reviewer": "planning department's desk",
    "employment_counsellor": "counsellors' desk",
    "data_manager": "register's own program",
    "gn_officer": "program of your office",
}
TERRITORIES = {"employment_counsellor": "LK-11", "gn_officer": "LK-1103005"}


@pytest.fixture
async def house(tmp_path: Path, sqlite_url: str) -> AsyncIterator[House]:
    async with a_house(tmp_path, sqlite_url) as found:
        yield found


async def test_a_proposal_of_somebody_else_waits_on_the_first_page_and_one_s_own_does_not(house: House) -> None:
    _, proposer = await house.officer("amara", "operator")
    _, decider = await house.officer("bandu", "operator")
    nothing = (await decider.browser.http.get("/console")).text
    assert "Nothing at the moment." in nothing
    body: dict[str, Any] = {"kind": "letters.drop", "subject": "callback", "reason": "Practice."}
    body |= {"document": {"kind": "callback", "cause": "", "target": ""}}
    token = {"origin": house.origin, "x-csrf-token": await proposer.browser.csrf()}
    assert (await proposer.browser.http.post("/v1/approvals", json=body, headers=token)).status_code == 201
    text = (await decider.browser.http.get("/console")).text
    assert TASK.findall(text) == [("/console/approvals", "1")]
    assert "Nothing at the moment." in (await proposer.browser.http.get("/console")).text


@pytest.mark.parametrize("role", sorted(WORDS))
async def test_who_works_elsewhere_is_told_where_in_plain_words(house: House, role: str) -> None:
    officer, desk = await house.officer("amara", member=WBB)
    here, now = house.services, house.services.people.clock()
    async with here.db.write() as connection:
        wanted = wanted_with_reach(officer.id, role, WBB, TERRITORIES.get(role, ""))
        await grants.give(connection, here.log, wanted, here.profile.raw, by=SHELL, now=now)
    text = (await desk.browser.http.get("/console")).text.replace("&#39;", "'")
    assert [each for each, words in WORDS.items() if words in text] == [role]
    member = (await house.services.trust.register()).names[officer.member]
    assert f"You are {officer.name} of {member}." in text
    assert ("Colombo (LK-11)" in text) is (role == "employment_counsellor")
    assert "What waits for you" not in text


async def test_an_administrator_s_page_counts_what_its_own_pages_show(house: House) -> None:
    _, desk = await house.officer("amara", "agency_administrator", member=WBB)
    answer = await desk.browser.http.get("/console")
    assert answer.status_code == 200
    assert "What waits for you" in answer.text


async def test_what_is_not_there_is_said_in_words_without_the_code(house: House) -> None:
    _, desk = await house.officer("amara", "compliance_officer")
    why = {"csrf": await desk.browser.csrf(), "reason": "Looking", "next": "/console"}
    await desk.browser.http.post("/console/reason", data=why, headers={"origin": house.origin})
    answer = await desk.browser.http.get("/console/agreements/nothing-of-this-name")
    assert answer.status_code == 404
    assert "Nothing has this number, or it is not yours to see." in answer.text
    assert "not_found" not in answer.text


async def test_the_bare_address_leads_a_browser_to_the_console_and_tells_a_program_nothing(house: House) -> None:
    _, desk = await house.officer("amara", "operator")
    browser = await desk.browser.http.get("/", headers={"accept": "text/html,*/*"}, follow_redirects=False)
    assert (browser.status_code, browser.headers["location"]) == (303, "/console")
    program = await desk.browser.http.get("/", headers={"accept": "application/json"})
    assert (program.status_code, program.json()["code"]) == (404, "not_found")
    icon = await desk.browser.http.get("/favicon.ico", follow_redirects=True)
    assert (icon.status_code, icon.headers["content-type"].split(";")[0]) == (200, "image/svg+xml")


async def test_whoever_runs_the_gateway_is_called_so_though_nobody_registered_it(house: House) -> None:
    ours = member_of(house.services.profile.gateway)
    officer, desk = await house.officer("tharindu", "operator", member=ours)
    text = (await desk.browser.http.get("/console")).text
    assert f"You are {officer.name} of the gateway." in text
    assert ours not in text
