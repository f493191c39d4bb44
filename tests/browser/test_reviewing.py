"""A compliance officer's journey: says why, finds an exchange, sees its steps and proof, replays it, ends a finding."""

from browser.visitor import Visitor

WHY = "Monthly review of exchanges"


def begin(visitor: Visitor, path: str) -> None:
    """Sign in on the way to a page of evidence, and say why."""
    visitor.sign_in("compliance")
    visitor.go(path)
    assert visitor.heading() == "Why do you look?"
    visitor.page.get_by_label("Your reason").fill(WHY)
    visitor.page.get_by_role("button", name="Continue").click()


def test_from_the_list_to_the_proof_of_one_exchange(either: Visitor) -> None:
    begin(either, "/console/exchanges?outcome=answered")
    assert WHY in either.page.locator("main").inner_text()
    either.looked_at("exchanges")
    either.page.locator("tbody th a").first.click()
    assert either.heading() == "One exchange"
    assert either.page.locator(".app-timeline > li").count() >= 4
    assert either.page.locator(".govuk-tag--green", has_text="proved").count() == 2
    on_paper(either)
    either.looked_at("exchange")
    either.page.get_by_role("button", name="Decide it again").click()
    assert "the decision is the same" in either.page.locator("#replayed").inner_text()
    either.looked_at("exchange-replayed")


def on_paper(visitor: Visitor) -> None:
    """An exchange that is printed: nothing to press, and what is folded away on a screen."""
    page = visitor.page
    folded = page.locator(".app-timeline dd").first
    assert not folded.is_visible()
    page.emulate_media(media="print")
    assert folded.is_visible()
    assert not any(each.is_visible() for each in page.locator("main form, .govuk-back-link, nav").all())
    assert page.locator(".app-header__name").evaluate("each => getComputedStyle(each).color") == "rgb(11, 12, 12)"
    page.emulate_media(media="screen")


def test_filters_stand_in_the_address_and_lead_to_an_empty_list(visitor: Visitor) -> None:
    begin(visitor, "/console/exchanges")
    folded = visitor.page.get_by_label("From day")
    assert not folded.is_visible()
    visitor.looked_at("exchanges-all")
    unfold(visitor)
    folded.fill("2019-01-01")
    visitor.page.get_by_label("To day").fill("2019-12-31")
    visitor.page.get_by_role("button", name="Search").click()
    visitor.page.wait_for_url(lambda url: "until=2019-12-31" in url)
    assert folded.is_visible()
    assert "No exchange is like this." in visitor.page.locator("main").inner_text()
    visitor.looked_at("exchanges-none")


def unfold(visitor: Visitor) -> None:
    """The filters, which are folded where none is set."""
    visitor.page.locator("summary", has_text="Filters").click()


def test_a_wrong_id_is_told_and_one_that_is_written_alike_is_a_link(either: Visitor) -> None:
    begin(either, "/console/exchanges")
    unfold(either)
    either.page.get_by_label("Who asked", exact=True).fill("LK/GOV/WBB/SRISS")
    either.page.get_by_role("button", name="Search").click()
    main = either.page.locator("main")
    assert "Who asked: Nothing here has this name or identifier." in main.inner_text()
    either.looked_at("exchanges-unknown")
    either.page.get_by_role("link", name="LK/GOV/WBB/SRIS", exact=False).first.click()
    assert either.page.locator("tbody tr").count() >= 1


def test_all_that_can_be_looked_for_is_a_page_away(either: Visitor) -> None:
    begin(either, "/console/exchanges")
    unfold(either)
    either.page.get_by_role("link", name="What can be looked for").click()
    assert either.heading() == "What can be looked for"
    either.looked_at("exchanges-offers")
    either.page.get_by_role("link", name="Social Registry Information System").first.click()
    assert either.page.locator("tbody tr").count() >= 1
    either.looked_at("exchanges-of-a-system")


def test_a_filter_that_cannot_be_used_is_named(visitor: Visitor) -> None:
    begin(visitor, "/console/exchanges?service=<script>alert(1)</script>")
    visitor.go("/console/exchanges?service=%3Cscript%3Ealert(1)%3C/script%3E")
    assert (
        "There is a problem\nService: Nothing here has this name or identifier."
        in visitor.page.locator("main").inner_text()
    )
    visitor.page.get_by_role("link", name="Service: Nothing here").click()
    assert visitor.page.evaluate("document.activeElement.id") == "service"
    visitor.looked_at("exchanges-fault")


def test_the_evidence_can_be_taken_away(scripted: Visitor) -> None:
    begin(scripted, "/console/exchanges?outcome=answered")
    scripted.page.locator("tbody th a").first.click()
    with scripted.page.expect_download() as download:
        scripted.page.get_by_role("link", name="Download the evidence").click()
    assert download.value.suggested_filename.endswith(".zip")


def test_a_finding_is_looked_for_assigned_talked_about_and_signed_off(either: Visitor) -> None:
    page, main = either.page, either.page.locator("main")
    either.sign_in("compliance")
    either.go("/console/findings")
    page.get_by_role("button", name="Look through the log now").click()
    assert "The log was looked through." in main.inner_text()
    either.looked_at("findings")
    page.get_by_role("link", name="What is looked for").click()
    assert main.locator(".app-card").count() >= 5
    either.looked_at("findings-rules")
    about = "Single questions were asked outside office hours or on a holiday."
    page.get_by_role("link", name=f"Open findings of it : {about}").click()
    assert f"Only: {about}" in main.inner_text()
    page.locator("tbody th a").first.click()
    assert either.heading() == about
    offered = page.get_by_label("To whom").locator("option")
    assert offered.filter(has_text="Kavitha Nadarajah").count() == 0  # a planner, who could do nothing about it
    mine = offered.filter(has_text="Ishara Fernando").get_attribute("value")
    page.get_by_label("To whom").select_option(mine)
    page.get_by_role("button", name="Assign").click()
    page.get_by_label("Your remark").fill("Their night batch: I have asked them")
    page.get_by_role("button", name="Add the remark").click()
    assert "Their night batch" in main.inner_text()
    page.get_by_label("Explained").check()
    page.get_by_label("What was found out").fill("The batch is in their plan of operation")
    page.get_by_role("button", name="Sign off").click()
    assert "Saved." in main.inner_text()
    assert page.get_by_role("button", name="Sign off").count() == 0
    assert "Signed off by" in main.inner_text()
    either.looked_at("finding-signed-off")


def test_whoever_lacks_the_right_gets_a_page_that_says_so(visitor: Visitor) -> None:
    visitor.sign_in("wbb-admin")
    visitor.go("/console/exchanges")
    said = visitor.page.locator("main").inner_text()
    assert "You may not do this" in said
    assert "Who registers your agency's officers can give you one." in said
    assert "evidence.read" not in said  # the name of a right is for programs
    assert visitor.page.get_by_role("link", name="Exchanges").count() == 0
    visitor.looked_at("not-allowed")


def test_one_person_is_found_by_number_and_the_number_is_nowhere_in_the_address(visitor: Visitor) -> None:
    begin(visitor, "/console/person")
    number = visitor.world.somebody()
    visitor.page.get_by_label("Kind of number").select_option("NIC")
    visitor.page.get_by_label("Number", exact=True).fill(number)
    visitor.page.get_by_role("button", name="Search").click()
    text = visitor.page.locator("main").inner_text()
    assert "about this person" in text
    assert visitor.page.locator("main ol > li").count() >= 1
    assert number not in visitor.page.url
    assert number not in text
    visitor.looked_at("person")


def test_a_number_that_cannot_be_one_is_refused_in_words(visitor: Visitor) -> None:
    begin(visitor, "/console/person")
    visitor.page.get_by_label("Kind of number").select_option("NIC")
    visitor.page.get_by_label("Number", exact=True).fill("<script>alert(1)</script>")
    visitor.page.get_by_role("button", name="Search").click()
    assert "There is a problem" in visitor.page.locator("main").inner_text()
    visitor.looked_at("person-fault")


def test_events_tell_who_read_evidence(visitor: Visitor) -> None:
    begin(visitor, "/console/events")
    visitor.page.get_by_label("Kind", exact=True).select_option("evidence.read")
    visitor.page.get_by_role("button", name="Search").click()
    assert "kind=evidence.read" in visitor.page.url
    assert visitor.page.locator("tbody tr").count() >= 1
    visitor.looked_at("events")


def test_names_are_offered_while_somebody_types_and_found_as_typed(either: Visitor) -> None:
    begin(either, "/console/exchanges")
    unfold(either)
    asked = either.page.get_by_label("Who asked", exact=True)
    offered = either.page.locator("#offered-party option", has_text="Social Registry Information System")
    assert offered.get_attribute("value") == "LK/GOV/WBB/SRIS"
    asked.fill("social registry information system")
    either.page.get_by_role("button", name="Search").click()
    assert either.page.locator("tbody tr").count() >= 1
    assert "Social Registry Information System" in either.page.locator("tbody tr td").first.inner_text()
