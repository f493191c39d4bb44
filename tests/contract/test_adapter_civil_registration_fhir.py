"""The second wire of civil registration: its promises, its sandbox in raw bytes, and the swap: both asked the same."""

import json
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import date
from http.client import HTTPConnection
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit

import jsonschema
import pytest
from aiohttp import web
from fhir.resources.R4B.bundle import Bundle
from fhir.resources.R4B.operationoutcome import OperationOutcome

from adapters.kit.claims import derive
from adapters.kit.conformance import suite
from adapters.kit.contract import (
    Adapter,
    AgencyAnswerMalformed,
    AgencyCannotTell,
    AgencyError,
    AgencyHasNoSuchPerson,
    AgencyRefused,
    AgencyRejectedMessage,
    Identifier,
    Name,
    Question,
    RawAnswer,
    Subject,
)
from adapters.kit.egress import Dialler
from adapters.kit.opening import open_adapter
from sandbox.agencies import civil_fhir, civil_registration
from sandbox.agencies.civil_registration.index import RecordIndex
from sandbox.client_tokens import Client
from sandbox.faults import Faults
from sandbox.loopback import serving
from sandbox.person import CivilRecord, Spelling

ROOT = Path(__file__).parents[2]
FIRST, SECOND = ROOT / "adapters/civil_registration", ROOT / "adapters/second_wires/civil_registration"
TestSecondCivilRegistration = suite(SECOND)

SHAPE = json.loads((ROOT / "schemas/agency/fhir-r4/patients.json").read_text())
NIC = "urn:sandhi:fhir:nic"
DAY, BORN, DIED = date(2026, 10, 31), date(1985, 12, 5), date(2026, 3, 1)
ALIVE, DEAD, UNCONNECTED, UNNUMBERED, NOBODY = (f"1985340{digit}1234" for digit in "02345")
TWIN = "198534061234"


def record(at: int, nic: str | None, given: str, death: date | None = None, *, connected: bool = True) -> CivilRecord:
    names = (Spelling("eng", "Latn", given, "Perera"), Spelling("sin", "Sinh", "නිමල්", "පෙරේරා"))
    died = f"2026DRN{at}" if death else None
    return CivilRecord(f"1985BRN{at}", nic, BORN, names, "male", "LK-11", death, died, death_has_nic=connected)


RECORDS = RecordIndex(
    [
        record(1, ALIVE, "Nimal"),
        record(2, DEAD, "Sunil", DIED),
        record(3, UNCONNECTED, "Kamal", DIED, connected=False),
        record(4, None, "Amal"),
        record(5, TWIN, "Ajith"),
        record(6, None, "Ajith"),
        record(7, None, "Ajith"),
    ]
)


@asynccontextmanager
async def opened(folder: Path, address: str, values: Mapping[str, str]) -> AsyncIterator[Adapter]:
    dialler = Dialler({address.partition("//")[2]})
    adapter = open_adapter(folder, values.__getitem__, dialler)
    yield adapter
    await adapter.close()
    await dialler.close()


class Place:
    """The sandbox agency, which knows its own address: it writes it into links."""

    def __init__(self, folder: Path) -> None:
        settings = civil_fhir.make_settings("", folder, page=2)
        self.settings = replace(settings, clients={**settings.clients, "poor": Client("secret", frozenset())})
        self.app: Any = None

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        await self.app(scope, receive, send)

    def at(self, address: str) -> None:
        self.settings = replace(self.settings, url=address)
        self.app = civil_fhir.build(RECORDS, self.settings, Faults())
        self.token = self.login("sandhi-gateway", self.settings.clients["sandhi-gateway"].secret)

    def login(self, client: str, secret: str) -> str:
        form = {"grant_type": "client_credentials", "client_id": client, "client_secret": secret}
        told = self.call("/oauth2/token", urlencode(form).encode())[1]
        return str(told["access_token"])

    def call(
        self, path: str, body: bytes = b"", method: str = "POST", headers: Mapping[str, str] | None = None
    ) -> tuple[int, Any]:
        sent = {
            "Content-Type": "application/x-www-form-urlencoded",
            "Accept": "application/fhir+json",
            "Prefer": "handling=strict",
            "Authorization": f"Bearer {getattr(self, 'token', '')}",
        } | dict(headers or {})
        connection = HTTPConnection(urlsplit(self.settings.url).netloc, timeout=10)
        connection.request(method, path, body, sent)
        answer = connection.getresponse()
        content = answer.read()
        connection.close()
        return answer.status, json.loads(content)


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    place = Place(tmp_path_factory.mktemp("fhir"))
    with serving(place) as address:
        place.at(address)
        yield place


@pytest.fixture(scope="module")
def dci(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Mapping[str, str]]:
    settings = civil_registration.make_settings("http://127.0.0.1", tmp_path_factory.mktemp("dci"))
    with serving(civil_registration.build(RECORDS, settings, Faults())) as address:
        yield settings.exported() | {"CIVIL_REGISTRATION_URL": address}


def question(
    number: str | None, name: str = "Nimal Perera", born: date | None = BORN, script: str = "Latn"
) -> Question:
    numbers = (Identifier("NIC", number),) if number else ()
    names = (Name("eng" if script == "Latn" else "sin", script, name),) if name else ()
    fields = frozenset({"birth_date", "death_date", "death_matched_by"})
    return Question("civil_registration.vital_events", Subject(numbers, names, born), fields, DAY)


async def outcome(adapter: Adapter, asked: Question) -> object:
    """Record and match, or the kind of error."""
    try:
        raw = await adapter.ask(asked)
    except AgencyError as error:
        return type(error)
    return adapter.normalise(asked.service, raw), raw.match, raw.as_of


SAME: dict[str, tuple[Question, object]] = {
    "alive": (question(ALIVE), (BORN, None, None, "exact")),
    "alive, by the old number": (question("853401234V"), (BORN, None, None, "exact")),
    "dead": (question(DEAD, "Sunil Perera"), (BORN, DIED, "identifier", "exact")),
    "dead, and only the number is known": (question(DEAD, "", None), (BORN, DIED, "identifier", "exact")),
    "a death without a number": (
        question(UNCONNECTED, "kamal PERERA"),
        (BORN, DIED, "name_and_date", "probable"),
    ),
    "that death, by number alone": (question(UNCONNECTED, "", None), (BORN, None, None, "exact")),
    "a birth without a number": (question(UNNUMBERED, "Amal Perera"), (BORN, None, None, "probable")),
    "no number at all": (question(None, "Sunil Perera"), (BORN, DIED, "name_and_date", "probable")),
    "a namesake with another number": (question(NOBODY, "Nimal Perera"), AgencyHasNoSuchPerson),
    "nobody": (question(NOBODY, "Nobody Perera"), AgencyHasNoSuchPerson),
    "another birth date": (question(NOBODY, "Amal Perera", date(1985, 12, 6)), AgencyHasNoSuchPerson),
    "two of one name": (question(NOBODY, "Ajith Perera"), AgencyCannotTell),
    "two of one name, and a number": (question(TWIN, "Ajith Perera"), (BORN, None, None, "exact")),
    "nothing to ask by": (question(None, ""), AgencyRejectedMessage),
}


async def test_the_same_people_asked_over_both_wires_have_the_same_births_and_deaths(
    place: Place, dci: Mapping[str, str]
) -> None:
    async with (
        opened(FIRST, dci["CIVIL_REGISTRATION_URL"], dci) as first,
        opened(SECOND, place.settings.url, place.settings.exported()) as second,
    ):
        for case, (asked, expected) in SAME.items():
            before, after = await outcome(first, asked), await outcome(second, asked)
            assert before == after, case
            if isinstance(expected, tuple):
                born, died, by, match = expected
                told = {"birth_date": born, "death_date": died, "death_matched_by": by}
                days = {name: str(each) if isinstance(each, date) else each for name, each in told.items()}
                assert after == (days, match, DAY), case
                assert derive("alive", {}, days, DAY)["alive"] is (died is None), case
            else:
                assert after is expected, case


async def test_a_name_in_another_script_is_found_by_it(place: Place) -> None:
    async with opened(SECOND, place.settings.url, place.settings.exported()) as second:
        found = await outcome(second, question(UNCONNECTED, "නිමල් පෙරේරා", script="Sinh"))
    assert found == ({"birth_date": "1985-12-05", "death_date": "2026-03-01", "death_matched_by": "name_and_date"},
                     "probable", DAY)  # fmt: skip


SEARCH = "/Patient/_search"


def form(**asked: str) -> bytes:
    return urlencode({name.replace("__", "_"): value for name, value in asked.items()}).encode()


def test_its_pages_are_bundles_that_models_of_others_read_and_our_schema_holds(place: Place) -> None:
    status, page = place.call(SEARCH, form(birthdate=f"eq{BORN}"))
    seen: list[str] = []
    for _ in range(4):
        Bundle.model_validate(page)
        jsonschema.Draft202012Validator(SHAPE).validate(page)
        assert (status, page["total"], len(page["entry"])) == (200, 8, 2)
        seen += [each["resource"]["id"] for each in page["entry"]]
        more = [each["url"] for each in page["link"] if each["relation"] == "next"]
        if more:
            assert "1985" not in more[0], "a page's address says nothing of who is on it"
            status, page = place.call(more[0].removeprefix(place.settings.url), method="GET")
    assert more == []
    assert len(seen) == len(set(seen)) == 8


def test_a_death_that_no_number_connects_has_a_patient_of_its_own(place: Place) -> None:
    found = {number: place.call(SEARCH, form(identifier=f"{NIC}|{number}"))[1] for number in (DEAD, UNCONNECTED)}
    (dead,), (unconnected,) = ([each["resource"] for each in found[number]["entry"]] for number in found)
    assert dead["deceasedDateTime"] == "2026-03-01"
    assert "deceasedDateTime" not in unconnected
    assert place.call(SEARCH, form(identifier=f"{NIC}|{NOBODY}"))[1].get("entry") is None


def test_elements_narrow_and_say_so(place: Place) -> None:
    asked = form(identifier=f"{NIC}|{DEAD}", _elements="birthDate,deceased")
    (entry,) = place.call(SEARCH, asked)[1]["entry"]
    assert set(entry["resource"]) == {"resourceType", "id", "meta", "birthDate", "deceasedDateTime"}
    assert entry["resource"]["meta"]["tag"][0]["code"] == "SUBSETTED"


WHO = form(identifier=f"{NIC}|{ALIVE}")
REFUSED: dict[str, tuple[str, str, bytes, dict[str, str], int]] = {
    "everybody": ("POST", SEARCH, b"", {}, 403),
    "a number without its system": ("POST", SEARCH, form(identifier=ALIVE), {}, 400),
    "a number of another system": ("POST", SEARCH, form(identifier=f"urn:x|{ALIVE}"), {}, 400),
    "a parameter twice": ("POST", SEARCH, WHO + b"&" + WHO, {}, 400),
    "a parameter that is not there": ("POST", SEARCH, WHO + b"&family=Perera", {}, 400),
    "born before a day": ("POST", SEARCH, form(birthdate="lt1985-12-05"), {}, 400),
    "no such day": ("POST", SEARCH, form(birthdate="1985-02-30"), {}, 400),
    "no page at all": ("POST", SEARCH, WHO + b"&_count=0", {}, 400),
    "not a form": ("POST", SEARCH, b"{}", {"Content-Type": "application/json"}, 415),
    "another media type wanted": ("POST", SEARCH, WHO, {"Accept": "application/xml"}, 406),
    "bytes that are no text": ("POST", SEARCH, b"identifier=\xff", {}, 400),
    "too long": ("POST", SEARCH, b"identifier=" + b"1" * 9000, {}, 413),
    "a number in an address": ("GET", f"{SEARCH}?identifier={ALIVE}", b"", {}, 405),
    "a read": ("GET", "/Patient/b-1985BRN1", b"", {}, 403),
    "a creation": ("POST", "/Patient", b"{}", {}, 403),
    "another resource": ("POST", "/Condition/_search", WHO, {}, 403),
    "a page that is not kept": ("GET", "/?_getpages=nothing", b"", {}, 410),
    "no token": ("POST", SEARCH, WHO, {"Authorization": ""}, 401),
    "a token of nobody": ("POST", SEARCH, WHO, {"Authorization": "Bearer abc"}, 401),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_is_not_served_is_refused_with_an_outcome_that_repeats_nothing(place: Place, case: str) -> None:
    method, path, body, headers, status = REFUSED[case]
    told = place.call(path, body, method, headers)
    OperationOutcome.model_validate(told[1])
    assert told[0] == status
    assert ALIVE not in json.dumps(told[1])


def test_a_client_without_the_scope_is_told_nothing(place: Place) -> None:
    poor = place.login("poor", "secret")
    assert place.call(SEARCH, WHO, headers={"Authorization": f"Bearer {poor}"})[0] == 403


def patient(number: str = ALIVE, **more: object) -> dict[str, object]:
    names = [{"family": "Perera", "given": ["Nimal"]}]
    told = {"resourceType": "Patient", "id": "p", "identifier": [{"system": NIC, "value": number}], "name": names}
    return told | {"birthDate": "1985-12-05"} | more


def bundle(*patients: Mapping[str, object], more: str = "") -> dict[str, object]:
    link = [{"relation": "next", "url": more}] if more else []
    entry = [{"resource": each, "search": {"mode": "match"}} for each in patients]
    return {"resourceType": "Bundle", "type": "searchset", "link": link, "entry": entry}


Told = Callable[[str, Mapping[str, str]], tuple[int, object]]


class Server:
    """Says what it is told to, and keeps what it was asked."""

    def __init__(self) -> None:
        self.told: Told = lambda path, asked: (200, bundle())
        self.asked: list[tuple[str, str, Mapping[str, str]]] = []

    async def handle(self, request: web.BaseRequest) -> web.Response:
        body = (await request.read()).decode()
        if request.path.endswith("/oauth2/token"):
            return web.json_response({"access_token": "t", "token_type": "Bearer"})
        asked = dict(parse_qsl(body))
        self.asked.append((request.method, request.path_qs, asked))
        status, answer = self.told(request.path_qs, asked)
        return web.json_response(answer, status=status, content_type="application/fhir+json")


@pytest.fixture
async def link() -> AsyncIterator[tuple[Adapter, Server, str]]:
    server = Server()
    runner = web.ServerRunner(web.Server(server.handle))
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    address = f"http://127.0.0.1:{runner.addresses[0][1]}"
    names = ("URL", "CLIENT_ID", "CLIENT_SECRET")
    values = dict(zip((f"CIVIL_REGISTRATION_FHIR_{name}" for name in names), (address, "x", "y"), strict=True))
    async with opened(SECOND, address, values) as adapter:
        yield adapter, server, address
    await runner.cleanup()


def always(status: int, answer: object) -> Told:
    return lambda path, asked: (status, answer)


@pytest.mark.parametrize(
    ("told", "kind"),
    [
        (always(200, bundle(patient(NOBODY))), AgencyAnswerMalformed),
        (always(200, bundle({"resourceType": "Person"})), AgencyAnswerMalformed),
        (always(200, bundle(patient(deceasedBoolean=True))), AgencyAnswerMalformed),
        (always(200, bundle(patient(deceasedDateTime=20260301))), AgencyAnswerMalformed),
        (always(200, bundle(patient(), patient())), AgencyCannotTell),
        (always(200, bundle(patient(), more="http://elsewhere.example/?_getpages=1")), AgencyAnswerMalformed),
        (always(200, bundle(patient(), more="/?_getpages=again")), AgencyCannotTell),
        (always(200, {"resourceType": "OperationOutcome"}), AgencyAnswerMalformed),
        (always(400, {"resourceType": "OperationOutcome"}), AgencyRejectedMessage),
        (always(404, {}), AgencyRejectedMessage),
        (always(410, {}), AgencyRejectedMessage),
        (always(403, {}), AgencyRefused),
        (always(200, bundle()), AgencyHasNoSuchPerson),
    ],
)
async def test_what_is_no_answer_is_told_by_its_kind(
    link: tuple[Adapter, Server, str], told: Told, kind: type[AgencyError]
) -> None:
    adapter, server, _ = link
    server.told = told
    with pytest.raises(AgencyError) as raised:
        await adapter.ask(question(ALIVE))
    assert type(raised.value) is kind
    assert not any(each in f"{raised.value} {raised.value.code}" for each in (ALIVE, "Nimal", "1985"))


async def test_numbers_are_in_bodies_only_and_names_are_never_sent(link: tuple[Adapter, Server, str]) -> None:
    adapter, server, address = link

    def told(path: str, asked: Mapping[str, str]) -> tuple[int, object]:
        if "identifier" in asked:
            return 200, bundle(patient())
        last = patient(identifier=[], deceasedDateTime="2026-03-01")
        return 200, bundle(last) if "page-2" in path else bundle(more=f"{address}/?_getpages=page-2")

    server.told = told
    answer = await adapter.ask(question(ALIVE))
    assert isinstance(answer, RawAnswer)
    assert answer.match == "probable"
    elements = {"_elements": "identifier,name,birthDate,deceased,link"}
    expected: Sequence[object] = [
        ("POST", SEARCH, {"identifier": f"{NIC}|{ALIVE}", "_count": "10", **elements}),
        ("POST", SEARCH, {"birthdate": "eq1985-12-05", "_count": "100", **elements}),
        ("GET", "/?_getpages=page-2", {}),
    ]
    assert server.asked == expected


@pytest.mark.parametrize("number", ["1985", "LK-198534000123", f"{ALIVE}|x"])
async def test_what_is_no_number_is_never_sent(link: tuple[Adapter, Server, str], number: str) -> None:
    adapter, server, _ = link
    with pytest.raises(AgencyRejectedMessage):
        await adapter.ask(question(number))
    assert server.asked == []


def test_events_are_not_told_over_this_wire() -> None:
    text = "\n".join(path.read_text() for path in sorted(SECOND.glob("*.py")))
    assert "def subscribe" not in text
    assert "def hook" not in text
