"""Payment lists out; acknowledgements and the month's details back. Pure functions.

Source: our own profile, `docs/profiles/post-office-files.md`.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import NoReturn

import schemas
from adapters.kit.codes import own_lists
from adapters.kit.contract import AgencyAnswerMalformed, AgencyError, AgencyRefused, AgencyRejectedMessage, Handed, Item

LAYOUTS = "agency/own/post-office-files.json#/$defs"
STATES = own_lists(__file__)["state"]


@dataclass(frozen=True, slots=True)
class Seen:
    """What a file says of one payment. `told` is the post's own word."""

    payment: str
    state: str
    told: str
    amount: str = ""
    on: str = ""

    def record(self) -> dict[str, object]:
        """The canonical payment."""
        money = {"amount": self.amount, "currency": "LKR", "changed_on": self.on} if self.amount else {}
        reason = {"reason": self.told} if self.state in {"rejected", "unclaimed"} else {}
        return {"payment": self.payment, "state": self.state, "state_told": self.told, **money, **reason}


def number_of(items: Sequence[Item]) -> str:
    """The same for the same items, so that a list is found under its name when it is sent again."""
    return hashlib.sha256("\n".join(each.id for each in items).encode()).hexdigest()[:32]


def written(items: Sequence[Item]) -> bytes:
    """One list; section 3."""
    total = sum((Decimal(str(each.record["amount"])) for each in items), Decimal(0))
    lines = [f"H|1|LIST|{number_of(items)}|{len(items)}|{total:.2f}"]
    for at, item in enumerate(items, start=1):
        told = (
            item.record[name] for name in ("payment", "pay_account", "pay_provider", "amount", "pay_on", "payee_name")
        )
        lines.append("|".join([f"{at:06}", *map(str, told)]))
    return sealed(lines)


def fits(item: Item) -> None:
    """Raises AgencyRejectedMessage for a name that the lines of a list cannot carry, or another currency."""
    name = str(item.record["payee_name"])
    if "|" in name or not name.isprintable():
        raise AgencyRejectedMessage("payee_name: has a character that a line cannot carry", code="name")
    if item.record["currency"] != "LKR":
        raise AgencyRejectedMessage("currency: post offices pay rupees", code="currency")


def told(items: Sequence[Item], name: str, content: bytes) -> dict[str, Handed | AgencyError]:
    """What the answer to a list says of each item; a rejected payment was handed over, and its state says so.

    Raises:
        AgencyRejectedMessage, AgencyRefused: an error file.
        AgencyAnswerMalformed: not about this list, or not the profile's lines.
    """
    number = number_of(items)
    if name.startswith("ERR-"):
        raise _refusal(content, number)
    found = acknowledged(content, number)
    if [each.payment for each in found] != [item.record["payment"] for item in items]:
        _refuse("the acknowledgement is not about the lines of this list")
    return {item.id: Handed(each.payment, each.told) for item, each in zip(items, found, strict=True)}


def acknowledged(content: bytes, number: str = "") -> list[Seen]:
    """The payments of an acknowledgement in the list's order; section 4. `number` empty: of any list."""
    head, *rows = unsealed(content, "acknowledgement")
    if number and head[3] != number:
        _refuse("the header is not that of this list's acknowledgement")
    found = [_acknowledged(at, row) for at, row in enumerate(rows, start=1)]
    taken = sum(each.state == "pending" for each in found)
    if head[4:] != [str(taken), str(len(found) - taken)]:
        _refuse("the counts of the acknowledgement do not fit its lines")
    return found


def details(content: bytes) -> list[Seen]:
    """The payments of a month's details; section 5.

    Raises:
        AgencyAnswerMalformed: a count or a sum does not fit, or the money order is not the unclaimed balance; nothing
            of it is used.
    """
    head, *rows = unsealed(content, "details")
    returned = rows.pop() if rows and rows[-1][0] == "M" else []
    found = [_detail(at, row) for at, row in enumerate(rows, start=1)]
    sums = {state: Decimal(0) for state in STATES.values()}
    for each in found:
        sums[each.state] += Decimal(each.amount)
    allocated, paid, unclaimed = map(Decimal, head[5:])
    if head[4] != str(len(found)) or (paid, unclaimed) != tuple(sums.values()) or paid + unclaimed != allocated:
        _refuse("count and sums of the details do not fit its lines")
    if (Decimal(returned[1]) if returned else 0) != unclaimed:
        _refuse("the money order is not the unclaimed balance")
    return found


def sealed(lines: Sequence[str]) -> bytes:
    """The lines, with the line that seals them."""
    content = "".join(f"{each}\n" for each in lines).encode()
    return content + f"T|{hashlib.sha256(content).hexdigest()}\n".encode()


def unsealed(content: bytes, layout: str) -> list[list[str]]:
    """The fields of each line before the seal; each line is as the layout has it.

    Raises:
        AgencyAnswerMalformed: not UTF-8 lines, the seal does not fit, or a line breaks the layout.
    """
    body, _, seal = content.removesuffix(b"\n").rpartition(b"\n")
    if not content.endswith(b"\n") or seal != f"T|{hashlib.sha256(body + bytes([10])).hexdigest()}".encode():
        _refuse("the seal does not fit: the file was cut or changed")
    *lines, _ = _lines(content, layout)
    return [line.split("|") for line in lines]


def _lines(content: bytes, layout: str) -> list[str]:
    try:
        lines = content.decode("utf-8").removesuffix("\n").split("\n")
    except UnicodeDecodeError:
        _refuse("not UTF-8")
    if (fault := schemas.first_fault(schemas.validator(f"{LAYOUTS}/{layout}"), lines)) is not None:
        _refuse(f"no {layout} of the profile: line at {fault}")
    return lines


def _acknowledged(at: int, row: Sequence[str]) -> Seen:
    if row[0] != f"{at:06}":
        _refuse("a line of the acknowledgement is out of order")
    return Seen(row[1], "pending" if row[2] == "OK" else "rejected", row[2])


def _detail(at: int, row: Sequence[str]) -> Seen:
    if len(row) != 5 or row[0] != f"{at:06}":
        _refuse("a line of the details is out of order")
    try:
        day = datetime.strptime(f"{row[4]}+0000", "%Y%m%d%z").date()
    except ValueError:
        _refuse("a line of the details has no day")
    if row[2] == "P" and not 15 <= day.day <= 22:
        _refuse("a payment outside the days from the 15th to the 22nd")
    return Seen(row[1], STATES[row[2]], row[2], row[3], day.isoformat())


def _refusal(content: bytes, number: str) -> AgencyError:
    try:
        (line,) = _lines(content, "refusal")
    except AgencyAnswerMalformed:
        return AgencyAnswerMalformed("the error file is out of format", code="error_file")
    _, _, about, code, _ = line.split("|")
    if about != number:
        return AgencyAnswerMalformed("the error file is about another list", code="error_file")
    kind = AgencyRefused if code == "L07" else AgencyRejectedMessage
    return kind("the post takes nothing of this list", code=code)


def _refuse(text: str) -> NoReturn:
    raise AgencyAnswerMalformed(text)
