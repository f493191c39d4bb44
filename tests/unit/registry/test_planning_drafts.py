"""A session that ended while a reviewer was typing costs nothing: the form comes back filled in, to the same person."""

import re
from collections.abc import AsyncIterator
from dataclasses import dataclass
from html import unescape

import httpx
import pytest
from starlette.applications import Starlette
from starlette.routing import Route

import pages
from pages.desk import Account, Front, Guard
from pages.desk.sessions import IDLE_S, LONGEST_S, Sessions
from pages.drafts import BACK, GONE, LIVES_S
from registry import planning
from registry.cli import STEPS
from registry.consents import HERE
from registry.planning.places import Places
from registry.planning.reviews import Reviews
from registry.stage import Stage

ORIGIN = "http://registry"
TO_LIST = ("load", "extract", "identity", "civil", "pension", "tax", "education", "enrolled", "list")
NAUGHTY = "</textarea><script>alert(1)</script>\"'&amp; \r\nවිමසුම"


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


@dataclass(slots=True)
class Desk:
    """A browser before the list, and the clock of the sessions."""

    http: httpx.AsyncClient
    stage: Stage
    clock: Clock
    passwords: dict[str, str]
    csrf: str = ""

    async def sign_in(self, login: str = "kavitha", then: str = "/desk/lines") -> str:
        """Where it leads."""
        form = {"login": login, "password": self.passwords[login], "next": then}
        answer = await self.http.post("/desk/sign-in", data=form)
        return answer.headers["location"]

    async def send(self, path: str, page: str, **form: str) -> httpx.Response:
        headers = {"referer": f"{ORIGIN}{page}"}
        return await self.http.post(path, data={"csrf": self.csrf, **form}, headers=headers)

    def decided(self) -> set[str]:
        return {row["decision"] for row in self.stage.store.rows("SELECT decision FROM line")}


@pytest.fixture
async def desk(stage: Stage) -> AsyncIterator[Desk]:
    for step in TO_LIST:
        await STEPS[step](stage)
    accounts, clock = planning.accounts(stage.settings.folder), Clock()
    passwords = {each: accounts.add(Account(each, f"Name of {each}")) for each in ("kavitha", "sunil")}
    front = Front(accounts, area="/desk", origin=ORIGIN, sections=(), done={}, sessions=lambda: Sessions(clock))
    reviews = Reviews(stage, front, Places())
    routes = [
        *front.routes(),
        Route("/desk/lines", reviews.listed),
        Route("/desk/lines/approve", reviews.several("approve"), methods=["POST"]),
        Route("/desk/lines/{number:int}", reviews.one),
        Route("/desk/lines/{number:int}", reviews.decide, methods=["POST"]),
    ]
    app = Starlette(routes=routes, exception_handlers=dict(front.handlers()))
    guarded = Guard(pages.Speaking(app, zone=HERE, secure=False), origin=ORIGIN, prefixes=("/desk",))
    transport = httpx.ASGITransport(guarded)
    async with httpx.AsyncClient(transport=transport, base_url=ORIGIN, headers={"origin": ORIGIN}) as http:
        found = Desk(http, stage, clock, passwords)
        await found.sign_in()
        found.csrf = re.findall(r'name="csrf" value="(\w+)"', (await http.get("/desk/lines")).text)[0]
        yield found


async def test_a_reason_typed_over_the_end_of_a_session_comes_back_on_its_page(desk: Desk) -> None:
    desk.clock.now += IDLE_S
    page = "/desk/lines/1?district=LK-11"
    refused = await desk.send(page, page, action="reject", reason=NAUGHTY, seen="0")
    assert refused.headers["location"] == "/desk/sign-in?next=%2Fdesk"  # nothing that was typed
    assert await desk.sign_in() == page
    text = (await desk.http.get(page)).text
    assert BACK in text
    typed = re.findall(r'<textarea[^>]*name="reason"[^>]*>\n?(.*?)</textarea>', text, re.DOTALL)
    assert unescape(typed[0]) == NAUGHTY
    assert re.search(r"<input[^>]*value=\"reject\"[^>]* checked", text)
    assert "<script>alert" not in text
    assert desk.decided() == {""}
    assert BACK not in (await desk.http.get(page)).text  # once


async def test_lines_ticked_together_and_the_reason_come_back_and_are_asked_anew(desk: Desk) -> None:
    ticked = {"line-1": "yes", "line-3": "yes", "back": "/desk/lines"}
    asked = (await desk.send("/desk/lines/approve", "/desk/lines", **ticked)).text
    sent = dict(re.findall(r'type="hidden" name="([^"]+)" value="([^"]*)"', asked))
    assert {"line-1", "line-3", "confirmed"} <= sent.keys()
    desk.clock.now += IDLE_S
    await desk.send("/desk/lines/approve", "/desk/lines/approve", **sent | {"csrf": desk.csrf, "reason": "seen each"})
    assert await desk.sign_in() == "/desk/lines"
    page = (await desk.http.get("/desk/lines")).text
    assert len(re.findall(r"<input[^>]*name=\"line-[13]\"[^>]* checked", page)) == 2
    form = page.partition('action="/desk/lines/approve"')[2].partition("</form>")[0]
    again = dict(re.findall(r'type="hidden" name="([^"]+)" value="([^"]*)"', form)) | {"line-1": "yes", "line-3": "yes"}
    assert "confirmed" not in again
    confirming = (await desk.http.post("/desk/lines/approve", data=again)).text
    assert "Approve 2 lines?" in confirming
    assert "seen each</textarea>" in confirming
    assert desk.decided() == {""}


async def test_nobody_else_gets_what_was_typed(desk: Desk) -> None:
    desk.clock.now += IDLE_S
    await desk.send("/desk/lines/1", "/desk/lines/1", action="reject", reason="not at home", seen="0")
    assert await desk.sign_in("sunil") == "/desk/lines"
    for login in ("sunil", "kavitha"):
        assert "not at home" not in (await desk.http.get("/desk/lines/1")).text, login
        await desk.sign_in("kavitha")


@pytest.mark.parametrize("fault", ["another's token", "another site's page", "too late", "signed out", "too long ago"])
async def test_what_is_not_surely_theirs_is_not_kept(desk: Desk, fault: str) -> None:
    token, page, wait = desk.csrf, "/desk/lines/1", IDLE_S
    if fault == "another's token":
        desk.csrf = "0" * 64
    if fault == "signed out":
        await desk.http.post("/desk/sign-out", data={"csrf": token})
    if fault == "too long ago":
        wait = LONGEST_S
        desk.clock.now += wait
        other = httpx.AsyncClient(transport=desk.http._transport, base_url=ORIGIN, headers={"origin": ORIGIN})
        await other.post("/desk/sign-in", data={"login": "sunil", "password": desk.passwords["sunil"]})
        wait = 0
    desk.clock.now += wait
    origin = "https://evil.example" if fault == "another site's page" else ORIGIN
    data = {"csrf": desk.csrf, "action": "reject", "reason": "not at home", "seen": "0"}
    await desk.http.post(page, data=data, headers={"origin": origin, "referer": f"{origin}{page}"})
    if fault == "too late":
        desk.clock.now += LIVES_S
    assert await desk.sign_in() == "/desk/lines"
    text = (await desk.http.get(page)).text
    assert ("not at home" in text, BACK in text, GONE in text) == (False, False, False)
