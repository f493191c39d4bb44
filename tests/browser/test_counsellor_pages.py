"""A counsellor's journey: signs in, sees the people of the office, says what was found; another office sees nothing."""

import json
import shutil
import time
from collections.abc import Iterator

import pytest
from browser import fit
from browser.desks import NAUGHTY, Desk, counsel_desk
from browser.visitor import Visitor, World

OFFICE, OTHER = "counsellor-lk-11", "counsellor-lk-21"
HEADS = ("GN division", "Telephone", "What to verify, and why", "Outreach")


@pytest.fixture
def desk(world: World, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desk]:
    folder = tmp_path_factory.mktemp("offices")
    for name in ("accounts.json", "counsellors.json"):
        shutil.copy(world.data / "sandbox" / "offices" / name, folder)
    with counsel_desk(world, folder) as found:
        yield found


def shown(visitor: Visitor) -> str:
    return visitor.page.locator("main").inner_text()


def arrived(visitor: Visitor) -> None:
    """The page tells by itself how far the finding got; without scripts whoever wants to know looks again."""
    told = visitor.page.locator("#findings strong", has_text="Employment support has it")
    for _ in range(300):
        if visitor.scripts or told.count():
            break
        time.sleep(0.1)
        visitor.page.reload()
    told.wait_for()


def corrected(visitor: Visitor, desk: Desk, address: str) -> None:
    """The finding at this address was wrong: another one says what is right."""
    visitor.go(address, desk.url)
    visitor.page.locator("summary", has_text="Correct this finding").click()
    visitor.page.get_by_role("group", name="Pension").get_by_label("Not found").check()
    visitor.looked_at("counsel-person-correcting")
    visitor.page.get_by_role("button", name="Save and send").click()
    assert "Corrected" in shown(visitor)
    visitor.go(address, desk.url)
    visitor.page.locator("summary", has_text="What was found before").click()
    assert shown(visitor).count("Pension\tNot found") == 1
    assert shown(visitor).count("Pension\tWorking") == 1
    visitor.looked_at("counsel-person-corrected")
    visitor.page.go_back()


def test_the_whole_queue_is_seen_on_a_telephone(scripted: Visitor, desk: Desk) -> None:
    desk.sign_in(scripted, OFFICE)
    scripted.page.set_viewport_size(fit.NARROW)
    parts = scripted.page.locator("tbody td, tbody th").all()
    assert len(parts) >= 5
    for each in parts:
        box = each.bounding_box()
        assert box is not None
        assert box["x"] + box["width"] <= fit.NARROW["width"]
    assert scripted.page.locator("tbody a[href^='tel:']").first.is_visible()
    assert [each for each in HEADS if each not in scripted.page.locator("tbody tr").first.aria_snapshot()] == []
    scripted.looked_at("counsel-people-narrow")


def test_from_the_queue_to_a_finding_that_employment_support_has(either: Visitor, desk: Desk) -> None:
    desk.sign_in(either, OFFICE)
    assert "Local office: Colombo" in shown(either)
    assert NAUGHTY[:30] in shown(either)
    either.looked_at("counsel-people")
    person = either.page.locator("tbody th a").first
    address = person.get_attribute("href") or ""
    person.click()
    either.looked_at("counsel-person")
    either.page.get_by_role("button", name="Save and send").click()
    assert "There is a problem" in shown(either)
    either.looked_at("counsel-person-fault")
    either.page.get_by_role("group", name="Pension").get_by_label("Working").check()
    either.page.get_by_role("group", name="Tax").get_by_label("Confirmed no work").check()
    either.page.get_by_label("Outreach officer").check()
    either.page.get_by_role("button", name="Save and send").click()
    assert "The finding is kept" in shown(either)
    arrived(either)
    either.looked_at("counsel-people-found")
    corrected(either, desk, address)
    either.page.get_by_role("button", name="Next person").click()
    assert either.page.url.partition("?")[0] != f"{desk.url}{address}"
    assert either.page.get_by_label("Outreach officer").is_checked()
    either.page.get_by_role("button", name="Sign out").click()
    desk.sign_in(either, OTHER)
    assert "Nobody waits in this office." in shown(either)
    either.go(address, desk.url)
    assert either.heading() == "Not found"
    either.looked_at("counsel-not-of-this-office")


def test_the_demo_s_practice_queue_has_people_to_visit_and_sends_nothing(scripted: Visitor) -> None:
    world = scripted.world
    rows = json.loads((world.data / "sandbox" / "offices" / "counsellors.json").read_text("utf-8"))
    passwords = {each["login"]: each["password"] for each in rows}
    desk = Desk(world.practice()["offices"], "/counsel", passwords, world.data)
    desk.sign_in(scripted, OFFICE)
    scripted.looked_at("counsel-practice")
    scripted.page.locator("tbody th a").first.click()
    for each in scripted.page.get_by_label("Confirmed no work").all():
        each.check()
    scripted.page.get_by_label("Outreach officer").check()
    scripted.page.get_by_role("button", name="Save and send").click()
    assert "The finding is kept" in shown(scripted)
