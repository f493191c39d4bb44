"""Registrations for the tests, and sources that say nothing against anybody."""

from typing import Any

FORMS = [
    {
        "purposes": ["employment-support.eligibility"],
        "services": [
            "national_id.identity",
            "civil_registration.vital_events",
            "tax.employment",
            "pension.contributions",
            "education.attainment",
            "ess.enrolment",
        ],
    },
    {"purposes": ["employment-support.referral"], "services": ["ess.referral"]},
]


def a_registration(place: int, **other: Any) -> dict[str, Any]:
    """A flagged member without tax and learner number, born in 1990."""
    return {
        "member_id": f"SR{place:04d}",
        "household_id": f"HH{place // 2:04d}",
        "head": place % 2 == 0,
        "identifiers": [{"type": "NIC", "value": f"1990{place:08d}"}],
        "declared": {"TIN": "none", "LEARNER": "none"},
        "names": [{"language": "eng", "script": "Latn", "value": "A Name", "given": "A", "family": "Name"}],
        "sex": "female",
        "birth_date": "1990-05-05",
        "employment_status": 2,
        "language": "sin",
        "channel": "sms",
        "phone": "+94770000001",
        "address": "1, Somewhere",
        "gn_division": "LK-1103115",
        "ds_division": "LK-1103",
        "district": "LK-11" if place % 2 else "LK-21",
        "disabled": False,
        "certificate": None,
        "public_works": False,
        "consents": FORMS,
    } | other


def answers() -> dict[str, Any]:
    """Every source knows everyone and says nothing against anybody."""

    def told(**content: Any) -> Any:
        as_of = {"as_of": "2026-10-31", "withheld": [], "match": "exact", "source_code": ""}
        return lambda _subject: {"outcome": "answered", **content, **as_of}

    return {
        "national_id.identity": told(record={"confirmed": True, "birth_date": "1990-05-05", "death_date": None}),
        "civil_registration.vital_events": told(record={"birth_date": "1990-05-05"}),
        "pension.contributions": lambda _subject: {"outcome": "unknown_person", "detail": "no such member"},
        "ess.enrolment": told(record={"enrolled": False, "status": "Inactive"}),
    }
