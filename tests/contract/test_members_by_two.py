"""A member is suspended by one person at once and looked at by another; to come back and to go for good takes two."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from gateway.people import membership
from tests.agreeing import EPF
from tests.reviewing import Desk, House, a_house

STATE = f"/v1/members/{EPF.replace('/', '.')}/state"
REASON = "keys of the fund were found in the open"


@pytest.fixture
async def house(tmp_path: Path, sqlite_url: str) -> AsyncIterator[House]:
    async with a_house(tmp_path, sqlite_url) as found:
        yield found


@pytest.fixture
async def first(house: House) -> Desk:
    return (await house.officer("amara", "operator"))[1]


@pytest.fixture
async def second(house: House) -> Desk:
    return (await house.officer("nila", "compliance_officer"))[1]


async def state_of(house: House) -> str:
    house.services.trust.forget()
    return (await house.services.trust.register()).members[EPF].state


async def suspended(desk: Desk) -> str:
    """Suspend it; gives the id of what waits for a second person."""
    answer = await desk.browser.call("POST", STATE, {"state": "suspended"}, why=REASON)
    assert answer.status_code == 200, answer.text
    found = (await desk.browser.call("GET", "/v1/approvals")).json()["approvals"]
    (review,) = [each for each in found if (each["kind"], each["state"]) == (membership.SUSPENSION, "proposed")]
    assert (review["subject"], review["reason"]) == (EPF, REASON)
    return str(review["id"])


async def decided(desk: Desk, id_: str, verb: str, status: int = 200) -> Any:
    body = {"remark": "looked at it"} if verb != "withdraw" else None
    answer = await desk.browser.call("POST", f"/v1/approvals/{id_}/{verb}", body)
    assert answer.status_code == status, answer.text
    return answer.json()


async def proposed(desk: Desk, kind: str, state: str) -> str:
    asked = {"kind": kind, "subject": EPF, "document": {"state": state}, "reason": "the keys are new"}
    answer = await desk.browser.call("POST", "/v1/approvals", asked)
    assert answer.status_code == 201, answer.text
    return str(answer.json()["id"])


async def test_a_suspension_counts_at_once_and_a_second_person_confirms_it(
    house: House, first: Desk, second: Desk
) -> None:
    review = await suspended(first)
    assert await state_of(house) == "suspended"
    (told,) = await house.kinds("member.suspended")
    me = (await first.browser.call("GET", "/v1/officers/me")).json()["id"]
    assert (told["member"], told["by"], told["reason"]) == (EPF, me, REASON)
    await decided(first, review, "approve", 409)
    await decided(second, review, "approve")
    assert await state_of(house) == "suspended"


@pytest.mark.parametrize("verb", ["reject", "withdraw"])
async def test_a_suspension_that_is_rejected_or_taken_back_leaves_the_member_as_it_was(
    house: House, first: Desk, second: Desk, verb: str
) -> None:
    review = await suspended(first)
    await decided(second if verb == "reject" else first, review, verb)
    assert await state_of(house) == "active"
    (told,) = await house.kinds("member.active")
    assert told["approval"] == review
    assert await suspended(first) != review


async def test_a_confirmed_suspension_ends_by_two_people_and_never_by_one(
    house: House, first: Desk, second: Desk
) -> None:
    review = await suspended(first)
    early = await proposed(first, membership.RESUME, "active")
    await decided(second, early, "approve", 409)
    await decided(second, review, "approve")
    assert (await first.browser.call("POST", STATE, {"state": "active"})).status_code == 403
    await decided(first, early, "approve", 409)
    assert await state_of(house) == "suspended"
    await decided(second, early, "approve")
    assert await state_of(house) == "active"


async def test_a_review_of_what_is_over_by_now_changes_nothing(house: House, first: Desk, second: Desk) -> None:
    review = await suspended(first)
    await decided(second, await proposed(first, membership.RETIRE, "retired"), "approve")
    await decided(second, review, "approve", 409)
    await decided(second, review, "reject")
    assert await state_of(house) == "retired"


async def test_retiring_takes_two_people_and_a_document_that_says_so(house: House, first: Desk, second: Desk) -> None:
    assert (await first.browser.call("POST", STATE, {"state": "retired"})).status_code == 403
    unlike = {"kind": membership.RETIRE, "subject": EPF, "document": {"state": "active"}, "reason": "closing"}
    assert (await first.browser.call("POST", "/v1/approvals", unlike)).status_code == 409
    await decided(second, await proposed(first, membership.RETIRE, "retired"), "approve")
    assert await state_of(house) == "retired"


async def test_an_agency_brings_no_other_agency_back(house: House, first: Desk, second: Desk) -> None:
    await decided(second, await suspended(first), "approve")
    _, agency = await house.officer("kamal", "agency_administrator", member="LK/GOV/WBB")
    asked = {"kind": membership.RESUME, "subject": EPF, "document": {"state": "active"}, "reason": "we need it"}
    made = await agency.browser.call("POST", "/v1/approvals", asked | {"member": "LK/GOV/WBB"})
    await decided(second, made.json()["id"], "approve", 409)
    assert await state_of(house) == "suspended"


async def test_nobody_ends_a_suspension_alone_by_proposing_it_once_more_and_taking_that_back(
    house: House, first: Desk, second: Desk
) -> None:
    await decided(second, await suspended(first), "approve")
    asked = {"kind": membership.SUSPENSION, "subject": EPF, "document": {"state": "suspended"}, "reason": "again"}
    answer = await first.browser.call("POST", "/v1/approvals", asked)
    assert (answer.status_code, "this is not proposed" in answer.json()["detail"]) == (409, True)
    assert await state_of(house) == "suspended"


async def test_a_person_says_why_and_names_nobody(house: House, first: Desk) -> None:
    for why in ("", "too short", "sold the file of 199012304567"):
        refused = await first.browser.call("POST", STATE, {"state": "suspended"}, why=why)
        assert (refused.status_code, refused.json()["code"]) == (400, "bad_request.shape")
    assert await state_of(house) == "active"
