"""A small real gateway with made-up answers, and a client of it."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from sandhi_client import (
    Client,
)

from tests.small_gateway import Place, a_gateway
from tests.trusting import Clock
from tests.unit.sdk.made_up import Made, a_client, routes


@pytest.fixture
async def place(tmp_path: Path) -> AsyncIterator[Place]:
    async with a_gateway(tmp_path, clock=Clock(datetime.now(UTC))) as built:
        yield built


@pytest.fixture
async def made(place: Place) -> Made:
    found = Made()
    routes(place.app, found, place)
    return found


@pytest.fixture
async def client(place: Place, tmp_path: Path) -> AsyncIterator[Client]:
    async with await a_client(place, tmp_path) as found:
        yield found
