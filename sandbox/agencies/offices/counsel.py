"""The counsellors: people whose line says `verify` wait in the queue; what is found goes to ESS.

Who a counsellor meets is simulated from what is really so about a person, the same in every run.
"""

from collections import Counter
from collections.abc import Callable
from datetime import date, timedelta

from sandbox.luck import luck
from sandbox.nic import normal
from sandbox.person import World
from sandbox.post import DELIVERY, Letter, Post

from .book import Book, Client
from .settings import client_of

FINDING = "finding"  # kind of post
PURPOSE = "employment-support.referral"
ROLE = "employment counsellor"
FOUND = timedelta(days=14)  # after the list date
DECLINES, AWAY = 20, 25  # one person in so many does not answer questions, is never at home


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

    async def counsel(self, *, seconds: float) -> None:
        """Work through the queue, and wait until ESS has every finding.

        Raises:
            GatewayUnreachable, NoCredentials: call again.
        """
        queue = self.queue()
        with self._book.transaction():
            for client in queue:
                self._post.put(self._letter(client))
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

    def _letter(self, client: Client) -> Letter:
        found = self.found(client)
        record = {
            "member_id": client.member_id,
            "checks": [{"source": source, "finding": found} for source in client.record["verify"]],
            "found_on": (self._day + FOUND).isoformat(),
            "officer_role": ROLE,
        }
        body = {
            "service": "ess.finding",
            "purpose": PURPOSE,
            "subject": {"identifiers": [{"type": "NIC", "value": client.nic}]},
            "record": record,
        }
        return Letter(_key(client), client_of(client.office), FINDING, DELIVERY, body)


def _key(client: Client) -> str:
    return f"finding:{client.member_id}"
