"""Two messages of the population register, and what their answers mean. Pure functions on XML elements.

Source: `schemas/agency/estonia-xtee/rr.xsd`; results and states in `schemas/codes/rr-result.json`.
"""

from collections.abc import Mapping
from functools import cache
from typing import Any

from lxml import etree

import schemas
from adapters.kit.contract import AgencyAnswerMalformed, AgencyCannotTell, AgencyHasNoSuchPerson, AgencyRefused

NAMESPACE = "http://rr.x-road.eu/producer"
NAME = "RR405IsikNimi"  # the name
STATE = "RR412"  # the name, and alive or dead
_MEMBERS = {
    "given": ("Isikuenimi", "Eesnimi"),
    "family": ("Isikupnimi", "Perenimi"),
    "state": ("Staatus",),
}

Node = dict[str, str]


def request(operation: str, number: str) -> etree._Element:
    """Ask about one person."""
    element = etree.Element(f"{{{NAMESPACE}}}{operation}", nsmap={"rr": NAMESPACE})
    etree.SubElement(etree.SubElement(element, "request"), "Isikukood").text = number
    return element


def person(answer: etree._Element) -> Node:
    """`{given, family, state?}` of an answer that has somebody; texts for people are never read.

    Raises:
        AgencyHasNoSuchPerson, AgencyRefused: by the result in the body.
        AgencyAnswerMalformed: a result that the table does not name.
    """
    found = answer.find("response")
    told = {} if found is None else {etree.QName(each).localname: (each.text or "").strip() for each in found}
    result = told.get("Veakood") or told.get("faultCode") or "0"
    means = _table("result").get(result)
    if means == "unknown_person":
        raise AgencyHasNoSuchPerson("nobody has this number", code=result)
    if means == "refused":
        raise AgencyRefused("the population register may not release this person's data", code=result)
    if means != "ok":
        raise AgencyAnswerMalformed("a result that rr-result.json does not name at /response", code=result[:20])
    values = {name: next((told[each] for each in members if told.get(each)), "") for name, members in _MEMBERS.items()}
    return {name: value for name, value in values.items() if value}


def asked_about(answer: etree._Element) -> str:
    """The number that the answer repeats."""
    return (answer.findtext("request/Isikukood") or "").strip()


def check_alive(payload: Node) -> None:
    """That no death is known, which is all that this register can say of a date of death.

    Raises:
        AgencyCannotTell: the person died, and RR412 has no day: never "alive", never a guess.
        AgencyAnswerMalformed: another state.
    """
    state = payload.get("state", "")
    means = _table("state").get(state)
    if means == "dead":
        raise AgencyCannotTell("the register says that the person died, and has no day", code=state)
    if means != "alive":
        raise AgencyAnswerMalformed("a state that rr-result.json does not name at /response/Staatus", code=state[:20])


@cache
def _table(name: str) -> Mapping[str, str]:
    rows: Any = schemas.load("codes/rr-result.json")[name]
    return {row["code"]: row["means"] for row in rows}
