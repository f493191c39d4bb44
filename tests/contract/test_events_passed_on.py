"""Who subscribed to what is told just that: kept apart by type and purpose, each handover once for each recipient."""

import logging
from collections.abc import AsyncIterator
from types import SimpleNamespace
from typing import Any

import pytest

from adapters.kit.contract import Identifier, Subject, Told
from gateway.db import Database
from gateway.delivery.deliveries import KeyReused
from gateway.edges.dci.events import passed_on
from gateway.edges.dci.subscriptions import Subscription, Subscriptions, wish
from gateway.errors import RefusedByRules
from gateway.migrations import upgraded
from gateway.model import Handover
from tests.trusting import LogInMemory

ESS, SRIS, OFFICE = "LK/GOV/DME/ESS", "LK/GOV/WBB/SRIS", "LK/GOV/DME/OFFICE-LK-11"
SUBJECT = Subject((Identifier("NIC", "199012304567"),))


class Taken:
    """Deliveries that remember what they took, and refuse as told."""

    def __init__(self) -> None:
        self.handovers: list[Handover] = []
        self.refusing: Exception | None = None

    async def accept(self, handover: Handover) -> None:
        if self.refusing:
            raise self.refusing
        self.handovers.append(handover)


class Here:
    """What `passed_on` needs of a gateway."""

    def __init__(self, *subscriptions: Subscription) -> None:
        self.deliveries = Taken()
        self.trust = self.subscriptions = self
        self._subscriptions = subscriptions

    async def register(self) -> Any:
        return SimpleNamespace(offered=lambda service: service)

    async def of_provider(self, provider: str) -> list[Subscription]:
        return [each for each in self._subscriptions if each.provider == provider]


def told(name: str, number: str = "1") -> Told:
    return Told(number, name, {"a": 1}, SUBJECT)


async def recipients(name: str, *subscriptions: Subscription) -> set[tuple[str, str]]:
    here: Any = Here(*subscriptions)
    await passed_on([told(name)], ESS, here)
    return {(each.service, each.purpose) for each in here.deliveries.handovers}


@pytest.mark.parametrize(
    ("event", "subscribed", "told_of_it"),
    [
        ("enrolment", "enrolment", True),
        ("enrolment", "enrolment_status_change", True),
        ("enrolment", "death", False),
        ("vital-event", "death", True),
        ("vital-event", "birth", True),
        ("vital-event", "enrolment", False),
        ("finding", "enrolment", True),
    ],
)
async def test_an_event_goes_to_those_who_subscribed_to_its_type(event: str, subscribed: str, told_of_it: bool) -> None:
    assert bool(await recipients(event, wish(SRIS, ESS, subscribed, "p"))) is told_of_it


async def test_two_types_for_one_purpose_are_one_handover_and_two_purposes_are_two() -> None:
    first, second = wish(SRIS, ESS, "enrolment", "p"), wish(SRIS, ESS, "enrolment_status_change", "p")
    assert await recipients("enrolment", first, second) == {("LK.GOV.WBB.SRIS/enrolment", "p")}
    other = wish(SRIS, ESS, "enrolment_status_change", "q")
    assert {purpose for _service, purpose in await recipients("enrolment", first, other)} == {"p", "q"}


async def test_each_recipient_purpose_and_event_has_a_key_of_its_own_that_never_changes() -> None:
    here: Any = Here(
        wish(SRIS, ESS, "enrolment", "p"),
        wish(OFFICE, ESS, "enrolment", "p"),
        wish(SRIS, ESS, "enrolment_status_change", "q"),
    )
    long = "x" * 200
    for _ in range(2):
        await passed_on([told("enrolment", f"{long}1"), told("enrolment", f"{long}2")], ESS, here)
    keys = [each.idempotency_key for each in here.deliveries.handovers]
    assert len(set(keys)) == 6
    assert keys[:6] == keys[6:]


@pytest.mark.parametrize(
    ("refusing", "code"), [(KeyReused(), "key_reused"), (RefusedByRules("no"), "refused_by_rules")]
)
async def test_what_is_not_handed_on_is_in_the_operators_log(
    caplog: pytest.LogCaptureFixture, refusing: Exception, code: str
) -> None:
    here: Any = Here(wish(SRIS, ESS, "enrolment", "p"))
    here.deliveries.refusing = refusing
    with caplog.at_level(logging.WARNING):
        assert await passed_on([told("enrolment")], ESS, here) == 0
    assert code in caplog.text
    assert "199012304567" not in caplog.text


@pytest.fixture
async def db(database_url: str) -> AsyncIterator[Database]:
    opened = Database(database_url)
    await upgraded(opened)
    yield opened
    await opened.close()


async def test_subscribing_again_for_another_purpose_changes_the_purpose_with_its_entry(db: Database) -> None:
    log = LogInMemory()
    nothing: Any = None  # recording needs neither trust nor receivers
    subscriptions = Subscriptions(db, nothing, log, nothing, ())
    (code,) = await subscriptions.add([wish(SRIS, ESS, "enrolment", "p")])
    for purpose in ("p", "q", "q"):
        assert await subscriptions.add([wish(SRIS, ESS, "enrolment", purpose)]) == [code]
    await subscriptions.add([wish(SRIS, ESS, "enrolment_status_change", "p")])
    found = {(each.event_type, each.purpose) for each in await subscriptions.of_provider(ESS)}
    assert found == {("enrolment", "q"), ("enrolment_status_change", "p")}
    assert log.kinds == ["subscription.recorded", "subscription.changed", "subscription.recorded"]
    assert log.entries[1].facts["purpose"] == "q"
