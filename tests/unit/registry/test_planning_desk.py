"""The planning department's pages: only with an account, filters as asked, decisions as the commands take them."""

import re
import sqlite3
from collections.abc import AsyncIterator
from contextlib import closing
from dataclasses import replace
from html import unescape
from pathlib import Path

import httpx
import pytest
from lxml.html import fromstring
from starlette.routing import Route

from pages.desk import Account
from registry import planning, review
from registry.cli import STEPS
from registry.errors import StepFailed
from registry.planning.places import Places
from registry.planning.reviews import A_PAGE
from registry.practice import copied
from registry.reviewing import ReviewApi
from registry.server import app
from registry.stage import Stage
from tests.desk_access import lets_in_whom_the_table_says
from tests.form_walk import nodes, untold
from tests.unit.registry.scripted import Gateway

ORIGIN = "http://registry"
LEFT = {"listed", "to_verify"}
FORM = {"content-type": "application/x-www-form-urlencoded"}
TO_LIST = ("load", "extract", "identity", "civil", "pension", "tax", "education", "enrolled", "list")
PAGES = ("/desk/lines", "/desk/lines/1", "/desk/lines/1/household", "/desk/enrolment", "/desk/control")


class Desk:
    """A browser before the pages."""

    def __init__(self, http: httpx.AsyncClient, stage: Stage) -> None:
        self.http, self.stage = http, stage
        self.csrf = ""

    async def sign_in(self, login: str = "kavitha") -> None:
        password = planning.accounts(self.stage.settings.folder).add(Account(login, f"Name of {login}"))
        await self.http.post("/desk/sign-in", data={"login": login, "password": password})
        self.csrf = (await self.http.get("/desk/lines")).text.partition('name="csrf" value="')[2].partition('"')[0]

    async def post(self, path: str, **form: str) -> httpx.Response:
        return await self.http.post(path, data={"csrf": self.csrf, **form})

    async def decide(self, number: int, action: str, reason: str = "as discussed", seen: str = "0") -> httpx.Response:
        return await self.post(f"/desk/lines/{number}", action=action, reason=reason, seen=seen)

    def decisions(self) -> dict[str, str]:
        rows = self.stage.store.rows("SELECT member, decision FROM line ORDER BY member")
        return {row["member"]: row["decision"] for row in rows}


@pytest.fixture
async def desk(stage: Stage) -> AsyncIterator[Desk]:
    stage = replace(stage, settings=replace(stage.settings, public_url=ORIGIN))
    for step in TO_LIST:
        await STEPS[step](stage)
    transport = httpx.ASGITransport(app(stage))
    async with httpx.AsyncClient(transport=transport, base_url=ORIGIN, headers={"origin": ORIGIN}) as http:
        yield Desk(http, stage)


async def test_without_an_account_there_is_only_the_sign_in(desk: Desk) -> None:
    routes, _ = planning.routes(desk.stage, Places())
    inside = [each for each in routes if isinstance(each, Route) and each.path.startswith("/desk/")]
    asked = [(method, each.path.replace("{number:int}", "1")) for each in inside for method in each.methods or ()]
    assert {path for method, path in asked if method == "GET"} > set(PAGES)
    for method, path in asked:
        if path != "/desk/sign-in":
            answer = await desk.http.request(method, path, headers=FORM)
            assert answer.status_code == 303, (method, path)
            assert answer.headers["location"].startswith("/desk/sign-in?next=%2Fdesk"), (method, path)
    assert (await desk.decide(1, "approve")).headers["location"] == "/desk/sign-in?next=%2Fdesk"
    assert set(desk.decisions().values()) == {""}


async def test_every_route_is_in_the_table_of_who_may_ask(desk: Desk) -> None:
    routes, _ = planning.routes(desk.stage, Places())
    await lets_in_whom_the_table_says("/desk", routes, desk.http)


async def test_every_page_is_dressed_against_other_sites(desk: Desk) -> None:
    await desk.sign_in()
    for path in PAGES:
        answer = await desk.http.get(path)
        assert answer.status_code == 200
        assert "frame-ancestors 'none'" in answer.headers["content-security-policy"]
        assert answer.headers["cache-control"] == "no-store"


async def test_the_token_of_programs_opens_no_page_and_an_account_opens_no_api(desk: Desk) -> None:
    token = (desk.stage.settings.folder / "review.token").read_text("ascii")
    bearer = {"authorization": f"Bearer {token}"}
    assert (await desk.http.get("/desk/lines", headers=bearer)).status_code == 303
    await desk.sign_in()
    assert (await desk.http.get("/review/lines")).status_code == 401


async def test_filters_narrow_the_list_and_programs_have_them_too(desk: Desk) -> None:
    await desk.sign_in()
    everything = (await desk.http.get("/desk/lines")).text
    there = (await desk.http.get("/desk/lines", params={"district": "LK-11"})).text
    assert ("5 lines" in everything, "2 lines" in there) == (True, True)
    assert "No line is like this." in (await desk.http.get("/desk/lines?reason=nothing_like_this")).text
    assert (await desk.http.get("/desk/lines?outcome=%3Cscript%3E")).status_code == 400
    token = (desk.stage.settings.folder / "review.token").read_text("ascii")
    desk.http.headers["authorization"] = f"Bearer {token}"
    found = (await desk.http.get("/review/lines", params={"district": "LK-11"})).json()["lines"]
    assert [line["id"] for line in found] == ["SR0001", "SR0003"]


async def test_a_long_list_comes_page_by_page_and_its_filters_come_along(desk: Desk) -> None:
    await desk.sign_in()
    more = [(f"SR1{place:03}", "listed", '["labour_ready"]', "[]", "[]", "") for place in range(A_PAGE + 1)]
    desk.stage.store.put("INSERT INTO line VALUES (?, ?, ?, ?, ?, ?)", more)
    first = (await desk.http.get("/desk/lines?reason=labour_ready")).text
    (following,) = re.findall(r'href="(\?[^"]*)" rel="next"', first)
    assert following.startswith("?reason=labour_ready&amp;after=")
    second = (await desk.http.get(f"/desk/lines{unescape(following)}")).text
    shown = [re.findall(r'href="/desk/lines/(\d+)\?reason=labour_ready[^"]*"', page) for page in (first, second)]
    assert [len(each) for each in shown] == [A_PAGE, 1]
    assert len({*shown[0], *shown[1]}) == A_PAGE + 1
    assert 'rel="next"' not in second


async def test_a_line_shows_each_exchange_it_rests_on_with_its_day(desk: Desk) -> None:
    await desk.sign_in()
    page = (await desk.http.get("/desk/lines/1")).text
    line = next(review.lines(desk.stage))
    assert line["evidence"]
    for each in line["evidence"]:
        assert each["exchange_id"] in page
    assert '<time datetime="2026-10-31">31 October 2026</time>' in page


async def test_a_decision_is_kept_with_name_and_reason(desk: Desk) -> None:
    await desk.sign_in()
    assert (await desk.decide(1, "reject", "moved <b>abroad</b>")).headers["location"] == "/desk/lines/1?done=rejected"
    assert desk.decisions()["SR0000"] == "rejected"
    page = (await desk.http.get("/desk/lines/1")).text
    assert "kavitha (Name of kavitha)" in page
    assert "moved &lt;b&gt;abroad" in page


@pytest.mark.parametrize(
    ("action", "reason", "seen"),
    [
        ("approve", " ", "0"),
        ("approve", "x" * 501, "0"),
        ("burn", "because", "0"),
        ("", "because", "0"),
        ("approve", "because", "7"),
    ],
)
async def test_a_review_that_is_not_whole_changes_nothing(desk: Desk, action: str, reason: str, seen: str) -> None:
    await desk.sign_in()
    answer = await desk.decide(1, action, reason, seen)
    assert answer.status_code == 400
    assert untold(fromstring(answer.text), "Error: ") == []
    assert set(desk.decisions().values()) == {""}


async def test_every_fault_of_a_review_is_told_at_once_beside_its_field(desk: Desk) -> None:
    await desk.sign_in()
    page = fromstring((await desk.decide(1, "", " ")).text)
    links = [each.get("href") for each in nodes(page, "//ul[contains(@class, 'summary__list')]//a")]
    assert links == ["#action", "#reason"]
    assert untold(page, "Error: ") == []
    for answer in (await desk.post("/desk/lines/approve"), await desk.post("/desk/lines/find", member="nobody")):
        assert untold(fromstring(answer.text), "Error: ") == []


async def test_a_decided_line_leads_to_the_next_that_waits_and_the_last_one_to_none(desk: Desk) -> None:
    await desk.sign_in()
    rows = desk.stage.store.rows(
        "SELECT rowid AS number FROM line WHERE outcome IN ('listed', 'to_verify') ORDER BY member"
    )
    first, second, *others = [row["number"] for row in rows]
    leads = f'href="/desk/lines/{second}">Next waiting line'
    assert leads in (await desk.http.get(f"/desk/lines/{first}")).text
    await desk.decide(first, "approve")
    assert leads in (await desk.http.get(f"/desk/lines/{first}")).text
    for number in others:
        await desk.decide(number, "approve")
    assert leads in (await desk.http.get(f"/desk/lines/{(others or [first])[-1]}")).text
    assert "Next waiting line" not in (await desk.http.get(f"/desk/lines/{second}")).text


async def test_nobody_decides_over_the_head_of_another_who_was_quicker(desk: Desk) -> None:
    await desk.sign_in()
    review.reviewed(desk.stage, "reject", "SR0000", "another", "not at this address")
    answer = await desk.decide(1, "approve")
    assert "meanwhile" in answer.text
    assert desk.decisions()["SR0000"] == "rejected"


async def test_lines_of_a_page_are_approved_together_once_confirmed(desk: Desk) -> None:
    await desk.sign_in()
    shown = {"lines": "1 3", "back": "/desk/lines?district=LK-21"}
    asked = await desk.post("/desk/lines/approve", **shown)
    assert "Approve 2 lines?" in asked.text
    assert set(desk.decisions().values()) == {""}
    without = await desk.post("/desk/lines/approve", **shown, confirmed="yes", reason="")
    assert without.status_code == 400
    done = await desk.post("/desk/lines/approve", **shown, confirmed="yes", reason="looked at each")
    assert done.headers["location"] == "/desk/lines?district=LK-21&done=approved"
    decided = {member for member, decision in desk.decisions().items() if decision == "approved"}
    assert decided == {"SR0000", "SR0002"}


async def test_a_line_decided_meanwhile_is_not_swept_along(desk: Desk) -> None:
    await desk.sign_in()
    review.reviewed(desk.stage, "reject", "SR0000", "another", "moved")
    answer = await desk.post("/desk/lines/approve", lines="1 2", back="/desk/lines", confirmed="yes", reason="all")
    assert answer.status_code == 400
    assert "approved" not in desk.decisions().values()


async def test_the_control_report_is_released_by_whoever_is_signed_in(desk: Desk, gateway: Gateway) -> None:
    await desk.sign_in()
    assert (await desk.http.get("/desk/control/signed")).status_code == 404
    assert (await desk.post("/desk/control")).headers["location"] == "/desk/control?done=released"
    page = (await desk.http.get("/desk/control")).text
    assert "Name of kavitha" in page
    assert "Every number is accounted for." in page
    signed = await desk.http.get("/desk/control/signed")
    assert signed.text.count(".") == 2
    assert signed.text == (desk.stage.settings.folder / "control.jws").read_text("ascii")


async def test_a_line_that_is_not_there_is_a_page_that_says_so(desk: Desk) -> None:
    await desk.sign_in()
    assert (await desk.http.get("/desk/lines/999")).status_code == 404
    assert (await desk.http.get(f"/desk/lines/{'9' * 30}")).status_code == 404
    assert (await desk.http.get("/desk/lines/abc")).status_code == 404
    assert (await desk.http.get("/desk/nothing")).status_code == 404
    assert (await desk.http.get("/nothing")).status_code == 404


async def test_pages_answer_under_their_own_address_only(desk: Desk) -> None:
    assert (await desk.http.get("/desk/sign-in", headers={"host": "evil.example"})).status_code == 403
    assert (await desk.http.get("/livez", headers={"host": "evil.example"})).status_code == 200


async def test_a_copy_to_practise_on_waits_for_review_and_leaves_the_registry_as_it_is(
    desk: Desk, tmp_path: Path
) -> None:
    await desk.sign_in()
    await desk.decide(1, "approve")
    before = desk.decisions()
    assert set(before.values()) != {""}
    waiting = copied(desk.stage.settings.folder, tmp_path / "practice")
    with closing(sqlite3.connect(tmp_path / "practice" / "registry.db")) as copy:
        assert set(copy.execute("SELECT DISTINCT decision FROM line")) == {("",)}
        assert copy.execute("SELECT count(*) FROM review").fetchone() == (0,)
    assert waiting == len(
        [each for each in desk.stage.store.rows("SELECT outcome FROM line") if each["outcome"] in LEFT]
    )
    assert desk.decisions() == before
    with pytest.raises(StepFailed):
        copied(desk.stage.settings.folder, tmp_path / "practice")


SAME = {
    "GET /desk/lines": "GET /review/lines",
    "GET /desk/lines/table": "POST /review/table",
    "POST /desk/lines/find": "POST /review/line",
    "POST /desk/lines/approve": "POST /review/approve",
    "POST /desk/lines/reject": "POST /review/reject",
    "GET /desk/lines/{number:int}": "POST /review/line",
    "POST /desk/lines/{number:int}": "POST /review/approve, POST /review/reject, POST /review/comment",
    "GET /desk/lines/{number:int}/household": "POST /review/household",
    "GET /desk/enrolment": "GET /review/enrolment",
    "GET /desk/control": "GET /review/control",
    "POST /desk/control": "POST /review/release",
    "GET /desk/control/signed": "GET /review/signed",
}
"""Page or form of the desk -> what does the same for a program."""


async def test_what_a_page_can_do_a_program_can(desk: Desk) -> None:
    routes = [each for each in planning.routes(desk.stage, Places())[0] if isinstance(each, Route)]
    pages = {f"{method} {each.path}" for each in routes for method in (each.methods or set()) - {"HEAD"}}
    assert {each for each in pages if "/desk/" in each and "/sign-" not in each} == SAME.keys()
    offered = ReviewApi(desk.stage, "", Places()).routes()
    names = {f"{method} {each.path}" for each in offered for method in (each.methods or set()) - {"HEAD"}}
    assert {each for told in SAME.values() for each in told.split(", ")} | {"GET /review/openapi.json"} == names
