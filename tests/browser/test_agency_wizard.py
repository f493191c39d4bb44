"""A clerk who has never seen the product puts an agency on line: counted steps, and what the guide shows of them.

With `PICTURES=1` in the environment the pictures of `docs/guides/wizard.md` are made anew.
"""

import json
import os
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Literal

from browser import fit
from browser.agreeing_sides import agreed, sits
from browser.levy import ANSWER, MEMBER, SAYS
from browser.typist import SERVICE
from browser.visitor import Visitor
from playwright.sync_api import FloatRect
from sandhi_client import Identifier, Subject
from sandhi_client.sync import Client

MOST_STEPS = 45
STEP_S = 20
MOST_S = 15 * 60
MARGIN = 30
CONTINUE, SUBMIT = (f"main button:text-is('{name}')" for name in ("Continue", "Submit"))
RULES = "table:has(caption:text-is('Rules of the grades'))"
IMAGES = Path(__file__).resolve().parents[2] / "docs/guides/img"


@dataclass(slots=True)
class Clerk:
    """Does one thing at a time, and counts."""

    visitor: Visitor
    steps: int = 0

    def press(self, role: Literal["button", "link"], name: str) -> None:
        self.steps += 1
        self.visitor.page.get_by_role(role, name=name, exact=True).click()

    def fill(self, label: str, text: str) -> None:
        self.steps += 1
        self.visitor.page.get_by_label(label, exact=True).first.fill(text)

    def choose(self, label: str, value: str) -> None:
        self.steps += 1
        self.visitor.page.get_by_label(label, exact=True).first.select_option(value)

    def picture(self, name: str, last: str) -> None:
        """The page from its top to the end of `last`, which is what the guide tells of."""
        page = self.visitor.page
        self.visitor.looked_at(name)
        if os.environ.get("PICTURES") and self.visitor.scripts:
            IMAGES.mkdir(parents=True, exist_ok=True)
            box = page.locator(last).first.bounding_box()
            assert box, f"{name} has no {last}"
            height = page.evaluate("scrollY") + box["y"] + box["height"] + MARGIN
            whole = FloatRect(x=0, y=0, width=fit.WIDE["width"], height=height)
            page.screenshot(path=IMAGES / f"{name}.png", full_page=True, clip=whole)

    def said(self, text: str) -> bool:
        return text in self.visitor.page.locator("main").inner_text()


def test_a_clerk_registers_an_agency_in_less_than_fifteen_minutes(either: Visitor) -> None:
    clerk, adapter = Clerk(either), f"levy_{int(either.scripts)}"
    either.sign_in("wbb-admin")
    clerk.steps += 4  # the page, the login, the password, the button
    described(clerk, adapter)
    clerk.press("button", "Keep it")
    assert either.heading() == f"Adapter {adapter}"
    probed(clerk, adapter.upper() + "_URL")
    clerk.fill("Why", "Our register is ready to be asked")
    clerk.press("button", "Submit")
    assert clerk.said("Somebody else decides")
    clerk.picture("wizard-submitted", SUBMIT)
    assert clerk.steps <= MOST_STEPS
    assert clerk.steps * STEP_S <= MOST_S
    on_line(clerk, adapter)


def described(clerk: Clerk, adapter: str) -> None:
    """From the menu to a folder that is tested and good."""
    clerk.press("link", "Agency")
    clerk.press("link", "Adapters")
    clerk.press("button", "Register an adapter")
    clerk.fill("Short name of the adapter", adapter)
    clerk.fill("Short name of what it answers", "members")
    clerk.choose("Which record does an answer become?", "canonical/identity.v1.json")
    clerk.fill("One answer of your system, or its WSDL", ANSWER)
    clerk.picture("wizard-begin", CONTINUE)
    clerk.press("button", "Continue")
    clerk.fill("Name of your agency", "National Levy Fund")
    clerk.fill("E-mail of whoever is called when it breaks", "integration@levy.example")
    clerk.fill("What the adapter is for", "Members of an invented fund.")
    clerk.fill("What the service answers", SAYS)
    clerk.fill("Address below the base address", "/members/search")
    clerk.fill("What the question carries", "nationalNumber = identifier:NIC")
    clerk.fill("codes.toml", '[sex]\n"K" = "female"\n')
    clerk.press("button", "Test it")
    assert clerk.said("What the test found")
    clerk.press("button", "The results are right: expect them from now on")
    assert clerk.said('"nationalNumber": "199012304567"')
    assert clerk.said('"birth_date": "1990-05-02"')
    clerk.picture("wizard-tested", RULES)


def probed(clerk: Clerk, name: str) -> None:
    """The endpoint is asked; the value for production is another one."""
    for stage in ("test", "production"):
        clerk.choose("For", stage)
        clerk.fill(name, f"{clerk.visitor.world.fund}/")
        clerk.press("button", "Keep these values")
    assert clerk.visitor.page.get_by_label(name, exact=True).input_value() == ""
    assert f"{clerk.visitor.world.fund}/" not in clerk.visitor.page.content()
    clerk.press("button", "Run the test")
    assert clerk.said("What the test endpoint was asked and said")
    live = clerk.visitor.page.locator("section[aria-labelledby=overheard] pre").all_inner_texts()
    assert [json.loads(live[0].partition("\n")[2]), json.loads(live[1].partition("\n")[2])] == [
        {"nationalNumber": MEMBER},
        json.loads(ANSWER),
    ]
    assert live[0].startswith("POST /members/search\n")
    assert live[1].startswith("HTTP 200\n")
    assert json.loads(live[2])["sex"] == "female"
    clerk.picture("wizard-endpoint", RULES)


def on_line(clerk: Clerk, adapter: str) -> None:
    """Another person approves; the next version gets a share first, then all; an outage, the way back, and off line."""
    visitor = clerk.visitor
    approved(clerk, adapter)
    assert clerk.said("Active")
    visitor.looked_at("adapter-active")
    asked_through_it(clerk, adapter)
    next_version(clerk)
    handed_in(clerk, "canary", "10")
    approved(clerk, adapter)
    assert clerk.said("Trial share (canary), 10 %")
    visitor.looked_at("adapter-canary")
    clerk.press("button", "Withdraw version 2")
    visitor.looked_at("adapter-withdrawing")
    clerk.fill("Why", "the trial has shown enough")
    clerk.press("button", "Withdraw it")
    assert clerk.said("Withdrawn")
    announced(clerk)
    handed_in(clerk, "active", "")
    approved(clerk, adapter)
    assert clerk.said("Superseded")
    clerk.press("button", "Go back to the version before")
    clerk.fill("Why", "the new one answers too slowly")
    clerk.press("button", "Go back to it")
    clerk.press("button", "Retire version 1 for good")
    clerk.fill("Why", "the fund has been dissolved")
    clerk.press("button", "Retire it for good")
    assert clerk.said("Retired")


def asked_through_it(clerk: Clerk, adapter: str) -> None:
    """Both sides agree, another system asks, the fund answers, and the agency finds it in its own traffic."""
    visitor = clerk.visitor
    system = visitor.page.locator(".govuk-caption-l .app-apart").inner_text()
    fields = ["birth_date", "sex"]
    agreed(
        visitor,
        {
            "format": "agreement/1",
            "id": f"DSA-2030-{adapter[-1]}",
            "version": 1,
            "title": "Members of the levy fund",
            "provider": {"member": "LK/GOV/WBB", "systems": [system]},
            "consumer": {"member": "LK/GOV/DME", "systems": ["LK/GOV/DME/ESS"]},
            "services": [{"service": f"{adapter}.members", "actions": ["read"], "fields": fields, "sends": ["NIC"]}],
            "purposes": ["employment-support.eligibility"],
            "legal_bases": [{"kind": "public_task", "reference": "Welfare Benefits Act No. 24 of 2002"}],
            "valid_from": "2026-01-01T00:00:00Z",
            "valid_until": "2031-01-01T00:00:00Z",
        },
    )
    with Client.from_file(visitor.world.data / "clients" / "ess.json") as ess:
        answer = ess.exchange(
            subject=Subject((Identifier("NIC", MEMBER),)),
            service=f"{adapter}.members",
            purpose="employment-support.eligibility",
            fields=fields,
        )
    assert answer.record == {"birth_date": "1990-05-02", "sex": "female"}
    sits(visitor, "wbb-admin", f"/console/agency/traffic/{answer.exchange_id}")
    assert clerk.said("Answered")
    visitor.go(f"/console/agency/adapters/{adapter}")


def approved(clerk: Clerk, adapter: str) -> None:
    """By somebody else, who reads what would run and what the test of it found; and back to the agency's page."""
    visitor = clerk.visitor
    clerk.press("button", "Sign out")
    visitor.sign_in("operator", "/console/approvals")
    visitor.page.locator("tbody tr", has_text=adapter).get_by_role("link").first.click()
    assert [each for each in ("mapping.toml", "The dry run:", "Silver") if not clerk.said(each)] == []
    visitor.looked_at("approval-adapter")
    visitor.page.get_by_role("button", name="Approve").click()
    assert clerk.said("Decided.")
    clerk.press("button", "Sign out")
    visitor.sign_in("wbb-admin", f"/console/agency/adapters/{adapter}")


def next_version(clerk: Clerk) -> None:
    """The same form again; what is kept is version 2."""
    clerk.press("link", "Edit it: what you keep is the next version")
    clerk.fill("What the adapter is for", "Members of an invented fund, and since when.")
    clerk.press("button", "Keep it")
    assert clerk.said("Version 2")
    clerk.press("button", "Run the test")


def handed_in(clerk: Clerk, way: str, share: str) -> None:
    """For somebody else to decide."""
    clerk.choose("How it runs", way)
    clerk.fill("Share, in per cent (optional)", share)
    clerk.fill("Why", "The next version, carefully")
    clerk.press("button", "Submit")
    assert clerk.said("Somebody else decides")


def announced(clerk: Clerk) -> None:
    """A maintenance window, and called off: both at once, alone."""
    day = datetime.now(UTC) + timedelta(days=30)
    told = f"{day.day} {day:%B %Y}, 12:00"
    clerk.fill("From", f"{day:%Y-%m-%d}T12:00")
    clerk.fill("Until", f"{day:%Y-%m-%d}T14:00")
    clerk.press("button", "Announce it")
    assert clerk.said(told)
    clerk.press("button", "It is over, or called off")
    assert not clerk.said(told)


def test_faults_are_named_with_file_and_line_before_anything_is_kept(scripted: Visitor) -> None:
    clerk = Clerk(scripted)
    scripted.sign_in("wbb-admin", "/console/agency/adapters/new")
    clerk.fill("Short name of the adapter", "levy_broken")
    clerk.fill("One answer of your system, or its WSDL", ANSWER)
    clerk.press("button", "Continue")
    scripted.page.get_by_label("mapping.toml").fill("[records]\nconfirmed = { from = 1 }\n")
    clerk.press("button", "Keep it")
    assert clerk.said("There is a problem")
    assert clerk.said("mapping.toml")
    scripted.looked_at("wizard-fault")
    scripted.go("/console/agency/adapters/levy_broken")
    assert "There is no such adapter" in scripted.page.locator("main").inner_text()


def test_what_does_not_hold_yet_is_kept_as_a_draft_alone(scripted: Visitor) -> None:
    clerk = Clerk(scripted)
    scripted.sign_in("wbb-admin", "/console/agency/adapters/new")
    clerk.fill("Short name of the adapter", "levy_draft")
    clerk.fill("Short name of what it answers", "members")
    clerk.fill("One answer of your system, or its WSDL", ANSWER)
    clerk.press("button", "Continue")
    for label, text in SERVICE:
        scripted.page.get_by_label(label).first.fill(text)
    clerk.press("button", "Keep it")
    assert clerk.said("The test does not hold yet")
    scripted.looked_at("wizard-not-yet")
    clerk.press("button", "Keep as a draft")
    assert scripted.heading() == "Adapter levy_draft"
    assert clerk.said("Draft")


def test_an_agency_does_not_see_another_s_adapters_or_systems(scripted: Visitor) -> None:
    scripted.sign_in("dme-admin")
    for path in ("adapters/levy_1", "systems/LK.GOV.WBB.SRIS", "systems/LK.GOV.WBB.SR"):
        answer = scripted.page.goto(f"{scripted.world.gateway}/console/agency/{path}")
        assert answer, path
        assert answer.status == 404, path
