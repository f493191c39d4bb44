"""Writing camt.053 and camt.054."""

from collections.abc import Sequence
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Final

from lxml import etree

from .book import Booking
from .xml import Below

C53: Final = "urn:iso:std:iso:20022:tech:xsd:camt.053.001.08"
C54: Final = "urn:iso:std:iso:20022:tech:xsd:camt.054.001.10"


def statement(account: str, day: date, opening: Decimal, bookings: Sequence[Booking], number: int) -> bytes:
    """The statement of one day."""
    root = etree.Element(f"{{{C53}}}Document", nsmap={"i": C53})
    start = Below(root, C53).add("BkToCstmrStmt")
    _header(start, f"S{day:%Y%m%d}-{number}")
    told = start.add("Stmt")
    told.text("Id", f"S{day:%Y%m%d}-{number}")
    told.add("Acct").add("Id").add("Othr").text("Id", account)
    closing = opening + sum((each.amount if each.reason else -each.amount for each in bookings), Decimal(0))
    for kind, amount in (("OPBD", opening), ("CLBD", closing)):
        balance = told.add("Bal")
        balance.add("Tp").add("CdOrPrtry").text("Cd", kind)
        balance.text("Amt", f"{abs(amount):.2f}", Ccy="LKR")
        balance.text("CdtDbtInd", "CRDT" if amount >= 0 else "DBIT")
        balance.add("Dt").text("Dt", day.isoformat())
    _entries(told, day, bookings)
    return etree.tostring(root, xml_declaration=True, encoding="UTF-8")


def notification(account: str, day: date, bookings: Sequence[Booking], number: int) -> bytes:
    """The same entries as they are booked, before the day is closed."""
    root = etree.Element(f"{{{C54}}}Document", nsmap={"i": C54})
    start = Below(root, C54).add("BkToCstmrDbtCdtNtfctn")
    _header(start, f"N{day:%Y%m%d}-{number}")
    told = start.add("Ntfctn")
    told.text("Id", f"N{day:%Y%m%d}-{number}")
    told.add("Acct").add("Id").add("Othr").text("Id", account)
    _entries(told, day, bookings)
    return etree.tostring(root, xml_declaration=True, encoding="UTF-8")


def _header(start: Below, name: str) -> None:
    header = start.add("GrpHdr")
    header.text("MsgId", name)
    header.text("CreDtTm", datetime.now(UTC).isoformat(timespec="seconds"))


def _entries(told: Below, day: date, bookings: Sequence[Booking]) -> None:
    for each in bookings:
        direction, amount = "CRDT" if each.reason else "DBIT", f"{each.amount:.2f}"
        entry = told.add("Ntry")
        entry.text("Amt", amount, Ccy="LKR")
        entry.text("CdtDbtInd", direction)
        entry.add("Sts").text("Cd", "BOOK")
        entry.add("BookgDt").text("Dt", day.isoformat())
        entry.add("BkTxCd").add("Prtry").text("Cd", "RETURN" if each.reason else "TRANSFER")
        details = entry.add("NtryDtls").add("TxDtls")
        details.add("Refs").text("EndToEndId", each.payment)
        details.text("Amt", amount, Ccy="LKR")
        details.text("CdtDbtInd", direction)
        if each.reason:
            details.add("RtrInf").add("Rsn").text("Cd", each.reason)
