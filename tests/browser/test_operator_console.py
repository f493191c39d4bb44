"""An operator's journey: members, officers, queues, and what waits for a second person."""

import sqlite3
from contextlib import closing

from browser.visitor import Visitor, World

TARGET = "LK.GOV.WBB.SRIS/progress"


def test_an_operator_registers_a_member_and_suspends_it_at_once(either: Visitor) -> None:
    either.sign_in("operator")
    either.page.get_by_role("link", name="Operation").click()
    either.looked_at("operation")
    either.page.get_by_role("link", name="Members").click()
    code = f"LK/GOV/B{int(either.scripts)}"
    either.page.get_by_label("Identifier").fill(code)
    either.page.get_by_label("Name", exact=True).fill("<b>Board</b> of Trials")
    either.page.get_by_label("Technical contact").fill("it@board.example")
    either.page.get_by_role("button", name="Register").click()
    assert "Saved." in either.page.locator("main").inner_text()
    either.looked_at("members")
    either.page.get_by_role("link", name=code).click()
    assert either.heading() == "<b>Board</b> of Trials"
    either.page.get_by_role("button", name="Suspend").click()
    main = either.page.locator("main")
    assert "A second person looks at it afterwards" in main.inner_text()
    either.looked_at("member-suspending")
    either.page.get_by_role("button", name="Suspend it").click()
    assert "Say why in 10 to 300 characters." in main.inner_text()
    either.looked_at("member-suspending-fault")
    either.page.get_by_label("Why").fill("its keys were found in the open")
    either.page.get_by_role("button", name="Suspend it").click()
    assert "Suspended" in main.inner_text()
    either.looked_at("member")
    either.page.get_by_role("button", name="Sign out").click()
    either.sign_in("compliance", "/console/approvals")
    either.page.locator("tbody tr", has_text="<b>Board</b> of Trials").get_by_role("link").first.click()
    assert "its keys were found in the open" in main.inner_text()
    either.looked_at("approval-suspension")
    either.page.get_by_role("button", name="Approve").click()
    assert "Decided." in main.inner_text()


def test_a_member_that_exists_is_refused_in_words_beside_the_form(scripted: Visitor) -> None:
    scripted.sign_in("operator", "/console/operation/members")
    scripted.page.get_by_label("Identifier").fill("LK/GOV/WBB")
    scripted.page.get_by_label("Name", exact=True).fill("Welfare")
    scripted.page.get_by_label("Technical contact").fill("it@wbb.example")
    scripted.page.get_by_role("button", name="Register").click()
    assert "There is a problem" in scripted.page.locator("main").inner_text()
    assert scripted.page.get_by_label("Technical contact").input_value() == "it@wbb.example"
    scripted.looked_at("members-fault")


def test_a_role_that_watches_over_others_takes_a_second_person(visitor: Visitor) -> None:
    visitor.sign_in("operator", "/console/officers")
    visitor.page.get_by_label("Member", exact=True).select_option(label="National Audit Office")
    name = f"Second Auditor {int(visitor.scripts)}"
    visitor.page.get_by_label("Name", exact=True).fill(name)
    visitor.page.get_by_label("Name at the identity provider").fill(f"auditor-{int(visitor.scripts)}")
    visitor.page.get_by_role("button", name="Register").click()
    visitor.looked_at("officers")
    visitor.page.get_by_role("link", name=name).click()
    visitor.page.get_by_label("Role", exact=True).select_option("external_auditor")
    visitor.page.get_by_label("Why").fill("The yearly audit begins")
    visitor.page.get_by_role("button", name="Grant").click()
    assert "Somebody else decides" in visitor.page.locator("main").inner_text()
    visitor.looked_at("officer")
    visitor.page.get_by_role("link", name="Approvals").click()
    visitor.looked_at("approvals")
    visitor.page.locator("tbody tr", has_text="You").get_by_role("link").first.click()
    assert visitor.page.get_by_role("button", name="Approve").count() == 0
    place = visitor.page.url.removeprefix(visitor.world.gateway)
    visitor.page.get_by_role("button", name="Sign out").click()
    visitor.sign_in("compliance", place)
    assert "The yearly audit begins" in visitor.page.locator("main").inner_text()
    visitor.looked_at("approval")
    visitor.page.get_by_role("button", name="Approve").click()
    assert "Decided." in visitor.page.locator("main").inner_text()


def stuck(world: World, number: int) -> None:
    """One of the demo's deliveries is as if no answer to it had come for a whole day."""
    one = "SELECT id FROM delivery WHERE service = ? ORDER BY id LIMIT 1 OFFSET ?"
    with closing(sqlite3.connect(world.data / "sandhi.db", timeout=10)) as database, database:
        dead = "UPDATE job SET state = 'dead', failure = 'source_down' WHERE kind = 'delivery' AND ref = "
        assert database.execute(f"{dead}({one})", (TARGET, number)).rowcount == 1


def test_a_dead_delivery_is_sent_again_when_its_receiver_and_the_operator_agree(either: Visitor) -> None:
    page, main = either.page, either.page.locator("main")
    stuck(either.world, int(either.scripts))
    either.sign_in("wbb-admin", "/console/agency/traffic")
    assert f"Source down, {TARGET}" in main.inner_text()
    either.looked_at("traffic-dead")
    page.get_by_label("Why").first.fill("Our server was away and is back")
    page.get_by_role("button", name="Propose to send them again").first.click()
    assert "Somebody else decides" in main.inner_text()
    page.get_by_role("button", name="Sign out").click()
    either.sign_in("operator", "/console/operation/queues")
    assert f"Source down, {TARGET}" in main.inner_text()
    either.looked_at("queues-dead")
    page.get_by_role("link", name="Show the oldest of them").first.click()
    assert main.locator(".app-item li").count() == 1
    either.go("/console/approvals")
    page.locator("tbody tr", has_text="dead letters").get_by_role("link").first.click()
    assert "Our server was away and is back" in main.inner_text()
    page.get_by_role("button", name="Approve").click()
    assert "Decided." in main.inner_text()
    either.go("/console/operation/queues")
    assert "Nothing is stuck." in main.inner_text()


def test_queues_tell_what_waits_and_that_nothing_is_dead(scripted: Visitor) -> None:
    scripted.sign_in("operator", "/console/operation/queues")
    told = scripted.page.locator("main").inner_text()
    assert ("Nothing is stuck." in told, told.count("grouped by its cause")) == (True, 1)
    scripted.looked_at("queues")


def test_an_operator_stops_the_log_and_sees_that_nothing_left(either: Visitor) -> None:
    either.sign_in("operator", "/console/operation")
    either.page.get_by_role("link", name="Drill: stop the log").click()
    assert either.page.get_by_role("link", name="Operation", exact=True).count() == 2  # in the menu, and back
    either.page.get_by_role("button", name="Hold the drill").click()
    assert "Tick that the log is to be stopped." in either.page.locator("main").inner_text()
    either.page.get_by_label("Stop the log now, for the drill").check()
    either.page.get_by_role("button", name="Hold the drill").click()
    assert "and 0 calls left the gateway" in either.page.locator("#held").inner_text()
    either.looked_at("drill-held")
