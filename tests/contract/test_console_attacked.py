"""Attacks on the console that once went further than they should: each stays where it belongs."""

import base64
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from gateway.people import grants, officers, sessions
from gateway.review.findings import finding_id, opened
from gateway.review.rules import Hit, rule_named
from tests.agreeing import EPF, WBB
from tests.people_place import Browser
from tests.reviewing import ORIGIN, House, a_house

WHY = "complaint 2026-17 of the ombudsman"
FROM_HERE = {"origin": ORIGIN}
PROPOSED = {"kind": "callback.host", "subject": "x", "document": {}, "reason": "x"}


@pytest.fixture
async def house(tmp_path: Path, sqlite_url: str) -> AsyncIterator[House]:
    async with a_house(tmp_path, sqlite_url) as found:
        yield found


@pytest.fixture
async def either(tmp_path: Path, database_url: str) -> AsyncIterator[House]:
    """On both databases: where one of them keeps what the other does not."""
    async with a_house(tmp_path, database_url) as found:
        yield found


async def at_work(house: House, login: str, role: str = "compliance_officer") -> Browser:
    """An officer's browser that has said why."""
    _, desk = await house.officer(login, role)
    why = {"csrf": await desk.browser.csrf(), "reason": WHY, "next": "/console"}
    assert (await desk.browser.http.post("/console/reason", data=why, headers=FROM_HERE)).status_code == 303
    return desk.browser


def elsewhere(house: House, host: str = "203.0.113.7", port: int = 4711) -> httpx.AsyncClient:
    return httpx.AsyncClient(transport=httpx.ASGITransport(house.app, client=(host, port)), base_url=ORIGIN)


async def test_a_character_that_no_database_keeps_does_not_look_like_an_outage(either: House) -> None:
    browser = await at_work(either, "nimal")
    now = either.services.people.clock()
    async with either.services.db.write() as connection:
        await opened(connection, either.services.log, rule_named("out_of_hours"), Hit("x"), now)
    remark, csrf = f"/console/findings/{finding_id('out_of_hours', 'x')}/remarks", await browser.csrf()
    for text in (f"csrf={csrf}&text=a%00b", f"csrf={csrf}&text=a\0b"):
        headers = FROM_HERE | {"content-type": "application/x-www-form-urlencoded"}
        assert (await browser.http.post(remark, content=text.encode(), headers=headers)).status_code == 403
    path = remark.replace("/console/", "/v1/audit/")
    for text in ("a\0b", "a\0"):
        told = await browser.call("POST", path, {"text": text})
        assert (told.status_code, told.json()["code"]) == (400, "bad_request.json")
    assert (await browser.call("POST", path, {"text": "a\\u0000b"})).status_code < 300  # six characters, none is NUL


async def test_cookies_full_of_backslashes_hold_nobody_up(house: House) -> None:
    """Every route: FastAPI reads the cookies of each. Python's own reader takes half a minute for these."""
    browser = await at_work(house, "nimal")
    cookies = "; ".join(f"{each.name}={each.value}" for each in browser.http.cookies.jar)
    heavy = {"cookie": cookies + '; a="' + '\\"' * 60_000 + '"'}
    started = time.process_time()
    async with elsewhere(house) as http:
        for path in ("/livez", "/console/sign-in", "/v1/officers/me", "/my-data/sign-in", "/console/exchanges"):
            assert (await http.get(path, headers=heavy)).status_code == 200, path
    assert time.process_time() - started < 5


async def test_why_one_officer_reads_is_not_why_the_next_one_at_this_browser_does(house: House) -> None:
    first = await at_work(house, "nimal")
    assert (await first.http.get("/console/exchanges")).status_code == 200
    second, _ = await house.officer("ann", "compliance_officer")
    now = house.services.people.clock()
    async with house.services.db.write() as connection:
        begun = {"issuer": second.issuer, "authenticated_at": now, "now": now}
        secret = await sessions.begin(connection, officer=second.id, **begun)
    first.http.cookies.set("sandhi-console", secret, domain="127.0.0.1", path="/")
    asked = await first.http.get("/console/exchanges")
    assert (asked.status_code, asked.headers["location"][:15]) == (303, "/console/reason")


async def test_signing_out_forgets_why_evidence_was_read(house: House) -> None:
    browser = await at_work(house, "nimal")
    left = await browser.http.post("/console/sign-out", data={"csrf": await browser.csrf()}, headers=FROM_HERE)
    assert left.status_code == 303
    assert "sandhi-reason" not in dict(browser.http.cookies)


@pytest.mark.parametrize("forged", ["short", "two\r\nlines of it", "NUL \0 in the middle", "x" * 301])
async def test_a_reason_that_no_form_took_is_none(house: House, forged: str) -> None:
    officer, desk = await house.officer("nimal", "compliance_officer")
    value = base64.urlsafe_b64encode(f"{officer.id} {forged}".encode()).decode()
    desk.browser.http.cookies.set("sandhi-reason", value, domain="127.0.0.1", path="/console")
    asked = await desk.browser.http.get("/console/exchanges")
    assert (asked.status_code, asked.headers["location"][:15]) == (303, "/console/reason")


async def test_a_slash_too_many_leads_nowhere_that_the_request_names(house: House) -> None:
    async with elsewhere(house) as anybody:
        for path, leads in (("/console/", "/console"), ("/console/exchanges//", "/console/exchanges")):
            told = await anybody.get(path, headers={"host": "evil.example"})
            assert (told.status_code, told.headers["location"]) == (308, leads)
        for path in ("/v1/exchanges/", "/oauth2/token/", "/livez/"):
            told = await anybody.post(path, headers={"host": "evil.example"})
            assert "evil.example" not in told.headers.get("location", "") + told.text, path
            assert told.status_code in {401, 404}, path


async def test_what_a_session_was_answered_stays_in_no_browser(house: House) -> None:
    browser = await at_work(house, "nimal")
    for path in ("/v1/officers/me", "/v1/audit/findings", "/v1/audit/overview", "/v1/nothing", "/v2/findUsage"):
        headers = (await browser.http.get(path)).headers
        assert (headers["cache-control"], headers["x-content-type-options"]) == ("no-store", "nosniff"), path


async def test_who_asks_how_often_is_measured_on_the_machine_alone_or_for_a_token(tmp_path: Path) -> None:
    async with a_house(tmp_path, "") as house:
        assert (await elsewhere(house, "127.0.0.1").get("/metrics")).status_code == 200
        for host in ("203.0.113.7", "::ffff:203.0.113.7", "testclient", ""):
            assert (await elsewhere(house, host).get("/metrics")).status_code == 403, host
    async with a_house(tmp_path, "", METRICS_TOKEN="t" * 32) as house:
        for sent in ({}, {"authorization": "Bearer x"}, {"authorization": "t" * 32}):
            assert (await elsewhere(house, "127.0.0.1").get("/metrics", headers=sent)).status_code == 403, sent
        good = {"authorization": f"Bearer {'t' * 32}"}
        assert (await elsewhere(house).get("/metrics", headers=good)).status_code == 200


@pytest.mark.parametrize("title", ['"\\ud800"', '"a", "title": "b"', "1e999", "9" * 30])
async def test_a_draft_that_can_be_read_in_two_ways_or_not_shown_is_refused(house: House, title: str) -> None:
    browser = await at_work(house, "nimal")
    draft = {"csrf": await browser.csrf(), "document": f'{{"title": {title}}}'}
    told = await browser.http.post("/console/agreements/draft", data=draft, headers=FROM_HERE)
    assert (told.status_code, "The draft is not JSON" in told.text) == (400, True)


async def test_what_two_agencies_have_is_nothing_to_each_other(house: House) -> None:
    """By every id that a page of an administrator takes; nothing of it changes."""
    other, desk = await house.officer("theirs", "agency_administrator", member=EPF)
    officer, now = other.id, house.services.people.clock()
    made = await desk.browser.call("POST", "/v1/approvals", {**PROPOSED, "member": EPF})
    approval = made.json()["id"]
    _, mine = await house.officer("mine", "agency_administrator", member=WBB)
    form = {
        "csrf": await mine.browser.csrf(),
        "remark": "x",
        "state": "suspended",
        "role": "data_manager",
        "grant": "x",
    }
    approvals = [f"/console/approvals/{approval}{verb}" for verb in ("", "/approve", "/reject", "/withdraw")]
    people = [f"/console/officers/{officer}{verb}" for verb in ("", "/state", "/roles", "/revoke")]
    systems = [f"/console/agency/systems/LK.GOV.EPF.MEMBERS{verb}" for verb in ("", "/keys", "/retire", "/callback")]
    for path in (*approvals, *people, *systems):
        posted = path.rsplit("/", 1)[-1] not in {approval, officer, "LK.GOV.EPF.MEMBERS"}
        method = "POST" if posted else "GET"
        content: dict[str, Any] = {"data": form} if posted else {}
        told = await mine.browser.http.request(method, path, headers=FROM_HERE, **content)
        assert told.status_code == 404, path
    assert (await desk.browser.call("GET", f"/v1/approvals/{approval}")).json()["state"] == "proposed"
    async with house.services.db.read() as connection:
        assert (await officers.read(connection, officer)).state == "active"
        assert len(await grants.of(connection, officer, now)) == 1
