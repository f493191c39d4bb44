"""SMS over SMPP 3.4: one bound connection, opened when first needed; receipts settle the deliveries."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass

from adapters.kit.base import BaseAdapter, Kit
from adapters.kit.breaker import Breaker
from adapters.kit.codes import own_lists
from adapters.kit.contract import (
    AgencyAnswerMalformed,
    AgencyError,
    AgencyOutcomeUnknown,
    AgencyRefused,
    AgencyRejectedMessage,
    AgencyTimeout,
    AgencyUnavailable,
    Handed,
    Item,
    StateTold,
)
from adapters.kit.transports.smpp import (
    BUSY,
    SUBMIT,
    Account,
    Receipt,
    Refused,
    Session,
    message_id,
    parts,
    submit_body,
)

FORBIDDEN = {0x04: "ESME_RINVBNDSTS", 0x0D: "ESME_RBINDFAIL"}
FINAL = own_lists(__file__)["receipt"]
REMEMBERED = 100_000  # parts whose receipts are waited for; the oldest are forgotten


@dataclass(slots=True)
class _Sent:
    """One delivery, and how many of its parts have no final receipt yet."""

    item: str
    left: int
    failed: bool = False


class Messaging(BaseAdapter):
    """Sends each text once. Receipts name parts, so a text is delivered when all of its parts are."""

    def __init__(self, kit: Kit) -> None:
        super().__init__(kit)
        self._account = Account(
            kit.setting("host"), int(kit.setting("port")), kit.setting("system_id"), kit.setting("password")
        )
        self._sender, self._timeout_s = kit.setting("from_sms"), kit.limits().timeout_s
        self._breaker, self._slots = Breaker(), asyncio.Semaphore(kit.limits().concurrent)
        kit.breakers.append(self._breaker)
        self._session: Session | None = None
        self._binding = asyncio.Lock()
        self._parts: dict[str, _Sent] = {}  # by the provider's id
        self._early: dict[str, Receipt] = {}  # receipts that came before the response did
        self._states: asyncio.Queue[StateTold] = asyncio.Queue()
        self._reference = 0

    async def deliver(self, item: Item) -> Handed:
        """Send one SMS. `reference` is the provider's id of its first part.

        Raises:
            AgencyOutcomeUnknown: cut after a part may have been sent: it is never repeated by itself.
            AgencyRejectedMessage: another channel than SMS, or the provider does not take the text or the number.
            AgencyUnavailable: nothing was sent; code `breaker_open` while the provider is left alone for a moment.
        """
        self.service_for(item)
        alert = item.record
        if alert["channel"] != "sms":
            raise AgencyRejectedMessage("SMPP carries SMS only; WhatsApp and calls need the first wire", code="channel")
        self._reference = (self._reference + 1) % 256
        coding, cut = parts(str(alert["text"]), self._reference)
        bodies = [submit_body(self._sender, str(alert["to"]), coding, each, split=len(cut) > 1) for each in cut]
        with self._breaker.guarding():
            return await self._sent(item, bodies)

    async def states(self) -> AsyncIterator[StateTold]:
        """What the receipts say of deliveries, as they come; see `contract.TellsStates`."""
        while True:
            yield await self._states.get()

    async def close(self) -> None:
        """Hang up."""
        if self._session is not None:
            await self._session.close()

    async def _sent(self, item: Item, bodies: list[bytes]) -> Handed:
        sent, first, begun = _Sent(item.id, len(bodies)), "", False
        try:
            async with asyncio.timeout(self._timeout_s), self._slots:
                session = await self._bound()
                for body in bodies:
                    begun = True
                    part = message_id(await session.asked(SUBMIT, body))
                    first = first or part
                    self._follow(part, sent)
        except Refused as error:
            raise _refusal(error.status, partly=bool(first)) from None
        except (TimeoutError, AgencyUnavailable, AgencyAnswerMalformed) as error:
            if begun:
                raise AgencyOutcomeUnknown("cut while the text was sent", code=type(error).__name__) from None
            if isinstance(error, TimeoutError):
                raise AgencyTimeout("the provider was too slow to bind") from None
            raise
        return Handed(first, "sent")

    async def _bound(self) -> Session:
        async with self._binding:
            if self._session is None or not self._session.alive:
                self._session = await Session.bound(
                    self.kit.dialler, self._account, self._heard, timeout_s=self._timeout_s
                )
            return self._session

    def _follow(self, part: str, sent: _Sent) -> None:
        self._parts[part] = sent
        while len(self._parts) > REMEMBERED:
            del self._parts[next(iter(self._parts))]
        if (early := self._early.pop(part, None)) is not None:
            self._heard(early)

    def _heard(self, receipt: Receipt) -> None:
        state, sent = FINAL.get(receipt.word), self._parts.get(receipt.message_id)
        if state is None:
            return  # on its way
        if sent is None:
            self._early.setdefault(receipt.message_id, receipt)  # the first final word counts, as it does later
            while len(self._early) > REMEMBERED:
                del self._early[next(iter(self._early))]
            return
        del self._parts[receipt.message_id]
        sent.left -= 1
        if state == "failed" and not sent.failed:
            sent.failed = True
            self._states.put_nowait(StateTold(sent.item, "failed", 2))
        if not sent.left and not sent.failed:
            self._states.put_nowait(StateTold(sent.item, "delivered", 2))


def build(kit: Kit) -> Messaging:
    """The adapter of this folder."""
    return Messaging(kit)


def _refusal(status: int, *, partly: bool) -> AgencyError:
    """What a status means; a text of which some parts were taken is neither sent nor unsent."""
    code = BUSY.get(status) or FORBIDDEN.get(status) or f"{status:#010x}"
    if partly:
        return AgencyOutcomeUnknown("some parts of the text were taken and one was not", code=code)
    if status in BUSY:
        return AgencyUnavailable("the provider takes nothing now", code=code)
    kind = AgencyRefused if status in FORBIDDEN else AgencyRejectedMessage
    return kind("the provider did not take the text; see its code", code=code)
