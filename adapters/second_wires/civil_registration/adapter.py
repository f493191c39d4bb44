"""Births and deaths over FHIR R4: Patients by number, then by birth date and name for what the number did not find.

The same rules as over the first wire: a death that only name and date connect is probable, a record with another
number never counts. Events are not told over this wire.
"""

from collections.abc import Iterable
from typing import Any

import schemas
from adapters.kit.base import BaseAdapter, Kit, as_of
from adapters.kit.contract import (
    AgencyAnswerMalformed,
    AgencyCannotTell,
    AgencyHasNoSuchPerson,
    AgencyRejectedMessage,
    Question,
    RawAnswer,
    Service,
    Subject,
)
from adapters.kit.fitting import check_fits
from adapters.kit.matching import Match, Traits, matched, traits
from adapters.kit.nic import NEW_FORM, new_form
from adapters.kit.transports.fhir import FhirSearches, next_page

from . import fhir
from .fhir import Person

PAGES = 20  # a day with more births than this many pages is not searched through, as over the first wire


class CivilRegistration(BaseAdapter):
    """One question is one search by number, and one more by birth date for what the number did not find."""

    def __init__(self, kit: Kit) -> None:
        super().__init__(kit)
        self._searches = FhirSearches(kit, fhir.SCOPE)

    async def ask(self, question: Question) -> RawAnswer:
        """Find the birth and the death of one person.

        Raises:
            AgencyHasNoSuchPerson: nobody, by number or by birth date and name.
            AgencyCannotTell: more than one record fits.
            AgencyRejectedMessage: neither a number, nor names with a birth date; code `incomplete`.
        """
        service, subject = self.service(question.service), question.subject
        number = new_form(subject.identifier("NIC") or "")
        searchable = subject.birth_date is not None and bool(subject.names)
        if number and not NEW_FORM.fullmatch(number):
            raise AgencyRejectedMessage("the register is asked by NIC number", code="identifier")
        if not number and not searchable:
            raise AgencyRejectedMessage("needs a national id, or names and a birth date", code="incomplete")
        by_number = await self._numbered(service, number) if number else []
        known_dead = any(each.dead for each in by_number)
        by_name = await self._named(service, subject) if searchable and not known_dead else []
        if not by_number and not by_name:
            raise AgencyHasNoSuchPerson("nobody has the number, or was born that day with the name", code="no_match")
        payload = _payload(by_number, by_name)
        probable = not by_number or payload["death_matched_by"] == "name_and_date"
        return RawAnswer(payload, as_of(service, question.as_at), code="200", match="probable" if probable else "exact")

    def parse(self, service: str, body: bytes) -> object:
        """Golden samples hold two searchsets: `{"by_number": Bundle, "by_name": Bundle}`.

        Raises:
            AgencyAnswerMalformed: not JSON, or not what the schema allows.
        """
        told: Any = super().parse(service, body)
        name = self.service(service).answer_schema
        for bundle in told.values():
            check_fits(bundle, schemas.validator(name), f"the answer breaks {name}")
        return _payload(fhir.people(told["by_number"]), fhir.people(told["by_name"]))

    async def _numbered(self, service: Service, number: str) -> list[Person]:
        found = await self._search(service, fhir.by_number(number))
        if any(number not in {new_form(each) for each in person.numbers} for person in found):
            raise AgencyAnswerMalformed("a Patient who was not asked about at /entry", code="identifier")
        return found

    async def _named(self, service: Service, subject: Subject) -> list[Person]:
        assert subject.birth_date is not None  # whoever calls looked
        found = await self._search(service, fhir.born_on(subject.birth_date))
        return [person for person in found if _fits(person, subject)]

    async def _search(self, service: Service, parameters: list[tuple[str, str]]) -> list[Person]:
        """All pages of one search."""
        bundle = await self._searches.found("Patient", parameters, service.answer_schema)
        found = fhir.people(bundle)
        for _ in range(PAGES - 1):
            if not (address := next_page(bundle)):
                return found
            bundle = await self._searches.page(address, service.answer_schema)
            found += fhir.people(bundle)
        if next_page(bundle):
            raise AgencyCannotTell("too many people were born on that day", code="too_many")
        return found


def build(kit: Kit) -> CivilRegistration:
    """The adapter of this folder."""
    return CivilRegistration(kit)


def _fits(person: Person, subject: Subject) -> bool:
    theirs = Traits(person.numbers, person.names, person.birth)
    return matched(traits(subject, "NIC"), theirs) is not Match.NOBODY


def _payload(by_number: list[Person], by_name: list[Person]) -> dict[str, object]:
    """The birth and the death, each by the number if that found it."""
    death = _one(each for each in by_number if each.dead)
    by = "identifier" if death else None
    if death is None:
        death = _one(each for each in by_name if each.dead)
        by = "name_and_date" if death else None
    birth = _birth(by_number) or _birth(by_name)
    found: dict[str, object] = {"death_matched_by": by}
    if birth is not None and birth.birth is not None:
        found["birth"] = {"birthDate": birth.birth}
    if death is not None:
        if not death.death:  # must never read as alive
            raise AgencyAnswerMalformed("a death is registered, without its date")
        found["death"] = {"deceasedDateTime": death.death}
    return found


def _birth(people: list[Person]) -> Person | None:
    """Who tells the birth: a Patient without a death, or else the one whose death is registered with it."""
    return _one(each for each in people if not each.dead) or _one(each for each in people if each.dead)


def _one(people: Iterable[Person]) -> Person | None:
    found = list(people)
    if len(found) > 1:
        raise AgencyCannotTell("more than one registration fits the person", code="too_many")
    return found[0] if found else None
