"""A bank by files: ISO 20022 payment lists, status reports, statements; confirmations of accounts, cards, nominees."""

import re
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from uuid import uuid4

from adapters.kit import strict_xml
from adapters.kit.base import BaseAdapter, Kit, as_of
from adapters.kit.contract import (
    AgencyAnswerMalformed,
    AgencyError,
    AgencyRejectedMessage,
    Handed,
    Item,
    Question,
    RawAnswer,
)
from adapters.kit.payments import PaysByFile

from . import confirmations, statements
from .orders import Debtor, message_id, pain_001, statuses, told
from .statements import Seen

FILES = re.compile(r"(PAIN002|CAMT053|CAMT054)-[A-Za-z0-9-]{1,60}\.xml")
ACCOUNT = "bank.account"


class Bank(PaysByFile):
    """The bank knows an instruction that it was given before; its word is a status with its reason (`RJCT AC04`)."""

    whom, kind = "the bank", "account"

    def __init__(self, kit: Kit) -> None:
        super().__init__(kit, "BANK_DEADLINE_S")
        self._limit = kit.limits().max_bytes
        self._debtor = Debtor(kit.setting("debtor_name"), kit.setting("debtor_account"), kit.setting("own_bank"))

    async def ask(self, question: Question) -> RawAnswer:
        """One payment, or one account; see `contract.Adapter.ask`."""
        return await (self._account(question) if question.service == ACCOUNT else super().ask(question))

    def ask_many(self, questions: Sequence[Question]) -> AsyncIterator[tuple[int, RawAnswer | AgencyError]]:
        """Accounts are asked about one by one, payments looked up together; see `contract.Adapter.ask_many`."""
        if any(each.service == ACCOUNT for each in questions):
            return BaseAdapter.ask_many(self, questions)
        return super().ask_many(questions)

    def parse(self, service: str, body: bytes) -> object:
        """The payload of one file: what it tells of one payment, or a confirmation."""
        if self.service(service).id == ACCOUNT:
            return confirmations.read(body, "")
        (only,) = statements.latest(iter(self._read(_kind(body), body))).values()
        return only.record()

    async def _account(self, question: Question) -> RawAnswer:
        nic, account = question.subject.identifier("NIC"), question.subject.identifier("ACCOUNT")
        if nic is None or account is None:
            raise AgencyRejectedMessage("the bank is asked by NIC and account together", code="identifier")
        number = uuid4().hex
        await self.box.hand_in(f"ACC-{number}.txt", confirmations.question(number, nic, account))
        _, content = await self.box.awaited(f"ACC-{number}.txt")
        return RawAnswer(confirmations.read(content, number), as_of(self.service(question.service), question.as_at))

    async def sent(self, items: Sequence[Item]) -> Mapping[str, Handed | AgencyError]:
        """A pain.001, and what its pain.002 says of each."""
        name = message_id(items)
        await self.box.hand_in(f"PAIN001-{name}.xml", pain_001(items, self._debtor, datetime.now(UTC)))
        _, content = await self.box.awaited(f"PAIN002-{name}.xml")
        return told(items, content, limit=self._limit)

    async def seen(self) -> Mapping[str, Seen]:
        """What counts of all status reports, statements and notifications; see `statements.latest`."""
        files = await self.box.all_of(FILES)
        return statements.latest(each for name, content in files.items() for each in self._read(name[:7], content))

    def _read(self, kind: str, content: bytes) -> Iterator[Seen]:
        if kind == "CAMT053":
            yield from statements.statement(content, limit=self._limit)
        elif kind == "CAMT054":
            yield from statements.notification(content, limit=self._limit)
        else:
            for each in statuses(content, limit=self._limit)[2]:
                yield statements.promised(each.payment, each.status, each.reason, each.on)


def build(kit: Kit) -> Bank:
    """The adapter of this folder."""
    return Bank(kit)


def _kind(body: bytes) -> str:
    """Which file a golden sample is, by its root's namespace."""
    try:
        root = strict_xml.parse(body)
    except strict_xml.StrictError as error:
        raise AgencyAnswerMalformed(f"the file is {error}", code="xml") from None
    return next((kind for kind in ("camt.053", "camt.054") if kind in root.tag), "pain.002").replace(".", "").upper()
