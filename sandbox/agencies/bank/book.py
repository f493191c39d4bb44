"""Accounts, instructions, and what is booked on which day."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal

OPENING = Decimal("900000000.00")


@dataclass(frozen=True, slots=True)
class Account:
    """One account. `silent`: its holder never comes for the money, so it goes back."""

    number: str
    nic: str
    opened: date
    is_open: bool = True
    card: str = "N"  # N none, I issued, B blocked
    nominee: str = "N"  # N none, A appointed, E ended
    silent: bool = False


@dataclass(frozen=True, slots=True)
class Instruction:
    """One credit transfer as it was read."""

    id: str
    payment: str
    account: str
    bank: str
    amount: Decimal
    currency: str


@dataclass(frozen=True, slots=True)
class Booking:
    """One entry. `reason` is of money that came back; empty: money that went."""

    payment: str
    amount: Decimal
    reason: str = ""


class Book:
    """What the bank knows. In memory; the files it wrote stay in `/out`."""

    def __init__(self, accounts: Mapping[str, Account], *, bank: str = "7010", debtor: str = "0001234567") -> None:
        self.accounts, self.bank, self.debtor = accounts, bank, debtor
        self.balance = OPENING
        self._statuses: dict[str, tuple[Instruction, str]] = {}  # by instruction id
        self._payments: dict[str, str] = {}  # payment -> instruction id
        self._to_book: list[Instruction] = []
        self._to_return: list[Instruction] = []

    def take(self, each: Instruction) -> str:
        """The status of an instruction: empty for accepted, else the reason of its rejection.

        The same instruction again gets the status it had; another one for a payment known already is a duplicate.
        """
        known = self._statuses.get(each.id)
        if known is not None:
            return known[1] if known[0] == each else "AM05"
        reason = "AM05" if each.payment in self._payments else self._fault(each)
        self._statuses[each.id] = (each, reason)
        if not reason:
            self._payments[each.payment] = each.id
            self._to_book.append(each)
        return reason

    def booked(self) -> list[Booking]:
        """Book what was accepted, and send back what nobody came for since the last time."""
        made = [Booking(each.payment, each.amount, "NOAS") for each in self._to_return]
        made += [Booking(each.payment, each.amount) for each in self._to_book]
        self._to_return = [each for each in self._to_book if self.accounts[each.account].silent]
        self._to_book = []
        self.balance += sum(self._signed(made), Decimal(0))
        return made

    @staticmethod
    def _signed(bookings: list[Booking]) -> Iterator[Decimal]:
        yield from (each.amount if each.reason else -each.amount for each in bookings)

    def _fault(self, each: Instruction) -> str:
        account = self.accounts.get(each.account)
        if each.bank != self.bank:
            return "RC01"  # of another bank
        if account is None:
            return "AC01"
        if not account.is_open:
            return "AC04"
        if each.currency != "LKR":
            return "AM03"
        return "AM01" if each.amount <= 0 else ""
