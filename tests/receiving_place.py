"""A house whose deliveries go to one receiver over real HTTP, with a way to let time pass."""

import asyncio
from dataclasses import dataclass
from datetime import timedelta

from sqlalchemy import func, select

from adapters.kit.egress import Dialler
from gateway.delivery import jobs
from gateway.delivery.tables import job
from tests.durable_house import AT, CONSUMER, House, handover
from tests.patient_receiver import Receiver, offered_to


@dataclass
class Place:
    """A house, a receiver, and a way to let time pass."""

    house: House
    receiver: Receiver
    dialler: Dialler
    service: str = ""

    def __post_init__(self) -> None:
        self.mended()

    def mended(self) -> None:
        """The receiver is well, and the gateway's connections to it are new: its breaker counts real seconds."""
        self.receiver.mode = "well"
        self.service = offered_to(self.house, self.receiver.url, self.dialler)

    async def accepted(self, count: int = 1) -> list[str]:
        """Ids of deliveries that were taken."""
        wanted = [handover(f"k{n}", self.service) for n in range(count)]
        return [(await self.house.deliveries.accept(each)).id for each in wanted]

    async def worked(self) -> None:
        """Run all that is ready, as many at once as a worker does."""
        worker, now = self.house.worker(), self.house.clock[0].timestamp()
        async with self.house.db.write() as connection:
            claimed = await jobs.claim(connection, now=now, most=100)
        await asyncio.gather(*(worker.run_one(each) for each in claimed))

    async def passed(self, spent: timedelta) -> None:
        """Work through a stretch of time, looking whenever something is due."""
        until = self.house.clock[0] + spent
        while True:
            await self.worked()
            async with self.house.db.read() as connection:
                due = select(func.min(job.c.not_before)).where(job.c.state == "ready")
                next_at = (await connection.execute(due)).scalar_one()
            if next_at is None or next_at > until.timestamp():
                self.house.clock[0] = until
                return
            due_at = AT + timedelta(seconds=next_at - AT.timestamp() + 0.001)
            self.house.clock[0] = max(self.house.clock[0], due_at)

    async def states(self, ids: list[str]) -> set[str]:
        return {(await self.house.deliveries.show(CONSUMER, each)).state for each in ids}

    async def ended_once(self, ids: list[str]) -> None:
        """Every delivery acted once, and its exchange has one outcome."""
        assert sorted(self.receiver.items) == sorted(ids)
        assert await self.states(ids) == {"handed"}
        outcomes = {each: await self.house.outcomes(each) for each in ids}
        odd = {each: some for each, some in outcomes.items() if some != ["answered"]}
        assert not odd, odd
