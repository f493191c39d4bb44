"""The counsellors: people whose line says `verify` wait in the queue; what is found goes to ESS.

A counsellor's own finding comes from the form (`desk`). Else whom a counsellor meets is simulated from what is really
so about a person, the same in every run. A finding that was wrong is followed by another one of the same or a later
day: nothing that was sent is taken back, the last word counts (`schemas/canonical/finding.v1.json` has no more).
"""

from collections import Counter
from collections.abc import Callable, Mapping
from datetime import date

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
MOST_FINDINGS = 99  # about one person: two digits of a letter's key
ENDED = frozenset({"handed", "refused", "failed", "unknown"})  # states of a letter that is not under way
DECLINES, AWAY = 20, 25  # one person in so many does not answer questions, is never at home


class FindingRefused(Exception):
    """A finding is not whole, or cannot follow the one before it; the text says which."""


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
        found = self.findings()
        return [client for client in self._waiting() if client.member_id not in found]

    def findings(self) -> dict[str, list[Letter]]:
        """Member id -> the findings about this person, the last word last, and how far each got."""
        found: dict[str, list[Letter]] = {}
        for letter in self._post.letters(FINDING):
            found.setdefault(letter.body["record"]["member_id"], []).append(letter)
        return found

    def note(self, client: Client, found: Mapping[str, str], on: date, role: str, *, corrects: int = 0) -> None:
        """Keep what a counsellor found, to be sent.

        Args:
            found: source -> one of `FOUND_WORDS`, for everything to verify.
            role: one of `ROLES`; no name of an officer leaves the office.
            corrects: how many findings about the person were known to whoever says this.

        Raises:
            FindingRefused: something is missing or cannot be, or another finding was quicker or is under way.
        """
        before = self.findings().get(client.member_id, [])
        if len(before) != corrects:
            raise FindingRefused("There is a finding about this person already.")
        record = _record(client, {source: found.get(source, "") for source in client.record["verify"]}, on, role)
        if schemas.first_fault(schemas.validator("canonical/finding.v1.json"), record) or role not in ROLES:
            raise FindingRefused("Say for each check what you found, and in which role.")
        if before:
            _check_correction(before, record)
        with self._book.transaction():
            self._post.put(_letter(client, record, number=len(before) + 1))

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
        """People by what was found last."""
        last = [letters[-1].body["record"]["checks"][0]["finding"] for letters in self.findings().values()]
        return dict(sorted(Counter(last).items()))

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
        return _letter(client, _record(client, found, self._day, ROLE))


def _record(client: Client, found: Mapping[str, str], on: date, role: str) -> dict[str, object]:
    return {
        "member_id": client.member_id,
        "checks": [{"source": source, "finding": finding} for source, finding in found.items()],
        "found_on": on.isoformat(),
        "officer_role": role,
    }


def _check_correction(before: list[Letter], record: Mapping[str, object]) -> None:
    """Raise FindingRefused where a finding cannot follow those before it."""
    last = before[-1]
    if last.state not in ENDED:
        raise FindingRefused("The finding is still on its way. Correct it once it has arrived.")
    if len(before) == MOST_FINDINGS:
        raise FindingRefused("This finding was corrected too often. Speak with employment support.")
    if str(record["found_on"]) < last.body["record"]["found_on"]:
        raise FindingRefused("The day lies before the finding that you correct.")
    if record == last.body["record"]:
        raise FindingRefused("This is what was found before. Change what was wrong.")


def _letter(client: Client, record: Mapping[str, object], number: int = 1) -> Letter:
    """`number` counts the findings about this person from 1."""
    body = {
        "service": "ess.finding",
        "purpose": PURPOSE,
        "subject": {"identifiers": [{"type": "NIC", "value": client.nic}]},
        "record": record,
    }
    key = f"finding:{client.member_id}" + (f":{number:02}" if number > 1 else "")  # by key they stand in their order
    return Letter(key, client_of(client.office), FINDING, DELIVERY, body)
