from collections.abc import Awaitable, Callable
from datetime import date
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

import schemas
from adapters.kit import claims
from adapters.kit.contract import (
    AgencyAnswerMalformed,
    AgencyCannotTell,
    AgencyRefused,
    AgencyRejectedMessage,
    AgencyUnavailable,
    Identifier,
    Name,
    Period,
    Question,
    Subject,
)
from adapters.kit.opening import open_adapter
from adapters.tax.adapter import match_request

Agency = Callable[[object], Awaitable[object]]
T = date(2026, 10, 31)
MATCHES = [
    "57072660-1df9-4aeb-b4ea-cd2d7f96e430",
    "67072660-1df9-4aeb-b4ea-cd2d7f96e430",
    "77072660-1df9-4aeb-b4ea-cd2d7f96e430",
]
LINKS = {"self": {"href": "/"}}
SUBJECT = Subject(
    identifiers=(Identifier("TIN", "NA000799C"),),
    names=(Name("sin", "Sinh", "අමන්දා ජෝසප්"), Name("eng", "Latn", "Amanda Joseph")),
    birth_date=date(1960, 1, 15),
)
QUESTION = Question("tax.employment", SUBJECT, frozenset({"employments"}), T)


class Hmrc:
    """The three interfaces for one taxpayer, by the published contract."""

    def __init__(self, reply: type, expired: int = 0) -> None:
        self.reply = reply
        self.matched = 0
        self.expired = expired  # match ids that are gone when they are used
        self.employments: list[dict[str, Any]] = []
        self.income: list[dict[str, Any]] = []
        self.returns: list[dict[str, Any]] = []

    def __call__(self, request: Any) -> object:
        if request.path == "/oauth/token":
            return self.reply(body={"access_token": "T", "expires_in": 14400})
        if request.path == "/individuals/matching/":
            self.matched += 1
            href = f"/individuals/matching/{MATCHES[self.matched - 1]}"
            return self.reply(
                body={"_links": {"individual": {"href": href}, "self": {"href": "/individuals/matching/"}}}
            )
        match = parse_qs(urlsplit(request.path).query)["matchId"][0]
        if MATCHES.index(match) < self.expired and "/sa/" in request.path:
            return self.reply(404, {"code": "NOT_FOUND"})
        return self.reply(
            body={
                "/individuals/employments/paye": {"_links": LINKS, "employments": self.employments},
                "/individuals/income/paye": {"_links": LINKS, "paye": {"income": self.income}},
                "/individuals/income/sa/further-details": {
                    "_links": LINKS,
                    "selfAssessment": {"taxReturns": self.returns},
                },
            }[urlsplit(request.path).path]
        )


def opened(server: Any) -> Any:
    settings = {"TAX_URL": server.url, "TAX_CLIENT_ID": "c", "TAX_CLIENT_SECRET": "s"}
    return open_adapter(Path("adapters/tax"), settings.__getitem__, server.dialler())


async def test_one_question_is_a_match_and_three_reads_as_the_contract_has_them(agency: Agency, reply: type) -> None:
    server = await agency(Hmrc(reply))
    await opened(server).ask(QUESTION)
    token, match, *reads = server.requests
    part = (
        "agency/hmrc-individuals/individuals-matching-2.0.schemas.json#/components/schemas/IndividualsMatchingrequest"
    )
    assert schemas.validator(part).is_valid(match.json())
    assert match.json() == {
        "firstName": "Amanda",
        "lastName": "Joseph",
        "nino": "NA000799C",
        "dateOfBirth": "1960-01-15",
    }
    assert [urlsplit(read.path).path for read in reads] == [
        "/individuals/employments/paye",
        "/individuals/income/paye",
        "/individuals/income/sa/further-details",
    ]
    assert parse_qs(urlsplit(reads[0].path).query) == {
        "matchId": [MATCHES[0]],
        "fromDate": ["2024-10-01"],
        "toDate": ["2026-10-31"],
    }
    assert parse_qs(urlsplit(reads[2].path).query)["fromTaxYear"] == ["2025-26"]
    for request in (match, *reads):
        assert request.headers["accept"] == "application/vnd.hmrc.2.0+json"
        assert request.headers["authorization"] == "Bearer T"
    assert len({request.headers["correlationid"] for request in (match, *reads)}) == 1
    assert b"client_credentials" in token.body


async def test_no_identifier_is_ever_in_a_url(agency: Agency, reply: type) -> None:
    server = await agency(Hmrc(reply))
    await opened(server).ask(QUESTION)
    assert all(value not in request.path for request in server.requests for value in ("NA000799C", "1960", "Joseph"))


async def test_what_is_read_gives_the_claim(agency: Agency, reply: type) -> None:
    hmrc = Hmrc(reply)
    hmrc.employments = [{"startDate": "2024-01-08", "employer": {"payeReference": "123/AB456"}}]
    hmrc.income = [{"employerPayeReference": "123/AB456", "paymentDate": "2026-05-29", "taxablePay": 812.5}]
    hmrc.returns = [{"taxYear": "2025-26", "furtherDetails": [{"busStartDate": "2020-01-01", "turnover": 1000.25}]}]
    adapter = opened(await agency(hmrc))
    raw = await adapter.ask(QUESTION)
    record = adapter.normalise("tax.employment", raw)
    assert (raw.as_of, raw.empty, record["closed_month"]) == (date(2026, 9, 30), False, "2026-09")
    assert claims.derive("employment_status", {"months": 6}, record, T) == {
        "closed_month": "2026-09",
        "paid": True,
        "self_employed": True,
        "open_employment_without_pay": False,
    }


async def test_a_taxpayer_without_anything_in_the_period_is_known_and_empty(agency: Agency, reply: type) -> None:
    adapter = opened(await agency(Hmrc(reply)))
    raw = await adapter.ask(QUESTION)
    assert raw.empty
    assert adapter.normalise("tax.employment", raw)["employments"] == []


async def test_a_match_id_that_expires_midway_is_matched_again_once(agency: Agency, reply: type) -> None:
    hmrc = Hmrc(reply, expired=1)
    adapter = opened(await agency(hmrc))
    assert (await adapter.ask(QUESTION)).empty
    assert hmrc.matched == 2
    hmrc.matched, hmrc.expired = 0, 3
    with pytest.raises(AgencyUnavailable) as caught:
        await adapter.ask(QUESTION)
    assert (caught.value.code, hmrc.matched) == ("NOT_FOUND", 2)


@pytest.mark.parametrize(
    ("status", "body", "error", "code"),
    [
        (404, {"code": "MATCHING_FAILED"}, AgencyCannotTell, "MATCHING_FAILED"),
        (400, {"code": "INVALID_REQUEST"}, AgencyRejectedMessage, "INVALID_REQUEST"),
        (403, {"code": "INVALID_SCOPE"}, AgencyRefused, "INVALID_SCOPE"),
        (
            200,
            {"_links": {"individual": {"href": "/individuals/matching/not-a-uuid"}, "self": {"href": "/"}}},
            AgencyAnswerMalformed,
            "",
        ),
        (200, {"_links": {}}, AgencyAnswerMalformed, "200"),
        (302, b"", AgencyAnswerMalformed, "302"),
    ],
)
async def test_each_answer_to_the_match_has_its_meaning(
    agency: Agency, reply: type, status: int, body: object, error: type[Exception], code: str
) -> None:
    def handler(request: Any) -> object:
        return reply(body={"access_token": "T"}) if request.path == "/oauth/token" else reply(status, body)

    with pytest.raises(error) as caught:
        await opened(await agency(handler)).ask(QUESTION)
    assert caught.value.code == code


async def test_a_period_of_the_callers_is_asked_for(agency: Agency, reply: type) -> None:
    server = await agency(Hmrc(reply))
    period = Period(date(2026, 1, 1), date(2026, 3, 31))
    await opened(server).ask(Question("tax.employment", SUBJECT, frozenset(), T, period))
    assert "fromDate=2026-01-01&toDate=2026-03-31" in server.requests[2].path


@pytest.mark.parametrize(
    ("name", "given", "family"),
    [
        ("Amanda Joseph", "Amanda", "Joseph"),
        ("W. A. Nimal Perera", "W", "Perera"),
        ("Kamala de Silva", "Kamala", "de Silva"),
        ("  Anne-Marie   O'Neill ", "Anne-Marie", "O'Neill"),
    ],
)
def test_names_are_cut_to_what_the_interface_takes(name: str, given: str, family: str) -> None:
    request = match_request(Subject(SUBJECT.identifiers, (Name("eng", "Latn", name),), SUBJECT.birth_date))
    assert (request["firstName"], request["lastName"]) == (given, family)


@pytest.mark.parametrize(
    "subject",
    [
        Subject((), SUBJECT.names, SUBJECT.birth_date),
        Subject(SUBJECT.identifiers, SUBJECT.names[:1], SUBJECT.birth_date),
        Subject(SUBJECT.identifiers, SUBJECT.names, None),
        Subject(SUBJECT.identifiers, (Name("eng", "Latn", "Amanda"),), SUBJECT.birth_date),
    ],
)
def test_without_something_to_match_by_nothing_is_sent(subject: Subject) -> None:
    with pytest.raises(AgencyRejectedMessage) as caught:
        match_request(subject)
    assert caught.value.code == "incomplete"
