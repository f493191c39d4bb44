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
from starlette.applications import Starlette
from starlette.routing import Mount

import schemas
from sandbox.agencies import offices as agency
from sandbox.agencies.offices.book import Client
from sandbox.gateway_client import Clients
from sandbox.person import World
from tests.desk_access import lets_in_whom_the_table_says
from tests.played_gateway import PlayedGateway
from tests.small_gateway import served

ORIGIN = "http://sandbox.test"
TODAY = date(2026, 11, 20)
WHOLE = {
    "finding-tax": "working",
    "finding-pension": "confirmed_no_work",
    "found_on": "2026-11-14",
    "role": "outreach officer",
}


def client(office: str, member_id: str, verify: tuple[str, ...] = ("tax", "pension")) -> Client:
    names = [{"language": "tam", "script": "Taml", "value": f"<script>{member_id}</script>"}]
    record = {
        "member_id": member_id,
        "person": {"names": names, "phone": "+94791234567"},
        "location": {"gn_division": f"{office}03005"},
        "readiness": "needs_training",
        "verify": list(verify),
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
    number = re.findall(r'href="(/counsel/people/[0-9]+)"', (await desk.page()).text)[0]
    assert 'href="tel:+94791234567"' in (await desk.page(number)).text


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
    assert (await desk.post(path, **WHOLE)).headers["location"] == "/counsel/people?done=kept"
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
    assert "There is a problem" in answer.text
    assert ('id="found_on-error"' in answer.text) is ("found_on" in change)
    assert desk.gateway.deliveries == {}
    assert "SR000000101" in (await desk.page()).text.partition("Findings")[0]


async def test_a_finding_waits_while_the_gateway_is_away_and_is_sent_again(desk: Desk) -> None:
    await desk.sign_in("LK-11")
    desk.gateway.busy = 1000
    await desk.post(f"/counsel/people/{desk.number('LK-11')}", **WHOLE)
    assert "Kept here, not sent yet" in (await desk.page()).text
    desk.gateway.busy = 0
    await desk.post("/counsel/people/send")
    assert "Employment support has it" in (await desk.page()).text
    assert len(desk.gateway.deliveries) == 1


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
