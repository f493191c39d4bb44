"""Pages say names where the rules have ids, and what people need where a program would get a problem."""

import re
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from html import unescape
from pathlib import Path
from urllib.parse import quote_plus, urlencode

import pytest
from httpx import Response

from gateway.review.findings import opened
from gateway.review.rules import Hit, rule_named
from tests.agreeing import EPF, WBB
from tests.reviewing import CONSUMER, NIC, Desk, House, a_house

AT = datetime(2026, 10, 31, 12, tzinfo=UTC)
WHY = "complaint 2026-17 of the ombudsman"


@pytest.fixture
async def house(tmp_path: Path, sqlite_url: str) -> AsyncIterator[House]:
    async with a_house(tmp_path, sqlite_url) as found:
        yield found


@pytest.fixture
async def either(tmp_path: Path, database_url: str) -> AsyncIterator[House]:
    """On both databases: where one of them sorts or compares."""
    async with a_house(tmp_path, database_url) as found:
        yield found


async def sent(desk: Desk, house: House, path: str, **fields: str) -> Response:
    csrf = await desk.browser.csrf()
    return await desk.browser.http.post(path, data=fields | {"csrf": csrf}, headers={"origin": house.origin})


async def post(desk: Desk, house: House, path: str, **fields: str) -> str:
    answer = await sent(desk, house, path, **fields)
    assert answer.status_code in {200, 303}, answer.text
    return answer.text


async def page(desk: Desk, path: str, status: int = 200) -> str:
    answer = await desk.browser.http.get(path)
    assert answer.status_code == status, answer.text[-400:]
    return answer.text


async def test_an_exchange_is_found_by_the_name_of_the_system_as_well_as_by_its_id(house: House) -> None:
    await house.agreed()
    await house.consented()
    await house.asked()
    _, desk = await house.officer("amara", "compliance_officer")
    await post(desk, house, "/console/reason", reason=WHY, next="/console")
    name = (await house.services.trust.register()).systems[CONSUMER].name
    for wanted in (CONSUMER, name, name.upper()):
        assert "/console/exchanges/0" in await page(desk, f"/console/exchanges?consumer={wanted}")
    for path in ("/console/exchanges", "/console/exchanges/offers"):  # in the page itself, for who has no scripts
        assert f'<option value="{CONSUMER}">{name}</option>' in await page(desk, path)
    nobody = await page(desk, "/console/exchanges?consumer=Nobody")
    assert nobody.count("Nothing here has this name or identifier.") == 2  # above, and at the field
    assert "No exchange is like this." not in nobody
    assert "No exchange is like this." in await page(desk, f"/console/exchanges?provider={CONSUMER}")


@pytest.mark.parametrize("typed", ["LK GOV WBB SRIS", "LK/GOV/WBB/SRIX", "LK/GOV/WBB/SRI S"])
async def test_an_id_that_nobody_has_is_told_with_those_that_are_written_alike(house: House, typed: str) -> None:
    _, desk = await house.officer("amara", "compliance_officer")
    await post(desk, house, "/console/reason", reason=WHY, next="/console")
    status = 400 if " " in typed else 200  # no id has a space
    told = await page(desk, f"/console/exchanges?consumer={quote_plus(typed)}&outcome=answered", status)
    assert "Who asked: Nothing here has this name or identifier." in told
    near = "/console/exchanges?outcome=answered&amp;consumer=LK%2FGOV%2FWBB%2FSRIS"
    assert f'href="{near}"' in told


async def test_a_form_of_filters_is_folded_where_none_is_set(house: House) -> None:
    await house.used("199012304568")
    _, desk = await house.officer("amara", "compliance_officer")
    await post(desk, house, "/console/reason", reason=WHY, next="/console")
    summary = '<summary class="govuk-details__summary"><span class="govuk-details__summary-text">Filters'
    folded = f'<details class="govuk-details">{summary}'
    assert folded in await page(desk, "/console/exchanges")
    for query in ("outcome=answered", f"system={WBB}", "since=2026-01-01", "consumer=Nobody"):
        assert folded not in await page(desk, f"/console/exchanges?{query}"), query
    assert 'id="system"' in await page(desk, f"/console/exchanges?system={WBB}")  # or the next search forgets it


async def test_whose_words_a_case_and_an_officer_are_stands_in_no_address(house: House) -> None:
    await house.agreed()
    await house.consented()
    await house.asked(case="Nimal.appeal-7")
    _, desk = await house.officer("amara", "compliance_officer")
    await post(desk, house, "/console/reason", reason=WHY, next="/console")
    coded = await sent(desk, house, "/console/exchanges/search", case="Nimal.appeal-7", officer="Mr.X", outcome="")
    refs = house.services.person_ref
    codes = {"case": refs.case_ref("Nimal.appeal-7"), "officer": refs.officer_ref("Mr.X")}
    assert coded.status_code == 303
    assert coded.headers["location"] == f"/console/exchanges?{urlencode(codes)}"
    by_hand = await desk.browser.http.get("/console/exchanges", params={"case": "Nimal.appeal-7"})
    assert by_hand.headers["location"] == f"/console/exchanges?case={codes['case']}"
    found = await page(desk, by_hand.headers["location"])
    assert "/console/exchanges/0" in found
    assert "Nimal" not in found
    refused = await sent(desk, house, "/console/exchanges/search", case=NIC)
    assert (refused.status_code, 'href="#case"' in refused.text) == (400, True)
    plain = await sent(desk, house, "/console/exchanges/search", outcome="answered")
    assert plain.headers["location"] == "/console/exchanges?outcome=answered"


async def test_a_member_and_an_agreement_are_found_by_what_they_are_called(house: House) -> None:
    await house.agreed(title="Pensions for the registry")
    await house.consented()
    await house.asked()
    _, desk = await house.officer("amara", "compliance_officer")
    await post(desk, house, "/console/reason", reason=WHY, next="/console")
    for query in (f"consumer={WBB}", f"provider={EPF}", "agreement=pensions+for+the+registry"):
        assert "/console/exchanges/0" in await page(desk, f"/console/exchanges?{query}"), query
    listed = await page(desk, "/console/exchanges/offers")
    for address in ("system=LK/GOV/WBB", "agreement=A1", "service=pension.contributions"):
        assert f'href="/console/exchanges?{address}"' in listed, address


async def test_lines_of_the_list_tell_what_makes_each_another_one(house: House) -> None:
    await house.used("199012304568")
    _, desk = await house.officer("amara", "compliance_officer")
    await post(desk, house, "/console/reason", reason=WHY, next="/console")
    lines = (await desk.json("GET", "/exchanges"))["exchanges"]
    text = await page(desk, "/console/exchanges")
    for each in lines:
        assert f"…{each['exchange_id'][-8:]}" in text
    (case,) = [each["case_ref"] for each in lines if each["case_ref"]]
    assert f"Case {case[:8]}" in text
    assert "1 field<" in text


async def test_a_page_names_officers_whom_the_reader_may_see_and_nobody_else(house: House) -> None:
    planner, desk = await house.officer("amara", "compliance_officer")
    await post(desk, house, "/console/samples", since="2026-01-01", until="2026-01-02", size="2")
    text = await page(desk, "/console/samples")
    assert planner.id not in text
    assert text.count(planner.name) == 2  # who is signed in, and who planned it
    assert "1 January 2026 to 2 January 2026" in text


async def test_who_has_no_role_for_a_page_reads_what_to_do_and_no_right_s_name(house: House) -> None:
    _, desk = await house.officer("amara", "compliance_officer")
    text = await page(desk, "/console/agency", 403)
    assert "You may not do this" in text
    assert "agency.run" not in text
    assert "openapi" not in await page(desk, "/console/nothing-of-this-name", 404)


async def test_a_finding_about_a_system_s_day_leads_to_the_exchanges_of_that_day(house: House) -> None:
    _, desk = await house.officer("amara", "compliance_officer")
    here = house.services.people.clock().astimezone(house.services.profile.zone)
    await house.played(55, here.replace(hour=12) - timedelta(days=1))  # all on one of the country's days
    await desk.json("POST", "/findings/run")
    found = (await desk.json("GET", "/findings"))["findings"]
    (about,) = [each for each in found if each["rule"] == "many_subjects_without_case"]
    await post(desk, house, "/console/reason", reason=WHY, next="/console")
    text = await page(desk, f"/console/findings/{about['id']}")
    (address,) = re.findall(r'href="(/console/exchanges[?][^"]*)"', text)
    assert f"consumer={quote_plus(CONSUMER)}" in address
    assert (await page(desk, unescape(address))).count('href="/console/exchanges/0') == 25  # a page of the 55


async def test_a_breach_takes_a_system_by_its_name_and_refuses_one_that_nobody_knows(house: House) -> None:
    _, desk = await house.officer("amara", "compliance_officer")
    await post(desk, house, "/console/reason", reason=WHY, next="/console")
    name = (await house.services.trust.register()).systems[CONSUMER].name
    await post(desk, house, "/console/breaches", system=name.lower(), known_at="2026-11-01T09:30")
    (case,) = (await desk.json("GET", "/breaches"))["breaches"]
    assert case["criteria"] == {"system": CONSUMER}
    assert case["known_at"] == "2026-11-01T04:00:00+00:00"  # by the clocks of the country
    assert "The log has no exchange like this." in await page(desk, f"/console/breaches/{case['id']}")
    offered = await page(desk, "/console/exchanges/offers")
    for what in ("party", "agreement", "key"):
        assert f'<datalist id="offered-{what}">' in offered
        assert f'list="offered-{what}"' in await page(desk, "/console/breaches")


async def test_what_was_exchanged_about_a_person_is_narrowed_and_paged_in_the_body_alone(house: House) -> None:
    await house.agreed()
    await house.consented()
    for _ in range(27):
        await house.asked()
    _, desk = await house.officer("selvam", "external_auditor")
    await post(desk, house, "/console/reason", reason=WHY, next="/console")
    number = {"type": "NIC", "value": NIC}
    all_of_it = await post(desk, house, "/console/person", **number)
    assert all_of_it.count('href="/console/exchanges/0') == 25
    (before,) = re.findall(r'name="before" value="([^"]+)"', all_of_it)
    wanted = number | {"outcome": "answered", "consumer": CONSUMER}
    rest = await post(desk, house, "/console/person", **wanted, before=before)
    assert rest.count('href="/console/exchanges/0') == 2
    assert '<option value="answered" selected>' in rest
    assert "Nothing, as far as" in await post(desk, house, "/console/person", **number, outcome="source_down")
    assert "Nothing, as far as" in await post(desk, house, "/console/person", **number, until="2026-01-01")


async def test_a_later_page_of_exchanges_leads_back_to_the_newest(house: House) -> None:
    _, desk = await house.officer("selvam", "external_auditor")
    await post(desk, house, "/console/reason", reason=WHY, next="/console")
    await house.played(30, house.services.people.clock())
    first = await page(desk, "/console/exchanges?outcome=answered")
    assert ">Newest<" not in first
    (address,) = re.findall(r'href="([^"]*before=[^"]*)"', first)
    later = await page(desk, unescape(address))
    (newest,) = re.findall(r'href="([^"]*)"><span class="govuk-pagination__link-title">Newest<', later)
    assert "outcome=answered" in newest
    assert (await page(desk, unescape(newest))).count('href="/console/exchanges/0') == 25


async def test_what_the_log_says_of_an_exchange_is_told_with_names_and_in_words(house: House) -> None:
    await house.agreed()
    await house.consented()
    exchange = await house.asked(case="CASE-7")
    _, desk = await house.officer("amara", "compliance_officer")
    await post(desk, house, "/console/reason", reason=WHY, next="/console")
    told = await page(desk, f"/console/exchanges/{exchange}")
    for word, value in (
        ("Service", "Contributions and pensions (pension.contributions)"),
        ("What was done", "Read"),
        ("Legal basis", "Consent"),
        ("Outcome", "Answered"),
        ("The caller may know whether there is something", "yes"),
    ):
        row = f'<dt class="govuk-summary-list__key">{word}</dt><dd class="govuk-summary-list__value">{value}</dd>'
        assert row in told or word.startswith("The caller"), row
    for code in ("Exchange id", "Officer ref", "Decisions root", ">Case ref<"):
        assert code not in told


async def test_one_of_a_kind_is_said_as_one(house: House) -> None:
    await house.agreed()
    await house.consented()
    await house.asked()
    _, desk = await house.officer("amara", "compliance_officer")
    front = await page(desk, "/console")
    assert '<span class="app-cards__figure">1</span>' in front
    assert ">exchange in 7 days<" in front or ">exchange in 30 days<" in front
    assert "exchanges in" not in front


async def test_services_and_purposes_are_said_and_searched_by_what_people_call_them(house: House) -> None:
    await house.agreed()
    await house.consented()
    await house.asked()
    _, desk = await house.officer("amara", "compliance_officer")
    await post(desk, house, "/console/reason", reason=WHY, next="/console")
    for narrowed in ("service=contributions+AND+pensions", "service=pension.contributions"):
        text = await page(desk, f"/console/exchanges?{narrowed}")
        assert ">Contributions and pensions<" in text
    assert "No exchange is like this." in await page(desk, "/console/exchanges?service=Identity")
    (address,) = set(re.findall(r'href="(/console/exchanges/0[^"]+)"', text))
    told = await page(desk, address)
    assert "pension.contributions" in told  # what the log says, for engineers
    number = {"type": "NIC", "value": NIC}
    purpose = house.services.profile.purposes["employment-support.eligibility"]
    assert address in await post(desk, house, "/console/person", **number, purpose=purpose.upper())


async def test_exchanges_are_turned_over_in_both_directions(either: House) -> None:
    _, desk = await either.officer("amara", "compliance_officer")
    await post(desk, either, "/console/reason", reason=WHY, next="/console")
    await either.played(60, either.services.people.clock())

    def ids(text: str) -> list[str]:
        return re.findall(r'href="/console/exchanges/(0[^"]+)"', text)

    async def turned(text: str, way: str) -> str:
        (address,) = re.findall(rf'href="([^"]*)" rel="{way}"', text)
        return await page(desk, unescape(address))

    for narrowed in ("", "?outcome=answered", f"?system={CONSUMER}", "?since=2020-01-01"):
        first = await page(desk, f"/console/exchanges{narrowed}")
        second = await turned(first, "next")
        third = await turned(second, "next")
        assert list(map(len, map(ids, (first, second, third)))) == [25, 25, 10], narrowed
        assert len({*ids(first), *ids(second), *ids(third)}) == 60
        assert 'rel="prev"' not in first
        assert 'rel="next"' not in third
        back = await turned(third, "prev")
        assert ids(back) == ids(second)
        top = await turned(back, "prev")
        assert ids(top) == ids(first)
        assert ids(await turned(back, "next")) == ids(third)


async def test_findings_are_turned_over_in_both_directions(either: House) -> None:
    _, desk = await either.officer("amara", "compliance_officer")
    here, now = either.services, either.services.people.clock()
    async with here.db.write() as connection:
        for each in range(60):
            hit = Hit(f"case {each}")
            await opened(connection, here.log, rule_named("out_of_hours"), hit, now + timedelta(seconds=each // 7))

    def ids(text: str) -> list[str]:
        return re.findall(r'href="/console/findings/(F-[^"]+)"', text)

    async def turned(text: str, way: str) -> str:
        (address,) = re.findall(rf'href="([^"]*)" rel="{way}"', text)
        return await page(desk, unescape(address))

    first = await page(desk, "/console/findings")
    second = await turned(first, "next")
    third = await turned(second, "next")
    assert len({*ids(first), *ids(second), *ids(third)}) == 60
    back = await turned(third, "prev")
    assert ids(back) == ids(second)
    assert ids(await turned(back, "prev")) == ids(first)
    assert 'rel="prev"' not in first


async def test_events_are_turned_over_in_both_directions(either: House) -> None:
    _, desk = await either.officer("amara", "compliance_officer")
    await post(desk, either, "/console/reason", reason=WHY, next="/console")
    for each in range(60):
        await either.logged("finding.opened", {"by": "gateway" if each % 2 else "x", "finding": f"F-{each}"}, AT)

    async def turned(text: str, way: str) -> str:
        (address,) = re.findall(rf'href="([^"]*)" rel="{way}"', text)
        return await page(desk, unescape(address))

    for narrowed, count in (("", 60), ("&officer=x", 30)):
        first = await page(desk, f"/console/events?kind=finding.opened{narrowed}")
        second = await turned(first, "next")
        seen = re.findall(r"F-\d+<", first + second)
        assert len(set(seen)) == len(seen) == min(50, count)
        assert re.findall(r"F-\d+<", await turned(second, "prev")) == re.findall(r"F-\d+<", first)


async def test_who_registers_an_officer_chooses_the_member_by_its_name(house: House) -> None:
    _, everywhere = await house.officer("amara", "operator")
    assert '<option value="LK/GOV/EPF">' in await page(everywhere, "/console/officers")
    _, own = await house.officer("kasun", "agency_administrator", member="LK/GOV/WBB")
    text = await page(own, "/console/officers")
    assert '<option value="LK/GOV/WBB"' in text
    assert "LK/GOV/EPF" not in text
