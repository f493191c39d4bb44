"""One sentence for an exchange: what never reached the other side was wanted, not done."""

from datetime import UTC, datetime
from uuid import UUID

import pytest

from audit import Entry
from consent.phrase import english
from gateway.citizen.disclosure import Delay
from gateway.citizen.finding import Place, Use
from gateway.citizen.wording import Told, Words
from gateway.review.sentences import one_sentence, own_sentence

ID = UUID("01a19656-4e68-7ed3-86f9-51688cd1e12a")
AT = datetime(2026, 11, 1, 8, tzinfo=UTC)
ASKED = {"consumer": "LK/GOV/WBB/SRIS", "provider": "LK/GOV/ESS/CASES", "service": "ess.referral", "purpose": "p"}


def entry(**facts: object) -> Entry:
    return Entry(ID, "exchange.intent", AT, ASKED | {"people": 1} | facts)


@pytest.mark.parametrize(
    ("action", "outcome", "did"),
    [
        ("push", "answered", "handed data over to"),
        ("push", "refused_by_source", "handed data over to"),
        ("push", "unknown", "handed data over to"),
        ("push", "refused_by_rules", "wanted to send data to"),
        ("notify", "no_link", "wanted to send data to"),
        ("read", "refused_by_rules", "asked"),
    ],
)
def test_what_the_rules_stopped_was_wanted_and_not_done(action: str, outcome: str, did: str) -> None:
    told = english(one_sentence(entry(action=action), entry(action=action, outcome=outcome)))
    assert told.startswith(f"LK/GOV/WBB/SRIS {did} LK/GOV/ESS/CASES (ess.referral)")


def test_what_is_about_a_thing_is_about_no_person() -> None:
    assert " about one person " in english(one_sentence(entry(action="push"), None))
    assert " about no person " in english(one_sentence(entry(action="push", of_a_thing=True), None))


def test_of_a_batch_it_is_the_persons_own_line_that_counts() -> None:
    batch = entry(action="push", outcome="answered")
    assert " wanted to send data to " in english(own_sentence(batch, [{"outcome": "refused_by_rules"}]))
    both = [{"outcome": "refused_by_rules"}, {"outcome": "answered"}]
    assert " handed data over to " in english(own_sentence(batch, both))


@pytest.mark.parametrize(
    ("outcome", "did"), [("answered", "handed"), ("refused_by_rules", "wanted to hand"), ("", "handed")]
)
def test_a_person_reads_the_same(outcome: str, did: str) -> None:
    use = Use(Place(ID, 0), entry(action="push"), {"outcome": outcome} if outcome else {})
    words = Words(members={"LK/GOV/WBB": "The board", "LK/GOV/ESS": "Employment"})
    assert f"The board {did} Employment data about you" in Told(use, None, Delay(0, ""), words).sentence
