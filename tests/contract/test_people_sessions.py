"""Sessions, cookies and forms: threat 34, and the session and cookie items of OWASP ASVS 5 level 2 (docs/asvs.md)."""

import re
from collections.abc import AsyncIterator
from http.cookies import SimpleCookie
from pathlib import Path

import httpx
import pytest
from sqlalchemy import select

from gateway.people import officers, sessions, tables
from gateway.people.officers import SHELL
from gateway.people.signin import local
from tests.people_place import Browser, Place, a_place

FORM = {"content-type": "application/x-www-form-urlencoded"}
POSTED = ["/console/sign-out", "/my-data/sign-out", "/idp/authorize"]
CALLED = [("POST", "/v1/officers"), ("POST", "/v1/approvals"), ("DELETE", "/v1/officers/OFF-00000000/roles/x")]


@pytest.fixture
async def place(tmp_path: Path) -> AsyncIterator[Place]:
    async with a_place(tmp_path) as found:
        yield found


def cookie(browser: Browser, area: str = "console") -> str:
    return browser.http.cookies[f"sandhi-{area}"]


async def test_the_session_cookie_is_strict_and_for_the_server_only(tmp_path: Path) -> None:
    async with a_place(tmp_path, origin="https://gateway.example") as place:
        await place.officer("amara", account=True)
        landed = await place.browser().sign_in("amara")
    jar = SimpleCookie()
    for header in landed.headers.get_list("set-cookie"):
        jar.load(header)
    kept = jar["__Host-sandhi-console"]
    assert (kept["path"], kept["domain"], kept["samesite"]) == ("/", "", "strict")
    assert kept["secure"] is True
    assert kept["httponly"] is True
    assert (kept["max-age"], kept["expires"]) == ("", "")
    assert len(kept.value) == 43
    assert jar["__Host-sandhi-signin"].value == ""


async def test_the_cookie_of_a_sign_in_under_way_is_lax_short_and_unreadable(place: Place) -> None:
    away = await place.browser().http.get("/console/sign-in/officers?next=/console")
    jar = SimpleCookie(away.headers["set-cookie"])
    kept = jar["sandhi-signin"]
    assert (kept["samesite"], kept["max-age"], kept["httponly"]) == ("lax", "600", True)
    state = dict(httpx.URL(away.headers["location"]).params)["state"]
    assert state not in kept.value
    assert "next" not in kept.value


async def test_the_table_holds_no_cookie_and_the_log_no_name(place: Place) -> None:
    browser = await place.signed_in("amara", "operator")
    async with place.db.read() as connection:
        rows = (await connection.execute(select(tables.session))).mappings().all()
    assert len(rows) == 1
    assert cookie(browser) not in str(rows)
    assert "Amara" not in str(place.log.entries)


async def test_a_session_is_a_new_one_at_every_sign_in_and_the_old_is_dead(place: Place) -> None:
    await place.officer("amara", account=True)
    browser = await place.signed_in("amara")
    before = cookie(browser)
    await browser.sign_in("amara")
    assert cookie(browser) != before
    old = place.browser()
    old.http.cookies.set("sandhi-console", before)
    assert (await old.get("/console")).url.path == "/console/sign-in"


async def test_a_cookie_that_an_attacker_fixed_never_becomes_a_session(place: Place) -> None:
    await place.officer("amara", account=True)
    browser = place.browser()
    browser.http.cookies.set("sandhi-console", "f" * 43, domain="127.0.0.1", path="/")
    await browser.sign_in("amara")
    assert "f" * 43 not in {each.value for each in browser.http.cookies.jar if each.value != "f" * 43}
    attacker = place.browser()
    attacker.http.cookies.set("sandhi-console", "f" * 43)
    assert (await attacker.get("/console")).url.path == "/console/sign-in"


async def test_a_session_ends_after_fifteen_idle_minutes(place: Place) -> None:
    browser = await place.signed_in("amara")
    place.clock.pass_by(14 * 60)
    assert (await browser.get("/console")).url.path == "/console"
    place.clock.pass_by(14 * 60)
    assert (await browser.get("/console")).url.path == "/console"
    place.clock.pass_by(15 * 60)
    assert (await browser.get("/console")).url.path == "/console/sign-in"


async def test_a_session_ends_after_eight_hours_however_busy(place: Place) -> None:
    browser = await place.signed_in("amara")
    for _ in range(8 * 6 - 1):
        place.clock.pass_by(600)
        assert (await browser.http.get("/console")).status_code == 200
    place.clock.pass_by(600)
    assert (await browser.http.get("/console")).status_code == 303


async def test_sign_out_ends_the_row_not_only_the_cookie(place: Place) -> None:
    browser = await place.signed_in("amara")
    held = cookie(browser)
    await browser.submit("/console/sign-out", {"csrf": await browser.csrf()})
    again = place.browser()
    again.http.cookies.set("sandhi-console", held)
    assert (await again.get("/console")).url.path == "/console/sign-in"
    async with place.db.read() as connection:
        assert (await connection.execute(select(tables.session))).first() is None


async def test_a_suspended_officer_is_out_at_once_and_cannot_come_back(place: Place) -> None:
    made = await place.officer("amara", account=True)
    browser = place.browser()
    await browser.sign_in("amara")
    async with place.db.write() as connection:
        await officers.set_state(connection, place.log, made.id, "suspended", by=SHELL, now=place.clock())
    assert (await browser.get("/console")).url.path == "/console/sign-in"
    refused = await browser.sign_in("amara")
    assert refused.status_code == 403
    assert "cannot sign in now" in refused.text


@pytest.mark.parametrize("path", POSTED)
@pytest.mark.parametrize(
    "headers",
    [
        {"origin": "https://evil.example"} | FORM,
        {"origin": "null"} | FORM,
        {"origin": "http://127.0.0.1:8080.evil.example"} | FORM,
        FORM,
        {"origin": "http://127.0.0.1:8080", "sec-fetch-site": "cross-site"} | FORM,
        {"origin": "http://127.0.0.1:8080", "sec-fetch-site": "same-site"} | FORM,
        {"origin": "http://127.0.0.1:8080", "content-type": "text/plain"},
        {"origin": "http://127.0.0.1:8080", "content-type": "application/json"},
    ],
)
async def test_a_form_from_anywhere_else_is_refused(place: Place, path: str, headers: dict[str, str]) -> None:
    browser = await place.signed_in("amara")
    token = sessions.csrf_token(cookie(browser))
    answer = await browser.http.post(path, content=f"csrf={token}".encode(), headers=headers)
    assert answer.status_code == 403
    assert (await browser.get("/console")).url.path == "/console"


@pytest.mark.parametrize("fields", [{}, {"csrf": ""}, {"csrf": "0" * 64}])
async def test_a_form_without_the_session_s_token_is_refused(place: Place, fields: dict[str, str]) -> None:
    browser = await place.signed_in("amara")
    assert (await browser.submit("/console/sign-out", fields)).status_code == 403
    assert (await browser.get("/console")).url.path == "/console"


async def test_a_token_of_another_session_is_refused(place: Place) -> None:
    theirs = await (await place.signed_in("kamal")).csrf()
    browser = await place.signed_in("amara")
    assert (await browser.submit("/console/sign-out", {"csrf": theirs})).status_code == 403


@pytest.mark.parametrize(("method", "path"), CALLED)
async def test_a_call_with_a_cookie_needs_origin_token_and_type(place: Place, method: str, path: str) -> None:
    browser = await place.signed_in("amara", "operator")
    good = {"origin": place.origin, "x-csrf-token": await browser.csrf(), "content-type": "application/json"}
    for changed in (
        {"origin": "https://evil.example"},
        {"origin": None},
        {"x-csrf-token": None},
        {"x-csrf-token": "0" * 64},
        {"content-type": "text/plain"},
        {"content-type": None},
        {"sec-fetch-site": "cross-site"},
    ):
        headers = {name: value for name, value in (good | changed).items() if value is not None}
        answer = await browser.http.request(method, path, headers=headers, content=b"{}")
        assert (answer.status_code, answer.json()["code"]) == (403, "forbidden")
    through = await browser.http.request(method, path, headers=good, content=b"{}")
    assert through.status_code in {400, 404}


async def test_a_page_cannot_be_framed_sniffed_stored_or_made_to_load_anything_else(place: Place) -> None:
    browser = await place.signed_in("amara")
    for path in ("/console", "/console/sign-in", "/my-data/sign-in", "/console/none", "/static/sandhi.css"):
        headers = (await browser.http.get(path)).headers
        policy = headers["content-security-policy"]
        for each in ("default-src 'none'", "frame-ancestors 'none'", "base-uri 'none'", "form-action 'self'"):
            assert each in policy
        assert "unsafe" not in policy
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["x-frame-options"] == "DENY"
        assert headers["referrer-policy"] == "same-origin"
        assert headers["cache-control"] == ("public, max-age=300" if path.startswith("/static") else "no-store")


async def test_a_gateway_behind_tls_tells_browsers_to_stay_there(tmp_path: Path) -> None:
    async with a_place(tmp_path, origin="https://gateway.example") as place:
        answer = await place.browser().get("/console/sign-in")
    assert answer.headers["strict-transport-security"] == "max-age=63072000"


async def test_names_are_text_on_every_page(place: Place) -> None:
    nasty = "<script>alert(1)</script>\"'><img src=x onerror=alert(1)>{{7*7}}"
    made = await place.officer("amara")
    async with place.db.write() as connection:
        await connection.execute(tables.officer.update().where(officers.named(made.id)).values(name=nasty))
    browser = await place.signed_in("amara")
    page = (await browser.get("/console")).text
    assert all(each.startswith('<script src="/static/') for each in re.findall("<script[^>]*>", page))
    assert "<img" not in page
    assert "&lt;script&gt;" in page
    assert "{{7*7}}" in page


@pytest.mark.parametrize(
    "wanted",
    [
        "https://evil.example",
        "//evil.example",
        "/\\evil.example",
        "/console/../evil",
        "/console//evil.example",
        "/console\r\nSet-Cookie: a=b",
        "javascript:alert(1)",
        "/my-data",
        "/consoles",
        "/console?next=//evil@x",
        "",
    ],
)
async def test_nobody_is_sent_anywhere_else_after_signing_in(place: Place, wanted: str) -> None:
    assert local(wanted, "console") == "/console"
    page = await place.browser().get(f"/console/sign-in?{httpx.QueryParams({'next': wanted})}")
    assert 'href="/console/sign-in/officers?next=/console"' in page.text


async def test_an_address_elsewhere_is_forgotten_on_the_whole_way(place: Place) -> None:
    await place.officer("amara", account=True)
    landed = await place.browser().sign_in("amara", start="/console/sign-in/officers?next=https%3A%2F%2Fevil.example")
    assert 'content="0; url=/console"' in landed.text


async def test_one_goes_on_where_one_was(place: Place) -> None:
    assert local("/console/approvals/x-1?page=2", "console") == "/console/approvals/x-1?page=2"


async def test_a_citizen_is_known_by_the_pseudonym_and_kept_out_of_the_console(place: Place) -> None:
    await place.citizen("gayani", "198061308997")
    browser = place.browser()
    await browser.sign_in("gayani", "my-data")
    assert (await browser.get("/my-data")).url.path == "/my-data"
    assert (await browser.get("/console")).url.path == "/console/sign-in"
    assert (await browser.http.get("/v1/officers/me")).status_code == 401
    async with place.db.read() as connection:
        kept = str([(await connection.execute(select(table))).all() for table in tables.metadata.sorted_tables])
    assert "198061308997" not in kept + str(place.log.entries)
    assert len(cookie(browser, "my-data")) == 43


async def test_the_old_and_the_new_number_are_one_citizen(place: Place) -> None:
    found = set()
    for login, number in (("old", "806130899V"), ("new", "198061300899")):
        await place.citizen(login, number)
        browser = place.browser()
        await browser.sign_in(login, "my-data")
        citizen = await place.people.citizen(dict(browser.http.cookies))
        assert citizen is not None
        found.add(citizen.person_ref)
    assert len(found) == 1


async def test_an_account_without_a_number_is_no_citizen_and_a_citizen_no_officer(place: Place) -> None:
    await place.officer("amara", account=True)
    await place.citizen("gayani", "198061308997")
    await place.citizen("odd", "not a number")
    assert (await place.browser().sign_in("amara", "my-data")).status_code == 403
    assert (await place.browser().sign_in("odd", "my-data")).status_code == 403
    refused = await place.browser().sign_in("gayani")
    assert refused.status_code == 403
    assert "not registered here" in refused.text
