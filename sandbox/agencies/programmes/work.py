"""What a programme does: takes candidates, enrols as far as places go, replaces who leaves, and tells all of it.

Whoever sends us a message gets only an acknowledgement. What we decided is an event of our own, written into the
outgoing post in the transaction that changed the book, and sent by a task that goes on after a restart.
"""

import asyncio
import logging
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import replace
from datetime import date
from typing import Any

import schemas
from sandbox import dci
from sandbox.at_work import AtWork
from sandbox.gateway_client import Clients, GatewayUnreachable, NoCredentials
from sandbox.nic import normal
from sandbox.post import Post

from . import wire
from .book import Book, Person, Vacancy
from .certificates import GOOD, verified
from .settings import Programme, ProgrammeSettings
from .subscribing import CIVIL, death_subscription
from .telling import ENROLMENT, STATUS_CHANGE, Telling

KINDS = {"Candidate": "candidate", "ProgrammeUpdate": "programme-update", "Confirmation": "beneficiary-confirmation"}
VITAL_EVENT = "sandhi:vital-event:v1"
ON_THE_ROLL = ("active", "suspended")
GONE = ("deceased", "graduated", "exited", "refused")
ENDED_BY = {"died": "deceased", "withdrew": "exited"}  # update -> state
AGAIN_S = 5.0

log = logging.getLogger(__name__)


class Mis(AtWork):
    """One programme's work on its book. Used from one event loop.

    Args:
        day: the list date; what the programme does is dated by it.
    """

    def __init__(self, book: Book, settings: ProgrammeSettings, clients: Clients, day: date) -> None:
        super().__init__(book.answered)
        self.book, self.settings, self.day = book, settings, day
        self.post = Post(book.database, clients)
        self._telling = Telling(self.post, settings, day)
        self._client = clients.named(settings.registered.client)

    @property
    def programme(self) -> Programme:
        """Whose system this is."""
        return self.settings.programme

    async def subscribe_to_deaths(self) -> None:
        """Ask civil registration, through the gateway, to be told of deaths.

        Raises:
            GatewayRefused, GatewayUnreachable, NoCredentials.
        """
        await self._client.tell("subscribe", CIVIL, death_subscription())

    def subscribed(self, event_types: set[str]) -> dict[str, str]:
        """The partner wants our events; the codes of its subscriptions.

        Raises:
            Refused: a type that IBR does not have.
        """
        if not event_types <= {ENROLMENT, STATUS_CHANGE}:
            raise dci.Refused(400, "err.request.bad", f"reg_event_type is {ENROLMENT} or {STATUS_CHANGE}")
        with self.book.transaction():
            codes = {event_type: self.book.subscribe(event_type) for event_type in sorted(event_types)}
        self._wake.set()
        return codes

    def enlist(self, nic: str, candidate: Mapping[str, Any]) -> None:
        """Consider somebody who applied to the programme itself."""
        with self.book.transaction():
            self._consider(wire.Told(str(candidate["member_id"]), new_form(nic), dict(candidate)))
        self._wake.set()

    def graduate(self, member_id: str) -> None:
        """A household that does not need the allowance any more leaves with its own word for it."""
        with self.book.transaction():
            self._left(self._on_the_roll(member_id), "graduated", "")
        self._wake.set()

    def leave(self, member_id: str, reason: str) -> None:
        """Exit for another reason: moved away, not claimed, found not to be eligible."""
        with self.book.transaction():
            self._left(self._on_the_roll(member_id), "exited", reason)
        self._wake.set()

    def complain(self, member_id: str, category: str) -> str:
        """A beneficiary's grievance; gives its number."""
        person = self._on_the_roll(member_id)
        case = f"{self.programme.id.upper()}-G-{member_id}"
        with self.book.transaction():
            self.book.put_grievance(case, member_id, "opened")
            told = {"case": case, "category": category, "state": "opened"}
            self._telling.happened(person, "grievance", told, key=f"event:{case}:opened")
        self._wake.set()
        return case

    def overdue(self, before: date) -> list[str]:
        """Suspend everybody without a confirmation since that day; gives their member ids."""
        if not self.programme.confirmations:
            return []
        late = [each for each in self.book.people("active") if each.confirmed_on < before.isoformat()]
        with self.book.transaction():
            for person in late:
                self._became(person, "suspended", "suspended", {"reason": "no_confirmation"})
        self._wake.set()
        return [each.member_id for each in late]

    def publish(self, gn_division: str) -> int:
        """The notice for one GN division: a line for each beneficiary; gives how many."""
        listed = [each for each in self.book.people("active") if each.record["gn_division"] == gn_division]
        notice = f"{self.programme.id}-{gn_division}-{self.day.isoformat()}"
        with self.book.transaction():
            for number, person in enumerate(listed, start=1):
                self._telling.published(person, notice, number)
        self._wake.set()
        return len(listed)

    async def told(self, *, seconds: float) -> None:
        """Everything that came in is decided, and all events are with the gateway."""
        async with asyncio.timeout(seconds):
            while self.book.people("checking") or any(self.post.letters(each, "new") for each in self._due()):
                self._wake.set()
                await asyncio.sleep(0.05)

    def _take(self, item: Mapping[str, Any]) -> None:
        record_type, reference = item["data"]["reg_record_type"], str(item["reference_id"])
        if record_type == VITAL_EVENT:
            self._vital(item["data"]["reg_records"])
            return
        if record_type not in KINDS:
            raise dci.Refused(400, "err.request.bad", f"reg_record_type is one of {', '.join(KINDS)}")
        told = wire.told(KINDS[record_type], item["data"]["reg_records"])
        if record_type == "Candidate":
            self._consider(told)
            return
        known = self.book.find(told.member_id)
        if known is None:
            raise dci.Refused(404, "err.request.not_found", "this programme does not know the person")
        if record_type == "Confirmation":
            self._confirm(known, reference, told.record)
        elif told.record["event"] in ENDED_BY:
            self._left(known, ENDED_BY[told.record["event"]], told.record["event"])
        elif known.state in ON_THE_ROLL:
            self._telling.happened(known, "updated", {"reason": told.record["event"]}, key=f"event:{reference}:updated")

    def _vital(self, told: Mapping[str, Any]) -> None:
        """A death, told by civil registration about everybody: most are not ours, and that is no error."""
        numbers = wire.read_numbers(told.get("identifiers"))
        record = {name: value for name, value in told.items() if name != "identifiers"}
        if (fault := schemas.first_fault(schemas.validator("canonical/vital-event.v1.json"), record)) is not None:
            raise dci.Refused(400, "err.request.bad", f"the record is no vital event at {fault}")
        person = self.book.by_nic(new_form(numbers.get("NIC", "")))
        if person is not None and record["event"] == "death":
            self._left(person, "deceased", "died")

    def _consider(self, told: wire.Told) -> None:
        """Take a candidate on: to the roll, to the waiting list, or first to the health register."""
        if told.record["programme"] != self.programme.id:
            raise dci.Refused(400, "err.request.bad", "the candidate is of another programme")
        known, vacancy = self.book.find(told.member_id), told.record.get("vacancy", "")
        named_again = known is not None and (known.state == "unverified" or (vacancy and known.state == "waiting"))
        if known is not None and not named_again:
            return
        state = "checking" if self.programme.certificate else "waiting"
        person = Person(told.member_id, told.nic, told.record["ds_division"], told.record, state)
        self.book.put(person)
        if state == "waiting":
            self._place(person)

    def _place(self, person: Person) -> None:
        """A replacement fills its vacancy; everybody else gets a place while there is one, and waits otherwise."""
        vacancy = self.book.vacancy(person.record.get("vacancy", ""))
        if vacancy is not None and not vacancy.filled_by and vacancy.ds_division == person.ds_division:
            self._enrol(person, vacancy)
        elif self.book.taken(person.ds_division) < self.programme.places:
            self._enrol(person, None)
        else:
            self.book.put(replace(person, state="waiting"))

    def _enrol(self, person: Person, vacancy: Vacancy | None) -> None:
        on = self.day.isoformat()
        enrolled = replace(person, state="active", enrolled_on=on, confirmed_on=on)
        self.book.put(enrolled)
        if vacancy is not None:
            self.book.put_vacancy(replace(vacancy, filled_by=person.member_id))
        filled = {"vacancy": vacancy.id} if vacancy else {}
        self._telling.happened(enrolled, "enrolled", filled, key=f"event:{person.member_id}:enrolled")

    def _confirm(self, person: Person, reference: str, record: Mapping[str, Any]) -> None:
        """A confirmation of a kind that this programme takes, about somebody on its roll."""
        kind = record["kind"]
        if kind not in self.programme.confirmations or record["programme"] != self.programme.id:
            raise dci.Refused(400, "err.request.bad", "this programme takes no such confirmation")
        if (kind == "monthly") != ("month" in record) or (kind == "nominee") != ("nominee" in record):
            raise dci.Refused(400, "err.request.bad", "month belongs to monthly, nominee to nominee")
        if person.state not in ON_THE_ROLL:
            raise dci.Refused(409, "err.request.bad", "the person is not on the roll")
        if not self.book.note_confirmation(reference, person.member_id, record) or kind == "nominee":
            return
        seen = replace(person, confirmed_on=max(person.confirmed_on, record["seen_on"]))
        self.book.put(seen)
        if person.state == "suspended":
            self._became(seen, "active", "reinstated", {"reason": kind})

    def _left(self, person: Person, state: str, reason: str) -> None:
        """Somebody leaves; a place on the roll becomes a vacancy, filled from the waiting list or told."""
        if person.state in GONE:
            return
        if person.state not in ON_THE_ROLL:
            self.book.put(replace(person, state=state, changed_on=self.day.isoformat()))
            return
        number = f"V-{self.programme.id}-{person.member_id}"
        self._became(person, state, state, ({"reason": reason} if reason else {}) | {"vacancy": number})
        self._vacate(person, Vacancy(number, person.ds_division, reason or state, self.day.isoformat()))

    def _vacate(self, person: Person, vacancy: Vacancy) -> None:
        self.book.put_vacancy(vacancy)
        successor = self.book.next_waiting(vacancy.ds_division)
        if successor is not None:
            self._enrol(successor, vacancy)
            return
        self._telling.vacant(person, vacancy)

    def _became(self, person: Person, state: str, event: str, told: Mapping[str, str]) -> None:
        now = replace(person, state=state, changed_on=self.day.isoformat())
        self.book.put(now)
        self._telling.happened(now, event, told, key=f"event:{person.member_id}:{event}:{person.confirmed_on}")

    def _on_the_roll(self, member_id: str) -> Person:
        person = self.book.find(member_id)
        if person is None or person.state not in ON_THE_ROLL:
            raise KeyError("not on the roll of this programme")
        return person

    def _due(self) -> list[str]:
        """Kinds of post to send now: events only to a partner who subscribed to them."""
        return sorted(self.book.subscribed())

    async def _working(self) -> None:
        while True:
            await self._wake.wait()
            self._wake.clear()
            try:
                await self._verify()
                await self.post.send(self._due())
            except (GatewayUnreachable, NoCredentials) as error:
                log.warning("work is waiting: %s", type(error).__name__)
                await asyncio.sleep(AGAIN_S)
                self._wake.set()

    async def _verify(self) -> None:
        """Ask the health register, through the gateway, whether each certificate is genuine and of our category."""
        for person in self.book.people("checking"):
            member = self.programme.own_id.rpartition(".")[0].replace(".", "/")
            state = await verified(self._client, person, self.programme.certificate, self.day, member=member)
            with self.book.transaction():
                if state == GOOD:
                    self._place(person)
                else:
                    self.book.put(replace(person, state=state, changed_on=self.day.isoformat()))


def new_form(nic: str) -> str:
    """The new form of a national number; the text itself if it is none."""
    with suppress(ValueError):
        return normal(nic)
    return nic
