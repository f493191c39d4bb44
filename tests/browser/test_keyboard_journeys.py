"""Each kind of person works by keyboard alone: signs in, finds what waits, does it, and reads that it is done."""

import shutil
from collections.abc import Iterator

import pytest
from browser.citizens import account
from browser.desks import Desk, counsel_desk, planning_desk
from browser.typist import SERVICE, Typist
from browser.visitor import Visitor, World

ANSWER = '{"confirmed": true, "birth_date": "1990-05-02", "sex": "F"}'


def shown(visitor: Visitor) -> str:
    """What the page says."""
    return visitor.page.locator("main").inner_text()


def arrived(visitor: Visitor, login: str) -> Typist:
    """An officer at the front page of the console."""
    typist = Typist(visitor)
    visitor.go("/console")
    typist.signs_in(login, str(visitor.world.officers[login]["password"]))
    return typist


def test_a_compliance_officer_finds_an_exchange_and_decides_it_again(scripted: Visitor) -> None:
    typist = arrived(scripted, "compliance")
    typist.follow("Exchanges")
    typist.type("Your reason", "Monthly review of exchanges")
    typist.press("Continue")
    typist.unfold("Filters")
    typist.choose("Outcome", "answered")
    typist.press("Search")
    row = scripted.page.locator("tbody th a").first.inner_text()
    typist.follow(row)
    assert scripted.heading() == "One exchange"
    typist.press("Decide it again")
    assert "the decision is the same" in shown(scripted)


def test_an_agency_s_administrator_describes_a_service_and_tests_it(scripted: Visitor) -> None:
    typist = arrived(scripted, "wbb-admin")
    typist.follow("Agency")
    typist.follow("Adapters")
    typist.press("Register an adapter", "")
    typist.type("Short name of the adapter", "levy_typed")
    typist.type("Short name of what it answers", "members")
    typist.type("One answer of your system", ANSWER)
    typist.press("Continue")
    for label, text in SERVICE:
        typist.type(label, text)
    typist.press("Test it")
    assert "What the test found" in shown(scripted)


def test_an_operator_registers_an_officer(scripted: Visitor) -> None:
    typist = arrived(scripted, "operator")
    typist.follow("Officers")
    typist.choose("Member", "National Audit Office")
    typist.type("Name", "Typed Auditor")
    typist.type("Name at the identity provider", "typed-auditor")
    typist.press("Register")
    typist.follow("Typed Auditor")
    assert scripted.heading() == "Typed Auditor"


def test_a_person_contests_what_was_asked_and_takes_it_back(scripted: Visitor) -> None:
    number, typist = scripted.world.somebody(), Typist(scripted)
    scripted.go("/my-data")
    typist.signs_in(*account(scripted.world, number))
    typist.follow("Something is wrong")
    typist.choose("Which agency shall look at it?", scripted.page.locator("#about option").nth(1).inner_text())
    typist.type("What is wrong", "I never worked there")
    typist.type("Your NIC", number)
    typist.press("Send")
    assert "Your case is open." in shown(scripted)
    typist.follow("Take it back")
    typist.press("Yes, take it back")
    assert "Your case is closed." in shown(scripted)


@pytest.fixture
def planners(world: World, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desk]:
    with planning_desk(world, tmp_path_factory.mktemp("typed-lines") / "registry") as found:
        found.undone()
        yield found


def test_a_planning_officer_approves_a_line(scripted: Visitor, planners: Desk) -> None:
    typist = Typist(scripted)
    scripted.go("/desk/lines?decision=waiting", planners.url)
    typist.signs_in("kavitha", planners.passwords["kavitha"])
    typist.follow(scripted.page.locator("tbody th a").first.inner_text())
    typist.tick("Approve")
    typist.type("Why", "Looked at the evidence")
    typist.press("Save")
    assert "Approved." in shown(scripted)


@pytest.fixture
def counsellors(world: World, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desk]:
    folder = tmp_path_factory.mktemp("typed-people")
    for name in ("accounts.json", "counsellors.json"):
        shutil.copy(world.data / "sandbox" / "offices" / name, folder)
    with counsel_desk(world, folder) as found:
        yield found


def test_a_counsellor_says_what_was_found(scripted: Visitor, counsellors: Desk) -> None:
    typist = Typist(scripted)
    scripted.go("/counsel/people", counsellors.url)
    typist.signs_in("counsellor-lk-11", counsellors.passwords["counsellor-lk-11"])
    typist.follow(scripted.page.locator("tbody th a").first.inner_text())
    for _ in range(scripted.page.get_by_role("group").count() - 1):
        typist.tick("Confirmed no work")
    typist.tick("Employment counsellor")
    typist.press("Save and send")
    assert "The finding is kept" in shown(scripted)
