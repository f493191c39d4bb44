"""A draft agreement is tried on what happened: which past exchanges it would have decided differently, and for whom."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from agreeing import AUDITOR, FUND, SR, WBB, Here, document, line, nic, opened, ref, signed, subject
from sqlalchemy import delete

from adapters.kit.contract import Question, RawAnswer
from audit.tables import audit_subject
from consent import agreement_of
from gateway.catalogue import Catalogue, Offer
from gateway.delivery import jobs
from gateway.delivery.batch_values import Line
from gateway.delivery.batches import Batches
from gateway.errors import RefusedByRules
from gateway.gate import Gate, utc_now
from gateway.model import Ask, Identifier, Subject
from gateway.pipeline import exchange
from gateway.review.drafted import Compared, Drafted
from gateway.review.replay import Replaying
from gateway.trust.seal import Seal
from tests.durable_house import READ, Fund

PURPOSE = "employment-support.eligibility"
STATUTE = {"kind": "public_task", "reference": "Act 1"}
CONSENT = {"kind": "consent", "controllers": [WBB]}


class Answering(Fund):
    """An agency that answers at once."""

    async def ask(self, question: Question) -> RawAnswer:
        return RawAnswer({"a": "1"}, date(2026, 9, 30), "00")


@dataclass
class Place:
    """A gate over one register and one log, and the routes of drafts."""

    here: Here
    gate: Gate

    async def asked(self, number: int = 1) -> str:
        """One exchange about somebody; gives its id, also where it was refused."""
        before = len(await self.here.entries())
        with suppress(RefusedByRules):
            await exchange(replace(ASK, subject=person(number)), self.gate)
        return str((await self.here.entries())[before]["facts"]["exchange_id"])

    async def compared(self, until: datetime | None = None, **changes: Any) -> Compared:
        """As whoever runs the gateway sees it."""
        replaying = Replaying(self.here.db, self.gate, self.here.person_ref)
        return await Drafted(self.here.db, replaying).compared(agreement_of(draft(**changes)), until=until)

    async def simulated(self, who: Any, **changes: Any) -> dict[str, Any]:
        body = {"document": draft(**changes), "subjects": changes.pop("subjects", [])}
        reply = await self.here.call(who, "POST", "/agreements/simulate", json=body)
        assert reply.status_code == 200, reply.text
        return dict(reply.json())


def person(number: int) -> Subject:
    return Subject((Identifier("NIC", nic(number)),))


ASK = Ask(SR.system, READ.id, PURPOSE, person(1), date(2026, 10, 31), frozenset({"a", "b"}))


def agreed(**changes: Any) -> dict[str, Any]:
    fields, actions = changes.pop("fields", ["a"]), changes.pop("actions", ["read", "bulk"])
    granted = [{"service": READ.id, "actions": actions, "fields": fields, "sends": ["NIC"]}]
    return document(services=granted, **changes)


def draft(**changes: Any) -> dict[str, Any]:
    return agreed(**{"version": 2, **changes})


@pytest.fixture
async def place(database_url: str, tmp_path: Path) -> AsyncIterator[Place]:
    async with opened(database_url, tmp_path) as here:
        services = here.app.state.services
        gate = replace(services.gate, catalogue=Catalogue([Offer(READ, FUND.system, Answering())]))
        services.gate = gate
        made = await here.call(SR, "POST", "/agreements", json=signed(agreed(may_know_existence=True)))
        assert made.status_code == 201
        given = line(1, services=[READ.id])
        assert (await here.call(SR, "POST", "/consents", json=given)).status_code == 201
        yield Place(here, gate)


async def test_what_a_draft_would_newly_have_released_and_no_longer_is_told_by_exchange(place: Place) -> None:
    allowed, refused = await place.asked(1), await place.asked(2)
    same = await place.compared()
    assert (same.looked_at, same.not_told, same.different) == (2, 0, ())
    wider = await place.compared(legal_bases=[CONSENT, STATUTE])
    (one,) = wider.different
    assert (one.exchange_id, one.outcome, one.gained, one.lost) == (
        refused,
        "refused_by_rules",
        frozenset({"a"}),
        frozenset(),
    )
    other = await place.compared(fields=["b"])
    assert {(each.exchange_id, each.gained, each.lost) for each in other.different} == {
        (allowed, frozenset({"b"}), frozenset({"a"}))
    }


async def test_it_is_decided_on_the_facts_as_they_were(place: Place) -> None:
    exchange_id = await place.asked(1)
    await place.here.call(SR, "POST", "/consents/C1/withdraw")
    (one,) = (await place.compared(fields=["b"])).different
    assert one.exchange_id == exchange_id


async def test_the_lines_of_a_batch_are_counted(place: Place) -> None:
    batches = Batches(place.here.db, place.gate, Seal([b"k" * 32]), asyncio.Event(), kept_s=3600)
    pattern = replace(ASK, subject=Subject())
    taken = await batches.accept(pattern, [Line(str(each), person(each)) for each in range(1, 4)])
    async with place.here.db.write() as connection:
        (claimed,) = await jobs.claim(connection, now=utc_now().timestamp() + 1, most=1)
    await batches.run(claimed)
    (one,) = (await place.compared(legal_bases=[STATUTE])).different
    assert (one.exchange_id, one.people, one.gained) == (taken.id, 2, frozenset({"a"}))
    (one,) = (await place.compared(actions=["read"])).different
    assert (one.people, one.lost) == (1, frozenset({"a"})), "without the action bulk nobody of a batch is answered"


async def test_what_cannot_be_rebuilt_is_counted_and_not_guessed(place: Place) -> None:
    await place.asked(1)
    async with place.here.db.write() as connection:
        await connection.execute(delete(audit_subject).where(audit_subject.c.subject_ref == ref(place.here, 1)))
    found = await place.compared(fields=["b"])
    assert (found.looked_at, found.not_told, found.different) == (1, 1, ())


async def test_the_api_shows_made_up_people_and_the_past_and_no_reason(place: Place) -> None:
    exchange_id = await place.asked(1)
    told = await place.simulated(SR, fields=["b"])
    assert told["past_exchanges"]["looked_at"] == 1
    (one,) = told["past_exchanges"]["different"]
    assert (one["exchange_id"], one["gained"], one["lost"], one["people"]) == (exchange_id, ["b"], ["a"], 1)
    assert "consented to all of it" in {each["person"] for each in told["made_up_people"]}
    assert nic(1) not in str(told)
    refused = await place.here.call(AUDITOR, "POST", "/agreements/simulate", json={"document": draft()})
    assert refused.status_code == 403


async def test_a_consumer_learns_nothing_of_outcomes_that_are_hidden_from_it(place: Place) -> None:
    quiet = signed(agreed(version=2, may_know_existence=False))
    assert (await place.here.call(SR, "POST", "/agreements", json=quiet)).status_code == 201
    await place.asked(2)
    changes: dict[str, Any] = {"version": 3, "legal_bases": [STATUTE]}
    (hidden,) = [(await place.simulated(SR, **changes))["past_exchanges"]]
    assert (hidden["looked_at"], hidden["not_told"], hidden["different"]) == (1, 1, [])


async def test_a_provider_is_told_sums_that_no_single_person_shows_in(place: Place) -> None:
    changes: dict[str, Any] = {"version": 3, "legal_bases": [STATUTE]}
    for number in range(2, 6):
        await place.asked(number)
    tomorrow = utc_now() + timedelta(days=1)
    few = (await place.compared(tomorrow, **changes)).in_sums()
    assert (few["looked_at"], few["different"]) == (4, []), "who answers knows by the moment whom it was about"
    for number in range(6, 9):
        await place.asked(number)
    told = (await place.compared(tomorrow, **changes)).in_sums()["different"]
    kind = {"service": READ.id, "action": "read", "purpose": PURPOSE, "gained": ("a",), "lost": ()}
    assert told == [kind | {"people_at_least": 5}]


async def test_a_providers_sums_do_not_move_with_the_exchanges_of_the_day(place: Place) -> None:
    changes: dict[str, Any] = {"version": 3, "legal_bases": [STATUTE]}
    before = (await place.simulated(FUND, **changes))["past_exchanges"]
    for number in range(2, 8):
        await place.asked(number)
    assert (await place.simulated(FUND, **changes))["past_exchanges"] == before, (
        "asked after each, they would tell of one"
    )
    assert (await place.compared(utc_now() - timedelta(hours=1), **changes)).looked_at == 0
    assert (await place.compared(**changes)).looked_at == 6


async def test_of_people_only_what_the_caller_recorded_itself_counts(place: Place) -> None:
    own = (await place.simulated(SR) | {})["verdicts"]
    assert own == []
    body = {"document": draft(), "subjects": [subject(1)]}
    by_controller = (await place.here.call(SR, "POST", "/agreements/simulate", json=body)).json()["verdicts"]
    by_provider = (await place.here.call(FUND, "POST", "/agreements/simulate", json=body)).json()["verdicts"]
    assert {tuple(each["then"]) for each in by_controller} == {("a",)}
    assert {tuple(each["then"]) for each in by_provider} == {()}
    assert "C1" not in str(by_provider)
