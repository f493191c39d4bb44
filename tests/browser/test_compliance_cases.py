"""A compliance officer keeps a search, sees protected details, plans reports and samples, and works on cases."""

import datetime

import pytest
from browser.visitor import Visitor

WHY = "Monthly review of exchanges"
NAUGHTY = "\"><img src=x onerror=alert(1)><script>alert(1)</script>{{7*7}}' OR 1=1 -- \u0db8\u0dcf\u0dad\u0dbb"


def begin(visitor: Visitor, path: str, login: str = "compliance") -> None:
    """Sign in on the way to a page of evidence, and say why."""
    visitor.sign_in(login)
    visitor.go(path)
    visitor.page.get_by_label("Your reason").fill(WHY)
    visitor.page.get_by_role("button", name="Continue").click()


def text_of(visitor: Visitor) -> str:
    """What the page says."""
    return visitor.page.locator("main").inner_text()


def press(visitor: Visitor, name: str) -> None:
    """One of the page's own buttons."""
    visitor.page.locator("main").get_by_role("button", name=name).first.click()


def test_a_search_is_kept_under_a_naughty_name_and_an_exchange_without_details_says_so(either: Visitor) -> None:
    begin(either, "/console/exchanges?outcome=answered")
    either.page.locator("summary", has_text="Searches that you keep").click()
    if not either.page.get_by_label("Keep this search as").is_visible():
        either.page.locator("summary", has_text="Searches that you keep").click()
    either.page.get_by_label("Keep this search as").fill(NAUGHTY[:80])
    press(either, "Keep")
    kept = either.page.get_by_role("link", name=NAUGHTY[:80])
    assert "outcome=answered" in str(kept.get_attribute("href"))
    either.looked_at("exchanges-kept")
    press(either, "Remove")
    assert kept.count() == 0
    either.go("/console/exchanges?outcome=answered")
    either.page.locator("tbody th a").first.click()
    assert "Nothing was kept: the caller wrote nothing into it" in text_of(either)  # nobody of the demo names a case
    either.looked_at("exchange-details")


def test_a_case_that_a_caller_named_is_revealed_for_a_reason_of_its_own(either: Visitor) -> None:
    begin(either, "/console/exchanges?case=PRACTICE-1")
    either.page.locator("tbody th a").first.click()
    assert "PRACTICE-1" not in text_of(either)
    either.page.get_by_label("Your reason for this").fill("the yearly look at how cases are named")
    press(either, "Show them")
    assert "PRACTICE-1" in text_of(either)
    either.looked_at("exchange-revealed")


def test_consents_of_a_person_are_found_by_number(either: Visitor) -> None:
    begin(either, "/console/person")
    number = either.world.somebody()
    either.page.get_by_label("Number", exact=True).fill(number)
    press(either, "Show their consents")
    assert either.heading() == "Consents of this person"
    assert either.page.locator(".app-card").count() >= 1
    assert "Consents were recorded" in text_of(either)
    assert number not in text_of(either) + either.page.url
    either.looked_at("person-consents")


def test_a_report_is_taken_away_and_another_planned(either: Visitor) -> None:
    begin(either, "/console/breaches")
    either.go("/console/reports")
    with either.page.expect_download() as download:
        press(either, "Download")
    assert download.value.suggested_filename == "processing.csv"
    either.page.get_by_label("Whenever this is over").select_option("week")
    press(either, "Plan it")
    assert "Saved." in text_of(either)
    either.looked_at("reports")
    press(either, "Plan it no more")
    assert "Nothing is planned." in text_of(either)


def test_a_sample_is_planned_and_not_drawn_before_its_period_is_over(either: Visitor) -> None:
    either.sign_in("auditor")
    either.go("/console/samples")
    tomorrow = datetime.datetime.now(datetime.UTC).date() + datetime.timedelta(days=1)
    either.page.get_by_label("To day").fill(tomorrow.isoformat())
    either.page.get_by_label("How many exchanges").fill("2")
    press(either, "Plan it")
    assert either.heading() == "Sample"
    press(either, "Draw it")
    assert "There is a problem" in text_of(either)
    either.looked_at("sample")
    either.go("/console/samples")
    either.looked_at("samples")


def test_a_breach_is_opened_with_its_drafts_and_the_clock_is_stopped(either: Visitor) -> None:
    begin(either, "/console/breaches", "protection")
    either.page.get_by_label("System").fill(NAUGHTY)
    press(either, "Open the case")
    assert "There is a problem" in text_of(either)
    either.looked_at("breaches-fault")
    either.page.get_by_label("System").fill("LK/GOV/WBB/SRIS")
    press(either, "Open the case")
    assert "hours left" in text_of(either)
    either.looked_at("breach")
    press(either, "The authority was notified")
    either.looked_at("breach-notified-asked")
    press(either, "Yes, it was notified")
    assert "was notified on" in text_of(either)
    either.go("/console/access-requests")
    either.page.get_by_label("Number", exact=True).fill(either.world.somebody())
    press(either, "Start the clock")
    assert "days left" in text_of(either)
    either.looked_at("access-requests")


@pytest.mark.parametrize("name", ["emergencies", "statements"])
def test_pages_where_nothing_waits_say_so(scripted: Visitor, name: str) -> None:
    scripted.sign_in("compliance")
    scripted.go(f"/console/{name}")
    assert any(text in text_of(scripted) for text in ("No emergency waits", "No statement", "issued"))
    scripted.looked_at(name)
