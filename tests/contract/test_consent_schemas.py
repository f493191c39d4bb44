"""The published schemas and the package's own reader give one verdict: they are changed one thing at a time."""

import copy
import tomllib
from collections.abc import Callable, Iterator
from typing import Any

import pytest

import schemas
from consent import agreement_of
from consent.errors import ConsentError
from gateway.consent_lines import consent_line

AGREEMENT: dict[str, Any] = {
    "format": "agreement/1",
    "id": "A1",
    "version": 1,
    "title": "සමෘද්ධි",
    "provider": {"member": "LK/GOV/EPF", "systems": ["LK/GOV/EPF/MEMBERS"]},
    "consumer": {"member": "LK/GOV/WBB", "systems": ["LK/GOV/WBB/SRIS"]},
    "services": [
        {"service": "pension.contributions", "actions": ["read"], "fields": ["months", "claim:x"], "sends": ["NIC"]},
        {"service": "LK.GOV.WBB.SRIS/vital-event", "actions": ["push"], "fields": ["date"], "sends": []},
    ],
    "purposes": ["employment-support.eligibility", "p"],
    "legal_bases": [
        {"kind": "consent", "controllers": ["LK/GOV/WBB"], "purposes": ["p"]},
        {"kind": "public_task", "reference": "Act 1", "services": {"pension.contributions": ["months"]}},
    ],
    "valid_from": "2026-01-01T00:00:00Z",
    "valid_until": "2027-01-01T00:00:00Z",
    "requires_case": True,
    "requires_relationship": False,
    "may_know_existence": True,
    "max_age_months": 2,
    "data_life_days": 90,
}
CONSENT: dict[str, Any] = {
    "id": "C1",
    "subject": {
        "identifiers": [{"type": "NIC", "value": "199000100001"}],
        "names": [{"language": "sin", "script": "Sinh", "value": "කමලා"}],
        "birth_date": "1990-01-01",
    },
    "controller": "LK/GOV/WBB",
    "recipients": ["LK/GOV/WBB", "LK/GOV/DME/ESS"],
    "purposes": ["employment-support.eligibility"],
    "services": {"pension.contributions": ["months"]},
    "valid_from": "2026-01-01T00:00:00Z",
    "valid_until": "2027-01-01T00:00:00Z",
    "given_how": "assisted",
    "evidence": "sha-256:" + "0" * 64,
}
INSTEAD: tuple[Any, ...] = (
    None,
    True,
    0,
    -1,
    1.5,
    "",
    "x",
    "X Y",
    "*",
    "a\x00b",
    "٢",
    [],
    ["x"],
    ["x", "x"],
    [1],
    {},
    {"x": 1},
)
BEYOND = (  # what a schema cannot say; each has a test of its own
    "must be later than valid_from",
    "must be systems of this member",
    "names a service twice",
    "must be purposes of the agreement",
    "must be granted by the agreement",
    "must be a day and a time that exist",
    "must be the member that records it",
)


def places(value: Any, here: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    yield here
    if isinstance(value, dict | list):
        for key in value if isinstance(value, dict) else range(len(value)):
            yield from places(value[key], (*here, key))


def changed(whole: dict[str, Any]) -> Iterator[Any]:
    """Each place once with each other value, once without it, and each object once with a member more."""
    for place in places(whole):
        for value in INSTEAD:
            yield put(whole, place, lambda _old, value=value: value)
        yield put(whole, place, lambda old: {**old, "surprise": 1} if isinstance(old, dict) else old)
        yield put(whole, place, lambda old: [*old, old[0]] if isinstance(old, list) and old else old)
        if place and isinstance(place[-1], str):
            yield put(whole, place[:-1], lambda old, name=place[-1]: {k: v for k, v in old.items() if k != name})


def put(whole: Any, place: tuple[Any, ...], change: Callable[[Any], Any]) -> Any:
    if not place:
        return change(copy.deepcopy(whole))
    made = copy.deepcopy(whole)
    inner = made
    for key in place[:-1]:
        inner = inner[key]
    inner[place[-1]] = change(inner[place[-1]])
    return made


def consent_read(line: object) -> None:
    consent_line(line, controller="LK/GOV/WBB", person_ref=lambda _subject: "p1", numbers=lambda _subject: frozenset())


@pytest.mark.parametrize(
    ("schema", "whole", "read"),
    [("own/agreement.v1.json", AGREEMENT, agreement_of), ("own/consent.v1.json", CONSENT, consent_read)],
    ids=["agreement", "consent"],
)
def test_schema_and_reader_agree(schema: str, whole: dict[str, Any], read: Callable[[object], object]) -> None:
    checker = schemas.validator(schema)
    assert checker.is_valid(whole)
    read(whole)
    verdicts = {True: 0, False: 0}
    for value in changed(whole):
        try:
            read(value)
            fault = ""
        except ConsentError as error:
            fault = error.detail
        if checker.is_valid(value):
            assert not fault or fault.endswith(BEYOND), (fault, value)
        else:
            assert fault, value
        verdicts[not fault] += 1
    assert min(verdicts.values()) > 20


def test_of_a_subject_only_hashes_are_kept_when_a_consent_is_recorded() -> None:
    recorded = consent_line(
        CONSENT, controller="LK/GOV/WBB", person_ref=lambda _subject: "p1", numbers=lambda _subject: frozenset({"n1"})
    )
    assert (recorded.subject_ref, recorded.numbers) == ("p1", {"n1"})
    subject = CONSENT["subject"]
    for known in (subject["birth_date"], *(each["value"] for each in (*subject["names"], *subject["identifiers"]))):
        assert known not in repr(recorded)


def test_the_agreements_of_the_country_profile_fit() -> None:
    text = (
        (schemas.FOLDER.parent / "profiles/lk/agreements.toml")
        .read_text(encoding="utf-8")
        .replace("OFFICE-*", "OFFICE-LK-11")
    )
    for row in tomllib.loads(text)["agreement"]:
        document = AGREEMENT | {"may_know_existence": False} | row
        assert schemas.first_fault(schemas.validator("own/agreement.v1.json"), document) is None, row["id"]
        assert agreement_of(document).id == row["id"]
