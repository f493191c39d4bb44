"""The counsellors' pages: the own office's people only, and a finding that is kept once, sent, and not lost."""

import asyncio
import json
import re
import shutil
from collections.abc import AsyncIterator
from datetime import date
from pathlib import Path
from typing import Any

import httpx
import pytest
from lxml.html import fromstring
from starlette.applications import Starlette
from starlette.routing import Mount

import schemas
from sandbox.agencies import offices as agency
from sandbox.agencies.offices.book import Client
from sandbox.gateway_client import Clients
from sandbox.person import World
from tests.desk_access import lets_in_whom_the_table_says
from tests.form_walk import nodes, untold
from tests.played_gateway import HANDED, PlayedGateway
from tests.small_gateway import served

ORIGIN = "http://sandbox.test"
TODAY = date(2026, 11, 20)
WHOLE = {
    "finding-tax": "working",
    "finding-pension": "confirmed_no_work",
    "found_on": "2026-11-14",
    "role": "outreach officer",
}


ASKS_AGAIN, SEND = "data-hx-trigger", "Send what is waiting, and see what has arrived"
EVIDENCE = [
    {"service": "tax.employment", "exchange_id": "01a19656-4e68-7ed3-86f9-51688cd1e12a", "as_of": None},
    {"service": "pension.contributions", "exchange_id": "01a19656-4e68-7ed3-86f9-51688cd1e12b", "as_of": "2026-07-31"},
]


def client(office: str, member_id: str, verify: tuple[str, ...] = ("tax", "pension"), gn: str = "03005") -> Client:
    names = [{"language": "tam", "script": "Taml", "value": f"<script>{member_id}</script>"}]
    record = {
        "member_id": member_id,
        "person": {"names": names, "phone": "+94791234567"},
        "location": {"gn_division": f"{office}{gn}"},
        "readiness": "needs_training",
        "verify": list(verify),
        "evidence": EVIDENCE,
    }
    return Client(office, member_id, "199012304567", record)


class Desk:
    """A counsellor's browser, the offices behind it, and the gateway behind them."""

    def __init__(self, folder: Path, gateway: PlayedGateway, url: str) -> None:
        self.gateway = gateway
        for office in ("LK-11", "LK-21"):
            gateway.credentials(folder / "clients", url, f"office-{office}", f"LK/GOV/DME/OFFICE-{office}")
        self.clients = Clients(folder / "clients", patience_s=0.2)
        settings = agency.make_settings("http://offices.test", folder / "offices", templates={})
        self.book = agency.Book(settings.store)
        post = agency.Alerts(self.book, settings, self.clients).post
        counsellors = agency.Counsellors(self.book, post, lambda _: World(working=True), TODAY)
        desk = agency.CounselDesk(self.book, counsellors, folder / "offices", origin=ORIGIN, today=lambda: TODAY)
        self.routes = desk.routes
        app = Starlette(routes=desk.routes, exception_handlers=dict(desk.handlers), middleware=desk.middleware)
        agency.admit_counsellors(folder / "offices")
        passwords = json.loads((folder / "offices" / "counsellors.json").read_text("utf-8"))
        self.passwords = {each["office"]: (each["login"], each["password"]) for each in passwords}
        transport = httpx.ASGITransport(app)
        self.http = httpx.AsyncClient(transport=transport, base_url=ORIGIN, headers={"origin": ORIGIN})
        with self.book.transaction():
            for each in (
                client("LK-11", "SR000000101"),
                client("LK-11", "SR000000102", ()),
                client("LK-21", "SR000000201"),
            ):
                self.book.add(each)

    async def sign_in(self, office: str) -> None:
        login, password = self.passwords[office]
        await self.http.post("/counsel/sign-in", data={"login": login, "password": password})

    async def page(self, path: str = "/counsel/people") -> httpx.Response:
        return await self.http.get(path)

    async def post(self, path: str, **form: str) -> httpx.Response:
        token = re.search(r'name="csrf" value="(\w+)"', (await self.page()).text)
        return await self.http.post(path, data={"csrf": token[1] if token else "", **form})

    def add(self, *people: Client) -> None:
        with self.book.transaction():
            for each in people:
                self.book.add(each)

    def listed(self, page: str) -> list[str]:
        """The member ids of a page, from the top."""
        return list(dict.fromkeys(re.findall(r"regular\">(SR[0-9]+)<", page)))

    def number(self, office: str) -> int:
        """The address number of the office's person to verify."""
        return next(number for number, each in self.book.numbered(office).items() if each.record["verify"])


@pytest.fixture(scope="module")
def passwords_made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Accounts take a second to make: made once, copied."""
    folder = tmp_path_factory.mktemp("offices")
    agency.admit_counsellors(folder)
    return folder


@pytest.fixture
async def desk(tmp_path: Path, passwords_made: Path) -> AsyncIterator[Desk]:
    shutil.copytree(passwords_made, tmp_path / "offices")
    gateway = PlayedGateway()
    app = Starlette(routes=[Mount("/gateway", app=gateway.app)])
    async with served(app) as url:
        found = Desk(tmp_path, gateway, f"{url}/gateway")
        yield found
        await found.http.aclose()
        await found.clients.close()
        found.book.close()


async def test_without_an_account_nobody_is_shown(desk: Desk) -> None:
    number = desk.number("LK-11")
    for path in ("/counsel/people", f"/counsel/people/{number}"):
        assert (await desk.page(path)).headers["location"].startswith("/counsel/sign-in?next=")
    assert (await desk.post(f"/counsel/people/{number}", **WHOLE)).status_code == 303
    assert desk.gateway.deliveries == {}


async def test_every_route_is_in_the_table_of_who_may_ask(desk: Desk) -> None:
    await lets_in_whom_the_table_says("/counsel", desk.routes, desk.http)


async def test_an_office_sees_its_own_people_to_verify_and_nobody_elses(desk: Desk) -> None:
    await desk.sign_in("LK-11")
    page = (await desk.page()).text
    assert "SR000000101" in page
    assert "SR000000102" not in page
    assert "SR000000201" not in page
    assert "199012304567" not in page


async def test_a_person_to_verify_is_a_tap_away_on_a_telephone(desk: Desk) -> None:
    await desk.sign_in("LK-11")
    queue = (await desk.page()).text
    number = re.findall(r'href="(/counsel/people/[0-9]+)"', queue)[0]
    for page in (queue, (await desk.page(number)).text):
        assert 'href="tel:+94791234567"' in page


async def test_the_queue_says_where_a_person_lives_and_why_the_registers_left_the_question_open(desk: Desk) -> None:
    await desk.sign_in("LK-11")
    person = f"/counsel/people/{desk.number('LK-11')}"
    for page in ("/counsel/people", person):
        text = (await desk.page(page)).text
        assert "Sammanthranapura, Colombo" in text
        assert "Tax: it gave no answer that settles it." in text
        assert "Pension: its answer, which goes up to 31 July 2026, does not settle it." in text
    sinhala = (await desk.page(f"{person}?lang=si")).text
    assert "සම්මන්ත්‍රණපුර" in sinhala
    assert "settle" not in sinhala
    assert "කොළඹ" in (await desk.page()).text


async def test_people_are_counted_and_looked_at_place_by_place(desk: Desk) -> None:
    desk.add(client("LK-11", "SR000000103", gn="09005"), client("LK-11", "SR000000100", gn="09010"))
    await desk.sign_in("LK-11")
    page = (await desk.page()).text
    assert "3 people wait" in page
    assert desk.listed(page) == ["SR000000101", "SR000000103", "SR000000100"]
    assert re.search(r'<option value="LK-1109">[^<]+ \(2\)</option>', page)
    page = (await desk.page("/counsel/people?place=LK-1109")).text
    assert desk.listed(page) == ["SR000000103", "SR000000100"]
    assert "2 people wait (3 in the whole office)" in page
    nowhere = await desk.page("/counsel/people?place=%22%3E%3Cscript%3E")
    assert "Nobody waits at this place." in nowhere.text
    assert '"><script>' not in nowhere.text


async def test_after_a_finding_the_next_person_of_the_place_is_a_click_away_and_the_role_is_remembered(
    desk: Desk,
) -> None:
    desk.add(client("LK-11", "SR000000100", gn="03010"), client("LK-11", "SR000000103", gn="09005"))
    await desk.sign_in("LK-11")
    found = {client.member_id: number for number, client in desk.book.numbered("LK-11").items()}
    saved = await desk.post(f"/counsel/people/{found['SR000000100']}?place=LK-1103", **WHOLE)
    page = (await desk.page(saved.headers["location"])).text
    following = f"/counsel/people/{found['SR000000101']}?place=LK-1103&amp;role=outreach+officer"
    assert f'href="{following}">Next person' in page.replace("\n", "").replace("  ", "")
    form = (await desk.page(following.replace("&amp;", "&"))).text
    assert re.search(r'value="outreach officer" checked', form)
    assert 'href="/counsel/people?place=LK-1103&amp;role=outreach+officer"' in form


async def test_nobody_is_next_when_nobody_else_waits(desk: Desk) -> None:
    await desk.sign_in("LK-11")
    saved = await desk.post(f"/counsel/people/{desk.number('LK-11')}", **WHOLE)
    assert "Next person" not in (await desk.page(saved.headers["location"])).text


async def test_a_person_of_another_office_is_as_unknown_as_nobody(desk: Desk) -> None:
    await desk.sign_in("LK-11")
    other, nobody = desk.number("LK-21"), 999
    answers = [await desk.page(f"/counsel/people/{number}") for number in (other, nobody)]
    assert [answer.status_code for answer in answers] == [404, 404]
    assert answers[0].text.replace(f"/{other}?", "/999?") == answers[1].text
    for number in (other, nobody):
        assert (await desk.post(f"/counsel/people/{number}", **WHOLE)).status_code == 404
    assert desk.gateway.deliveries == {}


async def test_a_finding_goes_to_employment_support_as_the_office_that_found_it(desk: Desk) -> None:
    await desk.sign_in("LK-11")
    path = f"/counsel/people/{desk.number('LK-11')}"
    number = path.rpartition("/")[2]
    kept = f"/counsel/people?role=outreach+officer&last={number}&done=kept"
    assert (await desk.post(path, **WHOLE)).headers["location"] == kept
    (delivery,) = desk.gateway.deliveries.values()
    assert (delivery["service"], delivery["purpose"]) == ("ess.finding", "employment-support.referral")
    record: dict[str, Any] = delivery["record"]
    assert schemas.first_fault(schemas.validator("canonical/finding.v1.json"), record) is None
    assert record == {
        "member_id": "SR000000101",
        "checks": [{"source": "tax", "finding": "working"}, {"source": "pension", "finding": "confirmed_no_work"}],
        "found_on": "2026-11-14",
        "officer_role": "outreach officer",
    }
    page = (await desk.page()).text
    assert "Nobody waits in this office." in page
    assert "Employment support has it" in page


async def test_a_finding_is_given_once(desk: Desk) -> None:
    await desk.sign_in("LK-11")
    path = f"/counsel/people/{desk.number('LK-11')}"
    await desk.post(path, **WHOLE)
    again = await desk.post(path, **WHOLE | {"finding-tax": "declined"})
    assert again.status_code == 400
    assert [each["record"]["checks"][0]["finding"] for each in desk.gateway.deliveries.values()] == ["working"]


async def test_a_wrong_finding_is_corrected_by_another_one_and_both_stay_visible(desk: Desk) -> None:
    await desk.sign_in("LK-11")
    path = f"/counsel/people/{desk.number('LK-11')}"
    await desk.post(path, **WHOLE)
    page = (await desk.page(path)).text
    assert "Correct this finding" in page
    assert re.search(r'name="finding-tax" type="radio" value="working" checked', page)
    again = WHOLE | {"finding-tax": "confirmed_no_work", "corrects": "1"}
    assert (await desk.post(path, **again)).status_code == 303
    told = [each["record"] for each in desk.gateway.deliveries.values()]
    assert [each["checks"][0]["finding"] for each in told] == ["working", "confirmed_no_work"]
    assert len({each["found_on"] for each in told}) == 1
    page = (await desk.page(path)).text
    assert "What was found before, and corrected" in page
    assert page.index("Confirmed no work") < page.index("What was found before")
    assert "Corrected" in (await desk.page()).text
    assert "Say what is right" not in (await desk.page(f"{path}?lang=ta")).text
    await desk.page(f"{path}?lang=en")
    assert (await desk.post(path, **again)).status_code == 400  # sent twice by a double click
    assert len(desk.gateway.deliveries) == 2


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"found_on": "2026-11-13"}, "The day lies before the finding that you correct."),
        ({}, "This is what was found before."),
        ({"finding-tax": "not_found", "corrects": "2"}, "There is a finding about this person already."),
        ({"finding-tax": "not_found", "found_on": "2026-11-21"}, "The day has not come yet."),
    ],
    ids=["earlier", "the same", "of another page", "to come"],
)
async def test_a_correction_that_corrects_nothing_is_refused(desk: Desk, change: dict[str, str], said: str) -> None:
    await desk.sign_in("LK-11")
    path = f"/counsel/people/{desk.number('LK-11')}"
    await desk.post(path, **WHOLE)
    answer = await desk.post(path, **WHOLE | {"corrects": "1"} | change)
    assert answer.status_code == 400
    assert said in answer.text
    assert len(desk.gateway.deliveries) == 1


async def test_what_is_still_on_its_way_is_corrected_once_it_has_arrived(desk: Desk) -> None:
    await desk.sign_in("LK-11")
    desk.gateway.busy = 1000
    path = f"/counsel/people/{desk.number('LK-11')}"
    await desk.post(path, **WHOLE)
    page = (await desk.page(path)).text
    assert "as soon as it has arrived" in page
    assert "Correct this finding" not in page
    refused = await desk.post(path, **WHOLE | {"finding-tax": "not_found", "corrects": "1"})
    assert "still on its way" in refused.text


@pytest.mark.parametrize(
    "change",
    [
        {"finding-tax": ""},
        {"finding-tax": "rich"},
        {"found_on": "soon"},
        {"found_on": ""},
        {"found_on": "2026-11-21"},
        {"role": "minister"},
        {"role": ""},
    ],
    ids=lambda change: "-".join(f"{name} {value}" for name, value in change.items()),
)
async def test_a_finding_that_is_not_whole_is_not_kept_and_the_page_says_what_lacks(
    desk: Desk, change: dict[str, str]
) -> None:
    await desk.sign_in("LK-11")
    answer = await desk.post(f"/counsel/people/{desk.number('LK-11')}", **WHOLE | change)
    assert answer.status_code == 400
    assert untold(fromstring(answer.text), "Error: ") == []
    assert ('id="found_on-error"' in answer.text) is ("found_on" in change)
    assert desk.gateway.deliveries == {}
    assert "SR000000101" in (await desk.page()).text.partition("Findings")[0]


async def test_everything_that_a_finding_lacks_is_told_at_once(desk: Desk) -> None:
    await desk.sign_in("LK-11")
    answer = await desk.post(f"/counsel/people/{desk.number('LK-11')}", **dict.fromkeys(WHOLE, ""))
    page = fromstring(answer.text)
    links = {each.get("href", "")[1:] for each in nodes(page, "//ul[contains(@class, 'summary__list')]//a")}
    assert links == WHOLE.keys()
    assert untold(page, "Error: ") == []


async def test_a_finding_waits_while_the_gateway_is_away_and_is_sent_again(desk: Desk) -> None:
    await desk.sign_in("LK-11")
    desk.gateway.busy = 1000
    await desk.post(f"/counsel/people/{desk.number('LK-11')}", **WHOLE)
    page = (await desk.page()).text
    assert "Kept here, not sent yet" in page
    assert ASKS_AGAIN in page
    assert SEND not in page
    desk.gateway.busy = 0
    await desk.post("/counsel/people/send")
    assert "Employment support has it" in (await desk.page()).text
    assert ASKS_AGAIN not in (await desk.page()).text
    assert len(desk.gateway.deliveries) == 1


@pytest.mark.parametrize(("busy", "became"), [(1000, "Kept here, not sent yet"), (0, "On its way")])
async def test_what_takes_too_long_is_followed_by_hand(
    desk: Desk, monkeypatch: pytest.MonkeyPatch, busy: int, became: str
) -> None:
    monkeypatch.setattr("sandbox.agencies.offices.desk.SEND_S", 0.0)
    desk.gateway.busy, desk.gateway.judge = busy, lambda _: HANDED | {"state": "sending"}
    await desk.sign_in("LK-11")
    await desk.post(f"/counsel/people/{desk.number('LK-11')}", **WHOLE)
    page = (await desk.page()).text
    assert became in page
    assert ASKS_AGAIN not in page
    assert SEND in page


async def test_a_form_of_another_counsellors_session_is_refused(desk: Desk) -> None:
    await desk.sign_in("LK-21")
    token = re.search(r'name="csrf" value="(\w+)"', (await desk.page()).text)
    assert token
    await desk.sign_in("LK-11")
    path = f"/counsel/people/{desk.number('LK-11')}"
    answer = await desk.http.post(path, data={"csrf": token[1], **WHOLE})
    assert answer.status_code == 403
    elsewhere = {"origin": "http://evil.test"}
    assert (await desk.http.post(path, data=WHOLE, headers=elsewhere)).status_code == 403
    await asyncio.sleep(0)
    assert desk.gateway.deliveries == {}


async def test_a_name_is_never_markup(desk: Desk) -> None:
    await desk.sign_in("LK-11")
    for path in ("/counsel/people", f"/counsel/people/{desk.number('LK-11')}"):
        answer = await desk.page(path)
        assert "&lt;script&gt;SR000000101" in answer.text
        assert "<script>SR" not in answer.text
        assert "frame-ancestors 'none'" in answer.headers["content-security-policy"]
