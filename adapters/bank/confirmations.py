"""Accounts, cards and nominees: one line out, one line back. Pure functions.

Source: our own profile, `docs/profiles/bank-files.md` section 6.
"""

import re
from datetime import datetime

import schemas
from adapters.kit.codes import own_lists
from adapters.kit.contract import AgencyAnswerMalformed, AgencyHasNoSuchPerson, AgencyRefused, AgencyRejectedMessage
from adapters.kit.nic import NEW_FORM, new_form

LAYOUTS = tuple(f"agency/own/bank-files.json#/$defs/{each}" for each in ("answer", "refusal"))
_LISTS = own_lists(__file__)
CARDS, NOMINEES = _LISTS["card"], _LISTS["nominee"]
_ACCOUNT = re.compile(r"[0-9]{6,20}", re.ASCII)
_YES_NO = {"Y": True, "N": False}


def question(number: str, nic: str, account: str) -> bytes:
    """The file that asks about one account of one person.

    Raises:
        AgencyRejectedMessage: the bank would not take these numbers.
    """
    nic = new_form(nic)
    if not NEW_FORM.fullmatch(nic) or not _ACCOUNT.fullmatch(account):
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
        lines = content.decode("ascii").removesuffix("\n").split("\n")
    except UnicodeDecodeError:
        raise AgencyAnswerMalformed("a confirmation is lines of ASCII") from None
    kind = lines[0][:1]
    if (fault := schemas.first_fault(schemas.validator(LAYOUTS[kind == "E"]), lines)) is not None:
        raise AgencyAnswerMalformed(f"no confirmation of the profile: line at {fault}")
    head, line = lines
    if number and head != f"{kind}|1|{number}":
        raise AgencyAnswerMalformed("a confirmation of another number")
    if kind == "E":
        refused = AgencyRefused if line == "C02" else AgencyRejectedMessage
        raise refused("the bank does not answer this question", code=line)
    if line == "unknown":
        raise AgencyHasNoSuchPerson("the bank has no such account", code="unknown")
    return _confirmation(line.split("|"))


def _confirmation(fields: list[str]) -> dict[str, object]:
    _, is_open, held, card, nominee, opened = fields
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
