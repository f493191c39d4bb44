"""The wizard tells all that is wrong at once, and each line of the summary leads to its own field."""

from browser.visitor import Visitor

SUMMARY = ".govuk-error-summary__list a"


def test_each_line_of_the_summary_leads_to_its_field_which_says_the_same(either: Visitor) -> None:
    page = either.page
    either.sign_in("wbb-admin", "/console/agency/adapters/new")
    page.get_by_role("button", name="Continue", exact=True).click()
    assert page.locator(SUMMARY).all_inner_texts() == ["Fill in: Short name of the adapter."]
    page.get_by_label("Short name of the adapter", exact=True).fill("levy_wrong")
    page.get_by_role("button", name="Continue", exact=True).click()
    page.get_by_label("E-mail of whoever is called when it breaks", exact=True).fill("nobody")
    page.get_by_role("button", name="Test it", exact=True).click()
    lines = page.locator(SUMMARY)
    assert lines.count() == 3  # the name, the e-mail, what it is for
    if either.scripts:
        assert page.evaluate("document.activeElement.matches('.govuk-error-summary')")
    either.looked_at("wizard-all-faults")
    for number in range(lines.count()):
        link = lines.nth(number)
        at = str(link.get_attribute("href"))[1:]
        link.click()
        page.wait_for_function("id => document.activeElement.id === id", arg=at)
        assert link.inner_text() in page.locator(f"[id='{at}-error']").inner_text()


def test_another_language_takes_along_what_was_typed(either: Visitor) -> None:
    page = either.page
    either.sign_in("wbb-admin", "/console/agency/adapters/new")
    page.get_by_label("Short name of what it answers", exact=True).fill("words")
    page.get_by_role("button", name="Continue", exact=True).click()
    page.get_by_role("button", name="தமிழ்", exact=True).click()
    assert page.locator("html").get_attribute("lang") == "ta"
    assert page.locator("#service").input_value() == "words"
    page.get_by_role("button", name="English", exact=True).click()
    page.get_by_label("Short name of the adapter", exact=True).fill("levy_words")
    page.get_by_role("button", name="Continue", exact=True).click()
    page.locator("[id='name']").fill("The levy fund")
    page.get_by_role("button", name="සිංහල", exact=True).click()
    assert page.locator("html").get_attribute("lang") == "si"
    assert page.locator("[id='name']").input_value() == "The levy fund"
    either.looked_at("wizard-another-language")
    page.get_by_role("button", name="English", exact=True).click()
    assert page.locator("html").get_attribute("lang") == "en"
