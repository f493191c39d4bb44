"""The registry's HTTP side: only the gateway's word counts, each event once, reviewers only with their token."""

import base64
import json
import stat
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest

from registry.cli import STEPS
from registry.planning.places import Places
from registry.reviewing import ReviewApi
from registry.server import app
from registry.stage import Stage
from registry.wire import LARGEST
from tests.told_by_openapi import held_to
from tests.unit.registry.scripted import Gateway

TO_LIST = ("load", "extract", "identity", "civil", "pension", "tax", "education", "enrolled", "list")
ENROLLED = {"member_id": "SR0001", "state": "enrolled", "date": "2026-11-05"}


@pytest.fixture
async def http(stage: Stage) -> AsyncIterator[httpx.AsyncClient]:
    await STEPS["load"](stage)
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app(stage)), base_url="http://registry") as client:
        yield client


async def told(http: httpx.AsyncClient, body: bytes, path: str = "/registry/notify") -> str:
    """`ACK`, or the error code."""
    answer = (await http.post(path, content=body)).json()["message"]
    return str(answer["error"]["code"] if answer["ack_status"] == "ERR" else answer["ack_status"])


def events(stage: Stage) -> list[tuple[str, str | None, str]]:
    rows = stage.store.rows("SELECT name, member, state FROM event ORDER BY name, state")
    return [(row["name"], row["member"], row["state"]) for row in rows]


async def test_it_lives(http: httpx.AsyncClient) -> None:
    assert (await http.get("/livez")).status_code == 200


async def test_a_repeated_event_is_acknowledged_and_stored_once(
    http: httpx.AsyncClient, stage: Stage, gateway: Gateway
) -> None:
    body = gateway.notify("enrolment-event", ENROLLED)
    assert [await told(http, body), await told(http, body)] == ["ACK", "ACK"]
    assert events(stage) == [("enrolment", "SR0001", "enrolled")]


async def test_events_are_kept_by_kind(http: httpx.AsyncClient, stage: Stage, gateway: Gateway) -> None:
    checks = [{"source": "tax", "finding": "working"}]
    finding = {"member_id": "SR0001", "checks": checks, "found_on": "2026-11-03", "officer_role": "counsellor"}
    await told(
        http, gateway.notify("programme-update", {"member_id": "SR0001", "event": "attended", "date": "2026-11-07"})
    )
    await told(http, gateway.notify("finding", finding))
    assert events(stage) == [("finding", "SR0001", "tax:working"), ("progress", "SR0001", "attended")]


async def test_an_event_about_nobody_we_know_leaves_no_data_behind(
    http: httpx.AsyncClient, stage: Stage, gateway: Gateway
) -> None:
    number = [{"identifier_type": "NIC", "identifier_value": "199011112222"}]
    assert await told(
        http, gateway.notify("vital-event", {"event": "death", "date": "2026-11-01", "identifiers": number})
    )
    (row,) = stage.store.rows("SELECT * FROM event")
    assert row["member"] is None
    assert "1990" not in json.dumps(dict(row))


async def test_an_event_whose_number_is_another_persons_is_not_filed_under_the_member(
    http: httpx.AsyncClient, stage: Stage, gateway: Gateway
) -> None:
    other = [{"identifier_type": "NIC", "identifier_value": "199000000002"}]
    await told(http, gateway.notify("enrolment-event", ENROLLED | {"identifiers": other}))
    assert events(stage) == [("enrolment", None, "enrolled")]


@pytest.mark.parametrize(
    ("kind", "record"),
    [
        ("enrolment-event", ENROLLED | {"state": "rich"}),
        ("enrolment-event", ENROLLED | {"date": "soon"}),
        ("enrolment-event", {"state": "enrolled"}),
        ("finding", {"member_id": "SR0001", "checks": "none", "found_on": "2026-11-03"}),
        ("payroll", ENROLLED),
    ],
)
async def test_what_is_no_event_of_ours_is_refused_and_not_stored(
    http: httpx.AsyncClient, stage: Stage, gateway: Gateway, kind: str, record: dict[str, Any]
) -> None:
    assert await told(http, gateway.notify(kind, ENROLLED, record)) == "err.request.bad"
    assert events(stage) == []


async def test_only_what_the_gateway_signed_for_us_counts(
    http: httpx.AsyncClient, stage: Stage, gateway: Gateway
) -> None:
    sent = json.loads(gateway.notify("enrolment-event", ENROLLED))
    altered = json.loads(json.dumps(sent).replace("enrolled", "declined"))
    unsigned = {name: value for name, value in sent.items() if name != "signature"}
    foreign = Gateway().notify("enrolment-event", ENROLLED)
    elsewhere = gateway.signed("notify", sent["message"], receiver="LK.GOV.DME.ESS")
    refused = [await told(http, json.dumps(each).encode()) for each in (altered, unsigned)]
    assert refused == ["err.signature.invalid", "err.signature.missing"]
    assert await told(http, foreign) == "err.signature.invalid"
    assert await told(http, elsewhere) == "err.receiver_id.invalid"
    assert await told(http, b"[" * 5000) == "err.request.bad"
    assert events(stage) == []


async def test_too_much_is_not_read(http: httpx.AsyncClient) -> None:
    assert (await http.post("/registry/notify", content=b" " * (LARGEST + 1))).status_code == 413


async def test_a_confirmed_subscription_is_noted(http: httpx.AsyncClient, stage: Stage, gateway: Gateway) -> None:
    item = {"subscriptions": [{"code": "c1", "status": "subscribe"}]}
    body = gateway.signed("on-subscribe", {"transaction_id": "t", "subscribe_response": [item]})
    assert await told(http, body, "/registry/on-subscribe") == "ACK"
    assert await told(http, body, "/registry/on-subscribe") == "ACK"
    assert [row["code"] for row in stage.store.rows("SELECT code FROM confirmation")] == ["c1"]
    forged = Gateway().signed("on-subscribe", {"transaction_id": "t", "subscribe_response": [item]})
    assert await told(http, forged, "/registry/on-subscribe") == "err.signature.invalid"
    assert await told(http, b"{}", "/registry/on-subscribe") == "err.request.bad"


async def test_a_subscription_that_is_over_is_forgotten_where_the_gateway_itself_says_so(
    http: httpx.AsyncClient, stage: Stage, gateway: Gateway
) -> None:
    codes = [{"code": "c1", "status": "subscribe"}, {"code": "c2", "status": "subscribe"}]
    begun = {"transaction_id": "t", "subscribe_response": [{"subscriptions": codes}]}
    assert await told(http, gateway.signed("on-subscribe", begun), "/registry/on-subscribe") == "ACK"
    over = {"transaction_id": "u", "subscription_status": [{"code": "c1", "status": "unsubscribe"}]}
    forged = Gateway().signed("on-unsubscribe", over)
    assert await told(http, forged, "/registry/on-unsubscribe") == "err.signature.invalid"
    for _ in range(2):
        assert await told(http, gateway.signed("on-unsubscribe", over), "/registry/on-unsubscribe") == "ACK"
    assert [row["code"] for row in stage.store.rows("SELECT code FROM confirmation")] == ["c2"]


async def test_reviewers_need_the_token_that_only_the_owner_can_read(http: httpx.AsyncClient, stage: Stage) -> None:
    path = stage.settings.folder / "review.token"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    for headers in ({}, {"authorization": "Bearer guess"}):
        assert (await http.get("/review/lines", headers=headers)).status_code == 401
        assert (await http.post("/review/approve", headers=headers, json={})).status_code == 401


async def test_a_reviewer_decides_through_the_api(http: httpx.AsyncClient, stage: Stage) -> None:
    for step in TO_LIST:
        await STEPS[step](stage)
    token = (stage.settings.folder / "review.token").read_text("ascii")
    http.headers["authorization"] = f"Bearer {token}"
    page = (await http.get("/review/lines", params={"limit": "2"})).json()
    assert [line["id"] for line in page["lines"]] == ["SR0000", "SR0001"]
    said = {"id": "SR0000", "by": "a reviewer", "reason": "as discussed"}
    assert (await http.post("/review/reject", json=said)).status_code == 200
    assert (await http.post("/review/approve", json=said | {"id": "SR0001"})).status_code == 200
    waiting = (await http.get("/review/lines", params={"after": page["next"]})).json()["lines"]
    assert [line["id"] for line in waiting] == ["SR0002", "SR0003", "SR0004"]
    assert (await http.post("/review/approve", json=said | {"id": "SR9999"})).status_code == 400
    assert (await http.post("/review/approve", json={"id": 1})).status_code == 400
    assert (await http.get("/review/lines", params={"limit": "many"})).status_code == 400


@pytest.fixture
async def program(http: httpx.AsyncClient, stage: Stage) -> httpx.AsyncClient:
    """Before a list that is drawn up, with the token."""
    for step in TO_LIST:
        await STEPS[step](stage)
    http.headers["authorization"] = f"Bearer {(stage.settings.folder / 'review.token').read_text('ascii')}"
    http.event_hooks["response"].append(held_to((await http.get("/review/openapi.json")).json()))
    return http


async def test_the_openapi_document_has_every_route_and_no_other(http: httpx.AsyncClient, stage: Stage) -> None:
    document = (await http.get("/review/openapi.json")).json()
    described = {(path, method.upper()) for path, item in document["paths"].items() for method in item}
    api = ReviewApi(stage, "token", Places(stage.settings.places, stage.settings.divisions))
    served = {(each.path, method) for each in api.routes() for method in (each.methods or ()) if method != "HEAD"}
    assert described == served


async def test_a_program_decides_on_several_lines_all_or_none(program: httpx.AsyncClient, stage: Stage) -> None:
    said = {"by": "a reviewer", "reason": "as discussed"}
    answer = await program.post("/review/approve", json=said | {"ids": ["SR0000", "SR9999"]})
    assert (answer.status_code, stage.store.count("SELECT count(*) FROM review")) == (400, 0)
    answer = await program.post("/review/approve", json=said | {"ids": ["SR0000", "SR0001"]})
    assert answer.json() == {"outcome": "approve", "lines": 2}
    counts = (await program.get("/review/lines")).json()["counts"]
    assert counts == {"waiting": 3, "approved": 2, "rejected": 0}
    for wrong in ({}, {"id": "SR0002", "ids": ["SR0003"]}, {"ids": []}, {"ids": [1]}, {"ids": "SR0002"}):
        assert (await program.post("/review/approve", json=said | wrong)).status_code == 400, wrong


async def test_a_program_sees_a_line_and_its_household_as_the_pages_do(
    program: httpx.AsyncClient, stage: Stage
) -> None:
    found = (await program.post("/review/line", json={"id": "SR0000"})).json()
    assert found["line"]["id"] == "SR0000"
    assert [each["name"] for each in found["heard"]]
    assert (found["handover"], found["standing"], found["died"], found["events"]) == ("", "", "", [])
    home = (await program.post("/review/household", json={"id": "SR0000"})).json()
    assert home["household"] == found["household"]
    assert "SR0000" in {each["id"] for each in home["people"]}
    assert not any("record" in each for each in home["people"])
    for path in ("/review/line", "/review/household"):
        assert (await program.post(path, json={"id": "SR9999"})).status_code == 404
        assert (await program.post(path, json=["SR0000"])).status_code == 400
        assert (await program.post(path, content=b"[" * 100_000)).status_code == 400


async def test_a_program_reads_the_enrolment_and_releases_the_control_report(
    program: httpx.AsyncClient, stage: Stage
) -> None:
    assert (await program.get("/review/enrolment")).json()["pushed"] == 0
    assert (await program.get("/review/signed")).status_code == 404
    report = (await program.get("/review/control")).json()
    assert (report["unexplained"], report["last"], report["found"]["potentially_unemployed"]) == (0, None, 5)
    assert (await program.post("/review/release", json={"by": " ", "knowing": ""})).status_code == 400
    assert (await program.post("/review/release", json={"by": "Amara", "knowing": "1"})).status_code == 400
    document = (await program.post("/review/release", json={"by": "Amara", "knowing": ""})).json()
    assert (document["released_by"], document["unexplained"]) == ("Amara", [])
    signed = await program.get("/review/signed")
    assert signed.headers["content-type"].startswith("application/jose")
    payload = signed.text.split(".")[1]
    assert json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4))) == document
    assert (await program.get("/review/control")).json()["last"] == document


async def test_a_program_that_takes_the_table_away_is_written_down(program: httpx.AsyncClient, stage: Stage) -> None:
    table = await program.post("/review/table", json={"by": "a program", "district": "LK-11"})
    assert table.text.count("\r\n") == 3  # a head and two lines
    taken = (await program.get("/review/control")).json()["downloads"]
    assert [(each["by"], each["lines"], each["filters"]) for each in taken] == [("a program", 2, {"district": "LK-11"})]
    assert (await program.post("/review/table", json={"by": "a program", "path": "/etc"})).status_code == 400


@pytest.mark.parametrize("path", ["line", "household", "table", "release", "approve", "reject", "comment"])
async def test_nothing_of_the_review_is_open_without_the_token(http: httpx.AsyncClient, path: str) -> None:
    assert (await http.post(f"/review/{path}", json={})).status_code == 401


@pytest.mark.parametrize("path", ["lines", "enrolment", "control", "signed"])
async def test_nothing_of_the_review_is_read_without_the_token(http: httpx.AsyncClient, path: str) -> None:
    answer = await http.get(f"/review/{path}")
    assert (answer.status_code, answer.headers["content-type"]) == (401, "application/problem+json")
