"""Attacks on what reviewers see: headers of HTMX, others' ids, a search for somebody, a proposal about others."""

import re
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import pytest

from gateway.trust import register
from gateway.trust.register import Offered
from tests.agreeing import EPF, WBB
from tests.people_place import Browser
from tests.reviewing import CONSUMER, NIC, ORIGIN, Desk, House, a_house

WHY = "complaint 2026-17 of the ombudsman"
FROM_HERE = {"origin": ORIGIN}
FORGED = {
    "hx-request": "true",
    "hx-boosted": "true",
    "hx-target": "main",
    "hx-trigger": "x",
    "hx-current-url": "https://evil.example/console?role=operator",
    "hx-history-restore-request": "true",
}
NOBODY = "199012304568"


@pytest.fixture
async def house(tmp_path: Path, sqlite_url: str) -> AsyncIterator[House]:
    async with a_house(tmp_path, sqlite_url) as found:
        yield found


async def at_work(house: House, login: str, role: str = "compliance_officer", member: str = WBB) -> Desk:
    """An officer's desk whose browser has said why."""
    _, desk = await house.officer(login, role, member=member)
    await posted(desk.browser, "/console/reason", reason=WHY, next="/console")
    return desk


async def posted(browser: Browser, path: str, **fields: str) -> httpx.Response:
    data = fields | {"csrf": await browser.csrf()}
    return await browser.http.post(path, data=data, headers=FROM_HERE)


def bare(page: httpx.Response) -> str:
    """A page without what every answer has anew."""
    return re.sub(r'nonce[-="][^"\']*|value="[^"]{40,}"', "", page.text)


@pytest.mark.parametrize("path", ["/console", "/console/exchanges", "/console/findings", "/console/events?kind=x"])
async def test_a_header_of_htmx_changes_nothing_of_a_page_that_no_cache_keeps(house: House, path: str) -> None:
    browser = (await at_work(house, "nimal")).browser
    plain, forged = [await browser.http.get(path, headers=headers) for headers in ({}, FORGED)]
    assert (plain.status_code, bare(plain)) == (200, bare(forged))
    assert "evil.example" not in forged.text
    assert forged.headers["cache-control"] == "no-store"
    assert not [name for name in forged.headers if name.startswith("hx-")]


async def test_a_header_of_htmx_lets_nobody_in(house: House) -> None:
    _, agency = await house.officer("own", "agency_administrator", member=EPF)
    transport = httpx.ASGITransport(house.app)
    async with httpx.AsyncClient(transport=transport, base_url=ORIGIN) as anybody:
        for path in ("/console/exchanges", "/console/exchanges/offers", "/console/findings"):
            asked = await anybody.get(path, headers=FORGED)
            assert (asked.status_code, asked.headers["location"][:16]) == (303, "/console/sign-in"), path
            assert "evil.example" not in asked.headers["location"]
            assert (await agency.browser.http.get(path, headers=FORGED)).status_code == 403, path
    form = {"reason": WHY, "next": "/console"}
    reviewer = (await at_work(house, "nimal")).browser
    for headers in (FORGED, FORGED | FROM_HERE):  # without the form's token, then from elsewhere with it
        assert (await reviewer.http.post("/console/reason", data=form, headers=headers)).status_code == 403
    token = form | {"csrf": await reviewer.csrf()}
    elsewhere = FORGED | {"origin": "https://evil.example"}
    assert (await reviewer.http.post("/console/reason", data=token, headers=elsewhere)).status_code == 403


async def test_a_search_that_one_officer_keeps_is_nobody_else_s(house: House) -> None:
    mine, theirs = await at_work(house, "nimal"), await at_work(house, "ann", "external_auditor")
    await posted(mine.browser, "/console/exchanges", name="Only mine", outcome="answered")
    (kept,) = (await mine.json("GET", "/queries"))["queries"]
    assert (await theirs.json("GET", "/queries"))["queries"] == []
    await theirs.call("DELETE", f"/queries/{kept['id']}", status=404)
    assert (await posted(theirs.browser, f"/console/queries/{kept['id']}/remove")).status_code == 404
    assert "Only mine" not in (await theirs.browser.http.get("/console/exchanges")).text
    assert [each["id"] for each in (await mine.json("GET", "/queries"))["queries"]] == [kept["id"]]


async def test_what_reviewers_keep_is_closed_to_an_agency_by_every_id(house: House) -> None:
    reviewer = await at_work(house, "nimal")
    period = {"since": "2026-01-01T00:00:00Z", "until": "2026-01-02T00:00:00Z"}
    sample = await reviewer.json("POST", "/samples", period | {"size": 2})
    breach = await reviewer.json("POST", "/breaches", {"system": CONSUMER, "known_at": "2026-01-01T00:00:00Z"} | period)
    paths = [
        f"/samples/{sample['id']}",
        f"/breaches/{breach['id']}",
        f"/breaches/{breach['id']}/people",
        "/access-requests",
        "/queries",
        "/findings",
        "/exchanges",
    ]
    for role, member in (("agency_administrator", EPF), ("agency_administrator", WBB), ("operator", WBB)):
        _, desk = await house.officer(f"{role} {member}", role, member=member)
        for path in paths:
            await desk.call("GET", path, status=403)
            if path != "/queries":
                assert (await desk.browser.http.get(f"/console{path}")).status_code == 403, (role, path)
    await reviewer.call("GET", f"/breaches/{breach['id']}/people", status=403)  # the pseudonyms are for one role alone


async def test_a_search_tells_of_nobody_to_whom_it_is_not_open(house: House) -> None:
    """Whether somebody is in the log is known to reviewers alone; who is in no log leaves no other trace than any."""
    await house.agreed()
    await house.consented()
    await house.asked()
    _, agency = await house.officer("own", "agency_administrator", member=EPF)
    for path in ("/exchanges/search", "/consents/search"):
        asked = [{"subject": {"identifiers": [{"type": "NIC", "value": each}]}} for each in (NIC, NOBODY)]
        told = [(await agency.call("POST", path, each, 403)).json() for each in asked]
        assert [each["code"] for each in told] == [told[0]["code"]] * 2
        assert NIC not in str(told)
    desk = await at_work(house, "nimal")
    known = await posted(desk.browser, "/console/person", type="NIC", value=NIC)
    assert "/console/exchanges/0" in known.text
    unknown = [
        await posted(desk.browser, "/console/person", type="NIC", value=each) for each in (NOBODY, "199012304576")
    ]
    assert bare(unknown[0]) == bare(unknown[1])
    for page in (known, *unknown):
        assert NIC not in page.text + str(page.headers)
        assert NOBODY not in page.text + str(page.headers)
        assert page.headers["cache-control"] == "no-store"
    reads = await house.kinds("evidence.read")
    assert NIC not in str(reads)
    assert NOBODY not in str(reads)
    assert [each.keys() for each in reads[-2:]] == [reads[-3].keys()] * 2


async def moved_to(house: House, system: str, url: str) -> None:
    here = house.services
    async with here.db.write() as connection:
        kept = await register.find_system(connection, system)
        assert kept is not None
        taken = (Offered("enrolment", url, "Enrolments"),)
        await register.change_system(connection, here.log, replace(kept, services=taken), here.people.clock())
    here.trust.forget()


async def test_a_proposal_shows_what_is_there_now_of_its_own_member_s_systems_alone(house: House) -> None:
    await moved_to(house, CONSUMER, "https://198.51.100.7/kept-quiet")
    _, theirs = await house.officer("theirs", "agency_administrator", member=EPF)
    _, own = await house.officer("own", "agency_administrator", member=WBB)
    wanted: dict[str, Any] = {
        "kind": "system.policy",
        "subject": CONSUMER,
        "document": {"signature": {"required": False}},
        "reason": "tests of a new system",
    }
    for desk, member, seen in ((theirs, EPF, False), (own, WBB, True)):  # who proposed first blocks nobody else
        made = await desk.browser.call("POST", "/v1/approvals", wanted | {"member": member})
        assert made.status_code == 201, made.text
        page = (await desk.browser.http.get(f"/console/approvals/{made.json()['id']}")).text
        assert "Messages have to be signed" in page
        assert ("As it is now" in page) is seen
        assert "<summary" in page.partition("Exactly this would be done")[0]
