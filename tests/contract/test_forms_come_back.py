"""A form that came after its sign-in comes back filled in: to the same person and session, once, for ten minutes."""

import html
import logging
import re
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest
from sqlalchemy import select, update

from gateway.people import grants, officers, sessions, tables
from gateway.people.officers import SHELL, Officer
from gateway.people.people import CONSOLE
from pages.drafts import BACK, GONE
from tests.agreeing import EPF
from tests.people_place import hidden, wanted_with_reach
from tests.reviewing import ORIGIN, PROVIDER, House, a_house

SYSTEM = f"/console/agency/systems/{PROVIDER.replace('/', '.')}"
NAUGHTY = "</textarea><script>alert(1)</script>\"'&amp; \r\n\tදත්ත \u202e {{7*7}} ${7*7} \\1 +%41"
KEYS = {"jwks": NAUGHTY}
FILE = re.compile(r'<textarea[^>]*name="(file:[^"]+)"[^>]*>(.*?)</textarea>', re.DOTALL)
PASSWORDS: dict[str, str] = {}


@dataclass(slots=True)
class Person:
    """An officer with an account and a browser."""

    house: House
    login: str
    http: httpx.AsyncClient

    async def sign_in(self, start: str = "/console/sign-in/officers", login: str = "") -> httpx.Response:
        """From an address that leads to the provider; gives the page that the browser lands on."""
        form = await self.http.get(start, follow_redirects=True)
        name = login or self.login
        fields = hidden(form.text) | {"login": name, "password": PASSWORDS[name]}
        answer = await self.http.post("/idp/authorize", data=fields, headers={"origin": ORIGIN})
        return await self.http.get(answer.headers["location"])

    async def send(self, path: str, fields: Mapping[str, str], page: str) -> httpx.Response:
        """A form of a page, as its browser sends it."""
        token = sessions.csrf_token(self.http.cookies["sandhi-console"])
        headers = {"origin": ORIGIN, "referer": f"{ORIGIN}{page}"}
        return await self.http.post(path, data={"csrf": token, **fields}, headers=headers)


@pytest.fixture
async def house(tmp_path: Path, sqlite_url: str) -> AsyncIterator[House]:
    async with a_house(tmp_path, sqlite_url) as found:
        yield found


async def person(house: House, login: str, *roles: str) -> Person:
    people, now = house.services.people, house.services.people.clock()
    async with house.services.db.write() as connection:
        subject, PASSWORDS[login] = await people.accounts.add(connection, login, {})
        made = Officer(officers.new_officer_id(), EPF, login.title(), f"{ORIGIN}/idp", subject)
        await officers.add(connection, house.services.log, made, by=SHELL, now=now)
        for role in roles:
            wanted = wanted_with_reach(made.id, role, EPF, "")
            await grants.give(connection, house.services.log, wanted, people.profile.raw, by=SHELL, now=now)
    http = httpx.AsyncClient(transport=httpx.ASGITransport(house.app), base_url=ORIGIN)
    return Person(house, login, http)


async def aged(house: House, *, signed_in: float = 0, seen: float = 0, draft: float = 0) -> None:
    """Let it all have been so many minutes ago."""
    now, held = house.services.people.clock(), tables.session.c
    async with house.services.db.write() as connection:
        if signed_in:
            then = now - timedelta(minutes=signed_in)
            await connection.execute(update(tables.session).values(authenticated_at=then))
        if seen:
            await connection.execute(update(tables.session).values(seen_at=now - timedelta(minutes=seen)))
        if draft:
            passed = now + timedelta(minutes=10 - draft)
            await connection.execute(update(tables.session).where(held.draft.is_not(None)).values(draft_until=passed))


async def kept(house: House) -> list[bytes]:
    async with house.services.db.read() as connection:
        found = await connection.execute(select(tables.session.c.draft).where(tables.session.c.draft.is_not(None)))
        return [bytes(each) for each in found.scalars()]


async def too_late(house: House, login: str = "amara", fields: Mapping[str, str] = KEYS) -> tuple[Person, str]:
    """Somebody whose form asked for a fresh sign-in, and where that begins."""
    amara = await person(house, login, "agency_administrator")
    await amara.sign_in()
    await aged(house, signed_in=6)
    answer = await amara.send(f"{SYSTEM}/keys", fields, SYSTEM)
    assert answer.status_code == 403
    (confirm,) = re.findall(r'href="(/console/confirm[^"]*)"', answer.text)
    return amara, html.unescape(confirm)


def typed(page: str) -> str:
    """What stands in the text area, as a browser reads and sends it."""
    (text,) = re.findall(r'<textarea[^>]*name="jwks"[^>]*>(.*?)</textarea>', page, re.DOTALL)
    return html.unescape(text).removeprefix("\n").replace("\r\n", "\n")


async def test_a_form_that_asked_for_a_fresh_sign_in_comes_back_filled_in_once(house: House) -> None:
    amara, confirm = await too_late(house)
    landed = await amara.sign_in(confirm)
    assert f"url={SYSTEM}" in landed.text
    page = (await amara.http.get(SYSTEM)).text
    assert BACK in page
    assert typed(page) == NAUGHTY.replace("\r\n", "\n")
    assert "<script>alert" not in page
    again = (await amara.http.get(SYSTEM)).text
    assert BACK not in again
    assert typed(again) == ""
    assert await kept(house) == []


async def test_what_was_typed_is_in_no_address_no_log_line_and_sealed(
    house: House, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    secret = "a-word-that-was-typed-here"
    amara, confirm = await too_late(house, fields={"jwks": secret})
    (sealed,) = await kept(house)
    assert secret.encode() not in sealed
    assert secret not in confirm
    landed = await amara.sign_in(confirm)
    assert secret not in str(landed.url) + landed.text
    assert secret not in caplog.text
    assert secret not in "".join(amara.http.cookies.values())


async def test_another_page_does_not_take_it(house: House) -> None:
    amara, confirm = await too_late(house)
    await amara.sign_in(confirm)
    assert BACK not in (await amara.http.get("/console/agency/systems")).text
    assert typed((await amara.http.get(SYSTEM)).text)


async def test_another_person_at_the_same_browser_does_not_get_it(house: House) -> None:
    amara, confirm = await too_late(house)
    await person(house, "kamal", "agency_administrator")
    refused = await amara.sign_in(confirm, login="kamal")
    assert refused.status_code == 403
    await amara.sign_in(login="kamal")
    page = (await amara.http.get(SYSTEM)).text
    assert typed(page) == ""
    assert BACK not in page
    assert await kept(house) == []


async def test_another_session_of_the_same_person_does_not_get_it(house: House) -> None:
    await too_late(house)
    elsewhere = Person(house, "amara", httpx.AsyncClient(transport=httpx.ASGITransport(house.app), base_url=ORIGIN))
    await elsewhere.sign_in()
    assert typed((await elsewhere.http.get(SYSTEM)).text) == ""
    assert len(await kept(house)) == 1


async def test_a_sealed_form_moved_to_another_session_does_not_open(house: House) -> None:
    await too_late(house)
    (sealed,) = await kept(house)
    kamal = await person(house, "kamal", "agency_administrator")
    await kamal.sign_in()
    held = sessions.hashed(kamal.http.cookies["sandhi-console"])
    later = house.services.people.clock() + timedelta(minutes=5)
    async with house.services.db.write() as connection:
        moved = update(tables.session).where(tables.session.c.id_hash == held)
        await connection.execute(moved.values(draft=sealed, draft_until=later))
    answer = await kamal.http.get(SYSTEM)
    assert (answer.status_code, typed(answer.text)) == (200, "")


async def test_it_dies_on_sign_out(house: House) -> None:
    amara, _ = await too_late(house)
    assert (await amara.send("/console/sign-out", {}, SYSTEM)).status_code == 303
    assert await kept(house) == []
    await amara.sign_in()
    assert typed((await amara.http.get(SYSTEM)).text) == ""


async def test_it_dies_after_ten_minutes(house: House) -> None:
    amara, confirm = await too_late(house)
    await aged(house, draft=10)
    await amara.sign_in(confirm)
    assert typed((await amara.http.get(SYSTEM)).text) == ""
    assert await kept(house) == []


async def test_a_session_that_ended_while_somebody_typed_gives_the_form_back_after_the_sign_in(house: House) -> None:
    amara = await person(house, "amara", "agency_administrator")
    await amara.sign_in()
    await aged(house, seen=16)
    answer = await amara.send(f"{SYSTEM}/keys", KEYS, SYSTEM)
    assert parse_qs(urlsplit(answer.headers["location"]).query) == {"next": [SYSTEM]}
    await person(house, "kamal")
    kamal = Person(house, "kamal", httpx.AsyncClient(transport=httpx.ASGITransport(house.app), base_url=ORIGIN))
    await kamal.sign_in()  # sweeps out what is over
    choice = (await amara.http.get(answer.headers["location"])).text
    (way,) = re.findall(r'href="(/console/sign-in/officers[^"]*)"', choice)
    await amara.sign_in(html.unescape(way))
    assert typed((await amara.http.get(SYSTEM)).text) == NAUGHTY.replace("\r\n", "\n")


async def test_a_form_without_the_token_of_its_session_is_not_kept(house: House) -> None:
    amara = await person(house, "amara", "agency_administrator")
    await amara.sign_in()
    await aged(house, seen=16)
    answer = await amara.http.post(f"{SYSTEM}/keys", data={"csrf": "x", **KEYS}, headers={"origin": ORIGIN})
    assert answer.status_code == 303
    assert await kept(house) == []


async def test_a_reason_that_the_question_after_the_form_asked_for_is_carried_along(house: House) -> None:
    amara = await person(house, "amara", "agency_administrator")
    await amara.sign_in()
    await aged(house, signed_in=6)
    fields = {"service": "", "url": "https://agency.example/hook", "reason": "a new machine room"}
    assert (await amara.send(f"{SYSTEM}/callback", fields, SYSTEM)).status_code != 403  # takes two: nobody signs in
    pair = {"kid": "none", "reason": "its machine is gone", "confirmed": "yes"}
    answer = await amara.send(f"{SYSTEM}/retire", pair, f"{SYSTEM}/retire")
    assert answer.status_code == 403
    (confirm,) = re.findall(r'href="(/console/confirm[^"]*)"', answer.text)
    assert f"next={SYSTEM}" in html.unescape(confirm).replace("%2F", "/")
    await amara.sign_in(html.unescape(confirm))
    assert GONE in (await amara.http.get(SYSTEM)).text  # there is no key of this name to retire


async def test_secrets_are_not_kept(house: House) -> None:
    secret = dict.fromkeys(("value:token", "password", "client_secret"), "s")
    secret |= {"pem": "-----BEGIN PRIVATE KEY-----", "jwk": '{"kty": "EC", "d" : "c2VjcmV0"}'}
    amara, _ = await too_late(house, fields=secret | {"jwks": "x"})
    cookies = dict(amara.http.cookies)
    people = house.services.people
    found = await people.officer(cookies)
    assert found
    draft = await people.draft(cookies, CONSOLE, found.session, SYSTEM)
    assert draft
    assert draft.fields == {"jwks": "x"}


async def test_the_folder_of_the_wizard_comes_back_though_no_address_shows_it(house: House) -> None:
    amara = await person(house, "amara", "agency_administrator")
    await amara.sign_in()
    at = "/console/agency/adapters"
    begun = await amara.send(f"{at}/draft", {"adapter": "levy", "kind": "rest", "service": "paid"}, f"{at}/new")
    assert begun.status_code == 200, begun.text
    fields = hidden(begun.text) | {name: html.unescape(text) for name, text in FILE.findall(begun.text)}
    fields |= {"name": "Levy <b>board</b>"}
    await aged(house, seen=16)
    answer = await amara.send(f"{at}/check", fields, f"{at}/draft")
    assert parse_qs(urlsplit(answer.headers["location"]).query) == {"next": [f"{at}/draft"]}
    await amara.sign_in(f"/console/sign-in/officers?next={at}/draft")
    page = (await amara.http.get(f"{at}/draft")).text
    assert BACK in page
    assert "Levy &lt;b&gt;board&lt;/b&gt;" in page
    assert (await amara.http.get(f"{at}/draft")).headers["location"] == f"{at}/new"


async def test_a_form_that_came_after_the_reason_was_forgotten_comes_back_once_it_is_said(house: House) -> None:
    amara = await person(house, "amara", "compliance_officer")
    await amara.sign_in()
    answer = await amara.send("/console/breaches", {"agreement": "A1-typed"}, "/console/breaches")
    asked = urlsplit(answer.headers["location"])
    assert (asked.path, parse_qs(asked.query)) == ("/console/reason", {"next": ["/console/breaches"]})
    said = {"reason": "complaint 2026-17 of the ombudsman", "next": "/console/breaches"}
    landed = await amara.send("/console/reason", said, "/console/reason")
    page = (await amara.http.get(landed.headers["location"])).text
    assert BACK in page
    assert 'value="A1-typed"' in page
    assert BACK not in (await amara.http.get("/console/breaches")).text
    assert (await amara.http.get("/console/breaches")).text.count("app-item") == 0  # nothing was sent
