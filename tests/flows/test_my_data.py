"""People see who used their data, and nobody else's; what they say counts at once."""

import json
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
from sandhi_client.values import Answer as ClientsAnswer
from sandhi_client.values import BatchLine

from gateway.edges.dci.answering import proof_of
from gateway.errors import ExchangeError, RefusedByRules
from tests.citizen_house import ANN, BEN, FUND, OTHER, STATUTE, STRANGER, House, a_house, document, named

HELP = {"for": named(ANN), "reason": "asked_in_person", "reference": "FORM-17"}


@pytest.fixture
async def house(sqlite_url: str, tmp_path: Path) -> AsyncIterator[House]:
    async with a_house(tmp_path, sqlite_url) as opened:
        yield opened


@pytest.fixture
async def both(database_url: str, tmp_path: Path) -> AsyncIterator[House]:
    """For what rests on the database's own ways: the same test on SQLite and PostgreSQL."""
    async with a_house(tmp_path, database_url) as opened:
        yield opened


async def uses(browser: httpx.AsyncClient, **query: Any) -> list[dict[str, Any]]:
    answer = await browser.get("/v1/my/uses", params=query)
    assert answer.status_code == 200, answer.text
    return list(answer.json()["uses"])


async def contest(house: House, browser: httpx.AsyncClient, number: str = ANN, **changes: Any) -> httpx.Response:
    body = {"service": "fund.status", "statement": "I paid in May.", "subject": named(number)} | changes
    return await browser.post("/v1/my/contests", json=body)


# --- who used my data ---------------------------------------------------------------------------------


async def test_an_exchange_is_told_with_who_what_why_on_which_basis_and_what_was_given(house: House) -> None:
    await house.agree()
    await house.consented(ANN, "C1")
    answer = await house.ask(ANN)
    (use,) = await uses(await house.citizen(ANN))
    assert use["exchange_id"] == answer.exchange_id
    assert (use["by"]["member"], use["at_agency"]["member"]) == ("LK/GOV/WBB", "LK/GOV/EPF")
    assert use["purpose"]["words"] == "Find out who may benefit from employment support"
    assert (use["outcome"], use["released"]) == ("answered", ["a"])
    assert use["legal_basis"] == {
        "kind": "consent",
        "words": "your consent",
        "phrase": {"text": "your consent", "values": {}},
        "agreement": "A1",
        "title": "Contribution status",
    }
    assert "asked LK/GOV/EPF about you" in use["sentence"]
    assert "Given: a. The legal basis was your consent." in use["sentence"]


async def test_a_statute_is_named_as_the_agreement_has_it(house: House) -> None:
    await house.agree(document(legal_bases=STATUTE))
    await house.ask(ANN)
    (use,) = await uses(await house.citizen(ANN))
    assert use["legal_basis"]["words"] == "a public task (Provident Fund Act, section 4)"


async def test_batches_deliveries_and_single_exchanges_are_one_list_newest_first(both: House) -> None:
    house = both
    await house.agree()
    for number, id_ in ((ANN, "C1"), (BEN, "C2")):
        await house.consented(number, id_)
    await house.ask(ANN)
    await house.batch([BEN, ANN, ANN])
    await house.work()
    await house.deliver(ANN)
    await house.work()
    mine = await house.citizen(ANN)
    found = await uses(mine)
    assert [each["what"] for each in found] == ["handed_over", "asked", "asked", "asked"]
    assert [each["outcome"] for each in found] == ["answered"] * 4
    assert len(await uses(await house.citizen(BEN))) == 1
    paged, before = [], ""
    while page := (await mine.get("/v1/my/uses", params={"limit": 1} | ({"before": before} if before else {}))).json():
        paged += page["uses"]
        if not (before := page["next"]):
            break
    assert paged == found


async def test_a_period_is_of_whole_days_of_the_country(house: House) -> None:
    await house.agree(document(legal_bases=STATUTE))
    await house.ask(ANN)
    house.clock[0] += timedelta(days=2)
    await house.ask(ANN)
    mine = await house.citizen(ANN)
    assert len(await uses(mine)) == 2
    assert len(await uses(mine, to="2026-11-01")) == 1
    assert len(await uses(mine, **{"from": "2026-11-02"})) == 1
    assert await uses(mine, **{"from": "2026-11-04"}) == []
    assert (await mine.get("/v1/my/uses", params={"before": "x"})).status_code == 400


async def test_of_what_was_refused_or_matched_nobody_no_field_is_named(house: House) -> None:
    await house.agree()
    nobody = ANN[:-1] + "9"
    await house.consented(nobody, "C1")
    for number in (ANN, nobody):
        with pytest.raises(ExchangeError):
            await house.ask(number)
        (use,) = await uses(await house.citizen(number))
        assert not use.keys() & {"asked", "released", "legal_basis", "withheld", "reasons", "case_ref"}
        assert "nothing was given" in use["sentence"]


async def test_every_look_is_an_entry_about_the_reader_without_any_value(house: House) -> None:
    mine = await house.citizen(ANN)
    for path in ("uses", "consents", "agreements", "contests"):
        assert (await mine.get(f"/v1/my/{path}")).json()["receipt"]
    facts = await house.facts("citizen.read")
    assert [each["what"] for each in facts] == ["uses", "consents", "agreements", "contests"]
    assert all(each.keys() == {"what", "subject"} for each in facts)
    assert await uses(mine) == []  # one's own looks are no uses


async def test_the_agreements_that_touched_me_are_told_in_sentences(house: House) -> None:
    await house.agree()
    await house.agree(document("A2", consumer=OTHER))
    await house.consented(ANN, "C1")
    await house.ask(ANN)
    (told,) = (await (await house.citizen(ANN)).get("/v1/my/agreements")).json()["agreements"]
    assert told["id"] == "A1"
    assert told["sentences"][0].startswith("Agreement A1, version 1: Contribution status")


# --- delayed disclosure -------------------------------------------------------------------------------


async def test_what_an_agreement_delays_appears_after_the_delay_with_the_reason(both: House) -> None:
    house = both
    why = {"days": 30, "reason": "An open investigation"}
    await house.agree(document(legal_bases=STATUTE, disclosure_delay_days=30, disclosure_delay_reason=why["reason"]))
    await house.ask(ANN)
    with pytest.raises(RefusedByRules):  # of the same parties, and it must not show either
        await house.ask(ANN, consumer=OTHER)
    mine = await house.citizen(ANN)
    assert [each["by"]["system"] for each in await uses(mine)] == [OTHER]
    assert (await mine.get("/v1/my/agreements")).json()["agreements"] == []
    house.clock[0] += timedelta(days=30)
    late = (await uses(mine))[1]
    assert late["delayed"] == why
    assert "You see this 30 days later, because: An open investigation." in late["sentence"]


async def test_a_refusal_under_a_delayed_agreement_is_kept_back_as_long(house: House) -> None:
    await house.agree(document(disclosure_delay_days=30, disclosure_delay_reason="An open investigation"))
    with pytest.raises(RefusedByRules):  # no consent
        await house.ask(ANN)
    mine = await house.citizen(ANN)
    assert await uses(mine) == []
    house.clock[0] += timedelta(days=30)
    assert [each["outcome"] for each in await uses(mine)] == ["refused_by_rules"]


# --- nobody else's ------------------------------------------------------------------------------------


async def test_two_people_never_see_each_other_on_any_route_with_any_id(both: House) -> None:
    house = both
    await house.agree()
    ids: dict[str, dict[str, str]] = {}
    browsers = {number: await house.citizen(number) for number in (ANN, BEN)}
    for number, id_ in ((ANN, "C1"), (BEN, "C2")):
        await house.consented(number, id_)
        exchanged = (await house.ask(number)).exchange_id
        opened = (await contest(house, browsers[number], number)).json()["id"]
        ids[number] = {"consent": id_, "exchange": exchanged, "contest": opened}
    for number, other in ((ANN, BEN), (BEN, ANN)):
        mine, foreign = browsers[number], ids[other]
        for path in ("", "/uses", "/consents", "/agreements", "/contests"):
            told = (await mine.get(f"/v1/my{path}")).text
            assert not any(each in told for each in foreign.values()), path
            assert house.ref(other) not in told
            assert other not in told
        for path in (f"consents/{foreign['consent']}", f"contests/{foreign['contest']}"):
            there = await mine.post(f"/v1/my/{path}/withdraw", json={})
            nowhere = await mine.post(f"/v1/my/{path.rpartition('/')[0]}/nothing/withdraw", json={})
            assert (there.status_code, there.content) == (404, nowhere.content)
        assert (await contest(house, mine, number, exchange=foreign["exchange"])).status_code == 404
        assert (await contest(house, mine, other)).status_code == 403
        tracker = {"X-Road-UserId": f"LK{other}"}
        assert (await mine.get(f"/v2/findUsage?userCode=LK{other}", headers=tracker)).status_code == 400


async def test_a_citizen_s_session_opens_nothing_else_and_changes_need_our_own_page(house: House) -> None:
    await house.consented(ANN, "C1")
    mine = await house.citizen(ANN)
    for path in ("/v1/officers/me", "/v1/agreements", "/v1/uses", "/v1/contests", "/v1/assisted/uses"):
        assert (await mine.get(path)).status_code == 401, path
    bad: list[dict[str, str]] = [{"x-csrf-token": "x"}, {"origin": "https://evil.example"}]
    for headers in bad:
        assert (await mine.post("/v1/my/consents/C1/withdraw", json={}, headers=headers)).status_code == 403


# --- what a person says counts at once ----------------------------------------------------------------


async def test_a_consent_withdrawn_by_its_giver_counts_at_the_next_question(both: House) -> None:
    house = both
    await house.agree()
    await house.consented(ANN, "C1")
    await house.ask(ANN)
    mine = await house.citizen(ANN)
    (shown,) = (await mine.get("/v1/my/consents")).json()["consents"]
    assert (shown["id"], shown["standing"], shown["purposes"]) == (
        "C1",
        "in force",
        ["Find out who may benefit from employment support"],
    )
    done = await mine.post("/v1/my/consents/C1/withdraw", json={})
    assert (done.status_code, done.json()["outcome"]) == (200, "withdrawn")
    with pytest.raises(RefusedByRules):
        await house.ask(ANN)
    assert (await mine.post("/v1/my/consents/C1/withdraw", json={})).json()["outcome"] == "unchanged"
    assert [each["by"] for each in await house.facts("consent.withdrawn")] == ["person"]


async def test_a_contested_record_is_marked_until_the_agency_has_looked(both: House) -> None:
    house = both
    await house.agree()
    for number, id_ in ((ANN, "C1"), (BEN, "C2")):
        await house.consented(number, id_)
    before = await house.ask(ANN)
    mine = await house.citizen(ANN)
    opened = await contest(house, mine, exchange=before.exchange_id)
    assert opened.status_code == 201, opened.text
    marked, others = await house.ask(ANN), await house.ask(BEN)
    assert "contested" not in before.wire()
    assert ClientsAnswer.read(marked.wire()).contested
    assert "contested" not in others.wire()
    assert [proof_of(each).get("contested") for each in (marked, others)] == [True, None]  # over DCI
    batch_id = await house.batch([ANN, BEN])
    await house.work()
    lines = b"".join([part async for part in house.services.batches.results(batch_id)]).splitlines()
    assert [BatchLine.read(json.loads(line)).contested for line in lines] == [True, False]
    assert [each["contested"] for each in await uses(mine) if "contested" in each] == [True, True]
    assert [each.get("contested") for each in await house.facts("exchange.outcome")][:3] == [None, True, None]

    assert (await house.call(STRANGER, "GET", "/contests")).json() == {"contests": []}
    (case,) = (await house.call(FUND, "GET", "/contests")).json()["contests"]
    assert (case["subject"], case["statement"]) == (named(ANN), "I paid in May.")
    resolution = {"state": "corrected", "answer": "May was booked twice."}
    path = f"/contests/{case['id']}/resolve"
    assert (await house.call(STRANGER, "POST", path, json=resolution)).status_code == 404
    assert (await house.call(FUND, "POST", path, json=resolution)).status_code == 200
    assert (await house.call(FUND, "POST", path, json=resolution)).status_code == 404
    assert "contested" not in (await house.ask(ANN)).wire()
    (shown,) = (await mine.get("/v1/my/contests")).json()["contests"]
    assert (shown["state"], shown["answer"]) == ("corrected", "May was booked twice.")
    (closed,) = (await house.call(FUND, "GET", "/contests")).json()["contests"]
    assert closed["subject"] == {"identifiers": []}  # the numbers are erased with the case


async def test_a_contest_that_is_taken_back_marks_nothing_any_more(house: House) -> None:
    await house.agree(document(legal_bases=STATUTE))
    mine = await house.citizen(ANN)
    id_ = (await contest(house, mine, service=None, provider="LK/GOV/EPF")).json()["id"]
    assert (await house.ask(ANN)).contested
    assert (await mine.post(f"/v1/my/contests/{id_}/withdraw", json={})).json()["state"] == "withdrawn"
    assert not (await house.ask(ANN)).contested


async def test_a_case_about_an_exchange_goes_to_one_of_its_two_sides_alone(house: House) -> None:
    await house.agree(document(legal_bases=STATUTE))
    asked = (await house.ask(ANN)).exchange_id
    await house.deliver(ANN)
    await house.work()
    mine = await house.citizen(ANN)
    told = (await uses(mine))[0]["exchange_id"]
    foreign = await contest(house, mine, service=None, provider="LK/GOV/EDU", exchange=asked)
    assert (foreign.status_code, foreign.json()["detail"]) == (
        400,
        "This agency had no part in that exchange. Choose one that gave or received the data.",
    )
    assert (await contest(house, mine, service="fund.push", exchange=asked)).status_code == 400  # another record
    assert (await contest(house, mine, exchange=asked, fields=["salary"])).status_code == 400
    assert (await contest(house, mine, service="fund.push", exchange=told)).status_code == 400  # which of the two?
    assert await house.facts("contest.opened") == []
    made = [
        await contest(house, mine, service=None, provider=provider, exchange=exchange, fields=["a"])
        for exchange in (asked, told)
        for provider in ("LK/GOV/EPF", "LK/GOV/WBB/SRIS")
    ]
    assert [each.status_code for each in made] == [201] * 4
    opened = [(each["provider"], each["services"]) for each in reversed(await house.facts("contest.opened"))]
    everything = ["LK/GOV/EPF", "fund.push", "fund.status"]
    assert sorted(opened) == sorted(
        [
            ("LK/GOV/EPF", ["fund.status"]),
            ("LK/GOV/WBB/SRIS".rpartition("/")[0], ["LK/GOV/WBB"]),
            ("LK/GOV/EPF", everything),
            ("LK/GOV/WBB", ["fund.push"]),
        ]
    )
    cases = (await mine.get("/v1/my/contests")).json()["contests"]
    assert {each["exchange_id"] for each in cases} == {asked, told}


async def test_no_more_records_are_contested_than_agencies_can_look_at(tmp_path: Path) -> None:
    async with a_house(tmp_path, PERSON_RATE="0") as house:
        mine = await house.citizen(ANN)
        statuses = [(await contest(house, mine)).status_code for _ in range(21)]
        assert (set(statuses[:20]), statuses[20]) == ({201}, 409)


WRONG: list[tuple[dict[str, Any], int]] = [
    ({"service": None}, 400),
    ({"provider": "LK/GOV/EPF"}, 400),
    ({"service": "no.such"}, 400),
    ({"fields": ["salary"]}, 400),
    ({"service": None, "provider": "LK/GOV/NONE"}, 400),
    ({"statement": ""}, 400),
    ({"subject": {"identifiers": [{"type": "TIN", "value": "123456789"}]}}, 400),
    ({"exchange": "019e0000-0000-7000-8000-000000000000"}, 404),
]


async def test_a_contest_that_cannot_be_meant_so_is_refused(house: House) -> None:
    mine = await house.citizen(ANN)
    for changes, status in WRONG:
        answer = await contest(house, mine, **changes)
        assert answer.status_code == status, (changes, answer.text)
    assert await house.facts("contest.opened") == []


# --- officers who help --------------------------------------------------------------------------------


async def test_an_officer_who_helps_sees_the_same_and_the_person_sees_the_officer(house: House) -> None:
    await house.agree()
    await house.consented(ANN, "C1")
    await house.ask(ANN)
    helper = await house.officer("gn_officer")
    house.clock[0] += timedelta(seconds=1)
    shown = (await helper.post("/v1/assisted/uses", json=HELP)).json()["uses"]
    mine = await house.citizen(ANN)
    look, *_ = seen = await uses(mine)
    assert seen == shown
    assert (look["what"], look["officer"][:4], look["seen"]) == ("looked_at_for_you", "OFF-", "uses")
    (facts, *_) = await house.facts("citizen.read")
    assert (facts["reason"], facts["consumer"]) == ("asked_in_person", look["officer"])
    assert "FORM-17" not in str(facts)
    done = await helper.post("/v1/assisted/withdrawals", json=HELP | {"consent": "C1"})
    assert done.json()["outcome"] == "withdrawn"
    case = {"service": "fund.status", "statement": "Wrong.", "subject": named(ANN)}
    assert (await helper.post("/v1/assisted/contests", json=HELP | {"contest": case})).status_code == 201
    for path in ("consents", "agreements"):
        assert (await helper.post(f"/v1/assisted/{path}", json=HELP)).status_code == 200


async def test_without_the_right_a_reason_or_a_paper_nobody_is_helped(house: House) -> None:
    stranger, helper = await house.officer("data_manager"), await house.officer("gn_officer")
    assert (await stranger.post("/v1/assisted/uses", json=HELP)).status_code == 403
    for missing in HELP:
        body = {name: value for name, value in HELP.items() if name != missing}
        assert (await helper.post("/v1/assisted/uses", json=body)).status_code == 400, missing
    assert (await helper.post("/v1/assisted/uses", json=HELP | {"reference": ANN})).status_code == 400
    assert await house.facts("citizen.read") == []


async def test_an_officer_cannot_go_through_the_numbers(database_url: str, tmp_path: Path) -> None:
    async with a_house(tmp_path, database_url, ASSISTED_PEOPLE="3", PERSON_RATE="0") as house:
        helper = await house.officer("gn_officer")
        statuses = [
            (await helper.post("/v1/assisted/uses", json=HELP | {"for": named(f"19901230{n:04}")})).status_code
            for n in range(5)
        ]
        assert statuses == [200, 200, 200, 429, 429]
        again = await helper.post("/v1/assisted/uses", json=HELP | {"for": named("199012300001")})
        assert again.status_code == 200  # nobody new
        assert len(await house.facts("citizen.read")) == 4


async def test_nobody_asks_faster_than_people_do(house: House) -> None:
    mine, other = await house.citizen(ANN), await house.citizen(BEN)
    statuses = [(await mine.get("/v1/my/contests")).status_code for _ in range(25)]
    assert (statuses[0], statuses[-1]) == (200, 429)
    refused = await mine.get("/v1/my/uses")
    assert int(refused.headers["retry-after"]) >= 1
    assert (await other.get("/v1/my/uses")).status_code == 200


# --- the page -----------------------------------------------------------------------------------------


async def test_the_page_shows_uses_and_consents_and_withdraws_without_a_script(house: House) -> None:
    await house.agree()
    await house.consented(ANN, "C1")
    await house.consented(BEN, "C2")
    await house.ask(ANN)
    mine = await house.citizen(ANN)
    page = await mine.get("/my-data")
    assert page.status_code == 200
    assert "LK/GOV/WBB asked about you" in page.text
    assert "LK/GOV/EPF" in page.text
    assert 'href="/my-data/consents/C1/withdraw"' in page.text
    asked = await mine.get("/my-data/consents/C1/withdraw")
    assert 'action="/my-data/consents/C1/withdraw"' in asked.text
    assert (await mine.get("/my-data/consents/C2/withdraw")).status_code == 404
    form = {"csrf": mine.headers["x-csrf-token"]}
    assert (await mine.post("/my-data/consents/C2/withdraw", data=form)).status_code == 404
    assert (await mine.post("/my-data/consents/C1/withdraw", data={})).status_code == 403
    assert (await mine.post("/my-data/consents/C1/withdraw", data=form)).status_code == 303
    assert "Withdrawn" in (await mine.get("/my-data")).text
    with pytest.raises(RefusedByRules):
        await house.ask(ANN)


async def test_an_anonymous_visitor_of_the_page_ends_where_people_sign_in(house: House) -> None:
    async with httpx.AsyncClient(transport=httpx.ASGITransport(house.app), base_url="http://127.0.0.1:8080") as anybody:
        page = await anybody.get("/my-data", follow_redirects=True)
        assert (page.status_code, page.url.path) == (200, "/my-data/sign-in")
