"""The wizard's first two pages as a browser sends them: each kind begins green, and each fault stands at its field."""

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import cast

import pytest
from lxml.html import HtmlElement, fromstring

from adapters.kit.drafts import KINDS
from gateway.app import build_app
from gateway.edges.v1.adapter_drafts import records
from gateway.people import sessions, tables
from gateway.people.openid import Identity
from gateway.settings import Settings
from pages.drafts import BACK
from pages.languages import LANGUAGES
from tests.contract.test_officers_speak import ORIGIN, WBB, House
from tests.form_walk import Walk, untold
from tests.migrated import services_on_tables
from tests.people_place import Browser

AT = "/console/agency/adapters"
ABOUT = {"name": "Levy Fund", "owner": "integration@levy.example", "summary": "Members of the levy fund."}


@pytest.fixture
async def house(tmp_path: Path) -> AsyncIterator[House]:
    """The whole application with one member."""
    settings = Settings.read({"SANDHI_DATA_DIR": str(tmp_path / "data"), "SANDHI_PUBLIC_URL": ORIGIN})
    async with services_on_tables(settings) as services:
        made = House(services, build_app(services))
        await made.member(WBB)
        yield made


@pytest.fixture
async def clerk(house: House) -> Browser:
    """An agency's administrator in front of it."""
    return await house.officer("amara", "agency_administrator")


def form_at(page: HtmlElement, action: str) -> dict[str, str]:
    """What a browser would send of a form, as it stands."""
    (form,) = [each for each in page.forms if each.action == action]
    return {name: value.replace("\n", "\r\n") for name, value in form.form_values()}


async def sent(clerk: Browser, page: HtmlElement, action: str, typed: dict[str, str]) -> HtmlElement:
    return fromstring((await clerk.submit(action, form_at(page, action) | typed)).text)


async def begun(clerk: Browser, kind: str, **typed: str) -> HtmlElement:
    page = fromstring((await clerk.get(f"{AT}/new")).text)
    return await sent(clerk, page, f"{AT}/draft", {"kind": kind, "adapter": "levy"} | typed)


def nodes(page: HtmlElement, path: str, **words: str) -> list[HtmlElement]:
    return cast("list[HtmlElement]", page.xpath(path, **words))


def faults(page: HtmlElement) -> dict[str, str]:
    """The summary: what each line leads to, and says."""
    links = nodes(page, "//ul[contains(@class, 'govuk-error-summary__list')]//a")
    return {each.get("href", ""): each.text_content() for each in links}


async def test_every_kind_of_the_command_can_be_chosen(clerk: Browser) -> None:
    page = fromstring((await clerk.get(f"{AT}/new")).text)
    assert [each.get("value") for each in nodes(page, "//select[@id='kind']/option")] == list(KINDS)


@pytest.mark.parametrize(
    "kind", [each if each in {"fhir", "file"} else pytest.param(each, marks=pytest.mark.nightly) for each in KINDS]
)
async def test_what_is_begun_with_an_example_is_tested_green(clerk: Browser, kind: str) -> None:
    page = await sent(clerk, await begun(clerk, kind), f"{AT}/check", ABOUT)
    assert faults(page) == {}
    grade = page.xpath("string(//section[@aria-labelledby='tested']//strong)")
    assert grade in {"Bronze", "Silver"}
    assert len(nodes(page, "//section[@aria-labelledby='tested']//pre")) >= 6  # two samples, three columns


async def test_a_secret_that_the_form_names_needs_no_line_elsewhere(clerk: Browser) -> None:
    page = await begun(clerk, "fhir")
    token = {"auth.kind": "bearer", "auth.token": "secret:LEVY_CARD"}
    page = await sent(clerk, page, f"{AT}/check", ABOUT | token)
    assert faults(page) == {}
    assert 'LEVY_CARD = "conformance"' in form_at(page, f"{AT}/check")["file:samples/conformance.toml"]
    settings = {"file:samples/conformance.toml": "[subject]\nidentifiers = {}\n[settings]\nLEVY_URL = 7\n"}
    page = await sent(clerk, page, f"{AT}/check", settings)
    assert "did not start" not in str(faults(page))


async def test_the_kind_stays_what_was_begun_and_another_begins_anew(clerk: Browser) -> None:
    page = await begun(clerk, "dci")
    assert page.xpath("//input[@name='transport.kind']/@type") == ["hidden"]
    (kind,) = nodes(page, "//p[@id='transport.kind']")
    assert "DCI, the standard" in kind.text_content()
    assert [each.get("href") for each in nodes(kind, "./a")] == [f"{AT}/new"]


async def test_all_faults_of_the_first_page_stand_at_their_fields_at_once(clerk: Browser) -> None:
    page = await begun(clerk, "rest", adapter="", service="Much Too Long", source="")
    assert faults(page) == {
        "#adapter": "Fill in: Short name of the adapter.",
        "#service": "This is not written as it has to be: Short name of what it answers.",
    }
    assert_each_is_beside_its_field(page)


async def test_a_pasted_answer_that_nothing_would_read_is_not_passed_over(clerk: Browser) -> None:
    page = await begun(clerk, "file", source="{}")
    assert faults(page) == {"#source": "Of this kind you begin with an example: leave the answer empty."}


async def test_all_faults_of_the_second_page_stand_at_their_fields_at_once(clerk: Browser) -> None:
    wrong = {"owner": "<b>nobody</b>", "transport.attempts": "9", "service.path": "", "file:codes.toml": "="}
    page = await sent(clerk, await begun(clerk, "rest"), f"{AT}/check", wrong)
    assert list(faults(page)) == ["#name", "#owner", "#summary", "#transport.attempts", "#file:codes.toml"]
    assert faults(page)["#transport.attempts"].startswith("At most 5: ")
    assert_each_is_beside_its_field(page)
    kept = await clerk.submit(AT, form_at(page, f"{AT}/check"))
    assert faults(fromstring(kept.text)) == faults(page)


def assert_each_is_beside_its_field(page: HtmlElement) -> None:
    for href, text in faults(page).items():
        (field,) = nodes(page, "//*[@id=$id]", id=href[1:])
        error = f"{href[1:]}-error"
        assert error in field.get("aria-describedby", "").split(), href
        assert [text in each.text_content() for each in nodes(page, "//p[@id=$id]", id=error)] == [True], href
        (group,) = nodes(field, "./..")
        assert "govuk-form-group--error" in group.get("class", ""), href
        assert nodes(field, "ancestor::details") == [], f"{href} is folded away"


@pytest.mark.parametrize("kind", ["fhir", "sftp"])
async def test_what_is_marked_optional_may_all_be_left_empty(clerk: Browser, kind: str) -> None:
    page = await begun(clerk, kind)
    marked = {each.get("for", "") for each in nodes(page, "//label") if "(optional)" in each.text_content()}
    assert {"transport.timeout_s", "transport.attempts", "service.title", "service.lag_months"} <= marked
    assert not {"name", "service.path", "service.request", "service.id_types", "auth.token"} & marked
    tested = await sent(clerk, page, f"{AT}/check", ABOUT | dict.fromkeys(marked, ""))
    assert faults(tested) == {}


async def test_who_has_a_file_fetched_by_sftp_is_asked_for_no_address_of_the_web(clerk: Browser) -> None:
    for kind, asked in (("fhir", 1), ("sftp", 0)):
        assert len(nodes(await begun(clerk, kind), "//input[@name='transport.base_url']")) == asked, kind


async def test_a_form_whose_session_ended_after_a_refused_keep_comes_back_as_that_form(
    house: House, clerk: Browser
) -> None:
    """A refused form stands under the address of the list: a browser says that it was sent from there."""
    page = await sent(clerk, await begun(clerk, "fhir"), f"{AT}/check", ABOUT | {"name": "The fund of levies"})
    form, people = form_at(page, f"{AT}/check"), house.services.people
    before = str(clerk.http.cookies.get(people.cookies.name("console")))
    async with people.db.write() as connection:
        await connection.execute(tables.session.update().values(seen_at=people.clock() - timedelta(days=1)))
    answer = await clerk.submit(AT, form, referer=f"{ORIGIN}{AT}")
    assert answer.headers["location"] == f"/console/sign-in?next={AT.replace('/', '%2F')}"
    provider = replace(people.offered("console")[0], issuer="https://id.example")
    identity = Identity(provider, "amara", people.clock())
    secret = await people.admit_officer(identity, before=sessions.hashed(before))
    clerk.http.cookies.set(people.cookies.name("console"), secret, domain="127.0.0.1", path="/")
    again = (await clerk.get(AT)).text
    assert BACK in again
    assert form_at(fromstring(again), f"{AT}/check") | {"csrf": ""} == form | {"csrf": ""}
    assert not nodes(fromstring((await clerk.get(AT)).text), "//textarea")


async def test_every_step_of_a_kept_adapter_says_what_is_wrong_where_it_is_wrong(clerk: Browser) -> None:
    await ready_to_hand_in(clerk)
    refused = set()
    async for form, typed, answer in (await Walk(clerk.http, ORIGIN, f"{AT}/levy").walked(f"{AT}/levy")).answered():
        if answer.status_code == 400:
            assert untold(fromstring(answer.text), "Error: ") == [], (form, typed)
            refused.add(form.partition(" ")[0].rpartition("/")[2])
    assert {"inputs", "release", "outage"} <= refused


async def ready_to_hand_in(clerk: Browser) -> None:
    """The example, kept; what it lacks before it can be handed in is said, and then given."""
    kept = await clerk.submit(AT, form_at(await begun(clerk, "rest"), f"{AT}/check") | ABOUT)
    assert kept.status_code == 303, kept.text
    page = fromstring((await clerk.get(f"{AT}/levy")).text)
    lacks = [each.get("href") for each in nodes(page, "//div[@id='way']//a")]
    assert (lacks, nodes(page, "//form[@action=$at]", at=f"{AT}/levy/release")) == (["#test", "#stage"], [])
    stale = await clerk.submit(
        f"{AT}/levy/release", form_at(page, f"{AT}/levy/test") | {"way": "active", "reason": "as agreed"}
    )
    assert list(faults(fromstring(stale.text))) == ["#way"]
    values = form_at(page, f"{AT}/levy/inputs") | {"stage": "production"}
    given = {name: "https://levy.example" if name.endswith("_URL") else "given" for name in values if ":" in name}
    assert (await clerk.submit(f"{AT}/levy/inputs", values | given)).status_code == 303
    assert (await clerk.submit(f"{AT}/levy/test", form_at(page, f"{AT}/levy/test"))).status_code == 303
    page = fromstring((await clerk.get(f"{AT}/levy")).text)
    ways = nodes(page, "//select[@id='way']/option/@value")
    assert ways == ["active"]  # nothing runs yet that a share could be compared with


def test_each_record_has_a_name_in_each_language() -> None:
    for code in ("si", "ta"):
        assert [each for each in records().values() if each not in LANGUAGES[code].words] == []
