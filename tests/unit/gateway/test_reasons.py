"""No id in an entry's reasons ties the entries of one person together."""

import pytest

from gateway.model import Closing, Permit
from gateway.reasons import consent_pseudonym, logged

ALLOWED = (
    "deny agreement A2 v1: other purpose",
    "deny consent C0: other purpose",
    "deny agreement A1 v3: consent C2 has none of the asked fields",
    "allow agreement A1 v3: consent C1",
    "allow agreement A1 v3: consent C3 (not used)",
    "deny objection O1: birth_date",
)


def test_the_deciding_consent_and_the_agreements_stay_and_other_consents_go() -> None:
    told = logged(ALLOWED, person_ref="p", entry_id="e1", deciding="C1")
    assert told == [
        "deny agreement A2 v1: other purpose",
        f"allow agreement A1 v3: consent {consent_pseudonym('C1', 'p', 'e1')}",
        f"deny objection {consent_pseudonym('O1', 'p', 'e1')}: birth_date",
    ]


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("deny consent ", ": withdrawn"),
        ("deny restriction ", ": a, b"),
        ("deny agreement A1 v1: consent ", " has another controller"),
    ],
)
def test_a_refusal_keeps_its_words_and_hides_the_id(before: str, after: str) -> None:
    pseudonyms = set()
    for entry in ("e1", "e2"):
        (told,) = logged([f"{before}C-1.a{after}"], person_ref="p", entry_id=entry)
        assert told.startswith(before)
        assert told.endswith(after)
        pseudonyms.add(told.removeprefix(before).removesuffix(after))
    assert len(pseudonyms) == 2
    assert all(len(each) == 16 and "C-1" not in each for each in pseudonyms)


@pytest.mark.parametrize(
    "line",
    [
        "deny agreement A1 v1: no consent in force",
        "deny agreement A1 v1: consent is not for this purpose",
        "deny agreement A1 v1: consent carries none of the asked fields",
        "allow agreement A1 v1: public_task Act 9",
        "deny request: no field is asked for",
        "stale: 3 months",
    ],
)
def test_lines_about_nobodys_consent_stay_as_they_are(line: str) -> None:
    assert logged([line], person_ref="p", entry_id="e1", deciding="C1") == [line]


def test_a_release_that_the_rules_stopped_has_no_deciding_consent() -> None:
    permit = Permit(frozenset({"a"}), ALLOWED, consent="C1")
    assert Closing("answered", permit=permit).consent == "C1"
    assert Closing("refused_by_rules", permit=permit).consent == ""
