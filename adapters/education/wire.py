"""EHIS's two messages that we use, and what their answers mean. Pure functions on XML elements.

Source: `schemas/agency/estonia-xtee/ehis.xsd`; codes and assumptions in `schemas/codes/ehis-*.json`. EHIS has
dozens of operations, marks and behaviour among them: only the two named here are ever called.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from functools import cache
from typing import Any

from lxml import etree

import schemas
from adapters.kit.contract import (
    AgencyAnswerMalformed,
    AgencyError,
    AgencyHasNoSuchPerson,
    AgencyRefused,
    AgencyUnavailable,
)
from adapters.kit.converters import ConverterError, date_iso
from adapters.kit.mapping import MappingError

NAMESPACE = "http://producers.ehis.xtee.riik.ee/producer/ehis"
STUDIES = "tootukassaleKehtivadV2"  # studies of many people, made for the unemployment insurance fund
FINISHED = "kmaLopetanud"  # completed studies and the qualification they gave

Node = dict[str, Any]

_LEARNER = re.compile(r"[0-9]{11}")
_DOTTED = re.compile(r"(\d\d)\.(\d\d)\.(\d{4})", re.ASCII)
_STUDY = ("oppekavaTase", "algusKp", "loppKp", "lahkumisePohjus", "lopetamisePohjus", "ennistamiseKp")
_COMPLETION = ("kuupaev", "kvalifikatsioon")


def is_learner(number: str) -> bool:
    """Whether this can be a learner number: 11 digits."""
    return _LEARNER.fullmatch(number) is not None


def studies_request(learners: Iterable[str], start: date, end: date) -> etree._Element:
    """Ask for the studies of many people that lie in a period, both days included."""
    request = etree.Element(f"{{{NAMESPACE}}}{STUDIES}", nsmap={"ehis": NAMESPACE})
    listed = etree.SubElement(request, "isikukoodid")
    for learner in learners:
        etree.SubElement(listed, "isikukood").text = learner
    etree.SubElement(request, "algusKp").text = start.isoformat()
    etree.SubElement(request, "loppKp").text = end.isoformat()
    return request


def finished_request(learners: Iterable[str], start: date, end: date) -> etree._Element:
    """Ask for the completions of up to 500 people in a period, both days included."""
    request = etree.Element(f"{{{NAMESPACE}}}{FINISHED}", nsmap={"ehis": NAMESPACE})
    etree.SubElement(request, "algusKp").text = start.isoformat()
    etree.SubElement(request, "loppKp").text = end.isoformat()
    listed = etree.SubElement(request, "isikud")
    for learner in learners:
        etree.SubElement(etree.SubElement(listed, "item"), "isikukoodKp").text = learner
    return request


def studies_by_learner(answer: etree._Element, asked: Sequence[str]) -> dict[str, Node]:
    """Learner number -> `{oppimine: [...], viga: {...}?}`, cut down to what we use; one for each asked.

    Raises:
        AgencyAnswerMalformed: somebody is missing, there twice, or was not asked about.
    """
    found: dict[str, Node] = {}
    for person in answer.iterfind("isikud/isik"):
        learner = person.findtext("isikukood") or ""
        if learner in found or learner not in asked:
            raise AgencyAnswerMalformed(
                "a person twice, or one who was not asked about, at /isikud/isik", code="person"
            )
        found[learner] = _person(person)
    if len(found) != len(set(asked)):
        raise AgencyAnswerMalformed("a person who was asked about is missing at /isikud/isik", code="person")
    return found


def finished_by_learner(answer: etree._Element, asked: Sequence[str]) -> dict[str, list[Node]]:
    """Learner number -> completions `{kuupaev, kvalifikatsioon}`; none for people without one.

    Raises:
        AgencyUnavailable: EHIS reports an error in `kood`.
        AgencyAnswerMalformed: a completion of nobody, or of somebody who was not asked about.
    """
    result = answer.findtext("kood") or "0"
    if _results("kood").get(result) not in {"ok", "nothing_found"}:
        raise AgencyUnavailable("EHIS reports an error instead of completions", code=result)
    found: dict[str, list[Node]] = {learner: [] for learner in asked}
    for item in answer.iterfind("data/item"):
        learner = item.findtext("isikukood") or ""
        if learner not in found:
            raise AgencyAnswerMalformed("a completion of somebody who was not asked about at /data/item", code="person")
        found[learner].append(_texts(item, _COMPLETION))
    return found


def failure_of(person: Node) -> AgencyError | None:
    """What EHIS says instead of studies (`viga`): unknown or refused; None if there is nothing."""
    if "viga" not in person:
        return None
    code = str(person["viga"].get("veakood", ""))
    means = _results("veakood").get(code)
    if means == "unknown_person":
        return AgencyHasNoSuchPerson("EHIS has nobody with this learner number", code=code)
    if means == "refused":
        return AgencyRefused("EHIS may not release this person's data", code=code)
    return AgencyAnswerMalformed("an error code that ehis-result.json does not name at /viga/veakood", code=code[:20])


def enrolment(study: Node, at: str) -> dict[str, object]:
    """One canonical enrolment. `at` is the study's place in the answer, for error texts.

    Raises:
        MappingError: a missing value, a code that is in no table, or dates and reasons that contradict each other.
    """
    level = _code("level", "codes/ehis-level-isced.json", study.get("oppekavaTase"), f"{at}/oppekavaTase")
    completed, left = bool(study.get("lopetamisePohjus")), bool(study.get("lahkumisePohjus"))
    end = _dotted("end", study.get("loppKp"), f"{at}/loppKp")
    if (completed and left) or ((completed or left) and end is None):
        raise MappingError(f"enrolments[].end_reason: contradicts the end at {at}")
    back = _dotted("end", study.get("ennistamiseKp"), f"{at}/ennistamiseKp")
    if left and end is not None and back is not None and back >= end:  # re-admitted: the leaving is undone
        left, end = False, None
    return {
        "level": level["isced"],
        "mode": _mode(study.get("oppevormid", []), at),
        "start": _required("start", _dotted("start", study.get("algusKp"), f"{at}/algusKp"), f"{at}/algusKp"),
        "end": end,
        "end_reason": "completed" if completed else "left" if left else None,
    }


def qualification(completion: Node, at: str) -> dict[str, object] | None:
    """One canonical qualification; None for a completion that gave none.

    Raises:
        MappingError: no date, or a qualification that is in no table.
    """
    if not completion.get("kvalifikatsioon"):
        return None
    table = "codes/ehis-level-isced.json"
    found = _code("level", table, completion["kvalifikatsioon"], f"{at}/kvalifikatsioon", of="qualifications")
    if "kuupaev" not in completion:
        raise MappingError(f"qualifications[].awarded: nothing at {at}/kuupaev")
    try:
        awarded = date_iso(completion["kuupaev"])
    except ConverterError as error:
        raise MappingError(f"qualifications[].awarded: {error} at {at}/kuupaev") from None
    return {"level": found["isced"], "technical": found["technical"], "awarded": awarded}


def _mode(forms: Sequence[Node], at: str) -> str:
    """The form of study with the latest start is the one in force."""
    if not forms:
        raise MappingError(f"enrolments[].mode: nothing at {at}/oppevormid")
    starts = [
        _required("mode", _dotted("mode", form.get("algusKp"), f"{at}/oppevormid"), f"{at}/oppevormid")
        for form in forms
    ]
    place = max(range(len(forms)), key=starts.__getitem__)
    where = f"{at}/oppevormid/{place}/oppevorm"
    return str(_code("mode", "codes/ehis-study-form.json", forms[place].get("oppevorm"), where)["mode"])


def _code(field: str, table: str, value: object, at: str, *, of: str = "enrolments") -> Mapping[str, Any]:
    known = _table(table).get(str(value))
    if known is None:
        raise MappingError(f"{of}[].{field}: not a code of {table} at {at}")
    return known


def _dotted(field: str, value: object, at: str) -> str | None:
    """`31.08.2020` -> `2020-08-31`; absent or empty: no date."""
    if not value:
        return None
    match = _DOTTED.fullmatch(str(value))
    try:
        return date(int(match[3]), int(match[2]), int(match[1])).isoformat() if match else _no_date(field, at)
    except ValueError:
        return _no_date(field, at)


def _no_date(field: str, at: str) -> str:
    raise MappingError(f"enrolments[].{field}: not a date at {at}")


def _required(field: str, value: str | None, at: str) -> str:
    if value is None:
        raise MappingError(f"enrolments[].{field}: nothing at {at}")
    return value


def _person(person: etree._Element) -> Node:
    error = person.find("viga")
    if error is not None:
        return {"viga": _texts(error, ("veakood",))}
    return {"oppimine": [_study(study) for study in person.iterfind("oppimine")]}


def _study(study: etree._Element) -> Node:
    forms = [_texts(form, ("oppevorm", "algusKp")) for form in study.iterfind("oppevormid")]
    return {**_texts(study, _STUDY), "oppevormid": forms}


def _texts(element: etree._Element, names: Sequence[str]) -> Node:
    """Children that have a text. EHIS sends empty elements where it has nothing."""
    return {name: text.strip() for name in names if (text := element.findtext(name)) and text.strip()}


@cache
def _table(name: str) -> Mapping[str, Mapping[str, Any]]:
    rows: Any = schemas.load(name)["codes"]
    return {row["code"]: row for row in rows}


@cache
def _results(field: str) -> Mapping[str, str]:
    rows: Any = schemas.load("codes/ehis-result.json")[field]
    return {str(row["code"]): row["means"] for row in rows}
