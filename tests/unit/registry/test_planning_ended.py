"""Who died, found a job or withdrew since the list was made: said on every page, and no longer counted as enrolled."""

import csv
import io

import pytest

from registry import control
from registry.progress import RANKS, standing
from registry.stage import Stage
from tests.unit.registry.test_planning_desk import Desk, desk

__all__ = ["desk"]
WARNED = "Civil registration told that this person died on 2 November 2026."
EVENT = "INSERT INTO event VALUES (?, ?, ?, ?, ?, '{}', '')"
HANDOVER = "INSERT INTO handover VALUES (?, ?, ?, '2026-11-01', 'sent', '')"


def refer(stage: Stage, *members: str) -> None:
    stage.store.put(HANDOVER, [(each, "referral", each) for each in members])


def enrol(stage: Stage, member: str, state: str = "confirmed") -> None:
    stage.store.put(EVENT, [(f"e-{member}", "enrolment", member, state, "2026-10-31")])


def bury(stage: Stage, member: str) -> None:
    stage.store.put(EVENT, [(f"d-{member}", "vital-event", member, "death", "2026-11-02")])


async def test_a_death_told_after_the_enrolment_is_a_warning_in_words_on_the_line(desk: Desk) -> None:
    await desk.sign_in()
    refer(desk.stage, "SR0000")
    enrol(desk.stage, "SR0000")
    before = (await desk.http.get("/desk/lines/1")).text
    assert "govuk-warning-text" not in before
    bury(desk.stage, "SR0000")
    page = (await desk.http.get("/desk/lines/1")).text
    assert WARNED in page
    assert '<span class="govuk-visually-hidden">Warning</span>' in page
    assert WARNED not in (await desk.http.get("/desk/lines/2")).text


@pytest.mark.parametrize(
    ("kind", "words"), [("job_found", "has found a job"), ("withdrew", "has withdrawn"), ("moved", "")]
)
async def test_a_job_and_a_withdrawal_end_eligibility_and_a_move_does_not(desk: Desk, kind: str, words: str) -> None:
    await desk.sign_in()
    desk.stage.store.put(HANDOVER, [("SR0000", kind, "key")])
    page = (await desk.http.get("/desk/lines/1")).text
    assert ("govuk-warning-text" in page) == bool(words)
    assert words in page


async def test_the_list_shows_and_finds_who_died_and_a_death_goes_before_a_job(desk: Desk) -> None:
    await desk.sign_in()
    desk.stage.store.put(HANDOVER, [("SR0001", "job_found", "a"), ("SR0002", "job_found", "b")])
    bury(desk.stage, "SR0001")
    page = (await desk.http.get("/desk/lines?since=died")).text
    assert ("1 line" in page, "/desk/lines/2?since=died" in page) == (True, True)
    assert '<strong class="govuk-tag govuk-tag--red">Died</strong>' in page
    assert "/desk/lines/3?" in (await desk.http.get("/desk/lines?since=job_found")).text
    rows = list(
        csv.DictReader(io.StringIO((await desk.http.get("/desk/lines/table?since=died")).text.lstrip("\ufeff")))
    )
    assert [each["What was told since"] for each in rows] == ["Died"]
    assert (await desk.http.get("/desk/lines?since=moved")).status_code == 400


async def test_programs_filter_by_what_was_told_since_too(desk: Desk) -> None:
    bury(desk.stage, "SR0001")
    token = (desk.stage.settings.folder / "review.token").read_text("ascii")
    headers = {"authorization": f"Bearer {token}"}
    found = (await desk.http.get("/review/lines?since=died", headers=headers)).json()["lines"]
    assert [(line["id"], line["ended"]) for line in found] == [("SR0001", "died")]


async def test_whoever_approves_several_sees_who_of_them_died(desk: Desk) -> None:
    await desk.sign_in()
    bury(desk.stage, "SR0001")
    asked = (await desk.post("/desk/lines/approve", lines="1 2", back="/desk/lines")).text
    assert asked.count('<strong class="govuk-tag govuk-tag--red">Died</strong>') == 1


async def test_the_dead_are_not_enrolled_and_nobody_visits_them_and_their_answer_stays_one(desk: Desk) -> None:
    await desk.sign_in()
    refer(desk.stage, "SR0000", "SR0001", "SR0002")
    enrol(desk.stage, "SR0000")
    enrol(desk.stage, "SR0001", "not_reached")
    enrol(desk.stage, "SR0002")
    before = control.numbers(desk.stage.store)
    assert (before.enrolled, before.died, before.to_visit) == (2, 0, 1)
    bury(desk.stage, "SR0000")
    bury(desk.stage, "SR0001")
    found = control.numbers(desk.stage.store)
    assert (found.enrolled, found.died, found.to_visit) == (1, 2, 0)
    assert (found.acknowledged, found.confirmed_households) == (before.acknowledged, before.confirmed_households)
    page = (await desk.http.get("/desk/enrolment")).text
    assert (
        '<a class="govuk-link" href="/desk/lines?since=died"><span class="app-cards__figure">2</span>Died</a>' in page
    )
    assert '<span class="app-cards__figure">1</span>enrolled' in page
    assert (
        '<span class="app-cards__figure">2</span>of the people pushed died since'
        in (await desk.http.get("/desk/control")).text
    )


async def test_a_death_is_no_word_of_employment_support(desk: Desk) -> None:
    await desk.sign_in()
    refer(desk.stage, "SR0001", "SR0003")
    bury(desk.stage, "SR0001")
    page = (await desk.http.get("/desk/enrolment")).text
    assert '<span class="app-cards__figure">2</span>without any word yet' in page
    assert '<td role="cell" data-head="Answered" class="govuk-table__cell ">0</td>' in page


async def test_a_death_explains_that_support_knows_nobody_enrolled_any_more(desk: Desk) -> None:
    refer(desk.stage, "SR0000")
    enrol(desk.stage, "SR0000")
    said = "INSERT INTO answer VALUES ('sync', 'SR0000', 'ess.enrolment', 'x', 'answered', ?, 1, NULL, '')"
    desk.stage.store.put(said, [('{"enrolled":false}',)])
    strays = dict(control.strays(desk.stage.store))
    assert strays["enrolled by event, not by answer"] == 1
    bury(desk.stage, "SR0000")
    assert dict(control.strays(desk.stage.store))["enrolled by event, not by answer"] == 0


@pytest.mark.parametrize("action", ["approve", "reject"])
async def test_nothing_ticked_is_said_on_the_list_with_its_filters(desk: Desk, action: str) -> None:
    await desk.sign_in()
    listed = (await desk.http.get("/desk/lines?district=LK-11")).text
    assert f'action="/desk/lines/{action}?district=LK-11"' in listed
    answer = await desk.post(f"/desk/lines/{action}?district=LK-11", back="/desk/lines?district=LK-11")
    assert answer.status_code == 400
    assert "2 lines" in answer.text
    assert '<option value="LK-11" selected' in answer.text
    assert '<a href="#the-list">No line is ticked.' in answer.text
    assert 'id="the-list-error"' in answer.text
    assert 'aria-describedby="the-list-error"' in answer.text


async def test_lines_decided_meanwhile_are_said_on_the_list_with_its_filters(desk: Desk) -> None:
    await desk.sign_in()
    await desk.decide(2, "reject")
    answer = await desk.post("/desk/lines/approve?district=LK-11", lines="2", back="/desk/lines?district=LK-11")
    assert (answer.status_code, "2 lines" in answer.text) == (400, True)
    assert "decided meanwhile" in answer.text


async def test_the_list_is_narrowed_by_what_employment_support_says_and_the_numbers_lead_there(desk: Desk) -> None:
    await desk.sign_in()
    refer(desk.stage, "SR0000", "SR0001", "SR0002")
    enrol(desk.stage, "SR0000", "not_reached")
    enrol(desk.stage, "SR0001", "not_reached")
    desk.stage.store.put(EVENT, [("later", "enrolment", "SR0000", "enrolled", "2026-10-31")])
    for state, number in (("enrolled", 1), ("not_reached", 2), ("silent", 3)):
        page = (await desk.http.get(f"/desk/lines?standing={state}")).text
        assert "1 line" in page, state
        assert f"/desk/lines/{number}?standing={state}" in page
    assert 'href="/desk/lines?standing=silent"' in (await desk.http.get("/desk/enrolment")).text
    assert 'href="/desk/lines?standing=not_reached"' in (await desk.http.get("/desk/control")).text
    bury(desk.stage, "SR0001")
    bury(desk.stage, "SR0002")
    assert "No line is like this." in (await desk.http.get("/desk/lines?standing=not_reached")).text
    assert "1 line" in (await desk.http.get("/desk/lines?standing=silent")).text  # nothing was said of who died, too
    assert (await desk.http.get("/desk/lines?standing=asleep")).status_code == 400


async def test_what_employment_support_said_last_is_the_same_to_the_filter_as_to_the_numbers(desk: Desk) -> None:
    members = [f"SR000{n}" for n in range(5)]
    refer(desk.stage, *members)
    days = ("2026-10-30", "2026-10-31", "2026-11-01")
    told = [
        (f"{member}-{n}", "enrolment", member, RANKS[(place * 5 + n * 3) % len(RANKS)], days[(place + n) % 3])
        for place, member in enumerate(members)
        for n in range(place)
    ]
    desk.stage.store.put(EVENT, told)
    rows = desk.stage.store.rows("SELECT member, state FROM standing")
    assert {row["member"]: row["state"] for row in rows} == dict.fromkeys(members, "silent") | standing(
        desk.stage.store
    )
