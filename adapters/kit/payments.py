"""Payments that are ordered by files and told of in files, as banks and post offices take them."""

from abc import abstractmethod
from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Any, ClassVar, Protocol

import schemas
from adapters.kit.base import BaseAdapter, Kit, as_of
from adapters.kit.contract import (
    AgencyError,
    AgencyHasNoSuchPerson,
    AgencyRejectedMessage,
    Handed,
    Item,
    Question,
    RawAnswer,
    Service,
)
from adapters.kit.fitting import check_fits
from adapters.kit.transports.collected import Collected
from adapters.kit.transports.filebox import FileBox
from adapters.kit.transports.sftp import account, answer_deadline_s

SESSION_S = 60.0  # one log-in; the manifest's timeout_s is for the whole answer


class Payment(Protocol):
    """What a file says of one payment."""

    def record(self) -> dict[str, object]:
        """The canonical payment (`canonical/payment.v1.json`)."""


class PaysByFile(BaseAdapter):
    """Orders that come together leave as one file; what became of them is read from files, once for all who ask.

    A subclass says how its files are written (`sent`) and read (`seen`).
    """

    whom: ClassVar[str]  # in refusals: `the bank`
    kind: ClassVar[str]  # what it pays to: `account`, `card`

    def __init__(self, kit: Kit, deadline_setting: str) -> None:
        super().__init__(kit)
        deadline = answer_deadline_s(kit, deadline_setting)
        self.box = FileBox(account(kit, session_s=min(deadline, SESSION_S)), deadline)
        self._orders = Collected(self.sent)

    @abstractmethod
    async def sent(self, items: Sequence[Item]) -> Mapping[str, Handed | AgencyError]:
        """One file of orders and what became of each, by the item's id; see `collected.Send`."""

    @abstractmethod
    async def seen(self) -> Mapping[str, Payment]:
        """What the files there are say of every payment, by its reference.

        Raises:
            AgencyError: they cannot be had, or not be read.
        """

    def check_order(self, item: Item) -> None:
        """Raises AgencyRejectedMessage for what is no order to pay here; `code`: `record`, `kind` or `amount`."""
        service = self.service_for(item)
        if item.record["pay_kind"] != self.kind:
            raise AgencyRejectedMessage(f"{service.id} pays to {self.kind} only", code="kind")
        if item.record["amount"] == "0.00":
            raise AgencyRejectedMessage("an order of nothing is not sent", code="amount")

    async def deliver(self, item: Item) -> Handed:
        """Order one payment; `state` is the agency's word for it, with its reason.

        Raises:
            AgencyRejectedMessage, AgencyRefused: nothing of the file is taken, or this is no order to pay here.
            AgencyUnavailable: no answer in time; safe to send again.
        """
        self.check_order(item)
        return await self._orders.deliver(item)

    async def ask(self, question: Question) -> RawAnswer:
        """What became of one payment; see `contract.Adapter.ask`."""
        service = self.service(question.service)
        return self._answered(question, service, await self.seen())

    async def ask_many(self, questions: Sequence[Question]) -> AsyncIterator[tuple[int, RawAnswer | AgencyError]]:
        """The files are read once for all; see `contract.Adapter.ask_many`."""
        found: Mapping[str, Payment] | AgencyError
        try:
            found = await self.seen()
        except AgencyError as error:
            found = error
        for at, question in enumerate(questions):
            yield at, found if isinstance(found, AgencyError) else self._one(question, found)

    def mapped(self, service: Service, raw: RawAnswer) -> dict[str, object]:
        """The payload is canonical by now: the files are read into it."""
        del service
        payload: Any = raw.payload
        return dict(payload)

    def _one(self, question: Question, found: Mapping[str, Payment]) -> RawAnswer | AgencyError:
        try:
            return self._answered(question, self.service(question.service), found)
        except AgencyError as error:
            return error

    def _answered(self, question: Question, service: Service, found: Mapping[str, Payment]) -> RawAnswer:
        payment = question.subject.identifier("PAYMENT")
        if payment is None:
            raise AgencyRejectedMessage(f"{self.whom} is asked by the payment's reference", code="identifier")
        if payment not in found:
            raise AgencyHasNoSuchPerson(f"no file of {self.whom} tells of this payment", code="not_found")
        record = found[payment].record()
        fault = f"the payment in the files of {self.whom} does not fit"
        check_fits(record, schemas.validator(service.record_schema), fault)
        return RawAnswer(record, as_of(service, question.as_at), code=str(record.get("reason") or record["state_told"]))
