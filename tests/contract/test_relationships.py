"""Nobody gets an answer about a person with whom it has no declared relationship, and the agency is not asked."""

import json
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from consent import FactsSource, Request, decide
from gateway.edges.v1 import relationships
from gateway.gate import utc_now
from tests.agreeing import FUND, SR, STRANGER, WBB, Here, document, line, lines, nic, opened, ref, signed, subject


@pytest.fixture
async def here(database_url: str, tmp_path: Path) -> AsyncIterator[Here]:
    async with opened(database_url, tmp_path) as found:
        found.app.include_router(relationships.router, prefix="/v1")
        yield found


def declared(number: int = 1, **changes: Any) -> dict[str, Any]:
    return {
        "id": f"R{number}",
        "subject": subject(number),
        "kind": "household_registered",
        "valid_from": "2020-01-01T00:00:00Z",
        "valid_until": "2100-01-01T00:00:00Z",
    } | changes


async def agreed(here: Here) -> None:
    await here.call(SR, "POST", "/agreements", json=signed(document(requires_relationship=True)))
    await here.call(SR, "POST", "/consents", json=line(1))


async def refusal(here: Here, number: int = 1, case: str | None = None) -> str:
    request = Request(
        SR.system,
        FUND.system,
        "pension.contributions",
        "read",
        "employment-support.eligibility",
        frozenset({"months"}),
        ref(here, number),
        case=case,
    )
    return decide(request, await FactsSource(here.db.read).of(request), utc_now()).refusal


async def test_a_declared_relationship_opens_what_a_consent_alone_does_not(here: Here) -> None:
    await agreed(here)
    assert await refusal(here) == "no_relationship"
    answer = await here.call(SR, "POST", "/relationships", json=declared())
    assert (answer.status_code, answer.json()["outcome"]) == (201, "recorded")
    assert await refusal(here) == ""


async def test_another_member_s_relationship_opens_nothing(here: Here) -> None:
    await agreed(here)
    assert (await here.call(STRANGER, "POST", "/relationships", json=declared())).status_code == 201
    assert await refusal(here) == "no_relationship"
    refused = await here.call(STRANGER, "POST", "/relationships", json=declared(2, holder=SR.system))
    assert (refused.status_code, refused.json()["code"]) == (403, "forbidden")


async def test_one_for_a_case_counts_for_that_case_only(here: Here) -> None:
    await agreed(here)
    await here.call(SR, "POST", "/relationships", json=declared(case="C-7", holder=SR.system))
    assert await refusal(here) == "no_relationship"
    assert await refusal(here, case="C-8") == "no_relationship"
    assert await refusal(here, case="C-7") == ""


async def test_an_ended_one_closes_at_the_next_decision_and_both_are_in_the_log(here: Here) -> None:
    await agreed(here)
    await here.call(SR, "POST", "/relationships", json=declared())
    assert (await here.call(STRANGER, "POST", "/relationships/R1/end")).status_code == 404
    ended = await here.call(SR, "POST", "/relationships/R1/end")
    assert (ended.status_code, ended.json()["outcome"]) == (200, "ended")
    assert await refusal(here) == "no_relationship"
    assert (await here.call(SR, "POST", "/relationships/R1/end")).json() == {"id": "R1", "outcome": "unchanged"}
    entries = [each for each in await here.entries() if each["kind"].startswith("relationship.")]
    assert [each["kind"] for each in entries] == ["relationship.declared", "relationship.ended"]
    assert entries[0]["facts"] == {"by": WBB, "count": 1, "relationships": ["R1"]}
    assert nic(1) not in json.dumps(entries)


async def test_many_are_declared_at_once_with_a_result_for_each_and_may_be_sent_again(here: Here) -> None:
    batch = [declared(1), declared(2), declared(1, kind="case_open"), {"id": "R9"}, declared(3, case=nic(3))]
    first = await here.call(SR, "POST", "/relationships", **lines(*batch))
    told = [json.loads(each) for each in first.content.splitlines()]
    assert [each["outcome"] for each in told] == ["recorded", "recorded", "conflict", "refused", "refused"]
    assert nic(3) not in first.text
    again = await here.call(SR, "POST", "/relationships", **lines(*batch[:2]))
    assert [json.loads(each)["outcome"] for each in again.content.splitlines()] == ["unchanged", "unchanged"]


async def test_a_member_lists_its_own_without_people(here: Here) -> None:
    await here.call(SR, "POST", "/relationships", **lines(*(declared(number) for number in (1, 2, 3))))
    await here.call(STRANGER, "POST", "/relationships", json=declared(4))
    page = (await here.call(SR, "GET", "/relationships?limit=2")).json()
    assert [each["id"] for each in page["relationships"]] == ["R1", "R2"]
    rest = (await here.call(SR, "GET", f"/relationships?limit=2&after={page['next']}")).json()
    assert [each["id"] for each in rest["relationships"]] == ["R3"]
    assert (rest["next"], nic(1) in json.dumps(page)) == (None, False)
    bare = replace(SR, scopes=frozenset())
    assert (await here.call(bare, "GET", "/relationships")).status_code == 403


@pytest.mark.parametrize(
    ("changes", "status"),
    [
        ({"valid_until": "2019-01-01T00:00:00Z"}, 400),
        ({"valid_from": "2020-01-01T00:00:00"}, 400),
        ({"kind": "Household!"}, 400),
        ({"more": 1}, 400),
        ({"case": "199012345678"}, 400),
    ],
)
async def test_one_that_cannot_be_meant_like_this_is_refused(here: Here, changes: dict[str, Any], status: int) -> None:
    assert (await here.call(SR, "POST", "/relationships", json=declared(**changes))).status_code == status


async def test_a_relationship_is_not_called_by_a_person_s_number(here: Here) -> None:
    answer = await here.call(SR, "POST", "/relationships", json=declared(id=nic(1)))
    assert (answer.status_code, answer.json()["code"]) == (400, "bad_request.identifier")
    assert nic(1) not in answer.text + str(await here.entries())
