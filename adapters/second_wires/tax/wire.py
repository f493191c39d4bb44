"""The two messages that we use, and what their rows come to together. Pure functions on XML elements.

Source: `schemas/agency/estonia-xtee/tsd.xsd` (`xteePalgaandmed`), `tor.xsd` (`TORIK`); states in
`schemas/codes/tor-entry-state.json`.
"""

import re
from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any

from lxml import etree

import schemas
from adapters.kit import months
from adapters.kit.contract import AgencyAnswerMalformed, AgencyUnavailable, Period
from adapters.kit.converters import ConverterError, decimal
from adapters.kit.mapping import MappingError

NAMESPACE = "http://emta-v6.x-road.eu"
BY_PERIOD = "P"  # kind of a TORIK question: who worked in a period
_MONTH = re.compile(r"(0[1-9]|1[0-2])\.((?:19|20)[0-9]{2})", re.ASCII)
_ENTRY = ("ta_kood", "tootamise_algus", "tootamise_lopp", "kande_olek_kood")
_PAY = ("periood", "ariregistri_kood", "summa")

Row = dict[str, str]


def pay_request(number: str, period: Period) -> etree._Element:
    """Ask for pay of one person in the months that a period touches."""
    element = etree.Element(f"{{{NAMESPACE}}}xteePalgaandmed", nsmap={"emta": NAMESPACE})
    body = etree.SubElement(element, "keha")
    for name, text in zip(("isikukood", "algkuup", "loppkuup"), _asked(number, period), strict=True):
        etree.SubElement(body, name).text = text
    return element


def work_request(number: str, period: Period) -> etree._Element:
    """Ask for employments of one person that touch a period. `isikukoodid` is a list with commas; ours has one."""
    element = etree.Element(f"{{{NAMESPACE}}}TORIK", nsmap={"emta": NAMESPACE})
    body = etree.SubElement(element, "request")
    told = {"paringu_liik": BY_PERIOD, "toot_algus": period.start.isoformat(), "toot_lopp": period.end.isoformat()}
    for name, text in (told | {"isikukoodid": number}).items():
        etree.SubElement(body, name).text = text
    return element


def pay(answer: etree._Element, number: str, period: Period) -> list[Row]:
    """`{periood, ariregistri_kood, summa}` of each row. Names of employers are in it, and are never read.

    Raises:
        AgencyAnswerMalformed: about another question, or in more than one currency.
    """
    if _texts(answer.find("paring"), ("isikukood", "algkuup", "loppkuup")) != dict(
        zip(("isikukood", "algkuup", "loppkuup"), _asked(number, period), strict=True)
    ):
        raise AgencyAnswerMalformed("the answer is about another question at /paring", code="paring")
    return pay_rows(answer)


def pay_rows(answer: etree._Element) -> list[Row]:
    """The rows alone; see `pay`."""
    found = list(answer.iterfind("keha/perioodJada/item"))
    if len({each.get("yhik") for item in found for each in item.iterfind("summa")}) > 1:
        raise AgencyAnswerMalformed("more than one currency at /keha/perioodJada", code="yhik")
    return [_texts(item, _PAY) for item in found]


def work(answer: etree._Element, number: str) -> list[Row]:
    """`{ta_kood, tootamise_algus, tootamise_lopp?, kande_olek_kood}` of each entry.

    Occupation, workplace and telephone number may come with it, and are never read.

    Raises:
        AgencyUnavailable: the register reports a fault of its own in the body.
        AgencyAnswerMalformed: an entry about somebody else, or fewer entries than it says there are.
    """
    told = answer.find("response")
    code = "" if told is None else told.findtext("faultCode") or ""
    if code:
        raise AgencyUnavailable("the employment register reports a fault", code=code[:20])
    found = [] if told is None else list(told.iterfind("kannete_jada/kanne"))
    count = "0" if told is None else told.findtext("leitud_kannete_arv") or str(len(found))
    if count.strip() != str(len(found)):
        raise AgencyAnswerMalformed("entries are missing at /response/kannete_jada", code="count")
    if any((each.findtext("isikukood") or "").strip() != number for each in found):
        raise AgencyAnswerMalformed("an entry about somebody else at /response/kannete_jada/kanne", code="person")
    return [_texts(each, _ENTRY) for each in found]


def employments(worked: Sequence[Row], paid: Sequence[Row]) -> list[dict[str, Any]]:
    """Each employment with its pay: an amount belongs to the employer's latest employment begun by that month's end.

    Pay without one stands for itself, over its own month, so that it is not lost.

    Raises:
        MappingError: a state of an entry that is in no table, or a month or amount that is none.
    """
    jobs = [(row.get("ta_kood"), _job(row)) for at, row in enumerate(worked) if _valid(row, at)]
    alone: list[dict[str, Any]] = []
    for at, row in enumerate(paid):
        month, employer = _month(row, at), row.get("ariregistri_kood")  # a string that may be empty: then nobody's
        payment = {"date": f"{month}-01", "taxable_pay": _amount(row, at), "precision": "month"}
        last = months.last_day(month).isoformat()
        begun = [job for code, job in jobs if employer and code == employer and job["start_date"] <= last]
        if begun:
            max(begun, key=lambda job: str(job["start_date"]))["payments"].append(payment)
        else:
            own = {"start_date": f"{month}-01", "end_date": last, "precision": "month"}
            alone.append({**own, "payments": [payment]})
    return [*(job for _, job in jobs), *alone]


def _asked(number: str, period: Period) -> tuple[str, str, str]:
    return number, f"{period.start:%m.%Y}", f"{period.end:%m.%Y}"


def _job(row: Row) -> dict[str, Any]:
    """An employment, its pay still to come. Dates lose the zone that XML Schema allows after them."""
    end = row.get("tootamise_lopp", "")[:10] or None
    return {"start_date": row["tootamise_algus"][:10], "end_date": end, "payments": []}


def _valid(row: Row, at: int) -> bool:
    """Whether an entry stands; one that was annulled never was an employment."""
    means = _states().get(row.get("kande_olek_kood", ""))
    if means is None:
        where = f"/response/kannete_jada/kanne/{at}/kande_olek_kood"
        raise MappingError(f"employments[]: not a code of codes/tor-entry-state.json at {where}")
    return means == "valid"


def _month(row: Row, at: int) -> str:
    """`09.2026` -> `2026-09`."""
    match = _MONTH.fullmatch(row.get("periood", ""))
    if match is None:
        raise MappingError(f"employments[].payments[].date: not a month at /keha/perioodJada/item/{at}/periood")
    return f"{match[2]}-{match[1]}"


def _amount(row: Row, at: int) -> str:
    try:
        return decimal(row["summa"])
    except ConverterError as error:
        where = f"/keha/perioodJada/item/{at}/summa"
        raise MappingError(f"employments[].payments[].taxable_pay: {error} at {where}") from None


def _texts(element: etree._Element | None, names: Sequence[str]) -> Row:
    """Children that have a text."""
    if element is None:
        return {}
    return {name: text.strip() for name in names if (text := element.findtext(name)) and text.strip()}


@cache
def _states() -> Mapping[str, str]:
    rows: Any = schemas.load("codes/tor-entry-state.json")["codes"]
    return {row["code"]: row["means"] for row in rows}
