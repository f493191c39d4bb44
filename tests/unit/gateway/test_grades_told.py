"""Each rule of the grades says what a clerk does about it, in each language."""

from gateway.registration.grading import RULES
from pages.languages import LANGUAGES
from pages.rendering import WORDS_OF


def test_each_rule_says_what_to_do() -> None:
    for rule in RULES:
        told = WORDS_OF[f"todo_{rule.name}"]
        assert told.endswith(".")
        assert told in LANGUAGES["si"].words
        assert told in LANGUAGES["ta"].words
