"""Names with a birth date find a person as a number does: they must be the consenting person's own."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path
from typing import Any

import orjson
import pytest
from agreeing import EPF, FUND, SR, WBB, Here, document, line, nic, opened, ref, signed
from sqlalchemy import select

from adapters.kit.contract import Question, RawAnswer
from gateway.catalogue import Catalogue, Offer
from gateway.delivery import jobs
from gateway.delivery.batch_values import Line
from gateway.delivery.batches import Batches
from gateway.delivery.tables import batch_decision
from gateway.errors import RefusedByRules
from gateway.gate import Gate, utc_now
from gateway.model import Ask, Handover, Identifier, Name, Subject
from gateway.pipeline import exchange
from gateway.review.replay import SAME, Replaying
from gateway.review.search import one_exchange
from gateway.trust.person import PersonRef
from gateway.trust.seal import Seal
from tests.durable_house import PUSH, READ, Fund

PURPOSE = "employment-support.eligibility"
SENT = frozenset({"NIC", "names", "birth_date"})
VITAL = replace(READ, sent=SENT)
TOLD = replace(PUSH, sent=SENT)
ANN, BEN = ("eng", "Latn", "Ann Perera"), ("eng", "Latn", "Ben Silva")
ANN_IN_SINHALA = ("sin", "Sinh", "ශ්\u200dරී ඈන්")
BORN, ANOTHER_DAY = date(1990, 5, 2), date(1991, 6, 3)
STATUTE = [{"kind": "public_task", "reference": "Act 1"}]


class Answering(Fund):
    """A register that answers whoever it is asked about."""

    async def ask(self, question: Question) -> RawAnswer:
        self.asked.append(question.subject.names[0].value if question.subject.names else "")
        return RawAnswer({"a": "1"}, date(2026, 9, 30), "00")


@dataclass
class Place:
    """A gate before one register that finds people by number, or by names and birth date."""

    here: Here
    gate: Gate
    register: Answering

    async def agree(self, **changes: Any) -> None:
        granted = [
            {"service": each.id, "actions": [*each.actions, "bulk"], "fields": ["a"], "sends": sorted(SENT)}
            for each in (VITAL, TOLD)
        ]
        made = await self.here.call(SR, "POST", "/agreements", json=signed(document(services=granted, **changes)))
        assert made.status_code == 201

    async def consented(self, **known: Any) -> None:
        subject = {"identifiers": [{"type": "NIC", "value": nic(1)}]} | known
        said = line(1, subject=subject, services=[VITAL.id, TOLD.id], recipients=[WBB, EPF])
        made = await self.here.call(SR, "POST", "/consents", json=said)
        assert made.status_code == 201, made.text

    async def refusal(self, subject: Subject) -> str:
        """Why a question about somebody is refused; empty if it is answered."""
        try:
            await exchange(replace(ASK, subject=subject), self.gate)
        except RefusedByRules as refused:
            return str(refused.reasons[-1])
        return ""


@pytest.fixture
async def place(database_url: str, tmp_path: Path) -> AsyncIterator[Place]:
    async with opened(database_url, tmp_path) as here:
        register = Answering()
        catalogue = Catalogue([Offer(VITAL, FUND.system, register), Offer(TOLD, FUND.system, register)])
        yield Place(here, replace(here.app.state.services.gate, catalogue=catalogue), register)


def named(*names: tuple[str, str, str]) -> list[dict[str, str]]:
    return [dict(zip(("language", "script", "value"), each, strict=True)) for each in names]


def somebody(*names: tuple[str, str, str], born: date | None = BORN) -> Subject:
    return Subject((Identifier("NIC", nic(1)),), tuple(Name(*each) for each in names), born)


KNOWN = {"names": named(ANN, ANN_IN_SINHALA), "birth_date": BORN.isoformat()}
ASK = Ask(SR.system, VITAL.id, PURPOSE, somebody(), date(2026, 10, 31), frozenset({"a"}))


async def test_the_names_and_birth_date_that_were_recorded_are_the_person_s_own(place: Place) -> None:
    await place.agree()
    await place.consented(**KNOWN)
    for names in ([ANN], [ANN, ANN_IN_SINHALA], [("eng", "Latn", " ann  PERERA")], [("sin", "Sinh", "ශ්රී ඈන්")]):
        assert await place.refusal(somebody(*names)) == "", names


@pytest.mark.parametrize("bases", [[{"kind": "consent", "controllers": [WBB]}], STATUTE])
async def test_another_s_names_or_birth_date_beside_the_own_number_are_refused_before_the_register_is_asked(
    place: Place, bases: list[dict[str, Any]]
) -> None:
    await place.agree(legal_bases=bases)
    await place.consented(**KNOWN)
    for subject in (somebody(BEN), somebody(ANN, BEN), somebody(ANN, born=ANOTHER_DAY)):
        assert await place.refusal(subject)
    assert place.register.asked == []


async def test_a_consent_that_was_recorded_without_them_carries_the_number_only(place: Place) -> None:
    await place.agree()
    await place.consented()
    assert await place.refusal(somebody(ANN))
    assert await place.refusal(somebody(born=None)) == ""


async def test_a_name_or_a_birth_date_alone_finds_nobody_and_needs_no_word(place: Place) -> None:
    await place.agree()
    await place.consented()
    assert await place.refusal(somebody(BEN, born=None)) == ""
    assert await place.refusal(somebody(born=ANOTHER_DAY)) == ""


async def test_each_line_of_a_batch_is_looked_at(place: Place) -> None:
    await place.agree()
    await place.consented(**KNOWN)
    batches = Batches(place.here.db, place.gate, Seal([b"k" * 32]), asyncio.Event(), kept_s=3600)
    lines = [Line("own", somebody(ANN)), Line("another's", somebody(BEN)), Line("number", somebody(born=None))]
    taken = await batches.accept(replace(ASK, subject=Subject()), lines)
    async with place.here.db.write() as connection:
        (claimed,) = await jobs.claim(connection, now=utc_now().timestamp() + 1, most=1)
    await batches.run(claimed)
    async with place.here.db.read() as connection:
        of = batch_decision.c
        rows = select(of.outcome).where(of.exchange_id == taken.id).order_by(of.line)
        assert list((await connection.execute(rows)).scalars()) == ["answered", "refused_by_rules", "answered"]


async def test_what_is_handed_over_about_a_person_is_told_and_finds_nobody(place: Place) -> None:
    await place.agree()
    await place.consented()
    handover = Handover(SR.system, TOLD.id, PURPOSE, somebody(BEN), {"a": "1"}, "k1")
    assert (await place.gate.permit(handover)).fields == {"a"}


async def test_the_decision_can_be_replayed_and_the_log_holds_no_name(place: Place) -> None:
    await place.agree()
    await place.consented(**KNOWN)
    assert await place.refusal(somebody(ANN, ANN_IN_SINHALA)) == ""
    assert await place.refusal(somebody(BEN))
    replaying = Replaying(place.here.db, place.gate, place.here.person_ref)
    entries = await place.here.entries()
    ids = [each["facts"]["exchange_id"] for each in entries if each["kind"] == "exchange.intent"]
    async with place.here.db.read() as connection:
        found = [await connection.run_sync(one_exchange, each) for each in ids]
    assert [(await replaying.replayed(each)).result for each in found] == [SAME, SAME]
    assert not any(each in orjson.dumps(entries) for each in (b"Perera", b"Silva", b"1990-05-02"))


async def test_two_people_with_one_name_and_birthday_are_still_two(place: Place) -> None:
    """Who shares both with the consenting person is not told apart by them, only by the number."""
    refs = place.here.person_ref
    one, other = somebody(ANN), replace(somebody(ANN), identifiers=(Identifier("NIC", nic(2)),))
    assert refs.unbound(one) == refs.unbound(other)
    assert refs(one) == ref(place.here, 1) != refs(other)


def test_a_hash_of_name_and_birth_date_is_no_number_and_no_pseudonym() -> None:
    profile = {"person_key": "NIC"}
    ours, others = PersonRef(profile, b"p" * 32), PersonRef(profile, b"q" * 32)
    subject = somebody(ANN)
    (born,) = ours.unbound(subject)
    assert len(born) == 32
    assert born not in ours(subject)
    assert born not in others.unbound(subject)
    assert ours.numbers(subject) == {ours.number_ref(subject.identifiers[0]), born}
    assert ours.numbers(subject, found_by_name=False) == {ours.number_ref(subject.identifiers[0])}
