from datetime import date

import pytest

from adapters.kit.claims import CLAIMS, ClaimError, derive
from adapters.kit.contract import Name

T = date(2026, 10, 31)


def employed(payments: list[tuple[str, str]], end: str | None = None, **more: object) -> dict[str, object]:
    job = {
        "start_date": "2024-01-01",
        "end_date": end,
        "payments": [{"date": day, "taxable_pay": amount} for day, amount in payments],
    }
    return {"closed_month": "2026-09", "employments": [job], "self_employments": [], **more}


def status(record: dict[str, object], months: int = 6) -> dict[str, object]:
    return derive("employment_status", {"months": months}, record, T)


@pytest.mark.parametrize(
    ("record", "matched_by", "expected"),
    [
        ({"death_date": None, "death_matched_by": None}, None, True),
        ({}, None, True),
        ({"death_date": "2026-11-01", "death_matched_by": "identifier"}, None, True),
        ({"death_date": "2026-10-31", "death_matched_by": "identifier"}, "identifier", False),
        ({"death_date": "2020-01-01", "death_matched_by": "name_and_date"}, "name_and_date", False),
    ],
)
def test_alive_at_the_end_of_the_day(record: dict[str, object], matched_by: str | None, expected: bool) -> None:
    assert derive("alive", {}, record, T) == {"alive": expected, "matched_by": matched_by}


def test_alive_can_be_asked_for_another_day() -> None:
    record = {"death_date": "2026-10-31", "death_matched_by": "identifier"}
    assert derive("alive", {"as_at": "2026-10-30"}, record, T)["alive"] is True


def test_pay_in_the_window_counts_and_outside_it_does_not() -> None:
    assert status(employed([("2026-04-30", "0.01")]))["paid"] is True
    assert status(employed([("2026-09-30", "10.00")]))["paid"] is True
    assert status(employed([("2026-03-31", "10.00"), ("2026-10-01", "10.00")]))["paid"] is False
    assert status(employed([("2026-03-31", "10.00")]), months=7)["paid"] is True


def test_pay_that_was_taken_back_in_its_month_is_no_pay() -> None:
    assert status(employed([("2026-05-01", "100.00"), ("2026-05-20", "-100.00")]))["paid"] is False


def test_an_open_job_without_pay_is_told_and_a_closed_one_is_not() -> None:
    assert status(employed([]))["open_employment_without_pay"] is True
    assert status(employed([("2026-06-30", "5.00")]))["open_employment_without_pay"] is False
    assert status(employed([], end="2026-10-31"))["open_employment_without_pay"] is False
    assert status(employed([], end="2026-11-01"))["open_employment_without_pay"] is True


@pytest.mark.parametrize(
    ("own", "expected"),
    [
        ({"tax_year": "2025-26", "end_date": None, "turnover": "1.00"}, True),
        ({"tax_year": "2025-26", "end_date": "2026-11-01", "turnover": "1.00"}, True),
        ({"tax_year": "2025-26", "end_date": "2026-10-31", "turnover": "1.00"}, False),
        ({"tax_year": "2025-26", "end_date": None, "turnover": "0.00"}, False),
        ({"tax_year": "2024-25", "end_date": None, "turnover": "1.00"}, False),
        ({"tax_year": "2026-27", "end_date": None, "turnover": "1.00"}, False),
    ],
)
def test_self_employed_means_turnover_in_the_latest_closed_year_and_not_ceased(
    own: dict[str, object], expected: bool
) -> None:
    record = {"closed_month": "2026-09", "employments": [], "self_employments": [own]}
    assert status(record)["self_employed"] is expected


def contributions(*months: tuple[str, str], closed: str = "2026-09", pensions: object = ()) -> dict[str, object]:
    rows = [{"month": month, "amount": amount} for month, amount in months]
    return {"closed_month": closed, "months": rows, "pensions": list(pensions)}


@pytest.mark.parametrize(
    ("months", "active", "since"),
    [
        ([], False, None),
        ([("2026-09", "1.00")], True, 0),
        ([("2026-04", "1.00"), ("2026-05", "0.00")], True, 5),
        ([("2026-03", "1.00")], False, 6),
        ([("2026-04", "-1.00"), ("2025-09", "1.00")], False, 12),
        ([("2026-10", "1.00")], False, None),
    ],
)
def test_contributions_are_counted_from_the_closed_month(
    months: list[tuple[str, str]], active: bool, since: int | None
) -> None:
    answer = derive("contribution_status", {"months": 6}, contributions(*months), T)
    assert (answer["active"], answer["months_since_last_contribution"]) == (active, since)


@pytest.mark.parametrize(
    ("pension", "expected"),
    [
        ({"kind": "old_age", "start": "2026-10", "end": None}, True),
        ({"kind": "old_age", "start": "2020-01", "end": "2026-10"}, True),
        ({"kind": "old_age", "start": "2020-01", "end": "2026-09"}, False),
        ({"kind": "old_age", "start": "2026-11", "end": None}, False),
        ({"kind": "survivor", "start": "2020-01", "end": None}, False),
        ({"kind": "lump_sum", "start": "2026-10", "end": None}, False),
    ],
)
def test_only_an_old_age_pension_of_this_month_counts(pension: dict[str, object], expected: bool) -> None:
    answer = derive("contribution_status", {"months": 6}, contributions(pensions=[pension]), T)
    assert answer["old_age_pension"] is expected


def schooling(enrolments: object = (), qualifications: object = ()) -> dict[str, object]:
    record = {"closed_month": "2026-09", "enrolments": list(enrolments), "qualifications": list(qualifications)}
    return derive("readiness", {}, record, T)


def enrolment(
    level: int, mode: str = "full_time", end: str | None = None, reason: str | None = None
) -> dict[str, object]:
    return {"level": level, "mode": mode, "start": "2020-01-01", "end": end, "end_reason": reason}


def test_the_highest_level_is_of_what_was_completed_or_awarded() -> None:
    assert schooling()["highest_level"] is None
    left, done = enrolment(6, end="2024-01-01", reason="left"), enrolment(2, end="2022-01-01", reason="completed")
    assert schooling([left, done])["highest_level"] == 2
    awarded = {"level": 4, "technical": True, "awarded": "2023-05-01"}
    later = {"level": 7, "technical": True, "awarded": "2026-11-01"}
    assert schooling([done], [awarded, later]) == {
        "highest_level": 4,
        "technical_qualification": True,
        "full_time_student": False,
    }


def test_only_an_open_full_time_enrolment_makes_a_student() -> None:
    assert schooling([enrolment(3)])["full_time_student"] is True
    assert schooling([enrolment(3, mode="part_time"), enrolment(3, mode="distance")])["full_time_student"] is False
    assert schooling([enrolment(3, end="2026-10-31", reason="completed")])["full_time_student"] is False


def test_a_register_without_forms_of_study_does_not_say_who_is_a_full_time_student() -> None:
    unsaid, ended = enrolment(3), enrolment(3, end="2026-10-31", reason="left")
    del unsaid["mode"], ended["mode"]
    assert schooling([unsaid])["full_time_student"] is None
    assert schooling([unsaid, enrolment(6)])["full_time_student"] is True
    assert schooling([ended])["full_time_student"] is False


@pytest.mark.parametrize(
    ("name", "parameters"),
    [
        ("horoscope", {}),
        ("employment_status", {}),
        ("employment_status", {"months": 0}),
        ("contribution_status", {"months": 25}),
        ("contribution_status", {"months": 6, "more": 1}),
        ("readiness", {"months": 6}),
        ("alive", {"as_at": "31.10.2026"}),
    ],
)
def test_a_wrong_claim_or_parameter_is_refused_before_anything_is_asked(
    name: str, parameters: dict[str, object]
) -> None:
    with pytest.raises(ClaimError):
        derive(name, parameters, {}, T)


def test_every_claim_answers_what_it_declares() -> None:
    records = {
        "alive": {},
        "employment_status": employed([]),
        "contribution_status": contributions(),
        "readiness": {"closed_month": "2026-09", "enrolments": [], "qualifications": []},
        "no_contribution_for": contributions(),
        "highest_level_at_least": {"closed_month": "2026-09", "enrolments": [], "qualifications": []},
        "names_match": {"confirmed": True, "names": []},
    }
    values = {"months": 6, "level": 3, "least": 0.9}
    for name, claim in CLAIMS.items():
        parameters = {each: values[each] for each in claim.parameters["properties"] if each in values}
        assert derive(name, parameters, records[name], T).keys() == claim.answers


@pytest.mark.parametrize(
    ("months", "expected"), [([], True), ([("2026-03", "1.00")], True), ([("2026-04", "1.00")], False)]
)
def test_that_nothing_was_contributed_is_told_and_nothing_else(months: list[tuple[str, str]], expected: bool) -> None:
    assert derive("no_contribution_for", {"months": 6}, contributions(*months), T) == {"no_contribution": expected}


@pytest.mark.parametrize(("level", "expected"), [(0, True), (3, True), (4, False)])
def test_that_a_level_was_reached_is_told_and_not_which(level: int, expected: bool) -> None:
    done = enrolment(3, end="2022-01-01", reason="completed")
    record = {"closed_month": "2026-09", "enrolments": [done], "qualifications": []}
    assert derive("highest_level_at_least", {"level": level}, record, T) == {"level_reached": expected}


def test_nobody_who_never_went_to_school_reached_a_level() -> None:
    record = {"closed_month": "2026-09", "enrolments": [], "qualifications": []}
    assert derive("highest_level_at_least", {"level": 0}, record, T) == {"level_reached": False}


@pytest.mark.parametrize(
    ("asked", "least", "expected"),
    [
        ("Amara Silva", 1, True),
        ("SILVA,  amara", 1, True),
        ("Amara Sliva", 0.9, True),
        ("Amara Sliva", 1, False),
        ("Bandula Perera", 0.9, False),
    ],
)
def test_names_match_as_closely_as_the_question_wants(asked: str, least: float, expected: bool) -> None:
    record = {"confirmed": True, "names": [{"language": "eng", "script": "Latn", "value": "Amara Silva"}]}
    answer = derive("names_match", {"least": least}, record, T, [Name("eng", "Latn", asked)])
    assert answer == {"names_match": expected}


def test_names_in_different_scripts_are_not_compared() -> None:
    record = {"confirmed": True, "names": [{"language": "sin", "script": "Sinh", "value": "අමරා"}]}
    assert derive("names_match", {"least": 0.5}, record, T, [Name("eng", "Latn", "Amara")]) == {"names_match": None}
    assert derive("names_match", {"least": 0.5}, record, T) == {"names_match": None}


@pytest.mark.parametrize("name", ["no_contribution_for", "highest_level_at_least", "names_match"])
def test_a_yes_or_no_claim_never_shows_a_value_of_the_record(name: str) -> None:
    records = {
        "no_contribution_for": contributions(("2026-05", "123.45")),
        "highest_level_at_least": {"closed_month": "2026-09", "enrolments": [], "qualifications": []},
        "names_match": {"confirmed": True, "names": [{"language": "eng", "script": "Latn", "value": "Amara"}]},
    }
    given = {"months": 6} if name == "no_contribution_for" else {"level": 2} if "level" in name else {"least": 0.9}
    answer = derive(name, given, records[name], T, [Name("eng", "Latn", "Amara")])
    assert all(value is None or isinstance(value, bool) for value in answer.values())
