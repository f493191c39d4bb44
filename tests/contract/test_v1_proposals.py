"""`/v1/proposals` and what can be read of agreements: two members come to an agreement, and see what it would do."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from agreeing import AUDITOR, EPF, FUND, KEYS, SR, STRANGER, WBB, Here, document, line, lines, opened, signed, subject

from consent import sign_agreement

MORE = {"service": "pension.contributions", "actions": ["read"], "fields": ["months", "pensions"]}


@pytest.fixture
async def here(database_url: str, tmp_path: Path) -> AsyncIterator[Here]:
    async with opened(database_url, tmp_path) as made:
        yield made


async def proposed(here: Here, content: dict[str, Any] | None = None) -> int:
    reply = await here.call(SR, "POST", "/proposals", json={"document": content or document()})
    assert reply.status_code == 201
    return int(reply.json()["number"])


def signature(member: str, content: dict[str, Any] | None = None) -> dict[str, str]:
    return {"signature": sign_agreement(content or document(), KEYS[member])}


async def test_two_members_come_to_an_agreement_step_by_step(here: Here) -> None:
    number = await proposed(here)
    (waiting,) = (await here.call(FUND, "GET", "/proposals")).json()["proposals"]
    assert (waiting["waits_for_you"], waiting["missing"]) == (True, [EPF, WBB])
    first = await here.call(SR, "POST", f"/proposals/{number}/sign", json=signature(WBB))
    assert (first.status_code, first.json()["missing"]) == (200, [EPF])
    last = await here.call(FUND, "POST", f"/proposals/{number}/sign", json=signature(EPF))
    assert (last.status_code, last.json()["standing"]) == (200, "in force")
    assert (await here.call(FUND, "GET", "/proposals")).json() == {"proposals": []}
    kinds = [each["kind"] for each in await here.entries()]
    assert kinds == [
        "proposal.proposed",
        "proposal.signed",
        "proposal.signed",
        "agreement.recorded",
        "proposal.recorded",
    ]


async def test_a_proposal_shows_what_it_changes_and_whom_it_exposes(here: Here) -> None:
    await here.call(SR, "POST", "/agreements", json=signed())
    await here.call(
        SR, "POST", "/consents", **lines(line(1), line(2), line(3, services={"tax.employment": ["months"]}))
    )
    number = await proposed(here, document(version=2, services=[MORE]))
    shown = (await here.call(FUND, "GET", f"/proposals/{number}")).json()
    assert shown["widens"] is True
    assert [(each["effect"], each["words"]) for each in shown["changes"]] == [
        ("widened", "pension.contributions: field added: pensions")
    ]
    assert shown["newly_exposed"]["people_with_consent"] == 2
    assert shown["newly_exposed"]["by_consent"] == [
        {
            "recipient": SR.system,
            "service": "pension.contributions",
            "purpose": "employment-support.eligibility",
            "field": "pensions",
        }
    ]


async def test_strangers_see_no_proposal_and_sign_none(here: Here) -> None:
    number = await proposed(here)
    assert (await here.call(STRANGER, "GET", "/proposals")).json() == {"proposals": []}
    assert (await here.call(STRANGER, "GET", f"/proposals/{number}")).status_code == 404
    for step in ("sign", "reject"):
        reply = await here.call(STRANGER, "POST", f"/proposals/{number}/{step}", json=signature(WBB))
        assert reply.status_code == 404
    foreign = await here.call(STRANGER, "POST", "/proposals", json={"document": document()})
    assert foreign.status_code == 403


async def test_a_rejected_proposal_is_closed_for_good(here: Here) -> None:
    number = await proposed(here)
    assert (await here.call(SR, "POST", f"/proposals/{number}/reject")).status_code == 409
    assert (await here.call(FUND, "POST", f"/proposals/{number}/reject")).json()["standing"] == "rejected"
    again = await here.call(FUND, "POST", f"/proposals/{number}/sign", json=signature(EPF))
    assert (again.status_code, again.json()["code"]) == (409, "conflict")


async def test_differences_are_read_by_the_parties_and_the_auditor(here: Here) -> None:
    await here.call(SR, "POST", "/agreements", json=signed())
    await here.call(SR, "POST", "/agreements", json=signed(document(version=2, requires_case=True)))
    path = "/agreements/A1/difference?before=1&after=2"
    for reader in (SR, FUND, AUDITOR):
        told = (await here.call(reader, "GET", path)).json()
        assert (told["widens"], told["changes"][0]["effect"]) == (False, "narrowed")
    assert (await here.call(STRANGER, "GET", path)).status_code == 404
    assert (await here.call(SR, "GET", "/agreements/A1/difference?before=1&after=7")).status_code == 404


async def test_the_register_is_for_everybody_and_names_no_officer(here: Here) -> None:
    officer = {"member": WBB, "role": "owner", "contact": "sharing@wbb.example"}
    await here.call(SR, "POST", "/agreements", json=signed(document(officers=[officer], dpia="DPIA-7")))
    reply = await here.call(STRANGER, "GET", "/agreements/register")
    (published,) = reply.json()["agreements"]
    assert (published["id"], published["dpia"], published["standing"]) == ("A1", "DPIA-7", "in force")
    assert "sharing@wbb.example" not in reply.text


async def test_officers_are_told_what_ends_soon(here: Here) -> None:
    await here.call(SR, "POST", "/agreements", json=signed(document(review_at="2021-01-01T00:00:00Z")))
    (notice,) = (await here.call(FUND, "GET", "/agreements/notices")).json()["notices"]
    assert (notice["agreement"], notice["about"], notice["days"]) == ("A1", "review", 0)
    assert (await here.call(STRANGER, "GET", "/agreements/notices")).json() == {"notices": []}


async def test_a_draft_is_tried_on_people_and_nothing_is_kept(here: Here) -> None:
    await here.call(SR, "POST", "/agreements", json=signed())
    await here.call(SR, "POST", "/consents", json=line(1))
    before = await here.entries()
    draft = document(version=2, services=[MORE])
    reply = await here.call(
        SR, "POST", "/agreements/simulate", json={"document": draft, "subjects": [subject(1), subject(2)]}
    )
    tried = {each["subject"]: each for each in reply.json()["verdicts"]}
    assert (tried[0]["gained"], tried[0]["now"]) == (["pensions"], ["months"])
    assert (tried[1]["gained"], tried[1]["refusal"]) == ([], "no_legal_basis")
    assert await here.entries() == before
    assert subject(1)["identifiers"][0]["value"] not in reply.text


async def test_only_a_party_tries_a_draft(here: Here) -> None:
    reply = await here.call(STRANGER, "POST", "/agreements/simulate", json={"document": document()})
    assert reply.status_code == 404


async def test_a_widening_waits_for_two_officers_and_a_narrowing_does_not(here: Here) -> None:
    await here.call(SR, "POST", "/agreements", json=signed())
    wider = await here.call(SR, "POST", "/agreements", json=signed(document(version=2, services=[MORE])))
    assert (wider.status_code, wider.json()["standing"]) == (201, "agreed")
    current = (await here.call(SR, "GET", "/agreements")).json()["agreements"]
    assert [(each["version"], each["standing"]) for each in current] == [(1, "in force"), (2, "agreed")]
    narrower = await here.call(SR, "POST", "/agreements", json=signed(document(version=3, requires_case=True)))
    assert narrower.json()["standing"] == "in force"
    facts = [each["facts"].get("widened") for each in await here.entries()]
    assert facts == [None, ["services"], None]
