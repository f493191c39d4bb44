"""A bank by files: ISO 20022 payment lists, status reports, statements; confirmations of accounts, cards, nominees."""

import re
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

from adapters.kit import strict_xml
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

from . import confirmations, statements
from .orders import Debtor, message_id, pain_001, statuses, told
from .statements import Seen

SESSION_S = 60.0  # one log-in; the manifest's timeout_s is for the whole answer
FILES = re.compile(r"(PAIN002|CAMT053|CAMT054)-[A-Za-z0-9-]{1,60}\.xml")


class Bank(BaseAdapter):
    """Orders that come together leave as one list. The bank knows an instruction that it was given before."""

    def __init__(self, kit: Kit) -> None:
        super().__init__(kit)
        deadline = answer_deadline_s(kit, "BANK_DEADLINE_S")
        self._box = FileBox(account(kit, session_s=min(deadline, SESSION_S)), deadline)
        self._limit = kit.limits().max_bytes
        self._debtor = Debtor(kit.setting("debtor_name"), kit.setting("debtor_account"), kit.setting("own_bank"))
        self._orders = Collected(self._sent)

    async def deliver(self, item: Item) -> Handed:
        """Order one payment; `state` is the bank's word with its reason (`ACSP`, `RJCT AC04`).

        Raises:
            AgencyRejectedMessage: the bank takes nothing of the list, or this is no order for an account.
            AgencyUnavailable: no status report in time; safe to send again.
        """
        check_order(item, self.service(item.service), kinds={"account"})
        return await self._orders.deliver(item)

    async def ask(self, question: Question) -> RawAnswer:
        """One payment, or one account; see `contract.Adapter.ask`."""
        service = self.service(question.service)
        if service.id == "bank.account":
            return await self._account(question, service)
        return _answered(question, service, latest=await self._seen())

    async def ask_many(self, questions: Sequence[Question]) -> AsyncIterator[tuple[int, RawAnswer | AgencyError]]:
        """Payments are looked up in files that are read once; see `contract.Adapter.ask_many`."""
        asked = [(at, each) for at, each in enumerate(questions) if each.service == "bank.payment"]
        found: Mapping[str, Seen] | AgencyError = {}
        try:
            found = await self._seen() if asked else {}
        except AgencyError as error:
            found = error
        for at, question in asked:
            yield at, found if isinstance(found, AgencyError) else self._one(question, found)
        places = [at for at, each in enumerate(questions) if each.service != "bank.payment"]
        async for at, answer in super().ask_many([questions[at] for at in places]):
            yield places[at], answer

    def parse(self, service: str, body: bytes) -> object:
        """The payload of one file: what it tells of one payment, or a confirmation."""
        if self.service(service).id == "bank.account":
            return confirmations.read(body, "")
        (only,) = statements.latest(iter(self._read(_kind(body), body))).values()
        return only.record()

    def mapped(self, service: Service, raw: RawAnswer) -> dict[str, object]:
        """Payloads are canonical by now: `statements` and `confirmations` read them into it."""
        del service
        payload: Any = raw.payload
        return dict(payload)

    async def _account(self, question: Question, service: Service) -> RawAnswer:
        nic, account = question.subject.identifier("NIC"), question.subject.identifier("ACCOUNT")
        if nic is None or account is None:
            raise AgencyRejectedMessage("the bank is asked by NIC and account together", code="identifier")
        number = uuid4().hex
        await self._box.hand_in(f"ACC-{number}.txt", confirmations.question(number, nic, account))
        _, content = await self._box.awaited(f"ACC-{number}.txt")
        return RawAnswer(confirmations.read(content, number), as_of(service, question.as_at))

    async def _sent(self, items: Sequence[Item]) -> Mapping[str, Handed | AgencyError]:
        name = message_id(items)
        await self._box.hand_in(f"PAIN001-{name}.xml", pain_001(items, self._debtor, datetime.now(UTC)))
        _, content = await self._box.awaited(f"PAIN002-{name}.xml")
        return told(items, content, limit=self._limit)

    async def _seen(self) -> dict[str, Seen]:
        files = await self._box.all_of(FILES)
        return statements.latest(each for name, content in files.items() for each in self._read(name[:7], content))

    def _read(self, kind: str, content: bytes) -> Iterator[Seen]:
        if kind == "CAMT053":
            yield from statements.statement(content, limit=self._limit)
        elif kind == "CAMT054":
            yield from statements.notification(content, limit=self._limit)
        else:
            for each in statuses(content, limit=self._limit)[2]:
                yield statements.promised(each.payment, each.status, each.reason, each.on)

    def _one(self, question: Question, found: Mapping[str, Seen]) -> RawAnswer | AgencyError:
        try:
            return _answered(question, self.service(question.service), latest=found)
        except AgencyError as error:
            return error


def build(kit: Kit) -> Bank:
    """The adapter of this folder."""
    return Bank(kit)


def _answered(question: Question, service: Service, *, latest: Mapping[str, Seen]) -> RawAnswer:
    payment = question.subject.identifier("PAYMENT")
    if payment is None:
        raise AgencyRejectedMessage("the bank is asked by the payment's reference", code="identifier")
    if payment not in latest:
        raise AgencyHasNoSuchPerson("no file of the bank tells of this payment", code="not_found")
    seen = latest[payment]
    if (fault := first_fault(validator(service.record_schema), seen.record())) is not None:
        raise AgencyAnswerMalformed(f"the payment in the bank's files does not fit at {fault}")
    return RawAnswer(seen.record(), as_of(service, question.as_at), code=seen.reason or seen.told)


def _kind(body: bytes) -> str:
    """Which file a golden sample is, by its root's namespace."""
    try:
        root = strict_xml.parse(body)
    except strict_xml.StrictError as error:
        raise AgencyAnswerMalformed(f"the file is {error}", code="xml") from None
    return next((kind for kind in ("camt.053", "camt.054") if kind in root.tag), "pain.002").replace(".", "").upper()
