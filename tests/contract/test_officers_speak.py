"""Officers at the routes of systems: for their own member only, with a fresh sign-in for keys, and the form's token."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
from agreeing import document
from architecture.routes import routes_of
from fastapi import FastAPI

from consent import SignedAgreement, agreement_of, store
from consent.canonical import canonical
from gateway.app import build_app
from gateway.people import grants, officers, sessions, tables
from gateway.people.officers import SHELL, Officer
from gateway.settings import Settings
from gateway.trust import Member, System, register
from gateway.trust.jwks import checked
from gateway.trust.keys import new_key
from gateway.wiring import Services
from tests.migrated import services_on_tables
from tests.people_place import Browser, wanted_with_reach

WBB, DME = "LK/GOV/WBB", "LK/GOV/DME"
ORIGIN = "http://127.0.0.1:8080"


@dataclass(slots=True)
class House:
    """The whole application with two members, each with one system."""

    services: Services
    app: FastAPI
    origin: str = ORIGIN

    async def member(self, member: str) -> None:
        """A member and its system `<member>/APP`."""
        now, log = self.services.people.clock(), self.services.log
        async with self.services.db.write() as connection:
            await register.add_member(connection, log, Member(member, member), now)
            await register.add_system(
                connection, log, System(f"{member}/APP", member.replace("/", "."), "App", frozenset()), now
            )
            keys = checked({"keys": [dict(new_key("ES256").jwk)]})
            await register.add_keys(connection, log, f"{member}/APP", keys, now)
        self.services.trust.forget()

    async def officer(self, login: str, role: str, member: str = WBB) -> Browser:
        """A browser with an officer's session."""
        people, log, now = self.services.people, self.services.log, self.services.people.clock()
        made = Officer(officers.new_officer_id(), member, login, "https://id.example", login)
        async with self.services.db.write() as connection:
            await officers.add(connection, log, made, by=SHELL, now=now)
            wanted = wanted_with_reach(made.id, role, member, "")
            await grants.give(connection, log, wanted, people.profile.raw, by=SHELL, now=now)
            begun: dict[str, Any] = {"issuer": made.issuer, "authenticated_at": now, "now": now}
            secret = await sessions.begin(connection, officer=made.id, **begun)
        http = httpx.AsyncClient(transport=httpx.ASGITransport(self.app), base_url=self.origin)
        http.cookies.set(people.cookies.name("console"), secret, domain="127.0.0.1", path="/")
        return Browser(self, http)


@pytest.fixture
async def house(tmp_path: Path) -> AsyncIterator[House]:
    settings = Settings.read({"SANDHI_DATA_DIR": str(tmp_path / "data"), "SANDHI_PUBLIC_URL": ORIGIN})
    async with services_on_tables(settings) as services:
        made = House(services, build_app(services))
        for member in (WBB, DME):
            await made.member(member)
        yield made


def a_key() -> dict[str, Any]:
    return {"jwks": {"keys": [dict(new_key("ES256").jwk)]}}


async def test_an_administrator_sees_and_rotates_the_own_member_s_keys_and_nobody_else_s(house: House) -> None:
    browser = await house.officer("amara", "agency_administrator")
    listed = (await browser.call("GET", "/v1/systems")).json()["systems"]
    assert [each["id"] for each in listed] == [f"{WBB}/APP"]
    assert (await browser.call("POST", "/v1/systems/LK.GOV.WBB.APP/keys", a_key())).status_code == 201
    for method, path in (("GET", ""), ("POST", "/keys"), ("DELETE", "/keys/x")):
        answer = await browser.call(method, f"/v1/systems/LK.GOV.DME.APP{path}", a_key())
        assert answer.status_code == 404, (method, path)


async def test_a_key_is_put_in_only_after_a_sign_in_of_a_moment_ago(house: House) -> None:
    browser = await house.officer("amara", "agency_administrator")
    async with house.services.db.write() as connection:
        aged = house.services.people.clock() - timedelta(minutes=20)
        await connection.execute(tables.session.update().values(authenticated_at=aged))
    refused = await browser.call("POST", "/v1/systems/LK.GOV.WBB.APP/keys", a_key())
    assert (refused.status_code, refused.json()["code"]) == (403, "sign_in_again")
    form = {"csrf": await browser.csrf(), "jwks": "{}"}
    page = await browser.submit(
        "/console/agency/systems/LK.GOV.WBB.APP/keys", form | {"jwks": str(a_key()["jwks"]).replace("'", '"')}
    )
    assert (page.status_code, "/console/confirm" in page.text) == (403, True)


async def test_a_forecast_shows_an_administrator_the_own_member_only(house: House) -> None:
    for member in (WBB, DME):
        log, now = house.services.log, house.services.people.clock()
        ending = {**new_key("ES256").jwk, "exp": int((now + timedelta(days=9)).timestamp())}
        async with house.services.db.write() as connection:
            await register.add_keys(connection, log, f"{member}/APP", checked({"keys": [ending]}), now)
    house.services.trust.forget()
    browser = await house.officer("amara", "agency_administrator")
    ends = (await browser.call("GET", "/v1/forecast")).json()["ends"]
    assert {each["owner"] for each in ends} == {f"{WBB}/APP"}


async def test_an_operator_suspends_a_member_and_its_systems_at_once(house: House) -> None:
    browser = await house.officer("olu", "operator")
    answer = await browser.call("POST", "/v1/members/LK.GOV.DME/state", {"state": "suspended"})
    assert answer.status_code == 200, answer.text
    assert f"{DME}/APP" not in (await house.services.trust.register()).callers
    assert (await browser.call("GET", "/v1/queues")).json() == {"queues": []}


async def test_own_traffic_is_of_the_own_systems(house: House) -> None:
    browser = await house.officer("amara", "agency_administrator")
    assert (await browser.call("GET", "/v1/traffic")).json() == {"work": [], "letters": []}


async def test_a_draft_is_checked_and_shows_request_answer_and_record_side_by_side(house: House) -> None:
    browser = await house.officer("amara", "agency_administrator")
    asked = {"adapter": "levy", "kind": "rest", "service": "members", "record": "canonical/identity.v1.json"}
    source = '{"confirmed": true, "birth_date": "1990-05-02", "sex": "F"}'
    files = (await browser.call("POST", "/v1/adapters/draft", asked | {"source": source})).json()["files"]
    judged = await browser.call("POST", "/v1/adapters/check", {"files": files})
    assert judged.status_code == 200, judged.text
    (sample,) = [each for each in judged.json()["samples"] if each["name"] == "an_answer"]
    assert (sample["result"], '"birth_date": "1990-05-02"' in sample["told"]) == ("record", True)
    assert "199012304567" in sample["request"]
    refused = await browser.call("POST", "/v1/adapters/draft", asked | {"source": "[1"})
    assert (refused.status_code, refused.json()["code"]) == (400, "bad_request.adapter")


async def test_no_form_of_the_console_is_taken_without_its_token(house: House) -> None:
    officers_ = [await house.officer(role, role) for role in ("operator", "agency_administrator", "compliance_officer")]
    posts = [name.split()[1] for name in routes_of(house.app) if name.startswith("POST /console")]
    assert len(posts) > 20
    for path in posts:
        for browser in officers_:
            answer = await browser.submit(path.replace("{", "").replace("}", ""), {"csrf": "guessed"})
            asked_why = answer.headers.get("location", "").startswith("/console/reason")
            assert answer.status_code == 403 or asked_why, path
            elsewhere = await browser.submit(path, {"csrf": await browser.csrf()}, origin="https://elsewhere.example")
            assert elsewhere.status_code == 403, path


async def test_an_administrator_reads_the_own_member_s_agreements_and_nobody_else_s(house: House) -> None:
    """The console's page and the API alike."""
    for number, sides in enumerate(((WBB, DME), (DME, DME))):
        agreed = document(id=f"A{number}", provider=side(sides[1]), consumer=side(sides[0]))
        async with house.services.db.write() as connection:
            signed = SignedAgreement(agreement_of(agreed), canonical(agreed), dict.fromkeys(sides, "a.b.c"))
            await store.record_agreement(connection, signed, by=WBB, now=house.services.people.clock())
    browser = await house.officer("amara", "agency_administrator")
    listed = (await browser.call("GET", "/v1/agreements")).json()["agreements"]
    assert [each["id"] for each in listed] == ["A0"]
    page = (await browser.http.get("/console/agency/agreements")).text
    assert ("signed/A0" in page, "signed/A1" in page) == (True, False)
    for number, status in ((0, 200), (1, 404)):
        assert (await browser.call("GET", f"/v1/agreements/A{number}")).status_code == status
        assert (await browser.http.get(f"/console/agency/agreements/signed/A{number}")).status_code == status


def side(member: str) -> dict[str, Any]:
    return {"member": member, "systems": [f"{member}/APP"]}
