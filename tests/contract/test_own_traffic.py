"""An agency's administrator sees what its systems asked and were asked: as the answers told it, and nobody else's."""

import json
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, get_args

import pytest
from sqlalchemy import insert

from audit.lookup import Wanted, _query
from audit.wording import OUTCOMES
from gateway.delivery.tables import delivery, job
from gateway.edges.v1 import traffic
from gateway.edges.v1.party import Party
from gateway.errors import HIDDEN
from tests.agreeing import EPF, WBB
from tests.people_place import Browser
from tests.reviewing import CONSUMER, NIC, PROVIDER, House, a_house, plan_of

PATH, PAGE = "/v1/traffic/exchanges", "/console/agency/traffic"
OTHER = "199012304568"
DAY = datetime(2026, 10, 5, 6, 0, tzinfo=UTC)
PUSHED = {
    "consumer": CONSUMER,
    "idempotency_key": "k",
    "body_hash": "h",
    "service": f"{PROVIDER.rpartition('/')[2].lower()}/x",
    "purpose": "p",
    "withheld": [],
    "created": 1.0,
    "updated": 1.0,
}


@pytest.fixture
async def house(tmp_path: Path, sqlite_url: str) -> AsyncIterator[House]:
    async with a_house(tmp_path, sqlite_url) as opened:
        yield opened


@pytest.fixture
async def used(house: House) -> House:
    return await house.used(OTHER)


@pytest.fixture
async def either(tmp_path: Path, database_url: str) -> AsyncIterator[House]:
    async with a_house(tmp_path, database_url) as opened:
        yield await opened.used(OTHER)


async def administrator(house: House, member: str) -> Browser:
    _, desk = await house.officer(f"admin-{member}", "agency_administrator", member=member)
    return desk.browser


async def seen(browser: Browser, query: str = "", status: int = 200) -> Any:
    answer = await browser.http.get(f"{PATH}{query}")
    assert answer.status_code == status, answer.text
    return answer.json()


async def test_each_side_sees_an_exchange_as_its_own_and_a_third_agency_sees_none(either: House) -> None:
    asking, asked = await administrator(either, WBB), await administrator(either, EPF)
    mine, theirs = (await seen(asking))["exchanges"], (await seen(asked))["exchanges"]
    assert [(each["direction"], each["system"], each["other"]) for each in mine] == [("by_us", CONSUMER, PROVIDER)] * 2
    assert [(each["direction"], each["system"], each["other"]) for each in theirs] == [
        ("of_us", PROVIDER, CONSUMER)
    ] * 2
    assert [each["exchange_id"] for each in mine] == [each["exchange_id"] for each in theirs]
    third = await administrator(either, "LK/GOV/DPA")
    assert (await seen(third))["exchanges"] == []
    for each in mine:
        assert (await third.http.get(f"{PATH}/{each['exchange_id']}")).status_code == 404
        assert (await third.http.get(f"{PAGE}/{each['exchange_id']}")).status_code == 404
    assert (await asking.http.get(f"{PATH}/nothing")).status_code == 404


async def test_who_asked_is_told_no_more_than_the_answer_told(used: House) -> None:
    asking, asked = await administrator(used, WBB), await administrator(used, EPF)
    hidden, answered = (await seen(asking))["exchanges"]
    assert (hidden["outcome"], hidden["attempts"], hidden["agreement"]) == ("not_available", None, None)
    assert (answered["outcome"], answered["attempts"], answered["agreement"]) == ("answered", 1, "A1")
    one = (await asking.http.get(f"{PATH}/{hidden['exchange_id']}")).json()
    assert one["outcome"] == "not_available"
    assert [one[name] for name in ("attempts", "state", "last_failure", "next_at", "agreement")] == [None] * 5
    assert (await seen(asked))["exchanges"][0]["outcome"] == "refused_by_rules"
    assert [each["outcome"] for each in (await seen(asking, "?outcome=not_available"))["exchanges"]] == [
        "not_available"
    ]
    for code in sorted(HIDDEN):
        await seen(asking, f"?outcome={code}", status=400)
    assert {*get_args(traffic.Ended)} == OUTCOMES.keys() - HIDDEN | {"not_available"}


async def test_nothing_of_a_person_a_case_or_an_officer_is_shown(used: House) -> None:
    ref = used.services.person_ref
    for member in (WBB, EPF):
        browser = await administrator(used, member)
        (_, answered) = (await seen(browser))["exchanges"]
        for address in (PATH, f"{PATH}/{answered['exchange_id']}", PAGE, f"{PAGE}/{answered['exchange_id']}"):
            text = (await browser.http.get(address)).text
            for private in (NIC, OTHER, "CASE-7", ref.case_ref("CASE-7"), "case_ref", "officer_ref", "months"):
                assert private not in text, (address, private)


async def test_a_system_sees_its_own_alone_and_the_scope_for_all_evidence_adds_none_here(used: House) -> None:
    here, wanted = used.services, traffic.TrafficIn.model_validate({})
    for system, count in ((CONSUMER, 2), (f"{WBB}/OTHER", 0)):
        for everywhere in (False, True):
            found: Any = await traffic.get_traffic_exchanges(wanted, Party(WBB, system, everywhere), here)
            assert len(found["exchanges"]) == count, (system, everywhere)


async def test_pages_of_25_follow_each_other_there_and_back_under_the_same_filters(either: House) -> None:
    await either.played(60, DAY, every_s=60)
    browser = await administrator(either, WBB)
    days = "?from=2026-10-05&to=2026-10-05&direction=by_us&service=pension.contributions&outcome=answered"
    first = await seen(browser, days)
    second = await seen(browser, f"{days}&before={first['next']}")
    third = await seen(browser, f"{days}&before={second['next']}")
    times = [each["at"] for page in (first, second, third) for each in page["exchanges"]]
    assert [len(page["exchanges"]) for page in (first, second, third)] == [25, 25, 10]
    assert (times == sorted(times, reverse=True), len(set(times)), third["next"]) == (True, 60, None)
    back = await seen(browser, f"{days}&after={third['previous']}")
    assert back["exchanges"] == second["exchanges"]
    for none in ("direction=of_us", "service=other.service", "to=2026-10-04", "from=2026-11-30", "outcome=unknown"):
        name = none.partition("=")[0]
        kept = "&".join(each for each in days[1:].split("&") if not each.startswith(f"{name}="))
        if name == "from":
            kept = kept.replace("&to=2026-10-05", "").replace("to=2026-10-05&", "")
        elif name == "to":
            kept = kept.replace("from=2026-10-05&", "")
        assert (await seen(browser, f"?{kept}&{none}"))["exchanges"] == [], none
    await seen(browser, "?from=2026-10-06&to=2026-10-05", status=400)


async def test_a_day_is_the_country_s(house: House) -> None:
    zone = house.services.profile.zone
    last = datetime(2026, 10, 5, 23, 59, tzinfo=zone)
    await house.played(1, last)
    await house.played(1, last + timedelta(minutes=2))
    browser = await administrator(house, WBB)
    for day, count in ((5, 1), (6, 1), (7, 0)):
        found = await seen(browser, f"?from=2026-10-0{day}&to=2026-10-0{day}")
        assert len(found["exchanges"]) == count, day


async def test_the_page_has_words_and_a_way_on_that_keeps_the_filters(house: House) -> None:
    await house.played(30, DAY)
    browser = await administrator(house, WBB)
    title = house.services.catalogue.titles["pension.contributions"]
    text = (await browser.http.get(f"{PAGE}?service={title}&direction=by_us")).text
    assert text.count('<th scope="row" role="rowheader"') == 25
    assert (title in text, "Asked by you" in text, "Answered" in text) == (True, True, True)
    older = next(each for each in text.split('href="') if "before=" in each.partition('"')[0]).partition('"')[0]
    assert "direction=by_us" in older
    rest = (await browser.http.get(f"{PAGE}{older.replace('&amp;', '&').removeprefix(PAGE)}")).text
    assert rest.count('<th scope="row" role="rowheader"') == 5
    assert "No exchange is like this." in (await browser.http.get(f"{PAGE}?direction=of_us")).text
    wrong = await browser.http.get(f"{PAGE}?from=yesterday")
    assert (wrong.status_code, 'id="from-error"' in wrong.text) == (400, True)
    nobody = await administrator(house, "LK/GOV/DPA")
    assert "Your systems have asked nothing yet" in (await nobody.http.get(PAGE)).text


async def test_a_delivery_that_did_not_go_through_is_sent_again_from_its_page_by_its_receiver_alone(
    house: House,
) -> None:
    await house.played(1, DAY, outcome=None, action="push")
    asking, asked = await administrator(house, WBB), await administrator(house, EPF)
    (pushed,) = (await seen(asking))["exchanges"]
    id_ = pushed["exchange_id"]
    tried = {"kind": "delivery", "ref": id_, "lane": 0, "state": "dead", "attempts": 9, "not_before": 1.0}
    async with house.services.db.write() as connection:
        await connection.execute(insert(delivery).values(PUSHED | {"id": id_, "state": "held", "service": PROVIDER}))
        await connection.execute(insert(job).values(tried | {"failure": "source_down", "created": 1.0}))
    group = {"kind": "delivery", "cause": "source_down", "target": PROVIDER}
    for browser, letters in ((asking, None), (asked, group)):
        one = (await browser.http.get(f"{PATH}/{id_}")).json()
        assert [one[name] for name in ("attempts", "state", "last_failure")] == [9, "dead", "source_down"]
        assert one["letters"] == letters
        text = (await browser.http.get(f"{PAGE}/{id_}")).text
        assert (f'action="{PAGE}/resend"' in text) is (letters is not None)
    form = group | {"csrf": await asked.csrf(), "reason": "Our server is back"}
    assert (await asked.submit(f"{PAGE}/resend", form)).status_code == 303
    assert "letters.release" in json.dumps((await asked.http.get("/v1/approvals")).json())


async def test_the_agreement_of_a_use_and_of_an_exchange_is_a_link_to_its_page(used: House) -> None:
    asked = await administrator(used, EPF)
    address = "/console/agency/agreements/signed/A1"
    answered = (await seen(asked, "?outcome=answered"))["exchanges"][0]["exchange_id"]
    uses, one = [(await asked.http.get(page)).text for page in ("/console/agency/uses", f"{PAGE}/{answered}")]
    assert uses.count(f'href="{address}">Contribution status</a>') == 2  # of what was asked, and of who may ask
    assert f'href="{address}"' in one
    assert (await asked.http.get(address)).status_code == 200
    third = await administrator(used, "LK/GOV/DPA")
    assert (await third.http.get(address)).status_code == 404


async def test_own_traffic_is_read_in_its_order_from_an_index(either: House) -> None:
    """Without a filter that of the own system; with one, of either as the database thinks best (decision 0140)."""
    day = {"from": "2026-10-05", "to": "2026-10-05"}
    for query, others in (({}, ()), ({"outcome": "answered"}, ("outcome",)), (day, ("ts",))):
        wanted = traffic.TrafficIn.model_validate(query).filters({CONSUMER}, either.services)
        window = {"since": wanted.window.since, "until": wanted.window.until}
        assert len(wanted.any_of or ()) == 2
        for facts in wanted.any_of or ():
            steps = await plan(either, facts, **window)
            assert any(f"audit_search_{each}" in steps for each in (facts[0][0], *others)), steps
            assert not any(each in steps for each in ("SCAN", "Seq Scan", "TEMP B-TREE", "Sort")), steps


async def plan(house: House, facts: tuple[tuple[str, str], ...], **window: Any) -> str:
    """How the database finds its lines."""
    return await plan_of(house, _query(1, Wanted(facts, **window), sqlite=house.services.db.is_sqlite).limit(25))


async def test_what_is_not_told_says_why(used: House) -> None:
    asking = await administrator(used, WBB)
    hidden = next(each for each in (await seen(asking))["exchanges"] if each["outcome"] == "not_available")
    assert hidden["untold"] == {"agreement": "hidden", "attempts": "hidden"}
    page = await asking.http.get(f"{PAGE}/{hidden['exchange_id']}")
    assert page.text.count("It is not yours to see: the answer said no more") == 3
    assert ">not told<" in (await asking.http.get(PAGE)).text
    answered = next(each for each in (await seen(asking))["exchanges"] if each["outcome"] == "answered")
    assert answered["untold"] == {}


@pytest.mark.parametrize(("days", "why"), [(6, "never_tried"), (8, "erased")])
async def test_tries_that_are_not_kept_say_since_when(house: House, days: int, why: str) -> None:
    at = datetime.now(UTC) - timedelta(days=days)
    await house.played(1, at, lines=3)
    asking = await administrator(house, WBB)
    (line,) = (await seen(asking))["exchanges"]
    assert (line["attempts"], line["untold"]) == (None, {"attempts": why})
    one = await seen(asking, f"/{line['exchange_id']}")
    zone = house.services.profile.zone
    erased = (at + timedelta(days=7)).astimezone(zone).date().isoformat() if why == "erased" else None
    assert one["erased_on"] == erased
    told = "it was erased on" if erased else "It ended before anything was sent"
    assert told in (await asking.http.get(f"{PAGE}/{line['exchange_id']}")).text


async def test_the_filters_stay_after_sending_again_and_a_service_that_nobody_has_is_told(used: House) -> None:
    asking = await administrator(used, WBB)
    form = {"csrf": await asking.csrf(), "kind": "delivery", "cause": "x", "target": "y", "reason": ""}
    at = f"{PAGE}/resend?outcome=answered&direction=by_us"
    refused = await asking.http.post(at, data=form, headers={"origin": used.origin})
    assert refused.status_code == 400
    assert '<option value="by_us" selected>' in refused.text
    page = (await asking.http.get(f"{PAGE}?service=pension.contribution")).text
    assert "Nothing here has this name or identifier." in page
    assert "pension.contributions" in page.partition("Do you mean:")[2]
