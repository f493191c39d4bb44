"""Each route of reviewers: who may call it, what it says when there is nothing, and what it refuses."""

import io
import zipfile
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import httpx
import pytest
from fastapi import FastAPI, Request

from consent import canonical
from gateway.console import failures
from gateway.drill import STOPPED
from gateway.edges.v1 import problems
from gateway.edges.v1 import statements as routes
from gateway.edges.v1.deps import caller
from gateway.review import sample, statements
from gateway.trust import Caller, held_keys
from gateway.trust.jose import sign
from gateway.trust.jwks import checked
from gateway.trust.keys import new_key
from tests.reviewing import CONSUMER, NIC, PROVIDER, House, a_house

ZONE = ZoneInfo("Asia/Colombo")  # of the country whose profile is served
BEGUN = statements.bounds(statements.month_before(datetime.now(UTC), ZONE), ZONE)[0]
LAST = (BEGUN + timedelta(days=3, hours=6)).astimezone(UTC)
MONTH = f"{LAST:%Y-%m}"
PERIOD = {"since": LAST.isoformat(), "until": (LAST + timedelta(hours=1)).isoformat()}
NEXT_YEAR = {"since": LAST.isoformat(), "until": (datetime.now(UTC) + timedelta(days=365)).isoformat()}
SUBJECT = {"subject": {"identifiers": [{"type": "NIC", "value": NIC}]}}
ANSWERS = {"answers": dict.fromkeys(sample.CHECKLIST, "yes"), "remark": "case file seen"}
SIGNED_OFF = {"verdict": "explained", "text": "a registration day"}


@pytest.fixture
async def house(tmp_path: Path, sqlite_url: str) -> AsyncIterator[House]:
    async with a_house(tmp_path, sqlite_url) as found:
        yield found


EMPTY = {
    "/exchanges": "exchanges",
    "/findings": "findings",
    "/samples": "samples",
    "/statements": "statements",
    f"/statements?month={MONTH}": "statements",
    "/breaches": "breaches",
    "/access-requests": "requests",
    "/events?kind=drill.started": "events",
}


async def test_where_there_is_nothing_each_list_is_empty_and_each_report_says_so(house: House) -> None:
    _, dpo = await house.officer("nimal", "data_protection_officer")
    for path, name in EMPTY.items():
        assert (await dpo.json("GET", path))[name] == [], path
    reports = await dpo.json("GET", "/reports")
    assert reports["planned"] == []
    query = "&".join(f"{name}={value.replace('+', '%2B')}" for name, value in PERIOD.items())
    for each in reports["reports"]:
        text = (await dpo.call("GET", f"/reports/{each['name']}?{query}")).text
        assert len(text.splitlines()) == 2  # title and head
        paper = (await dpo.call("GET", f"/reports/{each['name']}?{query}&format=pdf")).content
        assert paper.startswith(b"%PDF-")


ANYONE, COMPLIANCE, PERSONS = "auditor", "compliance", "persons"
MAY = {
    ANYONE: {"external_auditor", "compliance_officer", "data_protection_officer"},
    COMPLIANCE: {"compliance_officer", "data_protection_officer"},
    PERSONS: {"data_protection_officer"},
}
ROUTES: list[tuple[str, str, object, str, int]] = [  # method, path, body, who, status of who may
    ("GET", "/exchanges/NONE", None, ANYONE, 404),
    ("GET", "/exchanges/NONE/bundle", None, ANYONE, 404),
    ("POST", "/exchanges/NONE/replay", {}, ANYONE, 404),
    ("GET", "/findings/NONE", None, ANYONE, 404),
    ("POST", "/findings/NONE/remarks", {"text": "seen"}, COMPLIANCE, 404),
    ("POST", "/findings/NONE/sign-off", SIGNED_OFF, COMPLIANCE, 404),
    ("POST", "/findings/NONE/sign-off", SIGNED_OFF | {"verdict": "perhaps"}, COMPLIANCE, 400),
    ("GET", "/reports/NONE?since=2026-10-01T00:00:00Z&until=2026-11-01T00:00:00Z", None, ANYONE, 404),
    ("GET", "/reports/usage?since=2026-10-01&until=2026-11-01", None, ANYONE, 400),
    ("POST", "/reports/planned", {"report": "NONE", "every": "day"}, COMPLIANCE, 404),
    ("POST", "/reports/planned", {"report": "usage", "every": "hour"}, COMPLIANCE, 400),
    ("DELETE", "/reports/planned/NONE", None, COMPLIANCE, 404),
    ("GET", "/samples/NONE", None, ANYONE, 404),
    ("POST", "/samples", {"since": PERIOD["until"], "until": PERIOD["since"], "size": 1}, ANYONE, 409),
    ("POST", "/samples", PERIOD | {"size": 0}, ANYONE, 400),
    ("POST", "/samples", PERIOD | {"size": 1001}, ANYONE, 400),
    ("POST", "/samples/NONE/draw", {}, ANYONE, 404),
    ("POST", "/samples/NONE/exchanges/NONE", ANSWERS, ANYONE, 404),
    ("POST", "/samples/NONE/sign-off", {"remark": "all well"}, ANYONE, 404),
    ("POST", "/statements", {"month": f"{datetime.now(UTC):%Y-%m}"}, COMPLIANCE, 409),
    ("POST", "/statements", {"month": "2026-13"}, COMPLIANCE, 400),
    ("GET", "/statements?month=October", None, ANYONE, 400),
    ("GET", "/breaches/NONE", None, ANYONE, 404),
    ("POST", "/breaches", {}, COMPLIANCE, 409),
    ("POST", "/breaches", {"kid": "NONE"}, COMPLIANCE, 404),
    ("POST", "/breaches", {"agreement": "A1", "known_at": "yesterday"}, COMPLIANCE, 400),
    ("GET", "/breaches/NONE/people", None, PERSONS, 404),
    ("POST", "/breaches/NONE/notified", {}, COMPLIANCE, 404),
    ("POST", "/access-requests", {"subject": {"identifiers": [{"type": "NIC", "value": "1"}]}}, PERSONS, 400),
    ("GET", "/access-requests/NONE/package", None, PERSONS, 404),
    ("POST", "/access-requests/NONE/handed", {}, PERSONS, 404),
]


async def test_each_route_refuses_who_may_not_and_names_what_is_not_there(house: House) -> None:
    roles = ("external_auditor", "compliance_officer", "data_protection_officer", "operator")
    desks = {role: (await house.officer(role, role))[1] for role in roles}
    for method, path, body, who, status in ROUTES:
        for role, desk in desks.items():
            wanted = status if role in MAY[who] else 403
            if wanted == 403 and status == 400:
                continue  # a body that cannot be meant is refused before or after; both are refusals
            answer = await desk.call(method, path, body, status=wanted)
            told = answer.json()
            assert (told["status"], bool(told["code"]), bool(told["detail"])) == (wanted, True, True), path


async def test_a_report_is_planned_once_and_unplanned_once(house: House) -> None:
    _, desk = await house.officer("amara", "compliance_officer")
    plan = {"report": "usage", "every": "week"}
    made = await desk.json("POST", "/reports/planned", plan)
    await desk.call("POST", "/reports/planned", plan, status=409)
    assert [each["id"] for each in (await desk.json("GET", "/reports"))["planned"]] == [made["id"]]
    await desk.call("DELETE", f"/reports/planned/{made['id']}")
    await desk.call("DELETE", f"/reports/planned/{made['id']}", status=404)
    assert [len(await house.kinds(f"report.{each}")) for each in ("planned", "unplanned")] == [1, 1]


async def test_a_sample_over_http_from_the_plan_to_the_sign_off(house: House) -> None:
    await house.played(3, LAST)
    _, desk = await house.officer("amara", "external_auditor")
    _, other = await house.officer("kamal", "compliance_officer")
    early = await desk.json("POST", "/samples", NEXT_YEAR | {"size": 2})
    refused = await desk.json("POST", f"/samples/{early['id']}/draw", status=409)
    assert "The period is not over" in refused["detail"]
    none = await desk.json(
        "POST", "/samples", PERIOD | {"since": "2020-01-01T00:00:00Z", "until": "2020-02-01T00:00:00Z", "size": 2}
    )
    assert (await desk.json("POST", f"/samples/{none['id']}/draw"))["exchanges"] == []
    planned = await desk.json("POST", "/samples", PERIOD | {"size": 9})
    drawn = await desk.json("POST", f"/samples/{planned['id']}/draw")
    assert (drawn["state"], drawn["population"], len(drawn["exchanges"])) == ("drawn", 3, 3)
    for each in drawn["exchanges"]:
        path = f"/samples/{planned['id']}/exchanges/{each['exchange_id']}"
        await desk.call("POST", path, ANSWERS | {"answers": {"case": "maybe"}}, status=400)
        await desk.call("POST", path, ANSWERS | {"remark": f"about {NIC}"}, status=409)
        await desk.call("POST", path, ANSWERS)
    await other.call("POST", f"/samples/{planned['id']}/sign-off", {"remark": "all well"})
    await desk.call("POST", path, ANSWERS, status=409)
    told = await other.json("GET", f"/samples/{planned['id']}")
    assert told["state"] == "signed_off"
    assert all(each["answers"] and each["remarks"] for each in told["exchanges"])
    assert [each["state"] for each in (await desk.json("GET", "/samples"))["samples"]] == [
        "signed_off",
        "drawn",
        "planned",
    ]


async def test_a_breach_of_a_key_is_its_owner_s_and_of_a_system_both_sides(house: House) -> None:
    key, now = new_key("ES256"), house.services.people.clock()
    async with house.services.db.write() as connection:
        await held_keys.add(connection, house.services.log, CONSUMER, checked({"keys": [dict(key.jwk)]}), now)
    await house.played(4, LAST)
    _, desk = await house.officer("amara", "compliance_officer")
    await desk.call("POST", "/breaches", {"kid": key.kid, "system": PROVIDER}, status=409)
    await desk.call("POST", "/breaches", {"system": "LK/GOV/NO/ONE"}, status=409)  # the clock runs for nobody
    wanted = ({"system": CONSUMER}, {"system": PROVIDER}, {"system": PROVIDER, "until": "2020-01-01T00:00:00Z"})
    sides = [await desk.json("POST", "/breaches", each) for each in wanted]
    assert [each["figures"]["people"] for each in sides] == [4, 4, 0]
    assert "No exchange that this is about released anything." in sides[2]["drafts"]["people"]
    late = {"agreement": "A1", "known_at": (now - timedelta(hours=80)).isoformat()}
    made = await desk.json("POST", "/breaches", late)
    assert made["hours_left"] < 0
    shown = await desk.json("GET", f"/breaches/{made['id']}")
    assert shown["drafts"] == made["drafts"]
    assert house.services.profile.authority in made["drafts"]["authority"].splitlines()[0]
    await desk.call("POST", f"/breaches/{made['id']}/notified")
    (facts,) = await house.kinds("breach.notified")
    assert facts["late"] is True
    assert (await desk.json("GET", "/breaches"))["breaches"][0]["id"] == made["id"]  # the nearest deadline


async def test_a_package_keeps_back_what_the_person_s_own_page_keeps_back(house: House) -> None:
    await house.agreed(disclosure_delay_days=30, disclosure_delay_reason="fraud inquiry")
    await house.asked()  # refused, for there is no consent: under the agreement all the same
    _, dpo = await house.officer("nimal", "data_protection_officer")
    made = await dpo.json("POST", "/access-requests", SUBJECT)
    content = (await dpo.call("GET", f"/access-requests/{made['id']}/package")).content
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        assert archive.read("exchanges.txt") == b"Nobody asked about you.\n"
        assert b"0 questions about you" in archive.read("README.txt")


class Systems:
    """`/v1/statements` without the door, called as any system."""

    def __init__(self, house: House) -> None:
        self._app, self._who = FastAPI(), CONSUMER
        self._app.state.services = house.services
        problems.install(self._app)
        failures.install(self._app)
        self._app.include_router(routes.router, prefix="/v1")

        async def calling(_: Request) -> Caller:
            return Caller("test", self._who, frozenset({"exchange"}))

        self._app.dependency_overrides[caller] = calling

    async def call(self, system: str, method: str, path: str, body: object = None, status: int = 200) -> Any:
        self._who = system
        transport = httpx.ASGITransport(self._app)
        async with httpx.AsyncClient(transport=transport, base_url="http://gateway") as http:
            answer = await http.request(method, f"/v1/statements{path}", json=body)
        assert answer.status_code == status, answer.text
        return answer.json()


async def test_a_statement_over_http_is_countersigned_or_disputed_once_and_nobody_else_s(house: House) -> None:
    await house.played(2, LAST)
    _, desk = await house.officer("amara", "compliance_officer")
    systems = Systems(house)
    assert (await systems.call(CONSUMER, "GET", ""))["statements"] == []
    assert await desk.json("POST", "/statements", {"month": MONTH}) == {"issued": 2}
    assert await desk.json("POST", "/statements", {"month": MONTH}) == {"issued": 0}
    (mine,) = (await systems.call(CONSUMER, "GET", ""))["statements"]
    (theirs,) = (await systems.call(PROVIDER, "GET", ""))["statements"]
    await systems.call(CONSUMER, "GET", f"/{theirs['id']}", status=404)
    await systems.call(CONSUMER, "POST", f"/{theirs['id']}/dispute", {"text": "not ours"}, status=404)
    shown = await systems.call(CONSUMER, "GET", f"/{mine['id']}")
    await systems.call(CONSUMER, "POST", f"/{mine['id']}/countersign", {"signature": "a.b.c"}, status=409)
    signature = {"signature": sign(canonical(shown["statement"]), await _key_of(house))}
    await systems.call(CONSUMER, "POST", f"/{mine['id']}/countersign", signature)
    await systems.call(CONSUMER, "POST", f"/{mine['id']}/countersign", signature, status=409)
    await systems.call(CONSUMER, "POST", f"/{mine['id']}/dispute", {"text": "after all"}, status=409)
    await systems.call(PROVIDER, "POST", f"/{theirs['id']}/dispute", {"text": f"about {NIC}"}, status=409)
    await systems.call(PROVIDER, "POST", f"/{theirs['id']}/dispute", {"text": "we saw none of these"})
    found = (await desk.json("GET", f"/statements?month={MONTH}"))["statements"]
    assert {each["system"]: each["state"] for each in found} == {CONSUMER: "countersigned", PROVIDER: "disputed"}
    (finding,) = (await desk.json("GET", "/findings?rule=statement_disputed"))["findings"]
    assert (await desk.json("GET", f"/findings/{finding['id']}"))["remarks"][0]["text"] == "we saw none of these"


async def _key_of(house: House) -> Any:
    key, here = new_key("ES256"), house.services
    async with here.db.write() as connection:
        await held_keys.add(connection, here.log, CONSUMER, checked({"keys": [dict(key.jwk)]}), here.people.clock())
    here.trust.forget()
    return key


async def test_a_drill_over_http_passes_is_recorded_and_is_one_at_a_time(house: House) -> None:
    await house.agreed(legal_bases=[{"kind": "public_task", "reference": "Act 7"}])
    amara, desk = await house.officer("amara", "compliance_officer")
    _, auditor = await house.officer("kamal", "external_auditor")
    await auditor.call("POST", "/drill", status=403)
    house.services.log.halted = STOPPED  # somebody else's is under way
    await desk.call("POST", "/drill", status=409)
    house.services.log.halted = None
    told = await desk.json("POST", "/drill")
    assert (told["passed"], told["left"], told["tried"] == told["refused"] > 0) == (True, 0, True)
    assert await house.kinds("drill.started") == [{"by": amara.id}]
    assert [each["left"] for each in await house.kinds("drill.ended")] == [0]
    assert house.services.log.halted is None
    assert await house.asked()  # exchanges go on
