"""The one message of the traffic register that we use, and what its answer means. Pure functions on XML elements."""

import re
from collections.abc import Mapping
from datetime import date
from functools import cache
from typing import Any

from lxml import etree

import schemas
from adapters.kit.mapping import MappingError

NAMESPACE = "http://liiklusregister.x-road.eu"
OPERATION = "pol_juhtoigus"
FOUND, NONE, ERROR = "0", "1", "2"  # `kood`, by the caption in the WSDL

Node = dict[str, Any]

_STATES = "codes/liiklusregister-state.json"
_DOTTED = re.compile(r"(\d\d)\.(\d\d)\.(\d{4})", re.ASCII)
_CATEGORY = re.compile(r"[A-Z][A-Z0-9]{0,3}", re.ASCII)
_MEMBERS = ("kat", "oigus", "omistatud", "voetud_alates", "voetud_kuni")


def request(number: str) -> etree._Element:
    """Ask about one person."""
    element = etree.Element(f"{{{NAMESPACE}}}{OPERATION}Request", nsmap={"lr": NAMESPACE})
    etree.SubElement(element, "isikukood").text = number
    return element


def payload(answer: etree._Element) -> Node:
    """`{kood, juhtoigus: [...]}`; empty members are left out, and the text for people (`teade`) is never kept."""
    return {
        "kood": (answer.findtext("kood") or "").strip(),
        "juhtoigus": [_texts(each) for each in answer.iterfind("juhtoigus/juhtoigus")],
    }


def entitlement(told: Node, at: str) -> dict[str, object]:
    """One canonical entitlement. `at` is its place in the answer, for error texts.

    Raises:
        MappingError: a missing value, a word or category we do not know, or a state that the dates contradict.
    """
    state = _states().get(told.get("oigus", ""))
    if state is None:
        raise MappingError(f"entitlements[].state: not a code of {_STATES} at {at}/oigus")
    start = _day("taken_from", told.get("voetud_alates"), f"{at}/voetud_alates")
    end = _day("taken_until", told.get("voetud_kuni"), f"{at}/voetud_kuni")
    if state in {"suspended", "withdrawn"} and start is None:
        raise MappingError(f"entitlements[].taken_from: nothing at {at}/voetud_alates")
    if end is not None and (start is None or end < start):
        raise MappingError(f"entitlements[].taken_until: contradicts the beginning at {at}/voetud_kuni")
    granted = _day("granted", told.get("omistatud"), f"{at}/omistatud")
    if granted is None:
        raise MappingError(f"entitlements[].granted: nothing at {at}/omistatud")
    return {
        "categories": _categories(told.get("kat", ""), f"{at}/kat"),
        "state": state,
        "state_told": told["oigus"],
        "granted": granted,
        "taken_from": start,
        "taken_until": end,
    }


def _categories(text: str, at: str) -> list[str]:
    """`A, B1` -> `["A", "B1"]`: the field holds one category or several."""
    found = [each.strip() for each in text.split(",")]
    if len(set(found)) != len(found) or not all(_CATEGORY.fullmatch(each) for each in found):
        raise MappingError(f"entitlements[].categories: not a list of categories at {at}")
    return found


def _day(field: str, value: str | None, at: str) -> str | None:
    """`31.08.2020` -> `2020-08-31`; absent: no date."""
    if value is None:
        return None
    match = _DOTTED.fullmatch(value)
    try:
        if match:
            return date(int(match[3]), int(match[2]), int(match[1])).isoformat()
    except ValueError:
        pass
    raise MappingError(f"entitlements[].{field}: not a date at {at}")


def _texts(element: etree._Element) -> Node:
    """Members that have a text; the register sends empty elements where it has nothing."""
    return {name: text.strip() for name in _MEMBERS if (text := element.findtext(name)) and text.strip()}


@cache
def _states() -> Mapping[str, str]:
    rows: Any = schemas.load(_STATES)["codes"]
    return {row["code"]: row["state"] for row in rows}
