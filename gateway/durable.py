"""All durable work of one process, joined: what runs each kind of job, and what closes it when its last try failed."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass

from audit import Log

from .db import Database
from .delivery import jobs
from .delivery.batches import Batches
from .delivery.callbacks import Callbacks
from .delivery.campaigns import KIND as CAMPAIGN
from .delivery.campaigns import Campaigns
from .delivery.deliveries import Deliveries
from .delivery.transactions import Transactions
from .delivery.waiting import Waiting
from .delivery.worker import Handler, Worker
from .edges.dci.confirming import Confirming
from .events.subscriptions import SUBSCRIBE, UNSUBSCRIBED, Subscriptions
from .events.telling import KIND as EVENT
from .events.telling import Events
from .gate import Gate, utc_now
from .profile import Profile
from .receivers import Receivers
from .trust.trust import Trust


@dataclass(frozen=True, slots=True)
class Durable:
    """Everything that outlives a request."""

    db: Database
    deliveries: Deliveries
    batches: Batches
    subscriptions: Subscriptions
    callbacks: Callbacks
    transactions: Transactions
    waiting: Waiting
    events: Events
    campaigns: Campaigns
    wakes: Mapping[int, asyncio.Event]

    def worker(self, others: Mapping[str, Handler]) -> Worker:
        """The worker, which also runs the jobs of `others`."""
        given_up = {
            "batch": self.batches.give_up,
            "delivery": self.deliveries.give_up,
            "callback": self.callbacks.give_up,
            "waiting": self.waiting.give_up,
        }
        return Worker(self.db, {**self._handlers(), **others}, self.wakes, lambda: utc_now().timestamp(), given_up)

    def _handlers(self) -> dict[str, Handler]:
        confirming = Confirming(self.db, self.callbacks, self.subscriptions)
        return {
            "delivery": self.deliveries.run,
            "drop": self.deliveries.drop,
            "resend": self.deliveries.resend,
            "batch": self.batches.run,
            CAMPAIGN: self.campaigns.run,
            "callback": self.callbacks.run,
            "txn": self.transactions.run,
            "waiting": self.waiting.run,
            "resume": self.waiting.go_on,
            EVENT: self.events.run,
            SUBSCRIBE: self.subscriptions.subscribe,
            UNSUBSCRIBED: confirming.unsubscribed,
            "confirm": confirming.confirmed,
        }


def durable_work(
    db: Database, log: Log, gate: Gate, trust: Trust, receivers: Receivers, profile: Profile, kept_s: float
) -> Durable:
    """All of it, over one database and one gate; `kept_s` is how long answers are kept for those who asked."""
    wakes = {lane: asyncio.Event() for lane in (jobs.LIVE, jobs.BULK, jobs.EVENTS)}
    live = wakes[jobs.LIVE].set
    deliveries = Deliveries(db, gate, trust.seal, wakes[jobs.LIVE])
    batches = Batches(db, gate, trust.seal, wakes[jobs.BULK], kept_s)
    subscriptions = Subscriptions(db, log, trust.seal, gate.catalogue, trust.origin)
    deliveries.still_wanted = subscriptions.still_wanted
    callbacks = Callbacks(db, trust.seal, receivers.callback, utc_now)
    transactions = Transactions(db, trust.seal, log, callbacks, utc_now, live, kept_s)
    waiting = Waiting(db, gate, trust.seal, live, kept_s, transactions.resumed)
    events = Events(
        db=db,
        log=log,
        seal=trust.seal,
        person_ref=gate.person_ref,
        subscriptions=subscriptions,
        deliveries=deliveries,
        register=trust.register,
        clock=utc_now,
        zone=profile.zone,
        wake=wakes[jobs.EVENTS],
    )
    return Durable(
        db=db,
        deliveries=deliveries,
        batches=batches,
        subscriptions=subscriptions,
        callbacks=callbacks,
        transactions=transactions,
        waiting=waiting,
        events=events,
        campaigns=Campaigns(db, gate, trust.seal, batches, profile.zone, kept_s, wakes[jobs.BULK].set),
        wakes=wakes,
    )
