"""What people and agencies do in seed A beyond answering: one method a step, each safe to call again.

A step does only what is missing and gives the same totals whenever it is called. It returns counts for people to
read: flat, or one level deep.
"""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import date

from sandbox import dci
from sandbox.agencies.civil_registration import Hooks
from sandbox.agencies.ess import Ess
from sandbox.agencies.offices import Alerts, Counsellors, texts
from sandbox.agencies.offices.book import Client
from sandbox.luck import luck
from sandbox.nic import normal
from sandbox.person import CivilRecord, SrRecord
from sandbox.post import Post

from .deaths import Deaths

Counts = dict[str, object]
Step = Callable[[], Awaitable[Counts]]

ARRIVAL_S = 900.0  # how long post may be on its way
LAST_WORD_S = 30.0  # how long the messaging provider's last word is waited for, each round
WEBHOOK_S = 120.0
DECLINES, MISSES = 9, 4  # of those reached, one in so many declines; of the visit list, one in so many is not met
ENDS = ("completed", "placed", "completed", "dropped_out", "placed")


class NothingSubscribed(Exception):
    """The gateway did not confirm a subscription in time."""


@dataclass(frozen=True, slots=True)
class Steps:
    """The steps, over the agencies that take them."""

    ess: Ess
    alerting: Alerts
    counsellors: Counsellors
    hooks: Hooks
    deaths: Deaths
    registrations: Callable[[], Mapping[str, SrRecord]]
    day: date

    def named(self) -> Mapping[str, Step]:
        """The steps by the names that `/control/steps/<name>` takes."""
        steps = (self.subscribe, self.segment, self.offices, self.alerts, self.counsel)
        return {step.__name__: step for step in (*steps, self.enrol, self.progress, self.watch, self.death, self.mourn)}

    async def subscribe(self) -> Counts:
        """ESS asks to be told of the registry's referrals.

        Raises:
            NothingSubscribed: no code came.
        """
        if not await self.ess.subscribe():
            raise NothingSubscribed("the gateway took the subscription and sent no code by on-subscribe")
        return {"subscribed": dci.ENROLMENT, "confirmed": 1}

    async def segment(self) -> Counts:
        """ESS has decided about everybody; the people taken on, by local office."""
        await self.ess.told(seconds=ARRIVAL_S)
        members = self.ess.book.members()
        taken = [member for member in members if member.state != "rejected"]
        segments = dict(sorted(Counter(member.office for member in taken).items()))
        return {
            "referrals": len(members),
            "accepted": len(taken),
            "rejected": len(members) - len(taken),
            "offices": len(segments),
            "segments": segments,
        }

    async def offices(self) -> Counts:
        """Each local office gets its own people."""
        await self.ess.refer(seconds=ARRIVAL_S)
        people = self.alerting.book.people()
        return {
            "handed": len(people),
            "offices": len({client.office for client in people}),
            "deliveries": self.ess.post.counts("referral"),
            "sent away": sum(self.alerting.book.counts_sent_away().values()),
        }

    async def alerts(self) -> Counts:
        """Every office alerts its people."""
        await self.alerting.send(seconds=LAST_WORD_S)
        return {**self.alerting.counts(), "outreach": self.alerting.contacts()}

    async def counsel(self) -> Counts:
        """Counsellors verify what no register could tell; the findings reach the registry."""
        await self.counsellors.counsel(seconds=ARRIVAL_S)
        await self.ess.told(seconds=ARRIVAL_S)
        return {
            "findings": sum(self.counsellors.counts().values()),
            "found": self.counsellors.counts(),
            "waiting": len(self.counsellors.queue()),
            "passed on": self.ess.post.counts("finding"),
        }

    async def enrol(self) -> Counts:
        """Outreach has ended: who enrolled, who declined, who was not reached."""
        for client in self.alerting.book.people():
            member = self.ess.book.find(client.member_id)
            if member is not None and client.contact:
                state = self._outcome(client)
                name = texts.programme(client.record["readiness"]) if state == "enrolled" else ""
                self.ess.became(member, state, programme=name)
        await self.ess.told(seconds=ARRIVAL_S)
        return {
            "people": dict(sorted(Counter(self._outcomes()).items())),
            "told": self.ess.post.counts(dci.STATUS_CHANGE),
        }

    async def progress(self) -> Counts:
        """What came of those who enrolled: all attended; then they completed, were placed, or dropped out."""
        for member in self.ess.book.members():
            if member.state == "enrolled" and luck("ends", member.member_id) % 2:
                self.ess.progressed(member, "attended")
                self.ess.progressed(member, ENDS[luck("end", member.member_id) % len(ENDS)])
            elif member.state == "enrolled":
                self.ess.progressed(member, "attended")
        await self.ess.told(seconds=ARRIVAL_S)
        events = Counter(letter.body["record"]["event"] for letter in self.ess.post.letters("progress"))
        return {"events": dict(sorted(events.items())), "told": self.ess.post.counts("progress")}

    async def watch(self) -> Counts:
        """ESS asks civil registration to be told of the deaths of the people it has enrolled."""
        return {"deaths watched for ESS": await self.ess.watch()}

    async def mourn(self) -> Counts:
        """What ESS heard of the deaths, once it heard of all that it asked for."""
        died = {normal(each.nic) for each in self.deaths.registered() if each.nic}
        return {"deaths that ESS heard of": await self.ess.heard(died, seconds=WEBHOOK_S)}

    async def death(self) -> Counts:
        """Civil registration registers two deaths, of somebody enrolled and of somebody not, and tells them."""
        if not self.deaths.registered():
            for record in filter(None, (self._somebody(enrolled=True), self._somebody(enrolled=False))):
                self.deaths.register(record.birth_registration, self.day)
        for record in self.deaths.registered():
            if not self.deaths.told(record.birth_registration):
                self.deaths.told(record.birth_registration, await self.hooks.announce_death(record))
        async with asyncio.timeout(WEBHOOK_S):
            await self.hooks.settled()
        told = sum(self.deaths.told(record.birth_registration) for record in self.deaths.registered())
        return {"deaths": len(self.deaths.registered()), "told": told}

    def state(self) -> Counts:
        """Everything at once, in counts: what checks and reports compare with."""
        members = self.ess.book.members()
        taken = [member for member in members if member.state != "rejected"]
        return {
            "referrals": len(members),
            "accepted": len(taken),
            "rejected": dict(sorted(Counter(member.reason for member in members if member.reason).items())),
            "segments": dict(sorted(Counter(member.office for member in taken).items())),
            "offices": dict(sorted(Counter(client.office for client in self.alerting.book.people()).items())),
            "sent_away": self.alerting.book.counts_sent_away(),
            "alerts": self.alerting.counts(),
            "outreach": self.alerting.contacts(),
            "visit_list": self.alerting.contacts().get("visit", 0),
            "states": dict(sorted(Counter(member.state for member in members).items())),
            "enrolled": self._outcomes().count("enrolled"),
            "verify": len([member for member in taken if member.record["verify"]]),
            "findings": self.counsellors.counts(),
            "updates": len(self.ess.book.notes("programme-update")),
            "post": {"ess": counted(self.ess.post), "offices": counted(self.alerting.post)},
            "subscribers": sorted(self.ess.book.subscribed()),
            "deaths": len(self.deaths.registered()),
        }

    def _outcomes(self) -> list[str]:
        """What ESS told after outreach, a word a person."""
        letters = self.ess.post.letters(dci.STATUS_CHANGE)
        records = (letter.body["message"]["notify_event"][0]["data"]["reg_records"] for letter in letters)
        return [str(record["additional_attributes"][0]["state"]) for record in records]

    def _outcome(self, client: Client) -> str:
        """Who is met decides: whoever works declines, so does one in `DECLINES`."""
        if client.contact in {"no_basis", "unknown"}:
            return "not_reached"
        if client.contact in {"visit", "opted_out"} and luck("visit", client.member_id) % MISSES == 0:
            return "not_reached"
        found = self.counsellors.found(client)
        if found == "not_found":
            return "not_reached"
        return (
            "declined" if found != "confirmed_no_work" or luck("join", client.member_id) % DECLINES == 0 else "enrolled"
        )

    def _somebody(self, *, enrolled: bool) -> CivilRecord | None:
        """The first registered person, alive in the civil register, who is enrolled, or was never referred."""
        referred = {member.member_id: member.state for member in self.ess.book.members()}
        for member_id, registration in sorted(self.registrations().items()):
            if (referred.get(member_id) == "enrolled") if enrolled else (member_id not in referred):
                alive = [each for each in self.deaths.civil_by_nic(normal(registration.nic)) if not each.death_date]
                if alive:
                    return alive[0]
        return None


def counted(post: Post) -> dict[str, dict[str, int]]:
    """Letters by kind and state."""
    return {kind: post.counts(kind) for kind in post.kinds()}
