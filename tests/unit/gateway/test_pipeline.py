"""The procedure keeps its promises whatever step fails."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import date

import pytest

from adapters.kit import contract as agency
from adapters.kit.contract import Handed, Identifier, Subject
from audit import commit
from consent import canonical
from gateway.errors import (
    TRANSLATION,
    ExchangeError,
    NoEvidence,
    RefusedByRules,
    SourceUnavailable,
    SubjectUnknown,
    Unknown,
)
from gateway.gate import outcome_facts
from gateway.model import Ask, ClaimAsked, Closing, Handover, Opened, Permit, RawAnswer
from gateway.pipeline import exchange, push

SUBJECT = Subject((Identifier("NIC", "199012304567"),))
ASK = Ask("LK/GOV/WBB/SRIS", "tax.employment", "eligibility", SUBJECT, date(2026, 10, 31), frozenset({"a", "b"}))
HANDOVER = Handover("LK/GOV/WBB/SRIS", "ess.referral", "referral", SUBJECT, {"a": 1, "b": 2}, "key-1")
PERMIT = Permit(frozenset({"a"}), ("allow agreement A1 v1",), may_know_existence=True)
RAW = RawAnswer({"A": 1}, date(2026, 9, 30), "00")


@dataclass
class FakeGate:
    """Answers as told, and writes down in which order it was called."""

    permits: list[Permit | ExchangeError] = field(default_factory=lambda: [PERMIT, PERMIT])
    record: Mapping[str, object] = field(default_factory=lambda: {"a": 1, "b": 2, "c": 3})
    raw: RawAnswer | BaseException = RAW
    log_failure: str = ""
    calls: list[str] = field(default_factory=list)
    closings: list[Closing] = field(default_factory=list)
    handed: Mapping[str, object] | BaseException = field(default_factory=dict)
    over: RefusedByRules | None = None

    async def opened(self, ask: Ask | Handover) -> Opened:
        self.calls.append("opened")
        if self.log_failure == "opened":
            raise NoEvidence("no")
        return Opened("x-1", "ref")

    async def permit(self, ask: Ask | Handover) -> Permit:
        self.calls.append("permit")
        verdict = self.permits.pop(0)
        if isinstance(verdict, ExchangeError):
            raise verdict
        return verdict

    async def charge(self, opened: Opened, ask: Ask | Handover, permit: Permit) -> None:
        self.calls.append("charge")
        if self.over:
            raise self.over

    async def fetch(self, ask: Ask, permit: Permit) -> RawAnswer:
        self.calls.append("fetch")
        if isinstance(self.raw, BaseException):
            raise self.raw
        return self.raw

    async def remember(self, ask: Ask, permit: Permit, raw: RawAnswer, released: Mapping[str, object]) -> None:
        self.calls.append(f"remember {sorted(released)}")

    def normalise(self, ask: Ask, permit: Permit, raw: RawAnswer) -> Mapping[str, object]:
        self.calls.append("normalise")
        return self.record

    async def hand(self, handover: Handover, record: Mapping[str, object], item_id: str, *, contested: bool) -> Handed:
        self.calls.append("hand")
        if isinstance(self.handed, BaseException):
            raise self.handed
        self.handed = record
        return Handed("r-1", "ACK")

    async def closed(self, opened: Opened, ask: Ask | Handover, closing: Closing) -> str:
        self.calls.append(f"closed {closing.outcome} {sorted(closing.fields)}")
        if self.log_failure == "closed":
            raise NoEvidence("no")
        self.closings.append(closing)
        return "log:1:x"


async def test_an_answer_holds_granted_fields_only_and_is_released_after_the_outcome() -> None:
    gate = FakeGate()
    answer = await exchange(ASK, gate)
    assert answer.wire()["record"] == {"a": 1}
    assert gate.calls == ["opened", "permit", "charge", "fetch", "normalise", "permit", "closed answered ['a']"]
    assert answer.receipt == "log:1:x"


async def test_only_what_was_released_is_remembered_and_only_after_the_outcome() -> None:
    kept = replace(PERMIT, answers_kept_minutes=5)
    gate = FakeGate(permits=[kept, kept])
    await exchange(ASK, gate)
    assert gate.calls[-2:] == ["closed answered ['a']", "remember ['a']"]


async def test_the_outcome_commits_to_just_what_is_told() -> None:
    gate = FakeGate()
    answer = await exchange(ASK, gate)
    closing = gate.closings[0]
    assert closing.content == answer.content()
    assert len(closing.salt) == 32
    assert answer.wire()["salt"] == closing.salt.hex()
    committed = commit("answer", closing.salt, canonical(closing.content))
    assert outcome_facts(closing)["answer"] == committed
    assert "content" not in outcome_facts(closing)


async def test_nothing_leaves_the_gateway_when_the_intent_cannot_be_written() -> None:
    gate = FakeGate(log_failure="opened")
    with pytest.raises(NoEvidence):
        await exchange(ASK, gate)
    assert gate.calls == ["opened"]


async def test_nothing_is_released_when_the_outcome_cannot_be_written() -> None:
    gate = FakeGate(log_failure="closed")
    with pytest.raises(NoEvidence):
        await exchange(ASK, gate)


async def test_a_refused_exchange_never_reaches_the_agency_and_is_recorded() -> None:
    gate = FakeGate(permits=[RefusedByRules("no", reasons=("deny A1: no consent",))])
    with pytest.raises(RefusedByRules):
        await exchange(ASK, gate)
    assert gate.calls == ["opened", "permit", "closed refused_by_rules []"]
    assert gate.closings[0].reasons == ("deny A1: no consent",)


async def test_consent_withdrawn_while_the_agency_answers_stops_the_release() -> None:
    gate = FakeGate(permits=[PERMIT, RefusedByRules("gone", reasons=("deny consent C1: withdrawn",))])
    with pytest.raises(RefusedByRules):
        await exchange(ASK, gate)
    assert gate.calls[-1] == "closed refused_by_rules []"


async def test_a_field_that_is_no_longer_granted_at_release_is_dropped() -> None:
    both = Permit(frozenset({"a", "b"}), ())
    gate = FakeGate(permits=[both, PERMIT])
    assert (await exchange(ASK, gate)).released == {"a": 1}


async def test_a_fault_of_ours_is_the_outcome_unknown_and_tells_nothing() -> None:
    gate = FakeGate(raw=KeyError("199012304567"))
    with pytest.raises(Unknown) as raised:
        await exchange(ASK, gate)
    assert gate.closings[0].reasons == ("fault KeyError",)
    assert "1990" not in raised.value.detail
    assert raised.value.exchange_id == "x-1"


async def test_a_caller_that_hangs_up_leaves_an_outcome_and_stays_cancelled() -> None:
    gate = FakeGate(raw=asyncio.CancelledError())
    with pytest.raises(asyncio.CancelledError):
        await exchange(ASK, gate)
    assert gate.closings[0].outcome == "unknown"


@pytest.mark.parametrize(("may_know", "told"), [(True, "unknown_person"), (False, "not_available")])
async def test_who_may_not_know_existence_hears_not_available(may_know: bool, told: str) -> None:
    permit = Permit(frozenset({"a"}), (), may_know_existence=may_know)
    gate = FakeGate(permits=[permit, permit], raw=SubjectUnknown("unknown"))
    with pytest.raises(SubjectUnknown) as raised:
        await exchange(ASK, gate)
    assert raised.value.told[1] == told
    assert gate.closings[0].outcome == "unknown_person"  # the log keeps the true code


@pytest.mark.parametrize(("may_know", "outcome"), [(True, "no_data"), (False, None)])
async def test_no_data_is_an_answer_or_not_available(may_know: bool, outcome: str | None) -> None:
    permit = Permit(frozenset({"a"}), (), may_know_existence=may_know)
    gate = FakeGate(permits=[permit, permit], raw=RawAnswer({}, date(2026, 9, 30), empty=True))
    if outcome:
        assert (await exchange(ASK, gate)).outcome == outcome
    else:
        with pytest.raises(ExchangeError) as raised:
            await exchange(ASK, gate)
        assert raised.value.told == (404, "not_available", "No answer is available for this request.")
    assert gate.closings[0].outcome == "no_data"


async def test_a_claim_is_released_whole_or_not_at_all() -> None:
    ask = Ask(ASK.consumer, ASK.service, ASK.purpose, SUBJECT, ASK.as_at, claim=ClaimAsked("employment_status"))
    granted = Permit(frozenset({"claim:employment_status"}), ())
    gate = FakeGate(permits=[granted, granted], record={"paid": False})
    assert (await exchange(ask, gate)).wire()["claims"] == {"paid": False}
    gate = FakeGate(permits=[granted, PERMIT], record={"paid": False})
    assert (await exchange(ask, gate)).wire()["claims"] == {}


async def test_a_push_hands_over_granted_members_only() -> None:
    gate = FakeGate()
    await push(Opened("x-1", "ref"), HANDOVER, gate, last_try=False)
    assert gate.handed == {"a": 1}
    assert gate.calls == ["permit", "charge", "hand", "closed answered ['a']"]


async def test_a_push_that_may_heal_stays_open_until_the_last_try() -> None:
    gate = FakeGate(handed=SourceUnavailable("down"))
    with pytest.raises(SourceUnavailable):
        await push(Opened("x-1", "ref"), HANDOVER, gate, last_try=False)
    assert gate.calls == ["permit", "charge", "hand"]
    gate = FakeGate(handed=SourceUnavailable("down"))
    with pytest.raises(SourceUnavailable):
        await push(Opened("x-1", "ref"), HANDOVER, gate, last_try=True)
    assert gate.calls[-1] == "closed source_down []"


def test_every_agency_error_is_translated() -> None:
    def below(kind: type[agency.AgencyError]) -> set[type[agency.AgencyError]]:
        return {each for direct in kind.__subclasses__() for each in {direct, *below(direct)}}

    declared = {each for each in below(agency.AgencyError) if each.__module__ == agency.__name__}
    assert declared == set(TRANSLATION)


async def test_who_is_over_a_budget_is_refused_before_the_agency_is_asked_and_it_is_recorded() -> None:
    gate = FakeGate(over=RefusedByRules("spent", reasons=("deny agreement A1: quota calls_per_hour",)))
    with pytest.raises(RefusedByRules):
        await exchange(ASK, gate)
    assert gate.calls == ["opened", "permit", "charge", "closed refused_by_rules []"]
    assert gate.closings[0].reasons == ("deny agreement A1: quota calls_per_hour",)
