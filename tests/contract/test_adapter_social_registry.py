"""The social registry as a provider: its adapter, its sandbox system in raw messages, its lists of candidates."""

import json
from collections import Counter
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import jsonschema
import pytest
from starlette.applications import Starlette
from starlette.routing import Mount

import schemas
from adapters.kit import manifest as manifests
from adapters.kit import mapping as mappings
from adapters.kit import opening
from adapters.kit.base import Kit
from adapters.kit.conformance import suite
from adapters.kit.contract import (
    Adapter,
    AgencyCannotTell,
    AgencyHasNoSuchPerson,
    AgencyRejectedMessage,
    Identifier,
    Question,
    Subject,
)
from adapters.kit.dci_wire import BodySigned
from adapters.kit.egress import Dialler
from gateway.trust import signatures
from sandbox.agencies import social_registry as agency
from sandbox.faults import Faults
from sandbox.gateway_client import Clients
from sandbox.gateway_keys import GatewayKeys
from sandbox.nic import normal
from sandbox.person import SrRecord
from sandbox.world import Registers
from tests.played_gateway import Message, PlayedGateway, stamp
from tests.small_gateway import served

FOLDER = Path(__file__).parents[2] / "adapters/social_registry"
TestSocialRegistry = suite(FOLDER)

DAY = date(2026, 10, 31)
OWN = "LK.GOV.WBB.SR"
NOTIFY, SEARCH = "/registry/notify", "/registry/sync/search"
OPERATIONS: Any = schemas.load("dci/social.json")["operations"]
REGISTERS = Registers(400, 7, DAY)
TWICE = "199912304567"


def households() -> agency.Households:
    """The population's registrations, and one person who is registered twice."""
    found = dict(REGISTERS.registrations())
    someone = next(iter(found.values()))
    for number in ("SR999999901", "SR999999902"):
        found[number] = replace(someone, member_id=number, nic=TWICE, household_id=f"HH{number[-7:]}")
    return agency.Households(found, DAY)


@dataclass
class Place:
    gateway: PlayedGateway
    registry: agency.Registry
    adapter: Adapter
    url: str
    http: httpx.AsyncClient
    token: str = ""

    async def post(self, path: str, body: object, **headers: str) -> tuple[int, Message]:
        content = body if isinstance(body, bytes) else json.dumps(body, ensure_ascii=False).encode()
        sent = {"content-type": "application/json", "authorization": f"Bearer {self.token}"} | headers
        answer = await self.http.post(self.url + path, content=content, headers=sent)
        return answer.status_code, answer.json()

    async def ask(self, service: str, **numbers: str) -> Mapping[str, object]:
        fields = manifests.load(FOLDER).service(f"social_registry.{service}").fields
        subject = Subject(tuple(Identifier(kind, value) for kind, value in numbers.items()))
        asked = Question(f"social_registry.{service}", subject, fields, DAY)
        return self.adapter.normalise(asked.service, await self.adapter.ask(asked))


@pytest.fixture
async def place(tmp_path: Path) -> AsyncIterator[Place]:
    gateway, app = PlayedGateway(), Starlette()
    async with served(app) as url, httpx.AsyncClient(trust_env=False, verify=False) as http:
        gateway.credentials(tmp_path / "clients", f"{url}/gateway", "social-registry", "LK/GOV/WBB/SR")
        (tmp_path / "own").mkdir()
        settings = agency.make_settings(f"{url}/sr", tmp_path / "own", gateway=f"{url}/gateway")
        clients = Clients(tmp_path / "clients", patience_s=5)
        registry = agency.Registry(settings, households(), REGISTERS, clients)
        app.router.routes.append(Mount("/gateway", app=gateway.app))
        served_agency = agency.build(registry, clients, GatewayKeys(f"{url}/gateway"), Faults())
        app.router.routes.append(Mount("/sr", app=served_agency))
        dialler = Dialler({url.partition("//")[2]})
        wire = BodySigned(lambda each: signatures.signed(each["header"], each["message"], gateway.key))
        values = settings.exported().__getitem__
        kit = Kit(FOLDER, manifests.load(FOLDER), mappings.load(FOLDER), values, dialler, wire)
        found = Place(gateway, registry, opening.build(kit), f"{url}/sr", http)
        own = settings.registered
        form = {
            "grant_type": "client_credentials",
            "client_id": own.partner_client,
            "client_secret": own.partner_secret,
        }
        granted = await http.post(f"{found.url}/oauth2/client/token", data=form, headers={"timestamp": "now"})
        found.token = granted.json()["access_token"]
        registry.start()
        yield found
        await registry.close()
        await dialler.close()
        await clients.close()


def somebody(**wanted: object) -> SrRecord:
    return next(
        each
        for each in REGISTERS.registrations().values()
        if all(getattr(each, name) == value for name, value in wanted.items())
    )


@pytest.mark.parametrize("code", [1, 2, 3])
async def test_a_member_is_found_by_number_with_the_registry_s_own_code_beside_the_word(
    place: Place, code: int
) -> None:
    record = somebody(employment_status=code)
    found = await place.ask("member", NIC=record.nic)
    assert found == await place.ask("member", SR=record.member_id)
    assert found == {
        "member_id": record.member_id,
        "household_id": record.household_id,
        "status": "registered",
        "head": record.head,
        "employment_status": {1: "employed", 2: "not_employed", 3: "unknown"}[code],
        "employment_status_told": str(code),
        "disabled": record.disabled,
        "ds_division": record.gn_division[:7],
        "gn_division": record.gn_division,
    }


async def test_a_household_is_counted_and_names_nobody(place: Place) -> None:
    record = somebody(head=True)
    found = await place.ask("household", NIC=record.nic)
    assert found["size"] == len(place.registry.households.households[record.household_id])
    members = place.registry.households.households[record.household_id]
    assert not any(normal(each.nic) in str(found) or each.names[0].full in str(found) for each in members)


async def test_nobody_several_and_no_number_are_told_apart(place: Place) -> None:
    with pytest.raises(AgencyHasNoSuchPerson):
        await place.ask("member", NIC="190000100001")
    for service in ("member", "household"):
        with pytest.raises(AgencyCannotTell):
            await place.ask(service, NIC=TWICE)
    with pytest.raises(AgencyRejectedMessage):
        await place.ask("member", TIN="AB123456C")


def search(place: Place, *queries: Message, **header: object) -> Message:
    items = [
        {"reference_id": str(at), "timestamp": stamp(), "search_criteria": each} for at, each in enumerate(queries)
    ]
    message = {"transaction_id": "t-1", "search_request": items}
    return place.gateway.envelope("search", OWN, message, len(items), **header)


BY_NUMBER = {"query_type": "idtype-value", "query": {"type": "UIN", "value": "190000100001"}}


async def test_what_it_answers_fits_the_published_file_item_by_item(place: Place) -> None:
    record = somebody(head=True)
    number = {"type": "SR", "value": record.member_id}
    asked = search(
        place,
        {"query_type": "idtype-value", "query": number, "response_entity": "Group"},
        BY_NUMBER,
        {"query_type": "idtype-value", "query": {"type": "PHONE", "value": "+94791234567"}},
        {"query_type": "expression", "query": {"type": "x", "value": {}}},
    )
    jsonschema.Draft4Validator(OPERATIONS[SEARCH]["request"]).validate(asked)
    status, answer = await place.post(SEARCH, asked)
    assert status == 200
    jsonschema.Draft4Validator(OPERATIONS[SEARCH]["responses"]["default"]).validate(answer)
    group, nobody, *refused = answer["message"]["search_response"]
    assert [each["@type"] for each in group["data"]["reg_records"]] == ["spdci:Group"]
    assert nobody["data"]["reg_records"] == []
    assert {each["status_reason_code"] for each in refused} == {"rjct.search_criteria.invalid"}


HOUR_OLD = (datetime.now(UTC) - timedelta(hours=1)).isoformat()
REFUSED: dict[str, tuple[Callable[[Place], object], int, str]] = {
    "no JSON": (lambda _: b"{", 400, "err.request.bad"),
    "a member twice": (lambda _: b'{"header":{},"header":{}}', 400, "err.request.bad"),
    "not a number": (lambda _: b'{"header":NaN}', 400, "err.request.bad"),
    "too deep": (lambda _: b"[" * 100_000, 400, "err.request.bad"),
    "too large": (lambda _: b'"' + b"x" * 1_100_000 + b'"', 413, "err.request.bad"),
    "unsigned": (lambda place: search(place, BY_NUMBER) | {"signature": ""}, 401, "err.signature.missing"),
    "another key": (
        lambda place: search(replace(place, gateway=PlayedGateway()), BY_NUMBER),
        401,
        "err.signature.invalid",
    ),
    "another sender": (lambda place: search(place, BY_NUMBER, sender_id="LK.X"), 401, "err.sender_id.invalid"),
    "for somebody else": (lambda place: search(place, BY_NUMBER, receiver_id="LK.X"), 400, "err.receiver_id.invalid"),
    "an hour old": (lambda place: search(place, BY_NUMBER, message_ts=HOUR_OLD), 400, "err.request.bad"),
    "another version": (lambda place: search(place, BY_NUMBER, version="2.0.0"), 400, "err.version.not_supported"),
    "two of one": (lambda place: search(place, BY_NUMBER, total_count=2), 400, "err.request.bad"),
    "a query type of no list": (lambda place: search(place, BY_NUMBER | {"query_type": "sql"}), 400, "err.request.bad"),
    "an entity of no list": (
        lambda place: search(place, BY_NUMBER | {"response_entity": "Person"}),
        400,
        "err.request.bad",
    ),
}


async def test_search_is_refused(place: Place) -> None:
    answers = {case: await place.post(SEARCH, make(place)) for case, (make, _, _) in REFUSED.items()}
    assert {case: (status, answer["errors"][0]["code"]) for case, (status, answer) in answers.items()} == {
        case: (status, error) for case, (_, status, error) in REFUSED.items()
    }
    for authorization in ("", "Bearer x"):
        status, answer = await place.post(SEARCH, b"not even json", authorization=authorization)
        assert (status, answer["errors"][0]["code"]) == (401, "err.request.unauthorized")


@pytest.mark.parametrize(
    ("programme", "holds"),
    [
        ("samurdhi", lambda each, all_: each.head),
        ("elders", lambda each, all_: all_.age(each) >= 70),
        ("disability", lambda each, all_: each.disabled),
        ("kidney", lambda each, all_: REGISTERS.certificate_of(normal(each.nic)).category == "kidney"),
    ],
)
def test_a_list_holds_whom_its_rule_names_the_poorest_first(
    programme: str, holds: Callable[[SrRecord, agency.Households], bool]
) -> None:
    everybody = agency.Households(REGISTERS.registrations(), DAY)
    listed = list(agency.candidates(programme, everybody, REGISTERS))
    assert listed
    checker = schemas.validator("canonical/candidate.v1.json")
    for place in listed:
        assert schemas.first_fault(checker, place.record) is None
        assert holds(place.member, everybody)
        assert ("certificate" in place.record) == (programme in {"disability", "kidney"})
    divisions = Counter(place.record["ds_division"] for place in listed)
    for division, count in divisions.items():
        own = [each for each in listed if each.record["ds_division"] == division]
        assert [each.rank for each in own] == list(range(1, count + 1))
        scores = [everybody.score(each.member.household_id) for each in own]
        assert scores == sorted(scores)


def test_fifteen_of_a_hundred_places_are_kept_for_appeals() -> None:
    someone = somebody(head=True)
    many = {f"SR{n:09d}": replace(someone, member_id=f"SR{n:09d}", household_id="HH1") for n in range(100)}
    everybody = agency.Households(many, DAY)
    low = replace(agency.RULES["samurdhi"], holds=lambda _each, _all: True)
    with pytest.MonkeyPatch.context() as patched:
        patched.setitem(agency.RULES, "samurdhi", low)
        quotas = [place.record["quota"] for place in agency.candidates("samurdhi", everybody, REGISTERS)]
    assert quotas == ["regular"] * 85 + ["appeal"] * 15


async def told(place: Place, kind: str, record: Message, item: str = "item-1") -> tuple[int, Message]:
    return await place.post(NOTIFY, place.gateway.notice(OWN, f"sandhi:{kind}:v1", record, item), authorization="")


VACANCY = {
    "programme": "samurdhi",
    "vacancy": "V-1",
    "ds_division": "LK-0000",
    "reason": "died",
    "opened_on": "2026-10-30",
}


async def test_a_vacancy_is_answered_with_the_next_of_the_list_once(place: Place) -> None:
    listed = place.registry.list_for("samurdhi")
    division = str(listed[0].record["ds_division"])
    for item in ("item-1", "item-1", "item-2"):
        assert (await told(place, "vacancy", VACANCY | {"ds_division": division}, item))[0] == 200
    await place.registry.post.settle(["samurdhi"], seconds=5)
    records = place.gateway.records("samurdhi.candidate")
    own = [each.record for each in listed if each.record["ds_division"] == division]
    assert records == [each | {"vacancy": "V-1"} for each in own[:2]]


async def test_a_vacancy_where_nobody_waits_is_kept_and_nobody_is_made_up(place: Place) -> None:
    assert (await told(place, "vacancy", VACANCY))[0] == 200
    assert place.registry.told("vacancy") == [VACANCY]
    assert place.gateway.records("samurdhi.candidate") == []


async def test_what_is_no_event_of_a_programme_is_refused(place: Place) -> None:
    line = {"programme": "samurdhi", "notice": "n", "gn_division": "LK-1103005", "name": "K", "reference": "3005-0001"}
    cases = [("vacancy", VACANCY | {"name": "Kamala"}), ("finding", {}), ("beneficiary-notice", line | {"nic": "1"})]
    for kind, record in cases:
        status, answer = await told(place, kind, record)
        assert (status, answer["errors"][0]["code"]) == (400, "err.request.bad")
    forged = PlayedGateway().notice(OWN, "sandhi:vacancy:v1", VACANCY)
    status, answer = await place.post(NOTIFY, forged, authorization="")
    assert (status, answer["errors"][0]["code"]) == (401, "err.signature.invalid")
    assert place.registry.told("vacancy") == []
