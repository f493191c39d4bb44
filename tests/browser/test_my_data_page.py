"""A person's journey: sees who asked, contests, takes a receipt, may withdraw; and nobody else's is there."""

import re

import pytest
from browser.citizens import sign_in_as, with_consents
from browser.levy import SAYS
from browser.visitor import Visitor

from pages import LANGUAGES

NAUGHTY = '"><script>alert(1)</script>{{7*7}} \u202e\u0db8\u0dcf\u0dad\u0dbb ' + "W" * 300


LATIN = re.compile(r"[A-Za-z]{4,}")
UUID = re.compile(r"[0-9a-f-]{36}")
BEFORE_CONTESTS = "xpath=//h2[@id='contests']/preceding-sibling::section"


def text_of(visitor: Visitor) -> str:
    """What the page says."""
    return visitor.page.locator("main").inner_text()


def test_a_person_sees_who_asked_and_why_contests_and_takes_it_back(either: Visitor) -> None:
    number = either.world.somebody()
    sign_in_as(either, number)
    told = either.page.locator(".app-card").first.inner_text()
    assert [each for each in ("Why", "What came of it", "On what ground") if each not in told] == []
    either.looked_at("my-data")
    either.page.get_by_role("link", name="Something is wrong").first.click()
    assert told.splitlines()[0] == either.page.locator(".app-card h2").inner_text()  # about this one
    either.page.get_by_label("What is wrong").fill(NAUGHTY)
    either.page.get_by_label("Your NIC").fill("199912300011")
    either.page.get_by_role("button", name="Send").click()
    assert "There is a problem" in text_of(either)
    assert "Choose what it is about." in either.page.locator(".govuk-error-summary").inner_text()
    either.looked_at("my-data-contest-fault")
    agency = either.page.get_by_label("Which agency shall look at it?")
    assert agency.locator("option").count() == 3
    agency.select_option(index=1)
    asked = agency.locator("option:checked").inner_text().partition(":")[0]
    either.page.get_by_role("button", name="Send").click()
    assert "not the numbers" in either.page.locator(".govuk-error-summary").inner_text()
    either.page.get_by_label("Your NIC").fill(number)
    either.page.get_by_role("button", name="Send").click()
    assert "Your case is open." in text_of(either)
    assert NAUGHTY in either.page.locator("main").inner_text()
    either.looked_at("my-data-contested")
    either.page.get_by_role("link", name="You contest this: where it stands").first.click()
    case = either.page.locator("section[id^=contest-]").first
    assert f"{asked} has your case since" in case.inner_text()
    case.get_by_role("link", name="Take it back").click()
    assert either.heading() == "Take this case back"
    either.looked_at("my-data-take-back")
    either.page.get_by_role("link", name="No, keep it open").click()
    either.page.get_by_role("link", name="Take it back").first.click()
    either.page.get_by_role("button", name="Yes, take it back").click()
    assert "Your case is closed." in text_of(either)
    assert "The case was taken back on" in either.page.locator("section[id^=contest-]").first.inner_text()


def test_a_person_may_say_that_something_is_wrong_without_having_seen_it(either: Visitor) -> None:
    number = with_consents(either.world)[0]
    sign_in_as(either, number)
    either.page.get_by_role("link", name="Say that something is wrong").click()
    about = either.page.get_by_label("About what")
    assert about.input_value() == ""
    texts = about.locator("option").all_inner_texts()
    assert len(texts) == len(set(texts))
    assert not [each for each in texts if "/" in each or "llocation" in each]
    assert about.locator("optgroup").count() > 10
    either.looked_at("my-data-contest")
    about.select_option(label="Contributions and pensions")
    either.page.get_by_label("What is wrong").fill("I paid in May.")
    either.page.get_by_label("Your NIC").fill(number)
    either.page.get_by_role("button", name="Send").click()
    assert "Employees' Provident Fund has your case since" in text_of(either)
    either.page.get_by_role("link", name="Take it back").first.click()
    either.page.get_by_role("button", name="Yes, take it back").click()


def test_a_person_takes_a_receipt_with_a_code_and_reads_the_agreements(either: Visitor) -> None:
    sign_in_as(either, with_consents(either.world)[1])
    either.page.get_by_role("link", name="The agreements behind it").click()
    assert either.page.locator(".app-card li").count() >= 3
    either.looked_at("my-agreements")
    either.go("/my-data")
    either.page.get_by_role("link", name="Receipt to print").first.click()
    assert either.heading() == "Receipt of a consent"
    box = either.page.locator(".code svg").bounding_box()
    assert box is not None
    assert box["width"] > 200
    assert either.page.get_by_role("button", name="Print").is_visible() == either.scripts
    assert ("choose Print in the menu of your browser" in text_of(either)) == (not either.scripts)
    words = text_of(either).partition("Proof that this receipt is genuine")[0]
    assert "If it is wrong, or you change your mind" in words
    assert not re.search(r"LK/|sha-256|[0-9a-f]{8}-", words)  # numbers and proofs have a part of their own
    either.looked_at("receipt")


def test_a_person_reads_what_withdrawing_means_and_may_keep_the_consent(either: Visitor) -> None:
    sign_in_as(either, with_consents(either.world)[2])
    either.page.get_by_role("link", name="Withdraw this consent").first.click()
    assert either.heading() == "Withdraw this consent"
    assert either.page.get_by_role("button", name="Yes, withdraw it").is_visible()
    assert "stays with those who received it" in text_of(either)
    either.looked_at("my-data-withdraw")
    either.page.get_by_role("link", name="No, keep it").click()
    assert either.page.get_by_role("link", name="Withdraw this consent").count() >= 1


def test_a_person_withdraws_a_consent_and_the_page_says_so(either: Visitor) -> None:
    number = with_consents(either.world)[-1 if either.scripts else -2]
    sign_in_as(either, number)
    before = either.page.get_by_role("link", name="Withdraw this consent").count()
    either.page.get_by_role("link", name="Withdraw this consent").first.click()
    address = either.page.url
    either.page.get_by_role("button", name="Yes, withdraw it").click()
    assert "The consent is withdrawn. It counts from now on." in text_of(either)
    assert either.page.get_by_role("link", name="Withdraw this consent").count() == before - 1
    assert either.page.locator(".app-card", has_text="Withdrawn").count() == 1
    either.looked_at("my-data-withdrawn")
    either.go(address.removeprefix(either.world.gateway))
    assert "This consent is Withdrawn." in text_of(either)
    assert either.page.get_by_role("button", name="Yes, withdraw it").count() == 0
    either.looked_at("my-data-withdraw-again")


@pytest.mark.parametrize("code", ["si", "ta"])
def test_the_page_speaks_the_person_s_language(scripted: Visitor, code: str) -> None:
    sign_in_as(scripted, scripted.world.somebody())
    scripted.page.locator(f"a[hreflang={code}]").click()
    assert scripted.page.locator("html").get_attribute("lang") == code
    told = "".join(scripted.page.locator(BEFORE_CONTESTS).all_inner_texts())
    assert LANGUAGES[code].said("Births and deaths") in told
    assert LATIN.findall(UUID.sub("", told)) == []
    scripted.looked_at(f"my-data-{code}")
    scripted.page.locator("a[href$='/receipt']").first.click()
    words = scripted.page.locator("main > dl, main > ul, main > .standing").all_inner_texts()
    assert LATIN.findall(re.sub(r"http://\S+", "", "".join(words))) == []
    scripted.looked_at(f"receipt-{code}")
    scripted.go("/my-data/contest")
    assert LATIN.findall(text_of(scripted).replace(SAYS, "")) == []
    scripted.looked_at(f"my-data-contest-{code}")


def test_older_uses_are_a_link_away_and_days_narrow_the_list(scripted: Visitor) -> None:
    sign_in_as(scripted, with_consents(scripted.world)[2])
    scripted.page.get_by_label("From day").fill("2020-01-01")
    scripted.page.get_by_label("To day").fill("2020-01-02")
    scripted.page.get_by_role("button", name="Show these days").click()
    assert "Nobody, as far as may be shown now." in text_of(scripted)
    scripted.go("/my-data?before=nonsense")
    assert scripted.heading() == "My data"
