"""Every form of the console that is not taken says all that is wrong with it: above, and beside each field."""

import re
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import pytest
from lxml.html import HtmlElement, fromstring

from pages.languages import COOKIE, LANGUAGES
from tests.agreeing import EPF, WBB, document
from tests.form_trouble import troubled
from tests.form_walk import Sends, Walk, nodes, untold
from tests.reviewing import Desk, House, a_house

WHY = "complaint 2026-17 of the ombudsman"
OFFICERS = (
    ("compliance_officer", "LK/GOV/DPA"),
    ("data_protection_officer", "LK/GOV/DPA"),
    ("operator", WBB),
    ("agency_administrator", WBB),
    ("agency_administrator", EPF),
)


LABEL = "//label[@for=$at] | //*[@id=$at]/ancestor::fieldset//legend"
KEEPS = "//main//*[@name=$name and (self::input[not(@type='radio')] or self::textarea)]"
OF_TROUBLE = ("/emergencies/", "/queues/propose", "/traffic/resend", "/unmapped", "/samples/", "/widen")
"""Forms that are there when something is wrong, or waits for somebody."""
TOLD = 40
"""So many forms at least that are not taken, all officers together: fewer means that the walk does not find them."""


@pytest.fixture
async def house(tmp_path: Path, sqlite_url: str) -> AsyncIterator[House]:
    """With something of everything: an agreement and a wider one, exchanges, findings, samples, a proposal, colleagues,
    an emergency, dead letters, codes that nobody knows."""
    async with a_house(tmp_path, sqlite_url) as found:
        await found.used("199012304568")
        here = found.services.people.clock().astimezone(found.services.profile.zone)
        await found.played(55, here.replace(hour=12) - timedelta(days=1))  # all on one of the country's days
        for member in (WBB, EPF):
            _, colleague = await found.officer(f"colleague-{member}", "agency_administrator", member=member)
        proposed = await colleague.browser.call("POST", "/v1/proposals", {"document": document(id="A2")})
        assert proposed.status_code == 201, proposed.text
        _, operator = await found.officer("first", "operator", member=WBB)
        retiring = {"state": "retired", "confirmed": "yes", "reason": WHY}
        await posted(found, operator, f"/console/operation/members/{EPF.replace('/', '.')}/state", **retiring)
        _, planner = await found.officer("planner", "compliance_officer")
        await planner.json("POST", "/findings/run")
        today = f"{found.services.people.clock():%Y-%m-%d}"
        await posted(found, planner, "/console/samples", since=today, until=today, size="2")
        await troubled(found, planner)
        yield found


async def posted(house: House, desk: Desk, path: str, **fields: str) -> None:
    csrf = await desk.browser.csrf()
    answer = await desk.browser.http.post(path, data=fields | {"csrf": csrf}, headers={"origin": house.origin})
    assert answer.status_code == 303, answer.text


async def walk(house: House, role: str, member: str, language: str) -> Walk:
    """A walk of everything that this role sees, with the reason given."""
    _, desk = await house.officer(f"{role}-{member}", role, member=member)
    http = desk.browser.http
    http.cookies.set(COOKIE, language, domain="127.0.0.1", path="/")
    if role not in {"operator", "agency_administrator"}:
        await posted(house, desk, "/console/reason", reason=WHY, next="/console")
    starts = ("/console", "/console/person", "/console/reason", "/console/drill")
    return await Walk(http, house.origin, "/console").walked(*starts)


@pytest.mark.parametrize("language", sorted(LANGUAGES))
async def test_every_form_that_is_not_taken_says_what_is_wrong_where_it_is_wrong(house: House, language: str) -> None:
    error, lacking, refused = LANGUAGES[language].said("Error: "), [], []
    for role, member in OFFICERS:
        async for form, typed, answer in (await walk(house, role, member, language)).answered():
            assert answer.status_code < 500, (role, form, typed, answer.text)
            if answer.status_code not in {400, 403, 409} or "text/html" not in answer.headers["content-type"]:
                continue
            page = fromstring(answer.text)
            lacking += [f"{role}: {form}, {typed}: {each}" for each in untold(page, error)]
            lacking += [f"{role}: {form}: {each}" for each in english(page) if language != "en"]
            lacking += [f"{role}: {form}: {each} is no label of it" for each in misnamed(page) if language == "en"]
            lacking += [f"{role}: {form}: lost what was typed in {each}" for each in lost(page, typed)]
            refused.append(form)
    assert lacking == []
    assert len(set(refused)) >= TOLD
    assert [each for each in OF_TROUBLE if not any(each in form for form in refused)] == []


def english(page: HtmlElement) -> list[str]:
    """What a summary says in English words."""
    said = [each.text_content() for each in nodes(page, "//ul[contains(@class, 'summary__list')]/li")]
    return [each for each in said if re.search("[a-z]{3}.* [a-z]{3}", each)]


def misnamed(page: HtmlElement) -> list[str]:
    """What is to be filled in, and is called otherwise on the page."""
    links = nodes(page, "//ul[contains(@class, 'summary__list')]//a[starts-with(., 'Fill in: ')]")
    fields = {each.text_content()[9:-1]: nodes(page, LABEL, at=each.get("href", "")[1:]) for each in links}
    labels = {
        name: [each.text_content().strip().removesuffix(" (optional)") for each in found]
        for name, found in fields.items()
    }
    return [name for name, called in labels.items() if name not in called]


def lost(page: HtmlElement, typed: Sends) -> list[str]:
    """Fields that are on the page again without what was typed; a person's key may hold a secret half."""
    kept = [name for name, text in typed.items() if text and name not in {"jwks", "password"} and ":" not in name]
    fields = {name: nodes(page, KEEPS, name=name) for name in kept if typed[name].strip("\x01")}
    shown = {name: [each.get("value") or each.text for each in found] for name, found in fields.items() if found}
    return [name for name, values in shown.items() if typed[name] not in values]
