"""What each source said reaches the planner in words, with what the rule made of it, asked or not."""

import ast
from dataclasses import replace
from datetime import date
from html import unescape
from pathlib import Path
from typing import Any

import httpx
import pytest

from pages.desk import Account
from pages.languages import LANGUAGES
from pages.rendering import phrased
from registry import evidence, planning
from registry.checks import CHECKS
from registry.cli import STEPS
from registry.evidence import phrase, said
from registry.rule import EDUCATION, NATIONAL_ID, PENSION, TAX, Case, Facts, Limits, Said
from registry.server import app
from registry.stage import Stage
from tests.unit.registry.scripted import Gateway

ORIGIN = "http://registry"
DAY = date(2026, 10, 31)
TO_LIST = ("load", "extract", "identity", "civil", "pension", "tax", "education", "enrolled", "list")
WITHHELD = "No death is known. A part of its answer was withheld."
PAID_IN_MARCH = {
    "active": False,
    "closed_month": "2026-09",
    "months_since_last_contribution": 6,
    "old_age_pension": False,
}


def told(source: str, answer: Said | None, **known: Any) -> str:
    said_ = {} if answer is None else {source: answer}
    case = Case(Facts(date(1990, 5, 5), said_, **known), DAY, Limits())
    return " ".join(phrased(LANGUAGES["en"])(each) for each in said(case, source))


@pytest.mark.parametrize(
    ("source", "answer", "words"),
    [
        (
            PENSION,
            Said("answered", PAID_IN_MARCH, DAY),
            "No contributions since March 2026. It pays no old-age pension.",
        ),
        (
            TAX,
            Said("answered", {"paid": False, "self_employed": False, "closed_month": "2026-09"}, DAY),
            "No pay in the 6 months to September 2026. Not self-employed.",
        ),
        (
            EDUCATION,
            Said("answered", {"highest_level": 3, "technical_qualification": True, "full_time_student": False}, DAY),
            "Highest level completed: ISCED 3. Has a technical qualification. Does not study full-time.",
        ),
        (
            NATIONAL_ID,
            Said("answered", {"confirmed": True, "birth_date": "1990-05-05", "death_date": None}, DAY),
            "It confirms the person. Born on 5 May 1990. No death is known.",
        ),
        (PENSION, Said("unknown_person"), "It does not know a person with this number."),
        (PENSION, Said("ambiguous"), "It could not tell which of several records is meant."),
        (PENSION, Said("refused_by_rules"), "Not asked: no consent, agreement or statute allowed the question."),
        (EDUCATION, Said("answered", {"full_time_student": None}), "Studies, and whether full-time is not known."),
        (NATIONAL_ID, Said("answered", {"death_date": None}, DAY, complete=False), WITHHELD),
        (PENSION, Said("source_timeout"), "It did not answer."),
        (
            NATIONAL_ID,
            Said("answered", {"confirmed": False}, date(2026, 7, 31)),
            "It does not confirm the person. Its records end on 31 July 2026, too early for this list.",
        ),
    ],
    ids=["paid", "tax", "school", "identity", "unknown", "ambiguous", "refused", "studies", "withheld", "down", "old"],
)
def test_an_answer_is_said_in_words(source: str, answer: Said, words: str) -> None:
    assert told(source, answer) == words


def test_who_was_not_asked_has_the_reason() -> None:
    assert told(TAX, None, tax_number="none") == "Not asked: the person declared to have no tax number."
    assert told(TAX, None, tax_number="unknown") == "Not asked: the person's tax number is not known."
    assert told(EDUCATION, None) == "Not asked: the person's learner number is not known."
    assert told(PENSION, None) == "Not asked."


@pytest.mark.parametrize("code", ["si", "ta"])
def test_everything_it_can_say_is_translated(code: str) -> None:
    tree = ast.parse(Path(evidence.__file__).read_text("utf-8"))
    docs = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    texts = {
        node.value
        for node in ast.walk(tree)
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in docs and " " in node.value
    }
    titles = {each.title[0].upper() + each.title[1:] for each in CHECKS.values()}
    assert sorted((texts | titles) - LANGUAGES[code].words.keys()) == []


async def test_a_line_shows_what_every_source_said_and_what_the_rule_made_of_it(stage: Stage, gateway: Gateway) -> None:
    as_of = {"as_of": "2026-10-31", "withheld": [], "match": "exact", "source_code": ""}
    gateway.answers["pension.contributions"] = lambda _: {"outcome": "answered", "claims": PAID_IN_MARCH, **as_of}
    gateway.answers["ess.enrolment"] = lambda _: {"outcome": "refused_by_rules", "detail": "no consent"}
    stage = replace(stage, settings=replace(stage.settings, public_url=ORIGIN))
    for step in TO_LIST:
        await STEPS[step](stage)
    async with httpx.AsyncClient(
        transport=httpx.ASGITransport(app(stage)), base_url=ORIGIN, headers={"origin": ORIGIN}
    ) as http:
        password = planning.accounts(stage.settings.folder).add(Account("kavitha", "K"))
        await http.post("/desk/sign-in", data={"login": "kavitha", "password": password})
        page = unescape((await http.get("/desk/lines/1")).text)
    assert "It confirms the person." in page
    assert "No contributions since March 2026." in page
    assert "Rules 5 and 9 (old-age pension, contributions): it shows no work" in page
    assert "Not asked: the person declared to have no tax number." in page
    assert "Rule 8 (already enrolled): to verify" in page
    assert "Not asked: no consent, agreement or statute allowed the question." in page


def test_a_phrase_is_what_pages_say() -> None:
    assert phrased(LANGUAGES["en"])(phrase("Born on %(day)s.", day={"day": "1990-05-05"})) == "Born on 5 May 1990."
