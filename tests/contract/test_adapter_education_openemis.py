"""The second wire of education: its promises, its sandbox over a raw socket, and the swap: both asked the same."""

import json
import time
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import date
from http.client import HTTPConnection
from itertools import product
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

import jsonschema
import pytest
from aiohttp import web
from joserfc import jwt
from joserfc.jwk import RSAKey

from adapters.kit.base import NotConfigured
from adapters.kit.conformance import suite
from adapters.kit.contract import (
    Adapter,
    AgencyAnswerMalformed,
    AgencyError,
    AgencyHasNoSuchPerson,
    AgencyRefused,
    AgencyRejectedMessage,
    Identifier,
    Period,
    Question,
    Subject,
)
from adapters.kit.egress import Dialler
from adapters.kit.opening import open_adapter
from sandbox.agencies import education, openemis
from sandbox.faults import Faults
from sandbox.loopback import serving
from sandbox.person import EducationRecord, Enrolment, Qualification

ROOT = Path(__file__).parents[2]
FIRST, SECOND = ROOT / "adapters/education", ROOT / "adapters/second_wires/education"
TestSecondEducation = suite(SECOND)

SHAPES = ROOT / "schemas/agency/openemis"
SCHOLAR, RETURNED, FRESH, NOBODY = "20010100017", "20020200025", "00030300033", "99999999999"
DAY = date(2026, 10, 31)
FIELDS = ("closed_month", "enrolments")  # what both contracts carry, but for an enrolment's mode
FOREIGN = RSAKey.generate_key(2048).as_pem(private=True).decode()


def study(level: int, start: str, end: str | None, reason: str | None = None, mode: str = "full_time") -> Enrolment:
    return Enrolment(level, mode, date.fromisoformat(start), date.fromisoformat(end) if end else None, reason)


RECORDS = {
    SCHOLAR: EducationRecord(
        SCHOLAR,
        (
            study(2, "2008-09-01", "2017-06-15", "completed"),
            study(3, "2018-01-08", "2020-12-04", "completed", "part_time"),
            study(6, "2025-02-03", None),
        ),
        (Qualification(3, True, date(2020, 12, 4)),),
    ),
    RETURNED: EducationRecord(
        RETURNED, (study(3, "2019-01-07", "2019-05-31", "left"), study(3, "2021-01-11", None, mode="distance"))
    ),
    FRESH: EducationRecord(FRESH),
}


class Records:
    def education_by_learner(self, number: str) -> EducationRecord | None:
        return RECORDS.get(number)


@dataclass(frozen=True, slots=True)
class Place:
    """The sandbox agency, and how it is spoken to."""

    url: str
    settings: openemis.OpenEmisSettings

    def assertion(self, **changed: object) -> str:
        now = int(time.time())
        claims = {"iss": self.settings.client_id, "scope": "API", "aud": f"{self.settings.url}/oauth/token"}
        told = claims | {"iat": now, "exp": now + 60, "jti": str(time.perf_counter_ns())} | changed
        return jwt.encode({"alg": "RS256"}, told, RSAKey.import_key(self.settings.client_key))

    def call(self, path: str, body: bytes = b"", method: str = "GET", token: str | None = None) -> tuple[int, Any]:
        connection = HTTPConnection(urlsplit(self.url).netloc, timeout=10)
        form = {"Content-Type": "application/x-www-form-urlencoded"} if body else {}
        connection.request(method, path, body, form | ({"Authorization": f"Bearer {token}"} if token else {}))
        answer = connection.getresponse()
        content = answer.read()
        connection.close()
        return answer.status, json.loads(content)

    def token(self, **changed: object) -> tuple[int, Any]:
        form = {"grant_type": "urn:ietf:params:oauth:grant-type:jwt-bearer", "assertion": self.assertion(**changed)}
        return self.call("/oauth/token", urlencode(form).encode(), "POST")


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    settings = openemis.make_settings("http://openemis.test/core", tmp_path_factory.mktemp("emis"), day=DAY)
    with serving(openemis.build(Records(), settings, Faults())) as address:
        yield Place(address, settings)


@pytest.fixture
def token(place: Place) -> str:
    return str(place.token()[1]["access_token"])


@asynccontextmanager
async def opened(folder: Path, address: str, values: Mapping[str, str]) -> AsyncIterator[Adapter]:
    dialler = Dialler({address.partition("//")[2]})
    adapter = open_adapter(folder, values.__getitem__, dialler)
    yield adapter
    await adapter.close()
    await dialler.close()


@asynccontextmanager
async def second(folder: Path) -> AsyncIterator[Adapter]:
    """The agency knows its own address, since it is the assertion's audience: so it is told before it answers."""
    settings = openemis.make_settings("", folder, day=DAY)

    async def app(scope: Any, receive: Any, send: Any) -> None:
        await agencies[0](scope, receive, send)

    agencies: list[Any] = []
    with serving(app) as address:
        settings = replace(settings, url=address)
        agencies.append(openemis.build(Records(), settings, Faults()))
        async with opened(SECOND, address, settings.exported()) as adapter:
            yield adapter


@asynccontextmanager
async def first() -> AsyncIterator[Adapter]:
    settings = education.make_settings("http://127.0.0.1")
    with serving(education.build(Records(), settings, Faults())) as address:
        values = education.make_settings(address).exported()
        async with opened(FIRST, address, values) as adapter:
            yield adapter


def question(learner: str, period: Period | None = None, fields: tuple[str, ...] = FIELDS) -> Question:
    subject = Subject((Identifier("LEARNER", learner),))
    return Question("education.attainment", subject, frozenset(fields), DAY, period)


async def asked(adapter: Adapter, learner: str, period: Period | None = None) -> dict[str, Any]:
    return adapter.normalise("education.attainment", await adapter.ask(question(learner, period)))


def without_mode(record: Mapping[str, Any]) -> object:
    """What both wires say."""
    told = [{name: each[name] for name in ("level", "start", "end", "end_reason")} for each in record["enrolments"]]
    return record["closed_month"], told


async def test_the_same_learners_asked_over_both_wires_have_the_same_studies(tmp_path: Path) -> None:
    async with first() as ehis, second(tmp_path) as emis:
        for learner, period in product((SCHOLAR, RETURNED, FRESH), (None, Period(date(2019, 3, 1), date(2020, 12, 4)))):
            before, after = await asked(ehis, learner, period), await asked(emis, learner, period)
            assert without_mode(before) == without_mode(after)
            assert set(after) == set(FIELDS), "what the second wire cannot say is not provided"
            assert all("mode" in each for each in before["enrolments"])
            assert not any("mode" in each for each in after["enrolments"])
        for adapter in (ehis, emis):
            with pytest.raises(AgencyHasNoSuchPerson):
                await adapter.ask(question(NOBODY))
            assert (await adapter.ask(question(FRESH))).empty, "unknown and nothing known are kept apart"


MODELS = "StudentStatuses,EducationGrades.EducationProgrammes.EducationCycles.EducationLevels.EducationLevelIsced"
COLUMNS = ",".join(
    (
        *("student_id", "start_date", "end_date", "StudentStatuses.code"),
        *("EducationGrades.education_programme_id", "EducationLevelIsced.isced_level"),
    )
)
ROWS = f"/api/restful/v2/Institution-Students.json?student_id={SCHOLAR}&_contain={MODELS}&_fields={COLUMNS}&_limit=0"
WHO = f"/api/restful/v2/Users.json?openemis_no={SCHOLAR}"


def test_its_answers_fit_the_stored_schemas_by_another_engine(place: Place, token: str) -> None:
    for path, shape, count in ((WHO, "users", 1), (ROWS, "institution-students", 15)):
        status, answer = place.call(path, token=token)
        jsonschema.Draft202012Validator(json.loads((SHAPES / f"{shape}.json").read_text())).validate(answer)
        assert (status, len(answer["data"]), answer["total"]) == (200, count, count)


def test_a_row_has_what_was_asked_for_and_everything_where_nothing_was_said(place: Place, token: str) -> None:
    rows = place.call(ROWS, token=token)[1]["data"]
    user = place.call(WHO, token=token)[1]["data"][0]
    narrow = place.call(f"{WHO}&_fields=id,openemis_no", token=token)[1]["data"][0]
    assert rows[-1] == {
        "student_id": int(SCHOLAR),
        "start_date": "2026-01-01",
        "end_date": "2026-12-31",
        "StudentStatuses": {"code": "CURRENT"},
        "EducationGrades": {"education_programme_id": 60},
        "EducationLevelIsced": {"isced_level": 6},
    }
    assert "date_of_birth" in user
    assert set(narrow) == {"id", "openemis_no"}
    assert len(place.call(ROWS.replace("_limit=0", "_limit=10&_page=2"), token=token)[1]["data"]) == 5


REFUSED: dict[str, tuple[str, str, int]] = {
    "a model that is not there": ("GET", "/api/restful/v2/Assessments.json", 404),
    "without .json": ("GET", WHO.replace(".json", ""), 404),
    "no filter, which is everybody": ("GET", "/api/restful/v2/Users.json", 400),
    "a filter by another column": ("GET", "/api/restful/v2/Users.json?last_name=Perera", 400),
    "a filter twice": ("GET", f"{WHO}&openemis_no=1", 400),
    "a column that is not there": ("GET", f"{WHO}&_fields=id,password", 400),
    "a column of a model not contained": ("GET", f"{WHO}&_fields=StudentStatuses.code", 400),
    "a model without association": ("GET", f"{WHO}&_contain=Assessments", 400),
    "a limit that is no number": ("GET", f"{WHO}&_limit=all", 400),
    "page nought": ("GET", f"{WHO}&_page=0", 400),
    "a change": ("PATCH", WHO, 405),
    "a deletion": ("DELETE", WHO, 405),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_the_interface_does_not_serve_is_refused_and_nothing_repeated(place: Place, token: str, case: str) -> None:
    method, path, status = REFUSED[case]
    connection = HTTPConnection(urlsplit(place.url).netloc, timeout=10)
    connection.request(method, path, headers={"Authorization": f"Bearer {token}"})
    answer = connection.getresponse()
    content = answer.read()
    connection.close()
    assert answer.status == status
    assert SCHOLAR.encode() not in content


@pytest.mark.parametrize("token", [None, "abc", "eyJhbGciOiJub25lIn0.eyJleHAiOjk5OTk5OTk5OTl9."])
def test_nothing_is_told_without_a_token_of_its_own(place: Place, token: str | None) -> None:
    assert place.call(WHO, token=token)[0] == 401


ASSERTIONS: dict[str, dict[str, object]] = {
    "another client": {"iss": "nobody.app"},
    "another audience": {"aud": "https://elsewhere.example/oauth/token"},
    "ended": {"iat": 1_000, "exp": 2_000},
    "good for a day": {"exp": int(time.time()) + 86_400},
    "from the future": {"iat": int(time.time()) + 3_600, "exp": int(time.time()) + 3_700},
    "without an end": {"exp": None},
    "another scope": {"scope": "ADMIN"},
}


@pytest.mark.parametrize("case", ASSERTIONS)
def test_an_assertion_that_is_not_right_gets_no_token(place: Place, case: str) -> None:
    status, answer = place.token(**ASSERTIONS[case])
    assert (status, "access_token" in answer) == (400, False)


def test_an_assertion_is_good_once_and_only_if_the_client_signed_it(place: Place) -> None:
    assert place.token(jti="once")[0] == 200
    assert place.token(jti="once")[0] == 400
    foreign = replace(place.settings, client_key=FOREIGN)
    assert Place(place.url, foreign).token()[0] == 400


Told = Callable[[str], tuple[int, object]]


@pytest.fixture
async def link() -> AsyncIterator[tuple[Adapter, list[str], list[Told]]]:
    """The adapter before an agency that says what it is told to, and keeps the addresses it was asked at."""
    heard: list[str] = []
    told: list[Told] = []

    async def handle(request: web.BaseRequest) -> web.Response:
        if request.path.endswith("/oauth/token"):
            return web.json_response({"access_token": "t", "token_type": "Bearer"})
        heard.append(request.path_qs)
        status, answer = told[-1](request.path)
        return web.json_response(answer, status=status)

    runner = web.ServerRunner(web.Server(handle))
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    address = f"http://127.0.0.1:{runner.addresses[0][1]}"
    values = {
        "EDUCATION_EMIS_URL": address,
        "EDUCATION_EMIS_CLIENT_ID": "x.app",
        "EDUCATION_EMIS_SIGNING_KEY": FOREIGN,
    }
    async with opened(SECOND, address, values) as adapter:
        yield adapter, heard, told
    await runner.cleanup()


def people(*numbers: str) -> dict[str, object]:
    return {"data": [{"id": at + 5, "openemis_no": each} for at, each in enumerate(numbers)]}


def row(student: int) -> dict[str, object]:
    return {
        "student_id": student,
        "start_date": "2026-01-05",
        "end_date": "2026-12-31",
        "StudentStatuses": {"code": "CURRENT"},
        "EducationGrades": {"education_programme_id": 1},
        "EducationLevelIsced": {"isced_level": 3},
    }


@pytest.mark.parametrize(
    ("users", "rows", "kind"),
    [
        ((200, people()), (200, {"data": []}), AgencyHasNoSuchPerson),
        ((200, people(NOBODY)), (200, {"data": []}), AgencyAnswerMalformed),
        ((200, people(SCHOLAR, SCHOLAR)), (200, {"data": []}), AgencyAnswerMalformed),
        ((200, people(SCHOLAR)), (200, {"data": [row(6)]}), AgencyAnswerMalformed),
        ((200, people(SCHOLAR)), (200, {"data": [row(5)], "total": 2}), AgencyAnswerMalformed),
        ((200, people(SCHOLAR)), (404, {}), AgencyRejectedMessage),
        ((404, {}), (200, {"data": []}), AgencyRejectedMessage),
        ((401, {}), (200, {"data": []}), AgencyRefused),
        ((403, {}), (200, {"data": []}), AgencyRefused),
    ],
)
async def test_what_is_no_answer_is_told_by_its_kind(
    link: tuple[Adapter, list[str], list[Told]],
    users: tuple[int, object],
    rows: tuple[int, object],
    kind: type[AgencyError],
) -> None:
    adapter, _, told = link
    told.append(lambda path: users if "Users" in path else rows)
    with pytest.raises(AgencyError) as raised:
        await adapter.ask(question(SCHOLAR))
    assert type(raised.value) is kind
    assert SCHOLAR not in f"{raised.value} {raised.value.code}"


async def test_only_the_columns_that_a_record_is_made_of_are_asked_for(
    link: tuple[Adapter, list[str], list[Told]],
) -> None:
    adapter, heard, told = link
    told.append(lambda path: (200, people(SCHOLAR) if "Users" in path else {"data": [row(5)]}))
    record = await asked(adapter, SCHOLAR)
    fields = [parse_qs(urlsplit(each).query)["_fields"] for each in heard]
    assert [urlsplit(each).path for each in heard] == [
        "/api/restful/v2/Users.json",
        "/api/restful/v2/Institution-Students.json",
    ]
    assert fields == [["id,openemis_no"], [COLUMNS]]
    assert record["enrolments"] == [{"level": 3, "start": "2026-01-05", "end": None, "end_reason": None}]


async def test_a_key_that_cannot_sign_is_noticed_before_anybody_is_asked() -> None:
    public = RSAKey.import_key(FOREIGN).as_pem(private=False).decode()
    values = {"EDUCATION_EMIS_URL": "http://127.0.0.1:1", "EDUCATION_EMIS_CLIENT_ID": "x"}
    for key in (public, "no key"):
        with pytest.raises(NotConfigured):
            async with opened(SECOND, "http://127.0.0.1:1", values | {"EDUCATION_EMIS_SIGNING_KEY": key}):
                pass


@pytest.mark.parametrize("number", ["", "2001010001", "2001010001x", "20010100017&_limit=0"])
async def test_what_is_no_number_is_never_sent(link: tuple[Adapter, list[str], list[Told]], number: str) -> None:
    adapter, heard, _ = link
    with pytest.raises(AgencyRejectedMessage):
        await adapter.ask(question(number))
    assert heard == []
