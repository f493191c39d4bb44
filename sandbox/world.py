"""All registers over one population; each agency reads its own through the methods its `Records` protocol names.

Only what the registers hold is kept: people are made once, read and dropped (`population.stream`).
"""

from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from types import MappingProxyType

from .nic import normal
from .person import (
    CivilRecord,
    EducationRecord,
    EssRecord,
    NationalIdRecord,
    PensionRecord,
    Person,
    SrRecord,
    TaxRecord,
    World,
)
from .population import population
from .population.certificates import MedicalCertificate, medical_certificate
from .population.licences import DrivingRecord, driving_record
from .population.payees import Payee, payee
from .population.register_numbers import register_number


@dataclass(frozen=True, slots=True)
class Reality:
    """What is really so about one registered person."""

    birth_date: date
    world: World


class Registers:
    """What each agency holds about the same people, built once from people, seed and list date; read only.

    NIC numbers are asked for in their new form.
    """

    def __init__(
        self, people: int, seed: int, day: date, watch: Callable[[Iterator[Person]], Iterator[Person]] = iter
    ) -> None:
        """Make everybody once. `watch` sees each person go by (progress).

        Raises:
            ValueError: see `population.stream.population`.
        """
        self.people, self.seed, self.date = people, seed, day
        self._national_id: dict[str, NationalIdRecord] = {}
        self._register_numbers: dict[str, str] = {}  # number in the population register -> NIC
        self._civil: dict[str, CivilRecord] = {}
        self._births: dict[str, CivilRecord] = {}
        self._deaths: dict[str, CivilRecord] = {}
        self._born_on: defaultdict[date, list[CivilRecord]] = defaultdict(list)
        self._tax: dict[str, TaxRecord] = {}
        self._pension: dict[str, PensionRecord] = {}
        self._education: dict[str, EducationRecord] = {}
        self._ess: dict[str, EssRecord] = {}
        self._driving: dict[str, DrivingRecord] = {}
        self._certificates: dict[str, MedicalCertificate] = {}
        self._certified: dict[str, MedicalCertificate] = {}  # the same, by NIC
        self._registrations: dict[str, SrRecord] = {}
        self._districts: dict[str, str] = {}  # of registered people, by NIC
        self._reality: dict[str, Reality] = {}
        self._payees: dict[str, Payee] = {}
        for person in watch(population(people, seed, day)):
            self._add(person)

    def national_id_by_nic(self, nic: str) -> NationalIdRecord | None:
        """The national ID record under this number."""
        return self._national_id.get(nic)

    def national_id_by_register_number(self, number: str) -> NationalIdRecord | None:
        """The same record under the person's number in the population register."""
        return self._national_id.get(self._register_numbers.get(number, ""))

    def civil_by_nic(self, nic: str) -> Sequence[CivilRecord]:
        """Civil records whose birth registration carries this number: one or none."""
        record = self._civil.get(nic)
        return () if record is None else (record,)

    def civil_by_birth_registration(self, number: str) -> CivilRecord | None:
        """The civil record with this birth registration number."""
        return self._births.get(number)

    def civil_by_death_registration(self, number: str) -> CivilRecord | None:
        """The civil record with this death registration number."""
        return self._deaths.get(number)

    def civil_by_birth_date(self, day: date) -> Sequence[CivilRecord]:
        """Civil records of people born on this day."""
        return self._born_on.get(day, ())

    def tax_by_tin(self, tin: str) -> TaxRecord | None:
        """The taxpayer with this number."""
        return self._tax.get(tin)

    def pension_by_nic(self, nic: str) -> PensionRecord | None:
        """The fund member with this number, whichever form the fund holds."""
        return self._pension.get(nic)

    def education_by_learner(self, number: str) -> EducationRecord | None:
        """The learner with this number."""
        return self._education.get(number)

    def driving_by_nic(self, nic: str) -> DrivingRecord | None:
        """The holder of a driving licence with this number."""
        return self._driving.get(nic)

    def certificate_by_number(self, number: str) -> MedicalCertificate | None:
        """The medical certificate with this number."""
        return self._certificates.get(number)

    def certificate_of(self, nic: str) -> MedicalCertificate | None:
        """The medical certificate of the person with this number."""
        return self._certified.get(nic)

    def ess_by_nic(self, nic: str) -> EssRecord | None:
        """The employment support record at the start, before anybody is pushed."""
        return self._ess.get(nic)

    def district_of(self, nic: str) -> str | None:
        """The district that a registered person lives in, as the registry has it."""
        return self._districts.get(nic)

    def districts(self) -> frozenset[str]:
        """The districts that registered people live in."""
        return frozenset(self._districts.values())

    def payees(self) -> Mapping[str, Payee]:
        """Accounts and payment cards of registered adults, by NIC number."""
        return MappingProxyType(self._payees)

    def registrations(self) -> Mapping[str, SrRecord]:
        """The social registry's member records, by member id; in no order."""
        return MappingProxyType(self._registrations)

    def reality(self, nic: str) -> Reality:
        """What is really so about a registered person. Nobody may judge by it."""
        return self._reality[nic]

    def flaws(self) -> Iterator[tuple[str, str]]:
        """Member id and name of each planted flaw."""
        for member_id, record in self._registrations.items():
            for flaw in self._reality[normal(record.nic)].world.flaws:
                yield member_id, flaw

    def _add(self, person: Person) -> None:
        if person.national_id:
            self._national_id[person.national_id.nic] = person.national_id
            self._register_numbers[register_number(person, self.seed)] = person.national_id.nic
        if person.civil:
            self._add_civil(person.civil)
        if person.tax:
            self._tax[person.tax.tin] = person.tax
        if person.pension:
            self._pension[normal(person.pension.nic)] = person.pension
        if person.education:
            self._education[person.education.learner_number] = person.education
        if person.ess:
            self._ess[person.nic] = person.ess
        if driving := driving_record(person, self.seed, self.date):
            self._driving[person.nic] = driving
        if certificate := medical_certificate(person, self.seed, self.date):
            self._certificates[certificate.number] = self._certified[certificate.nic] = certificate
        if person.registrations:
            self._add_registered(person)

    def _add_registered(self, person: Person) -> None:
        if held := payee(person, self.seed, self.date):
            self._payees[person.nic] = held
        for record in person.registrations:
            self._registrations[record.member_id] = record
            self._districts[person.nic] = record.gn_division[:5]
        self._reality[person.nic] = Reality(person.birth_date, person.world)

    def _add_civil(self, record: CivilRecord) -> None:
        if record.nic is not None:
            self._civil[record.nic] = record
        if record.death_registration is not None:
            self._deaths[record.death_registration] = record
        self._births[record.birth_registration] = record
        self._born_on[record.birth_date].append(record)
