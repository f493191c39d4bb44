"""Roles as data: what each may do, how far it reaches, and which two nobody holds at once.

Deny by default: a right that no row names, nobody has. Consoles add rights here, never in their own code.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from .errors import OfficerRefused


class Right(StrEnum):
    """What a route may ask for."""

    OFFICERS_READ = "officers.read"
    OFFICERS_CHANGE = "officers.change"
    APPROVALS_READ = "approvals.read"
    APPROVALS_PROPOSE = "approvals.propose"
    APPROVALS_DECIDE = "approvals.decide"
    EVIDENCE_READ = "evidence.read"
    REVIEW_ACT = "review.act"
    DRILLS_HOLD = "drills.hold"
    SAMPLES_CHECK = "samples.check"
    PERSONS_READ = "persons.read"
    PEOPLE_ASSIST = "people.assist"
    AGENCY_RUN = "agency.run"
    GATEWAY_RUN = "gateway.run"


class Reach(StrEnum):
    """How far a role counts: everywhere, for one member, in one territory, or for oneself."""

    GATEWAY = "gateway"
    MEMBER = "member"
    TERRITORY = "territory"
    SELF = "self"


@dataclass(frozen=True, slots=True)
class Role:
    """One row.

    Attributes:
        levels: of the country profile, where the reach is a territory; empty: any level.
        controls: the role watches over others, so granting it takes two people.
    """

    name: str
    title: str
    reach: Reach
    rights: frozenset[Right] = frozenset()
    levels: frozenset[str] = frozenset()
    controls: bool = False


_SEE = frozenset({Right.OFFICERS_READ, Right.APPROVALS_READ})
_RUN = _SEE | {Right.OFFICERS_CHANGE, Right.APPROVALS_PROPOSE}
_DECIDE = _SEE | {Right.APPROVALS_DECIDE}
_AUDIT = frozenset({Right.EVIDENCE_READ, Right.SAMPLES_CHECK})
_REVIEW = _AUDIT | {Right.REVIEW_ACT, Right.DRILLS_HOLD}

ROLES: Final = {
    role.name: role
    for role in (
        Role(
            "operator",
            "Operator of the gateway",
            Reach.GATEWAY,
            _RUN | _DECIDE | {Right.GATEWAY_RUN, Right.DRILLS_HOLD},
            controls=True,
        ),
        Role("agency_administrator", "Agency administrator", Reach.MEMBER, _RUN | _DECIDE | {Right.AGENCY_RUN}),
        Role("data_manager", "Data manager", Reach.MEMBER),
        Role("planning_reviewer", "Planning reviewer", Reach.MEMBER),
        Role("employment_counsellor", "Employment counsellor", Reach.TERRITORY),
        Role(
            "division_officer",
            "Division officer",
            Reach.TERRITORY,
            frozenset({Right.OFFICERS_READ, Right.PEOPLE_ASSIST}),
            levels=frozenset({"ds_division"}),
        ),
        Role(
            "gn_officer",
            "GN officer",
            Reach.TERRITORY,
            frozenset({Right.PEOPLE_ASSIST}),
            levels=frozenset({"gn_division"}),
        ),
        Role("compliance_officer", "Compliance officer", Reach.GATEWAY, _DECIDE | _REVIEW, controls=True),
        Role(
            "data_protection_officer",
            "Data-protection officer",
            Reach.GATEWAY,
            _DECIDE | _REVIEW | {Right.PERSONS_READ},
            controls=True,
        ),
        Role("external_auditor", "External auditor", Reach.GATEWAY, _SEE | _AUDIT, controls=True),
        Role("citizen", "Citizen", Reach.SELF),
    )
}

CONFLICTS: Final = frozenset(
    map(
        frozenset,
        (
            ("operator", "compliance_officer"),
            ("operator", "data_protection_officer"),
            ("operator", "external_auditor"),
            ("agency_administrator", "compliance_officer"),
            ("agency_administrator", "data_protection_officer"),
            ("agency_administrator", "external_auditor"),
            ("compliance_officer", "external_auditor"),
            ("data_protection_officer", "external_auditor"),
            ("data_manager", "planning_reviewer"),
        ),
    )
)
"""Pairs of which one watches over the other, or approves what the other makes."""


def role_named(name: str) -> Role:
    """A role that can be granted.

    Raises:
        OfficerRefused: there is none of this name; a citizen's is not granted, it comes with signing in.
    """
    role = ROLES.get(name)
    if role is None or role.reach is Reach.SELF:
        known = ", ".join(each.name for each in ROLES.values() if each.reach is not Reach.SELF)
        raise OfficerRefused(f"a role is one of {known}")
    return role


def check_compatible(name: str, held: Iterable[str]) -> None:
    """Raise unless one person may hold this role beside those.

    Raises:
        OfficerRefused: naming the two.
    """
    for other in sorted(set(held)):
        if frozenset((name, other)) in CONFLICTS:
            raise OfficerRefused(f"nobody is {name} and {other} at once; revoke one first")
