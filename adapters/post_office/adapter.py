"""Post offices by files: payments to cards, what was paid, what nobody claimed."""

import re
from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Any

from adapters.kit.base import BaseAdapter, Kit, as_of
from adapters.kit.contract import (
    AgencyAnswerMalformed,
    AgencyError,
    AgencyHasNoSuchPerson,
    AgencyRejectedMessage,
    Handed,
    Item,
    Question,
    RawAnswer,
    Service,
)
from adapters.kit.payments import check_order
from adapters.kit.transports.collected import Collected
from adapters.kit.transports.filebox import FileBox
from adapters.kit.transports.sftp import account, answer_deadline_s
from schemas import first_fault, validator

from .lists import Seen, acknowledged, details, fits, number_of, told, written

SESSION_S = 60.0  # one log-in; the manifest's timeout_s is for the whole answer
FILES = re.compile(r"(?:ACK-[0-9a-f]{32}|DET-[0-9]{6}-[0-9]{2})\.txt")


class PostOffice(BaseAdapter):
    """Orders that come together leave as one list; the month's details say what was paid and what came back."""

    def __init__(self, kit: Kit) -> None:
        super().__init__(kit)
        deadline = answer_deadline_s(kit, "POST_OFFICE_DEADLINE_S")
        self._box = FileBox(account(kit, session_s=min(deadline, SESSION_S)), deadline)
        self._orders = Collected(self._sent)

    async def deliver(self, item: Item) -> Handed:
        """Order one payment; `state` is `OK` or the post's code for its line (`P01`).

        Raises:
            AgencyRejectedMessage, AgencyRefused: the post takes nothing of the list, or this is no order for a card.
            AgencyUnavailable: no answer in time; safe to send again.
        """
        check_order(item, self.service(item.service), kinds={"card"})
        fits(item)
        return await self._orders.deliver(item)

    async def ask(self, question: Question) -> RawAnswer:
        """What became of one payment; see `contract.Adapter.ask`."""
        return _answered(question, self.service(question.service), await self._seen())

    async def ask_many(self, questions: Sequence[Question]) -> AsyncIterator[tuple[int, RawAnswer | AgencyError]]:
        """The files are read once for all; see `contract.Adapter.ask_many`."""
        found: Mapping[str, Seen] | AgencyError
        try:
            found = await self._seen()
        except AgencyError as error:
            found = error
        for at, question in enumerate(questions):
            yield at, found if isinstance(found, AgencyError) else self._one(question, found)

    def parse(self, service: str, body: bytes) -> object:
        """The payload of one file about one payment."""
        self.service(service)
        content = body if body.endswith(b"\n") else body + b"\n"
        (only,) = acknowledged(content) if content.startswith(b"H|1|ACK|") else details(content)
        return only.record()

    def mapped(self, service: Service, raw: RawAnswer) -> dict[str, object]:
        """The payload is canonical by now: `lists` reads into it."""
        del service
        payload: Any = raw.payload
        return dict(payload)

    async def _sent(self, items: Sequence[Item]) -> Mapping[str, Handed | AgencyError]:
        number = number_of(items)
        await self._box.hand_in(f"LST-{number}.txt", written(items))
        name, content = await self._box.awaited(f"ERR-{number}.txt", f"ACK-{number}.txt")
        return told(items, name, content)

    async def _seen(self) -> dict[str, Seen]:
        """By payment: details go before acknowledgements, and come after them by name."""
        found: dict[str, Seen] = {}
        for name, content in (await self._box.all_of(FILES)).items():
            for each in acknowledged(content) if name.startswith("ACK-") else details(content):
                if found.get(each.payment) is None or each.state != "rejected":
                    found[each.payment] = each
        return found

    def _one(self, question: Question, found: Mapping[str, Seen]) -> RawAnswer | AgencyError:
        try:
            return _answered(question, self.service(question.service), found)
        except AgencyError as error:
            return error


def build(kit: Kit) -> PostOffice:
    """The adapter of this folder."""
    return PostOffice(kit)


def _answered(question: Question, service: Service, found: Mapping[str, Seen]) -> RawAnswer:
    payment = question.subject.identifier("PAYMENT")
    if payment is None:
        raise AgencyRejectedMessage("the post is asked by the payment's reference", code="identifier")
    if payment not in found:
        raise AgencyHasNoSuchPerson("no file of the post tells of this payment", code="not_found")
    record = found[payment].record()
    if (fault := first_fault(validator(service.record_schema), record)) is not None:
        raise AgencyAnswerMalformed(f"the payment in the post's files does not fit at {fault}")
    return RawAnswer(record, as_of(service, question.as_at), code=found[payment].told)
