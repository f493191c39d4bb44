"""What keeps pages from being turned against who looks at them, asked of every page of `docs/access.md`."""

import re
from collections.abc import AsyncIterator
from itertools import product
from pathlib import Path

import pytest
from architecture.test_access import PARAMETER, House, a_house, rows

from gateway.people import sessions
from gateway.people.roles import ROLES, Right
from gateway.trust import Member, System, register
from tests.people_place import Browser

PAGES = [(method, path) for who in ("officer", "citizen", "open") for method, path, _, _ in rows(who, below="/")]
AREAS = ("/console", "/my-data", "/idp/authorize")
READ = [PARAMETER.sub("x", path) for method, path in PAGES if method == "GET" and path.startswith(AREAS)]
CHANGING = [PARAMETER.sub("x", path) for method, path in PAGES if method == "POST" and path.startswith(AREAS)]
TOGETHER = ("operator", "data_protection_officer", "agency_administrator")
"""Between them they may open every page of the console."""
ELSEWHERE = ("//evil.example", "https://evil.example/console", "/\\evil.example", "/console/..//evil.example")
FROM_HERE = {"origin": "http://127.0.0.1:8080"}


@pytest.fixture
async def house(tmp_path: Path) -> AsyncIterator[House]:
    """Without a limit of requests, which would answer before what is asked for here; it has tests of its own."""
    async with a_house(tmp_path, SANDHI_LIMIT_PEER_RATE="0") as found:
        yield found


@pytest.fixture
async def browsers(house: House) -> list[Browser]:
    """One of each of `TOGETHER`."""
    return [await begun(house, role, role) for role in TOGETHER]


async def begun(house: House, login: str, role: str) -> Browser:
    """Of an officer who has signed in, and said why where it is asked."""
    _, browser = await house.officer(login, role)
    why = {"csrf": await browser.csrf(), "reason": "Looking at every page", "next": "/console"}
    await browser.http.post("/console/reason", data=why, headers=FROM_HERE)
    return browser


def test_the_route_matrix_tells_of_pages_and_those_who_look_may_open_each() -> None:
    assert len(READ) > 50
    assert len(CHANGING) > 35
    words = {word for method, path, word, _ in rows("officer", below="/console") if word and method == "GET"}
    assert {Right(each) for each in words} <= {right for role in TOGETHER for right in ROLES[role].rights}


async def test_the_address_of_a_form_opened_like_a_page_leads_to_one_in_the_language_asked(
    browsers: list[Browser],
) -> None:
    forms = [path for path in CHANGING if path not in READ]
    led = set()
    for browser, path in product(browsers, forms):
        answer = await browser.http.get(path, params={"lang": "si"})
        if answer.status_code == 303 and path.startswith(f"{answer.headers['location']}/"):
            led.add(path)
        page = await browser.http.get(path, params={"lang": "si"}, follow_redirects=True)
        assert page.status_code in {200, 403, 404}, (path, page.status_code)
        assert '<html lang="si"' in page.text, path
    assert len(led) > 20  # the others look like an address with an id, and are told apart by nobody


async def test_clickjacking_no_page_can_be_framed(browsers: list[Browser]) -> None:
    for browser, path in product(browsers, READ):
        answer = await browser.http.get(path)
        assert "frame-ancestors 'none'" in answer.headers["content-security-policy"], path
        assert answer.headers["x-frame-options"] == "DENY", path


async def test_injection_no_page_lets_a_script_run_but_our_own_files(browsers: list[Browser]) -> None:
    for browser, path in product(browsers, READ):
        answer = await browser.http.get(path)
        policy = answer.headers["content-security-policy"]
        assert "unsafe" not in policy, path
        assert re.search(r"script-src 'self'(;|$)", policy), path
        assert not re.search(r"<script(?![^>]* src=)|\son[a-z]+=|<style|\sstyle=", answer.text), path


async def test_csrf_every_form_of_another_site_is_refused(browsers: list[Browser]) -> None:
    for browser in browsers:
        form = {"csrf": await browser.csrf()}
        for path, headers in product(CHANGING, ({"origin": "https://evil.example"}, {}, {"origin": "null"})):
            answer = await browser.http.post(path, data=form, headers=headers)
            assert answer.status_code == 403, (path, headers)


async def test_csrf_every_form_without_the_session_s_token_is_refused(browsers: list[Browser]) -> None:
    tokens: list[dict[str, str]] = [{}, {"csrf": "0" * 64}, {"csrf": sessions.csrf_token("of another session")}]
    headers = FROM_HERE | {"content-type": "application/x-www-form-urlencoded"}
    console = [each for each in CHANGING if each.startswith("/console")]
    for browser, form, path in product(browsers, tokens, console):
        answer = await browser.http.post(path, data=form, headers=headers)
        assert answer.status_code in {403, 404}, (path, answer.status_code)


async def test_open_redirect_no_page_leads_elsewhere(browsers: list[Browser]) -> None:
    for path, there in product(READ, ELSEWHERE):
        for browser in browsers:
            answer = await browser.http.get(path, params=dict.fromkeys(("next", "done", "redirect_uri", "back"), there))
            leads = answer.headers.get("location", "/")
            assert leads.startswith(("/", "http://127.0.0.1:8080/")), (path, leads)
            assert not leads.startswith(("//", "/\\")), (path, leads)
            assert not re.search(r'(href|action|content)="(https?:)?[/\\]{2}evil', answer.text), (path, there)


async def test_idor_a_system_of_another_agency_does_not_exist_and_stays_as_it_is(house: House) -> None:
    await house.system("own")
    services, now = house.services, house.services.people.clock()
    async with services.db.write() as connection:
        await register.add_member(connection, services.log, Member("LK/GOV/DME", "Department"), now)
        theirs = System("LK/GOV/DME/THEIRS", "theirs", "Theirs", frozenset())
        await register.add_system(connection, services.log, theirs, now)
    services.trust.forget()
    _, browser = await house.officer("kamal", "agency_administrator")
    at, form = "/console/agency/systems", {"csrf": await browser.csrf(), "url": "https://evil.example/", "kid": "x"}
    assert (await browser.http.get(f"{at}/LK.GOV.WBB.OWN")).status_code == 200
    assert (await browser.http.get(f"{at}/LK.GOV.DME.THEIRS")).status_code == 404
    assert "THEIRS" not in (await browser.http.get(at)).text
    for path in (each for each in CHANGING if each.startswith(f"{at}/x/")):
        sent = await browser.http.post(path.replace("/x/", "/LK.GOV.DME.THEIRS/"), data=form, headers=FROM_HERE)
        assert sent.status_code == 404, path
    assert (await services.trust.register()).systems[theirs.id] == theirs
