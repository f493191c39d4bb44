"""The synthetic population: the same for the same seed, nobody twice, and everything that was promised planted."""

import re
import tracemalloc
from collections import Counter
from collections.abc import Sequence
from datetime import date
from itertools import islice

import pytest

from sandbox import nic
from sandbox.months import years_between
from sandbox.person import Person
from sandbox.population import population
from sandbox.population.changes import CHANGES
from sandbox.population.flaws import FLAWS
from sandbox.population.stream import Blocks

T = date(2026, 10, 31)
PEOPLE = 2000
NINO = re.compile(
    r"(?!BG|GB|KN|NK|NT|TN|ZZ)[A-CEGHJ-PR-TW-Z][A-CEGHJ-NPR-TW-Z][0-9]{6}[A-D]"
)  # as in the United Kingdom
LATIN = re.compile(r"[a-zA-Z `\-'^]{1,35}")  # of the published matching contract


@pytest.fixture(scope="module")
def everybody() -> Sequence[Person]:
    return tuple(population(PEOPLE, 7, T))


@pytest.fixture(scope="module")
def registered(everybody: Sequence[Person]) -> Sequence[Person]:
    return tuple(person for person in everybody if person.registrations)


def test_agencies_know_five_times_as_many_others(everybody: Sequence[Person], registered: Sequence[Person]) -> None:
    assert len(registered) == PEOPLE
    assert len(everybody) == 6 * PEOPLE


def test_the_same_seed_makes_the_same_people_and_another_seed_others() -> None:
    first, again, other = (list(islice(population(50, seed, T), 300)) for seed in (7, 7, 8))
    assert first == again
    assert not {person.nic for person in first} & {person.nic for person in other}


def test_more_people_are_the_same_people_and_more() -> None:
    few = {person.index: person for person in population(30, 7, T)}
    many = {person.index: person for person in population(60, 7, T)}
    assert few.items() <= many.items()


def test_any_block_is_made_without_the_ones_before_it(everybody: Sequence[Person]) -> None:
    known = {person.index: person for person in everybody}
    block = list(Blocks(7, T).people(3))
    assert [person for person in block if known[person.index] != person] == []


def test_nobody_shares_a_number(everybody: Sequence[Person]) -> None:
    numbers = {
        "nic": [person.nic for person in everybody],
        "tin": [person.tax.tin for person in everybody if person.tax],
        "learner": [person.education.learner_number for person in everybody if person.education],
        "birth": [person.civil.birth_registration for person in everybody if person.civil],
        "member": [record.member_id for person in everybody for record in person.registrations],
    }
    assert [kind for kind, given in numbers.items() if len(set(given)) != len(given)] == []


def test_numbers_have_the_form_their_register_asks_for(everybody: Sequence[Person]) -> None:
    for person in everybody:
        assert nic.birth_date(person.nic) == person.birth_date
        assert (int(person.nic[4:7]) > 500) == (person.sex == "female")
        assert person.tax is None or NINO.fullmatch(person.tax.tin)
        assert person.education is None or re.fullmatch(r"[0-9]{11}", person.education.learner_number)
        for record in person.registrations:
            assert nic.normal(record.nic) == person.nic
            assert record.phone is None or re.fullmatch(r"\+9479[0-9]{7}", record.phone)


def test_both_forms_of_the_nic_number_are_in_use(registered: Sequence[Person]) -> None:
    in_registry = Counter(len(record.nic) for person in registered for record in person.registrations)
    in_fund = Counter(len(person.pension.nic) for person in registered if person.pension)
    assert min(in_registry[10], in_registry[12], in_fund[10], in_fund[12]) > 20


def test_names_are_in_three_scripts_and_the_latin_one_fits_the_tax_office(everybody: Sequence[Person]) -> None:
    scripts = {"Latn": LATIN, "Sinh": re.compile("[\u0d80-\u0dff\u200d ]+"), "Taml": re.compile("[\u0b80-\u0bff ]+")}
    for person in everybody:
        assert [name.script for name in person.names] == list(scripts)
        for name in person.names:
            assert scripts[name.script].fullmatch(name.given)
            assert scripts[name.script].fullmatch(name.family)


def test_people_live_in_a_gn_division_of_their_district(registered: Sequence[Person]) -> None:
    for person in registered:
        assert person.gn_division.startswith(person.ds_division)
        assert person.ds_division.startswith(person.district)
        assert person.registrations[0].address.count(",") >= 2


def test_contributions_fit_the_fund_s_record(everybody: Sequence[Person]) -> None:
    lines = [each for person in everybody if person.pension for each in person.pension.contributions]
    assert lines
    assert all(each.total == each.employer + each.member for each in lines)
    assert all(len(f"{each.earnings / 100:.2f}") <= 12 and len(each.employer_number) == 6 for each in lines)


def test_no_data_is_newer_than_the_month_before_the_list_date(everybody: Sequence[Person]) -> None:
    for person in everybody:
        assert not person.pension or all(each.month <= "2026-09" for each in person.pension.contributions)
        jobs = person.tax.employments if person.tax else ()
        assert all(day < date(2026, 10, 1) for job in jobs for day, _ in job.payments)
        deaths = (person.national_id and person.national_id.death_date, person.civil and person.civil.death_date)
        assert all(death < T for death in deaths if death)


def test_about_three_in_ten_registered_adults_are_flagged(registered: Sequence[Person]) -> None:
    adults = [person for person in registered if years_between(person.birth_date, T) >= 18]
    flagged = [person for person in adults if person.registrations[0].employment_status == 2]
    assert 0.27 < len(flagged) / len(adults) < 0.34


def test_every_flaw_is_planted_at_least_five_times_in_2000_people(registered: Sequence[Person]) -> None:
    planted = Counter(flaw for person in registered for flaw in person.world.flaws)
    assert {flaw.name for flaw in FLAWS if planted[flaw.name] < 5} == set()


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_every_flaw_is_planted_in_300_people(seed: int) -> None:
    planted = {flaw for person in population(300, seed, T) for flaw in person.world.flaws}
    assert planted == {flaw.name for flaw in FLAWS}


def test_the_table_and_the_changes_have_the_same_flaws() -> None:
    assert sorted(flaw.name for flaw in FLAWS) == sorted(CHANGES)


def test_look_alikes_are_among_the_others(everybody: Sequence[Person], registered: Sequence[Person]) -> None:
    known = {(person.names, person.birth_date) for person in registered}
    alike = [person for person in everybody if not person.registrations and (person.names, person.birth_date) in known]
    assert len(alike) >= 15  # three kinds, five of each


def test_twins_share_birth_date_and_family_name(everybody: Sequence[Person], registered: Sequence[Person]) -> None:
    twins = [person for person in registered if "twin_died" in person.world.flaws]
    others = {
        (person.birth_date, person.names[0].family, person.sex) for person in everybody if not person.registrations
    }
    assert len(twins) >= 5
    assert all((twin.birth_date, twin.names[0].family, twin.sex) in others for twin in twins)


@pytest.mark.parametrize(("people", "seed"), [(0, 7), (1_000_001, 7), (10, -1)])
def test_impossible_sizes_are_refused(people: int, seed: int) -> None:
    with pytest.raises(ValueError, match="give a number"):
        population(people, seed, T)


def test_people_stream_in_memory_that_does_not_grow() -> None:
    def peak(blocks: int) -> int:
        tracemalloc.start()
        try:
            for block in range(blocks):
                for _ in Blocks(7, T).people(block):
                    pass
            return tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()

    assert peak(3) < 1.25 * peak(1)


@pytest.mark.nightly
def test_30000_people_stream_in_bounded_memory() -> None:
    tracemalloc.start()
    try:
        made = sum(1 for _ in population(30_000, 7, T))
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert made == 180_000
    assert peak < 64_000_000
