"""One is one: what stands beside a number is said for that number, in templates and in sentences with their values."""

import re
from collections.abc import Iterator

import pytest

from consent.phrase import counted
from consent.sentences import AGE, DELAY, KEPT, LIFE, QUOTA_WORDS
from pages.rendering import TEMPLATES, environment

CLOCKS = '{% from "console/clocks.html" import hours, days, ago with context %}'
OF_MANY = re.compile(r"(?<![Vv]ersion )%\(n\)s (\w+s|people)\b")
ALWAYS_MANY = {
    *("%(n)s minutes ago", "%(n)s hours ago", "%(n)s days ago"),  # the largest unit of which there are two
    *("%(n)s days", "exchanges in %(n)s days", "exchange in %(n)s days"),  # 7, 30 or 90
    *("Ends within %(n)s days", "Nothing of yours ends within %(n)s days."),
    *("%(n)s bytes", "%(n)s lines were decided again."),
}


@pytest.mark.parametrize(
    ("template", "said"),
    [
        ("{{ hours(71.9) }}", "71 hours left"),
        ("{{ hours(1.2) }}", "1 hour left"),
        ("{{ hours(0.4) }}", "less than an hour left"),
        ("{{ hours(-0.4) }}", "less than an hour late"),
        ("{{ hours(-1.0) }}", "1 hour late"),
        ("{{ hours(-30) }}", "30 hours late"),
        ("{{ days(1) }}", "1 day left"),
        ("{{ days(30) }}", "30 days left"),
        ("{{ days(0) }}", "less than a day left"),
        ("{{ days(-1) }}", "1 day late"),
        ("{{ ago(1) }}", "1 second ago"),
        ("{{ ago(119.7) }}", "119 seconds ago"),
        ("{{ ago(120) }}", "2 minutes ago"),
        ("{{ ago(172800) }}", "2 days ago"),
        ('{{ ngettext("%(n)s line", "%(n)s lines", n=12345) }}', "12,345 lines"),
    ],
)
def test_how_long_is_left_is_said_for_its_number(template: str, said: str) -> None:
    assert environment("en").from_string(CLOCKS + template).render() == said


def plain_texts() -> Iterator[tuple[str, str]]:
    """(template, text) for each text of the console that is one whatever its number."""
    for path in sorted((TEMPLATES / "console").glob("*.html")):
        for text in re.findall(r'(?<!ngettext\()(?<!", )\b_\("([^"]*)"', path.read_text("utf-8")):
            yield path.name, text


def test_no_text_of_the_console_speaks_of_many_whatever_the_number() -> None:
    wrong = {f"{where}: {text}" for where, text in plain_texts() if OF_MANY.search(text) and text not in ALWAYS_MANY}
    assert wrong == set()


def test_sentences_of_an_agreement_are_said_for_their_number() -> None:
    for one, many in (AGE, KEPT, LIFE, DELAY, *QUOTA_WORDS.values()):
        assert counted(one, many, 1, why="x").text == one
        assert counted(one, many, 2, why="x").text == many
    assert str(counted(*LIFE, 1)) == "The receiver erases what it received after 1 day."
    assert str(counted(*QUOTA_WORDS["bulk_lines"], 1)) == "1 person in one batch"
