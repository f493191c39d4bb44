"""The profile's files: lists read (section 3), acknowledgements (4), details (5) and error files (6) written."""

import hashlib
import re
from collections.abc import Sequence
from datetime import date
from decimal import Decimal

from .book import Order

_LINE = re.compile(
    r"([0-9]{6})\|([A-Z0-9][A-Z0-9-]{2,34})\|([A-Z0-9-]{3,34})\|([A-Za-z0-9-]{2,35})"
    r"\|((?:0|[1-9][0-9]{0,10})\.[0-9]{2})\|([0-9]{4}-[0-9]{2}-[0-9]{2})\|([^|]{1,140})"
)
MOST_LINES = 10_000


class Refused(Exception):
    """The whole list is refused: code and line, 0 for the file as a whole."""

    def __init__(self, code: str, line: int = 0) -> None:
        super().__init__(code)
        self.code, self.line = code, line


def read_list(content: bytes, number: str) -> list[Order]:
    """The orders of a list that fits in every respect; checks in the order of section 6.

    Raises:
        Refused: see there.
    """
    body, _, seal = content.removesuffix(b"\n").rpartition(b"\n")
    digest = hashlib.sha256(body + b"\n").hexdigest()
    if not content.endswith(b"\n") or seal != f"T|{digest}".encode():
        raise Refused("L02")
    try:
        head, *lines = body.decode("utf-8").split("\n")
    except UnicodeDecodeError:
        raise Refused("L05") from None
    fields = head.split("|")
    if len(fields) != 6 or fields[:3] != ["H", "1", "LIST"]:
        raise Refused("L01", 1)
    if fields[3] != number:
        raise Refused("L06", 1)
    if not 1 <= len(lines) <= MOST_LINES or fields[4] != str(len(lines)):
        raise Refused("L03")
    orders = [_order(at, line) for at, line in enumerate(lines, start=1)]
    if fields[5] != f"{sum((each.amount for each in orders), Decimal(0)):.2f}":
        raise Refused("L04")
    return orders


def acknowledgement(number: str, told: Sequence[tuple[Order, str]]) -> bytes:
    """Each line's `OK` or code."""
    taken = sum(code == "OK" for _, code in told)
    lines = [f"H|1|ACK|{number}|{taken}|{len(told) - taken}"]
    lines += [f"{at:06}|{order.payment}|{code}" for at, (order, code) in enumerate(told, start=1)]
    return _sealed(lines)


def month_details(month: str, found: Sequence[tuple[Order, str, date]], money_order: str) -> bytes:
    """What was paid, what nobody claimed, and the money order that brings that back."""
    sums = {letter: sum((each.amount for each, told, _ in found if told == letter), Decimal(0)) for letter in "PU"}
    head = f"H|1|DET|{month.replace('-', '')}|{len(found)}|{sums['P'] + sums['U']:.2f}|{sums['P']:.2f}|{sums['U']:.2f}"
    lines = [head]
    for at, (order, letter, day) in enumerate(found, start=1):
        lines.append(f"{at:06}|{order.payment}|{letter}|{order.amount:.2f}|{day:%Y%m%d}")
    if sums["U"]:
        lines.append(f"M|{sums['U']:.2f}|{money_order}|{month.replace('-', '')}26")
    return _sealed(lines)


def error_file(number: str, refused: Refused) -> bytes:
    """One line; it repeats nothing of the list."""
    return f"E|1|{number}|{refused.code}|{refused.line}\n".encode()


def _order(at: int, line: str) -> Order:
    match = _LINE.fullmatch(line)
    if match is None or match[1] != f"{at:06}" or not match[7].isprintable():
        raise Refused("L05", at + 1)
    try:
        day = date.fromisoformat(match[6])
    except ValueError:
        raise Refused("L05", at + 1) from None
    return Order(match[2], match[3], match[4], Decimal(match[5]), day, match[7])


def _sealed(lines: Sequence[str]) -> bytes:
    content = "".join(f"{each}\n" for each in lines).encode()
    return content + f"T|{hashlib.sha256(content).hexdigest()}\n".encode()
