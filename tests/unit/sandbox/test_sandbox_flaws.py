"""Every planted flaw comes out of the rule as its table says; and the list is compared with what is really so."""

from collections import defaultdict
from datetime import date

import pytest

from sandbox.population.flaws import FLAWS, Flaw
from sandbox.truth import OUTCOMES, Line, truth
from sandbox.truth_world import quality
from sandbox.world import Registers

T = date(2026, 10, 31)
REMARKS = {"labour_ready", "needs_training", "assess_at_outreach", "never_contributed"}
CONSENTLESS = {"no_consent_for_one_check", "no_consent_at_all"}  # their reasons differ from block to block


@pytest.fixture(scope="module")
def registers() -> Registers:
    return Registers(2500, 7, T)


@pytest.fixture(scope="module")
def lines(registers: Registers) -> dict[str, Line]:
    return {line["id"]: line for line in truth(registers, T)}


@pytest.fixture(scope="module")
def carriers(registers: Registers) -> dict[str, list[str]]:
    found = defaultdict(list)
    for member_id, flaw in registers.flaws():
        found[flaw].append(member_id)
    return dict(found)


@pytest.mark.parametrize("flaw", FLAWS, ids=lambda flaw: flaw.name)
def test_a_flaw_leads_to_the_outcome_of_its_table(
    flaw: Flaw, lines: dict[str, Line], carriers: dict[str, list[str]]
) -> None:
    found = [lines[member_id] for member_id in carriers[flaw.name]]
    found = [line for line in found if line["outcome"] != "duplicate"]
    assert {line["outcome"] for line in found} == {flaw.outcome}
    for line in found:
        reasons = set(line["reasons"])
        assert reasons >= set(flaw.reasons)
        if flaw.name not in CONSENTLESS:
            assert reasons <= {*flaw.reasons, *REMARKS, flaw.outcome}


def test_each_check_is_refused_to_somebody(lines: dict[str, Line], carriers: dict[str, list[str]]) -> None:
    found = {reason for member_id in carriers["no_consent_for_one_check"] for reason in lines[member_id]["reasons"]}
    sources = ("national_id", "civil_registration", "tax", "pension", "education", "ess")
    assert found >= {f"refused_{source}" for source in sources}


def test_every_outcome_occurs_and_everybody_has_exactly_one(registers: Registers, lines: dict[str, Line]) -> None:
    flagged = [key for key, record in registers.registrations().items() if record.employment_status == 2]
    assert sorted(flagged) == list(lines)
    assert {line["outcome"] for line in lines.values()} == set(OUTCOMES)


def test_the_list_is_neither_perfect_nor_useless_in_the_real_world(
    registers: Registers, lines: dict[str, Line]
) -> None:
    found = quality(lines.values(), registers, T)
    assert 0.7 < found.precision < 1  # informal work is in no register
    assert 0.7 < found.recall < 1  # a look-alike's death holds a living person back


def test_an_empty_list_claims_nothing(registers: Registers) -> None:
    found = quality([], registers, T)
    assert (found.precision, found.recall) == (1.0, 0.0)


@pytest.mark.parametrize("day", [date(2026, 1, 1), date(2026, 4, 5), date(2028, 2, 29), date(2025, 12, 31)])
def test_flaws_hold_on_any_list_date(day: date) -> None:
    registers = Registers(300, 5, day)
    lines = {line["id"]: line["outcome"] for line in truth(registers, day)}
    expected = {flaw.name: flaw.outcome for flaw in FLAWS}
    differ = {
        flaw: lines[member_id]
        for member_id, flaw in registers.flaws()
        if lines[member_id] not in {expected[flaw], "duplicate"}
    }
    assert differ == {}
