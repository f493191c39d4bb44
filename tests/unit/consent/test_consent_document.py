"""What an agreement document and a consent line must look like; complaints name the place and no value."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest

from consent import agreement_of, consent_of, sentences
from consent.errors import DocumentInvalid

Made = Callable[..., Any]

GRANT = {"service": "pension.contributions", "actions": ["read"], "fields": ["months"], "sends": ["NIC"]}
STATUTE = {"kind": "public_task", "reference": "Act 1"}

WRONG: list[tuple[dict[str, Any], str]] = [
    ({"format": "agreement/2"}, "/format"),
    ({"id": None}, "/id"),
    ({"id": "a b"}, "/id"),
    ({"version": 0}, "/version"),
    ({"version": True}, "/version"),
    ({"version": "1"}, "/version"),
    ({"title": ""}, "/title"),
    ({"surprise": 1}, "/"),
    ({"provider": {"member": "LK/GOV", "systems": ["LK/GOV/EPF/MEMBERS"]}}, "/provider/member"),
    ({"provider": {"member": "LK/GOV/EPF", "systems": ["LK/GOV/WBB/SRIS"]}}, "/provider/systems"),
    ({"provider": {"member": "LK/GOV/EPF", "systems": []}}, "/provider/systems"),
    ({"provider": "LK/GOV/EPF"}, "/provider"),
    ({"services": []}, "/services"),
    ({"services": [GRANT, GRANT]}, "/services"),
    ({"services": [GRANT | {"actions": ["write"]}]}, "/services/0/actions"),
    ({"services": [GRANT | {"fields": ["*"]}]}, "/services/0/fields"),
    ({"services": [GRANT | {"fields": ["months", "months"]}]}, "/services/0/fields"),
    ({"services": [GRANT | {"extra": 1}]}, "/services/0"),
    ({"purposes": ["Employment"]}, "/purposes"),
    ({"legal_bases": []}, "/legal_bases"),
    ({"legal_bases": [{"kind": "whim", "reference": "x"}]}, "/legal_bases/0/kind"),
    ({"legal_bases": [{"kind": "consent"}]}, "/legal_bases/0/controllers"),
    ({"legal_bases": [{"kind": "consent", "controllers": ["LK/GOV/WBB"], "reference": "x"}]}, "/legal_bases/0"),
    ({"legal_bases": [{"kind": "public_task"}]}, "/legal_bases/0/reference"),
    ({"legal_bases": [STATUTE | {"purposes": ["other.purpose"]}]}, "/legal_bases/0/purposes"),
    ({"legal_bases": [STATUTE | {"services": {"tax.employment": ["months"]}}]}, "/legal_bases/0/services"),
    ({"legal_bases": [STATUTE | {"services": {"pension.contributions": ["name"]}}]}, "/legal_bases/0/services"),
    ({"legal_bases": [STATUTE | {"services": {}}]}, "/legal_bases/0/services"),
    ({"valid_from": "2026-01-01"}, "/valid_from"),
    ({"valid_from": "2026-02-30T00:00:00Z"}, "/valid_from"),
    ({"valid_until": "2025-01-01T00:00:00Z"}, "/valid_until"),
    ({"may_know_existence": "yes"}, "/may_know_existence"),
    ({"max_age_months": -1}, "/max_age_months"),
    ({"max_age_months": None, "data_life_days": 0}, "/data_life_days"),
]


@pytest.mark.parametrize(("changes", "place"), WRONG)
def test_a_document_that_does_not_fit_is_refused_with_its_place(
    document: Made, changes: dict[str, Any], place: str
) -> None:
    with pytest.raises(DocumentInvalid) as refused:
        agreement_of(document(**changes))
    assert refused.value.detail.startswith(f"{place}: ")


@pytest.mark.parametrize("value", [None, [], "x", 1])
def test_a_document_is_an_object(value: object) -> None:
    with pytest.raises(DocumentInvalid):
        agreement_of(value)


def test_rights_that_nobody_wrote_down_are_not_given(document: Made) -> None:
    agreement = agreement_of(document(may_know_existence=None, max_age_months=None))
    assert not agreement.may_know_existence
    assert not agreement.requires_case
    assert agreement.max_age_months is None


def test_an_agreement_reads_as_plain_sentences(document: Made) -> None:
    text = sentences(
        agreement_of(
            document(
                requires_case=True,
                requires_relationship=True,
                data_life_days=90,
                legal_bases=[
                    {"kind": "consent", "controllers": ["LK/GOV/WBB"]},
                    STATUTE
                    | {
                        "services": {"pension.contributions": ["months"]},
                        "purposes": ["employment-support.referral"],
                    },
                ],
            )
        )
    )
    assert text == [
        "Agreement A1, version 1: Contribution status for employment support (between LK/GOV/WBB and LK/GOV/EPF).",
        "The systems that ask or hand over are LK/GOV/WBB/SRIS.",
        "The systems that answer or receive are LK/GOV/EPF/MEMBERS.",
        (
            "LK/GOV/WBB may ask pension.contributions (one by one and for many people at once) by NIC, "
            "and may receive claim:contribution_status, closed_month, months and pensions."
        ),
        (
            "LK/GOV/WBB may hand over pension.contributions (as records), "
            "and LK/GOV/EPF may receive claim:contribution_status, closed_month, months and pensions."
        ),
        "It may be used for: employment-support.eligibility and employment-support.referral.",
        (
            "The legal basis is one of these at a time: "
            "the person's consent, as recorded by LK/GOV/WBB; a public task (Act 1)."
        ),
        "On the basis of a public task only: pension.contributions: months, for employment-support.referral.",
        "It holds from 01 January 2026 until 31 December 2026.",
        "Who asks may learn whether the provider knows the person.",
        "Every request names a case.",
        "A relationship with the person must have been declared before anything is asked.",
        "Data older than 2 months is not used.",
        "The receiver erases what it received after 90 days.",
    ]


LINE: dict[str, Any] = {
    "recipients": ["LK/GOV/WBB", "LK/GOV/DME/ESS"],
    "purposes": ["employment-support.eligibility"],
    "services": ["tax.employment", "pension.contributions"],
    "valid_from": "2026-01-01T00:00:00Z",
    "valid_until": "2027-01-01T00:00:00Z",
    "given_how": "assisted",
    "evidence": "sha-256:" + "ab" * 32,
}


def test_a_consent_line_becomes_a_consent() -> None:
    consent = consent_of(LINE, id_="C1", subject_ref="p1", controller="LK/GOV/WBB")
    assert consent.recipients == {"LK/GOV/WBB", "LK/GOV/DME/ESS"}
    assert consent.services == {"tax.employment": None, "pension.contributions": None}
    assert consent.valid_from == datetime(2026, 1, 1, tzinfo=UTC)
    narrow = LINE | {"services": {"tax.employment": ["closed_month"]}}
    assert consent_of(narrow, id_="C1", subject_ref="p1", controller="LK/GOV/WBB").services == {
        "tax.employment": frozenset({"closed_month"})
    }


@pytest.mark.parametrize(
    "changes",
    [
        {"recipients": []},
        {"recipients": ["everyone"]},
        {"purposes": []},
        {"services": []},
        {"services": {}},
        {"services": {"tax.employment": []}},
        {"services": "tax.employment"},
        {"valid_until": "2026-01-01T00:00:00Z"},
        {"valid_from": "2026-01-01T00:00:00+00:00"},
        {"given_how": "assumed"},
        {"evidence": "sha-256:12"},
        {"name": "somebody"},
    ],
)
def test_a_consent_line_that_does_not_fit_is_refused_without_repeating_it(changes: dict[str, Any]) -> None:
    with pytest.raises(DocumentInvalid) as refused:
        consent_of(LINE | changes, id_="C1", subject_ref="p1", controller="LK/GOV/WBB")
    assert "somebody" not in refused.value.detail
    assert "everyone" not in refused.value.detail
