"""Grievances and appeals: the adapter's promises, the adapter against its sandbox, what the desk refuses in bytes."""

import json
import re
from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import jsonschema
import pytest

from adapters.grievance.adapter import Grievance, signature
from adapters.kit.conformance import suite
from adapters.kit.contract import (
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
from sandbox.agencies.grievance import NotOpen, office_for
from tests.local_place import APPEAL, COMPLAINT, DAY, NIC, NOBODY, OLD_NIC, Divisions, divisions

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "adapters/grievance"
TestGrievance = suite(FOLDER)
NOW = datetime(2026, 10, 31, 12, tzinfo=UTC)


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Divisions]:
    with divisions(tmp_path) as made:
        yield made


@pytest.fixture
async def adapter(place: Divisions) -> AsyncIterator[Grievance]:
    async with place.adapter("grievance") as opened:
        assert isinstance(opened, Grievance)
        yield opened


def subject(nic: str = NIC) -> Subject:
    return Subject((Identifier("NIC", nic),))


def item(record: dict[str, Any] = APPEAL, id_: str = "case-1") -> Item:
    return Item(id_, "grievance.case", record, subject())


async def cases(adapter: Grievance, nic: str = NIC) -> Any:
    raw = await adapter.ask(Question("grievance.status", subject(nic), frozenset({"cases"}), DAY))
    return adapter.normalise("grievance.status", raw)["cases"]


async def test_an_appeal_is_opened_once_decided_and_told_with_the_score_it_changed(
    place: Divisions, adapter: Grievance
) -> None:
    first, again = await adapter.deliver(item()), await adapter.deliver(item())
    assert (first.reference, first.state) == (again.reference, "taken")
    for state, outcome, score in (("ASG", "", ""), ("INV", "", ""), ("DEC", "UPH", "24.0"), ("CLO", "", "")):
        place.side.desk.moved(first.reference, state, DAY, outcome=outcome, score=score)
    (case,) = await cases(adapter, OLD_NIC)
    assert (case["state"], case["state_told"], case["outcome"]) == ("closed", "CLO", "upheld")
    assert (case["office"], case["score_before"], case["score_after"]) == ("AC-LK-1103", "31.5", "24.0")
    assert (case["opened_on"], case["due_on"]) == ("2026-10-31", "2026-11-30")


async def test_somebody_without_a_case_gets_an_empty_answer(adapter: Grievance) -> None:
    assert await cases(adapter, NOBODY) == []


async def test_a_case_that_came_under_another_s_item_is_our_error(adapter: Grievance) -> None:
    await adapter.deliver(item())
    with pytest.raises(AgencyRejectedMessage) as raised:
        await adapter.deliver(item(COMPLAINT))
    assert raised.value.code == "ITEM_DIFFERS"


async def test_a_refusal_and_an_outage_are_told_apart(place: Divisions, adapter: Grievance) -> None:
    place.faults["grievance"].set("refuse")
    with pytest.raises(AgencyRefused):
        await adapter.deliver(item())
    place.faults["grievance"].set("down")
    with pytest.raises(AgencyUnavailable):
        await adapter.deliver(item())


@pytest.mark.parametrize(
    ("kind", "category", "office"),
    [
        ("appeal", "payment", "AC-LK-1103"),
        ("grievance", "payment", "PAY-LK-11"),
        ("grievance", "conduct", "DI-LK-11"),
        ("grievance", "exclusion", "DS-LK-1103"),
    ],
)
def test_a_case_goes_to_the_responsible_office(kind: str, category: str, office: str) -> None:
    assert office_for({"kind": kind, "category": category, "ds_division": "LK-1103"}) == office


async def test_no_step_is_skipped_and_only_an_appeal_changes_a_score(place: Divisions, adapter: Grievance) -> None:
    desk, number = place.side.desk, (await adapter.deliver(item(COMPLAINT))).reference
    for state, outcome, score in (("DEC", "UPH", ""), ("ASG", "UPH", ""), ("CLO", "", "")):
        with pytest.raises(NotOpen):
            desk.moved(number, state, DAY, outcome=outcome, score=score)
    desk.moved(number, "ASG", DAY)
    desk.moved(number, "INV", DAY)
    with pytest.raises(NotOpen):
        desk.moved(number, "DEC", DAY, outcome="UPH", score="24.0")


def hook(body: dict[str, Any], *, at: datetime = NOW, secret: str = "", headers: dict[str, str] | None = None) -> Hook:
    raw, moment = json.dumps(body).encode(), str(int(NOW.timestamp()))
    signed = {"desk-signature": f"t={moment},v1={signature(moment, raw, secret)}"}
    return Hook("POST", "https://gateway/hooks/grievance", signed if headers is None else headers, {}, raw, at)


TOLD = {"item": "case-1", "number": "GR-2026-000001", "state": "INV", "changedOn": "2026-10-31"}


async def test_the_desk_tells_a_state_and_an_unknown_one_is_passed_on_below_all_others(
    place: Divisions, adapter: Grievance
) -> None:
    secret = place.settings["GRIEVANCE_HOOK_SECRET"]
    (state,) = adapter.hook(hook(TOLD, secret=secret)).states
    assert (state.item, state.state, state.rank) == ("case-1", "investigated", 3)
    (state,) = adapter.hook(hook(TOLD | {"state": "MED"}, secret=secret)).states
    assert (state.state, state.rank) == ("unmapped", 0)


@pytest.mark.parametrize(
    ("code", "changes", "how"),
    [
        ("unsigned", {}, {"headers": {}}),
        ("signature", {}, {"secret": "another"}),
        ("stale", {}, {"at": NOW + timedelta(minutes=6)}),
        ("stale", {}, {"at": NOW - timedelta(minutes=6)}),
        ("malformed", {"state": "Kamala Perera"}, {}),
        ("malformed", {"name": "Kamala"}, {}),
    ],
)
async def test_what_is_not_the_desk_s_word_is_refused(
    place: Divisions, adapter: Grievance, code: str, changes: dict[str, str], how: dict[str, Any]
) -> None:
    with pytest.raises(HookRefused) as raised:
        adapter.hook(hook(TOLD | changes, **{"secret": place.settings["GRIEVANCE_HOOK_SECRET"]} | how))
    assert raised.value.code == code
    assert "Kamala" not in raised.value.detail


GOOD: dict[str, Any] = {"item": "case-1", "nic": NIC, "record": APPEAL}
DONE = {"case": "GR-2026-999999", "action": "paid_again", "acted_on": "2026-10-30"}
REFUSED: dict[str, tuple[str, bytes, dict[str, str], int, str]] = {
    "no token": ("cases", b"{}", {"authorization": ""}, 401, "TOKEN_INVALID"),
    "no JSON": ("cases", b"{", {}, 400, "REQUEST_INVALID"),
    "too long": ("cases", b'"' + b"x" * 17000 + b'"', {}, 413, "REQUEST_INVALID"),
    "another content type": ("cases", b"{}", {"content-type": "text/plain"}, 415, "REQUEST_INVALID"),
    "a member too many": ("cases", json.dumps(GOOD | {"name": "Kamala"}).encode(), {}, 400, "REQUEST_INVALID"),
    "no item": ("cases", json.dumps(GOOD | {"item": ""}).encode(), {}, 400, "REQUEST_INVALID"),
    "no number": ("cases", json.dumps(GOOD | {"nic": "1"}).encode(), {}, 400, "NIC_INVALID"),
    "no record": ("cases", json.dumps(GOOD | {"record": {}}).encode(), {}, 400, "RECORD_INVALID"),
    "an appeal against no list": (
        "cases",
        json.dumps(GOOD | {"record": {name: value for name, value in APPEAL.items() if name != "list"}}).encode(),
        {},
        400,
        "RECORD_INVALID",
    ),
    "what was done about no case": ("actions", json.dumps(GOOD | {"record": DONE}).encode(), {}, 404, "CASE_UNKNOWN"),
    "something done without a day": (
        "actions",
        json.dumps(GOOD | {"record": {"case": DONE["case"], "action": DONE["action"]}}).encode(),
        {},
        400,
        "RECORD_INVALID",
    ),
    "done tomorrow": (
        "actions",
        json.dumps(GOOD | {"record": DONE | {"acted_on": "2026-11-01"}}).encode(),
        {},
        400,
        "DAY_INVALID",
    ),
    "no day": ("cases/search", json.dumps({"nic": NIC, "asOf": "20261031"}).encode(), {}, 400, "DAY_INVALID"),
    "tomorrow": ("cases/search", json.dumps({"nic": NIC, "asOf": "2026-11-01"}).encode(), {}, 400, "DAY_INVALID"),
}


def posted(place: Divisions, path: str, body: bytes, headers: dict[str, str]) -> httpx.Response:
    token = {"authorization": f"Bearer {place.settings['GRIEVANCE_TOKEN']}", "content-type": "application/json"}
    return httpx.post(f"{place.url}/grievance/v1/{path}", content=body, headers=token | headers, trust_env=False)


@pytest.mark.parametrize("case", REFUSED)
def test_the_desk_refuses(place: Divisions, case: str) -> None:
    path, body, headers, status, code = REFUSED[case]
    answer = posted(place, path, body, headers)
    assert (answer.status_code, answer.json()["code"]) == (status, code)
    assert NIC not in answer.text


def test_its_answers_fit_the_profile_s_schema(place: Divisions) -> None:
    for number, record in enumerate((APPEAL, COMPLAINT)):
        posted(place, "cases", json.dumps(GOOD | {"record": record, "item": f"c-{number}"}).encode(), {})
    answer = posted(place, "cases/search", json.dumps({"nic": NIC, "asOf": "2026-10-31"}).encode(), {})
    schema = json.loads((FOLDER / "answer.json").read_text("utf-8"))
    jsonschema.Draft202012Validator(schema).validate(answer.json())
    assert len(answer.json()["cases"]) == 2


def test_the_page_of_the_profile_has_every_error_and_the_schema_as_it_is() -> None:
    page = (ROOT / "docs/profiles/grievance.md").read_text("utf-8")
    told = {code for *_, code in REFUSED.values()} | {"NOT_ALLOWED", "ITEM_DIFFERS"}
    assert told == set(re.findall(r"`([A-Z]+_[A-Z]+)`", page))
    (shown,) = re.findall(r"```json\n(\{\n  \"\$schema\".*?)\n```", page, re.DOTALL)
    assert json.loads(shown) == json.loads((FOLDER / "answer.json").read_text("utf-8"))
