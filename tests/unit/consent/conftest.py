"""One agreement document, one consent, one request that fit together; tests change one thing at a time."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest

from consent import Agreement, Consent, Request, agreement_of

START = datetime(2026, 1, 1, tzinfo=UTC)
END = datetime(2027, 1, 1, tzinfo=UTC)


def _document(**changes: Any) -> dict[str, Any]:
    document: dict[str, Any] = {
        "format": "agreement/1",
        "id": "A1",
        "version": 1,
        "title": "Contribution status for employment support",
        "provider": {"member": "LK/GOV/EPF", "systems": ["LK/GOV/EPF/MEMBERS"]},
        "consumer": {"member": "LK/GOV/WBB", "systems": ["LK/GOV/WBB/SRIS"]},
        "services": [
            {
                "service": "pension.contributions",
                "actions": ["read", "bulk", "push"],
                "fields": ["closed_month", "months", "pensions", "claim:contribution_status"],
                "sends": ["NIC"],
            }
        ],
        "purposes": ["employment-support.eligibility", "employment-support.referral"],
        "legal_bases": [{"kind": "consent", "controllers": ["LK/GOV/WBB"]}],
        "valid_from": "2026-01-01T00:00:00Z",
        "valid_until": "2027-01-01T00:00:00Z",
        "may_know_existence": True,
        "max_age_months": 2,
    }
    return {name: value for name, value in (document | changes).items() if value is not None}


@pytest.fixture
def document() -> Callable[..., dict[str, Any]]:
    """A document with members changed; None leaves one out."""
    return _document


@pytest.fixture
def agreement() -> Callable[..., Agreement]:
    """The document as a value."""
    return lambda **changes: agreement_of(_document(**changes))


@pytest.fixture
def consent() -> Callable[..., Consent]:
    """A consent in force in 2026 for person `p1`."""

    def made(**changes: Any) -> Consent:
        values: dict[str, Any] = {
            "id": "C1",
            "subject_ref": "p1",
            "controller": "LK/GOV/WBB",
            "recipients": frozenset({"LK/GOV/WBB"}),
            "purposes": frozenset({"employment-support.eligibility"}),
            "services": {"pension.contributions": None},
            "valid_from": START,
            "valid_until": END,
            "given_how": "assisted",
            "evidence": "sha-256:" + "0" * 64,
        }
        return Consent(**(values | changes))

    return made


@pytest.fixture
def request_for() -> Callable[..., Request]:
    """A request that agreement and consent cover."""

    def made(**changes: Any) -> Request:
        values: dict[str, Any] = {
            "consumer": "LK/GOV/WBB/SRIS",
            "provider": "LK/GOV/EPF/MEMBERS",
            "service": "pension.contributions",
            "action": "read",
            "purpose": "employment-support.eligibility",
            "fields": frozenset({"closed_month", "months"}),
            "subject_ref": "p1",
            "sent": frozenset({"NIC"}),
            "case": None,
        }
        return Request(**(values | changes))

    return made
