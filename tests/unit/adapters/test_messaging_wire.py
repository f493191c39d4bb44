"""Twilio's signature, states and limits."""

from itertools import permutations

import pytest

from adapters.kit.contract import AgencyRejectedMessage
from adapters.messaging.wire import Account, SignatureInvalid, StatusEvent, callback_url, form, parse_status, signature

URL = "https://mycompany.com/myapp.php?foo=1&bar=2"
CALL = {
    "CallSid": "CA1234567890ABCDE",
    "Caller": "+12349013030",
    "Digits": "1234",
    "From": "+12349013030",
    "To": "+18005551212",
}
ACCOUNT = Account("AC1", "+1", "+2", "+3", {})


def test_the_published_vector_is_reproduced() -> None:
    assert signature(URL, CALL, "12345") == "0/KCTR6DLpKmkAf8muzZqo1nDgQ="


@pytest.mark.parametrize(
    ("url", "parameters", "token"),
    [
        (URL + "&baz=3", CALL, "12345"),
        (URL, CALL | {"Digits": "1235"}, "12345"),
        (URL, CALL | {"More": ""}, "12345"),
        (URL, CALL, "12346"),
    ],
)
def test_anything_changed_breaks_the_signature(url: str, parameters: dict[str, str], token: str) -> None:
    with pytest.raises(SignatureInvalid):
        parse_status(url, parameters, "0/KCTR6DLpKmkAf8muzZqo1nDgQ=", token)


@pytest.mark.parametrize("signed", ["", "é", "0/KCTR6DLpKmkAf8muzZqo1nDgQ"])
def test_a_missing_or_odd_signature_is_just_wrong(signed: str) -> None:
    with pytest.raises(SignatureInvalid):
        parse_status(URL, CALL, signed, "12345")


def test_a_signed_callback_without_a_state_is_refused() -> None:
    with pytest.raises(ValueError, match="needs"):
        parse_status(URL, CALL, signature(URL, CALL, "12345"), "12345")


@pytest.mark.parametrize(
    ("word", "state"),
    [
        ("queued", "pending"),
        ("sent", "sent"),
        ("read", "delivered"),
        ("no-answer", "failed"),
        ("completed", "delivered"),
    ],
)
def test_words_of_messages_and_calls_become_four_states(word: str, state: str) -> None:
    told = {"CallSid": "CA1", "CallStatus": word}
    assert parse_status("https://g/h", told, signature("https://g/h", told, "t"), "t").state == state


def test_callbacks_in_any_order_and_twice_end_in_the_same_state() -> None:
    told = [StatusEvent("SM1", state, state) for state in ("pending", "sent", "delivered", "sent")]
    for order in permutations(told):
        state = "pending"
        for event in order:
            state = event.state if event.after(state) else state
        assert state == "delivered"


def test_the_delivery_is_named_in_the_callback_url_and_read_back() -> None:
    url = callback_url("https://g/hooks/messaging?tenant=lk", "a b&c")
    told = {"MessageSid": "SM1", "MessageStatus": "sent"}
    assert url == "https://g/hooks/messaging?tenant=lk&item=a%20b%26c"
    assert parse_status(url, told, signature(url, told, "t"), "t").item == "a b&c"


@pytest.mark.parametrize(("channel", "length"), [("sms", 1601), ("voice", 4000)])
def test_a_text_too_long_for_the_channel_is_refused_before_it_is_sent(channel: str, length: int) -> None:
    with pytest.raises(AgencyRejectedMessage):
        form({"channel": channel, "to": "+1", "language": "eng", "text": "x" * length}, "i", ACCOUNT)


def test_without_a_callback_url_none_is_asked_for() -> None:
    _, fields = form({"channel": "sms", "to": "+1", "language": "eng", "text": "x"}, "i", ACCOUNT)
    assert "StatusCallback" not in fields
