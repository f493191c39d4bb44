"""Every page, not some: for people who see little, who type, who enlarge, who have a narrow screen or own colours."""

import shutil
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from browser import fit
from browser.agreeing_sides import proposed, sits
from browser.citizens import sign_in_as
from browser.desks import Desk, counsel_desk, planning_desk
from browser.every_page import CITIZEN, LOGINS, NOBODY, named, pages_below, pages_of, walked
from browser.typist import SERVICE
from browser.visitor import Visitor, World

from gateway.cli.demo.parties import agreements
from gateway.profile import load_profile
from pages.languages import LANGUAGES

PAGES = pages_of()
DESK, COUNSEL = pages_below("/desk"), pages_below("/counsel")
WHY = "Looking at every page there is"
GENERAL = ("adapters", "adapters/check", "adapters/draft", "unmapped", "uses/end", "uses/stop")
"""Forms below `/console/agency` that name what they are about in a field."""


def fit_for_everybody(visitor: Visitor) -> Callable[[str], None]:
    """The look of a visitor: keyboard, axe, forced colours, narrow, enlarged, and a picture."""

    def look(name: str) -> None:
        assert visitor.page.locator("h1").count() == 1, f"{name} has no heading of its own"
        fit.walked_by_keyboard(visitor.page, name)
        visitor.looked_at(name)
        fit.accessible_in_forced_colours(visitor.page, name)
        told_in_each_language(visitor, name)

    return look


def told_in_each_language(visitor: Visitor, name: str) -> None:
    """Fails on a text, ours or a name, that has been translated and yet stands there in English, or on a cut table."""
    address = visitor.page.url
    for code in ("si", "ta", "en"):  # the last one is remembered
        answer = visitor.page.goto(f"{address}{'&' if '?' in address else '?'}lang={code}")
        left = fit.left_in_english(answer.text(), LANGUAGES[code].words) if answer and answer.ok else []
        assert left == [], f"{name} in {code}: {left}"
        fit.whole_tables(visitor.page, f"{name} in {code}")
        fit.fits(visitor.page, f"{name} in {code}")


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
    scripted.page.wait_for_url("**/console/breaches/*")
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


OWN = """() => [...document.querySelectorAll("main a[href], main form[action]")].map((each) => [
  each.method === "post" ? "POST" : "GET", (each.getAttribute("href") || each.getAttribute("action")).split("#")[0]
])"""


def of_its_own(visitor: Visitor, login: str) -> set[tuple[str, str]]:
    """What the pages of an agency lead to by an id: method and address."""
    found: set[tuple[str, str]] = set()

    def look(_: str) -> None:
        found.update((method, address.partition("?")[0]) for method, address in visitor.page.evaluate(OWN))

    sits(visitor, login, "/console")
    walked(visitor, of("wbb-admin"), look)
    fixed = {route for route in PAGES if "{" not in route}
    shared = "/console/agency/traffic/"  # which of these both sides may open, one page of each cannot tell
    found = {each for each in found if each[1].startswith("/console/agency/") and not each[1].startswith(shared)}
    return {(method, at) for method, at in found if at not in fixed}


def is_part_of(pages: set[str], address: str) -> bool:
    """Of a page that both sides may open (its list says so), the walk opens the parts at one of them only."""
    return address.rpartition("/")[0] in pages


def test_what_the_pages_of_one_agency_alone_lead_to_is_closed_to_another(scripted: Visitor) -> None:
    known = agreements(load_profile("lk"), "2026-01-01T00:00:00Z", "2028-01-01T00:00:00Z")
    between_its_own = next(each for each in known if each["id"] == "DSA-2026-08")
    proposed(scripted, "DSA-2027-8", **{name: each for name, each in between_its_own.items() if name != "id"})
    sits(scripted, "dme-admin", "/console")
    kept_adapter(scripted, "levy_of_dme")
    theirs, ours = of_its_own(scripted, "dme-admin"), of_its_own(scripted, "wbb-admin")
    shared, general = {address for _, address in ours}, {f"/console/agency/{each}" for each in GENERAL}
    alone = {each for each in theirs - ours if each[1] not in general and not is_part_of(shared, each[1])}
    kinds = {address.split("/")[3] for _, address in alone}
    assert kinds >= {"adapters", "agreements", "systems"}, alone
    csrf = scripted.page.request.get(f"{scripted.world.gateway}/v1/officers/me").json()["csrf_token"]
    for method, address in sorted(alone):
        form = {"csrf": csrf, "reason": "Trying what is not mine", "version": "1"} if method == "POST" else None
        options: Any = {"method": method, "form": form, "headers": {"origin": scripted.world.gateway}}
        answer = scripted.page.request.fetch(f"{scripted.world.gateway}{address}", max_redirects=0, **options)
        assert answer.status in {403, 404}, f"{method} {address}: {answer.status}"


def test_pages_of_a_person_are_fit_for_everybody(scripted: Visitor) -> None:
    number = scripted.world.somebody()
    sign_in_as(scripted, number)
    contested(scripted, number)
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


def contested(visitor: Visitor, number: str) -> None:
    """A case that is open."""
    visitor.go("/my-data/contest")
    visitor.page.get_by_label("About what").select_option(label="Contributions and pensions")
    visitor.page.get_by_label("What is wrong").fill("I paid in May.")
    visitor.page.get_by_label("Your NIC").fill(number)
    press(visitor, "Send")


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


def kept_adapter(visitor: Visitor, name: str = "levy_walked") -> None:
    """A version that was kept and does not run."""
    visitor.go("/console/agency/adapters/new")
    page: Any = visitor.page
    page.get_by_label("Short name of the adapter", exact=True).fill(name)
    page.get_by_label("Short name of what it answers", exact=True).fill("members")
    page.get_by_label("One answer of your system, or its WSDL", exact=True).fill('{"confirmed": true}')
    press(visitor, "Continue")
    for label, text in SERVICE:
        page.get_by_label(label).first.fill(text)
    press(visitor, "Keep as a draft")
