"""An answer is given again only where the agreement says so: sealed, for its minutes, to the same question."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import orjson
import pytest
from sqlalchemy import select, update

from adapters.kit.contract import AgencyError, AgencyHasNoSuchPerson, Question, RawAnswer
from audit import Wanted
from consent import Consent
from gateway.delivery.tables import kept_answer
from gateway.errors import RefusedByRules, SubjectUnknown
from gateway.kept_answers import KeptAnswers, forget_over, forget_people
from gateway.model import Answer, Ask, Permit
from gateway.pipeline import exchange
from gateway.recording import Recording
from gateway.trust.seal import Seal
from tests.durable_house import AT, CONSUMER, Fund, House, a_house, subject

MINUTES = 10
NUMBER = "199012304567"


class Answering(Fund):
    """An agency whose answer says how often it was asked."""

    unwell: AgencyError | None = None
    meanwhile: Callable[[], None] | None = None

    async def ask(self, question: Question) -> RawAnswer:
        if self.unwell is not None:
            raise self.unwell
        self.asked.append(question.subject.identifiers[0].value)
        if self.meanwhile is not None:
            self.meanwhile()
        known = {"a": len(self.asked), "secret": "x"}
        return RawAnswer({name: known[name] for name in sorted(question.fields)}, date(2026, 9, 30), "00")


@asynccontextmanager
async def keeping(url: str, folder: Path) -> AsyncIterator[House]:
    async with a_house(url, folder) as found:
        found.fund.__class__ = Answering
        kept = KeptAnswers(found.db, Seal([b"k" * 32]), found.gate.person_ref, lambda: found.clock[0])
        found.gate = replace(found.gate, answer_cache=kept)
        yield found


@pytest.fixture
async def house(database_url: str, tmp_path: Path) -> AsyncIterator[House]:
    async with keeping(database_url, tmp_path) as found:
        yield found


@pytest.fixture
async def small(sqlite_url: str, tmp_path: Path) -> AsyncIterator[House]:
    """For what no other database would do otherwise: keeping, expiry and erasure are proved on both."""
    async with keeping(sqlite_url, tmp_path) as found:
        yield found


def agree(house: House, minutes: int = MINUTES, **changed: Any) -> None:
    house.agreements[0] = replace(house.agreements[0], answers_kept_minutes=minutes, **changed)


def ask(number: str = NUMBER) -> Ask:
    return Ask(CONSUMER, "fund.status", "p", subject(number), date(2026, 11, 1), frozenset({"a"}))


async def asked(house: House, question: Ask | None = None) -> Answer:
    return await exchange(question or ask(), house.gate)


async def rows(house: House) -> list[tuple[bytes, float]]:
    async with house.db.read() as connection:
        found = await connection.execute(select(kept_answer.c.sealed, kept_answer.c.expires))
        return [(row.sealed, row.expires) for row in found.all()]


async def test_without_a_word_in_the_agreement_the_agency_is_called_each_time_and_nothing_is_kept(small: House) -> None:
    assert [(await asked(small)).released["a"] for _ in range(3)] == [1, 2, 3]
    assert await rows(small) == []


async def test_with_it_the_same_question_is_answered_again_with_its_age_until_the_minutes_are_over(
    house: House,
) -> None:
    agree(house)
    first = await asked(house)
    house.clock[0] += timedelta(minutes=MINUTES - 1)
    again = await asked(house)
    assert (again.released, again.as_of, again.match, again.code) == (first.released, first.as_of, "exact", "00")
    assert (first.kept_at, again.kept_at) == ("", AT.isoformat())
    assert again.content()["kept_at"] == AT.isoformat()
    house.clock[0] += timedelta(minutes=1)
    assert (await asked(house)).released == {"a": 2}


async def test_every_exchange_has_its_intent_and_outcome_and_says_that_the_answer_was_kept(house: House) -> None:
    agree(house)
    answers = [await asked(house) for _ in range(2)]
    assert house.fund.asked == [NUMBER]
    kinds = ("exchange.intent", "exchange.outcome")
    for each in answers:
        by = (("exchange_id", each.exchange_id),)
        assert [len(await house.log.search(Wanted(facts=by, kind=kind))) for kind in kinds] == [1, 1]
    told = [
        (await house.log.search(Wanted(facts=(("exchange_id", each.exchange_id),), kind=kinds[1]))) for each in answers
    ]
    assert [(await house.log.find([found.entry_id]))[0].entry.facts.get("kept_at") for (found,) in told] == [
        None,
        AT.isoformat(),
    ]


async def test_another_person_field_period_consumer_or_version_is_another_question(small: House) -> None:
    agree(small)
    await asked(small)
    for other in (ask("199012304568"), replace(ask(), as_at=date(2026, 10, 31)), replace(ask(), case="C1")):
        await asked(small, other)
    assert len(small.fund.asked) == 3  # a case does not change what is asked
    agree(small, version=2)
    await asked(small)
    assert len(small.fund.asked) == 4


async def test_the_rules_decide_every_time_also_about_what_is_kept(small: House) -> None:
    agree(small)
    await asked(small)
    agree(small, purposes=frozenset({"another"}))
    with pytest.raises(RefusedByRules):
        await asked(small)
    assert small.fund.asked == [NUMBER]


async def test_an_agreement_that_keeps_no_more_finds_nothing_that_was_kept_before(small: House) -> None:
    agree(small)
    await asked(small)
    agree(small, minutes=0)
    assert (await asked(small)).released == {"a": 2}


async def test_what_is_kept_is_sealed_bound_to_its_row_and_no_more_than_was_released(house: House) -> None:
    agree(house)
    await asked(house)
    ((sealed, expires),) = await rows(house)
    assert b'"a"' not in sealed
    assert NUMBER.encode() not in sealed
    assert expires == (AT + timedelta(minutes=MINUTES)).timestamp()
    async with house.db.read() as connection:
        name = (await connection.execute(select(kept_answer.c.id))).scalar_one()
    told = orjson.loads(Seal([b"k" * 32]).opened(f"kept_answer:{name}", sealed))
    assert told["payload"] == {"a": 1}
    async with house.db.write() as connection:
        await connection.execute(update(kept_answer).values(sealed=sealed[:-1] + bytes([sealed[-1] ^ 1])))
    assert (await asked(house)).released == {"a": 2}  # altered: asked anew


async def test_a_failure_is_never_kept(small: House) -> None:
    agree(small)
    assert isinstance(small.fund, Answering)
    small.fund.unwell = AgencyHasNoSuchPerson("nobody", code="404")
    with pytest.raises(SubjectUnknown):
        await asked(small)
    assert await rows(small) == []


def consent(house: House) -> Consent:
    return Consent(
        "C1",
        house.gate.person_ref(subject(NUMBER)),
        "LK/GOV/WBB",
        frozenset({CONSUMER}),
        frozenset({"p"}),
        {"fund.status": None},
        AT - timedelta(days=1),
        AT + timedelta(days=9),
        "self",
        "sha-256:" + "0" * 64,
    )


def recording(house: House) -> Recording:
    return Recording(house.db, house.log, lambda: house.clock[0])


async def test_a_withdrawal_drops_what_is_kept_of_the_person_and_nobody_else_s(house: House) -> None:
    agree(house)
    await recording(house).consents([consent(house)], by="LK/GOV/WBB")
    await asked(house)
    await asked(house, ask("199012304568"))
    await recording(house).withdrawal("C1", controller="LK/GOV/WBB")
    assert len(await rows(house)) == 1
    assert [(await asked(house, ask(n))).released["a"] for n in (NUMBER, "199012304568")] == [3, 2]


async def test_all_withdrawals_of_a_person_drop_it_too_and_one_that_is_not_committed_drops_nothing(
    house: House,
) -> None:
    agree(house)
    await recording(house).consents([consent(house)], by="LK/GOV/WBB")
    await asked(house)

    async def failing() -> None:
        async with house.db.write() as connection:
            await recording(house).withdrawn_in(connection, "C1", controller="LK/GOV/WBB")
            raise LookupError("the caller's transaction fails")

    with pytest.raises(LookupError):
        await failing()
    assert len(await rows(house)) == 1
    await recording(house).withdrawals_of(consent(house).subject_ref, controller="LK/GOV/WBB")
    assert await rows(house) == []


async def test_an_exchange_that_closes_while_its_consent_is_withdrawn_keeps_nothing(house: House) -> None:
    await recording(house).consents([consent(house)], by="LK/GOV/WBB")
    raw = RawAnswer({"a": 1}, date(2026, 9, 30), "00")
    permit = Permit(frozenset({"a"}), (), agreement="A1", consent="C1", answers_kept_minutes=MINUTES)
    await house.gate.remember(ask(), permit, raw, {"a": 1})
    assert len(await rows(house)) == 1
    async with house.db.write() as connection:
        await recording(house).withdrawn_in(connection, "C1", controller="LK/GOV/WBB")
        late = asyncio.create_task(house.gate.remember(ask(), permit, raw, {"a": 1}))
        await asyncio.sleep(0.1)
        assert not late.done(), "it waits for the withdrawal, or the withdrawal would not see it"
    await late
    await house.gate.remember(ask(), permit, raw, {"a": 1})
    assert await rows(house) == []


async def test_an_erasure_drops_what_is_kept_of_the_person_in_its_own_transaction(house: House) -> None:
    agree(house)
    await asked(house)
    ref = house.gate.person_ref(subject(NUMBER))
    async with house.db.write() as connection:
        await forget_people(connection, [ref])
    assert await rows(house) == []


async def test_what_was_asked_under_other_fields_than_it_was_released_under_is_not_kept(small: House) -> None:
    agree(small)
    assert isinstance(small.fund, Answering)
    narrow = small.agreements[0]
    grant = replace(narrow.grants["fund.status"], fields=frozenset({"a", "secret"}))
    wide = replace(narrow, grants={**narrow.grants, "fund.status": grant})
    small.fund.meanwhile = lambda: small.agreements.__setitem__(0, wide)
    question = replace(ask(), fields=frozenset({"a", "secret"}))
    assert (await asked(small, question)).released == {"a": 1}  # the agency was asked for no more
    assert (await asked(small, question)).released == {"a": 2, "secret": "x"}


async def test_what_is_over_is_erased(house: House) -> None:
    agree(house)
    await asked(house)
    await forget_over(house.db, AT + timedelta(minutes=MINUTES - 1))
    assert len(await rows(house)) == 1
    await forget_over(house.db, AT + timedelta(minutes=MINUTES))
    assert await rows(house) == []
