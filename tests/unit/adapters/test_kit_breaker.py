import asyncio

import pytest

from adapters.kit.breaker import ENOUGH, PROBE_S, RETRY_BURST, WINDOW_S, Breaker
from adapters.kit.contract import (
    AgencyAnswerMalformed,
    AgencyError,
    AgencyOutcomeUnknown,
    AgencyRefused,
    AgencyTimeout,
    AgencyUnavailable,
)


class Clock:
    now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def breaker(clock: Clock) -> Breaker:
    return Breaker(clock)


def fail(breaker: Breaker, times: int) -> None:
    for _ in range(times):
        breaker.record(ok=False)


def test_it_opens_when_half_of_enough_calls_failed_and_not_before(breaker: Breaker) -> None:
    for _ in range(ENOUGH // 2):
        breaker.record(ok=True)
    fail(breaker, ENOUGH // 2 - 1)
    breaker.check()
    fail(breaker, 1)
    with pytest.raises(AgencyUnavailable) as caught:
        breaker.check()
    assert caught.value.code == "breaker_open"


def test_one_probe_goes_through_and_success_closes_it(breaker: Breaker, clock: Clock) -> None:
    fail(breaker, ENOUGH)
    clock.now += PROBE_S
    breaker.check()
    with pytest.raises(AgencyUnavailable):
        breaker.check()
    breaker.record(ok=True)
    assert not breaker.is_open
    fail(breaker, ENOUGH - 1)
    breaker.check()


def test_a_failed_probe_keeps_it_open(breaker: Breaker, clock: Clock) -> None:
    fail(breaker, ENOUGH)
    clock.now += PROBE_S
    breaker.check()
    breaker.record(ok=False)
    assert breaker.is_open


@pytest.mark.parametrize(
    ("error", "ok"),
    [
        (AgencyUnavailable("x"), False),
        (AgencyTimeout("x"), False),
        (AgencyOutcomeUnknown("x"), False),
        (AgencyRefused("x"), True),
        (AgencyAnswerMalformed("x"), True),
    ],
    ids=lambda each: type(each).__name__,
)
def test_a_guarded_call_counts_by_how_it_ends(breaker: Breaker, error: AgencyError, ok: bool) -> None:
    with pytest.raises(type(error)), breaker.guarding():
        raise error
    assert breaker.health()[:3] == (False, 1, 0 if ok else 1)


def test_a_guarded_call_is_refused_while_open_and_a_probe_that_goes_well_closes_it(
    breaker: Breaker, clock: Clock
) -> None:
    fail(breaker, ENOUGH)
    with pytest.raises(AgencyUnavailable) as raised, breaker.guarding():
        pytest.fail("the call was made")
    assert raised.value.code == "breaker_open"
    clock.now += PROBE_S
    with breaker.guarding():
        pass
    assert not breaker.is_open


def test_a_call_that_is_given_up_tells_nothing_of_the_agency(breaker: Breaker) -> None:
    with pytest.raises(asyncio.CancelledError), breaker.guarding():
        raise asyncio.CancelledError
    assert breaker.health().calls == 0


def test_old_failures_are_forgotten(breaker: Breaker, clock: Clock) -> None:
    fail(breaker, ENOUGH - 1)
    clock.now += WINDOW_S + 1
    fail(breaker, ENOUGH - 1)
    breaker.check()


def test_retries_have_a_budget_that_calls_earn_back(breaker: Breaker) -> None:
    assert sum(breaker.may_retry() for _ in range(30)) == RETRY_BURST
    for _ in range(11):
        breaker.record(ok=True)
    assert breaker.may_retry()
    assert not breaker.may_retry()
