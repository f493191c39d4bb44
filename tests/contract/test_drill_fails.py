"""The drill finds a gateway that goes on without evidence; a drill that cannot fail would say nothing."""

from collections.abc import AsyncIterator
from dataclasses import fields
from pathlib import Path

import pytest

from audit import Wanted
from gateway.drill import drilled
from gateway.errors import NoEvidence
from gateway.gate import Gate
from gateway.model import Ask, Handover, Opened, Permit
from tests.durable_house import House, a_house


@pytest.fixture
async def house(database_url: str, tmp_path: Path) -> AsyncIterator[House]:
    async with a_house(database_url, tmp_path) as opened:
        yield opened


class GoesOn(Gate):
    """A planted fault: an intent that is not durable does not end the exchange."""

    async def opened(self, ask: Ask | Handover) -> Opened:
        try:
            return await super().opened(ask)
        except NoEvidence:
            return self.intent(ask)[0]


class Releases(GoesOn):
    """A second one: the rules allow everything, so the agency is asked."""

    async def permit(self, _ask: Ask | Handover) -> Permit:
        return Permit(frozenset({"a"}), ())


def planted(kind: type[Gate], house: House) -> Gate:
    return kind(**{each.name: getattr(house.gate, each.name) for each in fields(house.gate)})


async def test_sound_gateway_passes(house: House) -> None:
    done = await drilled(house.gate, by="officer-1", now=house.clock[0])
    assert done.passed
    assert (done.tried, done.refused, done.left) == (4, 4, 0)
    assert house.log.halted is None


@pytest.mark.parametrize(("kind", "left"), [(GoesOn, 0), (Releases, 4)])
async def test_gateway_that_goes_on_without_evidence_fails_and_that_is_an_entry(
    house: House, kind: type[Gate], left: int
) -> None:
    done = await drilled(planted(kind, house), by="officer-1", now=house.clock[0])
    assert not done.passed
    assert (done.tried, done.refused, done.left) == (4, 0, left)
    assert "THE DRILL FAILED" in str(done)
    assert house.fund.asked == []  # the drill itself lets nothing leave
    (found,) = await house.log.search(Wanted(kind="drill.ended"))
    (told,) = await house.log.find([found.entry_id])
    assert told.entry.facts == {"by": "officer-1", "tried": 4, "refused": 0, "left": left}
