"""Step 6 of a delivery, what its permit must grant, and the places at its receiver."""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any

from adapters.kit.contract import Handed

from ..errors import OnHold, RefusedByRules
from ..gate import Gate
from ..model import Ask, Closing, Handover, Opened, Permit
from ..permits import REFUSED
from .outbox import Ended, Outbox

AT_ONE_RECEIVER = 16
StillWanted = Callable[[Sequence[str]], Awaitable[bool]]
"""Codes of subscriptions: whether one of them is still in force."""


async def wanted(_codes: Sequence[str]) -> bool:
    """Where nobody subscribes."""
    return True


class ClosingGate:
    """The gate of a delivery: its outcome entry, its state and the end of its job are one transaction."""

    def __init__(self, gate: Gate, outbox: Outbox, still_wanted: StillWanted = wanted) -> None:
        self._gate, self._outbox, self._still_wanted = gate, outbox, still_wanted
        self._reference = ""
        self.charge = gate.charge
        self.opened, self.fetch, self.normalise = gate.opened, gate.fetch, gate.normalise

    async def permit(self, ask: Ask | Handover) -> Permit:
        """Steps 2 and 5; a suspended agreement only holds up what was taken under it. Raises OnHold."""
        if isinstance(ask, Handover) and ask.under and not await self._still_wanted(ask.under):
            raise RefusedByRules(REFUSED, reasons=("deny request: its subscription has ended",))
        try:
            return whole(ask, await self._gate.permit(ask))
        except RefusedByRules as refusal:
            if await self._gate.on_hold(ask):
                raise OnHold(refusal.detail, reasons=refusal.reasons) from refusal
            raise

    async def hand(self, handover: Handover, record: Mapping[str, object], item_id: str, *, contested: bool) -> Handed:
        """Step 3; keeps the receiver's own id for the item."""
        handed = await self._gate.hand(handover, record, item_id, contested=contested)
        self._reference = handed.reference
        return handed

    async def closed(self, opened: Opened, ask: Ask | Handover, closing: Closing) -> str:
        """Step 6 of a delivery; shielded like the gate's own."""
        return await asyncio.shield(self._closed(opened, ask, closing))

    async def _closed(self, opened: Opened, ask: Ask | Handover, closing: Closing) -> str:
        entry = self._gate.outcome(opened, ask, closing)
        values: dict[str, Any] = {
            "state": final(closing.outcome),
            "outcome": closing.outcome,
            "may_know": closing.may_know,
            "withheld": _withheld(closing),
            "reference": self._reference[:120],
            **({} if closing.outcome == "unknown" else {"sealed": None}),  # a person may want it sent again
            "updated": self._gate.clock().timestamp(),
        }
        said = closing.source_code if closing.outcome == "answered" else None
        return await self._outbox.end(Ended(opened.exchange_id, values, entry, said))


class Places:
    """How many deliveries of a service are under way in this process."""

    def __init__(self, most: int = AT_ONE_RECEIVER) -> None:
        self._most = most
        self._taken: Counter[str] = Counter()

    def enter(self, service: str) -> bool:
        """Take a place; False: there is none."""
        if self._taken[service] >= self._most:
            return False
        self._taken[service] += 1
        return True

    def leave(self, service: str) -> None:
        """Give it back."""
        self._taken[service] -= 1


def whole(ask: Ask | Handover, permit: Permit) -> Permit:
    """The permit, if it grants what the handover cannot do without.

    Raises:
        RefusedByRules: a filter has looked at a field that the receiver may not know: the handover would tell it.
    """
    if isinstance(ask, Handover) and not ask.needs <= permit.fields:
        refusal = RefusedByRules(REFUSED, reasons=(*permit.reasons, "deny request: its filter names a withheld field"))
        refusal.may_know_existence = permit.may_know_existence
        raise refusal
    return permit


def _withheld(closing: Closing) -> list[list[str]]:
    """What the permit narrowed, of a record that was handed over."""
    if closing.permit is None or closing.outcome != "answered":
        return []
    return [[each.field, each.reason] for each in closing.permit.withheld]


def final(outcome: str) -> str:
    """The state of a delivery that ended so."""
    named = {"answered": "handed", "unknown": "unknown", "refused_by_rules": "refused", "refused_by_source": "refused"}
    return named.get(outcome, "failed")
