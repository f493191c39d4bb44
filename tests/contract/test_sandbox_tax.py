"""The tax agency answers and refuses as HMRC's published contract says. Every request is raw bytes over a socket."""

import http.client
import json
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import date
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import urlencode, urlsplit
from uuid import UUID, uuid4

import jsonschema
import pytest
import yaml

from sandbox.agencies.tax import TaxSettings, build, make_settings
from sandbox.client_tokens import Client
from sandbox.faults import Faults
from sandbox.loopback import serving
from sandbox.person import SelfEmployment, TaxEmployment, TaxRecord

CONTRACTS = Path(__file__).parents[2] / "schemas/agency/hmrc-individuals"
TODAY = date(2026, 10, 31)
EMPLOYED = TaxRecord(
    "NA000799C",
    "Nimal Kumara",
    "Perera",
    date(1985, 5, 2),
    (
        TaxEmployment(
            date(2019, 1, 1), date(2026, 3, 31), "Invented Mills", "247/A1987CB", ((date(2026, 3, 25), 4_765_32),)
        ),
        TaxEmployment(
            date(2026, 4, 1),
            None,
            "Invented Tea",
            "345/34678",
            ((date(2026, 4, 25), 100_000_00), (date(2026, 5, 25), 50), (date(2026, 9, 25), -12_34)),
        ),
    ),
)
TRADER = TaxRecord(
    "NA000800D",
    "Ravi",
    "O'Neil",
    date(1990, 1, 31),
    (),
    (
        SelfEmployment("2018-19", date(2015, 1, 1), None, 1_00),
        SelfEmployment("2024-25", date(2015, 1, 1), None, 250_000_55),
        SelfEmployment("2025-26", date(2015, 1, 1), date(2025, 12, 31), 0),
    ),
)
MATCH = {"firstName": "Nimal", "lastName": "Perera", "nino": "NA000799C", "dateOfBirth": "1985-05-02"}
TRADER_MATCH = {"firstName": "Ravi", "lastName": "O'Neil", "nino": "NA000800D", "dateOfBirth": "1990-01-31"}


class Registers:
    def __init__(self, *records: TaxRecord) -> None:
        self._records = {record.tin: record for record in records}

    def tax_by_tin(self, tin: str) -> TaxRecord | None:
        return self._records.get(tin)


@dataclass
class Answer:
    status: int
    body: Any
    headers: dict[str, str]


@dataclass
class Agency:
    """A running agency, its settings, and a bearer token for its client."""

    url: str
    settings: TaxSettings
    faults: Faults
    token: str = ""

    def send(self, method: str, target: str, body: bytes | None = None, **headers: str | None) -> Answer:
        """One request with the mandatory headers; a header given as None is left out."""
        address = urlsplit(self.url)
        sent = {
            "Accept": "application/vnd.hmrc.2.0+json",
            "Authorization": f"Bearer {self.token}",
            "CorrelationId": str(uuid4()),
            "Content-Type": "application/json",
        } | headers
        connection = http.client.HTTPConnection(address.hostname or "", address.port, timeout=10)
        try:
            connection.request(method, target, body, {name: value for name, value in sent.items() if value is not None})
            answer = connection.getresponse()
            raw = answer.read()
            return Answer(answer.status, json.loads(raw), dict(answer.getheaders()))
        finally:
            connection.close()

    def get(self, target: str, **query: str) -> Answer:
        return self.send("GET", f"{target}?{urlencode(query)}")

    def match(self, body: object = MATCH) -> Answer:
        return self.send("POST", "/individuals/matching/", json.dumps(body).encode())

    def matched(self, body: object = MATCH) -> str:
        href: str = self.match(body).body["_links"]["individual"]["href"]
        return href.rpartition("/")[2]

    def new_token(self, client_id: str | None = None, secret: str | None = None, **form: str) -> Answer:
        client_id = client_id or self.settings.client_id
        known = self.settings.clients.get(client_id)
        sent = {
            "grant_type": "client_credentials",
            "client_id": client_id,
            "client_secret": secret or (known.secret if known else ""),
        } | form
        form_type = "application/x-www-form-urlencoded"
        return self.send("POST", "/oauth/token", urlencode(sent).encode(), **{"Content-Type": form_type})


def started(url: str, settings: TaxSettings, faults: Faults) -> Agency:
    agency = Agency(url, settings, faults)
    agency.token = agency.new_token().body["access_token"]
    return agency


@pytest.fixture(scope="module")
def settings(tmp_path_factory: pytest.TempPathFactory) -> TaxSettings:
    made = make_settings("http://127.0.0.1", tmp_path_factory.mktemp("tax"), today=TODAY)
    return replace(made, clients={**made.clients, "narrow": Client("narrow-secret", frozenset({"other"}))})


@pytest.fixture(scope="module")
def running(settings: TaxSettings) -> Iterator[Agency]:
    faults = Faults()
    with serving(build(Registers(EMPLOYED, TRADER), settings, faults)) as url:
        yield started(url, settings, faults)


@pytest.fixture
def agency(running: Agency) -> Iterator[Agency]:
    yield running
    running.faults.clear()


@cache
def contract(api: str) -> dict[str, object]:
    document: dict[str, object] = yaml.safe_load((CONTRACTS / f"individuals-{api}-2.0.yaml").read_text("utf-8"))
    return document


def valid(api: str, schema: str, body: object) -> None:
    """Valid against the named schema of the published file itself."""
    document = contract(api)
    jsonschema.Draft4Validator({"$ref": f"#/components/schemas/{schema}", **document}).validate(body)


def test_the_derived_schemas_are_those_of_the_published_files() -> None:
    for path in sorted(CONTRACTS.glob("*.yaml")):
        derived = json.loads(path.with_suffix("").with_suffix(".0.schemas.json").read_text("utf-8"))
        published = yaml.safe_load(path.read_text("utf-8"))["components"]["schemas"]
        assert derived == {"source": path.name, "components": {"schemas": without_prose(published)}}


def without_prose(node: object) -> object:
    if isinstance(node, dict):
        prose = ("example", "description", "title")
        return {key: without_prose(item) for key, item in node.items() if key not in prose or isinstance(item, dict)}
    return [without_prose(item) for item in node] if isinstance(node, list) else node


def test_a_match_leads_by_links_to_the_person(agency: Agency) -> None:
    answer = agency.match()
    assert answer.status == 200
    valid("matching", "IndividualsMatchingresponse", answer.body)
    href = answer.body["_links"]["individual"]["href"]
    assert href.startswith("/individuals/matching/")
    assert UUID(href.rpartition("/")[2]).version == 4
    individual = agency.send("GET", href)
    valid("matching", "IndividualsMatchingresponse1", individual.body)
    assert individual.body["individual"] == {**MATCH, "firstName": "Nimal Kumara"}
    for kind, schema in (("employments", "IndividualsEmploymentsresponse"), ("income", "IndividualsIncomeresponse")):
        index = agency.send("GET", individual.body["_links"][kind]["href"])
        assert index.status == 200
        valid(kind, schema, index.body)


@pytest.mark.parametrize(
    "changed", [{"firstName": "N"}, {"firstName": "Nuwan"}, {"lastName": "Per"}, {"lastName": "Perumal"}]
)
def test_only_the_first_letters_of_the_names_are_compared(agency: Agency, changed: dict[str, str]) -> None:
    assert agency.match(MATCH | changed).status == 200


@pytest.mark.parametrize(
    "changed",
    [
        {"firstName": "Kumara"},
        {"firstName": "nimal"},
        {"lastName": "Pe"},
        {"lastName": "Pires"},
        {"nino": "NA000799D"},
        {"dateOfBirth": "1985-05-03"},
    ],
)
def test_nobody_and_not_surely_the_same_are_one_answer(agency: Agency, changed: dict[str, str]) -> None:
    answer = agency.match(MATCH | changed)
    assert (answer.status, answer.body["code"]) == (404, "MATCHING_FAILED")
    valid("matching", "errorResponse404", answer.body)


@pytest.mark.parametrize(
    "body",
    [
        {},
        [],
        {**MATCH, "nino": "na000799c"},
        {**MATCH, "nino": 799},
        {**MATCH, "nino": "198512304567"},
        {**MATCH, "dateOfBirth": "02/05/1985"},
        {**MATCH, "dateOfBirth": "1985-02-30"},
        {**MATCH, "dateOfBirth": "19850502"},
        {**MATCH, "firstName": ""},
        {**MATCH, "firstName": "N" * 36},
        {**MATCH, "firstName": "Nimal1"},
        {**MATCH, "lastName": "පෙරේරා"},
        {**MATCH, "lastName": "பெரேரா"},
    ],
)
def test_a_match_request_outside_the_contract_is_refused(agency: Agency, body: object) -> None:
    answer = agency.match(body)
    assert (answer.status, answer.body["code"]) == (400, "INVALID_REQUEST")
    valid("matching", "errorResponse400", answer.body)


@pytest.mark.parametrize("raw", [b"", b"{", b'{"nino":1,"nino":2}', b'{"a":Infinity}', b"[" * 1000, b'"\\ud800"'])
def test_a_body_that_is_not_strict_json_is_refused(agency: Agency, raw: bytes) -> None:
    answer = agency.send("POST", "/individuals/matching/", raw)
    assert (answer.status, answer.body["code"]) == (400, "INVALID_REQUEST")


def test_media_type_and_size_of_a_body_are_checked(agency: Agency) -> None:
    assert agency.send("POST", "/individuals/matching/", b"{}", **{"Content-Type": "text/plain"}).status == 415
    assert agency.send("POST", "/individuals/matching/", b" " * (1024 * 1024 + 1)).status == 413


@pytest.mark.parametrize("accept", [None, "*/*", "application/json", "application/vnd.hmrc.1.0+json"])
def test_the_version_is_asked_for_by_media_type(agency: Agency, accept: str | None) -> None:
    answer = agency.send("GET", f"/individuals/matching/{uuid4()}", Accept=accept)
    assert (answer.status, answer.body["code"]) == (406, "ACCEPT_HEADER_INVALID")


@pytest.mark.parametrize("correlation", [None, "", "1", "58072660-1df9-4deb-b4ca-cd2d7f96e48g"])
def test_the_correlation_id_is_a_uuid_and_mandatory(agency: Agency, correlation: str | None) -> None:
    answer = agency.send("GET", f"/individuals/matching/{uuid4()}", CorrelationId=correlation)
    assert (answer.status, answer.body["code"]) == (400, "INVALID_REQUEST")


def test_the_correlation_id_comes_back(agency: Agency) -> None:
    sent = str(uuid4())
    answer = agency.send("GET", f"/individuals/matching/{uuid4()}", CorrelationId=sent)
    assert answer.headers["correlationid"] == sent


def test_no_token_a_bad_token_and_a_foreign_token_are_refused(agency: Agency) -> None:
    target = f"/individuals/matching/{uuid4()}"
    assert agency.send("GET", target, Authorization=None).body["code"] == "MISSING_CREDENTIALS"
    for bad in ("Bearer x", "Bearer ", f"Basic {agency.token}", f"Bearer {agency.token[:-2]}AA"):
        answer = agency.send("GET", target, Authorization=bad)
        assert (answer.status, answer.body["code"]) == (401, "INVALID_CREDENTIALS")


def test_an_expired_token_is_refused(settings: TaxSettings) -> None:
    with serving(build(Registers(EMPLOYED), replace(settings, token_valid_s=0), Faults())) as url:
        answer = started(url, settings, Faults()).match()
        assert (answer.status, answer.body["code"]) == (401, "INVALID_CREDENTIALS")


def test_a_token_without_the_scope_is_forbidden(agency: Agency) -> None:
    narrow = agency.new_token("narrow").body
    assert narrow["scope"] == "other"
    answer = agency.send("GET", f"/individuals/matching/{uuid4()}", Authorization=f"Bearer {narrow['access_token']}")
    assert (answer.status, answer.body["code"]) == (403, "INVALID_SCOPE")


def test_the_token_endpoint_gives_tokens_to_its_clients_only(agency: Agency) -> None:
    granted = agency.new_token(scope="assigned").body
    assert (granted["token_type"], granted["scope"], granted["expires_in"]) == ("bearer", "assigned", 14_400)
    refusals = {
        "invalid_client": agency.new_token(secret="wrong"),
        "unsupported_grant_type": agency.new_token(grant_type="password"),
        "invalid_scope": agency.new_token(scope="assigned other"),
    }
    for error, answer in refusals.items():
        assert answer.body["error"] == error
    assert agency.new_token("nobody").status == 401


def test_an_expired_match_id_is_not_found(settings: TaxSettings) -> None:
    with serving(build(Registers(EMPLOYED), replace(settings, match_valid_s=0), Faults())) as url:
        agency = started(url, settings, Faults())
        answer = agency.send("GET", f"/individuals/matching/{agency.matched()}")
        assert (answer.status, answer.body["code"]) == (404, "NOT_FOUND")
        valid("matching", "errorResponse404NotFound", answer.body)


def test_an_unknown_match_id_and_an_unknown_path_are_not_found(agency: Agency) -> None:
    for target in (f"/individuals/matching/{uuid4()}", f"/individuals/income/sa?matchId={uuid4()}&fromTaxYear=2025-26"):
        assert agency.send("GET", target).body["code"] == "NOT_FOUND"
    assert agency.send("GET", "/individuals/matching").body["code"] == "NOT_FOUND"
    assert agency.send("DELETE", "/individuals/matching/").status == 405


def test_employments_of_the_period_with_both_ends_included(agency: Agency) -> None:
    found = agency.get(
        "/individuals/employments/paye", matchId=agency.matched(), fromDate="2026-03-31", toDate="2026-05-25"
    )
    valid("employments", "IndividualsEmploymentsPayeresponse", found.body)
    assert found.body["employments"] == [
        {
            "startDate": "2019-01-01",
            "endDate": "2026-03-31",
            "payFrequency": "CALENDAR_MONTHLY",
            "employer": {"name": "Invented Mills", "payeReference": "247/A1987CB"},
            "payment": [],
        },
        {
            "startDate": "2026-04-01",
            "payFrequency": "CALENDAR_MONTHLY",
            "employer": {"name": "Invented Tea", "payeReference": "345/34678"},
            "payment": [
                {"date": "2026-04-25", "paidTaxablePay": 100000.0},
                {"date": "2026-05-25", "paidTaxablePay": 0.5},
            ],
        },
    ]
    assert found.body["_links"]["self"]["href"].endswith("&fromDate=2026-03-31&toDate=2026-05-25")


def test_the_end_of_the_period_is_today_when_left_out(agency: Agency) -> None:
    found = agency.get("/individuals/employments/paye", matchId=agency.matched(), fromDate="2026-09-25").body
    assert found["employments"][0]["payment"] == [{"date": "2026-09-25", "paidTaxablePay": -12.34}]


def test_one_employer_can_be_asked_for(agency: Agency) -> None:
    query = {"matchId": agency.matched(), "fromDate": "2020-01-01", "payeReference": "247/A1987CB"}
    found = agency.get("/individuals/employments/paye", **query).body
    assert [job["employer"]["name"] for job in found["employments"]] == ["Invented Mills"]


def test_a_person_with_nothing_in_the_period_has_an_empty_list(agency: Agency) -> None:
    match_id = agency.matched(TRADER_MATCH)
    found = agency.get("/individuals/employments/paye", matchId=match_id, fromDate="2026-01-01")
    assert (found.status, found.body["employments"]) == (200, [])


def test_income_rows_run_newest_first_with_short_tax_years(agency: Agency) -> None:
    found = agency.get("/individuals/income/paye", matchId=agency.matched(), fromDate="2026-03-01")
    valid("income", "IndividualsIncomePayeresponse", found.body)
    rows = found.body["paye"]["income"]
    assert [(row["paymentDate"], row["taxYear"], row["monthPayNumber"]) for row in rows] == [
        ("2026-09-25", "26-27", 6),
        ("2026-05-25", "26-27", 2),
        ("2026-04-25", "26-27", 1),
        ("2026-03-25", "25-26", 12),
    ]
    assert [row["taxablePayToDate"] for row in rows] == [99988.16, 100000.5, 100000.0, 4765.32]
    assert "employerPayeReference" not in rows[3]  # eleven characters: the contract has room for ten
    assert rows[0]["hmrcOfficeNumber"] == "345"


def test_further_details_by_tax_year_without_members_that_have_no_value(agency: Agency) -> None:
    found = agency.get(
        "/individuals/income/sa/further-details", matchId=agency.matched(TRADER_MATCH), fromTaxYear="2020-21"
    )
    valid("income", "IndividualsIncomeSaFurtherDetailsresponse", found.body)
    assert found.body["selfAssessment"]["taxReturns"] == [
        {"taxYear": "2024-25", "furtherDetails": [{"busStartDate": "2015-01-01", "turnover": 250000.55}]},
        {
            "taxYear": "2025-26",
            "furtherDetails": [{"busStartDate": "2015-01-01", "busEndDate": "2025-12-31", "turnover": 0.0}],
        },
    ]


def test_only_the_current_and_six_earlier_tax_years_are_held(agency: Agency) -> None:
    trader, employed = agency.matched(TRADER_MATCH), agency.matched()
    sa = agency.get("/individuals/income/sa/further-details", matchId=trader, fromTaxYear="2010-11").body
    assert [one["taxYear"] for one in sa["selfAssessment"]["taxReturns"]] == ["2024-25", "2025-26"]
    jobs = agency.get(
        "/individuals/employments/paye", matchId=employed, fromDate="2000-01-01", toDate="2020-03-31"
    ).body
    assert jobs["employments"] == []


def test_the_index_of_self_assessment_links_further_details(agency: Agency) -> None:
    match_id = agency.matched(TRADER_MATCH)
    found = agency.get("/individuals/income/sa", matchId=match_id, fromTaxYear="2024-25", toTaxYear="2024-25")
    valid("income", "IndividualsIncomeSaresponse", found.body)
    assert [one["taxYear"] for one in found.body["selfAssessment"]["taxReturns"]] == ["2024-25"]
    assert "further-details" in found.body["_links"]["furtherDetails"]["href"]


def test_somebody_without_a_business_has_no_tax_returns(agency: Agency) -> None:
    found = agency.get("/individuals/income/sa/further-details", matchId=agency.matched(), fromTaxYear="2024-25")
    assert (found.status, found.body["selfAssessment"]) == (200, {"taxReturns": []})


@pytest.mark.parametrize(
    ("target", "query"),
    [
        ("employments/paye", {}),
        ("employments/paye", {"fromDate": "31-03-2026"}),
        ("employments/paye", {"fromDate": "2026-02-30"}),
        ("employments/paye", {"fromDate": "2026-05-02", "toDate": "2026-05-01"}),
        ("employments/paye", {"fromDate": "2026-05-02", "payeReference": " 1"}),
        ("employments/paye", {"fromDate": "2026-05-02", "matchId": "7"}),
        ("income/paye", {"toDate": "2026-05-01"}),
        ("income/sa/further-details", {}),
        ("income/sa/further-details", {"fromTaxYear": "2025"}),
        ("income/sa/further-details", {"fromTaxYear": "2025-27"}),
        ("income/sa/further-details", {"fromTaxYear": "25-26"}),
        ("income/sa", {"fromTaxYear": "2025-26", "toTaxYear": "2024-25"}),
    ],
)
def test_parameters_outside_the_contract_are_refused(agency: Agency, target: str, query: dict[str, str]) -> None:
    answer = agency.get(f"/individuals/{target}", **({"matchId": agency.matched()} | query))
    assert (answer.status, answer.body["code"]) == (400, "INVALID_REQUEST")
    valid("employments", "errorResponse", answer.body)


def test_more_requests_than_the_quota_are_throttled(settings: TaxSettings) -> None:
    with serving(build(Registers(EMPLOYED), replace(settings, per_second=2), Faults())) as url:
        agency = started(url, settings, Faults())
        answers = [agency.match() for _ in range(8)]
    refused = [answer for answer in answers if answer.status == 429]
    assert refused
    assert {answer.body["code"] for answer in refused} == {"MESSAGE_THROTTLED_OUT"}


def test_no_refusal_repeats_what_was_sent_about_the_person(agency: Agency) -> None:
    for changed in ({"nino": "NA000798C"}, {"dateOfBirth": "1985-02-30"}, {"lastName": "Perera7"}):
        text = json.dumps(agency.match(MATCH | changed).body)
        assert not any(value in text for value in (MATCH | changed).values())


def test_the_contract_s_own_paths_are_answered_below_a_mount_point(agency: Agency) -> None:
    from starlette.applications import Starlette
    from starlette.routing import Mount

    app = Starlette(routes=[Mount("/tax", build(Registers(EMPLOYED), agency.settings, Faults()))])
    with serving(app) as url:
        mounted = Agency(url, agency.settings, Faults(), agency.token)
        match = mounted.send("POST", "/tax/individuals/matching/", json.dumps(MATCH).encode())
        href = match.body["_links"]["individual"]["href"]
        assert mounted.send("GET", f"/tax{href}").status == 200
        query = f"?matchId={href.rpartition('/')[2]}&fromTaxYear=2025-26"
        details = mounted.send("GET", f"/tax/individuals/income/sa/further-details{query}").body
        assert details["_links"]["self"]["href"] == f"/individuals/income/sa/further-details{query}"


def test_faults_spare_the_token_endpoint_unless_the_agency_is_down(agency: Agency) -> None:
    agency.faults.set("refuse")
    assert agency.match().status == 403
    assert agency.new_token().status == 200
    agency.faults.set("wrong_schema")
    with pytest.raises(jsonschema.ValidationError):
        valid("matching", "IndividualsMatchingresponse", agency.match().body)


def test_settings_are_made_once_and_kept(tmp_path: Path) -> None:
    first = make_settings("http://127.0.0.1:1", tmp_path)
    assert make_settings("http://127.0.0.1:1", tmp_path) == first
    assert set(first.exported()) == {"TAX_URL", "TAX_CLIENT_ID", "TAX_CLIENT_SECRET"}
