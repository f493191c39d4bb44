"""What a probe overheard: the line and the body, as they were, without secrets, bounded."""

import json
from datetime import date

from adapters.kit.contract import AgencyRefused, RawAnswer
from adapters.kit.egress import Call
from adapters.kit.http_wire import HttpAnswer
from gateway.registration.overheard import MOST, overheard

REQUEST = (
    b"POST /v1/members?key=s3cr3t-key HTTP/1.1\r\nhost: x\r\nauthorization: Bearer t0ken\r\n\r\n"
    b'{"nic": "1", "pin": "s3cr3t-key"}'
)
RAW = RawAnswer({"ok": True}, date(2026, 10, 31))


def call(body: bytes, status: int = 200) -> Call:
    return Call(REQUEST, HttpAnswer(status, {}, body))


def test_request_answer_and_record_stand_side_by_side() -> None:
    found = overheard("levy.members", call(b'{"a":1}'), RAW, {"confirmed": True}, ())
    line, _, body = found.request.partition("\n")
    assert (line, json.loads(body)) == ("POST /v1/members?key=s3cr3t-key", {"nic": "1", "pin": "s3cr3t-key"})
    assert found.answer == 'HTTP 200\n{\n  "a": 1\n}'
    assert (found.result, json.loads(found.told)) == ("record", {"confirmed": True})


def test_what_we_sign_in_with_is_never_shown_also_not_when_it_is_said_back() -> None:
    found = overheard(
        "levy.members", call(b"no key s3cr3t-key here", 401), None, AgencyRefused("refused"), {"s3cr3t-key"}
    )
    assert "s3cr3t-key" not in json.dumps(found.document())
    assert "t0ken" not in json.dumps(found.document())
    assert found.answer == "HTTP 401\nno key *** here"
    assert (found.result, found.told) == ("error", "refused")


def test_a_secret_is_hidden_however_it_is_escaped() -> None:
    secret = 'a&b "c" é'
    said = 'GET /x?key=a%26b%20%22c%22%20%C3%A9 HTTP/1.1\r\n\r\n<k>a&amp;b "c" é</k>'
    again = json.dumps({"key": secret})
    heard = Call(said.encode(), HttpAnswer(200, {}, again.encode()))
    found = overheard("levy.members", heard, None, AgencyRefused("refused"), {secret, "a"})
    assert (found.request, json.loads(found.answer.partition("\n")[2])) == (
        "GET /x?key=***\n<k>***</k>",
        {"key": "***"},
    )


def test_the_line_is_shown_below_the_base_address_which_is_sealed() -> None:
    found = overheard("levy.members", call(b""), RAW, {}, (), "/v1")
    assert found.request.startswith("POST /members?key=")


def test_an_agency_that_answers_later_has_no_record_yet_and_one_without_http_no_request() -> None:
    assert overheard("levy.members", call(b""), None, None, ()).document() | {"request": ""} == {
        "service": "levy.members",
        "request": "",
        "answer": "HTTP 200",
        "result": "later",
        "told": "",
    }
    over_files = overheard("levy.members", None, RAW, {}, ())
    assert (over_files.request, json.loads(over_files.answer), over_files.told) == ("", {"ok": True}, "{}")


def test_what_is_long_or_no_text_is_bounded() -> None:
    found = overheard("levy.members", call(b"\xff" * 100_000), RAW, {"x": "y" * 100_000}, ())
    assert {len(found.answer), len(found.told)} == {MOST + 1}
