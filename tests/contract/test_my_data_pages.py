"""`/my-data`: a person's own and nobody else's; each form with its token; what was typed is shown as text."""

import re
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from html import escape
from pathlib import Path

import httpx
import pytest
from lxml.html import fromstring

from adapters.kit import discovery, manifest
from gateway.catalogue import Catalogue, Offer
from gateway.citizen import Citizens
from gateway.citizen.wording import Words
from gateway.console import contest_form
from gateway.people import sessions, tables
from gateway.people.openid import Identity
from gateway.trust import Member, register
from pages import LANGUAGES, POLICY
from pages.drafts import BACK
from pages.languages import NOW, Spoken
from tests.citizen_house import ANN, BEN, ORIGIN, OTHER, STATUTE, House, a_house, document
from tests.citizen_house import FUND as SIDE

FUND = Member("LK/GOV/EPF", "Employees' Provident Fund")
NAUGHTY = '"><script>alert(1)</script>{{7*7}}%(x)s'


@pytest.fixture
async def house(tmp_path: Path) -> AsyncIterator[House]:
    async with a_house(tmp_path) as found:
        await found.agree()
        await found.consented(ANN, "of-ann")
        await found.consented(BEN, "of-ben")
        yield found


async def send(browser: httpx.AsyncClient, path: str, *, token: bool = True, **fields: str) -> httpx.Response:
    """A form of a page of ours."""
    body = fields | ({"csrf": browser.headers["x-csrf-token"]} if token else {})
    return await browser.post(path, data=body, headers={"origin": ORIGIN})


async def test_the_page_says_who_asked_what_for_and_on_which_ground(house: House) -> None:
    await house.ask(ANN)
    ann = await house.citizen(ANN)
    text = (await ann.get("/my-data")).text
    for told in ("asked about you", "Who was asked", "On what ground", "your consent", "Receipt to print"):
        assert told in text, told
    assert ANN not in text
    nobody = (await (await house.citizen(BEN)).get("/my-data")).text
    assert "Nobody, as far as may be shown now. What is asked or told about you from now on stands here." in nobody


async def test_older_uses_are_behind_a_link_and_days_narrow_them(house: House) -> None:
    for _ in range(11):
        await house.ask(ANN)
    ann = await house.citizen(ANN)
    text = (await ann.get("/my-data?from=2026-01-01")).text
    assert text.count("asked about you") == 10
    assert 'href="/my-data?from=2026-01-01&amp;before=' in text
    wrong = await ann.get("/my-data?from=yesterday&to=2026-10-31")
    told = wrong.text.count("This is not written as it has to be: From day.")
    assert (wrong.status_code, told) == (400, 2)  # on top, and beside the field
    assert 'value="yesterday"' in wrong.text
    assert 'value="2026-10-31"' in wrong.text
    assert "Nobody, as far" not in wrong.text
    assert (await ann.get("/my-data?before=nowhere")).status_code == 303
    assert "Nobody, as far" in (await ann.get("/my-data?to=2019-01-01")).text


async def test_another_s_consent_receipt_and_case_do_not_exist(house: House) -> None:
    await house.ask(ANN)
    ann, ben = await house.citizen(ANN), await house.citizen(BEN)
    opened = await send(ann, "/my-data/contest", service="fund.status", statement="wrong", number=ANN)
    assert opened.headers["location"] == "/my-data?done=contested"
    (case,) = (await ann.get("/v1/my/contests")).json()["contests"]
    for path in ("/my-data/consents/of-ann/receipt", "/v1/my/consents/of-ann/receipt"):
        assert (await ben.get(path)).status_code == 404
        assert (await ann.get(path)).status_code == 200
    for path in ("consents/of-ann", f"contests/{case['id']}"):
        assert (await ben.get(f"/my-data/{path}/withdraw")).status_code == 404
        assert (await ann.get(f"/my-data/{path}/withdraw")).status_code == 200
        assert (await send(ben, f"/my-data/{path}/withdraw")).status_code == 404
    uses = (await ann.get("/v1/my/uses")).json()["uses"]
    seen = {"about": "all:LK/GOV/EPF", "exchange": uses[0]["exchange_id"], "statement": "x", "number": BEN}
    assert (await send(ben, "/my-data/contest", **seen)).status_code == 404
    assert (await ben.get(f"/my-data/contest?exchange={seen['exchange']}")).status_code == 404
    assert (await send(ann, f"/my-data/contests/{case['id']}/withdraw")).status_code == 303
    assert (
        await ann.get(f"/my-data/contests/{case['id']}/withdraw")
    ).status_code == 404  # nothing is left to take back
    assert (await send(ann, "/my-data/consents/of-ann/withdraw")).headers["location"] == "/my-data?done=withdrawn"


async def test_no_form_does_anything_without_the_token(house: House) -> None:
    ann = await house.citizen(ANN)
    for path in ("consents/of-ann/withdraw", "contest", "contests/x/withdraw"):
        answer = await send(ann, f"/my-data/{path}", token=False, service="fund.status", statement="x", number=ANN)
        assert answer.status_code == 403, path
    (consent,) = (await ann.get("/v1/my/consents")).json()["consents"]
    assert consent["standing"] == "in force"
    assert (await ann.get("/v1/my/contests")).json()["contests"] == []


async def test_what_was_typed_is_text_and_the_number_is_of_the_person(house: House) -> None:
    ann = await house.citizen(ANN)
    for fields in (
        {"service": NAUGHTY, "statement": "x", "number": ANN},
        {"service": "fund.status", "statement": NAUGHTY, "number": BEN},
        {"service": "fund.status", "statement": NAUGHTY, "number": NAUGHTY},
        {"service": "fund.status", "statement": "", "number": ANN},
        {"service": "fund.status", "statement": "x", "number": ANN, f"field-{NAUGHTY}": "yes"},
    ):
        answer = await send(ann, "/my-data/contest", **fields)
        assert answer.status_code == 400
        assert "<script>alert" not in answer.text
    assert (
        await send(ann, "/my-data/contest", service="fund.status", statement=NAUGHTY, number=ANN)
    ).status_code == 303
    text = (await ann.get("/my-data")).text
    assert "<script>alert" not in text
    assert "{{7*7}}%(x)s" in text


async def test_what_withdrawing_means_is_said_before_it_is_done(house: House) -> None:
    ann, ben = await house.citizen(ANN), await house.citizen(BEN)
    path = "/my-data/consents/of-ann/withdraw"
    assert f'href="{path}"' in (await ann.get("/my-data")).text
    assert (await ben.get(path)).status_code == 404
    asked = await ann.get(path)
    assert f'action="{path}"' in asked.text
    assert "What rests on a law goes on" in asked.text
    (consent,) = (await ann.get("/v1/my/consents")).json()["consents"]
    assert consent["standing"] == "in force"
    assert (await send(ann, path)).status_code == 303
    assert f'action="{path}"' not in (await ann.get(path)).text


async def test_a_receipt_says_names_and_days_in_the_language_of_the_person(house: House) -> None:
    ann = await house.citizen(ANN)
    told = (await ann.get("/v1/my/consents/of-ann/receipt")).json()["receipt"]
    here, board = house.services, Member("LK/GOV/WBB", "Welfare Benefits Board")
    async with here.db.write() as connection:
        await register.add_member(connection, here.log, board, here.people.clock())
    here.trust.forget()
    for language, own in (("en", "You gave it"), ("si", "ඔබ එය"), ("ta", "கொடுத்தீர்கள்")):
        page = (await ann.get(f"/my-data/consents/of-ann/receipt?lang={language}", follow_redirects=True)).text
        words = page.partition("<pre>")[0]
        assert own in words
        assert told["pii_controllers"] == [board.id]
        assert f"<dd>{LANGUAGES[language].said(board.name)}</dd>" in words
        assert f">{told['events'][0]['validity']['from']}<" not in words


async def test_what_a_consent_allows_is_a_list_and_fields_have_words(house: House) -> None:
    await house.consented(ANN, "narrow", frozenset({"birth_date"}))
    ann = await house.citizen(ANN)
    said = LANGUAGES["ta"].said
    for path in ("/my-data?lang=ta", "/my-data/consents/narrow/withdraw"):
        page = (await ann.get(path)).text
        assert f": {said('date of birth')})</li>" in page
        assert "birth_date" not in page
        assert page.count("<li>fund.") >= 2


async def test_the_agreements_behind_it_are_told_in_the_language_of_the_person(house: House) -> None:
    title, law = "Find out who has no taxable work", "Welfare Benefits Act No. 24 of 2002"
    bases = [{"kind": "public_task", "reference": law}]
    await house.agree(document("A2", OTHER, legal_bases=bases) | {"title": title})
    await house.ask(ANN, consumer=OTHER)
    page = (await (await house.citizen(ANN)).get("/my-data/agreements?lang=ta")).text
    assert page.count(LANGUAGES["ta"].said(title)) == 2  # the heading, and its first sentence
    assert LANGUAGES["ta"].said(law) in page
    assert [text for text in (title, law, "(bulk", "read)") if text in page] == []


async def named_in(house: House, *members: Member) -> None:
    """These members are registered here."""
    here = house.services
    async with here.db.write() as connection:
        for each in members:
            await register.add_member(connection, here.log, each, here.people.clock())
    here.trust.forget()


def offered(page: str) -> list[tuple[str, str]]:
    """The options of the only list of a page: value and text."""
    return re.findall(r'<option value="([^"]*)"[^>]*>([^<]*)</option>', page)


async def test_what_may_be_contested_is_offered_by_the_name_of_its_agency_in_the_language_of_the_person(
    house: House,
) -> None:
    ann = await house.citizen(ANN)
    said = LANGUAGES["si"].said
    assert offered((await ann.get("/my-data/contest?lang=si")).text) == [("", said("Choose what it is about."))]
    await named_in(house, FUND)
    page = (await ann.get("/my-data/contest?lang=si")).text
    assert f'<optgroup label="{said(FUND.name)}">' in page
    assert [value for value, _ in offered(page)] == ["", "fund.status", "all:LK/GOV/EPF"]


@pytest.mark.parametrize("code", ["en", "si", "ta"])
async def test_of_all_that_adapters_tell_a_person_is_offered_what_is_about_people_and_no_two_alike(
    house: House, code: str
) -> None:
    services = [each for folder in discovery.discover().values() for each in manifest.load(folder).services.values()]
    offers = [Offer(each, f"LK/GOV/{each.id.split('.')[0][:5].upper()}/X", None) for each in services]
    here = Citizens.of(replace(house.services, catalogue=Catalogue(offers)))
    members = {each.provider.rpartition("/")[0]: f"Agency {number}" for number, each in enumerate(offers[::2])}
    token = NOW.set(Spoken(LANGUAGES[code]))
    try:
        groups = contest_form.records(here, Words(members=members, titles=here.services.catalogue.titles))
    finally:
        NOW.reset(token)
    assert [each["agency"] for each in groups] == sorted(each["agency"] for each in groups)
    texts = [each["text"] for group in groups for each in group["items"]]
    assert len(set(texts)) == len(texts) > 20
    values = {each["value"] for group in groups for each in group["items"]}
    assert not {value for value in values if value.startswith(("treasury.", "all:LK/GOV/TREAS"))}
    assert not {value for value in values if "candidate" in value or "letter" in value}
    assert not [text for text in texts if "LK/" in text or re.fullmatch(r"[a-z_]+[.][a-z_]+", text)]


async def test_a_case_is_about_the_exchange_it_was_opened_from_and_goes_to_a_side_of_it(house: House) -> None:
    await house.agree(document(legal_bases=STATUTE) | {"id": "A2"})
    await house.deliver(ANN)
    await house.work()
    await named_in(house, FUND, Member("LK/GOV/WBB", "Welfare Benefits Board"), Member("LK/GOV/EDU", "Education"))
    ann = await house.citizen(ANN)
    (use,) = (await ann.get("/v1/my/uses")).json()["uses"]
    assert use["what"] == "handed_over"
    (link,) = re.findall(r'href="(/my-data/contest[?]exchange=[^"]+)"', (await ann.get("/my-data")).text)
    page = (await ann.get(link)).text
    assert "Welfare Benefits Board handed over data about you" in page
    assert offered(page) == [
        ("", "Choose what it is about."),
        ("all:LK/GOV/WBB", "Welfare Benefits Board: gave the data"),
        ("all:LK/GOV/EPF", f"{FUND.name.replace(chr(39), '&#39;')}: received it"),
    ]
    typed = {"exchange": use["exchange_id"], "statement": "x", "number": ANN}
    for about, told in (("", "Choose what it is about."), ("all:LK/GOV/EDU", "This agency had no part in that")):
        refused = await send(ann, "/my-data/contest", **typed, about=about)
        assert refused.status_code == 400
        assert told in refused.text
        assert 'href="#about"' in refused.text
    assert (await send(ann, "/my-data/contest", **typed, about="all:LK/GOV/WBB", **{"field-a": "yes"})).is_redirect
    (case,) = (await ann.get("/v1/my/contests")).json()["contests"]
    assert (case["provider"], case["service"], case["fields"]) == ("LK/GOV/WBB", "fund.push", ["a"])
    front = (await ann.get("/my-data")).text
    assert f'href="#contest-{case["id"]}">You contest this: where it stands' in front
    assert "Welfare Benefits Board has your case since" in front


async def test_an_exchange_that_stayed_within_one_agency_leaves_nothing_to_choose(house: House) -> None:
    inside = "LK/GOV/EPF/DESK"
    await house.agree(document("A2", inside, legal_bases=STATUTE))
    await house.ask(ANN, consumer=inside)
    await named_in(house, FUND)
    ann = await house.citizen(ANN)
    (use,) = (await ann.get("/v1/my/uses")).json()["uses"]
    page = (await ann.get(f"/my-data/contest?exchange={use['exchange_id']}")).text
    assert offered(page) == []
    assert '<input type="hidden" name="about" value="all:LK/GOV/EPF">' in page
    assert f"({inside})" in page  # of two systems of one agency, which


async def test_what_becomes_of_a_case_is_told_in_words_until_its_end(house: House) -> None:
    await named_in(house, FUND)
    ann = await house.citizen(ANN)
    assert "You contest nothing." in (await ann.get("/my-data")).text
    for state, told in (
        ("corrected", "looked, and corrected its record on"),
        ("deleted", "looked, and deleted the record on"),
        ("confirmed", "that its record is right. You may complain to the Data Protection Authority of Sri Lanka."),
    ):
        house.clock[0] += timedelta(seconds=1)
        await send(ann, "/my-data/contest", about="fund.status", statement="wrong", number=ANN)
        case = (await ann.get("/v1/my/contests")).json()["contests"][0]
        answer = {"state": state, "answer": "We looked."}
        assert (await house.call(SIDE, "POST", f"/contests/{case['id']}/resolve", json=answer)).status_code == 200
        front = (await ann.get("/my-data")).text
        assert told in front, state
        assert "We looked." in front


async def test_a_recorded_reason_that_has_words_is_told_in_the_language_of_the_person(house: House) -> None:
    reason = "Verify the medical certificate of a candidate"
    late = document("A2", OTHER, legal_bases=STATUTE, disclosure_delay_days=30, disclosure_delay_reason=reason)
    await house.agree(late | {"title": reason})
    await house.ask(ANN, consumer=OTHER)
    house.clock[0] += timedelta(days=31)
    ann = await house.citizen(ANN)
    page = (await ann.get("/my-data?lang=si")).text
    assert page.count(LANGUAGES["si"].said(reason)) == 2
    assert reason not in page
    assert not re.search(r'visually-hidden"> [0-9]{4}-', page)  # a day is told in words, to who hears it, too


async def test_a_served_receipt_keeps_to_the_pages_policy_and_has_its_code(house: House) -> None:
    ann = await house.citizen(ANN)
    answer = await ann.get("/my-data/consents/of-ann/receipt")
    assert answer.headers["content-security-policy"] == POLICY
    assert "<style" not in answer.text
    assert 'style="' not in answer.text
    assert "<svg" in answer.text
    assert answer.text.count("/static/receipt.css?v=") == 1
    told = (await ann.get("/v1/my/consents/of-ann/receipt")).json()
    assert told["receipt"]["record_id"] == "of-ann"
    looks = [each["what"] for each in await house.facts("citizen.read")]
    assert looks.count("receipt") == 2


@pytest.mark.parametrize(("number", "again"), [(ANN, True), (BEN, False)])
async def test_what_was_typed_while_the_session_ended_comes_back_to_the_same_person_alone(
    house: House, number: str, again: bool
) -> None:
    browser, people = await house.citizen(ANN), house.services.people
    ((name, before),) = browser.cookies.items()
    async with house.services.db.write() as connection:
        await connection.execute(tables.session.update().values(seen_at=people.clock() - timedelta(minutes=16)))
    page = {"origin": ORIGIN, "referer": f"{ORIGIN}/my-data/contest"}
    form = {"csrf": sessions.csrf_token(before), "statement": NAUGHTY, "reference": "R-1"}
    sent = await browser.post("/my-data/contest", data=form, headers=page)
    assert sent.headers["location"] == "/my-data/sign-in?next=%2Fmy-data%2Fcontest"
    identity = Identity(people.offered("my-data")[0], "somebody", people.clock(), number)
    secret = await people.admit_citizen(identity, before=sessions.hashed(before))
    browser.cookies.set(name, secret, domain="127.0.0.1", path="/")
    text = (await browser.get("/my-data/contest")).text
    assert (BACK in text, escape(NAUGHTY) in text) == (again, again)
    assert NAUGHTY not in text


async def test_an_empty_contest_is_told_all_that_is_missing_at_once(house: House) -> None:
    ann = await house.citizen(ANN)
    page = fromstring((await send(ann, "/my-data/contest", about="", statement="", number="")).text)
    links = page.xpath("//ul[contains(@class, 'summary__list')]//a")
    assert [each.get("href") for each in links] == ["#about", "#statement", "#number"]
    assert [len(page.xpath(f"//*[@id='{each.get('href')[1:]}']")) for each in links] == [1, 1, 1]
