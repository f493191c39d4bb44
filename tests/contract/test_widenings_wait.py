"""What both sides signed and allows more than before is on the first pages until it takes over."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from tests.agreeing import EPF, WBB
from tests.reviewing import Desk, House, a_house

FIELDS = {"service": "pension.contributions", "actions": ["read"], "sends": ["NIC"]}
COUNTED = "1 signed agreement that allows more than before waits for your agency"
UNPROPOSED = "nobody has proposed yet that it takes over:"
UNAPPROVED = "and waits for your approval:"


@pytest.fixture
async def house(tmp_path: Path, sqlite_url: str) -> AsyncIterator[House]:
    async with a_house(tmp_path, sqlite_url) as found:
        yield found


async def agency(house: House, login: str, member: str) -> Desk:
    return (await house.officer(login, "agency_administrator", member=member))[1]


async def pages(desk: Desk) -> list[str]:
    return [(await desk.browser.get(path)).text for path in ("/console", "/console/agency")]


async def widened(house: House) -> None:
    """Version 2 asks for more than version 1, and is signed."""
    await house.agreed(version=2, services=[FIELDS | {"fields": ["months", "pensions"]}])


async def test_a_signed_widening_waits_for_both_sides_until_one_proposes_it_and_then_for_the_other(
    house: House,
) -> None:
    ours, theirs = await agency(house, "amara", WBB), await agency(house, "kamal", EPF)
    await house.agreed()
    for desk in (ours, theirs):
        assert not any(COUNTED in page for page in await pages(desk))
    await widened(house)
    for desk in (ours, theirs):
        first, own = await pages(desk)
        assert (COUNTED in first, UNPROPOSED in own, "signed/A1" in own) == (True, True, True)
    asked: dict[str, Any] = {"kind": "agreement.widening", "subject": "A1", "member": WBB, "reason": "the new law"}
    asked["document"] = {"version": 2, "members": sorted((WBB, EPF))}
    made = await ours.browser.call("POST", "/v1/approvals", asked)
    assert made.status_code == 201, made.text
    first, own = await pages(ours)
    assert (COUNTED in first, "A1" in own) == (False, False)
    first, own = await pages(theirs)
    assert (COUNTED in first, "proposal waits for a second person" in first) == (True, False)
    assert (UNAPPROVED in own, f"/console/approvals/{made.json()['id']}" in own) == (True, True)
    seen = (await theirs.browser.get(f"/console/approvals/{made.json()['id']}")).text
    for told in ("Widened</strong>", "What it would say", f"An officer of {WBB}", "may ask"):
        assert told in seen, told
    assert "OFF-" not in seen.partition("Exactly this would be done")[0]
    done = await theirs.browser.call("POST", f"/v1/approvals/{made.json()['id']}/approve", {})
    assert done.status_code == 200, done.text
    for desk in (ours, theirs):
        first, own = await pages(desk)
        assert (COUNTED in first, UNPROPOSED in own, UNAPPROVED in own) == (False, False, False)


async def test_other_agencies_hear_nothing_of_it(house: House) -> None:
    await house.agreed()
    await widened(house)
    other = await agency(house, "nila", "LK/GOV/DME")
    first, own = await pages(other)
    assert (COUNTED in first, "A1" in own) == (False, False)


async def test_a_proposal_about_others_agreement_shows_nothing_of_it(house: House) -> None:
    await house.agreed()
    await widened(house)
    stranger = await agency(house, "sunil", "LK/GOV/DME")
    asked: dict[str, Any] = {"kind": "agreement.widening", "subject": "A1", "member": "LK/GOV/DME"}
    asked |= {"reason": "curious about it", "document": {"version": 2, "members": ["LK/GOV/DME", WBB]}}
    made = await stranger.browser.call("POST", "/v1/approvals", asked)
    assert made.status_code == 201, made.text
    seen = (await stranger.browser.get(f"/console/approvals/{made.json()['id']}")).text
    assert "What it would say" not in seen
    assert "pension.contributions" not in seen


async def test_the_history_tells_what_was_recorded_and_when_it_took_over(house: House) -> None:
    ours, theirs = await agency(house, "amara", WBB), await agency(house, "kamal", EPF)
    await house.agreed()
    await widened(house)
    _, desk = await house.officer("nimal", "external_auditor")
    asked: dict[str, Any] = {"kind": "agreement.widening", "subject": "A1", "member": WBB, "reason": "the new law"}
    asked["document"] = {"version": 2, "members": sorted((WBB, EPF))}
    made = (await ours.browser.call("POST", "/v1/approvals", asked)).json()
    kinds = [each["kind"] for each in (await desk.json("GET", "/agreements/A1"))["history"]]
    assert kinds == ["agreement.recorded", "agreement.recorded"]
    await theirs.browser.call("POST", f"/v1/approvals/{made['id']}/approve", {})
    newest = (await desk.json("GET", "/agreements/A1"))["history"][0]
    assert (newest["kind"], newest["version"]) == ("agreement.widened", 2)
