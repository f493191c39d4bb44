"""`docs/asvs.md` names tests that are there, and requirements in the form that OWASP ASVS 5.0 numbers them."""

import re

from architecture.checkout import ROOT, below, functions

PAGE = (ROOT / "docs/asvs.md").read_text("utf-8")


def test_every_test_that_the_page_names_is_there() -> None:
    there = {each.name for path in below("tests", suffix=".py") for each in functions(path)}
    named = set(re.findall(r"`(test_\w+)`", PAGE))
    assert named
    assert named - there == set()


def test_every_row_has_numbered_requirements_and_a_test() -> None:
    rows = [line.strip("|").split(" | ") for line in PAGE.splitlines() if re.match(r"\| \d", line)]
    assert rows
    for numbers, _, proof in rows:
        assert re.fullmatch(r" ?\d+\.\d+\.\d+(, \d+\.\d+\.\d+)*", numbers.rstrip()), numbers
        assert "`test_" in proof, numbers
