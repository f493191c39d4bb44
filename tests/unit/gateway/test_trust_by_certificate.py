"""A certificate is a credential where it is exactly one system's, the system is in force, and it has not ended."""

from dataclasses import replace
from datetime import timedelta

import pytest

from gateway.trust import Policy, System
from gateway.trust.binding import Presented
from gateway.trust.by_certificate import certified
from gateway.trust.certificate import PeerCertificate
from gateway.trust.directory import Snapshot
from gateway.trust.errors import CredentialRefused
from tests.trusting import ESS, NOW, SR

SHOWN = PeerCertificate("A" * 43, NOW + timedelta(days=1))
MINE = replace(SR, policy=Policy(certificates=(SHOWN.thumbprint,)))


def presented(shown: PeerCertificate | None) -> Presented:
    return Presented("POST", "/r1", ["DPoP x"], ["y"], shown)


def register(*systems: System) -> Snapshot:
    return Snapshot(callers={each.client_id: each for each in systems})


def test_the_system_of_the_certificate_calls_with_its_scopes() -> None:
    caller = certified(register(MINE, ESS), presented(SHOWN), NOW)
    assert (caller.system, caller.scopes, caller.reach.is_narrow) == (SR.id, SR.scopes, False)


@pytest.mark.parametrize(
    ("systems", "shown", "reason"),
    [
        ((MINE,), None, "no_certificate"),
        ((MINE,), replace(SHOWN, not_after=NOW), "certificate_ended"),
        ((MINE,), replace(SHOWN, thumbprint="B" * 43), "certificate_not_registered"),
        ((ESS,), SHOWN, "certificate_not_registered"),
        ((MINE, replace(ESS, policy=MINE.policy)), SHOWN, "certificate_of_several"),
    ],
    ids=["none", "ended", "unknown", "of a system that is not in force", "of two"],
)
def test_everything_else_is_refused(systems: tuple[System, ...], shown: PeerCertificate | None, reason: str) -> None:
    with pytest.raises(CredentialRefused) as refused:
        certified(register(*systems), presented(shown), NOW)
    assert refused.value.reason == reason
