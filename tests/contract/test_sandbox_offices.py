"""The local offices: whom they take, how they alert people and whom they stop alerting, what counsellors find."""

import asyncio
import json
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import httpx
import pytest
from starlette.applications import Starlette
from starlette.routing import Mount

import schemas
from sandbox.agencies import offices as agency
from sandbox.faults import Faults
from sandbox.gateway_client import Clients, GatewayUnreachable
from sandbox.gateway_keys import GatewayKeys
from sandbox.person import World
from tests.played_gateway import HANDED, Message, PlayedGateway
from tests.small_gateway import served

OFFICE, OTHER = "LK-11", "LK-12"
ID = f"LK.GOV.DME.OFFICE-{OFFICE}"
NIC = "199012304567"
RECORD_TYPE = "sandhi:referral:v1"
TEMPLATES = {"sin": "HX1", "tam": "HX2", "eng": "HX3"}
PATH = f"/{OFFICE}/registry/notify"


def referral(member_id: str = "SR000000101", district: str = OFFICE, **changes: Any) -> Message:
    person = {"sex": "female", "birth_date": "1990-05-02", "phone": "+94791234567", "language": "tam"}
    names = [{"language": "tam", "script": "Taml", "value": "கமலா"}]
    return {
        "member_id": member_id,
        "person": {"names": names, **person},
        "location": {"gn_division": f"{district}03005", "ds_division": f"{district}03", "district": district},
        "readiness": "needs_training",
        "verify": [],
        "evidence": [],
        "channel": "sms",
        "identifiers": [{"identifier_type": "NIC", "identifier_value": NIC}],
    } | changes


@dataclass
class Place:
    gateway: PlayedGateway
    book: agency.Book
    alerts: agency.Alerts
    url: str
    http: httpx.AsyncClient

    async def post(self, body: object, path: str = PATH) -> tuple[int, Message]:
        content = body if isinstance(body, bytes) else json.dumps(body, ensure_ascii=False).encode()
        headers = {"content-type": "application/json"}
        answer = await self.http.post(self.url + path, content=content, headers=headers)
        return answer.status_code, answer.json()

    async def refer(self, record: Message, **header: object) -> tuple[int, Message]:
        return await self.post(self.gateway.notice(ID, RECORD_TYPE, record, **header))

    async def alert(self, seconds: float = 5) -> None:
        await self.alerts.send(seconds=seconds)

    def sent(self) -> list[str]:
        """Channels of the alerts that came, in their order."""
        return [record["channel"] for record in self.gateway.records("messaging.alert")]

    def contact(self, member_id: str = "SR000000101") -> tuple[str, str]:
        client = self.book.find(OFFICE, member_id)
        assert client is not None
        return client.contact, client.why


@pytest.fixture
async def place(tmp_path: Path) -> AsyncIterator[Place]:
    gateway = PlayedGateway()
    app = Starlette(routes=[Mount("/gateway", app=gateway.app)])
    async with served(app) as url, httpx.AsyncClient(trust_env=False, verify=False) as http:
        gateway.credentials(tmp_path / "clients", f"{url}/gateway", f"office-{OFFICE}", f"LK/GOV/DME/OFFICE-{OFFICE}")
        settings = agency.make_settings("http://offices.test", tmp_path / "offices", templates=TEMPLATES)
        book, clients = agency.Book(settings.store), Clients(tmp_path / "clients", patience_s=2)
        offices = agency.build(book, settings, GatewayKeys(f"{url}/gateway"), Faults())
        app.router.routes.append(Mount("/offices", app=offices))
        yield Place(gateway, book, agency.Alerts(book, settings, clients), f"{url}/offices", http)
        await clients.close()
        book.close()


def code(answer: Message) -> str:
    assert answer["message"]["ack_status"] == "ERR"
    return str(answer["errors"][0]["code"])


async def test_referral_of_its_own_district_is_taken(place: Place) -> None:
    status, answer = await place.refer(referral())
    assert (status, answer["message"]["ack_status"]) == (200, "ACK")
    (client,) = place.book.people()
    assert (client.office, client.member_id, client.nic) == (OFFICE, "SR000000101", NIC)
    assert "identifiers" not in client.record


async def test_person_of_another_district_is_refused_and_counted(place: Place) -> None:
    status, answer = await place.refer(referral(district=OTHER))
    assert (status, code(answer)) == (403, "err.request.forbidden")
    assert place.book.people() == []
    assert place.book.counts_sent_away() == {OFFICE: 1}


async def test_repeated_message_gets_the_same_acknowledgement_and_nobody_is_doubled(place: Place) -> None:
    notices = [place.gateway.notice(ID, RECORD_TYPE, referral(), "i-1", message_id="m-1") for _ in range(2)]
    first, second = [await place.post(notice) for notice in notices]
    assert first[1]["message"]["correlation_id"] == second[1]["message"]["correlation_id"]
    other = place.gateway.notice(ID, RECORD_TYPE, referral("SR000000202"), "i-1", message_id="m-1")
    status, answer = await place.post(other)
    assert (status, code(answer)) == (400, "err.request.bad")
    assert len(place.book.people()) == 1


async def test_message_is_refused_and_nothing_is_stored(place: Place) -> None:
    good = place.gateway.notice(ID, RECORD_TYPE, referral())
    altered = json.loads(json.dumps(good))
    altered["message"]["notify_event"][0]["data"]["reg_records"]["readiness"] = "labour_ready"
    messages: dict[str, tuple[object, int, str]] = {
        "altered": (altered, 401, "err.signature.invalid"),
        "another key": (PlayedGateway().notice(ID, RECORD_TYPE, referral()), 401, "err.signature.invalid"),
        "unsigned": ({**good, "signature": ""}, 401, "err.signature.missing"),
        "not JSON": (b"{", 400, "err.request.bad"),
        "another record type": (place.gateway.notice(ID, "Member", referral()), 400, "err.request.bad"),
        "not a referral": (place.gateway.notice(ID, RECORD_TYPE, referral(readiness="x")), 400, "err.request.bad"),
        "no number": (place.gateway.notice(ID, RECORD_TYPE, referral(identifiers=[])), 400, "err.request.bad"),
    }
    for change, status, error in (
        ({"sender_id": "LK.GOV.DME.ESS"}, 401, "err.sender_id.invalid"),
        ({"receiver_id": f"LK.GOV.DME.OFFICE-{OTHER}"}, 400, "err.receiver_id.invalid"),
        ({"total_count": 2}, 400, "err.request.bad"),
    ):
        messages[str(change)] = (place.gateway.notice(ID, RECORD_TYPE, referral(), **change), status, error)
    answers = {case: await place.post(message) for case, (message, _, _) in messages.items()}
    assert {case: (status, code(answer)) for case, (status, answer) in answers.items()} == {
        case: (status, error) for case, (_, status, error) in messages.items()
    }
    assert place.book.people() == []
    assert (await place.post(good, "/LK-99/registry/notify"))[0] == 404


async def test_alert_goes_out_once_in_the_persons_language_on_the_preferred_channel(place: Place) -> None:
    await place.refer(referral(channel="whatsapp"))
    place.gateway.judge = lambda _: HANDED | {"receiver_state": "delivered"}
    await place.alert()
    await place.alert()
    (alert,) = place.gateway.records("messaging.alert")
    assert schemas.first_fault(schemas.validator("canonical/alert.v1.json"), alert) is None
    assert (alert["channel"], alert["language"], alert["to"]) == ("whatsapp", "tam", "+94791234567")
    assert alert["template"] == {"sid": "HX2", "variables": {"1": "கொழும்பு", "2": "தொழிற்பயிற்சி வகுப்பு"}}
    (delivery,) = place.gateway.deliveries.values()
    assert delivery["purpose"] == "employment-support.outreach"
    assert place.contact() == ("reached", "")


async def test_channels_follow_each_other_until_one_arrives(place: Place) -> None:
    await place.refer(referral(channel="voice"))
    ends = {"voice": "no-answer", "sms": "undelivered", "whatsapp": "read"}
    place.gateway.judge = lambda body: HANDED | {"receiver_state": ends[body["record"]["channel"]]}
    await place.alert()
    assert place.sent() == ["voice", "sms", "whatsapp"]
    assert place.contact() == ("reached", "")
    counts = place.alerts.counts()
    assert [(counts[each]["sent"], counts[each]["delivered"], counts[each]["failed"]) for each in place.sent()] == [
        (1, 0, 1),
        (1, 0, 1),
        (1, 1, 0),
    ]


async def test_person_whom_no_channel_reaches_is_on_the_visit_list(place: Place) -> None:
    await place.refer(referral())
    without_phone = referral("SR000000202")
    del without_phone["person"]["phone"]
    await place.refer(without_phone)
    place.gateway.judge = lambda _: HANDED | {"receiver_state": "failed"}
    await place.alert()
    assert sorted(place.sent()) == ["sms", "voice", "whatsapp"]
    assert place.contact() == ("visit", "not_delivered")
    assert place.contact("SR000000202") == ("visit", "no_phone")


@pytest.mark.parametrize(
    ("judged", "contact", "counted"),
    [
        ({"state": "refused", "outcome": "refused_by_source", "receiver_state": ""}, "opted_out", "refused"),
        ((403, "refused_by_rules"), "no_basis", "refused"),
        ({"state": "unknown", "outcome": "unknown", "receiver_state": ""}, "unknown", "unknown"),
    ],
)
async def test_nothing_more_is_sent_after_an_opt_out_without_consent_or_when_it_may_have_arrived(
    place: Place, judged: Mapping[str, str] | tuple[int, str], contact: str, counted: str
) -> None:
    await place.refer(referral())
    place.gateway.judge = lambda _: judged
    await place.alert()
    await place.alert()
    assert place.gateway.attempts == ["alert:SR000000101:sms"]
    assert place.contact() == (contact, "")
    assert place.alerts.counts()["sms"][counted] == 1


async def test_without_a_messaging_provider_everybody_is_visited(place: Place) -> None:
    await place.refer(referral())
    place.gateway.judge = lambda _: {"state": "failed", "outcome": "no_link", "receiver_state": ""}
    await place.alert()
    assert place.contact() == ("visit", "not_delivered")


async def test_alert_with_no_last_word_counts_as_sent_and_a_late_word_is_not_waited_for_for_ever(place: Place) -> None:
    await place.refer(referral())
    place.gateway.judge = lambda _: HANDED | {"receiver_state": "sent"}
    await place.alert(seconds=0)
    assert place.contact() == ("reached", "")
    assert place.alerts.counts()["sms"] == {"sent": 1, "delivered": 0, "failed": 0, "unknown": 0, "refused": 0}


async def test_alert_whose_answer_was_lost_is_handed_in_again_under_its_key(place: Place) -> None:
    await place.refer(referral())
    place.gateway.judge = lambda _: HANDED | {"receiver_state": "delivered"}
    place.gateway.cut = 1
    await place.alert()
    assert place.gateway.attempts == ["alert:SR000000101:sms"] * 2
    assert place.sent() == ["sms"]
    assert place.contact() == ("reached", "")


async def test_alerts_go_on_where_an_unreachable_gateway_stopped_them(place: Place) -> None:
    await place.refer(referral())
    place.gateway.busy = 1000
    with pytest.raises(GatewayUnreachable):
        await place.alert()
    assert place.contact() == ("", "")
    place.gateway.busy = 0
    place.gateway.judge = lambda _: HANDED | {"receiver_state": "delivered"}
    await place.alert()
    assert place.sent() == ["sms"]


def counsellors(place: Place, **real: bool) -> agency.Counsellors:
    world = World(**({"working": False} | real))
    return agency.Counsellors(place.book, place.alerts.post, lambda _: world, date(2026, 10, 31))


async def test_only_lines_to_verify_wait_for_a_counsellor_and_each_finding_is_reported_once(place: Place) -> None:
    await place.refer(referral(verify=["tax", "pension"]))
    await place.refer(referral("SR000000202"))
    counselling = counsellors(place, working=True)
    assert [client.member_id for client in counselling.queue()] == ["SR000000101"]
    for _ in range(2):
        await counselling.counsel(seconds=5)
    (finding,) = place.gateway.records("ess.finding")
    assert schemas.first_fault(schemas.validator("canonical/finding.v1.json"), finding) is None
    assert finding["checks"] == [{"source": each, "finding": "working"} for each in ("tax", "pension")]
    assert counselling.queue() == []
    assert place.gateway.attempts == ["finding:SR000000101"]


async def test_what_a_counsellor_finds_follows_from_what_is_so(place: Place) -> None:
    await place.refer(referral(verify=["tax"]))
    (client,) = place.book.people()
    assert counsellors(place).found(client) == "confirmed_no_work"
    assert counsellors(place, working=True).found(client) == "working"
    assert counsellors(place, alive=False).found(client) == "not_found"


async def test_many_people_are_alerted_side_by_side(place: Place) -> None:
    for number in range(40):
        await place.refer(referral(f"SR{number:09d}"))
    place.gateway.judge = lambda _: HANDED | {"receiver_state": "delivered"}
    async with asyncio.timeout(5):
        await place.alert()
    assert len(place.sent()) == 40
