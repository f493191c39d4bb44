"""The employment support system as its partner meets it: raw messages over loopback, refused as the contract has it."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import jsonschema
import pytest
from starlette.applications import Starlette
from starlette.routing import Mount

import schemas
from gateway.trust import signatures
from gateway.trust.jwks import public_key
from gateway.trust.keys import new_key
from sandbox.agencies import ess as agency
from sandbox.faults import Faults
from sandbox.gateway_client import Clients
from sandbox.gateway_keys import GatewayKeys
from sandbox.person import EssRecord
from tests.played_gateway import Message, PlayedGateway, stamp
from tests.small_gateway import served

ESS = "LK.GOV.DME.ESS"
NIC, OLD_NIC, ACTIVE = "199012304567", "901234567V", "198512304567"
DAY = date(2026, 10, 31)
PLACE = {"gn_division": "LK-1103005", "ds_division": "LK-1103", "district": "LK-11"}
NOTIFY, SUBSCRIBE, CONFIRM = "/registry/notify", "/registry/subscribe", "/registry/on-subscribe"
ENDED = "/registry/on-unsubscribe"
SEARCH, CHECK = "/registry/sync/search", "/registry/sync/check-enrollment"
BOTH = ("enrolment", "enrolment_status_change")
OPERATIONS: Any = schemas.load("dci/ess.json")["operations"]


class Register:
    def ess_by_nic(self, nic: str) -> EssRecord | None:
        return EssRecord("Active", date(2025, 1, 1)) if nic == ACTIVE else None


@dataclass
class Place:
    gateway: PlayedGateway
    ess: agency.Ess
    faults: Faults
    url: str
    http: httpx.AsyncClient
    token: str = ""

    async def post(self, path: str, body: object, **headers: str) -> tuple[int, Message]:
        content = body if isinstance(body, bytes) else json.dumps(body, ensure_ascii=False).encode()
        sent = {"content-type": "application/json", "authorization": f"Bearer {self.token}"} | headers
        answer = await self.http.post(self.url + path, content=content, headers=sent)
        return answer.status_code, answer.json()

    async def refer(self, **changes: Any) -> tuple[int, Message]:
        return await self.post(NOTIFY, self.gateway.notice(ESS, "Member", member(**changes)))

    async def events(self, count: int) -> list[Message]:
        for _ in range(1000):
            if len(self.gateway.events()) >= count:
                break
            await asyncio.sleep(0.01)
        return self.gateway.events()

    async def ask_for_token(self, **changes: str | None) -> httpx.Response:
        settings = self.ess.settings
        form = {
            "grant_type": "client_credentials",
            "client_id": settings.partner_client,
            "client_secret": settings.partner_secret,
            "timestamp": "Sat, 31 Oct 2026 08:00:00 GMT",
        } | changes
        given = {name: value for name, value in form.items() if value is not None}
        headers = {"timestamp": given.pop("timestamp")} if "timestamp" in given else {}
        return await self.http.post(f"{self.url}/oauth2/client/token", data=given, headers=headers)


def member(nic: str = NIC, member_id: str = "SR000000101", **changes: Any) -> Message:
    attributes = {
        "names": [{"language": "sin", "script": "Sinh", "value": "කමලා පෙරේරා"}],
        "location": PLACE,
        "readiness": "labour_ready",
        "verify": [],
        "evidence": [],
        "channel": "sms",
    } | changes
    return carried(nic, member_id, attributes) | {
        "demographic_info": {"sex": "female", "birth_date": "1990-05-02", "phone_number": ["+94791234567"]},
        "language_code": ["sin"],
        "education_level": "3",
    }


def carried(nic: str, member_id: str, attributes: Message) -> Message:
    numbers = (("UIN", nic), ("SR", member_id))
    return {
        "@type": "spdci:Member",
        "member_identifier": [{"identifier_type": kind, "identifier_value": value} for kind, value in numbers],
        "additional_attributes": [{name: value} for name, value in attributes.items()],
    }


@dataclass
class Street:
    """One server with the played gateway on it, and room for ESS."""

    gateway: PlayedGateway
    folder: Path
    url: str
    app: Starlette


@asynccontextmanager
async def running(street: Street, *, subscribed: bool = True) -> AsyncIterator[Place]:
    """ESS for as long as the block lasts; the next one on the same street is the same ESS, restarted."""
    settings = agency.make_settings("http://ess.test", street.folder / "ess", gateway=f"{street.url}/gateway")
    book, clients, faults = agency.Book(settings.store), Clients(street.folder / "clients", patience_s=5), Faults()
    ess = agency.Ess(book, settings, Register(), clients, {PLACE["gn_division"]}, DAY)
    app = agency.build(ess, clients, GatewayKeys(settings.gateway), faults)
    street.app.router.routes.append(Mount("/ess", app=app))
    async with httpx.AsyncClient(trust_env=False, verify=False) as http:
        ess.start()
        place = Place(street.gateway, ess, faults, f"{street.url}/ess", http)
        place.token = (await place.ask_for_token()).json()["access_token"]
        if subscribed:
            ess.subscribed(set(BOTH))
        yield place
        await ess.close()
    street.app.router.routes.pop()
    await clients.close()
    book.close()


@pytest.fixture
async def street(tmp_path: Path) -> AsyncIterator[Street]:
    gateway = PlayedGateway()
    app = Starlette(routes=[Mount("/gateway", app=gateway.app)])
    async with served(app) as url:
        gateway.credentials(tmp_path / "clients", f"{url}/gateway", "ess", "LK/GOV/DME/ESS")
        yield Street(gateway, tmp_path, url, app)


@pytest.fixture
async def place(street: Street) -> AsyncIterator[Place]:
    async with running(street) as found:
        yield found


def fits(answer: Message, path: str) -> Message:
    jsonschema.Draft4Validator(OPERATIONS[path]["responses"]["200"]).validate(answer)
    return answer


def code(answer: Message) -> str:
    """Both published error shapes say the same."""
    fits(answer, NOTIFY)
    assert answer["message"]["ack_status"] == "ERR"
    assert [answer["message"]["error"]] == answer["errors"]
    return str(answer["errors"][0]["code"])


async def test_referral_is_acknowledged_at_once_and_decided_by_an_event_of_its_own(place: Place) -> None:
    status, answer = await place.refer()
    assert (status, answer["message"]["ack_status"]) == (200, "ACK")
    fits(answer, NOTIFY)
    (event,) = await place.events(1)
    assert event == {
        "event": "enrolment",
        "id": "event:SR000000101:decision",
        "state": "accepted",
        "date": "2026-10-31",
    }
    ((_, envelope),) = place.gateway.told
    jsonschema.Draft4Validator(OPERATIONS[NOTIFY]["request"]).validate(envelope)
    assert (envelope["header"]["sender_id"], envelope["header"]["total_count"]) == (ESS, 1)


async def test_its_messages_are_signed_with_the_key_it_publishes(place: Place) -> None:
    await place.refer()
    await place.events(1)
    published = (await place.http.get(f"{place.url}/.well-known/jwks.json")).json()["keys"]
    ((_, envelope),) = place.gateway.told
    assert signatures.verify(envelope, [public_key(published[0])]).kid == published[0]["kid"]


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"nic": ACTIVE}, "already_active"),
        ({"location": PLACE | {"gn_division": "LK-1103999"}}, "no_location"),
        ({"location": PLACE | {"district": "LK-12"}}, "no_location"),
    ],
)
async def test_rejection_is_told_with_its_reason(place: Place, changes: Message, reason: str) -> None:
    assert (await place.refer(**changes))[0] == 200
    (event,) = await place.events(1)
    assert (event["state"], event["reason"]) == ("rejected", reason)


async def test_one_person_under_two_member_ids_is_taken_on_once(place: Place) -> None:
    await place.refer(nic=OLD_NIC)
    await place.refer(nic=NIC, member_id="SR000000202")
    first, second = await place.events(2)
    assert (first["state"], second["state"], second["reason"]) == ("accepted", "rejected", "referred_already")


async def test_repeated_message_gets_the_same_acknowledgement_and_nothing_is_doubled(place: Place) -> None:
    record = member()
    notices = [place.gateway.notice(ESS, "Member", record, "item-1", message_id="m-1") for _ in range(3)]
    answers = [await place.post(NOTIFY, notice) for notice in notices]
    assert {answer["message"]["correlation_id"] for _, answer in answers} == {
        answers[0][1]["message"]["correlation_id"]
    }
    await place.refer()  # the same referral in another message
    assert len(await place.events(1)) == 1
    assert len(place.ess.book.members()) == 1


async def test_another_message_under_a_known_id_is_refused(place: Place) -> None:
    await place.post(NOTIFY, place.gateway.notice(ESS, "Member", member(), "item-1", message_id="m-1"))
    other = place.gateway.notice(ESS, "Member", member(member_id="SR000000202"), "item-1", message_id="m-1")
    status, answer = await place.post(NOTIFY, other)
    assert (status, code(answer)) == (400, "err.request.bad")
    assert answer["errors"][0]["message"].startswith("rjct.message_id.duplicate")


def of_another_key(place: Place) -> Message:
    stranger = PlayedGateway()
    return stranger.notice(ESS, "Member", member())


def altered(place: Place) -> Message:
    notice = place.gateway.notice(ESS, "Member", member())
    notice["message"]["notify_event"][0]["data"]["reg_records"]["education_level"] = "5"
    return notice


def unsigned(place: Place) -> Message:
    return place.gateway.notice(ESS, "Member", member()) | {"signature": ""}


def with_header(**changes: object) -> Callable[[Place], Message]:
    return lambda place: place.gateway.notice(ESS, "Member", member(), **changes)


def with_record(record_type: str, record: object) -> Callable[[Place], Message]:
    return lambda place: place.gateway.notice(ESS, record_type, record)


def another_action(place: Place) -> Message:
    return place.gateway.envelope("search", ESS, place.gateway.notice(ESS, "Member", member())["message"])


def header_alone(place: Place) -> Message:
    return {"header": place.gateway.notice(ESS, "Member", member())["header"]}


OLD = (datetime.now(UTC) - timedelta(hours=1)).isoformat()
UPDATE = carried(NIC, "SR000000999", {"event": "moved", "date": "2026-11-20"})
REFUSED: dict[str, tuple[Callable[[Place], Message], int, str]] = {
    "signed by another key": (of_another_key, 401, "err.signature.invalid"),
    "altered after signing": (altered, 401, "err.signature.invalid"),
    "unsigned": (unsigned, 401, "err.signature.missing"),
    "unknown sender": (with_header(sender_id="LK.GOV.WBB.SRIS"), 401, "err.sender_id.invalid"),
    "for somebody else": (with_header(receiver_id="LK.GOV.WBB.SRIS"), 400, "err.receiver_id.invalid"),
    "two of one": (with_header(total_count=2), 400, "err.request.bad"),
    "none of one": (with_header(total_count=0), 400, "err.request.bad"),
    "an hour old": (with_header(message_ts=OLD), 400, "err.request.bad"),
    "another protocol version": (with_header(version="2.0.0"), 400, "err.version.not_supported"),
    "another action": (another_action, 400, "err.request.bad"),
    "encrypted, it says": (with_header(is_msg_encrypted=True), 400, "err.encryption.invalid"),
    "no message": (header_alone, 400, "err.request.bad"),
    "a record of no known type": (with_record("Group", member()), 400, "err.request.bad"),
    "no member id": (with_record("Member", member(member_id="")), 400, "err.request.bad"),
    "not a number": (with_record("Member", member(nic="12")), 400, "err.request.bad"),
    "readiness of no known word": (with_record("Member", member(readiness="lazy")), 400, "err.request.bad"),
    "no attributes": (with_record("Member", {"member_identifier": []}), 400, "err.request.bad"),
    "somebody never referred": (with_record("ProgrammeUpdate", UPDATE), 404, "err.request.not_found"),
}


async def test_notify_is_refused_and_nothing_is_stored(place: Place) -> None:
    answers = {case: await place.post(NOTIFY, make(place)) for case, (make, _, _) in REFUSED.items()}
    assert {case: (status, code(answer)) for case, (status, answer) in answers.items()} == {
        case: (status, error) for case, (_, status, error) in REFUSED.items()
    }
    assert place.ess.book.members() == []
    assert NIC not in json.dumps([answer for _, answer in answers.values()])


async def test_one_bad_item_leaves_the_whole_message_untaken(place: Place) -> None:
    good, bad = (place.gateway.notice(ESS, "Member", member(**change)) for change in ({}, {"readiness": "lazy"}))
    events = [each["message"]["notify_event"][0] for each in (good, bad)]
    message = {"transaction_id": "t-1", "notify_event": events}
    status, _ = await place.post(NOTIFY, place.gateway.envelope("notify", ESS, message, 2))
    assert status == 400
    assert place.ess.book.members() == []


async def test_body_that_is_no_strict_json_is_refused(place: Place) -> None:
    bodies = {
        b"{": 400,
        b'{"header":{},"header":{}}': 400,
        b'{"header":NaN}': 400,
        b"[" * 100_000: 400,
        b'"' + b"x" * 1_100_000 + b'"': 413,
    }
    for body, expected in bodies.items():
        status, answer = await place.post(NOTIFY, body)
        assert (status, code(answer)) == (expected, "err.request.bad")
    status, answer = await place.post(NOTIFY, b"{}", **{"content-type": "text/plain"})
    assert (status, code(answer)) == (415, "err.request.bad")


async def test_without_a_token_of_ours_the_body_is_not_read(place: Place) -> None:
    for path in (NOTIFY, SUBSCRIBE, SEARCH, CHECK):
        for authorization in ("", "Bearer x", "Basic eDp5"):
            status, answer = await place.post(path, b"not even json", authorization=authorization)
            assert (status, code(answer)) == (401, "err.request.unauthorized")


async def test_token_is_refused(place: Place) -> None:
    for changes, expected in (
        ({"client_secret": "guessed"}, 401),
        ({"client_id": "somebody"}, 401),
        ({"grant_type": "password"}, 400),
        ({"timestamp": None}, 400),
    ):
        assert (await place.ask_for_token(**changes)).status_code == expected


async def test_token_is_typed_as_dci_types_it(place: Place) -> None:
    granted = (await place.ask_for_token()).json()
    assert granted["expires_in"] == "600"


async def test_gateway_key_is_fetched_once_and_again_when_a_new_one_signs(place: Place) -> None:
    await place.refer()
    await place.refer(member_id="SR000000202")
    assert place.gateway.keys_fetched == 1
    await asyncio.sleep(1.1)
    place.gateway.key = new_key("ES256")
    assert (await place.refer(member_id="SR000000303"))[0] == 200
    assert place.gateway.keys_fetched == 2


def asked(place: Place, nic: str) -> Message:
    query = {"person_identifier": {"eq": nic}}
    criteria = {"query_type": "expression", "response_entity": "Member", "query": query}
    message = {"transaction_id": "t-1", "enrolled_criteria": criteria}
    return place.gateway.envelope("enrollementstatus", ESS, message)


async def test_enrolment_is_told_by_either_form_of_the_number(place: Place) -> None:
    await place.refer(nic=OLD_NIC)
    statuses = {}
    for nic in (ACTIVE, NIC, OLD_NIC, "200012304567"):
        status, answer = await place.post(CHECK, asked(place, nic))
        assert status == 200
        fits(answer, CHECK)
        assert answer["message"]["transaction_id"] == "t-1"
        statuses[nic] = [item["enrolled_status"] for item in answer["message"]["enrolled_response"]]
    assert statuses == {ACTIVE: ["Active"], NIC: ["Inactive"], OLD_NIC: ["Inactive"], "200012304567": []}
    (person,) = place.ess.book.members()
    place.ess.became(person, "enrolled", programme="job matching")
    _, answer = await place.post(CHECK, asked(place, NIC))
    assert answer["message"]["enrolled_response"][0]["enrolled_status"] == "Active"


async def test_search_finds_members_by_number_and_refuses_other_questions_item_by_item(place: Place) -> None:
    await place.refer()
    queries = [
        {"query_type": "idtype-value", "query": {"type": "UIN", "value": OLD_NIC}},
        {"query_type": "idtype-value", "query": {"type": "SR", "value": "SR000000999"}},
        {"query_type": "idtype-value", "query": {"type": "PHONE", "value": "+94791234567"}},
        {"query_type": "expression", "query": {"type": "x", "value": {}}},
    ]
    items = [
        {"reference_id": str(place_), "timestamp": stamp(), "search_criteria": criteria}
        for place_, criteria in enumerate(queries)
    ]
    message = {"transaction_id": "t-1", "search_request": items}
    status, answer = await place.post(SEARCH, place.gateway.envelope("search", ESS, message, 4))
    assert status == 200
    found, nobody, *refused = fits(answer, SEARCH)["message"]["search_response"]
    (record,) = found["data"]["reg_records"]
    assert {"state": "accepted"} in record["additional_attributes"]
    assert nobody["data"]["reg_records"] == []
    assert {item["status_reason_code"] for item in refused} == {"rjct.search_criteria.invalid"}


def wish(place: Place, **header: str) -> Message:
    items = [
        {
            "reference_id": str(uuid4()),
            "timestamp": stamp(),
            "subscribe_criteria": {"reg_event_type": each, "filter": {"type": "x"}, "notify_record_type": "Member"},
        }
        for each in BOTH
    ]
    message = {"transaction_id": "t-1", "subscribe_request": items}
    return place.gateway.envelope("subscribe", ESS, message, len(items), **header)


async def test_events_wait_for_the_subscription_and_the_codes_come_by_on_subscribe(street: Street) -> None:
    async with running(street, subscribed=False) as place:
        await place.refer()
        status, answer = await place.post(SUBSCRIBE, wish(place, sender_uri=place.ess.settings.partner_callback))
        assert status == 200
        assert [event["state"] for event in await place.events(1)] == ["accepted"]
        confirmations = [envelope for action, envelope in place.gateway.told if action == "on-subscribe"]
        jsonschema.Draft4Validator(OPERATIONS[CONFIRM]["request"]).validate(confirmations[0])
        message = confirmations[0]["message"]
        assert message["correlation_id"] == answer["message"]["correlation_id"]
        codes = [item["subscriptions"][0]["code"] for item in message["subscribe_response"]]
        assert len(set(codes)) == 2


async def test_subscription_with_another_callback_than_the_registered_one_is_refused(place: Place) -> None:
    status, answer = await place.post(SUBSCRIBE, wish(place, sender_uri="http://169.254.169.254/latest"))
    assert (status, code(answer)) == (403, "err.sender_uri.invalid")


def confirmation(place: Place, correlation_id: str) -> Message:
    subscribed = {"code": "code-1", "status": "subscribe", "timestamp": stamp()}
    item = {"reference_id": "r", "timestamp": stamp(), "status": "succ", "subscriptions": [subscribed]}
    message = {"transaction_id": "t-1", "correlation_id": correlation_id, "subscribe_response": [item]}
    return place.gateway.envelope("on-subscribe", ESS, message)


async def test_own_subscription_is_confirmed_by_the_code_with_its_correlation_id(place: Place) -> None:
    asking = asyncio.create_task(place.ess.subscribe())
    await asyncio.sleep(0.05)
    assert (await place.post(CONFIRM, confirmation(place, "of-another"), authorization=""))[0] == 200
    assert (await place.post(CONFIRM, confirmation(place, "c-1"), authorization=""))[0] == 200
    assert await asking == "code-1"
    ((action, envelope),) = place.gateway.told
    jsonschema.Draft4Validator(OPERATIONS["/registry/subscribe"]["request"]).validate(envelope)
    assert (action, envelope["header"]["receiver_id"]) == ("subscribe", "LK.GOV.WBB.SRIS")
    assert envelope["header"]["sender_uri"] == place.ess.settings.own_callback
    assert await place.ess.subscribe() == "code-1"
    assert len(place.gateway.told) == 1


async def test_an_own_subscription_that_is_over_is_no_longer_held(place: Place) -> None:
    asking = asyncio.create_task(place.ess.subscribe())
    await asyncio.sleep(0.05)
    assert (await place.post(CONFIRM, confirmation(place, "c-1"), authorization=""))[0] == 200
    assert await asking == place.ess.book.own_code(BOTH[0]) == "code-1"
    ids = {"transaction_id": "t-2", "correlation_id": "c-2", "timestamp": stamp(), "status": "succ"}
    over = ids | {"subscription_status": [{"code": "code-1", "status": "unsubscribe"}]}
    told = place.gateway.envelope("on-unsubscribe", ESS, over)
    jsonschema.Draft4Validator(OPERATIONS[ENDED]["request"]).validate(told)
    forged = told | {"signature": "a..b"}
    assert code((await place.post(ENDED, forged, authorization=""))[1]) == "err.signature.invalid"
    assert place.ess.book.own_code(BOTH[0]) == "code-1"
    assert (await place.post(ENDED, told, authorization=""))[0] == 200
    assert place.ess.book.own_code(BOTH[0]) == ""


async def test_confirmation_needs_no_token_but_the_gateways_signature(place: Place) -> None:
    forged = confirmation(place, "c-1") | {"signature": "a..b"}
    assert code((await place.post(CONFIRM, forged, authorization=""))[1]) == "err.signature.invalid"


async def test_finding_is_passed_on_to_the_registry_once(place: Place) -> None:
    await place.refer(verify=["tax"])
    checks = [{"source": "tax", "finding": "confirmed_no_work"}]
    record = {"checks": checks, "found_on": "2026-11-14", "officer_role": "employment counsellor"}
    for _ in range(2):
        notice = place.gateway.notice(ESS, "Finding", carried(NIC, "SR000000101", record), "item-9")
        assert (await place.post(NOTIFY, notice))[0] == 200
    await place.ess.told(seconds=5)
    (delivered,) = place.gateway.deliveries.values()
    assert delivered["service"] == "LK.GOV.WBB.SRIS/finding"
    assert delivered["record"] == {"member_id": "SR000000101", **record}
    assert delivered["subject"] == {"identifiers": [{"type": "NIC", "value": NIC}]}


async def test_a_finding_that_corrects_another_one_is_passed_on_too_and_is_the_last_word(place: Place) -> None:
    await place.refer(verify=["tax"])
    for item, found in (("item-1", "working"), ("item-2", "confirmed_no_work")):
        checks = [{"source": "tax", "finding": found}]
        record = {"checks": checks, "found_on": "2026-11-14", "officer_role": "employment counsellor"}
        notice = place.gateway.notice(ESS, "Finding", carried(NIC, "SR000000101", record), item)
        assert (await place.post(NOTIFY, notice))[0] == 200
        await place.ess.told(seconds=5)
    told = [each["record"]["checks"][0]["finding"] for each in place.gateway.deliveries.values()]
    assert told == ["working", "confirmed_no_work"]
    assert place.ess.book.notes("finding")["SR000000101"]["checks"][0]["finding"] == "confirmed_no_work"


async def test_death_ends_an_enrolment(place: Place) -> None:
    await place.refer()
    update = carried(NIC, "SR000000101", {"event": "died", "date": "2026-11-01"})
    assert (await place.post(NOTIFY, place.gateway.notice(ESS, "ProgrammeUpdate", update)))[0] == 200
    _, answer = await place.post(CHECK, asked(place, NIC))
    assert answer["message"]["enrolled_response"][0]["enrolled_status"] == "Deceased"


async def test_people_are_handed_to_their_office_once_and_rejected_ones_to_none(place: Place) -> None:
    await place.refer()
    await place.refer(nic=ACTIVE, member_id="SR000000202")
    for _ in range(2):
        await place.ess.refer(seconds=5)
    (delivered,) = place.gateway.deliveries.values()
    assert delivered["service"] == "LK.GOV.DME.OFFICE-LK-11/referral"
    fault = schemas.first_fault(schemas.validator("canonical/referral.v1.json"), delivered["record"])
    assert fault is None
    assert place.gateway.attempts == ["referral:SR000000101"]


async def test_what_a_busy_gateway_did_not_take_is_told_after_a_restart_once(street: Street) -> None:
    street.gateway.busy = 1000
    async with running(street) as place:
        await place.refer()
        await asyncio.sleep(0.1)
        assert street.gateway.events() == []
    street.gateway.busy = 0
    async with running(street, subscribed=False) as place:
        assert [event["state"] for event in await place.events(1)] == ["accepted"]
        assert (await place.refer())[0] == 200
        await place.ess.told(seconds=5)
        assert len(street.gateway.events()) == 1
        assert len(place.ess.book.members()) == 1


async def test_faults_on_demand(place: Place) -> None:
    place.faults.set("refuse")
    assert code((await place.refer())[1]) == "err.request.forbidden"
    place.faults.set("wrong_schema")
    with pytest.raises(jsonschema.ValidationError):
        fits((await place.refer())[1], NOTIFY)
