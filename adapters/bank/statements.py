"""camt.053.001.08 statements and camt.054.001.10 notifications: what was booked, what came back. Pure functions.

Source: ISO 20022, Bank-to-Customer Statement V08 and Debit Credit Notification V10; profile
`docs/profiles/bank-files.md` sections 4 and 5.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal

from lxml import etree

from adapters.kit import stored_xsd
from adapters.kit.codes import own_lists
from adapters.kit.contract import AgencyAnswerMalformed

CAMT_053, CAMT_054 = "agency/iso20022/camt.053.001.08.xsd", "agency/iso20022/camt.054.001.10.xsd"
UNCLAIMED = "NOAS"  # external return reason: no answer from the customer
_ORDER = {"received": 0, "rejected": 1, "pending": 1, "paid": 2, "returned": 3, "unclaimed": 3}
_STATUSES = own_lists(__file__)["status"]


@dataclass(frozen=True, slots=True)
class Seen:
    """One thing that a file says of a payment. `told` is the bank's own word."""

    payment: str
    state: str
    told: str
    on: str
    amount: str = ""
    currency: str = ""
    reason: str = ""

    def record(self) -> dict[str, object]:
        """The canonical payment."""
        more = {"amount": self.amount, "currency": self.currency, "changed_on": self.on, "reason": self.reason}
        told = {name: value for name, value in more.items() if value}
        return {"payment": self.payment, "state": self.state, "state_told": self.told, **told}


def latest(seen: Iterator[Seen]) -> dict[str, Seen]:
    """By payment, what counts: money that came back after money that went, after every promise; of equals the last."""
    found: dict[str, Seen] = {}
    for each in seen:
        known = found.get(each.payment)
        if known is None or (_ORDER[each.state], each.on) >= (_ORDER[known.state], known.on):
            found[each.payment] = each
    return found


def statement(content: bytes, *, limit: int) -> list[Seen]:
    """The booked payments of a camt.053.

    Raises:
        AgencyAnswerMalformed: it breaks its XSD, or opening balance and entries do not give the closing balance, or
            as `notification`: then nothing of it is used.
    """
    root = stored_xsd.read(content, CAMT_053, limit=limit)
    names = {"c": "urn:iso:std:iso:20022:tech:xsd:camt.053.001.08"}
    for each in root.iterfind(".//c:Stmt", names):
        _check_balance(each, names)
    return _once(_booked(root, names))


def notification(content: bytes, *, limit: int) -> list[Seen]:
    """The booked payments of a camt.054.

    Raises:
        AgencyAnswerMalformed: it breaks its XSD; details do not add up to their entry (code `sum`), an amount has more
            than two decimals (`amount`), or a payment is booked twice in one direction (`twice`).
    """
    root = stored_xsd.read(content, CAMT_054, limit=limit)
    return _once(_booked(root, {"c": "urn:iso:std:iso:20022:tech:xsd:camt.054.001.10"}))


def promised(payment: str, status: str, reason: str, on: str) -> Seen:
    """What a status report says, as far as money is concerned: nothing went yet.

    Raises:
        AgencyAnswerMalformed: a status word that ISO 20022 does not list.
    """
    if (state := _STATUSES.get(status)) is None:
        raise AgencyAnswerMalformed("a status that ISO 20022 does not list", code="status")
    return Seen(payment, state, status, on, reason=(reason or status) if state == "rejected" else "")


def _check_balance(statement: etree._Element, names: Mapping[str, str]) -> None:
    told = [(each.findtext("c:Tp/c:CdOrPrtry/c:Cd", "", names), each) for each in statement.iterfind("c:Bal", names)]
    balances = {kind: each for kind, each in told if kind in {"OPBD", "CLBD"}}
    if sorted(kind for kind, _ in told if kind in balances) != ["CLBD", "OPBD"]:
        raise AgencyAnswerMalformed("a statement without one opening and one closing balance", code="balance")
    booked = [each for each in statement.iterfind("c:Ntry", names) if _status(each, names) == "BOOK"]
    if len({_currency(each, names) for each in (*balances.values(), *booked)}) != 1:
        raise AgencyAnswerMalformed("a statement of more than one currency", code="currency")
    moved = sum((_signed(each, names) for each in booked), Decimal(0))
    if _signed(balances["OPBD"], names) + moved != _signed(balances["CLBD"], names):
        raise AgencyAnswerMalformed("opening balance and entries do not give the closing balance", code="balance")


def _signed(each: etree._Element, names: Mapping[str, str]) -> Decimal:
    amount = Decimal(each.findtext("c:Amt", "0", names))
    return amount if each.findtext("c:CdtDbtInd", "", names) == "CRDT" else -amount


def _currency(each: etree._Element, names: Mapping[str, str]) -> str:
    amount = each.find("c:Amt", names)
    return "" if amount is None else amount.get("Ccy", "")


def _status(entry: etree._Element, names: Mapping[str, str]) -> str:
    return entry.findtext("c:Sts/c:Cd", "", names)


def _booked(root: etree._Element, names: Mapping[str, str]) -> Iterator[Seen]:
    for entry in root.iterfind(".//c:Ntry", names):
        if _status(entry, names) != "BOOK":
            continue  # announced only
        day = (entry.findtext("c:BookgDt/c:Dt", "", names) or entry.findtext("c:BookgDt/c:DtTm", "", names))[:10]
        details = entry.findall("c:NtryDtls/c:TxDtls", names)
        if details and sum((_part(each, entry, names) for each in details), Decimal(0)) != _signed(entry, names):
            raise AgencyAnswerMalformed("the details of an entry do not add up to it", code="sum")
        for each in details:
            yield from _payment(each, entry, day, names)


def _part(each: etree._Element, entry: etree._Element, names: Mapping[str, str]) -> Decimal:
    """What one detail adds to its entry; its direction is the entry's unless it says another."""
    amount = Decimal(each.findtext("c:Amt", "0", names))
    direction = each.findtext("c:CdtDbtInd", "", names) or entry.findtext("c:CdtDbtInd", "", names)
    if _currency(each, names) not in {"", _currency(entry, names)}:
        raise AgencyAnswerMalformed("a detail in another currency than its entry", code="currency")
    return amount if direction == "CRDT" else -amount


def _written(amount: Decimal) -> str:
    """With two decimals; nobody rounds money here."""
    told = amount.quantize(Decimal("0.01"))
    if told != amount:
        raise AgencyAnswerMalformed("an amount of more than two decimals", code="amount")
    return str(told)


def _once(seen: Iterator[Seen]) -> list[Seen]:
    """All of one file. One reference twice in one direction is money that went, or came, twice: not to be merged."""
    found = list(seen)
    if len({(each.payment, each.state == "paid") for each in found}) != len(found):
        raise AgencyAnswerMalformed("a payment is booked twice", code="twice")
    return found


def _payment(each: etree._Element, entry: etree._Element, day: str, names: Mapping[str, str]) -> Iterator[Seen]:
    payment = each.findtext("c:Refs/c:EndToEndId", "", names)
    if not payment or payment == "NOTPROVIDED":
        return  # an entry that is no payment of a list
    if not day:
        raise AgencyAnswerMalformed("a booked payment without its day", code="day")
    direction = each.findtext("c:CdtDbtInd", "", names) or entry.findtext("c:CdtDbtInd", "", names)
    amount = each.find("c:Amt", names)
    if amount is None:
        raise AgencyAnswerMalformed("a booked payment without its amount", code="amount")
    money = (_written(Decimal(amount.text or "0")), amount.get("Ccy", ""))
    if direction == "DBIT":
        yield Seen(payment, "paid", "BOOK", day, *money)
        return
    reason = each.findtext("c:RtrInf/c:Rsn/c:Cd", "", names) or each.findtext("c:RtrInf/c:Rsn/c:Prtry", "", names)
    if not reason:
        raise AgencyAnswerMalformed("money came back without a reason", code="return")
    yield Seen(payment, "unclaimed" if reason == UNCLAIMED else "returned", "BOOK", day, *money, reason)
