"""Naughty strings as every name and in every field that a page offers: nothing executes, no layout breaks."""

from urllib.parse import urlencode

import pytest
from browser import naughty
from browser.citizens import sign_in_as
from browser.every_page import CITIZEN, pages_of
from browser.filling_in import ALIVE, filled_in
from browser.visitor import Visitor

WHY = "Trying what cannot be"


def walk(visitor: Visitor, login: str, start: int) -> int:
    return filled_in(visitor, [route for route, who in pages_of().items() if who == login], start)


@pytest.mark.parametrize(("login", "forms"), [("compliance", 6), ("operator", 3), ("wbb-admin", 5), ("protection", 1)])
def test_no_string_of_an_officer_s_form_executes_or_breaks_a_layout(scripted: Visitor, login: str, forms: int) -> None:
    scripted.sign_in(login)
    if login in {"compliance", "protection"}:
        scripted.go("/console/person")
        scripted.page.get_by_label("Your reason").fill(WHY)
        scripted.page.get_by_role("button", name="Continue").click()
    assert walk(scripted, login, sum(map(ord, login))) >= forms


def test_no_string_of_a_person_s_form_executes_or_breaks_a_layout(scripted: Visitor) -> None:
    sign_in_as(scripted, scripted.world.somebody())
    assert walk(scripted, CITIZEN, 7) >= 1


def test_no_string_in_an_address_executes_or_breaks_a_layout(scripted: Visitor) -> None:
    scripted.sign_in("compliance")
    strings = naughty.from_the(0)
    for path in (
        "/console/exchanges",
        "/console/events",
        "/console/findings",
        "/console/agreements",
        "/console/sign-in",
    ):
        query = {
            name: next(strings) for name in ("purpose", "service", "state", "before", "next", "done", "lang", "kind")
        }
        answer = scripted.page.request.get(f"{scripted.world.gateway}{path}?{urlencode(query)}")
        assert answer.status < 500, path
        scripted.page.set_content(answer.text())
        assert scripted.page.evaluate(ALIVE) == [], path
