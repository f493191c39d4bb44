"""The registers that draw from streams of their own: the same for the same seed, and nobody else's truth changes."""

from collections.abc import Sequence
from datetime import date

import pytest

from sandbox.months import years_between
from sandbox.person import Person
from sandbox.population import population
from sandbox.population.certificates import medical_certificate
from sandbox.population.licences import driving_record
from sandbox.population.payees import payee
from sandbox.world import Registers

T = date(2026, 10, 31)
PEOPLE = 1500


@pytest.fixture(scope="module")
def everybody() -> Sequence[Person]:
    return tuple(population(PEOPLE, 7, T))


def test_the_same_seed_gives_the_same_and_another_seed_others(everybody: Sequence[Person]) -> None:
    for made in (driving_record, medical_certificate, payee):
        first, again, other = ([made(each, seed, T) for each in everybody] for seed in (7, 7, 8))
        assert first == again
        assert first != other


def test_drivers_are_living_adults_and_a_licence_is_older_than_today(everybody: Sequence[Person]) -> None:
    drivers = [(person, held) for person in everybody if (held := driving_record(person, 7, T))]
    adults = [person for person in everybody if years_between(person.birth_date, T) >= 18]
    assert 0.2 < len(drivers) / len(adults) < 0.4
    for person, held in drivers:
        assert person.world.alive
        assert held.nic == person.nic
        for each in held.entitlements:
            assert years_between(person.birth_date, each.granted) >= 17  # a birthday on 29 to 31 comes on the 28th
            assert each.granted <= T
            assert (each.taken_from is None) == (each.state in {"valid", "lapsed"})
            assert each.taken_until is None or (each.taken_from is not None and each.taken_from < each.taken_until)
    states = {each.state for _, held in drivers for each in held.entitlements}
    assert states == {"valid", "suspended", "withdrawn", "lapsed"}


def test_certificates_have_numbers_of_their_own_and_every_state(everybody: Sequence[Person]) -> None:
    held = [each for person in everybody if (each := medical_certificate(person, 7, T))]
    assert len({each.number for each in held}) == len(held) > 50
    assert {each.category for each in held} == {"disability", "kidney"}
    assert {each.state for each in held} == {"current", "superseded", "preliminary"}
    assert all(each.valid_from < T and each.diagnosis for each in held)


def test_registered_adults_have_an_account_and_a_card_of_their_own_and_nobody_else_has(
    everybody: Sequence[Person],
) -> None:
    held = [(person, found) for person in everybody if (found := payee(person, 7, T))]
    adults = [each for each in everybody if each.registrations and years_between(each.birth_date, T) >= 18]
    assert [person for person, _ in held] == adults
    assert len({each.account for _, each in held}) == len({each.card for _, each in held}) == len(held)
    assert all(each.opened < T and each.office == f"LK-PO-{person.district[3:]}01" for person, each in held)
    for word in ("account_open", "claims", "card_blocked", "bank_card", "nominee"):
        assert len({getattr(each, word) for _, each in held}) == 2, word


def test_the_registers_answer_what_was_made(everybody: Sequence[Person]) -> None:
    registers = Registers(PEOPLE, 7, T)
    for person in everybody:
        assert registers.driving_by_nic(person.nic) == driving_record(person, 7, T)
        assert registers.payees().get(person.nic) == payee(person, 7, T)
        if certificate := medical_certificate(person, 7, T):
            assert registers.certificate_by_number(certificate.number) == certificate
