"""Threat 3: every route is in `docs/access.md`, and lets in whom that table says, and nobody else."""

import json
import re
import socket
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Any

import httpx
import pytest
from architecture.checkout import ROOT, table
from architecture.routes import routes_of
from fastapi import FastAPI, Request, Response
from sandhi_client import Client, Patience, Problem

from gateway.app import build_app
from gateway.people import grants, officers, sessions
from gateway.people.officers import SHELL, Officer
from gateway.people.roles import ROLES, Reach, Right
from gateway.settings import Settings
from gateway.trust import Member, System, register
from gateway.trust.jwks import checked
from gateway.trust.keys import new_key
from gateway.wiring import Services
from tests.migrated import services_on_tables
from tests.people_place import Browser, wanted_with_reach
from tests.small_gateway import client_file, served

PAGE = (ROOT / "docs/access.md").read_text("utf-8")
WHO = dict(table(PAGE[PAGE.index("| route | who |") :]))
SPEAKING = ("system: ", "party: ", "operation: ", "keeper: ")
SCOPES = sorted({who.partition(": ")[2] for who in WHO.values() if who.startswith(SPEAKING)})
MEMBER = "LK/GOV/WBB"
EXCHANGE = {
    "service": "national_id.identity",
    "purpose": "employment-support.eligibility",
    "subject": {"identifiers": [{"type": "NIC", "value": "198061308997"}]},
    "fields": ["confirmed"],
}
PROPOSAL = {"kind": "callback.host", "subject": "x", "member": MEMBER, "document": {}, "reason": "x"}
HELP: dict[str, Any] = {"for": EXCHANGE["subject"], "reason": "asked_in_person", "reference": "FORM-1"}
CONTEST = {"service": "national_id.identity", "statement": "x", "subject": EXCHANGE["subject"]}
BODIES: dict[str, Any] = {
    "POST /v1/exchanges": EXCHANGE,
    "POST /v1/officers": {"member": MEMBER, "name": "x", "issuer": "https://id.example", "subject": "new"},
    "POST /v1/officers/{officer_id}/state": {"state": "suspended"},
    "POST /v1/officers/{officer_id}/roles": {"role": "data_manager", "member": MEMBER},
    "POST /v1/approvals": PROPOSAL,
    "POST /v1/adapters": {"member": MEMBER, "system": f"{MEMBER}/X", "files": {}},
    "POST /v1/adapters/check": {"files": {}},
    "POST /v1/adapters/{adapter}/inputs": {"stage": "test", "values": {"X": "x"}},
    "POST /v1/adapters/{adapter}/outages": {"starts_at": "2026-01-01T00:00:00Z", "ends_at": "2026-01-02T00:00:00Z"},
    "POST /v1/adapters/{adapter}/versions/{number}/release": {"way": "active", "reason": "x"},
    "POST /v1/adapters/{adapter}/versions/{number}/share": {"share": 1},
    "POST /v1/adapters/draft": {"adapter": "levy", "kind": "rest"},
    "POST /v1/emergencies/{exchange_id}/review": {"verdict": "justified", "remark": "x"},
    "POST /v1/approvals/{approval_id}/reject": {"remark": "x"},
    "POST /v1/assisted/uses": HELP,
    "POST /v1/assisted/consents": HELP,
    "POST /v1/assisted/agreements": HELP,
    "POST /v1/assisted/withdrawals": HELP | {"consent": "x"},
    "POST /v1/assisted/contests": HELP | {"contest": CONTEST},
}
AT_ONCE = Patience(attempts=1)
PARAMETER = re.compile(r"\{[^}]*\}")
TERRITORIES = {"employment_counsellor": "LK-11", "division_officer": "LK-1103", "gn_officer": "LK-1103005"}
GRANTABLE = [each for each in ROLES.values() if each.reach is not Reach.SELF]


@dataclass(slots=True)
class House:
    """The whole application; `passwords` is empty, because sessions are begun by hand."""

    services: Services
    app: FastAPI
    folder: Path
    origin: str

    async def system(self, name: str, *scopes: str) -> Path:
        """A registered system; gives its credentials."""
        made, key = System(f"{MEMBER}/{name.upper()}", name, name, frozenset(scopes)), new_key("ES256")
        now, log = self.services.people.clock(), self.services.log
        async with self.services.db.write() as connection:
            if await register.find_member(connection, MEMBER) is None:
                await register.add_member(connection, log, Member(MEMBER, "Board"), now)
            await register.add_system(connection, log, made, now)
            await register.add_keys(connection, log, made.id, checked({"keys": [dict(key.jwk)]}), now)
        self.services.trust.forget()
        return client_file(self.folder, self.origin, made, key)

    async def officer(self, login: str, *roles: str) -> tuple[Officer, Browser]:
        """An officer with a session."""
        people, log, now = self.services.people, self.services.log, self.services.people.clock()
        made = Officer(officers.new_officer_id(), MEMBER, login, "https://id.example", login)
        async with self.services.db.write() as connection:
            await officers.add(connection, log, made, by=SHELL, now=now)
            for role in roles:
                wanted = wanted_with_reach(made.id, role, MEMBER, TERRITORIES.get(role, ""))
                await grants.give(connection, log, wanted, people.profile.raw, by=SHELL, now=now)
            begun = {"issuer": made.issuer, "authenticated_at": now, "now": now}
            secret = await sessions.begin(connection, officer=made.id, **begun)
        http = httpx.AsyncClient(transport=httpx.ASGITransport(self.app), base_url=self.origin)
        http.cookies.set(people.cookies.name("console"), secret, domain="127.0.0.1", path="/")
        return made, Browser(self, http)


@asynccontextmanager
async def a_house(folder: Path, origin: str = "http://127.0.0.1:8080", **more: str) -> AsyncIterator[House]:
    settings = Settings.read({"SANDHI_DATA_DIR": str(folder / "data"), "SANDHI_PUBLIC_URL": origin} | more)
    async with services_on_tables(settings) as services:
        yield House(services, build_app(services), folder, origin)


@pytest.fixture
async def house(tmp_path: Path) -> AsyncIterator[House]:
    async with a_house(tmp_path) as found:
        yield found


def rows(who: str, *, below: str = "/v1") -> Iterator[tuple[str, str, str, str]]:
    """Method, path, word after the colon and the name of each row of one kind of caller."""
    for name, told in WHO.items():
        kind, _, word = told.partition(": ")
        method, path = name.split()
        if kind == who and path.startswith(below):
            yield method, path, word, name


def shared() -> Iterator[tuple[str, str, str, str]]:
    """What both a system and an officer may do."""
    return chain(rows("party"), rows("operation"), rows("keeper"))


async def test_the_table_has_every_route_and_no_other(house: House) -> None:
    assert set(WHO) == routes_of(house.app)


async def test_a_route_that_nobody_wrote_down_is_noticed_however_it_came_in(house: House) -> None:
    async def bare(_request: Request) -> Response:
        return Response("of everybody")

    house.app.add_api_route("/console/planted", bare)
    house.app.add_route("/console/routed", bare)
    house.app.mount("/console/mounted", FastAPI(openapi_url=None, docs_url=None, redoc_url=None))
    planted = {name.partition(" ")[2] for name in routes_of(house.app) - set(WHO)}
    assert {"/console/planted", "/console/routed", "/console/mounted"} <= planted


async def test_who_is_not_known_gets_past_no_door_but_the_open_ones(house: House) -> None:
    elsewhere = httpx.ASGITransport(house.app, client=("203.0.113.7", 4711))
    async with httpx.AsyncClient(transport=elsewhere, base_url=house.origin) as anybody:
        for name, who in WHO.items():
            method, path = name.split()
            headers = {"origin": house.origin, "content-type": "application/x-www-form-urlencoded"}
            answer = await anybody.request(method, path, content=b"{not json", headers=headers)
            if who == "open":
                assert answer.status_code != 401, name
            elif path.startswith(("/v1", "/v2", "/dci")):
                assert answer.status_code == 401, name
            elif who.partition(":")[0] in {"officer", "citizen"}:
                assert (answer.status_code, "/sign-in" in answer.headers["location"]) == (303, True), name
            else:
                assert answer.status_code >= 400, name


@pytest.mark.parametrize("path", ["/docs", "/redoc", "/openapi.json", "/debug", "/admin", "/v2"])
async def test_what_nobody_put_there_is_not_there(house: House, path: str) -> None:
    async with httpx.AsyncClient(transport=httpx.ASGITransport(house.app), base_url=house.origin) as anybody:
        assert (await anybody.get(path)).status_code == 404
        for method in ("TRACE", "CONNECT", "PROPFIND"):
            assert (await anybody.request(method, "/livez")).status_code == 405
            assert (await anybody.request(method, "/console")).status_code in {403, 405}


async def test_an_officer_s_session_opens_no_route_of_systems(house: House) -> None:
    _, browser = await house.officer("amara", "operator")
    headers = {"origin": house.origin, "x-csrf-token": await browser.csrf(), "content-type": "application/json"}
    for method, path, _, name in [*rows("system"), *rows("system", below="/dci")]:
        assert (await browser.http.request(method, path, headers=headers, content=b"{}")).status_code == 401, name


async def test_where_a_certificate_is_the_credential_a_session_opens_nothing(house: House) -> None:
    _, browser = await house.officer("amara", "operator")
    headers = {"origin": house.origin, "x-csrf-token": await browser.csrf(), "authorization": "DPoP x", "dpop": "y"}
    found = list(rows("certificate", below="/"))
    assert len(found) > 40
    for method, path, _, name in found:
        assert (await browser.http.request(method, path, headers=headers, content=b"{}")).status_code == 401, name


async def test_a_system_gets_as_far_as_its_scopes(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port = int(listening.getsockname()[1])
    async with a_house(tmp_path, f"http://127.0.0.1:{port}") as house, served(house.app, port):
        files = {scope: await house.system(scope, scope) for scope in SCOPES}
        files |= {"bare": await house.system("bare"), "all": await house.system("all", *SCOPES)}
        async with AsyncExitStack() as opened:
            callers = {
                name: await opened.enter_async_context(Client.from_file(path, patience=AT_ONCE))
                for name, path in files.items()
            }
            for method, path, word, name in [*rows("system"), *shared()]:
                if word:
                    assert await asked(callers["bare"], method, path, name) == 403, name
                assert await asked(callers[word or "bare"], method, path, name) not in {401, 403}, name
            for method, path, _, name in [*rows("officer"), *rows("citizen")]:
                assert await asked(callers["all"], method, path, name) == 403, name


async def asked(client: Client, method: str, path: str, name: str) -> int:
    """The status of one call with a token."""
    body = json.dumps(BODIES.get(name, {})).encode() if method != "GET" else None
    headers = {"content-type": "application/json"} if body else {}
    try:
        return (await client.session.call(method, PARAMETER.sub("1", path), content=body, headers=headers)).status
    except Problem as problem:
        return 403 if problem.code == "forbidden" else problem.status


@pytest.mark.parametrize("role", GRANTABLE, ids=lambda each: each.name)
async def test_a_role_gets_as_far_as_its_rights(house: House, role: Any) -> None:
    target, _ = await house.officer("target", "gn_officer")
    _, proposer = await house.officer("proposer", "agency_administrator")
    _, browser = await house.officer("amara", role.name)
    for number, (method, path, word, name) in enumerate(rows("officer")):
        made = await proposer.call("POST", "/v1/approvals", PROPOSAL | {"subject": f"s{number}"})
        filled = filled_in(path, officer_id=target.id, grant_id="x", approval_id=made.json()["id"])
        status = (await browser.call(method, filled, BODIES.get(name))).status_code
        if (not word or Right(word) in role.rights) and (role.name, word) not in NOT_THIS_KIND:
            assert status in {200, 201, 409} or (status, name) in NOTHING_THERE or status == nothing_in(name), name
        else:
            assert status in {403, 404}, name


@pytest.mark.parametrize("role", GRANTABLE, ids=lambda each: each.name)
async def test_a_page_opens_as_far_as_the_rights_of_a_role(house: House, role: Any) -> None:
    _, browser = await house.officer("amara", role.name)
    headers = {"origin": house.origin}
    form = {"csrf": await browser.csrf()}
    for method, path, word, name in rows("officer", below="/console"):
        if word:
            content: dict[str, Any] = {"data": form} if method == "POST" else {}
            answer = await browser.http.request(method, PARAMETER.sub("x", path), headers=headers, **content)
            assert (answer.status_code == 403) == (Right(word) not in role.rights), name


NOTHING_THERE = {
    (404, "POST /v1/assisted/withdrawals"),  # of a consent that the person has not given
    (400, "POST /v1/adapters"),  # of a folder without a manifest
    (400, "POST /v1/adapters/check"),
}


def nothing_in(name: str) -> int:
    """What is answered about an adapter that nobody registered."""
    return 404 if "/adapters/{adapter}" in name else 200


def filled_in(path: str, **known: str) -> str:
    """A path with its parameters; what is not known is 1."""
    return PARAMETER.sub(lambda found: known.get(found.group()[1:-1], "1"), path)


NOT_THIS_KIND = {("data_protection_officer", "approvals.decide")}  # decides other kinds than the one proposed here


async def test_without_a_role_an_officer_sees_nobody_else(house: House) -> None:
    target, _ = await house.officer("target", "gn_officer")
    _, browser = await house.officer("amara")
    for method, path, word, name in rows("officer"):
        filled = filled_in(path, officer_id=target.id, grant_id="x", approval_id="x")
        status = (await browser.call(method, filled, BODIES.get(name))).status_code
        assert status in ({403, 404} if word else {200}), name


OFFICERS_TOO = {
    "party": {Right.AGENCY_RUN},
    "operation": {Right.GATEWAY_RUN},
    "keeper": {Right.AGENCY_RUN, Right.GATEWAY_RUN},
}


@pytest.mark.parametrize("role", GRANTABLE, ids=lambda each: each.name)
async def test_what_systems_and_officers_may_do_opens_for_the_right_and_for_no_other(house: House, role: Any) -> None:
    _, browser = await house.officer("amara", role.name)
    for kind, rights in OFFICERS_TOO.items():
        for method, path, _, name in rows(kind):
            status = (await browser.call(method, PARAMETER.sub("1", path), BODIES.get(name, {}))).status_code
            assert (status not in {401, 403}) == bool(rights & role.rights), name


REVIEWERS = ("operator", "agency_administrator", "compliance_officer", "data_protection_officer", "external_auditor")


async def test_what_reviewers_do_opens_for_the_right_and_for_no_other(house: House) -> None:
    for role in REVIEWERS:
        _, browser = await house.officer(role, role)
        for method, path, word, name in [*rows("auditor"), *rows("reviewer")]:
            status = (await browser.call(method, PARAMETER.sub("x", path), BODIES.get(name))).status_code
            assert (status != 403) == (Right(word) in ROLES[role].rights), (role, name)


async def test_a_system_with_scope_audit_reads_and_does_nothing_else_of_reviewers(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port = int(listening.getsockname()[1])
    async with a_house(tmp_path, f"http://127.0.0.1:{port}") as house, served(house.app, port):
        files = await house.system("auditor", "audit"), await house.system("bare")
        auditing, barely = (Client.from_file(each, patience=AT_ONCE) for each in files)
        async with auditing as auditor, barely as bare:
            for method, path, _, name in rows("auditor"):
                assert await asked(bare, method, path, name) == 403, name
                assert await asked(auditor, method, path, name) not in {401, 403}, name
            for method, path, _, name in rows("reviewer"):
                assert await asked(auditor, method, path, name) == 403, name
