"""The harness counts right, and refuses to make a figure out of nothing."""

import pytest

from bench.arithmetic import Figure, Round, beside, median_round, merged, percentile, ratio_of, rounded
from bench.load import length_of, request_bytes
from bench.machine import layout
from bench.processes import NotMeasured
from bench.references import read_wrk

WRK = """Running 2s test @ http://127.0.0.1:1/
  Latency Distribution
     50%    1.50ms
     75%    1.90ms
     90%  900.00us
     99%    1.20s
  100 requests in 2.00s, 1.00MB read
Requests/sec:  53900.12
"""


def test_a_percentile_is_a_measured_value() -> None:
    values = [float(n) for n in range(1, 101)]
    assert [percentile(values, share) for share in (50, 99, 100)] == [50, 99, 100]
    assert percentile([7.0], 99) == 7.0


def test_no_values_are_no_percentile_and_no_round() -> None:
    with pytest.raises(ValueError, match="no values"):
        percentile([], 50)
    with pytest.raises(ValueError, match="measures nothing"):
        Round.of(1.0, [])
    with pytest.raises(ValueError, match="measured nothing"):
        ratio_of(1.0, 0.0)


def test_a_round_counts_what_was_completed_in_its_time() -> None:
    assert Round.of(2.0, [3.0, 1.0, 2.0, 10.0]) == Round(2.0, 2.0, 10.0)


def test_each_number_has_its_own_median() -> None:
    rounds = [Round(10, 5.0, 9.0), Round(30, 1.0, 7.0), Round(20, 3.0, 100.0)]
    assert median_round(rounds) == Round(20, 3.0, 9.0)
    assert median_round([Round(1), Round(3)]) == Round(2)


def test_load_processes_that_ran_side_by_side_add_up() -> None:
    seconds, latencies = merged([{"seconds": 2.0, "micros": [1000, 2000]}, {"seconds": 2.5, "micros": [500]}])
    assert (seconds, latencies) == (2.5, [1.0, 2.0, 0.5])


def test_a_figure_stands_beside_its_reference_and_knows_its_target() -> None:
    figure = beside("x", Round(1500, 2.0, 9.0), "exchanges/s", ("nginx", 50_000.0), ">= 0.03")
    assert figure.wire() == {
        "name": "x",
        "value": 1500,
        "unit": "exchanges/s",
        "p50": 2.0,
        "p99": 9.0,
        "reference": "nginx",
        "ratio": 0.03,
        "target": ">= 0.03",
    }
    assert figure.reached is True


@pytest.mark.parametrize(
    ("figure", "reached"),
    [
        (Figure("x", 3.0, "ms", target="<= 2.5"), False),
        (Figure("x", 2.5, "ms", target="<= 2.5"), True),
        (Figure("x", 9.0, "ms", ratio=1.1, reference="y", target="<= 1.2"), True),
        (Figure("x", 9.0, "ms"), None),
    ],
)
def test_a_target_is_for_the_ratio_where_there_is_one(figure: Figure, reached: bool | None) -> None:
    assert figure.reached is reached


def test_numbers_are_told_with_three_digits() -> None:
    assert [rounded(value) for value in (53_912.4, 0.031_234, 1.0, 999.6, 0.0, None)] == [
        53_912,
        0.0312,
        1.0,
        1000,
        0,
        None,
    ]


def test_what_wrk_prints_is_read_with_its_units() -> None:
    assert read_wrk(WRK) == Round(53900.12, 1.5, 1200.0)


@pytest.mark.parametrize(
    "text", ["", WRK + "  Non-2xx or 3xx responses: 3\n", WRK + "  Socket errors: connect 0, read 9\n"]
)
def test_a_round_with_bad_answers_is_not_a_measurement(text: str) -> None:
    with pytest.raises(NotMeasured):
        read_wrk(text)


def test_everyone_has_cores_of_their_own_where_there_are_four() -> None:
    four = layout([0, 1, 2, 3, 4])
    assert four.pinned
    assert not four.server & (four.backend | four.database | four.load[0] | four.load[1])
    two = layout([0, 1])
    assert not two.pinned
    assert two.server == {0, 1}


def test_a_request_is_one_post_with_its_length() -> None:
    raw = request_bytes("/v1/x", "127.0.0.1:1", b"{}", {"dpop": "p"})
    assert raw.startswith(b"POST /v1/x HTTP/1.1\r\nhost: 127.0.0.1:1\r\n")
    assert raw.endswith(b"content-length: 2\r\ndpop: p\r\n\r\n{}")


def test_the_length_of_an_answer_is_in_its_head() -> None:
    assert length_of(b"HTTP/1.1 200 OK\r\nContent-Length: 12") == 12
    assert length_of(b"HTTP/1.1 204 No Content") == 0
