"""Outreach: the preferred channel first, then the others, until one reached the person or none is left.

| the delivery ended as | then |
| --- | --- |
| delivered (or sent, and no word in time) | reached, nothing more is sent |
| failed | the next channel; after the last one, the visit list |
| refused by the provider: the person opted out | nothing more is sent, on any channel |
| refused by the rules: no consent to alerts | nothing is sent |
| unknown: cut while it was sent | shown, never sent again, no other channel: it may have arrived |
"""

from collections import Counter
from collections.abc import Mapping

from sandbox.gateway_client import Clients
from sandbox.post import DELIVERY, Letter, Post

from . import texts
from .book import Book, Client
from .settings import OfficeSettings, client_of

ALERT = "alert"  # kind of post
PURPOSE = "employment-support.outreach"
CHANNELS = ("sms", "whatsapp", "voice")
DELIVERED = frozenset({"delivered", "read", "completed"})
FAILED = frozenset({"failed", "undelivered", "canceled", "busy", "no-answer"})
FINAL = DELIVERED | FAILED
COUNTED = ("sent", "delivered", "failed", "unknown", "refused")


class Alerts:
    """Alerts of all offices, each sent as its own office."""

    def __init__(self, book: Book, settings: OfficeSettings, clients: Clients) -> None:
        self.book, self._settings = book, settings
        self.post = Post(book.database, clients)

    async def send(self, *, seconds: float) -> None:
        """Alert everybody who was not alerted yet, and see it through. A second call goes on where this one ended.

        Args:
            seconds: how long the last word on a message is waited for, in each round.

        Raises:
            GatewayUnreachable, NoCredentials: call again.
        """
        for _ in CHANNELS:
            open_ = [client for client in self.book.people() if not client.contact]
            with self.book.transaction():
                for client in open_:
                    self._write(client)
            await self.post.settle([ALERT], seconds=seconds, done=_said)
            for client in open_:
                self._judge(client)

    def counts(self) -> dict[str, dict[str, int]]:
        """By channel.

        `sent` is what the provider took; `delivered` and `failed` its last word on them (what never got to the
        provider failed too); `unknown` was cut while it was sent; `refused` was not to be sent: no consent, opted out.
        """
        found = {channel: dict.fromkeys(COUNTED, 0) for channel in CHANNELS}
        for letter in self.post.letters(ALERT):
            count, end = found[letter.body["record"]["channel"]], ended(letter)
            count["sent"] += letter.state == "handed"
            if end not in {"", "sent"}:
                count["refused" if end == "opted_out" else end] += 1
        return found

    def contacts(self) -> dict[str, int]:
        """How outreach ended, by word of `book.Client.contact`."""
        return dict(sorted(Counter(client.contact for client in self.book.people() if client.contact).items()))

    def _write(self, client: Client) -> None:
        channel = self._next(client)
        if channel:
            self.post.put(self._letter(client, channel))

    def _next(self, client: Client) -> str:
        """The channel to use now: none while an alert is under way, has arrived, or may not be sent."""
        if "phone" not in client.record["person"]:
            return ""
        for channel in channels(client.record):
            letter = self.post.find(_key(client, channel))
            if letter is None:
                return channel
            if ended(letter) != "failed":
                return ""
        return ""

    def _judge(self, client: Client) -> None:
        """Close the outreach to a person when nothing is left to try."""
        if "phone" not in client.record["person"]:
            self.book.ended(client, "visit", "no_phone")
            return
        letters = [self.post.find(_key(client, channel)) for channel in channels(client.record)]
        ends = [ended(letter) for letter in letters if letter is not None]
        contact = CONTACT.get(ends[-1] if ends else "", "")
        if contact:
            self.book.ended(client, contact)
        elif len(ends) == len(CHANNELS) and ends[-1] == "failed":
            self.book.ended(client, "visit", "not_delivered")

    def _letter(self, client: Client, channel: str) -> Letter:
        person, readiness = client.record["person"], client.record["readiness"]
        language = person.get("language", "sin")
        alert = {
            "channel": channel,
            "to": person["phone"],
            "language": language,
            "text": texts.text(language, channel, client.office, readiness),
        }
        if channel == "whatsapp":
            filled = texts.variables(language, client.office, readiness)
            alert["template"] = {"sid": self._settings.templates[language], "variables": filled}
        body = {
            "service": "messaging.alert",
            "purpose": PURPOSE,
            "subject": {"identifiers": [{"type": "NIC", "value": client.nic}]},
            "record": alert,
        }
        return Letter(_key(client, channel), client_of(client.office), ALERT, DELIVERY, body)


# how outreach ended, by the end of the last alert
CONTACT = {
    "delivered": "reached",
    "sent": "reached",
    "opted_out": "opted_out",
    "refused": "no_basis",
    "unknown": "unknown",
}


def channels(record: Mapping[str, object]) -> list[str]:
    """All channels, the person's preferred one first."""
    return sorted(CHANNELS, key=lambda channel: channel != record.get("channel"))


def ended(letter: Letter) -> str:
    """How an alert ended: delivered, failed, opted_out, refused, unknown; `sent` if the provider took it and said no
    more; empty while it is under way. A later word of the provider settles what was unknown."""
    if letter.state in {"handed", "unknown"} and letter.receiver in FINAL:
        return "delivered" if letter.receiver in DELIVERED else "failed"
    if letter.state == "refused":
        return "opted_out" if letter.outcome == "refused_by_source" else "refused"
    return {"handed": "sent", "failed": "failed", "unknown": "unknown"}.get(letter.state, "")


def _said(letter: Letter) -> bool:
    """Whether nothing more is to come."""
    return letter.state != "handed" or letter.receiver in FINAL


def _key(client: Client, channel: str) -> str:
    return f"alert:{client.member_id}:{channel}"
