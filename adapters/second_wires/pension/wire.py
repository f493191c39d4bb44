"""The one message that we use, and what its rows come to. Pure functions on XML elements.

Source: `schemas/agency/estonia-xtee/tsd.xsd` (`skaSotsmaks`, `SocialTaxSKA`).
"""

from collections import defaultdict
from datetime import date
from decimal import Decimal, InvalidOperation

from lxml import etree

from adapters.kit.contract import AgencyAnswerMalformed, AgencyCannotTell

NAMESPACE = "http://emta-v6.x-road.eu"
CENT = Decimal("0.01")

Row = dict[str, str]


def request(number: str, start: date, end: date) -> etree._Element:
    """Ask about one person and a period of whole days, both included."""
    element = etree.Element(f"{{{NAMESPACE}}}skaSotsmaks", nsmap={"tsd": NAMESPACE})
    body = etree.SubElement(element, "keha")
    for name, text in (("isikukood", number), ("algus", start.isoformat()), ("lopp", end.isoformat())):
        etree.SubElement(body, name).text = text
    return element


def asked(answer: etree._Element) -> tuple[str, str, str]:
    """Number and period that the answer repeats."""
    names = ("isikukood", "algus", "lopp")
    number, start, end = ((answer.findtext(f"paring/{name}") or "").strip() for name in names)
    return number, start, end


def rows(answer: etree._Element) -> list[Row]:
    """`{kuu, aasta, summa}` of each row. Employers and the person's name are in it, and are never read.

    Raises:
        AgencyCannotTell: no row at all: the board says the same of somebody whom it does not know.
        AgencyAnswerMalformed: a row about somebody else.
    """
    number = asked(answer)[0]
    found = list(answer.iterfind("keha/rida"))
    if not found:
        raise AgencyCannotTell("no contribution, or nobody with this number: the contract has one answer", code="empty")
    if any((each.findtext("isikukood") or "").strip() != number for each in found):
        raise AgencyAnswerMalformed("a row about somebody else at /keha/rida/isikukood", code="person")
    return [{name: (each.findtext(name) or "").strip() for name in ("kuu", "aasta", "summa")} for each in found]


def by_month(told: list[Row]) -> list[dict[str, str]]:
    """Net amount of each month, oldest first: several employers are added, reversals are negative rows.

    Raises:
        AgencyAnswerMalformed: a month, year or amount that is none.
    """
    sums: defaultdict[str, Decimal] = defaultdict(Decimal)
    for at, row in enumerate(told):
        try:
            month = date(int(row["aasta"]), int(row["kuu"]), 1).isoformat()[:7]
            sums[month] += Decimal(row["summa"])
        except (ValueError, InvalidOperation):
            raise AgencyAnswerMalformed(f"no month or no amount at /keha/rida/{at}", code="row") from None
    return [{"month": month, "amount": str(sums[month].quantize(CENT))} for month in sorted(sums)]
