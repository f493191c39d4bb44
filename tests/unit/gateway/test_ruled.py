"""The reasons of a decision in words: each line that the rules can write has its own, an odd one stays as it is."""

import pytest

from gateway.review.ruled import OTHERWISE, rulings, withheld_fields

ID, NAME = "85e3603200df48b0", "DSA-2026-11 v1"
LINES = [
    "deny request: no field is asked for",
    "deny request: no agreement between these systems",
    "deny request: its subscription has ended",
    "deny request: its filter names a withheld field",
    "deny request: quota bulk_lines 9",
    f"allow agreement {NAME}: consent {ID}",
    f"allow agreement {NAME}: consent {ID} (not used)",
    f"allow agreement {NAME}: public_task Act 9, section 4",
    f"allow agreement {NAME}: public_task Act 9, section 4 (not used)",
    f"deny consent {ID}: another person's",
    f"deny consent {ID}: another person's number",
    f"deny consent {ID}: withdrawn",
    f"deny consent {ID}: other purpose",
    f"deny consent {ID}: other service",
    f"deny consent {ID}: other recipient",
    f"deny consent {ID}: other things",
    f"deny consent {ID}: quota times_per_day",
    f"deny objection {ID}: months, pensions",
    f"deny restriction {ID}: months",
]
OF_AGREEMENT = """other parties
not in force (expired)
service not granted
action not granted
other purpose
stopped by the provider
not approved by the provider
may not send NIC, TIN
case reference required
none of the asked fields
no declared relationship
public_task is not for this purpose
public_task carries none of the asked fields
public_task counts in an emergency only
number not bound to the person
no consent in force
consent 85e3603200df48b0 has another controller
consent 85e3603200df48b0 was given with assurance low only
consent 85e3603200df48b0 has none of the asked fields
no bulk
quota calls_per_day"""
EVERY = [*LINES, *(f"deny agreement {NAME}: {words}" for words in OF_AGREEMENT.splitlines())]


@pytest.mark.parametrize("line", EVERY, ids=range(len(EVERY)))
def test_each_line_of_the_rules_has_words_of_its_own(line: str) -> None:
    (found,) = rulings({"reasons": [line]})
    assert found.told.text != OTHERWISE
    assert found.result == ("allowed" if line.startswith("allow ") else "not_allowed")
    assert str(found.told).endswith(".")


def test_no_two_lines_are_said_alike() -> None:
    assert len({str(each.told) for each in rulings({"reasons": EVERY})}) == len(EVERY)


def test_a_line_that_nobody_knows_is_shown_as_it_is() -> None:
    (found,) = rulings({"reasons": ["deny moon: %(full)s"]})
    assert (found.result, str(found.told)) == ("not_allowed", "deny moon: %(full)s")


def test_what_was_withheld_says_why_after_the_reasons() -> None:
    facts = {"reasons": ["deny request: no field is asked for"], "withheld": ["months: objection", "x: odd"]}
    assert [each.result for each in rulings(facts)] == ["not_allowed", "withheld", "withheld"]
    assert str(rulings(facts)[1].told) == "months was withheld: the person objected."
    assert withheld_fields(facts) == ("months", "x")
    assert rulings({}) == []
