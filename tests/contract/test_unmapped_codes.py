"""Codes that no mapping knows: counted, shown to the agency they came from, cleared, in force without a restart."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Connection

from adapters.kit.codes import Met
from adapters.kit.contract import Adapter, AgencyAnswerMalformed, RawAnswer
from adapters.kit.egress import Dialler
from adapters.kit.opening import open_adapter
from adapters.kit.transports.rest import DeclaredRest
from audit import Entry
from gateway.catalogue import Catalogue, Offer
from gateway.gate import utc_now
from gateway.normalising import Asked, ClearingRefused, Unmapped
from gateway.registration.versioned import Running, VersionedAdapter
from gateway.review.reading import entries_between
from tests.reviewing import House, a_house

FOLDER = Path(__file__).parents[2] / "adapters/grievance"
DESK = "LK/GOV/MHA"
SETTINGS = {
    "GRIEVANCE_URL": "http://127.0.0.1:9",
    "GRIEVANCE_TOKEN": "made-up",
    "GRIEVANCE_HOOK_SECRET": "made-up",
}
CASE = {
    "number": "GR-2026-000001",
    "kind": "grievance",
    "category": "other",
    "programme": "elders",
    "office": "DS-LK-1103",
    "openedOn": "2026-10-01",
    "changedOn": "2026-10-01",
    "dueOn": "2026-10-22",
}


BROKEN = {"state": "MED", "kind": "of no kind"}

REFUSED = [
    Asked("tax", "state", "MED", "decided"),
    Asked("grievance", "nothing", "MED", "decided"),
    Asked("grievance", "state", "MED", "unmapped"),
    Asked("grievance", "state", "MED", "upheld"),
    Asked("grievance", "state", "NEW", "closed"),
]


def mapped_since(connection: Connection, begun: datetime) -> list[Entry]:
    later = begun + timedelta(hours=1)
    return list(entries_between(connection, begun, later, "adapter.code_mapped"))


@dataclass
class Place:
    """A gateway whose desk is the real adapter; nothing is ever dialled."""

    house: House
    adapter: DeclaredRest

    @property
    def queue(self) -> Unmapped:
        here = self.house.services
        return Unmapped(here.db, here.log, here.catalogue)

    def state(self, told: str) -> str:
        raw = RawAnswer({"cases": [CASE | {"state": told}]}, date(2026, 10, 31))
        cases: Any = self.adapter.normalise("grievance.status", raw)["cases"]
        return str(cases[0]["state"])


def linked(house: House, adapter: Adapter) -> House:
    """The same house, with the desk's services linked to this adapter."""
    offers = [
        Offer(each.service, each.provider, adapter) if each.service.id.startswith("grievance.") else each
        for each in house.services.catalogue
    ]
    house.app.state.services = replace(house.services, catalogue=Catalogue(offers))
    return House(house.app.state.services, house.app)


def opened() -> DeclaredRest:
    adapter = open_adapter(FOLDER, SETTINGS.__getitem__, Dialler({"127.0.0.1:9"}))
    assert isinstance(adapter, DeclaredRest)
    return adapter


@asynccontextmanager
async def a_place(folder: Path, url: str) -> AsyncIterator[Place]:
    async with a_house(folder, url) as house:
        adapter = opened()
        yield Place(linked(house, adapter), adapter)


@pytest.fixture
async def place(tmp_path: Path, database_url: str) -> AsyncIterator[Place]:
    async with a_place(tmp_path, database_url) as made:
        yield made


@pytest.fixture
async def small(tmp_path: Path) -> AsyncIterator[Place]:
    async with a_place(tmp_path, f"sqlite+aiosqlite:///{tmp_path / 'small.db'}") as made:
        yield made


async def test_a_code_is_counted_shown_cleared_and_known_without_a_restart(place: Place) -> None:
    assert [place.state(each) for each in ("NEW", "MED", "MED", "XXX")] == ["received", *["unmapped"] * 3]
    await place.queue.turn()
    assert place.state("MED") == "unmapped"
    await place.queue.turn()
    first, second = await place.queue.waiting()
    assert (first.adapter, first.list, first.code, first.count) == ("grievance", "state", "MED", 3)
    assert (second.code, second.count) == ("XXX", 1)
    assert first.choices == ("assigned", "closed", "decided", "investigated", "received")
    await place.queue.cleared(Asked("grievance", "state", "MED", "investigated"), by="dilani")
    assert place.state("MED") == "investigated"
    assert [each.code for each in await place.queue.waiting()] == ["XXX"]


async def test_clearing_is_an_entry_and_a_later_word_replaces_an_earlier_one(place: Place) -> None:
    here, begun = place.house.services, place.house.services.people.clock()
    await place.queue.cleared(Asked("grievance", "state", "MED", "investigated"), by="dilani")
    await place.queue.cleared(Asked("grievance", "state", "MED", "assigned"), by="ruwan")
    assert place.state("MED") == "assigned"
    async with here.db.read() as connection:
        told = [each.facts for each in await connection.run_sync(mapped_since, begun)]
    assert [(each["by"], each["ours"], each.get("before")) for each in told] == [
        ("dilani", "investigated", None),
        ("ruwan", "assigned", "investigated"),
    ]


async def test_another_process_knows_it_at_its_next_turn(small: Place) -> None:
    elsewhere = opened()
    other = Place(linked(small.house, elsewhere), elsewhere)
    assert other.state("MED") == "unmapped"
    await small.queue.cleared(Asked("grievance", "state", "MED", "decided"), by="dilani")
    await other.queue.turn()
    assert other.state("MED") == "decided"
    assert await other.queue.waiting() == []  # what was met before the word came is not queued any more


async def test_codes_of_every_running_version_of_a_registered_adapter_are_counted_and_cleared(small: Place) -> None:
    """Also where the record is refused: what no table knows is met before the record is judged."""
    first, second = opened(), opened()
    active, canary = (Running(1, first, frozenset(), Dialler()), Running(2, second, frozenset(), Dialler()))
    versioned = VersionedAdapter("grievance", active, canary=canary, clock=utc_now, counted=Counter())
    linked(small.house, versioned)
    queue = Unmapped(small.house.services.db, small.house.services.log, small.house.app.state.services.catalogue)
    for version in (first, second):
        with pytest.raises(AgencyAnswerMalformed):
            version.normalise("grievance.status", RawAnswer({"cases": [CASE | BROKEN]}, date(2026, 10, 31)))
    await queue.turn()
    assert [(each.adapter, each.code, each.count) for each in await queue.waiting()] == [("grievance", "MED", 2)]
    await queue.cleared(Asked("grievance", "state", "MED", "decided"), by="dilani")
    assert [Place(small.house, each).state("MED") for each in (first, second)] == ["decided"] * 2


async def test_what_was_met_since_the_last_turn_is_counted_when_the_gateway_stops(small: Place) -> None:
    turning = asyncio.create_task(small.queue.run())
    await asyncio.sleep(0.2)
    small.state("MED")
    turning.cancel()
    await asyncio.gather(turning, return_exceptions=True)
    assert [each.code for each in await small.queue.waiting()] == ["MED"]


async def test_what_is_not_one_of_our_codes_for_this_list_is_refused(small: Place) -> None:
    for asked in REFUSED:
        with pytest.raises(ClearingRefused):
            await small.queue.cleared(asked, by="dilani")
    assert small.state("NEW") == "received"


async def test_an_officer_of_the_agency_clears_its_own_codes_and_nobody_else_sees_them(small: Place) -> None:
    small.adapter.codes.ours("state", "MED")
    await small.queue.turn()
    body = {"adapter": "grievance", "list": "state", "code": "MED", "ours": "investigated"}
    _, stranger = await small.house.officer("kasun", "agency_administrator", member="LK/GOV/EPF")
    _, own = await small.house.officer("dilani", "agency_administrator", member=DESK)
    assert (await stranger.browser.call("GET", "/v1/unmapped")).json() == {"unmapped": []}
    assert (await stranger.browser.call("POST", "/v1/unmapped", body)).status_code == 400
    (line,) = (await own.browser.call("GET", "/v1/unmapped")).json()["unmapped"]
    assert (line["code"], line["count"]) == ("MED", 1)
    answer = await own.browser.call("POST", "/v1/unmapped", body)
    assert (answer.status_code, answer.json()["ours"]) == (200, "investigated")
    assert small.adapter.codes.ours("state", "MED") == "investigated"
    assert (await own.browser.call("GET", "/v1/unmapped")).json() == {"unmapped": []}
    assert (await own.browser.call("POST", "/v1/unmapped", body | {"code": "Kamala Perera"})).status_code == 400


async def test_how_an_agency_has_been_is_seen_by_its_own_officer_and_the_operator(small: Place) -> None:
    _, own = await small.house.officer("dilani", "agency_administrator", member=DESK)
    _, operator = await small.house.officer("ruwan", "operator")
    small.state("NEW")
    for _ in range(20):
        small.adapter.kit.breakers[0].record(ok=False)
    told = (await own.browser.call("GET", "/v1/agency-health")).json()["agencies"]
    (mine,) = [each for each in told if each["state"] != "no_link"]
    assert (mine["adapter"], mine["state"], mine["calls"], mine["failures"]) == ("grievance", "open", 20, 20)
    assert mine["newest"] == {"grievance.status": "2026-10-31"}
    everybody = (await operator.browser.call("GET", "/v1/agency-health")).json()["agencies"]
    assert {each["adapter"] for each in everybody} > {"grievance", "tax", "pension"}


def test_no_code_is_taken_that_was_cleared_away() -> None:
    adapter = opened()
    adapter.codes.clear({Met("state", "MED"): "decided"})
    adapter.codes.clear({})
    assert adapter.codes.ours("state", "MED") == "unmapped"
