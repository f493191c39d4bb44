"""Every page, not some: for people who see little, who type, who enlarge, who have a narrow screen or own colours."""

import shutil
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from browser import fit
from browser.agreeing_sides import proposed
from browser.citizens import sign_in_as
from browser.desks import Desk, counsel_desk, planning_desk
from browser.every_page import CITIZEN, LOGINS, NOBODY, named, pages_below, pages_of, walked
from browser.visitor import Visitor, World

PAGES = pages_of()
DESK, COUNSEL = pages_below("/desk"), pages_below("/counsel")
WHY = "Looking at every page there is"


def fit_for_everybody(visitor: Visitor) -> Callable[[str], None]:
    """The look of a visitor: keyboard, axe, forced colours, narrow, enlarged, and a picture."""

    def look(name: str) -> None:
        assert visitor.page.locator("h1").count() == 1, f"{name} has no heading of its own"
        fit.walked_by_keyboard(visitor.page, name)
        visitor.looked_at(name)
        fit.accessible_in_forced_colours(visitor.page, name)

    return look


def of(login: str) -> list[str]:
    """The pages at which somebody looks."""
    return [route for route, who in PAGES.items() if who == login]


def test_somebody_looks_at_each_page_of_the_route_matrix() -> None:
    assert len(PAGES) > 40
    assert len(DESK) >= 5
    assert len(COUNSEL) >= 2
    assert set(PAGES.values()) == {*LOGINS.values()}


def test_pages_before_signing_in_are_fit_for_everybody(scripted: Visitor) -> None:
    look = fit_for_everybody(scripted)
    assert walked(scripted, [route for route in of(NOBODY) if route != "/idp/authorize"], look) == set()
    scripted.go("/console/sign-in")
    scripted.page.locator("main a.govuk-button").first.click()
    look("page-idp-authorize")
    scripted.go("/console/nothing-of-this-name")
    look("page-not-found")


def test_pages_of_a_compliance_officer_are_fit_for_everybody(scripted: Visitor) -> None:
    look = fit_for_everybody(scripted)
    scripted.sign_in("auditor", "/console/samples")
    press(scripted, "Plan it")
    scripted.page.get_by_role("button", name="Sign out").click()
    scripted.sign_in("compliance")
    stated(scripted, "/console/exchanges")
    scripted.go("/console/findings")
    press(scripted, "Look through the log now")
    scripted.go("/console/breaches")
    scripted.page.get_by_label("System").fill("LK/GOV/WBB/SRIS")
    press(scripted, "Open the case")
    lines = "/console/exchanges/{exchange_id}/lines"  # a batch alone has the link
    assert walked(scripted, [route for route in of("compliance") if route != lines], look) == set()
    scripted.go("/console/exchanges?provider=LK/GOV/DRP/IDA")
    scripted.page.locator("tbody th a").first.click()
    scripted.page.get_by_role("link", name="Person by person").click()
    look(named(lines))
    scripted.go("/console/agency")
    look("page-not-allowed")


@pytest.mark.parametrize("login", ["operator", "protection"])
def test_pages_of_who_runs_and_who_protects_are_fit_for_everybody(scripted: Visitor, login: str) -> None:
    scripted.sign_in(login)
    if login == "operator":
        asked_for(scripted)
    else:
        stated(scripted, "/console/breaches")
    assert walked(scripted, of(login), fit_for_everybody(scripted)) == set()


def test_pages_of_an_agency_s_administrator_are_fit_for_everybody(scripted: Visitor) -> None:
    proposed(scripted, "DSA-2027-9")
    scripted.sign_in("wbb-admin")
    kept_adapter(scripted)
    assert walked(scripted, of("wbb-admin"), fit_for_everybody(scripted)) == set()


def test_pages_of_a_person_are_fit_for_everybody(scripted: Visitor) -> None:
    sign_in_as(scripted, scripted.world.somebody())
    assert walked(scripted, of(CITIZEN), fit_for_everybody(scripted)) == set()


@pytest.fixture
def planners(world: World, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desk]:
    with planning_desk(world, tmp_path_factory.mktemp("every-line") / "registry") as found:
        found.undone()
        yield found


def test_pages_of_the_planning_department_are_fit_for_everybody(scripted: Visitor, planners: Desk) -> None:
    look = fit_for_everybody(scripted)
    scripted.go("/desk/sign-in", planners.url)
    look("page-desk-sign-in")
    planners.sign_in(scripted, "kavitha")
    assert walked(scripted, DESK, look, planners.url) == set()
    scripted.go("/desk/lines/999999", planners.url)
    look("page-desk-not-found")


@pytest.fixture
def counsellors(world: World, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desk]:
    folder = tmp_path_factory.mktemp("every-person")
    for name in ("accounts.json", "counsellors.json"):
        shutil.copy(world.data / "sandbox" / "offices" / name, folder)
    with counsel_desk(world, folder) as found:
        yield found


def test_pages_of_a_counsellor_are_fit_for_everybody(scripted: Visitor, counsellors: Desk) -> None:
    look = fit_for_everybody(scripted)
    scripted.go("/counsel/sign-in", counsellors.url)
    look("page-counsel-sign-in")
    counsellors.sign_in(scripted, "counsellor-lk-11")
    assert walked(scripted, COUNSEL, look, counsellors.url) == set()
    scripted.go("/counsel/people/999999", counsellors.url)
    look("page-counsel-not-found")


def stated(visitor: Visitor, path: str) -> None:
    """Say why, on the way to a page of evidence."""
    visitor.go(path)
    if visitor.page.get_by_label("Your reason").count():
        visitor.page.get_by_label("Your reason").fill(WHY)
        press(visitor, "Continue")


def press(visitor: Visitor, name: str) -> None:
    """One of the page's own buttons."""
    visitor.page.locator("main").get_by_role("button", name=name, exact=True).first.click()


def asked_for(visitor: Visitor) -> None:
    """A role that waits for a second person."""
    visitor.go("/console/officers")
    visitor.page.get_by_role("link", name="Selvam Rajah").click()
    visitor.page.get_by_label("Role", exact=True).select_option("external_auditor")
    visitor.page.get_by_label("Why").fill(WHY)
    press(visitor, "Grant")


def kept_adapter(visitor: Visitor) -> None:
    """A version that was kept and does not run."""
    visitor.go("/console/agency/adapters/new")
    page: Any = visitor.page
    page.get_by_label("Short name of the adapter", exact=True).fill("levy_walked")
    page.get_by_label("Short name of what it answers", exact=True).fill("members")
    page.get_by_label("One answer of your system, or its WSDL", exact=True).fill('{"confirmed": true}')
    press(visitor, "Continue")
    for label, text in (("Name", "Levy"), ("Owner", "a@levy.example"), ("Summary", "A fund."), ("Path", "/members")):
        page.get_by_label(label, exact=True).first.fill(text)
    page.locator("[id='service.summary']").fill("Whether somebody is a member.")
    page.get_by_label("Request", exact=True).fill("nationalNumber = identifier:NIC")
    press(visitor, "Keep it")
