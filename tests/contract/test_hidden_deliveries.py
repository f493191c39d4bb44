"""A delivery that the rules refuse is refused no sooner than any exchange of who may not know existence."""

import asyncio
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import httpx
import pytest
from agreeing import EPF, FUND, PROFILE, SR, WBB, Here, document, line, opened, signed, subject

from gateway.catalogue import Catalogue, Offer
from gateway.delivery.deliveries import Deliveries
from gateway.edges.v1 import deliveries
from gateway.gate import Gate
from gateway.trust.caller import Caller
from gateway.trust.seal import Seal
from tests.durable_house import PUSH, Fund

FLOOR_S = 0.15
SENDER = Caller("sr", SR.system, frozenset({"delivery"}))


@dataclass
class Place:
    """The route of deliveries over a register and a log."""

    here: Here
    gate: Gate

    async def deliver(self, number: int, key: str, floor_s: float = FLOOR_S) -> tuple[httpx.Response, float]:
        gate = replace(self.gate, floor_s=floor_s)
        self.here.app.state.services = SimpleNamespace(
            profile=PROFILE,
            catalogue=gate.catalogue,
            gate=gate,
            deliveries=Deliveries(self.here.db, gate, Seal([b"k" * 32]), asyncio.Event()),
            person_ref=self.here.person_ref,
        )
        body = {"service": PUSH.id, "purpose": "employment-support.eligibility", "subject": subject(number)}
        begun = time.perf_counter()
        reply = await self.here.call(
            SENDER, "POST", "/deliveries", json=body | {"record": {"a": "1"}, "idempotency_key": key}
        )
        return reply, time.perf_counter() - begun

    async def agree(self, **changes: Any) -> None:
        granted = [{"service": PUSH.id, "actions": ["push"], "fields": ["a"], "sends": ["NIC"]}]
        made = await self.here.call(SR, "POST", "/agreements", json=signed(document(services=granted, **changes)))
        assert made.status_code == 201


@pytest.fixture
async def place(database_url: str, tmp_path: Path) -> AsyncIterator[Place]:
    async with opened(database_url, tmp_path) as here:
        here.app.include_router(deliveries.router, prefix="/v1")
        gate = replace(here.app.state.services.gate, catalogue=Catalogue([Offer(PUSH, FUND.system, Fund())]))
        yield Place(here, gate)


async def test_a_refusal_is_told_no_sooner_than_the_floor_also_when_it_is_repeated(place: Place) -> None:
    await place.agree()
    for _ in range(2):
        refused, seconds = await place.deliver(1, "k1")
        assert (refused.status_code, refused.json()["code"]) == (404, "not_available")
        assert seconds >= FLOOR_S


async def test_what_is_taken_waits_for_nothing(place: Place) -> None:
    await place.agree()
    given = line(1, services=[PUSH.id], recipients=[WBB, EPF])
    assert (await place.here.call(SR, "POST", "/consents", json=given)).status_code == 201
    async with asyncio.timeout(10):
        taken, _ = await place.deliver(1, "k1", floor_s=30.0)
    assert taken.status_code == 202


async def test_who_may_know_existence_waits_for_nothing(place: Place) -> None:
    await place.agree(may_know_existence=True)
    async with asyncio.timeout(10):
        refused, _ = await place.deliver(1, "k1", floor_s=30.0)
    assert (refused.status_code, refused.json()["code"]) == (403, "refused_by_rules")
