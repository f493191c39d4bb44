"""Who takes part: members and their systems, as values, as rows, and the shape their names must have."""

import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from datetime import datetime

from sqlalchemy import RowMapping

from .errors import RegistrationRefused
from .policy import Policy

MEMBER_ID = re.compile(r"[A-Z]{2}(?:/[A-Z0-9][A-Z0-9_-]{0,31}){2}", re.ASCII)
SYSTEM_ID = re.compile(r"[A-Z]{2}(?:/[A-Z0-9][A-Z0-9_-]{0,31}){3}", re.ASCII)
CLIENT_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,127}", re.ASCII)
SCOPE = re.compile(r"[a-z][a-z0-9._:-]{0,63}", re.ASCII)
URL = re.compile(r"https?://[A-Za-z0-9._:\[\]-]+(?:/[!-~]*)?", re.ASCII)


@dataclass(frozen=True, slots=True)
class Member:
    """An organisation. The contacts and the address stay out of the log.

    Attributes:
        contact: where its operators are reached.
        security_contact: whom to call about a leaked key or an attack, at any hour.
        data_protection_contact: its data-protection officer.
        address: by post.
    """

    id: str
    name: str
    contact: str = ""
    state: str = "active"
    security_contact: str = ""
    data_protection_contact: str = ""
    address: str = ""


TAKEN: Mapping[str, str] = {
    "canonical/beneficiary-event.v1.json": "What became of a beneficiary",
    "canonical/beneficiary-notice.v1.json": "A line of a published list of beneficiaries",
    "canonical/enrolment-event.v1.json": "Whether a person was taken on by employment support",
    "canonical/finding.v1.json": "What a counsellor found where a register could not be asked",
    "canonical/programme-update.v1.json": "What changed for a referred person",
    "canonical/referral.v1.json": "Referral of one person, with the evidence it rests on",
    "canonical/report-state.v1.json": "Whether the report of a unit is late",
    "canonical/vacancy.v1.json": "A place in a programme that became free",
    "canonical/vital-event.v1.json": "A birth or a death",
}
"""Record schema -> what is told in it, where the name of the service says little to whom it is about."""


@dataclass(frozen=True, slots=True)
class Offered:
    """A service that a system takes deliveries for: `LK.GOV.WBB.SRIS/enrolment` when the name is `enrolment`."""

    name: str
    callback_url: str
    record_schema: str

    @property
    def words(self) -> str:
        """What is taken, for people."""
        return TAKEN.get(self.record_schema, self.name.replace("-", " "))


@dataclass(frozen=True, slots=True)
class System:
    """A member's computer system. `client_id` is its name at the token endpoint."""

    id: str
    client_id: str
    name: str
    scopes: frozenset[str] = frozenset()
    services: tuple[Offered, ...] = ()
    state: str = "active"
    policy: Policy = field(default_factory=Policy)

    @property
    def member_id(self) -> str:
        """The owner: the first three parts."""
        return self.id.rpartition("/")[0]

    @property
    def dci_id(self) -> str:
        """The spelling of DCI headers."""
        return self.id.replace("/", ".")


def check_member(member: Member) -> None:
    """Raise RegistrationRefused unless the member may be registered like this."""
    if not MEMBER_ID.fullmatch(member.id):
        raise RegistrationRefused("a member id has three parts, like LK/GOV/WBB")
    if not member.name.strip():
        raise RegistrationRefused("a member has a name")


def check_system(system: System) -> None:
    """Raise RegistrationRefused unless the system may be registered like this."""
    if not SYSTEM_ID.fullmatch(system.id):
        raise RegistrationRefused("a system id has four parts, like LK/GOV/WBB/SRIS")
    if not CLIENT_ID.fullmatch(system.client_id):
        raise RegistrationRefused("a client id has up to 128 letters, digits, dots, hyphens or underscores")
    if wrong := sorted(scope for scope in system.scopes if not SCOPE.fullmatch(scope)):
        raise RegistrationRefused(f"not a scope: {', '.join(wrong)}")
    if len({each.name for each in system.services}) != len(system.services):
        raise RegistrationRefused("two offered services have the same name")
    for each in system.services:
        if not URL.fullmatch(each.callback_url):
            raise RegistrationRefused(f"the callback address of {each.name} is no http(s) URL of a plain host")


def member_row(member: Member, now: datetime) -> dict[str, object]:
    """As `tables.member` keeps it."""
    return {**asdict(member), "changed_at": now}


def member_of(row: RowMapping) -> Member:
    """From a row of `tables.member`."""
    return Member(**{name: value for name, value in row.items() if name != "changed_at"})


def system_row(system: System, now: datetime) -> dict[str, object]:
    """As `tables.system` keeps it."""
    return {
        "id": system.id,
        "member_id": system.member_id,
        "client_id": system.client_id,
        "name": system.name,
        "state": system.state,
        "scopes": sorted(system.scopes),
        "services": [asdict(each) for each in system.services],
        "policy": system.policy.document(),
        "changed_at": now,
    }


def system_of(row: RowMapping) -> System:
    """From a row of `tables.system`."""
    services = tuple(Offered(each["name"], each["callback_url"], each["record_schema"]) for each in row["services"])
    policy = Policy.read(row["policy"])
    return System(row["id"], row["client_id"], row["name"], frozenset(row["scopes"]), services, row["state"], policy)


def system_facts(system: System) -> dict[str, object]:
    """What the log is told of a registration: no address."""
    offered = [f"{system.dci_id}/{each.name}" for each in system.services]
    return {"system": system.id, "state": system.state, "scopes": sorted(system.scopes), "services": offered}
