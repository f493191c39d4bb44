"""One person, one pseudonym: however the number is written, and only for who holds the pepper."""

import tomllib

import pytest

import schemas
from adapters.kit.contract import Identifier, Subject
from gateway.profile import load_profile
from gateway.trust.errors import NoIdentifier
from gateway.trust.person import PersonRef

REF = PersonRef(load_profile("lk").raw, b"p" * 32)


def subject(*identifiers: tuple[str, str]) -> Subject:
    return Subject(tuple(Identifier(kind, value) for kind, value in identifiers))


def test_old_and_new_number_of_one_person_are_one() -> None:
    spellings = ["901234567V", "901234567X", "199012304567", "901234567v", " 90123 4567V "]
    assert len({REF(subject(("NIC", each))) for each in spellings}) == 1


def test_different_persons_differ() -> None:
    assert REF(subject(("NIC", "199012304567"))) != REF(subject(("NIC", "199012304568")))


def test_the_person_key_decides_wherever_it_stands() -> None:
    alone = REF(subject(("NIC", "901234567V")))
    assert REF(subject(("TIN", "AB123456C"), ("NIC", "901234567V"))) == alone


def test_without_the_person_key_the_first_identifier_decides_with_its_type() -> None:
    tin = REF(subject(("TIN", "AB123456C")))
    assert tin == REF(subject(("TIN", "ab123456c"), ("SR", "7")))
    assert tin != REF(subject(("SR", "AB123456C")))


def test_another_pepper_gives_another_pseudonym() -> None:
    other = PersonRef(load_profile("lk").raw, b"q" * 32)
    assert other(subject(("NIC", "901234567V"))) != REF(subject(("NIC", "901234567V")))


@pytest.mark.parametrize("nobody", [subject(), subject(("NIC", " "))])
def test_nobody_has_no_pseudonym(nobody: Subject) -> None:
    with pytest.raises(NoIdentifier):
        REF(nobody)


def test_even_broken_text_has_one() -> None:
    assert len(REF(subject(("NIC", "\ud800")))) == 64


def test_a_case_is_one_keyed_hash_for_whoever_has_the_pepper() -> None:
    other = PersonRef(load_profile("lk").raw, b"q" * 32)
    assert REF.case_ref("K-7") == REF.case_ref("K-7") != REF.case_ref("K-8")
    assert len(REF.case_ref("K-7")) == 32
    assert other.case_ref("K-7") != REF.case_ref("K-7")


KEY, TAX, OTHER = ("NIC", "901234567V"), ("TIN", "AB123456C"), ("SR", "7")


def test_a_number_has_one_hash_for_every_spelling_and_none_in_common_with_a_pseudonym() -> None:
    spellings = [subject(("NIC", each)) for each in ("901234567V", "199012304567", "901234567x")]
    (number,) = {each for some in spellings for each in REF.numbers(some)}
    assert len(number) == 32
    assert number not in REF(spellings[0])
    assert REF.numbers(subject(("SR", "901234567V"))) != {number}, "the type counts"


@pytest.mark.parametrize(
    ("sent", "unbound"),
    [
        ([KEY], []),
        ([KEY, TAX], [TAX]),
        ([TAX, KEY, OTHER], [TAX, OTHER]),
        ([TAX], [TAX]),
        ([KEY, ("NIC", "199012304568")], [("NIC", "199012304568")]),
        ([KEY, ("NIC", "199012304567")], []),
    ],
)
def test_the_person_key_vouches_for_itself_and_for_no_other_number(
    sent: list[tuple[str, str]], unbound: list[tuple[str, str]]
) -> None:
    assert REF.unbound(subject(*sent)) == REF.numbers(subject(*unbound))


def test_the_number_of_a_thing_is_nobodys_and_every_other_number_stays_bound() -> None:
    payment, account = ("PAYMENT", "SAM-2026-10-000017"), ("ACCOUNT", "0087654321")
    assert REF.unbound(subject(payment)) == frozenset()
    assert REF.unbound(subject(KEY, payment, account)) == REF.numbers(subject(account))
    assert REF.things(subject(KEY, payment, account)) == REF.numbers(subject(payment)), "a consent must hold it"
    assert REF.things(subject(KEY, account)) == frozenset()
    assert REF(subject(payment)) != REF(subject(("ACCOUNT", "SAM-2026-10-000017"))), "the type counts"


def test_no_agreement_of_the_country_rests_a_question_by_the_number_of_a_thing_on_consents() -> None:
    profile = load_profile("lk")
    things = {kind for kind, table in profile.raw["identifier"].items() if table.get("of_a_thing")}
    agreements = tomllib.loads((schemas.FOLDER.parent / "profiles/lk/agreements.toml").read_text("utf-8"))["agreement"]
    asked = [each for each in agreements if any(things & set(grant.get("sends", ())) for grant in each["services"])]
    assert len(asked) >= 4
    assert things >= {"PAYMENT", "REPORT"}
    assert {basis["kind"] for each in asked for basis in each["legal_bases"]} == {"public_task"}, "decision record 0066"


@pytest.mark.parametrize(
    ("about", "thing"),
    [
        (subject(("REPORT", "RPT-EXP-LK-11-2026-09")), True),
        (subject(("NIC", "199012304567")), False),
        (subject(("PAYMENT", "PAY-1"), ("NIC", "199012304567")), False),
        (Subject((), (), "1990-05-02"), False),
        (Subject(()), False),
    ],
)
def test_a_number_of_a_thing_alone_is_about_nobody(about: Subject, thing: bool) -> None:
    assert REF.of_a_thing(about) is thing
