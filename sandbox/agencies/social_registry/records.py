"""Members and households as DCI's SR has them, from the registry's own registrations."""

from collections import defaultdict
from collections.abc import Mapping
from datetime import date
from functools import cached_property

from sandbox.luck import luck
from sandbox.months import years_between
from sandbox.nic import normal
from sandbox.person import SrRecord

NATIONAL, MEMBER = "UIN", "SR"  # identifier types: national number, the registry's member id
SCORE_TYPE = "welfare-benefits-2023"
WORKING_AGE = range(18, 60)
NOT_EMPLOYED = 2  # DCI EmploymentStatusEnum


class Households:
    """The registrations by household, by number and by member id; read only."""

    def __init__(self, registrations: Mapping[str, SrRecord], day: date) -> None:
        self.members, self.day = registrations, day

    @cached_property
    def _by_nic(self) -> Mapping[str, list[SrRecord]]:
        found: defaultdict[str, list[SrRecord]] = defaultdict(list)
        for record in self.members.values():
            found[normal(record.nic)].append(record)
        return found

    @cached_property
    def households(self) -> Mapping[str, list[SrRecord]]:
        """Household id -> its members."""
        found: defaultdict[str, list[SrRecord]] = defaultdict(list)
        for record in sorted(self.members.values(), key=lambda each: each.member_id):
            found[record.household_id].append(record)
        return found

    def by_nic(self, nic: str) -> list[SrRecord]:
        """The registrations under a number in its new form: two of a duplicate."""
        return self._by_nic.get(nic, [])

    def score(self, household_id: str) -> int:
        """Poverty score from 0 (poorest) to 99: made up, the same for the same household."""
        return luck("poverty", household_id) % 100

    def age(self, record: SrRecord) -> int:
        """Whole years on the list date."""
        return years_between(record.birth_date, self.day)

    def member(self, record: SrRecord) -> dict[str, object]:
        """A DCI Member without a name: who asks by number knows whom."""
        return {
            "@type": "spdci:Member",
            "member_identifier": _identifiers((NATIONAL, normal(record.nic)), (MEMBER, record.member_id)),
            "is_disabled": record.disabled,
            "employment_status": str(record.employment_status),
            "additional_attributes": [
                {"household_id": record.household_id},
                {"head": record.head},
                {"gn_division": record.gn_division},
            ],
        }

    def group(self, household_id: str) -> dict[str, object]:
        """A DCI Group: size, place and score; its members are counted and not listed."""
        members = self.households[household_id]
        jobless = sum(each.employment_status == NOT_EMPLOYED and self.age(each) in WORKING_AGE for each in members)
        return {
            "@type": "spdci:Group",
            "group_identifier": _identifiers(("HOUSEHOLD", household_id)),
            "group_type": "2",
            "group_size": len(members),
            "poverty_score": self.score(household_id),
            "poverty_score_type": SCORE_TYPE,
            "additional_attributes": [{"gn_division": members[0].gn_division}, {"not_employed_adults": jobless}],
        }


def _identifiers(*pairs: tuple[str, str]) -> list[dict[str, str]]:
    return [{"@type": "Identifier", "identifier_type": kind, "identifier_value": value} for kind, value in pairs]
