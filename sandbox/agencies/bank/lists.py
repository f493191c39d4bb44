"""Reading a pain.001 and writing its pain.002. Codes: ISO 20022 external status reasons."""

from collections.abc import Sequence
from datetime import UTC, datetime
from decimal import Decimal
from typing import Final

from lxml import etree

from sandbox.strict_xml import BadXml, read, schema

from .book import Instruction
from .xml import Below

SCHEMA: Final = schema("iso20022/pain.001.001.09.xsd")
P1: Final = {"p": "urn:iso:std:iso:20022:tech:xsd:pain.001.001.09"}
P2: Final = "urn:iso:std:iso:20022:tech:xsd:pain.002.001.12"


class ListRefused(Exception):
    """Nothing of the list is taken; the text is the reason code."""


def instructions(content: bytes, message_id: str, debtor: str) -> list[Instruction]:
    """The credit transfers of a list that fits in every respect.

    Raises:
        ListRefused: FF01 not the XSD, DU01 another message id than the file's name, AM18 wrong count, AM10 wrong sum,
            AC02 another debtor's account, CH03 a day of execution is missing.
    """
    try:
        root = read(content)
    except BadXml:
        raise ListRefused("FF01") from None
    if not SCHEMA.validate(root):
        raise ListRefused("FF01")
    start = root.find("p:CstmrCdtTrfInitn", P1)
    assert start is not None, "the XSD requires it"
    if start.findtext("p:GrpHdr/p:MsgId", "", P1) != message_id:
        raise ListRefused("DU01")
    found: list[Instruction] = []
    for block in start.iterfind("p:PmtInf", P1):
        if block.findtext("p:DbtrAcct/p:Id/p:Othr/p:Id", "", P1) != debtor:
            raise ListRefused("AC02")
        if not block.findtext("p:ReqdExctnDt/p:Dt", "", P1):
            raise ListRefused("CH03")
        own = [_instruction(each) for each in block.iterfind("p:CdtTrfTxInf", P1)]
        _check(block, own)
        found += own
    header = start.find("p:GrpHdr", P1)
    assert header is not None, "the XSD requires it"
    _check(header, found)
    return found


def report(
    message_id: str, refused: str, told: Sequence[tuple[Instruction, str]], now: datetime | None = None
) -> bytes:
    """The pain.002 of a list: `refused` whole, or each instruction with its reason, empty for accepted."""
    root = etree.Element(f"{{{P2}}}Document", nsmap={"i": P2})
    start = Below(root, P2).add("CstmrPmtStsRpt")
    header = start.add("GrpHdr")
    header.text("MsgId", f"R{message_id}"[:35])
    header.text("CreDtTm", (now or datetime.now(UTC)).isoformat(timespec="seconds"))
    group = start.add("OrgnlGrpInfAndSts")
    group.text("OrgnlMsgId", message_id)
    group.text("OrgnlMsgNmId", "pain.001.001.09")
    group.text("GrpSts", "RJCT" if refused else "PART" if any(reason for _, reason in told) else "ACCP")
    if refused:
        group.add("StsRsnInf").add("Rsn").text("Cd", refused)
    if told:
        block = start.add("OrgnlPmtInfAndSts")
        block.text("OrgnlPmtInfId", message_id[:35])
        for each, reason in told:
            line = block.add("TxInfAndSts")
            line.text("OrgnlInstrId", each.id)
            line.text("OrgnlEndToEndId", each.payment)
            line.text("TxSts", "RJCT" if reason else "ACSP")
            if reason:
                line.add("StsRsnInf").add("Rsn").text("Cd", reason)
    return etree.tostring(root, xml_declaration=True, encoding="UTF-8")


def _instruction(each: etree._Element) -> Instruction:
    amount = each.find("p:Amt/p:InstdAmt", P1)
    if amount is None:
        raise ListRefused("FF01")  # an equivalent amount is not part of the profile
    return Instruction(
        each.findtext("p:PmtId/p:InstrId", "", P1),
        each.findtext("p:PmtId/p:EndToEndId", "", P1),
        each.findtext("p:CdtrAcct/p:Id/p:Othr/p:Id", "", P1),
        each.findtext("p:CdtrAgt/p:FinInstnId/p:ClrSysMmbId/p:MmbId", "", P1),
        Decimal(amount.text or "0"),
        amount.get("Ccy", ""),
    )


def _check(parent: etree._Element, found: Sequence[Instruction]) -> None:
    if parent.findtext("p:NbOfTxs", "", P1) != str(len(found)):
        raise ListRefused("AM18")
    if Decimal(parent.findtext("p:CtrlSum", "-1", P1)) != sum((each.amount for each in found), Decimal(0)):
        raise ListRefused("AM10")
