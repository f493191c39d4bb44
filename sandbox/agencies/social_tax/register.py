"""`skaSotsmaks`: what was declared for a person, employer by employer and month by month, in the board's words."""

import re
from datetime import date
from decimal import Decimal
from typing import Final, Protocol

from lxml import etree
from starlette.applications import Starlette

from sandbox.faults import Faults
from sandbox.person import Contribution, PensionRecord
from sandbox.strict_xml import schema
from sandbox.xroad import BadQuestion, Operation, Provider

from .settings import SocialTaxSettings

REGISTER: Final = "http://emta-v6.x-road.eu"
DECLARED: Final = "A"  # `alaliik`: declared, as all of ours is
RESIDENT: Final = "J"
_NUMBER = re.compile(r"[0-9]{12}", re.ASCII)
_WRONG = f'<t:skaSotsmaksResponse xmlns:t="{REGISTER}"><keha/></t:skaSotsmaksResponse>'.encode()


class Records(Protocol):
    """The part of the population's registers this agency reads."""

    def pension_by_nic(self, nic: str) -> PensionRecord | None:
        """The fund member with this number, in its new form."""


def build(records: Records, settings: SocialTaxSettings, faults: Faults) -> Starlette:
    """The agency as an ASGI app, to be mounted where `settings.url` points."""
    operation = Operation(f"{{{REGISTER}}}skaSotsmaks", lambda question: _answer(records, question))
    bodies = schema("estonia-xtee/tsd.xsd")
    operations = {("skaSotsmaks", "v1"): operation}
    return Provider(settings.client, settings.service, operations, bodies, _WRONG).app(faults)


def _answer(records: Records, question: etree._Element) -> etree._Element:
    """The rows of the period; none for somebody without contributions, and none for nobody.

    Raises:
        BadQuestion: no number in its new form, or a period that ends before it begins.
    """
    texts = {name: (question.findtext(f"keha/{name}") or "").strip() for name in ("isikukood", "algus", "lopp")}
    start, end = date.fromisoformat(texts["algus"][:10]), date.fromisoformat(texts["lopp"][:10])
    if not _NUMBER.fullmatch(texts["isikukood"]) or end < start:
        raise BadQuestion("isikukood is a number of twelve digits, and lopp is not before algus")
    response = etree.Element(f"{{{REGISTER}}}skaSotsmaksResponse", nsmap={"tsd": REGISTER})
    asked = etree.SubElement(response, "paring")
    for name, text in texts.items():
        etree.SubElement(asked, name).text = text
    body = etree.SubElement(response, "keha")
    record = records.pension_by_nic(texts["isikukood"])
    for each in record.contributions if record else ():
        if start.isoformat()[:7] <= each.month <= end.isoformat()[:7]:
            _row(body, texts["isikukood"], record, each)
    return response


def _row(body: etree._Element, number: str, record: PensionRecord | None, each: Contribution) -> None:
    """Reversals are negative rows, as they are in the fund's own file."""
    row = etree.SubElement(body, "rida")
    told = {
        "mmRegkood": each.employer_number,
        "mmNimi": f"Employer {each.employer_number}",
        "kuu": str(int(each.month[5:])),
        "aasta": each.month[:4],
        "alaliik": DECLARED,
        "isikukood": number,
        "isikunimi": f"{record.initials} {record.surname}" if record else "",
        "resident": RESIDENT,
        "summa": str(Decimal(each.total).scaleb(-2)),
    }
    for name, text in told.items():
        etree.SubElement(row, name).text = text
