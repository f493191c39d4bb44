"""The catalogue of a system is what its agreements in force grant, told as what it can do with it; nothing else."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from adapters.kit.contract import Service
from consent import Agreement
from consent.model import Grant, LegalBasis, Party, Quota, State
from gateway.catalogue import Catalogue, Offer
from gateway.edges.v1.offered import offered, why_empty

NOW = datetime(2026, 10, 31, tzinfo=UTC)
SR = "LK/GOV/WBB/SRIS"
PATHS = {
    *("/v1/exchanges", "/v1/exchanges/later", "/v1/batches", "/v1/deliveries"),
    *("/dci/registry/sync/search", "/dci/registry/subscribe"),
}
TAX = Service(
    id="tax.employment",
    actions=frozenset({"read", "verify"}),
    id_types=("TIN", "NIC"),
    sent=frozenset({"TIN"}),
    fields=frozenset({"employer", "since"}),
    claims=frozenset({"employment_status"}),
    record_schema="canonical/employment-income.v1.json",
    sensitivity="personal",
    dci_reg_type="ns:sandhi:RegistryType:Tax",
)
GRANT = Grant(
    "tax.employment",
    frozenset({"verify", "bulk"}),
    frozenset({"claim:employment_status", "since", "no_longer_offered"}),
    frozenset({"TIN"}),
)
AGREEMENT = Agreement(
    id="A1",
    version=2,
    provider=Party("LK/GOV/IRD", frozenset({"LK/GOV/IRD/PAYE"})),
    consumer=Party("LK/GOV/WBB", frozenset({SR})),
    grants={"tax.employment": GRANT},
    purposes=frozenset({"employment-support.eligibility"}),
    bases=(LegalBasis("consent", controllers=frozenset({"LK/GOV/WBB"})), LegalBasis("vital_interest", emergency=True)),
    valid_from=NOW - timedelta(days=1),
    valid_until=NOW + timedelta(days=1),
    quota=Quota(calls_per_day=2000),
    requires_case=True,
    max_age_months=2,
)


def told(agreement: Agreement = AGREEMENT, service: Service = TAX, linked: Any = None) -> list[dict[str, Any]]:
    catalogue = Catalogue([Offer(service, "LK/GOV/IRD/PAYE", linked)])
    return offered([agreement], catalogue, PATHS, NOW)


def granting(*actions: str) -> Agreement:
    return replace(AGREEMENT, grants={"tax.employment": replace(GRANT, actions=frozenset(actions))})


def test_a_line_says_what_may_be_asked_on_which_conditions() -> None:
    (line,) = told()
    assert line == {
        "service": "tax.employment",
        "provider": "LK/GOV/IRD/PAYE",
        "linked": False,
        "agreement": "A1",
        "agreement_version": 2,
        "valid_until": "2026-11-01T00:00:00+00:00",
        "purposes": ["employment-support.eligibility"],
        "actions": ["bulk", "verify"],
        "fields": ["since"],
        "claims": ["employment_status"],
        "sends": ["TIN"],
        "identifiers": ["TIN"],
        "ways": {
            "sync": ["/v1/exchanges", "/dci/registry/sync/search"],
            "later": ["/v1/exchanges/later"],
            "batch": ["/v1/batches"],
        },
        "quota": {"calls_per_day": 2000},
        "legal_bases": [
            {"kind": "consent", "emergency": False, "controllers": ["LK/GOV/WBB"]},
            {"kind": "vital_interest", "emergency": True},
        ],
        "requires_case": True,
        "requires_relationship": False,
        "may_know_existence": False,
        "max_age_months": 2,
        "data_life_days": None,
    }


@pytest.mark.parametrize(
    ("actions", "ways"),
    [
        (("read",), {"sync", "later"}),
        (("verify", "bulk"), {"sync", "later", "batch"}),
        (("push",), {"delivery"}),
        (("notify",), {"feed"}),
        (("report",), set()),
    ],
    ids=["read", "verify", "push", "notify", "report"],
)
def test_the_ways_are_those_of_the_granted_actions(actions: tuple[str, ...], ways: set[str]) -> None:
    (line,) = told(granting(*actions))
    assert set(line["ways"]) == ways


def test_what_answers_in_batches_only_is_not_offered_at_once() -> None:
    (line,) = told(service=replace(TAX, immediate=False))
    assert set(line["ways"]) == {"later", "batch"}


def test_an_edge_is_named_only_where_it_takes_the_service() -> None:
    (line,) = told(service=replace(TAX, dci_reg_type=""))
    assert line["ways"]["sync"] == ["/v1/exchanges"]
    (line,) = offered([AGREEMENT], Catalogue([Offer(TAX, "x", None)]), {*PATHS, "/r1/{instance}/x"}, NOW)
    assert "/r1/" in line["ways"]["sync"]


@pytest.mark.parametrize(
    "agreement",
    [
        replace(AGREEMENT, state=State.SUSPENDED),
        replace(AGREEMENT, valid_until=NOW),
        replace(AGREEMENT, replaced_at=NOW),
        replace(AGREEMENT, grants={"other.service": replace(GRANT, service="other.service")}),
    ],
    ids=["suspended", "expired", "replaced", "unknown-service"],
)
def test_what_does_not_hold_now_is_not_offered_and_why_is_said(agreement: Agreement) -> None:
    assert told(agreement) == []
    because = why_empty(SR, [agreement], NOW)
    assert f"A1 v2: {agreement.standing(NOW)}" in because


def test_a_system_without_agreements_learns_what_it_lacks() -> None:
    because = why_empty(SR, [], NOW)
    assert because.startswith(f"No agreement names {SR} as a consumer")
    assert "/v1/proposals" in because
