"""Payments by reference, and the rules of what can be paid. Source: DisburseStatusReasonCode of the contract."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

from sandbox.luck import luck

KINDS = ("account", "mobile")
ONE_IN = 20  # payees that nobody knows


@dataclass(slots=True)
class Payment:
    """One disbursement and how far it is."""

    order: Mapping[str, Any]
    status: str  # rcvd | pdng | succ | rjct
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Batch:
    """One `disburse` message: what it said, the acknowledgement it got, and how each of its payments ended."""

    content: bytes
    correlation_id: str


class Book:
    """What the provider knows. In memory: a restart forgets it, as a test account does."""

    def __init__(self, payer: str) -> None:
        self._payer = payer
        self.payments: dict[str, Payment] = {}
        self.batches: dict[str, Batch] = {}  # by message_id

    def take(self, order: Mapping[str, Any]) -> Payment:
        """Judge one order; only one that can be paid is kept under its reference."""
        reference = str(order["reference_id"])
        if reference in self.payments:
            return Payment(order, "rjct", "rjct.reference_id.duplicate")
        payment = Payment(order, "rjct", reason) if (reason := self._fault(order)) else Payment(order, "rcvd")
        self.payments[reference] = payment
        return payment

    def _fault(self, order: Mapping[str, Any]) -> str:
        kind, _, rest = str(order["payee_fa"]).partition(":")
        if order["payer_fa"] != self._payer:
            return "rjct.payer_fa.invalid"
        if kind not in KINDS or not rest or not payable(str(order["payee_fa"])):
            return "rjct.payee_fa.invalid"
        if not Decimal(0) < Decimal(order["amount"]) < Decimal(5_000_000):
            return "rjct.amount.invalid"
        if order.get("currency_code") != "LKR":
            return "rjct.currency_code.invalid"
        scheduled = order.get("scheduled_timestamp")
        if scheduled is not None and datetime.fromisoformat(scheduled).tzinfo is None:
            return "rjct.schedule_ts.invalid"
        return ""


def payable(address: str) -> bool:
    """Whether there is such an account or wallet: one in twenty addresses leads nowhere."""
    return luck("psp", address) % ONE_IN != 0
