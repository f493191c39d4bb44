from collections.abc import Awaitable, Callable
from typing import Any

import pytest

import schemas
from adapters.kit.contract import (
    AgencyAnswerMalformed,
    AgencyCannotTell,
    AgencyRefused,
    AgencyRejectedMessage,
    AgencyUnavailable,
)
from adapters.kit.dci_wire import BodySigned
from adapters.kit.egress import Limits
from adapters.kit.transports.dci import DciClient, Partner, token_client

Agency = Callable[[object], Awaitable[object]]
PERSON = {"birth_date": "1985-12-05"}
SEARCH = {"reg_type": "r", "query_type": "idtype-value", "query": {"type": "NID", "value": "1"}}


def search_reply(request: Any, items: list[dict[str, Any]] | None = None, **header: object) -> dict[str, Any]:
    """A reply to a search: by default one record for each item."""
    sent = request.json()
    asked = sent["message"]["search_request"]
    found = items if items is not None else [{"status": "succ", "data": {"reg_records": [PERSON]}} for _ in asked]
    return {
        "header": {
            "message_id": "1",
            "message_ts": "2026-10-31T10:00:00Z",
            "action": "on-search",
            "status": "succ",
            **header,
        },
        "message": {
            "transaction_id": sent["message"]["transaction_id"],
            "correlation_id": "c-1",
            "search_response": [
                {"reference_id": each["reference_id"], "timestamp": "2026-10-31T10:00:00Z", **item}
                for each, item in zip(asked, found, strict=False)
            ],
        },
    }


def client(server: object, **partner: object) -> DciClient:
    http = server.dialler().http(server.url, Limits(timeout_s=20.0, attempts=1))
    return DciClient(http, Partner(**{"sender_id": "us", "schema": "dci/crvs.json", **partner}))


async def test_a_search_is_a_valid_envelope_and_answers_keep_their_places(agency: Agency, reply: type) -> None:
    server = await agency(lambda request: reply(body=search_reply(request)))
    found = await client(server, receiver_id="them", wire=BodySigned(lambda _: "signature")).search([SEARCH, SEARCH])
    (request,) = server.requests
    envelope = request.json()
    assert schemas.validator("dci/crvs.json#/operations/~1registry~1sync~1search/request").is_valid(envelope)
    assert request.path == "/registry/sync/search"
    assert (envelope["signature"], envelope["header"]["receiver_id"]) == ("signature", "them")
    assert envelope["header"]["total_count"] == 2
    assert [each.records for each in found] == [(PERSON,), (PERSON,)]


async def test_an_item_that_is_left_out_found_nobody(agency: Agency, reply: type) -> None:
    server = await agency(lambda request: reply(body=search_reply(request, items=[])))
    assert [each.records for each in await client(server).search([SEARCH])] == [()]


async def test_the_number_of_all_records_is_told_beside_the_page(agency: Agency, reply: type) -> None:
    item = {
        "status": "succ",
        "data": {"reg_records": [PERSON]},
        "pagination": {"page_size": 1, "page_number": 1, "total_count": 7},
    }
    server = await agency(lambda request: reply(body=search_reply(request, items=[item])))
    assert (await client(server).search([SEARCH]))[0].total == 7


@pytest.mark.parametrize(
    ("item", "error"),
    [
        ({"status": "rjct", "status_reason_code": "rjct.search.too_many_records_found"}, AgencyCannotTell),
        ({"status": "rjct", "status_reason_code": "rjct.search_criteria.invalid"}, AgencyRejectedMessage),
        ({"status": "rjct"}, AgencyRejectedMessage),
        ({"status": "pdng"}, AgencyUnavailable),
    ],
)
async def test_a_rejected_or_unfinished_item_is_an_error(
    agency: Agency, reply: type, item: dict[str, Any], error: type[Exception]
) -> None:
    server = await agency(lambda request: reply(body=search_reply(request, items=[item])))
    with pytest.raises(error):
        await client(server).search([SEARCH])


def numbered(*numbers: str, kind: str = "NID") -> dict[str, Any]:
    held = [{"identifier_type": kind, "identifier_value": each} for each in numbers]
    return {"status": "succ", "data": {"reg_records": [PERSON | {"identifier": held}]}}


@pytest.mark.parametrize(
    ("item", "ours"),
    [
        (numbered("853400123V"), True),
        (numbered("198534000123"), True),
        (numbered("199012304567", "198534000123"), True),
        (numbered("199012304567", kind="BRN"), True),
        (numbered("199012304567"), False),
    ],
    ids=["asked by", "in its new form", "one of several", "of another kind", "another one"],
)
async def test_a_record_with_another_number_than_was_asked_by_is_never_taken_for_the_person_s(
    agency: Agency, reply: type, item: dict[str, Any], ours: bool
) -> None:
    server = await agency(lambda request: reply(body=search_reply(request, [item])))
    asked = SEARCH | {"query": {"type": "NID", "value": "853400123V"}}
    if ours:
        assert len((await client(server).search([asked]))[0].records) == 1
        return
    with pytest.raises(AgencyAnswerMalformed) as raised:
        await client(server).search([asked])
    assert raised.value.code == "person"
    assert "199012304567" not in str(raised.value)


async def test_an_answer_to_another_question_is_malformed(agency: Agency, reply: type) -> None:
    def other_transaction(request: Any) -> object:
        body = search_reply(request)
        body["message"]["transaction_id"] = "another"
        return reply(body=body)

    def other_reference(request: Any) -> object:
        body = search_reply(request)
        body["message"]["search_response"][0]["reference_id"] = "another"
        return reply(body=body)

    def the_same_twice(request: Any) -> object:
        body = search_reply(request)
        body["message"]["search_response"] *= 2
        return reply(body=body)

    for handler in (other_transaction, other_reference, the_same_twice):
        server = await agency(handler)
        with pytest.raises(AgencyAnswerMalformed):
            await client(server).search([SEARCH])


@pytest.mark.parametrize(
    ("status", "body", "error", "code"),
    [
        (
            401,
            {"errors": [{"code": "err.request.unauthorized", "message": "no"}]},
            AgencyRefused,
            "err.request.unauthorized",
        ),
        (403, {"errors": []}, AgencyRefused, "403"),
        (
            400,
            {"message": {"ack_status": "ERR", "error": {"code": "err.signature.invalid"}}},
            AgencyRefused,
            "err.signature.invalid",
        ),
        (400, {"errors": [{"code": "err.request.bad"}]}, AgencyRejectedMessage, "err.request.bad"),
        (400, b"<html>", AgencyRejectedMessage, "400"),
        (503, {"errors": [{"code": "err.service.unavailable"}]}, AgencyUnavailable, "503"),
        (200, {"header": {"status": "succ"}}, AgencyAnswerMalformed, ""),
    ],
)
async def test_http_errors_are_translated_by_code(
    agency: Agency, reply: type, status: int, body: object, error: type[Exception], code: str
) -> None:
    server = await agency(lambda _: reply(status, body))
    with pytest.raises(error) as caught:
        await client(server).search([SEARCH])
    assert caught.value.code == code


def ack(status: str, **more: object) -> dict[str, object]:
    return {"message": {"ack_status": status, "timestamp": "2026-10-31T10:00:00Z", "correlation_id": "c-9", **more}}


@pytest.mark.parametrize("status", ["ACK", "NACK"])
async def test_a_notify_is_taken_with_either_acknowledgement(agency: Agency, reply: type, status: str) -> None:
    server = await agency(lambda _: reply(body=ack(status)))
    message = {
        "transaction_id": "t",
        "notify_event": [
            {
                "reference_id": "r",
                "timestamp": "2026-10-31T10:00:00Z",
                "data": {"reg_record_type": "x", "reg_records": {}, "reg_event_type": "enrolment"},
            }
        ],
    }
    taken = await client(server, schema="dci/ess.json").notify(message, message_id="m-1")
    envelope = server.requests[0].json()
    assert schemas.validator("dci/ess.json#/operations/~1registry~1notify/request").is_valid(envelope)
    assert (taken.status, taken.correlation_id, envelope["header"]["message_id"]) == (status, "c-9", "m-1")


@pytest.mark.parametrize(
    ("body", "error"),
    [
        (ack("ERR", error={"code": "err.signature.missing"}), AgencyRefused),
        (ack("ERR", error={"code": "err.request.bad"}), AgencyRejectedMessage),
        (ack("ERR", error={"code": "err.service.unavailable"}), AgencyUnavailable),
        (ack("ERR"), AgencyRejectedMessage),
        (ack("OK"), AgencyAnswerMalformed),
        ({}, AgencyAnswerMalformed),
        ([], AgencyAnswerMalformed),
    ],
)
async def test_a_notify_that_was_not_taken_is_an_error(
    agency: Agency, reply: type, body: object, error: type[Exception]
) -> None:
    server = await agency(lambda _: reply(body=body))
    with pytest.raises(error):
        await client(server).notify({"transaction_id": "t", "notify_event": []}, message_id="m-1")


async def test_the_token_endpoint_gets_its_timestamp_and_the_token_is_used(agency: Agency, reply: type) -> None:
    def handler(request: Any) -> object:
        if request.path == "/oauth2/client/token":
            return reply(body={"access_token": "T", "expires_in": "300"})
        return reply(body=search_reply(request))

    server = await agency(handler)
    http = server.dialler().http(server.url, Limits(attempts=1))
    partner = Partner(sender_id="us", schema="dci/crvs.json")
    await DciClient(http, partner, token_client(http, "id", "secret")).search([SEARCH])
    token, search = server.requests
    assert token.headers["timestamp"].endswith("GMT")
    assert search.headers["authorization"] == "Bearer T"
