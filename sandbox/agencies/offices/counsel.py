"""The counsellors: people whose line says `verify` wait in the queue; what is found goes to ESS.

A counsellor's own finding comes from the form (`desk`). Else whom a counsellor meets is simulated from what is really
so about a person, the same in every run.
"""

from collections import Counter
from collections.abc import Callable, Mapping
from datetime import date, timedelta

import schemas
from sandbox.luck import luck
from sandbox.nic import normal
from sandbox.person import World
from sandbox.post import DELIVERY, Letter, Post

from .book import Book, Client
from .settings import client_of

FINDING = "finding"  # kind of post
PURPOSE = "employment-support.referral"
ROLE = "employment counsellor"
ROLES = (ROLE, "outreach officer", "head of office")
FOUND_WORDS = ("confirmed_no_work", "working", "not_found", "declined")
FOUND = timedelta(days=14)  # after the list date
DECLINES, AWAY = 20, 25  # one person in so many does not answer questions, is never at home


class FindingRefused(Exception):
    """A finding is not whole, or not the first about a person; the text says which."""


class Counsellors:
    """The queue of all offices.

    Args:
        real: what is so about the person with this number (new form).
        day: the list date.
    """

    def __init__(self, book: Book, post: Post, real: Callable[[str], World], day: date) -> None:
        self._book, self._post, self._real, self._day = book, post, real, day

    def queue(self) -> list[Client]:
        """Everybody with something to verify and no finding yet."""
        return [client for client in self._waiting() if self._post.find(_key(client)) is None]

    def letter_about(self, client: Client) -> Letter | None:
        """The finding about a person, and how far it got."""
        return self._post.find(_key(client))

    def note(self, client: Client, found: Mapping[str, str], on: date, role: str) -> None:
        """Keep what a counsellor found, to be sent.

        Args:
            found: source -> one of `FOUND_WORDS`, for everything to verify.
            role: one of `ROLES`; no name of an officer leaves the office.

        Raises:
            FindingRefused: something is missing or cannot be, or a finding is there already.
        """
        if self.letter_about(client) is not None:
            raise FindingRefused("There is a finding about this person already.")
        record = _record(client, {source: found.get(source, "") for source in client.record["verify"]}, on, role)
        if schemas.first_fault(schemas.validator("canonical/finding.v1.json"), record) or role not in ROLES:
            raise FindingRefused("Say for each check what you found, and in which role.")
        with self._book.transaction():
            self._post.put(_letter(client, record))

    async def send(self, *, seconds: float) -> None:
        """Hand every finding that is kept to the gateway, and follow it.

        Raises:
            GatewayUnreachable, NoCredentials: some are still `new`; call again.
        """
        await self._post.settle([FINDING], seconds=seconds)

    async def counsel(self, *, seconds: float) -> None:
        """Work through the queue, and wait until ESS has every finding.

        Raises:
            GatewayUnreachable, NoCredentials: call again.
        """
        queue = self.queue()
        with self._book.transaction():
            for client in queue:
                self._post.put(self._simulated(client))
        await self._post.settle([FINDING], seconds=seconds)

    def counts(self) -> dict[str, int]:
        """People by what was found."""
        letters = self._post.letters(FINDING)
        return dict(sorted(Counter(letter.body["record"]["checks"][0]["finding"] for letter in letters).items()))

    def found(self, client: Client) -> str:
        """What a counsellor finds when this person is asked or visited."""
        real = self._real(normal(client.nic))
        if not real.alive or luck("home", client.member_id) % AWAY == 0:
            return "not_found"
        if luck("answer", client.member_id) % DECLINES == 0:
            return "declined"
        return "working" if real.working else "confirmed_no_work"

    def _waiting(self) -> list[Client]:
        return [client for client in self._book.people() if client.record["verify"]]

    def _simulated(self, client: Client) -> Letter:
        found = dict.fromkeys(client.record["verify"], self.found(client))
        return _letter(client, _record(client, found, self._day + FOUND, ROLE))


def _record(client: Client, found: Mapping[str, str], on: date, role: str) -> dict[str, object]:
    return {
        "member_id": client.member_id,
        "checks": [{"source": source, "finding": finding} for source, finding in found.items()],
        "found_on": on.isoformat(),
        "officer_role": role,
    }


def _letter(client: Client, record: Mapping[str, object]) -> Letter:
    body = {
        "service": "ess.finding",
        "purpose": PURPOSE,
        "subject": {"identifiers": [{"type": "NIC", "value": client.nic}]},
        "record": record,
    }
    return Letter(_key(client), client_of(client.office), FINDING, DELIVERY, body)


def _key(client: Client) -> str:
    return f"finding:{client.member_id}"
