"""Verification in the field: lists, clearance, revised data, approval; both versions kept, two acts told apart."""

import json
import re
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import httpx
import jsonschema
import pytest

from adapters.kit.conformance import suite
from adapters.kit.contract import (
    Adapter,
    AgencyHasNoSuchPerson,
    AgencyRefused,
    AgencyRejectedMessage,
    Identifier,
    Item,
    Question,
    Subject,
)
from sandbox.agencies.field_verification import NotNow
from tests.local_place import (
    DAY,
    HOUSEHOLD,
    LIST,
    NIC,
    NOBODY,
    ORIGINAL,
    REVISED,
    REVISION,
    VISIT,
    Divisions,
    divisions,
)

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "adapters/field_verification"
TestFieldVerification = suite(FOLDER, faults=False)  # what speaks here is the declared REST of `grievance`, tried there
TestBroken = pytest.mark.nightly(suite(FOLDER))
SECRETARY, EDITOR = "DS-1103-1", "RO-7"


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Divisions]:
    with divisions(tmp_path) as made:
        yield made


@pytest.fixture
async def adapter(place: Divisions) -> AsyncIterator[Adapter]:
    async with place.adapter("field_verification") as opened:
        yield opened


def item(kind: str, record: dict[str, Any], id_: str = "") -> Item:
    person = Subject((Identifier("NIC", NIC),))
    return Item(id_ or f"{kind}-1", f"field_verification.{kind}", record, person)


async def found(adapter: Adapter, nic: str = NIC) -> dict[str, object]:
    service = "field_verification.verification"
    fields = frozenset({"state", "original"})
    raw = await adapter.ask(Question(service, Subject((Identifier("NIC", nic),)), fields, DAY))
    return adapter.normalise(service, raw)


async def test_from_the_list_to_the_approval_both_versions_and_both_acts_are_kept(
    place: Divisions, adapter: Adapter
) -> None:
    book = place.side.households
    handed = await adapter.deliver(item("visit", VISIT))
    assert (handed.reference, handed.state) == (f"{LIST}#1", "listed")
    assert book.complete(LIST)
    book.visited(LIST, HOUSEHOLD, "DIFF")
    assert (await found(adapter))["finding"] == "differs"
    book.cleared(LIST, HOUSEHOLD, SECRETARY)
    await adapter.deliver(item("revision", REVISION))
    assert (await adapter.deliver(item("revision", REVISION))).state == "revised"
    book.approved(LIST, HOUSEHOLD, SECRETARY)
    record: Any = await found(adapter)
    assert (record["state"], record["original"], record["revised"]) == ("approved", ORIGINAL, REVISED)
    assert record["clearance"]["reference"] != record["approval"]["reference"]
    assert record["edited_by"] == EDITOR


async def test_nothing_is_edited_without_a_clearance_or_under_another(place: Divisions, adapter: Adapter) -> None:
    await adapter.deliver(item("visit", VISIT))
    place.side.households.visited(LIST, HOUSEHOLD, "DIFF")
    with pytest.raises(AgencyRefused) as raised:
        await adapter.deliver(item("revision", REVISION))
    assert raised.value.code == "NOT_CLEARED"
    place.side.households.cleared(LIST, HOUSEHOLD, SECRETARY)
    with pytest.raises(AgencyRefused):
        await adapter.deliver(item("revision", REVISION | {"clearance": "CLR-other"}, "revision-2"))
    assert (await found(adapter))["state"] == "cleared"


async def test_no_act_comes_before_its_time_and_nobody_approves_their_own_edit(
    place: Divisions, adapter: Adapter
) -> None:
    book = place.side.households
    await adapter.deliver(item("visit", VISIT))
    with pytest.raises(NotNow):
        book.cleared(LIST, HOUSEHOLD, SECRETARY)
    with pytest.raises(NotNow):
        book.approved(LIST, HOUSEHOLD, SECRETARY)
    book.visited(LIST, HOUSEHOLD, "DIFF")
    book.cleared(LIST, HOUSEHOLD, SECRETARY)
    await adapter.deliver(item("revision", REVISION))
    with pytest.raises(NotNow):
        book.approved(LIST, HOUSEHOLD, EDITOR)


async def test_a_new_version_of_a_list_counts_until_somebody_was_there(place: Divisions, adapter: Adapter) -> None:
    await adapter.deliver(item("visit", VISIT))
    newer = VISIT | {"list_version": 2, "score": "20.0"}
    await adapter.deliver(item("visit", newer, "visit-2"))
    with pytest.raises(AgencyRejectedMessage) as raised:
        await adapter.deliver(item("visit", VISIT, "visit-3"))
    assert raised.value.code == "LIST_CLOSED"
    (line,) = place.side.households.division(LIST)
    assert line.visit["score"] == "20.0"
    place.side.households.visited(LIST, HOUSEHOLD, "SAME")
    with pytest.raises(AgencyRejectedMessage):
        await adapter.deliver(item("visit", newer | {"list_version": 3}, "visit-4"))


async def test_a_list_is_complete_when_every_line_has_come(place: Divisions, adapter: Adapter) -> None:
    await adapter.deliver(item("visit", VISIT | {"of": 2}))
    assert not place.side.households.complete(LIST)
    await adapter.deliver(item("visit", VISIT | {"of": 2, "position": 2, "household_id": "H-78"}, "visit-2"))
    assert place.side.households.complete(LIST)


async def test_somebody_on_no_list_is_unknown(adapter: Adapter) -> None:
    with pytest.raises(AgencyHasNoSuchPerson):
        await found(adapter, NOBODY)


GOOD: dict[str, Any] = {"item": "visit-1", "nic": NIC, "record": VISIT}
REFUSED: dict[str, tuple[str, dict[str, Any], int, str]] = {
    "a member too many": ("visits", GOOD | {"name": "Kamala"}, 400, "REQUEST_INVALID"),
    "no number": ("visits", GOOD | {"nic": "1"}, 400, "NIC_INVALID"),
    "no record": ("visits", GOOD | {"record": {}}, 400, "RECORD_INVALID"),
    "behind its end": ("visits", GOOD | {"record": VISIT | {"position": 2}}, 400, "RECORD_INVALID"),
    "another division": ("visits", GOOD | {"record": VISIT | {"list": "LK-1104/2026-09"}}, 400, "RECORD_INVALID"),
    "a revision of nobody": ("revisions", GOOD | {"record": REVISION}, 404, "HOUSEHOLD_UNKNOWN"),
    "nobody": ("verifications/search", {"nic": NOBODY, "asOf": "2026-10-31"}, 404, "HOUSEHOLD_UNKNOWN"),
    "tomorrow": ("verifications/search", {"nic": NIC, "asOf": "2026-11-01"}, 400, "DAY_INVALID"),
}


def posted(place: Divisions, path: str, body: dict[str, Any], token: str = "") -> httpx.Response:
    shown = {"authorization": f"Bearer {token or place.settings['FIELD_VERIFICATION_TOKEN']}"}
    return httpx.post(f"{place.url}/field_verification/v1/{path}", json=body, headers=shown, trust_env=False)


@pytest.mark.parametrize("case", REFUSED)
def test_the_divisions_refuse(place: Divisions, case: str) -> None:
    path, body, status, code = REFUSED[case]
    answer = posted(place, path, body)
    assert (answer.status_code, answer.json()["code"]) == (status, code)
    assert NIC not in answer.text


def test_another_s_token_and_another_line_under_one_item_are_refused(place: Divisions) -> None:
    assert posted(place, "visits", GOOD, "x").json()["code"] == "TOKEN_INVALID"
    assert posted(place, "visits", GOOD).status_code == 201
    assert posted(place, "visits", GOOD | {"record": VISIT | {"score": "1"}}).json()["code"] == "ITEM_DIFFERS"


def test_its_answer_fits_the_profile_s_schema(place: Divisions) -> None:
    posted(place, "visits", GOOD)
    answer = posted(place, "verifications/search", {"nic": NIC, "asOf": "2026-10-31"})
    schema = json.loads((FOLDER / "answer.json").read_text("utf-8"))
    jsonschema.Draft202012Validator(schema).validate(answer.json())


def test_the_page_of_the_profile_has_every_error_and_the_schema_as_it_is() -> None:
    page = (ROOT / "docs/profiles/field-verification.md").read_text("utf-8")
    told = {code for *_, code in REFUSED.values()} | {"NOT_ALLOWED", "ITEM_DIFFERS"}
    told |= {"TOKEN_INVALID", "NOT_CLEARED", "LIST_CLOSED"}
    assert told == set(re.findall(r"`([A-Z]+_[A-Z]+)`", page))
    (shown,) = re.findall(r"```json\n(\{\n  \"\$schema\".*?)\n```", page, re.DOTALL)
    assert json.loads(shown) == json.loads((FOLDER / "answer.json").read_text("utf-8"))
