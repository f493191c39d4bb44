"""The bank at work: lists and questions in, status reports, confirmations and statements out."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from sandbox.faults import Fault, Faults
from sandbox.filebox import Box, BoxSettings, make_box_settings

from .book import Account, Book
from .lists import ListRefused, instructions, report
from .statements import notification, statement

INCOMING = re.compile(r"PAIN001-S[0-9a-f]{32}\.xml|ACC-[0-9a-f]{32}\.txt")
_QUESTION = re.compile(rb"([0-9]{12})\|([0-9]{6,20})")


@dataclass(frozen=True, slots=True)
class BankSettings:
    """The box, and whose account pays."""

    box: BoxSettings
    debtor_name: str = "Welfare Benefits Board"

    def exported(self, book: Book) -> dict[str, str]:
        """What the partner is given, by the names of the sandbox settings file."""
        own = {"DEBTOR_NAME": self.debtor_name, "DEBTOR_ACCOUNT": book.debtor, "CODE": book.bank}
        return self.box.exported("BANK") | {f"BANK_{name}": value for name, value in own.items()}


def make_settings(data_dir: Path, *, port: int = 0) -> BankSettings:
    """Make or read the settings; `data_dir` is the agency's own folder."""
    return BankSettings(make_box_settings(data_dir, port=port))


async def serve(book: Book, settings: BankSettings, faults: Faults) -> "Counter":
    """Start the bank."""
    counter = Counter(book, settings, faults)
    await counter.box.open()
    return counter


class Counter:
    """A running bank."""

    def __init__(self, book: Book, settings: BankSettings, faults: Faults) -> None:
        self.book, self._settings = book, settings
        self.box = Box(settings.box, INCOMING, self._answered, faults)
        self._statements = 0

    def exported(self) -> dict[str, str]:
        """What the partner is given, with the port that was taken."""
        return BankSettings(self.box.settings, self._settings.debtor_name).exported(self.book)

    async def close(self) -> None:
        """Stop."""
        await self.box.close()

    def close_day(self, day: date) -> None:
        """Book what waits; publish the notification of it, then the day's statement."""
        opening, bookings = self.book.balance, self.book.booked()
        self._statements += 1
        name = f"{day:%Y%m%d}-{self._statements:04}"
        account = self.book.debtor
        self.box.publish(f"CAMT054-{name}.xml", notification(account, day, bookings, self._statements))
        self.box.publish(f"CAMT053-{name}.xml", statement(account, day, opening, bookings, self._statements))

    def _answered(self, name: str, content: bytes, fault: Fault) -> Mapping[str, bytes]:
        if name.startswith("ACC-"):
            return {name: confirmation(name[4:36], content, self.book.accounts, fault)}
        message_id, answer = name[8:41], name.replace("PAIN001", "PAIN002")
        if fault is Fault.WRONG_SCHEMA:
            return {answer: b'<Document xmlns="urn:iso:std:iso:20022:tech:xsd:pain.002.001.12"/>'}
        try:
            if fault is Fault.REFUSE:
                raise ListRefused("NARR")
            told = [(each, self.book.take(each)) for each in instructions(content, message_id, self.book.debtor)]
        except ListRefused as refused:
            return {answer: report(message_id, str(refused), [])}
        return {answer: report(message_id, "", told)}


def confirmation(number: str, content: bytes, accounts: Mapping[str, Account], fault: Fault) -> bytes:
    """The answer to a question about one account: section 6 of the profile."""
    lines = content.split(b"\n")
    asked = _QUESTION.fullmatch(lines[1]) if len(lines) == 3 and not lines[2] else None
    if fault is Fault.WRONG_SCHEMA:
        return b"A|9|\nfound\n"
    if lines[0] != f"Q|1|{number}".encode() or asked is None:
        return f"E|1|{number}\nC01\n".encode()
    if fault is Fault.REFUSE:
        return f"E|1|{number}\nC02\n".encode()
    account = accounts.get(asked[2].decode())
    if account is None:
        return f"A|1|{number}\nunknown\n".encode()
    state = "Y" if account.is_open else "N"
    if account.nic != asked[1].decode():
        return f"A|1|{number}\nfound|{state}|N|N|N|\n".encode()
    return f"A|1|{number}\nfound|{state}|Y|{account.card}|{account.nominee}|{account.opened:%Y%m%d}\n".encode()
