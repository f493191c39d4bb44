"""Letters as signed PDFs: by e-mail through a relay, or to the post office, which prints and carries them."""

import asyncio
import hashlib
from collections.abc import Mapping
from datetime import UTC, datetime
from email.message import EmailMessage
from email.policy import SMTP as CRLF
from importlib import import_module
from typing import Any
from uuid import NAMESPACE_URL, uuid5

from adapters.kit.base import BaseAdapter, Kit, NotConfigured
from adapters.kit.contract import AgencyAnswerMalformed, AgencyRejectedMessage, Handed, Item
from adapters.kit.transports.filebox import FileBox
from adapters.kit.transports.sftp import account
from adapters.kit.transports.smtp import Relay, Smtp

from .signature import KeyUnusable, Seal, signed

SUBJECTS = {"sin": "ලිපියක්", "tam": "ஒரு கடிதம்", "eng": "A letter"}
COVER = {
    "sin": "ඇමුණුමේ ලිපියක් ඇත. එය අත්සන් කර ඇත.",
    "tam": "இணைப்பில் ஒரு கடிதம் உள்ளது. அது கையொப்பமிடப்பட்டுள்ளது.",
    "eng": "There is a letter for you in the attachment. It is signed.",
}
SESSION_S = 30.0  # one log-in at the post


class Letters(BaseAdapter):
    """A letter handed to the post again is printed once; an e-mail that was cut is not sent again by itself."""

    def __init__(self, kit: Kit) -> None:
        super().__init__(kit)
        limits = kit.limits()
        relay = Relay(kit.setting("host"), int(kit.setting("port")), _optional(kit, "USER"), _optional(kit, "PASSWORD"))
        self._smtp = Smtp(kit.dialler, relay, limits.timeout_s, concurrent=limits.concurrent)
        kit.breakers.append(self._smtp.breaker)
        self._post = FileBox(account(kit, session_s=SESSION_S, prefix="print_"), limits.timeout_s)
        self._sender = kit.setting("sender")
        self._fonts = {each: path for each in ("sin", "tam") if (path := _optional(kit, f"FONT_{each.upper()}"))}
        try:
            self._seal = Seal.read(kit.setting("signing_key"), kit.setting("certificate"))
        except KeyUnusable as error:
            raise NotConfigured(f"e_letters: LETTERS_SIGNING_KEY and LETTERS_CERTIFICATE: {error}") from None

    async def deliver(self, item: Item) -> Handed:
        """Send one letter; see `contract.Adapter.deliver`.

        Raises:
            AgencyRejectedMessage: no address for this way, no font, or the receiver is not taken.
            AgencyOutcomeUnknown: an e-mail was cut before the relay's last word.
        """
        service, letter = self.service_for(item), item.record
        wanted = "email" if service.id == "e_letters.email" else "address"
        if wanted not in letter:
            raise AgencyRejectedMessage(f"{wanted}: the letter has none", code=wanted)
        sheet = await asyncio.to_thread(self._sheet, letter)
        return await (self._mailed if wanted == "email" else self._printed)(item, sheet)

    def _sheet(self, letter: Mapping[str, Any]) -> bytes:
        """The day stands for the time: the same letter gives the same bytes to whoever prints it."""
        day = datetime.fromisoformat(f"{letter['dated']}T00:00:00+00:00").astimezone(UTC)
        drawing = import_module(".paper", __package__)  # what it draws with takes 20 MB: only for who sends letters
        return signed(drawing.drawn(letter, self._fonts), self._seal, day)

    async def _mailed(self, item: Item, sheet: bytes) -> Handed:
        record: Mapping[str, Any] = item.record
        mail = EmailMessage(policy=CRLF)
        mail["From"], mail["To"], mail["Subject"] = self._sender, record["email"], SUBJECTS[record["language"]]
        name = uuid5(NAMESPACE_URL, f"letter/{item.id}")
        mail["Message-ID"] = f"<{name}@{self._sender.rpartition('@')[2]}>"
        mail["Auto-Submitted"] = "auto-generated"  # RFC 3834: no machine shall answer it
        mail.set_content(COVER[record["language"]], cte="base64")
        mail.add_attachment(sheet, maintype="application", subtype="pdf", filename=f"{record['letter']}.pdf")
        await self._smtp.send(self._sender, record["email"], mail.as_bytes())
        return Handed(str(name), "relayed")

    async def _printed(self, item: Item, sheet: bytes) -> Handed:
        record: Mapping[str, Any] = item.record
        number = uuid5(NAMESPACE_URL, f"letter/{item.id}").hex
        slip = [f"L|1|{number}|{hashlib.sha256(sheet).hexdigest()}|{record['letter']}", *record["address"]]
        await self._post.hand_in(f"LET-{number}.pdf", sheet)
        await self._post.hand_in(f"LET-{number}.txt", "".join(f"{each}\n" for each in slip).encode())
        name, content = await self._post.awaited(f"ERR-{number}.txt", f"PRT-{number}.txt")
        fields = content.decode("ascii", "replace").strip().split("|")
        if fields[1:3] != ["1", number]:
            raise AgencyAnswerMalformed("the post's answer is about another letter", code="number")
        if name.startswith("ERR-"):
            raise AgencyRejectedMessage("the post does not print this letter", code=fields[3][:3])
        if fields != ["P", "1", number, "PRINTED"]:
            raise AgencyAnswerMalformed("the post's answer is out of format", code="answer")
        return Handed(number, "printed")


def build(kit: Kit) -> Letters:
    """The adapter of this folder."""
    return Letters(kit)


def _optional(kit: Kit, name: str) -> str:
    """A setting that a deployment may leave out: the relay's user and password, and fonts."""
    try:
        return kit.settings(f"LETTERS_{'' if name.startswith('FONT') else 'SMTP_'}{name}")
    except LookupError:
        return ""
