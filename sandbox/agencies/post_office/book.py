"""Cards, orders, and the payments of a month. Section numbers are the profile's."""

from collections.abc import Container, Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal

MOST = Decimal("100000.00")


@dataclass(frozen=True, slots=True)
class Card:
    """One payment card. `comes`: its holder comes to the counter."""

    number: str
    blocked: bool = False
    comes: bool = True


@dataclass(frozen=True, slots=True)
class Order:
    """One line of a list."""

    payment: str
    card: str
    office: str
    amount: Decimal
    on: date
    name: str


class Book:
    """What the post knows. In memory."""

    def __init__(self, cards: Mapping[str, Card], offices: Container[str]) -> None:
        self.cards, self.offices = cards, offices
        self.orders: dict[str, Order] = {}
        self._closed: set[str] = set()

    def take(self, order: Order) -> str:
        """`OK`, or the code for a line (section 4). The same order again is the same order."""
        known = self.orders.get(order.payment)
        if known is not None:
            return "OK" if known == order else "P05"
        code = self._fault(order)
        if code == "OK":
            self.orders[order.payment] = order
        return code

    def month(self, month: str) -> list[tuple[Order, str, date]]:
        """Close a month: each order with `P` and the day it was paid, or `U` and the 26th."""
        found = [each for each in self.orders.values() if f"{each.on:%Y-%m}" == month]
        fresh = [each for each in found if each.payment not in self._closed]
        self._closed |= {each.payment for each in fresh}
        return [
            (each, "P", each.on) if self.cards[each.card].comes else (each, "U", each.on.replace(day=26))
            for each in fresh
        ]

    def _fault(self, order: Order) -> str:
        card = self.cards.get(order.card)
        if card is None:
            return "P01"
        if card.blocked:
            return "P02"
        if order.office not in self.offices:
            return "P03"
        if not 15 <= order.on.day <= 22:
            return "P04"
        return "P06" if not 0 < order.amount <= MOST else "OK"
