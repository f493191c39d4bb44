"""Employment offices: the adapter's promises, the adapter against its sandbox, what the sandbox refuses in bytes."""

import json
import re
from collections.abc import AsyncIterator, Iterator
from datetime import date, timedelta
from pathlib import Path

import httpx
import jsonschema
import pytest

from adapters.kit.conformance import suite
from adapters.kit.contract import (
    Adapter,
    AgencyError,
    AgencyHasNoSuchPerson,
    AgencyRefused,
    AgencyRejectedMessage,
    AgencyUnavailable,
    Identifier,
    Question,
    Subject,
)
from adapters.kit.egress import Dialler
from adapters.kit.opening import open_adapter
from sandbox.agencies.employment_offices import build, make_settings, offers_of
from sandbox.faults import Faults
from sandbox.loopback import serving
from sandbox.population.census import census

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "adapters/employment_offices"
TestEmploymentOffices = suite(FOLDER)

DAY = date(2026, 10, 31)
NIC, OLD_NIC, NOBODY = "199012304567", "901234567V", "200012304567"
FAULTS = Faults()
ANSWER = json.loads((FOLDER / "answer.json").read_text("utf-8"))


class Homes:
    def district_of(self, nic: str) -> str | None:
        return "LK-11" if nic == NIC else None


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, str]]:
    """URL and token of the job centres' system."""
    settings = make_settings("http://127.0.0.1", tmp_path_factory.mktemp("offices"), day=DAY)
    with serving(build(Homes(), settings, FAULTS)) as url:
        yield url, settings.token


@pytest.fixture(autouse=True)
def healthy() -> None:
    FAULTS.clear()


@pytest.fixture
async def adapter(place: tuple[str, str]) -> AsyncIterator[Adapter]:
    url, token = place
    dialler = Dialler({url.partition("//")[2]})
    values = {"EMPLOYMENT_OFFICES_URL": url, "EMPLOYMENT_OFFICES_TOKEN": token}
    opened = open_adapter(FOLDER, values.__getitem__, dialler)
    yield opened
    await opened.close()
    await dialler.close()


def question(nic: str = NIC, on: date = DAY) -> Question:
    fields = frozenset({"office", "offers"})
    return Question("employment_offices.offers", Subject((Identifier("NIC", nic),)), fields, on)


@pytest.mark.parametrize("nic", [NIC, OLD_NIC])
async def test_the_offers_of_the_person_s_own_office_are_answered(adapter: Adapter, nic: str) -> None:
    record = adapter.normalise("employment_offices.offers", await adapter.ask(question(nic)))
    assert record["office"] == "LK-11"
    expected = [(each.code, each.kind, each.title, each.places, each.starts) for each in offers_of("LK-11", DAY)]
    assert isinstance(record["offers"], list)
    names = ("code", "kind", "title", "places", "starts")
    assert [tuple(each.get(name, "") for name in names) for each in record["offers"]] == expected


@pytest.mark.parametrize(
    ("asked", "kind"),
    [
        (question(NOBODY), AgencyHasNoSuchPerson),
        (question("12"), AgencyRejectedMessage),
        (question(on=DAY + timedelta(days=1)), AgencyRejectedMessage),
    ],
)
async def test_each_refusal_has_its_kind_and_shows_nobody(
    adapter: Adapter, asked: Question, kind: type[AgencyError]
) -> None:
    with pytest.raises(AgencyError) as raised:
        await adapter.ask(asked)
    assert type(raised.value) is kind
    assert asked.subject.identifiers[0].value not in str(raised.value)


async def test_a_refusal_of_the_source_and_a_source_that_is_down_are_told_apart(adapter: Adapter) -> None:
    FAULTS.set("refuse")
    with pytest.raises(AgencyRefused):
        await adapter.ask(question())
    FAULTS.set("down")
    with pytest.raises(AgencyUnavailable):
        await adapter.ask(question())


GOOD = {"nic": NIC, "asOf": "2026-10-31"}
REFUSED: dict[str, tuple[bytes, dict[str, str], int, str]] = {
    "no token": (b"{}", {"authorization": ""}, 401, "TOKEN_INVALID"),
    "another token": (b"{}", {"authorization": "Bearer x"}, 401, "TOKEN_INVALID"),
    "token by another scheme": (b"{}", {"authorization": "Basic eDp5"}, 401, "TOKEN_INVALID"),
    "no JSON": (b"{", {}, 400, "REQUEST_INVALID"),
    "a member twice": (b'{"nic":"1","nic":"2","asOf":"2026-10-31"}', {}, 400, "REQUEST_INVALID"),
    "too deep": (b"[" * 3000, {}, 400, "REQUEST_INVALID"),
    "too long": (b'"' + b"x" * 5000 + b'"', {}, 413, "REQUEST_INVALID"),
    "another content type": (json.dumps(GOOD).encode(), {"content-type": "text/plain"}, 415, "REQUEST_INVALID"),
    "a list": (b"[]", {}, 400, "REQUEST_INVALID"),
    "a member missing": (json.dumps({"nic": NIC}).encode(), {}, 400, "REQUEST_INVALID"),
    "a member too many": (json.dumps(GOOD | {"name": "Kamala"}).encode(), {}, 400, "REQUEST_INVALID"),
    "a number that is none": (json.dumps(GOOD | {"nic": "19901230456"}).encode(), {}, 400, "NIC_INVALID"),
    "a number as a number": (json.dumps(GOOD | {"nic": 199012304567}).encode(), {}, 400, "NIC_INVALID"),
    "no such day": (json.dumps(GOOD | {"asOf": "2026-02-30"}).encode(), {}, 400, "DAY_INVALID"),
    "another notation": (json.dumps(GOOD | {"asOf": "20261031"}).encode(), {}, 400, "DAY_INVALID"),
    "tomorrow": (json.dumps(GOOD | {"asOf": "2026-11-01"}).encode(), {}, 400, "DAY_INVALID"),
    "nobody": (json.dumps(GOOD | {"nic": NOBODY}).encode(), {}, 404, "PERSON_UNKNOWN"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_the_offices_refuse(place: tuple[str, str], case: str) -> None:
    body, headers, status, code = REFUSED[case]
    url, token = place
    sent = {"content-type": "application/json", "authorization": f"Bearer {token}"} | headers
    answer = httpx.post(f"{url}/v1/offers/search", content=body, headers=sent, trust_env=False)
    assert (answer.status_code, answer.json()["code"]) == (status, code)
    assert NIC not in answer.text


def test_its_answer_fits_the_profile_s_schema(place: tuple[str, str]) -> None:
    url, token = place
    answer = httpx.post(
        f"{url}/v1/offers/search", json=GOOD, headers={"authorization": f"Bearer {token}"}, trust_env=False
    )
    jsonschema.Draft202012Validator(ANSWER).validate(answer.json())


def test_some_offices_have_something_and_no_two_offer_under_one_code() -> None:
    districts = sorted({division.gn_divisions[0][:5] for division in census().divisions})
    codes = [each.code for district in districts for each in offers_of(district, DAY)]
    assert len(districts) == 25
    assert len(codes) == len(set(codes)) > 25


def test_the_page_of_the_profile_has_every_error_and_the_schema_as_it_is() -> None:
    page = (ROOT / "docs/profiles/employment-offices.md").read_text("utf-8")
    assert {code for *_, code in REFUSED.values()} | {"NOT_ALLOWED"} == set(re.findall(r"`([A-Z]+_[A-Z]+)`", page))
    (shown,) = re.findall(r"```json\n(\{\n  \"\$schema\".*?)\n```", page, re.DOTALL)
    assert json.loads(shown) == ANSWER
