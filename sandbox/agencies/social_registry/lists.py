"""The registry's business rules: who is on the list of potential beneficiaries of which programme, and in which order.

A rule is a version and a test of one member; the poorest come first, one place in so many is kept for appeals.
The scores and thresholds are assumptions of the sandbox: the board's own are not public.
"""

from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Protocol

from sandbox.nic import normal
from sandbox.person import SrRecord
from sandbox.population.certificates import MedicalCertificate

from .records import Households

APPEALS = 0.15  # of the places of a division


class Certificates(Protocol):
    """Numbers of medical certificates that people showed at registration."""

    def certificate_of(self, nic: str) -> MedicalCertificate | None:
        """The certificate of the person with this number in its new form."""


@dataclass(frozen=True, slots=True)
class Rule:
    """`basis` names the rule and its version; `holds` tests one member."""

    basis: str
    holds: Callable[[SrRecord, Households], bool]
    certificate: str = ""  # category of the certificate whose number the candidate brings


RULES = {
    "samurdhi": Rule("samurdhi/2", lambda each, all_: each.head and all_.score(each.household_id) < 40),
    "elders": Rule("elders/1", lambda each, all_: all_.age(each) >= 70 and all_.score(each.household_id) < 60),
    "disability": Rule(
        "disability/1", lambda each, all_: each.disabled and all_.score(each.household_id) < 70, "disability"
    ),
    "kidney": Rule("kidney/1", lambda each, all_: all_.score(each.household_id) < 80, "kidney"),
}


@dataclass(frozen=True, slots=True)
class Place:
    """One place on a list."""

    member: SrRecord
    rank: int  # in the DS division
    record: dict[str, object]


def candidates(programme: str, households: Households, certificates: Certificates) -> Iterator[Place]:
    """The list of one programme, by DS division and rank.

    Raises:
        KeyError: no rule for this programme.
    """
    rule = RULES[programme]
    divisions: defaultdict[str, list[SrRecord]] = defaultdict(list)
    for record in households.members.values():
        if rule.holds(record, households) and (not rule.certificate or _certified(record, rule, certificates)):
            divisions[record.gn_division[:7]].append(record)
    for division in sorted(divisions):
        order = sorted(divisions[division], key=lambda each: (households.score(each.household_id), each.member_id))
        regular = len(order) - int(len(order) * APPEALS)
        for rank, record in enumerate(order, start=1):
            quota = "regular" if rank <= regular else "appeal"
            yield Place(
                record, rank, _candidate(programme, rule, record, households, certificates, rank) | {"quota": quota}
            )


def _certified(record: SrRecord, rule: Rule, certificates: Certificates) -> MedicalCertificate | None:
    found = certificates.certificate_of(normal(record.nic))
    return found if found is not None and found.category == rule.certificate else None


def _candidate(
    programme: str, rule: Rule, record: SrRecord, households: Households, certificates: Certificates, rank: int
) -> dict[str, object]:
    shown = _certified(record, rule, certificates) if rule.certificate else None
    return {
        "member_id": record.member_id,
        "household_id": record.household_id,
        "programme": programme,
        "rank": rank,
        "score": str(households.score(record.household_id)),
        "basis": rule.basis,
        "ds_division": record.gn_division[:7],
        "gn_division": record.gn_division,
        "names": [{"language": each.language, "script": each.script, "value": each.full} for each in record.names],
        "birth_date": record.birth_date.isoformat(),
        "listed_on": households.day.isoformat(),
    } | ({"certificate": shown.number} if shown else {})
