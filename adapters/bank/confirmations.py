"""Accounts, cards and nominees: one line out, one line back. Pure functions.

Source: our own profile, `docs/profiles/bank-files.md` section 6.
"""

import re
from datetime import datetime

from adapters.kit.codes import own_lists
from adapters.kit.contract import AgencyAnswerMalformed, AgencyHasNoSuchPerson, AgencyRefused, AgencyRejectedMessage
from adapters.kit.nic import new_form

_LISTS = own_lists(__file__)
CARDS, NOMINEES = _LISTS["card"], _LISTS["nominee"]
_NIC, _ACCOUNT = re.compile(r"[0-9]{12}", re.ASCII), re.compile(r"[0-9]{6,20}", re.ASCII)
_YES_NO = {"Y": True, "N": False}


def question(number: str, nic: str, account: str) -> bytes:
    """The file that asks about one account of one person.

    Raises:
        AgencyRejectedMessage: the bank would not take these numbers.
    """
    nic = new_form(nic)
    if not _NIC.fullmatch(nic) or not _ACCOUNT.fullmatch(account):
        raise AgencyRejectedMessage("not a NIC, or not an account number", code="identifier")
    return f"Q|1|{number}\n{nic}|{account}\n".encode()


def read(content: bytes, number: str) -> dict[str, object]:
    """The canonical confirmation; `number` empty: any.

    Raises:
        AgencyHasNoSuchPerson: the bank has no such account.
        AgencyRefused, AgencyRejectedMessage: it refuses the question.
        AgencyAnswerMalformed: not the profile's lines.
    """
    try:
        head, line = content.decode("ascii").rstrip("\n").split("\n")
        kind, version, about = head.split("|")
    except ValueError:
        raise AgencyAnswerMalformed("a confirmation has two lines of ASCII") from None
    if version != "1" or kind not in {"A", "E"} or (number and about != number):
        raise AgencyAnswerMalformed("a confirmation of another kind, version or number")
    if kind == "E":
        refused = AgencyRefused if line == "C02" else AgencyRejectedMessage
        raise refused("the bank does not answer this question", code=line if re.fullmatch("C[0-9]{2}", line) else "E")
    if line == "unknown":
        raise AgencyHasNoSuchPerson("the bank has no such account", code="unknown")
    return _confirmation(line.split("|"))


def _confirmation(fields: list[str]) -> dict[str, object]:
    if len(fields) != 6 or fields[0] != "found":
        raise AgencyAnswerMalformed("a confirmation has six fields")
    _, is_open, held, card, nominee, opened = fields
    if is_open not in _YES_NO or held not in _YES_NO or card not in CARDS or nominee not in NOMINEES:
        raise AgencyAnswerMalformed("a field of the confirmation has a letter that the profile does not name")
    if held == "N" and (card, nominee, opened) != ("N", "N", ""):
        raise AgencyAnswerMalformed("the confirmation tells of another person's account")
    return {
        "account_open": _YES_NO[is_open],
        "held_by_person": _YES_NO[held],
        "card": CARDS[card],
        "nominee": NOMINEES[nominee],
        "opened_on": _day(opened) if opened else None,
    }


def _day(text: str) -> str:
    try:
        return datetime.strptime(f"{text}+0000", "%Y%m%d%z").date().isoformat()
    except ValueError:
        raise AgencyAnswerMalformed("the day of opening is no day") from None
