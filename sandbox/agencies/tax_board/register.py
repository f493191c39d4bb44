"""`TORIK`: who worked for whom and when. `xteePalgaandmed`: what each employer paid in a month."""

import re
from collections import defaultdict
from datetime import date
from decimal import Decimal
from typing import Final, Protocol

from lxml import etree
from starlette.applications import Starlette

from sandbox.faults import Faults
from sandbox.person import TaxEmployment, TaxRecord
from sandbox.strict_xml import schema
from sandbox.xroad import BadQuestion, Operation, Provider

from .settings import TaxBoardSettings

BOARD: Final = "http://emta-v6.x-road.eu"
BY_PERIOD: Final = "P"
VALID: Final = ("K", "kehtiv")
MOST_ROWS: Final = 1000  # `kanne` in one answer, by the WSDL; the count beside them is of all
_NUMBER = re.compile(r"[A-Z]{2}[0-9]{6}[A-D]", re.ASCII)
_MONTH = re.compile(r"(0[1-9]|1[0-2])\.([0-9]{4})", re.ASCII)
_WRONG = f'<t:TORIKResponse xmlns:t="{BOARD}"><response/></t:TORIKResponse>'.encode()


class Records(Protocol):
    """The part of the population's registers this agency reads."""

    def tax_by_tin(self, tin: str) -> TaxRecord | None:
        """The taxpayer with this number."""


def build(records: Records, settings: TaxBoardSettings, faults: Faults) -> Starlette:
    """The agency as an ASGI app, to be mounted where `settings.url` points."""
    tsd = schema("estonia-xtee/tsd.xsd")
    work = Operation(f"{{{BOARD}}}TORIK", lambda question: _work(records, question), schema("estonia-xtee/tor.xsd"))
    pay = Operation(f"{{{BOARD}}}xteePalgaandmed", lambda question: _pay(records, question))
    operations = {("TORIK", "v2"): work, ("xteePalgaandmed", "v1"): pay}
    return Provider(settings.client, settings.service, operations, tsd, _WRONG).app(faults)


def _work(records: Records, question: etree._Element) -> etree._Element:
    """Entries of everybody asked about that touch the period; none for nobody.

    Raises:
        BadQuestion: another kind of question than by period, no period, or something that is no number.
    """
    request = question.find("request")
    texts = {} if request is None else {etree.QName(each).localname: (each.text or "").strip() for each in request}
    if texts.get("paringu_liik") != BY_PERIOD or "toot_algus" not in texts or "toot_lopp" not in texts:
        raise BadQuestion("paringu_liik P with toot_algus and toot_lopp is served")
    start, end = (date.fromisoformat(texts[name][:10]) for name in ("toot_algus", "toot_lopp"))
    numbers = [_number(each) for each in texts["isikukoodid"].split(",")]
    if end < start:
        raise BadQuestion("toot_lopp is before toot_algus")
    found = [
        (number, record, job)
        for number in numbers
        if (record := records.tax_by_tin(number))
        for job in record.employments
        if job.start <= end and (job.end is None or job.end >= start)
    ]
    response = etree.Element(f"{{{BOARD}}}TORIKResponse", nsmap={"emta": BOARD})
    _element(response, "request", texts)
    told = _element(response, "response", {"kood": "0", "leitud_kannete_arv": str(len(found))})
    rows = etree.SubElement(told, "kannete_jada")
    for at, (number, record, job) in enumerate(found[:MOST_ROWS]):
        _element(rows, "kanne", _entry(at, number, record, job))
    return response


def _entry(at: int, number: str, record: TaxRecord, job: TaxEmployment) -> dict[str, str]:
    """More than anybody of ours asks for: the register tells all of an entry, or nothing."""
    ended = {"tootamise_lopp": job.end.isoformat()} if job.end else {}
    return {
        "toot_id": str(at + 1),
        "isikukood": number,
        "synniaeg": record.birth_date.isoformat(),
        "perenimi": record.last_name,
        "eesnimi": record.first_name,
        "ta_kood": job.paye_reference,
        "ta_nimi": job.employer,
        "tootamise_algus": job.start.isoformat(),
        **ended,
        "kande_olek_kood": VALID[0],
        "kande_olek_nimi": VALID[1],
        "sisestamise_aeg": f"{job.start.isoformat()}T08:00:00",
        "muutmise_aeg": f"{(job.end or job.start).isoformat()}T08:00:00",
    }


def _pay(records: Records, question: etree._Element) -> etree._Element:
    """What each employer paid in each month of the period; no list at all where there is nothing.

    Raises:
        BadQuestion: no number, no months, or a period that ends before it begins.
    """
    texts = {name: (question.findtext(f"keha/{name}") or "").strip() for name in ("isikukood", "algkuup", "loppkuup")}
    number, start, end = _number(texts["isikukood"]), _month(texts["algkuup"]), _month(texts["loppkuup"])
    if end < start:
        raise BadQuestion("loppkuup is before algkuup")
    response = etree.Element(f"{{{BOARD}}}xteePalgaandmedResponse", nsmap={"emta": BOARD})
    _element(response, "paring", texts)
    body = etree.SubElement(response, "keha")
    record = records.tax_by_tin(number)
    months: defaultdict[tuple[str, str, str], int] = defaultdict(int)
    for job in record.employments if record else ():
        for day, cents in job.payments:
            if start <= (day.year, day.month) <= end:
                months[f"{day:%Y-%m}", job.paye_reference, job.employer] += cents
    if months:
        listed = etree.SubElement(body, "perioodJada")
        for (month, code, name), cents in sorted(months.items()):
            told = {"periood": f"{month[5:]}.{month[:4]}", "ariregistri_kood": code, "tooandja_nimi": name}
            _element(listed, "item", told | {"summa": str(Decimal(cents).scaleb(-2))})
    return response


def _number(text: str) -> str:
    if not _NUMBER.fullmatch(text):
        raise BadQuestion("a number is two letters, six digits and a letter from A to D")
    return text


def _month(text: str) -> tuple[int, int]:
    """`09.2026` -> (2026, 9)."""
    match = _MONTH.fullmatch(text)
    if match is None:
        raise BadQuestion("a month is written MM.YYYY")
    return int(match[2]), int(match[1])


def _element(parent: etree._Element, name: str, texts: dict[str, str]) -> etree._Element:
    made = etree.SubElement(parent, name)
    for child, text in texts.items():
        etree.SubElement(made, child).text = text
    return made
