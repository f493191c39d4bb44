"""A compliance officer reads the rules: agreements with history, who asks whom, a draft tried on the past; a drill."""

from browser.visitor import Visitor

WHY = "Monthly review of exchanges"


def say_why(visitor: Visitor) -> None:
    """Where a page of evidence asks for it."""
    assert visitor.heading() == "Why do you look?"
    visitor.page.get_by_label("Your reason").fill(WHY)
    visitor.page.get_by_role("button", name="Continue").click()


def text_of(visitor: Visitor) -> str:
    """What the page says."""
    return visitor.page.locator("main").inner_text()


def test_from_the_map_to_an_agreement_and_a_draft_of_it(visitor: Visitor) -> None:
    visitor.sign_in("compliance")
    visitor.go("/console/agreements")
    visitor.looked_at("agreements")
    visitor.page.get_by_role("link", name="Who asks whom").click()
    assert visitor.page.locator(".app-flows__arrow").count() == visitor.page.locator("tbody tr").count()
    visitor.looked_at("flows")
    visitor.page.locator("tbody td a").first.click()
    assert "What it says" in text_of(visitor)
    assert "Version 1" in text_of(visitor)
    visitor.looked_at("agreement")
    visitor.page.get_by_role("link", name="Try a change of it").click()
    say_why(visitor)
    visitor.page.get_by_label("Last day").fill("2029-12-31")
    visitor.page.get_by_role("button", name="Try it").first.click()
    assert "until 31 December 2029 instead of" in text_of(visitor)
    assert "looked at, of which" in text_of(visitor)
    visitor.looked_at("draft")
    visitor.page.locator("summary", has_text="The draft as JSON").click()
    draft = visitor.page.get_by_label("The draft, as JSON")
    draft.fill(draft.input_value().replace("2030-01-01T00", "2031-01-01T00"))
    visitor.page.get_by_role("button", name="Try it").last.click()
    assert "until 31 December 2030 instead of" in text_of(visitor)


def test_an_arrow_of_the_map_opens_its_agreement_by_keyboard(scripted: Visitor) -> None:
    scripted.sign_in("compliance")
    scripted.go("/console/agreements/flows")
    scripted.page.locator(".app-flows a").first.focus()
    scripted.page.keyboard.press("Enter")
    scripted.page.wait_for_url(lambda url: "/flows" not in url)
    assert "/console/agreements" in scripted.page.url


def test_the_drill_is_explained_then_held_after_a_tick(visitor: Visitor) -> None:
    visitor.sign_in("compliance")
    visitor.page.get_by_role("link", name="Reviews").click()
    visitor.looked_at("reviews")
    visitor.page.get_by_role("link", name="Drill: stop the log").click()
    visitor.page.get_by_role("button", name="Hold the drill").click()
    assert "There is a problem" in text_of(visitor)
    visitor.page.get_by_label("Stop the log now, for the drill").check()
    visitor.page.get_by_role("button", name="Hold the drill").click()
    assert "0 calls left the gateway" in visitor.page.locator("#held").inner_text()
    visitor.looked_at("drill")
