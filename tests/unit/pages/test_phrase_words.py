"""What the API says in English with its values can be said in each language: sentences, kinds of entries, rules."""

import ast
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from audit.wording import KINDS, OUTCOMES
from consent.phrase import phrase
from gateway.review import ruled
from gateway.review.rules import RULES
from pages.languages import LANGUAGES
from pages.moments import DAY, MONTHS, moment
from pages.rendering import phrased

ROOT = Path(__file__).parents[3]
SOURCES = (
    "consent/sentences.py",
    "consent/amendment.py",
    "consent/renewal.py",
    "gateway/review/breach_letters.py",
    "gateway/review/sentences.py",
)
OTHERS = [code for code in LANGUAGES if code != "en"]


def texts_of(source: str) -> Iterator[str]:
    """Every text of a module that is more than one word and no docstring: all of them are said to people."""
    tree = ast.parse((ROOT / source).read_text("utf-8"))
    told = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    for node in ast.walk(tree):
        if not isinstance(node, ast.Constant) or not isinstance(node.value, str) or id(node) in told:
            continue
        if " " in node.value.strip() or node.value.startswith("%("):
            yield node.value


@pytest.mark.parametrize("code", OTHERS)
def test_each_sentence_of_the_api_is_translated(code: str) -> None:
    wanted = [text for source in SOURCES for text in texts_of(source)]
    wanted += ruled.TEXTS
    wanted += [
        text for text in texts_of("consent/archetypes.py") if not text.startswith("a made-up ")
    ]  # whose name it is
    wanted += [*OUTCOMES.values(), *KINDS.values(), *MONTHS, DAY]
    wanted += [text for rule in RULES for text in (rule.what, rule.why, rule.todo)]
    assert sorted(set(wanted) - LANGUAGES[code].words.keys()) == []


def test_a_phrase_reads_the_same_in_english_here_and_at_the_api() -> None:
    said = phrase("%(who)s may ask %(fields)s until %(day)s.", who="A", fields=("b", "c"), day=date(2026, 1, 31))
    assert str(said) == "A may ask b and c until 31 January 2026."
    assert phrased(LANGUAGES["en"])(said.wire()) == str(said)


def test_a_list_without_values_is_read_as_nothing_here_and_at_the_api() -> None:
    said = phrase("%(who)s may ask %(fields)s.", who="A", fields=())
    assert str(said) == "A may ask nothing."
    assert phrased(LANGUAGES["en"])(said.wire()) == str(said)
    for code in OTHERS:
        told = phrased(LANGUAGES[code])(said.wire())
        assert LANGUAGES[code].words["nothing"] in told


def test_a_phrase_is_said_in_another_language_with_its_names_and_days() -> None:
    inside = phrase("the person's consent, as recorded by %(members)s", members=("LK/GOV/WBB",))
    said = phrase("It holds from %(first)s until %(last)s.", first=date(2026, 1, 31), last=inside)
    told = phrased(LANGUAGES["ta"])(said.wire(), {"LK/GOV/WBB": "Welfare Benefits Board"})
    assert "31 ஜனவரி 2026" in told
    assert "நலன்புரி நன்மைகள் சபை பதிவு செய்த" in told


def test_what_is_no_phrase_of_ours_is_never_translated() -> None:
    assert phrased(LANGUAGES["si"])(phrase("%(what)s.", what="Saved.").wire()) == "Saved.."


def test_a_moment_is_shown_by_the_clocks_of_the_country() -> None:
    here = ZoneInfo("Asia/Colombo")
    assert moment("2026-11-22T20:30:00+00:00", str, here) == "23 November 2026, 02:00"
    assert moment("2026-11-22T20:30:05Z", str, here, seconds=True) == "23 November 2026, 02:00:05"
    assert moment("never", str, here) == "never"
