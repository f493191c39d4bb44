"""Rate and concurrency of systems, fair parts of what they share, and an honest time to wait."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.trust.limits import MOST_PEERS, Bucket, OverLimit, Shares
from gateway.trust.policy import Limits

A, B, C = "LK/GOV/WBB/SRIS", "LK/GOV/WBB/MIS", "LK/GOV/DME/ESS"
FUND, TAX = "LK/GOV/EPF/MEMBERS", "LK/GOV/IRD/PAYE"
NOTHING = Limits()


class Clock:
    now = 1000.0

    def __call__(self) -> float:
        return self.now


def shares(usual: Limits = NOTHING, **limits: object) -> tuple[Shares, Clock]:
    clock = Clock()
    return Shares(usual, clock=clock, **limits), clock


def refused(over: pytest.ExceptionInfo[OverLimit]) -> tuple[str, int]:
    return over.value.which, over.value.after_s


def test_a_system_has_its_burst_and_then_its_rate() -> None:
    here, clock = shares(Limits(per_second=2, burst=4))
    for _ in range(4):
        here.leave(A, here.enter(A, NOTHING))
    with pytest.raises(OverLimit) as over:
        here.enter(A, NOTHING)
    assert refused(over) == ("rate", 1)
    clock.now += 0.5
    here.leave(A, here.enter(A, NOTHING))
    with pytest.raises(OverLimit):
        here.enter(A, NOTHING)
    clock.now += 100
    for _ in range(4):
        here.leave(A, here.enter(A, NOTHING))


def test_the_time_to_wait_is_honest() -> None:
    here, clock = shares(Limits(per_second=0.1, burst=1))
    here.leave(A, here.enter(A, NOTHING))
    with pytest.raises(OverLimit) as over:
        here.enter(A, NOTHING)
    assert refused(over) == ("rate", 10)
    clock.now += 9.9
    with pytest.raises(OverLimit) as over:
        here.enter(A, NOTHING)
    assert refused(over) == ("rate", 1)
    clock.now += 1
    here.enter(A, NOTHING)


def test_one_system_s_rate_is_not_another_s_and_a_policy_goes_before() -> None:
    here, _ = shares(Limits(per_second=1, burst=1))
    here.enter(A, NOTHING)
    here.enter(B, NOTHING)
    for _ in range(50):
        here.enter(C, Limits(per_second=100, burst=50))
    with pytest.raises(OverLimit):
        here.enter(C, Limits(per_second=100, burst=50))


def test_calls_at_once_are_counted_until_they_are_over() -> None:
    here, clock = shares(Limits(concurrent=2))
    first = here.enter(A, NOTHING)
    here.enter(A, NOTHING)
    with pytest.raises(OverLimit) as over:
        here.enter(A, NOTHING)
    assert refused(over) == ("concurrent", 1)
    clock.now += 1
    here.leave(A, first)
    here.enter(A, NOTHING)
    with pytest.raises(OverLimit):
        here.enter(A, NOTHING)


def test_the_wait_for_a_place_is_what_calls_usually_take() -> None:
    here, clock = shares(Limits(concurrent=1))
    for _ in range(200):
        entered = here.enter(A, NOTHING)
        clock.now += 7.5
        here.leave(A, entered)
    here.enter(A, NOTHING)
    with pytest.raises(OverLimit) as over:
        here.enter(A, NOTHING)
    assert refused(over) == ("concurrent", 8)


def test_who_floods_a_full_gateway_does_not_keep_another_out() -> None:
    here, _ = shares(gateway=10)
    flood = [here.enter(A, NOTHING) for _ in range(10)]
    with pytest.raises(OverLimit) as over:
        here.enter(A, NOTHING)
    assert refused(over) == ("gateway", 1)
    for _ in range(5):
        here.enter(B, NOTHING)
    with pytest.raises(OverLimit):
        here.enter(B, NOTHING)  # its equal part
    for entered in flood:
        here.leave(A, entered)
    for _ in range(5):
        here.enter(B, NOTHING)  # what nobody else wants is free


def test_an_agreement_is_shared_by_the_systems_of_the_consumer_and_by_nobody_else() -> None:
    here, _ = shares(agreement=Limits(concurrent=4))
    running = [here.between(A, FUND) for _ in range(4)]
    for each in running:
        each.__enter__()
    with pytest.raises(OverLimit) as over, here.between(A, FUND):
        pytest.fail("let in")
    assert refused(over) == ("agreement", 1)
    with here.between(B, FUND), here.between(B, FUND):  # the other system of the member: its half
        with pytest.raises(OverLimit), here.between(B, FUND):
            pytest.fail("let in")
        with here.between(A, TAX), here.between(C, FUND):  # other agreements
            pass
    for each in running:
        each.__exit__(None, None, None)
    with here.between(A, FUND):
        assert here.refused == {"agreement": 2}


def test_the_rate_of_an_agreement_is_divided_among_who_wants_it() -> None:
    here, clock = shares(agreement=Limits(per_second=10))
    taken = {A: 0, B: 0}
    for tick in range(400):
        for system in (A, A, A, A, A, A, A, B):
            try:
                with here.between(system, FUND):
                    taken[system] += tick >= 200
            except OverLimit:
                continue
        clock.now += 0.05
    assert sum(taken.values()) <= 10 * 10 + 2
    assert abs(taken[A] - taken[B]) <= 4
    clock.now += 10
    alone = 0
    for _ in range(100):
        try:
            with here.between(A, FUND):
                alone += 1
        except OverLimit:
            break
    assert alone == 10  # alone again, it has all of it


def test_an_exchange_that_fails_gives_its_place_back() -> None:
    here, _ = shares(agreement=Limits(concurrent=1))
    for _ in range(3):
        with pytest.raises(KeyError), here.between(A, FUND):
            raise KeyError


def test_nothing_is_limited_where_nothing_is_said() -> None:
    here, _ = shares()
    for _ in range(1000):
        here.enter(A, NOTHING)
        with here.between(A, FUND):
            pass
    assert not here.refused


@given(st.lists(st.floats(min_value=0, max_value=2), max_size=200), st.floats(0.5, 50), st.integers(1, 20))
def test_no_rhythm_gets_more_than_burst_and_rate(pauses: list[float], per_second: float, burst: int) -> None:
    bucket, now, taken = Bucket(), 100.0, 0
    for pause in pauses:
        now += pause
        taken += bucket.wait(now, per_second, burst) == 0
    assert taken <= burst + (now - 100.0) * per_second + 1e-6


def most(capacity: int, systems: int) -> int:
    """Decision record 0143: the n-th system to come adds an n-th part of the places, and at least one."""
    return sum(max(capacity // parts, 1) for parts in range(1, systems + 1))


@pytest.mark.parametrize("capacity", [1, 2, 6, 10, 60])
def test_what_goes_beyond_is_the_equal_part_of_each_who_comes_later(capacity: int) -> None:
    here, _ = shares(gateway=capacity)
    held = {coming: let_in(here, coming) for coming in (A, B, C)}
    assert list(held.values()) == [capacity, max(capacity // 2, 1), max(capacity // 3, 1)]
    assert sum(held.values()) == most(capacity, 3)
    assert [let_in(here, again) for again in held] == [0, 0, 0]


def let_in(here: Shares, system: str) -> int:
    """The calls that it begins until it is refused."""
    count = 0
    try:
        while True:
            here.enter(system, NOTHING)
            count += 1
    except OverLimit:
        return count


@given(st.lists(st.tuples(st.sampled_from([A, B, C]), st.booleans()), max_size=300), st.integers(1, 12))
def test_places_are_never_lost_or_made(steps: list[tuple[str, bool]], capacity: int) -> None:
    here, _ = shares(gateway=capacity)
    inside: dict[str, list[float]] = {A: [], B: [], C: []}
    for system, coming in steps:
        if coming:
            try:
                inside[system].append(here.enter(system, NOTHING))
            except OverLimit:
                others = sum(len(each) for name, each in inside.items() if name != system)
                assert len(inside[system]) + others >= capacity
        elif inside[system]:
            here.leave(system, inside[system].pop())
        assert sum(map(len, inside.values())) <= most(capacity, len(inside))
    for system, each in inside.items():
        for entered in each:
            here.leave(system, entered)
    for _ in range(capacity):
        here.enter(A, NOTHING)


def test_a_peer_has_its_rate_and_others_do_not_pay_for_it() -> None:
    here, clock = shares(peer=Limits(per_second=2, burst=4))
    for _ in range(4):
        here.admit("address 192.0.2.1")
    with pytest.raises(OverLimit) as over:
        here.admit("address 192.0.2.1")
    assert (refused(over), here.refused["peer"]) == (("peer", 1), 1)
    here.admit("address 192.0.2.2")
    clock.now += 0.5
    here.admit("address 192.0.2.1")


def test_of_more_peers_than_are_remembered_the_latest_are() -> None:
    here, _ = shares(peer=Limits(per_second=1, burst=1))
    for number in range(MOST_PEERS + 1):
        here.admit(f"address {number}")
    here.admit("address 0")  # forgotten
    with pytest.raises(OverLimit):
        here.admit(f"address {MOST_PEERS}")
