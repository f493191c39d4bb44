"""Every public code arrives as the exception of its family, with what a caller needs to decide what to do."""

import pytest
from sandhi_client import BadRequest, Problem, Refused
from sandhi_client.errors import FAMILIES, PASSING, problem_of

from gateway.edges.v1.problems import CODES, RETRY_AFTER
from gateway.errors import ExchangeError


def test_every_code_of_the_gateway_has_its_family_and_no_family_is_empty() -> None:
    assert {code.partition(".")[0] for code in CODES} == set(FAMILIES)


@pytest.mark.parametrize("code", sorted(CODES))
def test_a_code_is_raised_in_its_family(code: str) -> None:
    found = problem_of(CODES[code].status, {"code": code, "detail": "Why.", "exchange_id": "e1"}, 5.0)
    assert type(found) is not Problem
    assert (found.code, found.status, found.detail) == (code, CODES[code].status, "Why.")
    assert (found.exchange_id, found.retry_after) == ("e1", 5.0)


def test_what_the_client_holds_for_passing_is_what_the_gateway_holds_for_it() -> None:
    retryable = {each.code for each in _all(ExchangeError) if each.retryable and each.code != "refused_by_rules"}
    assert retryable | set(RETRY_AFTER) == PASSING


@pytest.mark.parametrize(
    ("document", "expected"), [({}, True), ({"retryable": False}, False), ({"retryable": True}, True)]
)
def test_the_gateways_own_word_on_trying_again_counts_first(document: dict[str, object], *, expected: bool) -> None:
    assert problem_of(503, {"code": "source_down"} | document).retryable is expected


def test_a_code_that_is_newer_than_the_client_is_a_problem_all_the_same() -> None:
    assert type(problem_of(418, {"code": "teapot"})) is Problem
    assert type(problem_of(418, {})) is Problem
    assert type(problem_of(400, {"code": "bad_request.newer"})) is BadRequest


def test_a_family_is_caught_as_one() -> None:
    with pytest.raises(Refused):
        raise problem_of(502, {"code": "refused_by_source"})


def _all(kind: type[ExchangeError]) -> list[type[ExchangeError]]:
    return [kind, *(each for child in kind.__subclasses__() for each in _all(child))]
