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


def test_a_search_is_kept_under_a_naughty_name_and_details_are_shown_for_a_reason(visitor: Visitor) -> None:
    begin(visitor, "/console/exchanges?outcome=answered")
    visitor.page.locator("summary", has_text="Searches that you keep").click()
    if not visitor.page.get_by_label("Keep this search as").is_visible():
        visitor.page.locator("summary", has_text="Searches that you keep").click()
    visitor.page.get_by_label("Keep this search as").fill(NAUGHTY[:80])
    press(visitor, "Keep")
    kept = visitor.page.get_by_role("link", name=NAUGHTY[:80])
    assert "outcome=answered" in str(kept.get_attribute("href"))
    visitor.looked_at("exchanges-kept")
    press(visitor, "Remove")
    assert kept.count() == 0
    visitor.page.locator("tbody th a").first.click()
    visitor.page.get_by_label("Your reason for this").fill("The ombudsman asked for this case")
    press(visitor, "Show them")
    assert "Protected details" in text_of(visitor)
    visitor.looked_at("exchange-details")


def test_consents_of_a_person_are_found_by_number(visitor: Visitor) -> None:
    begin(visitor, "/console/person")
    number = visitor.world.somebody()
    visitor.page.get_by_label("Number", exact=True).fill(number)
    press(visitor, "Show their consents")
    assert visitor.heading() == "Consents of this person"
    assert visitor.page.locator(".app-card").count() >= 1
    assert "Consents were recorded" in text_of(visitor)
    assert number not in text_of(visitor) + visitor.page.url
    visitor.looked_at("person-consents")


def test_a_report_is_taken_away_and_another_planned(visitor: Visitor) -> None:
    begin(visitor, "/console/breaches")
    visitor.go("/console/reports")
    with visitor.page.expect_download() as download:
        press(visitor, "Download")
    assert download.value.suggested_filename == "processing.csv"
    visitor.page.get_by_label("Whenever this is over").select_option("week")
    press(visitor, "Plan it")
    assert "Saved." in text_of(visitor)
    visitor.looked_at("reports")
    press(visitor, "Plan it no more")
    assert "Nothing is planned." in text_of(visitor)


def test_a_sample_is_planned_and_not_drawn_before_its_period_is_over(visitor: Visitor) -> None:
    visitor.sign_in("auditor")
    visitor.go("/console/samples")
    tomorrow = datetime.datetime.now(datetime.UTC).date() + datetime.timedelta(days=1)
    visitor.page.get_by_label("To day").fill(tomorrow.isoformat())
    visitor.page.get_by_label("How many exchanges").fill("2")
    press(visitor, "Plan it")
    assert visitor.heading() == "Sample"
    press(visitor, "Draw it")
    assert "There is a problem" in text_of(visitor)
    visitor.looked_at("sample")
    visitor.go("/console/samples")
    visitor.looked_at("samples")


def test_a_breach_is_opened_with_its_drafts_and_the_clock_is_stopped(visitor: Visitor) -> None:
    begin(visitor, "/console/breaches", "protection")
    visitor.page.get_by_label("System").fill(NAUGHTY)
    press(visitor, "Open the case")
    assert "There is a problem" in text_of(visitor)
    visitor.looked_at("breaches-fault")
    visitor.page.get_by_label("System").fill("LK/GOV/WBB/SRIS")
    press(visitor, "Open the case")
    assert "hours left" in text_of(visitor)
    visitor.looked_at("breach")
    press(visitor, "The authority was notified")
    assert "was notified on" in text_of(visitor)
    visitor.go("/console/access-requests")
    visitor.page.get_by_label("Number", exact=True).fill(visitor.world.somebody())
    press(visitor, "Start the clock")
    assert "days left" in text_of(visitor)
    visitor.looked_at("access-requests")


@pytest.mark.parametrize("name", ["emergencies", "statements"])
def test_pages_where_nothing_waits_say_so(scripted: Visitor, name: str) -> None:
    scripted.sign_in("compliance")
    scripted.go(f"/console/{name}")
    assert any(text in text_of(scripted) for text in ("No emergency waits", "No statement", "issued"))
    scripted.looked_at(name)
