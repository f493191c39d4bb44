"""pain.001.001.09 out, pain.002.001.12 back. Pure functions, no network.

Source: ISO 20022, Customer Credit Transfer Initiation V09 and Customer Payment Status Report V12; profile
`docs/profiles/bank-files.md` sections 2 and 3.
"""

import hashlib
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from uuid import NAMESPACE_URL, uuid5

from lxml import etree

from adapters.kit import stored_xsd
from adapters.kit.contract import AgencyAnswerMalformed, AgencyError, AgencyRejectedMessage, Handed, Item

PAIN_001, PAIN_002 = "agency/iso20022/pain.001.001.09.xsd", "agency/iso20022/pain.002.001.12.xsd"
_NS = "urn:iso:std:iso:20022:tech:xsd:pain.001.001.09"
_STATUS = {"s": "urn:iso:std:iso:20022:tech:xsd:pain.002.001.12"}


@dataclass(frozen=True, slots=True)
class Debtor:
    """Whose account pays. `bank` is the bank's own code."""

    name: str
    account: str
    bank: str


@dataclass(frozen=True, slots=True)
class Status:
    """What a status report says of one instruction. `status` is the bank's word (`ACSP`, `RJCT`)."""

    instruction: str
    payment: str
    status: str
    reason: str
    on: str


def message_id(items: Sequence[Item]) -> str:
    """33 characters, the same for the same items: a list that is sent again is found under its name."""
    return "S" + hashlib.sha256("\n".join(each.id for each in items).encode()).hexdigest()[:32]


def instruction_id(item: Item) -> str:
    """The same for the same delivery: the bank knows an instruction that it was given before."""
    return uuid5(NAMESPACE_URL, f"bank/{item.id}").hex


def pain_001(items: Sequence[Item], debtor: Debtor, now: datetime) -> bytes:
    """One list: a payment block for each day of payment and currency.

    Raises:
        AgencyRejectedMessage: it does not fit the XSD.
    """
    root = etree.Element(f"{{{_NS}}}Document", nsmap={"p": _NS})
    start = _below(root, "CstmrCdtTrfInitn")
    name = message_id(items)
    _header(_below(start, "GrpHdr"), name, items, debtor, now)
    blocks: defaultdict[tuple[str, str], list[Item]] = defaultdict(list)
    for item in items:
        blocks[str(item.record["pay_on"]), str(item.record["currency"])].append(item)
    for number, ((day, _), some) in enumerate(sorted(blocks.items()), start=1):
        _block(_below(start, "PmtInf"), f"{name[:30]}-{number}", day, some, debtor)
    return stored_xsd.written(root, PAIN_001)


def statuses(content: bytes, *, limit: int) -> tuple[str, str, list[Status]]:
    """The original message id, the group's reason if all of it is rejected, and each instruction's status.

    Raises:
        AgencyAnswerMalformed: not a pain.002 by its XSD, or an instruction without a reference.
    """
    root = stored_xsd.read(content, PAIN_002, limit=limit)
    group = root.find(".//s:OrgnlGrpInfAndSts", _STATUS)
    assert group is not None, "the XSD requires one"
    refused = group.findtext("s:GrpSts", "", _STATUS) == "RJCT"
    day = root.findtext(".//s:GrpHdr/s:CreDtTm", "", _STATUS)[:10]
    found = [_status(each, day) for each in root.iterfind(".//s:TxInfAndSts", _STATUS)]
    reason = _reason(group) or "RJCT"
    return group.findtext("s:OrgnlMsgId", "", _STATUS), reason if refused else "", found


def told(items: Sequence[Item], content: bytes, *, limit: int) -> dict[str, Handed | AgencyError]:
    """What the status report of a list says of each item; a rejected payment was handed over and its state says so.

    Raises:
        AgencyRejectedMessage: the bank takes nothing of the list; `code` is its reason.
        AgencyAnswerMalformed: a report about another list, or one that tells of an instruction twice.
    """
    about, refused, found = statuses(content, limit=limit)
    if about != message_id(items):
        raise AgencyAnswerMalformed("the status report is about another list", code="message")
    if refused:
        raise AgencyRejectedMessage("the bank takes nothing of this list", code=refused)
    by_instruction = {each.instruction: each for each in found}
    if len(by_instruction) != len(found):
        raise AgencyAnswerMalformed("the status report tells of one instruction twice", code="twice")
    wanted = {item.id: by_instruction.get(instruction_id(item)) for item in items}
    return {id_: Handed(each.payment, f"{each.status} {each.reason}".strip()) for id_, each in wanted.items() if each}


def _header(header: etree._Element, name: str, items: Sequence[Item], debtor: Debtor, now: datetime) -> None:
    _text(header, "MsgId", name)
    _text(header, "CreDtTm", now.isoformat(timespec="seconds"))
    _text(header, "NbOfTxs", str(len(items)))
    _text(header, "CtrlSum", _sum(items))
    _text(_below(header, "InitgPty"), "Nm", debtor.name)


def _block(block: etree._Element, name: str, day: str, items: Sequence[Item], debtor: Debtor) -> None:
    _text(block, "PmtInfId", name)
    _text(block, "PmtMtd", "TRF")
    _text(block, "NbOfTxs", str(len(items)))
    _text(block, "CtrlSum", _sum(items))
    _text(_below(block, "ReqdExctnDt"), "Dt", day)
    _text(_below(block, "Dbtr"), "Nm", debtor.name)
    _account(_below(block, "DbtrAcct"), debtor.account)
    _bank(_below(block, "DbtrAgt"), debtor.bank)
    for item in items:
        _transfer(_below(block, "CdtTrfTxInf"), item)


def _transfer(transfer: etree._Element, item: Item) -> None:
    record: Mapping[str, object] = item.record
    ids = _below(transfer, "PmtId")
    _text(ids, "InstrId", instruction_id(item))
    _text(ids, "EndToEndId", str(record["payment"]))
    amount = _below(_below(transfer, "Amt"), "InstdAmt")
    amount.text = str(record["amount"])
    amount.set("Ccy", str(record["currency"]))
    _bank(_below(transfer, "CdtrAgt"), str(record["pay_provider"]))
    _text(_below(transfer, "Cdtr"), "Nm", str(record["payee_name"]))
    _account(_below(transfer, "CdtrAcct"), str(record["pay_account"]))
    _text(_below(transfer, "Purp"), "Cd", "GOVT")  # a statement shows no programme: who draws what is nobody's business


def _account(account: etree._Element, number: str) -> None:
    _text(_below(_below(account, "Id"), "Othr"), "Id", number)


def _bank(agent: etree._Element, code: str) -> None:
    _text(_below(_below(agent, "FinInstnId"), "ClrSysMmbId"), "MmbId", code)


def _sum(items: Sequence[Item]) -> str:
    return str(sum((Decimal(str(each.record["amount"])) for each in items), Decimal(0)))


def _status(each: etree._Element, day: str) -> Status:
    payment = each.findtext("s:OrgnlEndToEndId", "", _STATUS)
    status, instruction = each.findtext("s:TxSts", "", _STATUS), each.findtext("s:OrgnlInstrId", "", _STATUS)
    if not payment or not status or not instruction:
        raise AgencyAnswerMalformed("a status without OrgnlInstrId, OrgnlEndToEndId or TxSts", code="reference")
    return Status(instruction, payment, status, _reason(each), day)


def _reason(each: etree._Element) -> str:
    return each.findtext("s:StsRsnInf/s:Rsn/s:Cd", "", _STATUS) or each.findtext(
        "s:StsRsnInf/s:Rsn/s:Prtry", "", _STATUS
    )


def _below(parent: etree._Element, name: str) -> etree._Element:
    return etree.SubElement(parent, f"{{{_NS}}}{name}")


def _text(parent: etree._Element, name: str, text: str) -> None:
    _below(parent, name).text = text
