"""What a consumer reads of an agency's error: never where in the answer it was; the operator's log has that."""

import logging

import pytest

from adapters.kit import contract as agency
from gateway.errors import UNUSABLE, translated


@pytest.mark.parametrize(
    "told",
    [
        "months[].month: not a month at /paid/0/period",
        "the record breaks canonical/certificate.v1.json at /category: enum",
        "the answer breaks ./answer.json at /people/199012304567: type",
    ],
)
def test_a_consumer_does_not_see_the_place_and_the_operator_does(told: str, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING, "sandhi.exchange"):
        error = translated(agency.AgencyAnswerMalformed(told, code="200"))
    assert (error.detail, error.source_code) == (UNUSABLE, "200")
    assert told.replace("199012304567", "...") in caplog.text
    assert "199012304567" not in caplog.text


def test_what_an_answer_means_is_told_without_its_place() -> None:
    error = translated(agency.AgencyHasNoSuchPerson("the agency does not know the person at /contributor/known"))
    assert error.detail == "the agency does not know the person"


def test_what_a_caller_can_mend_stays_as_it_is() -> None:
    told = "the agency must be told birth_date, and the caller does not hold it"
    assert translated(agency.AgencyRejectedMessage(told)).detail == told
