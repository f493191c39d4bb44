"""What ESS does: takes referrals, decides, tells, hands people to their local offices, passes findings on.

Whoever sends us a message gets only an acknowledgement. What we decided is an event of our own, written into the
outgoing post in the transaction that stored the referral and sent by a task that goes on after a restart.
"""

import asyncio
import logging
from collections.abc import Container, Iterable, Mapping
from contextlib import suppress
from datetime import date
from typing import Any, Protocol

from sandbox import dci
from sandbox.at_work import AtWork
from sandbox.gateway_client import Clients, GatewayUnreachable, NoCredentials
from sandbox.nic import normal
from sandbox.person import EssRecord
from sandbox.post import DELIVERY, NOTIFY, Letter, Post

from . import member as members
from .book import Book, Member
from .settings import EssSettings
from .subscribing import MOST_WATCHED, PURPOSE, deaths_of, referrals

REFERRAL, FINDING, PROGRESS = "referral", "finding", "progress"  # kinds of post, beside DCI's two event types
DEATH, VITAL, VITAL_EVENT = "death", "vital-event", "sandhi:vital-event:v1"
KINDS = {"Member": "referral", "ProgrammeUpdate": "programme-update", "Finding": "finding"}
ENROLLED_STATUS = frozenset({"Active", "Reinstated"})
STATUS = {
    "enrolled": "Active",
    "deceased": "Deceased",
    "completed": "Inactive",  # DCI's code list has Exited, the contract's enum has not
    "placed": "Inactive",
    "dropped_out": "Inactive",
    "left": "Inactive",
}
ENDED_BY = {"died": "deceased", "withdrew": "left", "job_found": "left"}  # update -> state
AGAIN_S = 5.0
CONFIRMED_S = 60.0

log = logging.getLogger(__name__)


class Records(Protocol):
    """The part of the population's registers that ESS had before anybody was referred."""

    def ess_by_nic(self, nic: str) -> EssRecord | None:
        """The record under this number (new form)."""


class Ess(AtWork):
    """The agency's work on its book. Used from one event loop.

    Args:
        places: GN divisions that exist.
        day: the list date, which is today: what ESS does is dated on it.
    """

    def __init__(
        self,
        book: Book,
        settings: EssSettings,
        records: Records,
        clients: Clients,
        places: Container[str],
        day: date,
    ) -> None:
        super().__init__(book.answered)
        self.book, self.settings, self.day = book, settings, day
        self.post = Post(book.database, clients)
        self._records, self._clients, self._places = records, clients, places
        self._confirmed, self._mourning = asyncio.Event(), asyncio.Event()

    def subscribed(self, event_types: set[str]) -> dict[str, str]:
        """The partner wants to be told; gives code by event type. What waited for it is sent."""
        with self.book.transaction():
            codes = {event_type: self.book.subscribe(event_type) for event_type in sorted(event_types)}
        self._wake.set()
        return codes

    async def subscribe(self) -> str:
        """Ask the gateway to be told of the registry's referrals; gives the code, empty if none came in time.

        Raises:
            GatewayRefused, GatewayUnreachable, NoCredentials.
        """
        return await self._told_of(dci.ENROLMENT, self.settings.registry, referrals())

    async def watch(self) -> int:
        """Ask civil registration, through the gateway, to be told of the deaths of the people enrolled now, and of
        nobody else's; gives how many they are, 0 if no code came in time. Of more than one filter takes, the first.

        Raises:
            GatewayRefused, GatewayUnreachable, NoCredentials.
        """
        enrolled = [each.nic for each in self.book.members() if each.state == "enrolled" and each.nic][:MOST_WATCHED]
        if not enrolled:
            return 0
        return len(enrolled) if await self._told_of(DEATH, self.settings.civil, deaths_of(enrolled)) else 0

    async def heard(self, died: Container[str], *, seconds: float) -> int:
        """Wait until it was told of the deaths among the people it asked about; gives how many it was told of.

        Args:
            died: national numbers, in their new form.
        """
        asked = self.book.own_code(DEATH)
        known = [each for each in self.book.members() if each.nic in died] if asked else []
        expected = {each.member_id for each in known if each.state in {"enrolled", ENDED_BY["died"]}}
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                while not expected <= self.book.notes(VITAL).keys():
                    self._mourning.clear()
                    await self._mourning.wait()
        return len(self.book.notes(VITAL))

    async def _told_of(self, event_type: str, provider: str, message: dict[str, object]) -> str:
        """The code of our subscription, made once; empty if none came in time."""
        if not self.book.own_code(event_type):
            correlation_id = await self._client.tell(
                "subscribe", provider, message, sender_uri=self.settings.own_callback
            )
            with self.book.transaction():
                self.book.subscribing(event_type, correlation_id)
        with suppress(TimeoutError):
            async with asyncio.timeout(CONFIRMED_S):
                while not self.book.own_code(event_type):
                    self._confirmed.clear()
                    await self._confirmed.wait()
        return self.book.own_code(event_type)

    def ended(self, codes: Iterable[str]) -> None:
        """Subscriptions of ours are over."""
        with self.book.transaction():
            for code in codes:
                self.book.forget(code)

    def confirmed(self, correlation_id: str, codes: Iterable[str]) -> None:
        """A provider confirms what we subscribed to."""
        with self.book.transaction():
            for code in codes:
                self.book.confirm(correlation_id, code)
        self._confirmed.set()

    async def told(self, *, seconds: float) -> None:
        """Wait until everything that can be sent was taken, and what was taken has arrived."""
        await self.post.settle(self._due(), seconds=seconds)

    async def refer(self, *, seconds: float) -> None:
        """Hand every person taken on to the office of the district, and wait until all arrived."""
        with self.book.transaction():
            for each in self.book.members():
                if each.state != "rejected":
                    service = f"LK.GOV.DME.OFFICE-{each.office}/referral"
                    self._write(REFERRAL, f"referral:{each.member_id}", service, each, each.record)
        await self.post.settle([REFERRAL], seconds=seconds)

    def became(self, member: Member, state: str, *, programme: str = "") -> None:
        """What outreach came to: `enrolled`, `declined` or `not_reached`. Said once, told to the registry."""
        if member.state != "accepted":
            return
        with self.book.transaction():
            self.book.became(member.member_id, state, programme=programme)
            stated = {"state": state, "date": self.day.isoformat()}
            attributes = stated | ({"programme": programme} if programme else {})
            self._tell(dci.STATUS_CHANGE, f"event:{member.member_id}:outcome", member, attributes)
        self._wake.set()

    def progressed(self, member: Member, event: str) -> None:
        """What happened in the programme: `attended`, or one of the ends."""
        record = {"member_id": member.member_id, "event": event, "date": self.day.isoformat()}
        with self.book.transaction():
            if event != "attended":
                self.book.became(member.member_id, event)
            key = f"progress:{member.member_id}:{event}"
            self._write(PROGRESS, key, f"{self.settings.registry}/progress", member, record)

    def status(self, nic: str) -> str | None:
        """DCI `enrolled_status` of a person; None for one whom ESS does not know."""
        member, record = self.book.by_nic(nic), self._records.ess_by_nic(nic)
        if member is not None and member.state in STATUS:
            return STATUS[member.state]
        if record is not None:
            return "Inactive" if record.status == "Exited" else record.status
        return "Inactive" if member is not None else None

    def _take(self, item: Mapping[str, Any]) -> None:
        record_type, reference = item["data"]["reg_record_type"], str(item["reference_id"])
        if record_type == VITAL_EVENT:
            self._died(item["data"]["reg_records"], reference)
            return
        if record_type not in KINDS:
            raise dci.Refused(400, "err.request.bad", f"reg_record_type is one of {', '.join(KINDS)}")
        told = members.told(KINDS[record_type], item["data"]["reg_records"])
        if record_type == "Member":
            self._refer(told)
            return
        known = self.book.find(told.member_id)
        if known is None:
            raise dci.Refused(404, "err.request.not_found", "this person was not referred to us")
        if not self.book.note(KINDS[record_type], told.member_id, reference, told.record):
            return
        if record_type == "Finding":
            self._write(FINDING, f"finding:{reference}", f"{self.settings.registry}/finding", known, told.record)
        elif known.state != "rejected" and told.record["event"] in ENDED_BY:
            self.book.became(known.member_id, ENDED_BY[told.record["event"]])

    def _died(self, record: Mapping[str, Any], reference: str) -> None:
        """A death that civil registration told: of somebody enrolled here, or the subscription is not ours."""
        told = members.vital_event(record)
        known = self.book.by_nic(told.nic)
        if known is None:
            raise dci.Refused(404, "err.request.not_found", "this person was not referred to us")
        if told.record["event"] == DEATH and self.book.note(VITAL, known.member_id, reference, told.record):
            self.book.became(known.member_id, ENDED_BY["died"])
            self._mourning.set()

    def _refer(self, told: members.Told) -> None:
        """Decide at once and write the event that tells it. A person referred again was decided already."""
        if self.book.find(told.member_id) is not None:
            return
        reason = self._reason_against(told)
        place = told.record["location"]["district"]
        state = "rejected" if reason else "accepted"
        member = Member(told.member_id, told.nic, place, told.record, state, reason)
        self.book.add(member)
        attributes = {"state": state, "date": self.day.isoformat()} | ({"reason": reason} if reason else {})
        self._tell(dci.ENROLMENT, f"event:{member.member_id}:decision", member, attributes)

    def _reason_against(self, told: members.Told) -> str:
        place = told.record["location"]
        inside = place["gn_division"].startswith(place["ds_division"]) and place["ds_division"].startswith(
            place["district"]
        )
        if not inside or place["gn_division"] not in self._places:
            return "no_location"
        other = self.book.by_nic(told.nic) if told.nic else None
        if other is not None and other.state != "rejected":
            return "referred_already"
        known = self._records.ess_by_nic(told.nic) if told.nic else None
        return "already_active" if known is not None and known.status in ENROLLED_STATUS else ""

    def _tell(self, event_type: str, key: str, member: Member, attributes: Mapping[str, object]) -> None:
        record = members.event(member.member_id, member.nic, attributes)
        data = {"version": "1.0.0", "reg_type": dci.ESS, "reg_event_type": event_type, "reg_record_type": "Member"}
        event = {"reference_id": key, "timestamp": dci.stamp(), "data": data | {"reg_records": record}, "locale": "eng"}
        message = {"transaction_id": key, "notify_event": [event]}
        body = {"receiver": self.settings.sender_id, "message": message}
        self.post.put(Letter(key, self.settings.client, event_type, NOTIFY, body))

    def _write(self, kind: str, key: str, service: str, member: Member, record: Mapping[str, Any]) -> None:
        identifier = {"type": "NIC", "value": member.nic} if member.nic else {"type": "SR", "value": member.member_id}
        body = {"service": service, "purpose": PURPOSE, "subject": {"identifiers": [identifier]}, "record": record}
        self.post.put(Letter(key, self.settings.client, kind, DELIVERY, body))

    def _due(self) -> tuple[str, ...]:
        """Kinds of post to send now: events only to a partner who subscribed to them."""
        return (*sorted(self.book.subscribed()), FINDING, PROGRESS)

    async def _working(self) -> None:
        while True:
            await self._wake.wait()
            self._wake.clear()
            try:
                await self.post.send(self._due())
            except (GatewayUnreachable, NoCredentials) as error:
                log.warning("post is waiting: %s", type(error).__name__)
                await asyncio.sleep(AGAIN_S)
                self._wake.set()

    @property
    def _client(self) -> Any:
        return self._clients.named(self.settings.client)


def new_form(nic: str) -> str:
    """The new form of a national number; the text itself if it is none."""
    with suppress(ValueError):
        return normal(nic)
    return nic
