"""Treasury: the adapter's promises, the adapter against its sandbox, what the sandbox refuses in bytes."""

import json
import re
from collections.abc import AsyncIterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import jsonschema
import pytest
from fastapi import FastAPI
from hypothesis import given
from hypothesis import strategies as st
from starlette.routing import Mount

from adapters.kit.conformance import suite
from adapters.kit.contract import (
    AgencyError,
    AgencyHasNoSuchPerson,
    AgencyRefused,
    AgencyRejectedMessage,
    AgencyUnavailable,
    Hook,
    HookRefused,
    Identifier,
    Item,
    Question,
    Subject,
)
from adapters.kit.detached import Signer, canonical
from adapters.kit.egress import Dialler
from adapters.kit.opening import open_adapter
from adapters.treasury.adapter import Treasury
from adapters.treasury.figures import suppressed
from sandbox.agencies.treasury import Book, TreasurySettings, build, due_on, make_settings
from sandbox.agencies.treasury.book import expected
from sandbox.faults import Faults
from tests.small_gateway import served

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "adapters/treasury"
TestTreasury = suite(FOLDER)

DAY = date(2026, 11, 4)
CASH, LATE = "RPT-CASH-LK-11-2026-11", "RPT-EXP-LK-11-2026-09"
Place = tuple[Treasury, Book, TreasurySettings, Faults]


@pytest.fixture
async def place(tmp_path: Path) -> AsyncIterator[Place]:
    app = FastAPI()
    async with served(app) as url:
        settings, book, faults = make_settings(f"{url}/treasury", tmp_path, day=DAY), Book(DAY), Faults()
        app.router.routes.append(Mount("/treasury", app=build(book, settings, faults)))
        book.expect(CASH, LATE)
        dialler = Dialler({url.partition("//")[2]})
        adapter = open_adapter(FOLDER, settings.exported().__getitem__, dialler)
        assert isinstance(adapter, Treasury)
        yield adapter, book, settings, faults
        await dialler.close()


def line(code: str, people: int | None, amount: str | None = "100.00") -> dict[str, Any]:
    return {"code": code, "people": people, "amount": amount}


def report(reference: str = CASH, **changed: object) -> dict[str, Any]:
    known = expected(reference)
    assert known is not None
    told = {"report": reference, "kind": known.kind, "unit": known.unit, "month": known.month, "currency": "LKR"}
    return {**told, "lines": [line("samurdhi.allowance", 1204), line("elders.allowance", 311)], **changed}


def question(reference: str) -> Question:
    subject = Subject((Identifier("REPORT", reference),))
    return Question("treasury.report_state", subject, frozenset({"state"}), DAY)


async def test_a_report_in_time_and_one_that_is_late_are_told_apart(place: Place) -> None:
    adapter, book, _, _ = place
    assert (await adapter.deliver(Item("1", "treasury.report", report()))).state == "IN_TIME"
    before = adapter.normalise("treasury.report_state", await adapter.ask(question(LATE)))
    assert before == {"report": LATE, "state": "overdue", "due_on": "2026-10-05", "received_on": None}
    assert (await adapter.deliver(Item("2", "treasury.report", report(LATE)))).state == "LATE"
    after = adapter.normalise("treasury.report_state", await adapter.ask(question(LATE)))
    assert (after["state"], after["received_on"]) == ("late", "2026-11-04")
    book.day += timedelta(days=9)
    await adapter.deliver(Item("1", "treasury.report", report()))
    again = adapter.normalise("treasury.report_state", await adapter.ask(question(CASH)))
    assert (again["state"], again["received_on"]) == ("in_time", "2026-11-04")


async def test_small_counts_never_leave(place: Place) -> None:
    adapter, book, _, _ = place
    lines = [line("a.a", 3, "13500.00"), line("b.b", 0), line("c.c", 40), line("d.d", 9)]
    await adapter.deliver(Item("1", "treasury.report", report(lines=lines)))
    told = {each["code"]: (each["people"], each["amount"]) for each in book.reports[CASH]["lines"]}
    assert told == {"a.a": (None, None), "b.b": (0, "100.00"), "c.c": (40, "100.00"), "d.d": (None, None)}


@given(st.lists(st.one_of(st.none(), st.integers(0, 12)), min_size=1, max_size=8))
def test_no_line_can_be_worked_out_from_a_total(counts: list[int | None]) -> None:
    told = suppressed([line(f"c.{at}", count) for at, count in enumerate(counts)])
    left = [each["people"] for each in told if each["people"] is not None]
    hidden = len(told) - len(left)
    assert not any(0 < count < 5 for count in left)
    assert hidden != 1 or not any(left)
    assert all(each["amount"] is None for each in told if each["people"] is None)
    assert [each["code"] for each in told] == [f"c.{at}" for at in range(len(counts))]


@pytest.mark.parametrize(
    ("reference", "day"),
    [
        ("RPT-CASH-LK-1103-2026-11", "2026-11-03"),
        ("RPT-CASH-LK-11-2026-11", "2026-11-06"),
        ("RPT-CASH-LK-1103-2026-05", "2026-05-05"),  # 1 May is a holiday, and a Friday
        ("RPT-EXP-LK-1103-2026-12", "2027-01-05"),
    ],
)
def test_each_kind_has_its_day(reference: str, day: str) -> None:
    known = expected(reference)
    assert known is not None
    assert due_on(known).isoformat() == day


async def test_each_refusal_has_its_kind(place: Place) -> None:
    adapter, _, _, faults = place
    with pytest.raises(AgencyHasNoSuchPerson):
        await adapter.ask(question("RPT-EXP-LK-92-2026-09"))
    for record in (report(names=["K. Invented"]), report(LATE, month="2026-08")):
        with pytest.raises(AgencyRejectedMessage):
            await adapter.deliver(Item("1", "treasury.report", record))
    for fault, kind in {"refuse": AgencyRefused, "down": AgencyUnavailable}.items():
        faults.set(fault)
        with pytest.raises(AgencyError) as raised:
            await adapter.deliver(Item("1", "treasury.report", report()))
        assert isinstance(raised.value, kind)


def alerted(settings: TreasurySettings, **changed: object) -> Hook:
    told = {"id": "late-1", "report": LATE, "dueOn": "2026-10-05", "sentAt": datetime.now(UTC).isoformat()}
    body = json.dumps(told | changed).encode()
    headers = {"x-treasury-signature": settings.key.detached(body)}
    return Hook("POST", "https://gateway.example/hooks/treasury", headers, {}, body, datetime.now(UTC))


async def test_an_alert_is_an_event_about_a_report(place: Place) -> None:
    adapter, _, settings, _ = place
    (event,) = adapter.hook(alerted(settings)).events
    assert (event.id, event.name) == ("late-1", "late-report")
    assert event.record == {"report": LATE, "state": "overdue", "due_on": "2026-10-05", "received_on": None}
    assert event.subject == Subject((Identifier("REPORT", LATE),))


async def test_an_alert_of_somebody_else_or_of_yesterday_tells_nothing(place: Place) -> None:
    adapter, _, settings, _ = place
    good = alerted(settings)
    yesterday = alerted(settings, sentAt=(datetime.now(UTC) - timedelta(days=1)).isoformat())
    unsigned = Hook("POST", good.url, {}, {}, good.body, good.at)
    changed = Hook("POST", good.url, good.headers, {}, good.body.replace(b"late-1", b"late-2"), good.at)
    wrong = [unsigned, changed, yesterday, alerted(settings, note="x"), alerted(settings, dueOn="soon")]
    codes = []
    for each in wrong:
        with pytest.raises(HookRefused) as raised:
            adapter.hook(each)
        codes.append(raised.value.code)
    assert codes == ["signature", "signature", "time", "schema", "schema"]


def body_of(settings: TreasurySettings, told: dict[str, Any]) -> bytes:
    return json.dumps({"report": told, "signature": Signer(settings.reporter).detached(canonical(told))}).encode()


def letter(total: str = "100.00", **changed: object) -> dict[str, Any]:
    zones = [{"zone": "LK-1103", "account": "0012345678", "amount": total}]
    told = {"letter": "ALC-SAM-LK-11-2026-11", "programme": "samurdhi", "unit": "LK-11", "month": "2026-11"}
    return {**told, "currency": "LKR", "total": total, "zones": zones, **changed}


LETTERS = [
    (letter(), (200, "")),
    (letter(), (200, "")),
    (letter("101.00"), (409, "LETTER_DIFFERS")),
    (letter(zones=[]), (400, "LETTER_INVALID")),
    (letter(total="99.00", zones=letter()["zones"]), (400, "LETTER_INVALID")),
    (letter(letter="ALC-SAM-LK-12-2026-11", unit="LK-12"), (400, "LETTER_INVALID")),
    (letter(month="2026-10"), (400, "REFERENCE_INVALID")),
]


async def test_the_treasury_refuses(place: Place) -> None:
    _, book, settings, _ = place
    good = body_of(settings, report())
    other = Signer(json.dumps(json.loads(settings.reporter) | {"kid": "x"})).detached(canonical(report()))
    cases: list[tuple[bytes, dict[str, str], int, str]] = [
        (good, {"authorization": ""}, 401, "TOKEN_INVALID"),
        (good, {"content-type": "text/plain"}, 415, "REQUEST_INVALID"),
        (good[:-1], {}, 400, "REQUEST_INVALID"),
        (b"[]", {}, 400, "REQUEST_INVALID"),
        (json.dumps({"report": report()}).encode(), {}, 400, "REQUEST_INVALID"),
        (good[:-1] + b',"signature":"x"}', {}, 400, "REQUEST_INVALID"),
        (b'"' + b"x" * 300_000 + b'"', {}, 413, "REQUEST_INVALID"),
        (body_of(settings, report(nic="199012304567")), {}, 400, "REPORT_INVALID"),
        (body_of(settings, report(lines=[])), {}, 400, "REPORT_INVALID"),
        (good.replace(b"1204", b"1205"), {}, 403, "SIGNATURE_INVALID"),
        (json.dumps({"report": report(), "signature": other}).encode(), {}, 403, "SIGNATURE_INVALID"),
        (body_of(settings, report(unit="LK-12")), {}, 400, "REFERENCE_INVALID"),
        (body_of(settings, report(lines=[line("a.a", 3), line("b.b", 9)])), {}, 422, "SMALL_COUNT"),
        (body_of(settings, report(lines=[line("a.a", None), line("b.b", 9)])), {}, 422, "SMALL_COUNT"),
        (body_of(settings, report(lines=[line("a.a", None, None), line("b.b", 9)])), {}, 422, "SMALL_COUNT"),
    ]
    async with httpx.AsyncClient(trust_env=False) as client:
        for body, headers, status, code in cases:
            sent = {"content-type": "application/json", "authorization": f"Bearer {settings.token}"} | headers
            answer = await client.post(f"{settings.url}/v1/reports", content=body, headers=sent)
            assert (answer.status_code, answer.json()["code"]) == (status, code), body[:200]
        unknown = {"authorization": f"Bearer {settings.token}"}
        for letter, wanted in LETTERS:
            signature = Signer(settings.reporter).detached(canonical(letter))
            sent = {"letter": letter, "signature": signature}
            answer = await client.post(f"{settings.url}/v1/allocations", json=sent, headers=unknown)
            assert (answer.status_code, answer.json().get("code", "")) == wanted
        told = await client.post(f"{settings.url}/v1/reports/state", json={"report": "RPT-X"}, headers=unknown)
    assert (told.status_code, told.json()["code"]) == (404, "REPORT_UNKNOWN")
    assert not book.reports
    page = (ROOT / "docs/profiles/treasury-reports.md").read_text("utf-8")
    table = page[page.index("## 5.") :]
    named = set(re.findall(r"`([A-Z]+_[A-Z]+)`", table))
    assert named == {code for *_, code in cases} | {"REPORT_UNKNOWN", "NOT_ALLOWED"} | {
        code for _, (_, code) in LETTERS
    } - {""}


async def test_its_answer_fits_the_profile_s_schema(place: Place) -> None:
    adapter, book, _, _ = place
    await adapter.deliver(Item("1", "treasury.report", report()))
    validator = jsonschema.Draft202012Validator(json.loads((FOLDER / "answer.json").read_text("utf-8")))
    for reference in (CASH, LATE):
        validator.validate(book.state(reference))
