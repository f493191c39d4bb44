"""Our own profiles in JSON, both sides by `jsonschema`: what our adapters ask and what the sandbox answers fits the
stored documents, and the sandbox takes nothing that does not fit."""

import json
import random
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from datetime import date
from functools import cache
from pathlib import Path
from typing import Any

import httpx
import jsonschema
import pytest
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from adapters.kit.contract import Adapter, AgencyError, Identifier, Item, Question, Subject
from adapters.kit.egress import Dialler
from adapters.kit.opening import open_adapter
from sandbox.agencies import employment_offices, field_verification, grievance, treasury
from sandbox.faults import Faults
from sandbox.loopback import serving
from tests.local_place import APPEAL, DAY, NIC, OLD_NIC, REVISION, VISIT
from tests.own_profiles import codes_of
from tests.two_judges import changed_json, document

ADAPTERS = Path(__file__).parents[2] / "adapters"
CHANGED = 40  # changed requests of each call
BAD = 400
PERSON = Subject((Identifier("NIC", OLD_NIC),))
REPORT = {"report": "RPT-CASH-LK-11-2026-10", "kind": "cash_forecast", "unit": "LK-11", "month": "2026-10"}
LETTER = {"letter": "ALC-SAM-LK-11-2026-10", "programme": "samurdhi", "unit": "LK-11", "month": "2026-10"}
ZONES = [{"zone": "LK-1103", "account": "0012345678", "amount": "4500.00"}]
LINES = [{"code": "samurdhi.allowance", "people": 311, "amount": "1399500.00"}]
SHAPES = {  # path -> what is asked, by the profile's document; what is answered
    "grievance": {
        "/v1/cases": ("open", "agency/own/grievance.json#/$defs/opened"),
        "/v1/actions": ("act", "agency/own/grievance.json#/$defs/acted"),
        "/v1/cases/search": ("search", "answer"),
    },
    "field_verification": {
        "/v1/visits": ("visit", "agency/own/field-verification.json#/$defs/taken"),
        "/v1/revisions": ("revision", "agency/own/field-verification.json#/$defs/taken"),
        "/v1/verifications/search": ("search", "answer"),
    },
    "employment_offices": {"/v1/offers/search": ("search", "answer")},
    "treasury": {
        "/v1/reports": ("report", "answer"),
        "/v1/reports/state": ("state", "answer"),
        "/v1/allocations": ("allocation", "agency/own/treasury-reports.json#/$defs/allocated"),
    },
}
PAGES = {"treasury": "treasury-reports", "field_verification": "field-verification"}
PAGES |= {"employment_offices": "employment-offices", "grievance": "grievance"}
RECORDS = {
    "open": "canonical/grievance.v1.json",
    "act": "canonical/action-taken.v1.json",
    "visit": "canonical/verification-visit.v1.json",
    "revision": "canonical/verification-revision.v1.json",
    "report": "canonical/unit-report.v1.json",
    "allocation": "canonical/allocation-letter.v1.json",
}
INSIDE = {"report": "report", "allocation": "letter"}  # else `record`


@dataclass
class Recorder:
    """Keeps what was asked and answered, and hands it on; an answer when it is kept: whoever has it looks at once."""

    app: ASGIApp
    calls: list[tuple[str, Any, int, Any]] = field(default_factory=list)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        asked, told = b"", list[Message]()

        async def read() -> Message:
            nonlocal asked
            message = await receive()
            asked += message.get("body", b"")
            return message

        async def written(message: Message) -> None:
            told.append(message)

        await self.app(scope, read, written)
        answer = json.loads(b"".join(each.get("body", b"") for each in told))
        self.calls.append((scope["path"], json.loads(asked), told[0]["status"], answer))
        for each in told:
            await send(each)


@dataclass
class Place:
    """One agency, its adapter, and all that went between them."""

    name: str
    adapter: Adapter
    recorder: Recorder
    url: str
    token: str


@cache
def judge(name: str) -> jsonschema.Draft202012Validator:
    checker = jsonschema.Draft202012Validator.FORMAT_CHECKER
    return jsonschema.Draft202012Validator(document(name), format_checker=checker)


def asked_of(agency: str, path: str) -> jsonschema.Draft202012Validator:
    return judge(f"agency/own/{PAGES[agency]}.json#/$defs/{SHAPES[agency][path][0]}")


def answered_of(agency: str, path: str, status: int) -> jsonschema.Draft202012Validator:
    if status >= BAD:
        return judge(f"agency/own/{PAGES[agency]}.json#/$defs/refused")
    shape = SHAPES[agency][path][1]
    return judge(str(ADAPTERS / agency / "answer.json") if shape == "answer" else shape)


class Homes:
    def district_of(self, nic: str) -> str | None:
        return "LK-11" if nic == NIC else None


def apps(folder: Path) -> dict[str, tuple[ASGIApp, dict[str, str]]]:
    """Each agency with what it gives its partner."""
    desk = grievance.make_settings("", folder / "g", gateway="http://127.0.0.1:1", day=DAY)
    visits = field_verification.make_settings("", folder / "f", day=DAY)
    offers = employment_offices.make_settings("", folder / "o", day=DAY)
    money = treasury.make_settings("", folder / "t", day=DAY)
    cases, books = grievance.Desk(desk.store), field_verification.Book(visits.store, DAY)
    return {
        "grievance": (grievance.build(cases, desk, Faults()), desk.exported()),
        "field_verification": (field_verification.build(books, visits, Faults()), visits.exported()),
        "employment_offices": (employment_offices.build(Homes(), offers, Faults()), offers.exported()),
        "treasury": (treasury.build(treasury.Book(date(2026, 11, 4)), money, Faults()), money.exported()),
    }


@pytest.fixture(params=sorted(SHAPES))
async def place(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Place]:
    for each in "gfot":
        (tmp_path / each).mkdir()
    app, settings = apps(tmp_path)[request.param]
    recorder = Recorder(app)
    async with AsyncExitStack() as stack:
        url = stack.enter_context(serving(recorder))
        dialler = Dialler({url.partition("//")[2]})
        stack.push_async_callback(dialler.close)
        own = request.param.upper()
        adapter = open_adapter(ADAPTERS / request.param, (settings | {f"{own}_URL": url}).__getitem__, dialler)
        stack.push_async_callback(adapter.close)
        yield Place(request.param, adapter, recorder, url, settings[f"{own}_TOKEN"])


async def everything(place: Place) -> None:
    """Each service of the adapter once, and once refused."""
    await CALLS[place.name](place.adapter)


async def _grievance(adapter: Adapter) -> None:
    opened = await adapter.deliver(Item("case-1", "grievance.case", APPEAL, PERSON))
    done = {"case": opened.reference, "action": "explained", "acted_on": "2026-10-30"}
    await adapter.deliver(Item("act-1", "grievance.action", done, PERSON))
    with pytest.raises(AgencyError):
        await adapter.deliver(Item("act-2", "grievance.action", done | {"case": "GR-2026-999999"}, PERSON))
    raw = await adapter.ask(Question("grievance.status", PERSON, frozenset({"cases"}), DAY))
    record: Any = adapter.normalise("grievance.status", raw)
    (case,) = record["cases"]
    assert (case["action"], case["acted_on"]) == ("explained", "2026-10-30")


async def _field_verification(adapter: Adapter) -> None:
    await adapter.deliver(Item("visit-1", "field_verification.visit", VISIT, PERSON))
    with pytest.raises(AgencyError):  # nobody cleared it
        await adapter.deliver(Item("revision-1", "field_verification.revision", REVISION, PERSON))
    await adapter.ask(Question("field_verification.verification", PERSON, frozenset({"state"}), DAY))


async def _employment_offices(adapter: Adapter) -> None:
    await adapter.ask(Question("employment_offices.offers", PERSON, frozenset({"office"}), DAY))
    nobody = Subject((Identifier("NIC", "200012304567"),))
    with pytest.raises(AgencyError):
        await adapter.ask(Question("employment_offices.offers", nobody, frozenset({"office"}), DAY))


async def _treasury(adapter: Adapter) -> None:
    await adapter.deliver(Item("1", "treasury.report", {**REPORT, "currency": "LKR", "lines": LINES}))
    letter = {**LETTER, "currency": "LKR", "total": "4500.00", "zones": ZONES}
    first = await adapter.deliver(Item("2", "treasury.allocation", letter))
    assert await adapter.deliver(Item("2", "treasury.allocation", letter)) == first
    other = {**letter, "total": "1.00", "zones": [{**ZONES[0], "amount": "1.00"}]}
    with pytest.raises(AgencyError) as raised:
        await adapter.deliver(Item("3", "treasury.allocation", other))
    assert raised.value.code == "LETTER_DIFFERS"
    about = Subject((Identifier("REPORT", "RPT-CASH-LK-11-2026-10"),))
    await adapter.ask(Question("treasury.report_state", about, frozenset({"state"}), DAY))


CALLS: dict[str, Callable[[Adapter], Awaitable[None]]] = {
    "grievance": _grievance,
    "field_verification": _field_verification,
    "employment_offices": _employment_offices,
    "treasury": _treasury,
}


async def test_what_an_adapter_asks_and_the_agency_answers_fits_the_profile_s_document(place: Place) -> None:
    await everything(place)
    assert {path for path, *_ in place.recorder.calls} == SHAPES[place.name].keys()
    for path, asked, status, told in place.recorder.calls:
        asked_of(place.name, path).validate(asked)
        kind = SHAPES[place.name][path][0]
        if kind in RECORDS:
            judge(RECORDS[kind]).validate(asked[INSIDE.get(kind, "record")])
        answered_of(place.name, path, status).validate(told)


async def test_the_agency_takes_no_request_that_does_not_fit(place: Place) -> None:
    await everything(place)
    good = {path: asked for path, asked, status, _ in place.recorder.calls if status < BAD}
    headers = {"authorization": f"Bearer {place.token}"}
    refused = 0
    async with httpx.AsyncClient(base_url=place.url, headers=headers, trust_env=False) as client:
        for path, body in good.items():
            draw = random.Random(path)
            for wrong in (changed_json(body, draw) for _ in range(CHANGED)):
                answer = await client.post(
                    path, content=json.dumps(wrong), headers={"content-type": "application/json"}
                )
                answered_of(place.name, path, answer.status_code).validate(answer.json())
                if not asked_of(place.name, path).is_valid(wrong):
                    refused += 1
                    assert answer.status_code == BAD, wrong
    assert refused > CHANGED / 4


@pytest.mark.parametrize("agency", sorted(SHAPES))
def test_a_document_has_the_codes_of_its_page(agency: str) -> None:
    listed = document(f"agency/own/{PAGES[agency]}.json")["$defs"]["refused"]["properties"]["code"]["enum"]
    assert set(listed) == codes_of(PAGES[agency])
