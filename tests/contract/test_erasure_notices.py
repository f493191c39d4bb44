"""A recipient that registered an address is told what it has to erase, again while it is late; no person is named."""

from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from agreeing import FUND, SR, Here, line, nic, opened, ref
from sqlalchemy import select

from adapters.kit.contract import AgencyTimeout
from consent import Consent, erasures
from consent import register as consent_register
from gateway.delivery import jobs
from gateway.delivery.tables import job
from gateway.edges.v1 import erasures as v1_erasures
from gateway.erasing import DUE, JOB, Erasing, reference
from gateway.erasure_notices import ErasureNotices
from gateway.gate import utc_now


@dataclass
class Callback:
    """Where a system is told; `down` so many times."""

    down: int = 0
    told: list[tuple[str, Mapping[str, Any], str]] = field(default_factory=list)

    async def send(self, action: str, message: Mapping[str, Any], *, message_id: str) -> None:
        if self.down:
            self.down -= 1
            raise AgencyTimeout("no answer")
        self.told.append((action, message, message_id))


@dataclass
class Receivers:
    """What systems registered."""

    callbacks: dict[tuple[str, str], Callback]

    async def callback(self, system: str, name: str) -> Callback | None:
        return self.callbacks.get((system, name))


@dataclass
class Place:
    here: Here
    callback: Callback
    callbacks: dict[tuple[str, str], Callback]
    notices: ErasureNotices

    async def noted(self) -> erasures.Erasure:
        """One duty with its job, as `Erasing.noted` leaves it."""
        now = utc_now()
        async with self.here.db.write() as connection:
            consent: Consent = await consent_register.read_consent(connection, "C1")
            received = {FUND.system: ["exchange-1"]}
            (made,) = await erasures.note(connection, consent, received, "withdrawn", now=now, due=now + DUE)
            await jobs.add(connection, JOB, reference(made), now=now.timestamp(), lane=jobs.LIVE)
        return made

    async def work(self) -> list[str]:
        """Run what is ready; gives the states of all jobs."""
        async with self.here.db.write() as connection:
            claimed = await jobs.claim(connection, now=utc_now().timestamp() + 10, most=10)
        for each in claimed:
            await self.notices.run(each)
        async with self.here.db.read() as connection:
            return list((await connection.execute(select(job.c.state).order_by(job.c.id))).scalars())


@pytest.fixture
async def place(database_url: str, tmp_path: Path) -> AsyncIterator[Place]:
    async with opened(database_url, tmp_path) as here:
        here.app.include_router(v1_erasures.router, prefix="/v1")
        await here.call(SR, "POST", "/consents", json=line(1))
        callback = Callback()
        receivers: Any = Receivers({(FUND.system, "erasure"): callback})
        yield Place(here, callback, receivers.callbacks, ErasureNotices(here.db, receivers))


async def test_the_recipient_is_told_which_exchanges_until_when_and_where_to_answer(place: Place) -> None:
    made = await place.noted()
    assert await place.work() == ["done"]
    ((action, message, _),) = place.callback.told
    (event,) = message["notify_event"]
    assert action == "notify"
    assert event["data"]["reg_records"] == {
        "erasure": made.number,
        "cause": "withdrawn",
        "exchanges": ["exchange-1"],
        "due": made.due_at.isoformat(),
        "standing": "due",
        "acknowledge": f"/v1/erasures/{made.number}/acknowledge",
    }
    assert nic(1) not in str(message)
    assert ref(place.here, 1) not in str(message)


async def test_a_recipient_that_does_not_answer_is_told_later_under_the_same_message_id(place: Place) -> None:
    await place.noted()
    place.callback.down = 1
    assert await place.work() == ["ready"]
    assert await place.work() == ["done"]
    assert len(place.callback.told) == 1


async def test_late_it_is_told_again_under_another_message_id_until_it_acknowledges(place: Place) -> None:
    made = await place.noted()
    await place.work()
    late = utc_now() + DUE + timedelta(minutes=1)
    assert await Erasing(place.here.db, place.here.log, lambda: late).remind() == 1
    async with place.here.db.write() as connection:  # its time has come
        await connection.exec_driver_sql("UPDATE job SET not_before = 0, lease_until = 0")
    assert await place.work() == ["done", "done"]
    assert len({message_id for _, _, message_id in place.callback.told}) == 2
    await Erasing(place.here.db, place.here.log).acknowledged(made.number, member=FUND.system.rpartition("/")[0])
    assert await Erasing(place.here.db, place.here.log, lambda: late + timedelta(days=2)).remind() == 0


async def test_who_registered_no_address_finds_it_on_the_list(place: Place) -> None:
    place.callbacks.clear()
    await place.noted()
    assert await place.work() == ["done"]
    (seen,) = (await place.here.call(FUND, "GET", "/erasures")).json()["erasures"]
    assert seen["exchanges"] == ["exchange-1"]
