"""A programme's system as its partner meets it: what it decides and tells, and what it refuses, in raw messages."""

import json
from collections.abc import AsyncIterator, Callable
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from gateway.trust import signatures
from gateway.trust.jwks import public_key
from sandbox.agencies.programmes import recruited
from tests.played_gateway import Message, PlayedGateway, stamp
from tests.programme_place import (
    NIC,
    NOTIFY,
    OPERATIONS,
    SEARCH,
    SUBSCRIBE,
    Place,
    a_programme,
    candidate,
    number,
)

VITAL = "/registry/vital-events"


@pytest.fixture
async def samurdhi(tmp_path: Path) -> AsyncIterator[Place]:
    """With two places in a division."""
    async with a_programme(tmp_path, "samurdhi", places=2) as found:
        yield found


async def handed(place: Place, *ranks: int, **changes: object) -> None:
    for rank in ranks:
        await place.push("candidate", candidate(place.mis.programme.id, rank, **changes), number(rank))


def states(place: Place) -> dict[str, str]:
    everybody = place.mis.book.people("active", "waiting", "refused", "unverified", "deceased", "suspended", "exited")
    return {each.member_id[-2:]: each.state for each in everybody}


def brief(told: list[Message]) -> set[tuple[str, str, str]]:
    """Letters leave side by side: which of two arrives first is not promised, what they say is."""
    return {(each.get("event", each["told"]), each.get("member_id", "")[-2:], each.get("vacancy", "")) for each in told}


async def died(place: Place, nic: str, event: str = "death") -> tuple[int, Message]:
    record = {
        "event": event,
        "date": "2026-10-30",
        "identifiers": [{"identifier_type": "NIC", "identifier_value": nic}],
    }
    notice = place.gateway.notice(place.own_id, "sandhi:vital-event:v1", record)
    return await place.post(VITAL, notice, authorization="")


async def test_places_go_by_the_list_and_a_death_gives_one_to_the_next_in_rank(samurdhi: Place) -> None:
    await handed(samurdhi, 1, 2, 4, 3)
    assert states(samurdhi) == {"01": "active", "02": "active", "03": "waiting", "04": "waiting"}
    assert (await died(samurdhi, number(1)))[0] == 200
    vacancy = "V-samurdhi-SR000000101"
    assert brief(await samurdhi.told(4)) >= {("deceased", "01", vacancy), ("enrolled", "03", vacancy)}
    assert states(samurdhi) == {"01": "deceased", "02": "active", "03": "active", "04": "waiting"}


async def test_most_deaths_are_of_nobody_here_and_a_birth_ends_nothing(samurdhi: Place) -> None:
    await handed(samurdhi, 1)
    assert [(await died(samurdhi, nic, event))[0] for nic, event in (("200012304567", "death"), (number(1), "birth"))]
    assert states(samurdhi) == {"01": "active"}


async def test_a_death_on_the_waiting_list_frees_no_place(samurdhi: Place) -> None:
    await handed(samurdhi, 1, 2, 3)
    for _ in range(2):
        await died(samurdhi, number(3))
    assert states(samurdhi)["03"] == "deceased"
    assert samurdhi.mis.book.vacancies() == []


async def test_a_vacancy_that_nobody_waits_for_is_told_and_filled_by_the_replacement(samurdhi: Place) -> None:
    await handed(samurdhi, 1, 2)
    samurdhi.mis.leave("SR000000102", "moved_away")
    told = await samurdhi.told(4)
    vacancy = "V-samurdhi-SR000000102"
    assert brief(told) >= {("exited", "02", vacancy), ("vacancy", "", vacancy)}
    (free,) = (each for each in told if each["told"] == "vacancy")
    assert {name: free[name] for name in ("ds_division", "reason", "opened_on")} == {
        "ds_division": "LK-1103",
        "reason": "moved_away",
        "opened_on": "2026-10-31",
    }
    await handed(samurdhi, 7, vacancy=vacancy)
    assert ("enrolled", "07", vacancy) in brief(await samurdhi.told(5))
    assert [each.filled_by for each in samurdhi.mis.book.vacancies()] == ["SR000000107"]


async def test_divisions_do_not_share_places(samurdhi: Place) -> None:
    await handed(samurdhi, 1, 2)
    await handed(samurdhi, 3, ds_division="LK-1106", gn_division="LK-1106005")
    assert set(states(samurdhi).values()) == {"active"}


async def test_who_left_to_better_things_is_graduated_and_who_left_otherwise_is_not(samurdhi: Place) -> None:
    await handed(samurdhi, 1, 2)
    samurdhi.mis.graduate("SR000000101")
    samurdhi.mis.leave("SR000000102", "not_claimed")
    await samurdhi.told(6)
    statuses = {
        record["additional_attributes"][0]: record.get("enrollment_status")
        for envelope in samurdhi.envelopes()
        for item in envelope["message"]["notify_event"]
        if (record := item["data"]["reg_records"]) and item["data"]["reg_record_type"] == "Beneficiary"
    }
    assert statuses == {"event=enrolled": "1", "event=graduated": "3", "event=exited": None}


async def test_a_grievance_is_told_with_its_number_and_is_no_change_of_status(samurdhi: Place) -> None:
    await handed(samurdhi, 1)
    case = samurdhi.mis.complain("SR000000101", "payment")
    (told,) = (each for each in await samurdhi.told(2) if each["event"] == "grievance")
    assert (told["event"], told["case"], told["category"], told["state"]) == ("grievance", case, "payment", "opened")
    assert states(samurdhi) == {"01": "active"}


async def test_a_notice_carries_a_name_and_a_place_and_no_number_of_any_register(samurdhi: Place) -> None:
    await handed(samurdhi, 1, 2)
    assert samurdhi.mis.publish("LK-1103005") == 2
    assert samurdhi.mis.publish("LK-1103010") == 0
    lines = [each for each in await samurdhi.told(4) if each["told"] == "notice"]
    assert [each["reference"] for each in lines] == ["3005-0001", "3005-0002"]
    assert {name for each in lines for name in each} == {
        *("told", "subject", "programme", "notice", "gn_division", "name", "reference")
    }
    sent = json.dumps([envelope["message"] for envelope in samurdhi.envelopes()[2:]])
    assert not any(secret in sent for secret in (number(1), number(2), "1956-05-02", "HH0000001", "score"))


def confirmation(programme: str, kind: str, **more: object) -> Message:
    return {
        "member_id": "SR000000101",
        "programme": programme,
        "kind": kind,
        "seen_on": "2026-10-30",
        "officer_role": "grama niladhari",
    } | more


async def test_a_life_certificate_brings_a_suspended_allowance_back(tmp_path: Path) -> None:
    async with a_programme(tmp_path, "elders") as place:
        await handed(place, 1)
        assert place.mis.overdue(date(2026, 10, 31)) == []
        assert place.mis.overdue(date(2026, 11, 30)) == ["SR000000101"]
        assert place.mis.book.taken("LK-1103") == 1, "a suspended beneficiary keeps the place"
        await place.push("confirmation", confirmation("elders", "life_certificate"), number(1))
        assert {each["event"] for each in await place.told(3)} == {"enrolled", "suspended", "reinstated"}


async def test_a_nominee_is_kept_and_proves_no_life(tmp_path: Path) -> None:
    async with a_programme(tmp_path, "kidney") as place:
        place.gateway.record = lambda _: {"genuine": True, "category": "kidney", "valid_until": "2027-10-31"}
        await handed(place, 1, certificate="MC-2026-00000001")
        await place.told(1)
        nominee = {"names": candidate("kidney")["names"], "relationship": "daughter"}
        await place.push("confirmation", confirmation("kidney", "nominee", nominee=nominee), number(1))
        place.mis.overdue(date(2026, 11, 30))
        assert states(place) == {"01": "suspended"}
        await place.push("confirmation", confirmation("kidney", "monthly", month="2026-11"), number(1))
        assert states(place) == {"01": "active"}
        kinds = [each["kind"] for each in place.mis.book.confirmations("SR000000101")]
        assert kinds == ["nominee", "monthly"]


@pytest.mark.parametrize(
    ("released", "state"),
    [
        ({"genuine": True, "category": "disability", "valid_until": None}, "active"),
        ({"genuine": True, "category": "disability", "valid_until": "2026-10-31"}, "active"),
        ({"genuine": True, "category": "disability", "valid_until": "2026-10-30"}, "refused"),
        ({"genuine": True, "category": "kidney", "valid_until": None}, "refused"),
        ({"genuine": False}, "refused"),
        ((403, "refused_by_rules"), "unverified"),
    ],
)
async def test_only_the_health_register_s_answer_can_refuse_a_certificate(
    tmp_path: Path, released: Any, state: str
) -> None:
    asked: list[Message] = []
    async with a_programme(tmp_path, "disability") as place:
        place.gateway.record = lambda body: asked.append(body) or released
        await handed(place, 1, certificate="MC-2026-00000001")
        await place.mis.told(seconds=5)
        assert states(place) == {"01": state}
    assert [(each["service"], each["fields"]) for each in asked] == [
        ("health.certificate", ["genuine", "category", "valid_until"])
    ]


async def test_public_works_takes_on_whom_the_registry_has_out_of_work(tmp_path: Path) -> None:
    registered = {
        "status": "registered",
        "member_id": "SR000000101",
        "household_id": "HH0000001",
        "ds_division": "LK-1103",
        "gn_division": "LK-1103005",
    }
    found: dict[str, list[Message] | str] = {
        number(1): [registered | {"employment_status": "not_employed"}],
        number(2): [registered | {"employment_status": "employed"}],
        number(3): [],
        number(4): "refused_by_rules",
    }
    form = {"names": candidate("public_works")["names"], "birth_date": "1976-05-02"}
    async with a_programme(tmp_path, "public_works") as place:
        place.gateway.search = lambda criteria: found[criteria["query"]["value"]]
        client = place.mis._client
        outcomes = await recruited(place.mis, client, [(nic, form) for nic in found])
        assert list(outcomes.values()) == ["taken", "at work", "not registered", "refused_by_rules"]
        assert [each["event"] for each in await place.told(1)] == ["enrolled"]


async def test_its_messages_are_signed_with_the_key_it_publishes(samurdhi: Place) -> None:
    await handed(samurdhi, 1)
    await samurdhi.told(1)
    published = (await samurdhi.http.get(f"{samurdhi.url}/.well-known/jwks.json")).json()["keys"]
    (envelope,) = samurdhi.envelopes()
    assert signatures.verify(envelope, [public_key(published[0])]).kid == published[0]["kid"]


def code(answer: Message) -> str:
    """Both published error shapes say the same."""
    jsonschema.Draft4Validator(OPERATIONS[NOTIFY]["responses"]["default"]).validate(answer)
    assert [answer["message"]["error"]] == answer["errors"]
    return str(answer["errors"][0]["code"])


def member(record: Message, nic: str = NIC) -> Message:
    numbers = (("UIN", nic), ("SR", record["member_id"]))
    return {
        "member_identifier": [{"identifier_type": kind, "identifier_value": value} for kind, value in numbers if value],
        "additional_attributes": [{name: value} for name, value in record.items() if name != "member_id"],
    }


def with_header(**changes: object) -> Callable[[Place], Message]:
    return lambda place: place.gateway.notice(place.own_id, "Candidate", member(candidate("samurdhi")), **changes)


def with_record(record_type: str, record: object) -> Callable[[Place], Message]:
    return lambda place: place.gateway.notice(place.own_id, record_type, record)


def altered(place: Place) -> Message:
    notice = with_header()(place)
    notice["message"]["notify_event"][0]["data"]["reg_records"]["additional_attributes"].append({"score": "1"})
    return notice


UPDATE = {"member_id": "SR000000999", "event": "died", "date": "2026-10-30"}
REFUSED: dict[str, tuple[Callable[[Place], Message], int, str]] = {
    "another key": (
        lambda place: PlayedGateway().notice(place.own_id, "Candidate", member(candidate("samurdhi"))),
        401,
        "err.signature.invalid",
    ),
    "altered after signing": (altered, 401, "err.signature.invalid"),
    "unsigned": (lambda place: with_header()(place) | {"signature": ""}, 401, "err.signature.missing"),
    "unknown sender": (with_header(sender_id="LK.GOV.WBB.SR"), 401, "err.sender_id.invalid"),
    "for another programme's system": (with_header(receiver_id="LK.GOV.MSE.ELDERS"), 400, "err.receiver_id.invalid"),
    "two of one": (with_header(total_count=2), 400, "err.request.bad"),
    "an hour old": (
        with_header(message_ts=(datetime.now(UTC) - timedelta(hours=1)).isoformat()),
        400,
        "err.request.bad",
    ),
    "another version": (with_header(version="2.0.0"), 400, "err.version.not_supported"),
    "encrypted, it says": (with_header(is_msg_encrypted=True), 400, "err.encryption.invalid"),
    "a record of no known type": (with_record("Beneficiary", member(candidate("samurdhi"))), 400, "err.request.bad"),
    "a list of records": (with_record("Candidate", [member(candidate("samurdhi"))]), 400, "err.request.bad"),
    "no member id": (with_record("Candidate", member(candidate("samurdhi", member_id=""))), 400, "err.request.bad"),
    "no number at all": (with_record("Candidate", member(candidate("samurdhi"), "12")), 400, "err.request.bad"),
    "of another programme": (with_record("Candidate", member(candidate("elders"))), 400, "err.request.bad"),
    "no division": (with_record("Candidate", member(candidate("samurdhi", ds_division="?"))), 400, "err.request.bad"),
    "about nobody here": (with_record("ProgrammeUpdate", member(UPDATE)), 404, "err.request.not_found"),
    "a life certificate": (
        with_record("Confirmation", member(confirmation("samurdhi", "life_certificate"))),
        404,
        "err.request.not_found",
    ),
}


async def test_notify_is_refused_and_nothing_is_stored(samurdhi: Place) -> None:
    answers = {case: await samurdhi.post(NOTIFY, make(samurdhi)) for case, (make, _, _) in REFUSED.items()}
    assert {case: (status, code(answer)) for case, (status, answer) in answers.items()} == {
        case: (status, error) for case, (_, status, error) in REFUSED.items()
    }
    assert states(samurdhi) == {}
    assert NIC not in json.dumps([answer for _, answer in answers.values()])


@pytest.mark.parametrize(
    ("programme", "record"),
    [
        ("samurdhi", confirmation("samurdhi", "life_certificate")),
        ("elders", confirmation("elders", "monthly", month="2026-11")),
        ("elders", confirmation("elders", "life_certificate", month="2026-11")),
        ("kidney", confirmation("kidney", "monthly")),
        ("kidney", confirmation("elders", "monthly", month="2026-11")),
        ("kidney", confirmation("kidney", "nominee")),
    ],
)
async def test_a_confirmation_that_the_programme_does_not_take_is_refused(
    tmp_path: Path, programme: str, record: Message
) -> None:
    async with a_programme(tmp_path, programme) as place:
        place.gateway.record = lambda _: {"genuine": True, "category": programme, "valid_until": None}
        await handed(place, 1, certificate="MC-2026-00000001")
        await place.told(1)
        status, answer = await place.post(NOTIFY, place.gateway.notice(place.own_id, "Confirmation", member(record)))
        assert (status, code(answer)) == (400, "err.request.bad")
        assert place.mis.book.confirmations("SR000000101") == []


async def test_one_bad_item_leaves_the_whole_message_untaken(samurdhi: Place) -> None:
    await handed(samurdhi, 1)
    notices = [
        samurdhi.gateway.notice(samurdhi.own_id, "ProgrammeUpdate", member(UPDATE | {"member_id": "SR000000101"})),
        samurdhi.gateway.notice(samurdhi.own_id, "ProgrammeUpdate", member(UPDATE)),
    ]
    events = [each["message"]["notify_event"][0] for each in notices]
    message = {"transaction_id": "t-1", "notify_event": events}
    status, _ = await samurdhi.post(NOTIFY, samurdhi.gateway.envelope("notify", samurdhi.own_id, message, 2))
    assert (status, states(samurdhi)) == (404, {"01": "active"})


async def test_body_that_is_no_strict_json_is_refused(samurdhi: Place) -> None:
    bodies = {b"{": 400, b'{"header":{},"header":{}}': 400, b'{"header":NaN}': 400, b"[" * 100_000: 400}
    for body, expected in (bodies | {b'"' + b"x" * 1_100_000 + b'"': 413}).items():
        status, answer = await samurdhi.post(NOTIFY, body)
        assert (status, code(answer)) == (expected, "err.request.bad")
    status, answer = await samurdhi.post(NOTIFY, b"{}", **{"content-type": "text/plain"})
    assert (status, code(answer)) == (415, "err.request.bad")


async def test_without_a_token_of_ours_the_body_is_not_read(samurdhi: Place) -> None:
    for path in (NOTIFY, SUBSCRIBE, SEARCH):
        for authorization in ("", "Bearer x", "Basic eDp5"):
            status, answer = await samurdhi.post(path, b"not even json", authorization=authorization)
            assert (status, code(answer)) == (401, "err.request.unauthorized")
    for changes, expected in (({"client_secret": "guessed"}, 401), ({"timestamp": None}, 400)):
        assert (await samurdhi.ask_for_token(**changes)).status_code == expected


async def test_a_vital_event_needs_no_token_but_the_gateways_signature(samurdhi: Place) -> None:
    await handed(samurdhi, 1)
    forged = PlayedGateway().notice(samurdhi.own_id, "sandhi:vital-event:v1", {"event": "death", "date": "2026-10-30"})
    assert code((await samurdhi.post(VITAL, forged, authorization=""))[1]) == "err.signature.invalid"
    bad = samurdhi.gateway.notice(samurdhi.own_id, "sandhi:vital-event:v1", {"event": "wedding", "date": "2026-10-30"})
    assert code((await samurdhi.post(VITAL, bad, authorization=""))[1]) == "err.request.bad"
    assert states(samurdhi) == {"01": "active"}


def wish(place: Place, event: str = "enrollement", **header: str) -> Message:
    criteria = {"reg_event_type": event, "filter": {"type": "x"}, "notify_record_type": "Beneficiary"}
    item = {"reference_id": "r-1", "timestamp": stamp(), "subscribe_criteria": criteria}
    message = {"transaction_id": "t-1", "subscribe_request": [item]}
    return place.gateway.envelope("subscribe", place.own_id, message, 1, **header)


async def test_a_subscription_elsewhere_or_to_other_events_is_refused(samurdhi: Place) -> None:
    elsewhere = wish(samurdhi, sender_uri="http://169.254.169.254/latest")
    assert code((await samurdhi.post(SUBSCRIBE, elsewhere))[1]) == "err.sender_uri.invalid"
    assert code((await samurdhi.post(SUBSCRIBE, wish(samurdhi, "enrolment")))[1]) == "err.request.bad"


async def test_search_finds_by_number_and_refuses_other_questions_item_by_item(samurdhi: Place) -> None:
    await handed(samurdhi, 1, 2, 3)
    samurdhi.mis.leave("SR000000102", "moved_away")
    queries = [
        {"query_type": "idtype-value", "query": {"type": "UIN", "value": number(1)}},
        {"query_type": "idtype-value", "query": {"type": "SR", "value": "SR000000102"}},  # left: no status in DCI
        {"query_type": "idtype-value", "query": {"type": "PHONE", "value": "+94791234567"}},
        {"query_type": "expression", "query": {"type": "x", "value": {}}},
    ]
    items = [
        {"reference_id": str(at), "timestamp": stamp(), "search_criteria": each} for at, each in enumerate(queries)
    ]
    message = {"transaction_id": "t-1", "search_request": items}
    status, answer = await samurdhi.post(SEARCH, samurdhi.gateway.envelope("search", samurdhi.own_id, message, 4))
    assert status == 200
    jsonschema.Draft4Validator(OPERATIONS[SEARCH]["responses"]["default"]).validate(answer)
    found, left, *refused = answer["message"]["search_response"]
    assert [each["enrollment_status"] for each in found["data"]["reg_records"]] == ["1"]
    assert left["data"]["reg_records"] == []
    assert {item["status_reason_code"] for item in refused} == {"rjct.search_criteria.invalid"}


async def test_what_was_decided_outlives_a_restart(tmp_path: Path) -> None:
    async with a_programme(tmp_path, "samurdhi", places=1, subscribed=False) as place:
        await handed(place, 1, 2)
    async with a_programme(tmp_path, "samurdhi", places=1) as place:
        assert states(place) == {"01": "active", "02": "waiting"}
        assert [each["event"] for each in await place.told(1)] == ["enrolled"]
