"""The two operations: what the register knows about learners, in EHIS's words."""

import json
from collections.abc import Container
from dataclasses import dataclass
from datetime import date
from typing import Any, Protocol

from lxml import etree

from sandbox.person import EducationRecord, Enrolment, Qualification
from sandbox.strict_xml import SCHEMAS
from sandbox.xroad import BadQuestion

EHIS = "{http://producers.ehis.xtee.riik.ee/producer/ehis}"


class Records(Protocol):
    """The part of the population's registers this agency reads."""

    def education_by_learner(self, number: str) -> EducationRecord | None:
        """The learner with this eleven-digit number."""


@dataclass(frozen=True, slots=True)
class Register:
    """The learners, and the numbers of those whose data may not be released."""

    learners: Records
    locked: Container[str]

    def studies(self, question: etree._Element) -> etree._Element:
        """`tootukassaleKehtivadV2`: enrolments that overlap the period, one `isik` for each number, in the order asked.

        Raises:
            BadQuestion: the period ends before it begins.
        """
        start, end = (date.fromisoformat(question.findtext(name) or "") for name in ("algusKp", "loppKp"))
        if end < start:
            raise BadQuestion("loppKp is before algusKp")
        response = etree.Element(f"{EHIS}tootukassaleKehtivadV2Response", nsmap={"ehis": EHIS.strip("{}")})
        people = etree.SubElement(response, "isikud")
        for number in question.iterfind("isikukoodid/isikukood"):
            self._person(people, number.text or "", start, end)
        return response

    def completions(self, question: etree._Element) -> etree._Element:
        """`kmaLopetanud`: qualifications awarded in the period (open where a date is left out)."""
        response = etree.Element(f"{EHIS}kmaLopetanudResponse", nsmap={"ehis": EHIS.strip("{}")})
        start, end = question.findtext("algusKp") or "0001-01-01", question.findtext("loppKp") or "9999-12-31"
        numbers = [item.findtext("isikukoodKp") or "" for item in question.iterfind("isikud/item")]
        if not all(number.isdigit() for number in numbers) or question.find("isikud/item/perenimiAlgus") is not None:
            return _result(response, 2, "otsida saab ainult isikukoodiga")  # searched for by number only
        found = [
            (number, record, each)
            for number in numbers
            if number not in self.locked and (record := self.learners.education_by_learner(number))
            for each in record.qualifications
            if start <= each.awarded.isoformat() <= end
        ]
        _result(response, 0 if found else 1, "")
        if found:
            items = etree.SubElement(response, "data")
            for number, record, each in found:
                _completion(items, number, record, each)
        return response

    def _person(self, people: etree._Element, number: str, start: date, end: date) -> None:
        person = _element(people, "isik", isikukood=number)
        record = self.learners.education_by_learner(number)
        if record is None:
            _element(person, "viga", veakood="1", veatekst="isikut ei leitud")
            return
        if number in self.locked:
            _element(person, "viga", veakood="2", veatekst="andmeid ei väljastata")
            return
        for each in sorted(record.enrolments, key=lambda each: each.start):
            if each.start <= end and (each.end is None or each.end >= start):
                _enrolment(person, each)


def _enrolment(person: etree._Element, each: Enrolment) -> None:
    """Dates are `dd.mm.yyyy`; what is missing is empty text, as EHIS sends it."""
    ended = _END_REASONS.get(each.end_reason or "", ("", ""))
    study = _element(
        person,
        "oppimine",
        oppeasutusNimetus="",
        oppeasutusRegKood="",
        oppekavaTase=_LEVELS[each.level, False],
        algusKp=_day(each.start),
        loppKp=_day(each.end),
        lahkumisePohjus=ended[1] if ended[0] == "lahkumisePohjus" else "",
        lopetamisePohjus=ended[1] if ended[0] == "lopetamisePohjus" else "",
    )
    form = _FORMS[each.mode]
    _element(study, "oppevormid", oppevorm=form, algusKp=_day(each.start), loppKp=_day(each.end))


def _completion(items: etree._Element, number: str, record: EducationRecord, each: Qualification) -> None:
    """`alustanud` is mandatory: the start of the enrolment that the qualification ended, else the day of the award."""
    started = max(
        (study.start for study in record.enrolments if study.level == each.level and study.start <= each.awarded),
        default=each.awarded,
    )
    _element(
        items,
        "item",
        isikukood=number,
        oppeasutus="",
        alustanud=started.isoformat(),
        kuupaev=each.awarded.isoformat(),
        selgitus=_END_REASONS["completed"][1],
        kvalifikatsioon=_LEVELS[each.level, each.technical],
    )


def _result(response: etree._Element, code: int, text: str) -> etree._Element:
    etree.SubElement(response, "teade").text = text
    etree.SubElement(response, "kood").text = str(code)
    return response


def _element(parent: etree._Element, name: str, **children: str) -> etree._Element:
    made = etree.SubElement(parent, name)
    for child, text in children.items():
        etree.SubElement(made, child).text = text
    return made


def _day(day: date | None) -> str:
    return day.strftime("%d.%m.%Y") if day else ""


def _codes(name: str) -> list[dict[str, Any]]:
    codes: list[dict[str, Any]] = json.loads((SCHEMAS / "codes" / name).read_text("utf-8"))["codes"]
    return codes[::-1]  # a dictionary keeps the last: the first row of a meaning is the one that is sent


_LEVELS = {(each["isced"], each["technical"]): each["code"] for each in _codes("ehis-level-isced.json")}
_FORMS = {each["mode"]: each["code"] for each in _codes("ehis-study-form.json")}
_END_REASONS = {each["reason"]: (each["field"], each["code"]) for each in _codes("ehis-end-reason.json")}
