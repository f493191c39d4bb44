"""The simulated messaging provider: raw forms over a socket, signed callbacks back, and what it refuses."""

import base64
import json
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.client import HTTPConnection
from itertools import count
from pathlib import Path
from urllib.parse import parse_qsl, quote, urlencode, urlsplit

import jsonschema
import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from sandbox.agencies.messaging import MessagingSettings, Store, build, make_settings
from sandbox.agencies.messaging.callbacks import signature
from sandbox.agencies.messaging.journey import EARLY, OPTED_OUT, luck
from sandbox.faults import Faults
from sandbox.loopback import serving

EXTRACT = json.loads(
    (Path(__file__).parents[2] / "schemas/agency/twilio/messages-calls.extract.json").read_text("utf-8")
)


def number(channel: str, wanted: Callable[[int], bool]) -> str:
    """A phone number whose luck is as wanted and not otherwise special."""
    to = "whatsapp:+9477{:07d}" if channel == "whatsapp" else "+9477{:07d}"
    return next(phone for each in count() if wanted(luck(channel, phone := to.format(each))))


def plain(n: int) -> bool:
    return all(n % each for each in (2, 3, 5, 7, 11, 13, 17, 19, 23, 41))


@dataclass
class Receiver:
    """What came to the callback address: (URL, parameters, signature), and how often it says 503 first."""

    came: list[tuple[str, dict[str, str], str]] = field(default_factory=list)
    failures: int = 0

    async def take(self, request: Request) -> Response:
        form = dict(parse_qsl((await request.body()).decode(), keep_blank_values=True))
        self.came.append((str(request.url), form, request.headers["x-twilio-signature"]))
        if self.failures:
            self.failures -= 1
            return Response(status_code=503)
        return Response(status_code=204)

    def about(self, answer: dict[str, object]) -> list[dict[str, str]]:
        return [form for _, form, _ in self.came if answer["sid"] in {form.get("MessageSid"), form.get("CallSid")}]

    def states(self, answer: dict[str, object], count: int) -> list[str]:
        """What was reported about one message, as soon as there are `count` reports."""
        deadline = time.monotonic() + 30  # on a busy machine, too
        while len(self.about(answer)) < count and time.monotonic() < deadline:
            time.sleep(0.01)
        return [form.get("MessageStatus") or form["CallStatus"] for form in self.about(answer)]


@dataclass
class Provider:
    url: str
    settings: MessagingSettings
    store: Store
    faults: Faults
    receiver: Receiver
    callback: str

    def send(self, resource: str, form: str | dict[str, str], **headers: str) -> tuple[int, dict[str, object]]:
        path = f"/2010-04-01/Accounts/{self.settings.account_sid}/{resource}.json"
        body = form if isinstance(form, str) else urlencode(form)
        given = {"Content-Type": "application/x-www-form-urlencoded", "Authorization": basic(self.settings)} | headers
        return http(self.url, "POST", path, body, given)

    def get(self, path: str) -> tuple[int, dict[str, object]]:
        return http(self.url, "GET", path, "", {"Authorization": basic(self.settings)})

    def sms(self, to: str, **more: str) -> dict[str, str]:
        return {"To": to, "From": self.settings.sms, "Body": "Come on Monday", "StatusCallback": self.callback} | more

    def whatsapp(self, to: str, **more: str) -> dict[str, str]:
        content = {"ContentSid": self.settings.templates["tam"], "ContentVariables": '{"1":"நாள்"}'}
        return (
            {"To": to, "From": f"whatsapp:{self.settings.whatsapp}", "StatusCallback": self.callback} | content | more
        )

    def call(self, to: str, **more: str) -> dict[str, str]:
        twiml = '<Response><Say language="ta-LK">வணக்கம்</Say></Response>'
        return {"To": to, "From": self.settings.voice, "Twiml": twiml, "StatusCallback": self.callback} | more


def basic(settings: MessagingSettings) -> str:
    return "Basic " + base64.b64encode(f"{settings.account_sid}:{settings.auth_token}".encode()).decode()


def http(url: str, method: str, path: str, body: str, headers: dict[str, str]) -> tuple[int, dict[str, object]]:
    connection = HTTPConnection(urlsplit(url).netloc, timeout=10)
    connection.request(method, path, body.encode(), headers)
    answer = connection.getresponse()
    content = answer.read()
    connection.close()
    return answer.status, json.loads(content)


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Provider]:
    receiver, folder = Receiver(), tmp_path_factory.mktemp("messaging")
    callbacks = Starlette(routes=[Route("/status", receiver.take, methods=["POST"])])
    settings, faults = make_settings("http://127.0.0.1", folder, pace=0.005), Faults()
    store = Store(folder / "messages.db")
    with serving(callbacks) as to, serving(build(store, settings, faults)) as url:
        yield Provider(url, settings, store, faults, receiver, f"{to}/status?item=d-1")
    store.close()


@pytest.fixture
def provider(running: Provider) -> Provider:
    running.faults.clear()
    running.receiver.failures = 0
    running.receiver.came = []
    return running


def test_signature_is_the_published_one() -> None:
    form = {
        "CallSid": "CA1234567890ABCDE",
        "Caller": "+12349013030",
        "Digits": "1234",
        "From": "+12349013030",
        "To": "+18005551212",
    }
    assert signature("12345", "https://mycompany.com/myapp.php?foo=1&bar=2", form) == "0/KCTR6DLpKmkAf8muzZqo1nDgQ="


def check(answer: dict[str, object], name: str) -> None:
    schema = {**EXTRACT["components"]["schemas"][f"api.v2010.account.{name}"], "components": EXTRACT["components"]}
    nullable = json.loads(json.dumps(schema).replace('"nullable": true', '"x": 1'))
    present = {key: value for key, value in answer.items() if value is not None}
    jsonschema.Draft202012Validator({**nullable, "additionalProperties": False}).validate(present)


def test_sms_goes_its_way_and_every_callback_is_signed(provider: Provider) -> None:
    to = number("sms", plain)
    status, answer = provider.send("Messages", provider.sms(to))
    assert (status, answer["status"], answer["to"]) == (201, "queued", to)
    check(answer, "message")
    assert provider.receiver.states(answer, 2) == ["sent", "delivered"]
    for url, form, signed in provider.receiver.came:
        if form["MessageSid"] != answer["sid"]:
            continue
        assert url == provider.callback
        assert signed == signature(provider.settings.auth_token, url, form)
    _, now = provider.get(str(answer["uri"]))
    check(now, "message")
    assert now["status"] == "delivered"


@pytest.mark.parametrize(
    ("channel", "wanted", "states", "code"),
    [
        ("sms", lambda n: n % 17 == 0 and plain(n // 17), ["sent", "undelivered"], "30003"),
        ("sms", lambda n: n % 23 == 0 and plain(n // 23), ["failed"], "30006"),
        ("sms", lambda n: n % 5 == 0 and plain(n // 5), ["delivered", "sent"], None),
        ("sms", lambda n: n % 3 == 0 and plain(n // 3), ["sent", "delivered", "delivered"], None),
        ("whatsapp", plain, ["sent", "delivered"], None),
        ("whatsapp", lambda n: n % 2 == 0 and plain(n // 2), ["sent", "delivered", "read"], None),
        ("whatsapp", lambda n: n % 13 == 0 and plain(n // 13), ["failed"], "63024"),
        ("voice", plain, ["completed"], None),
        ("voice", lambda n: n % 7 == 0 and plain(n // 7), ["busy"], None),
        ("voice", lambda n: n % 11 == 0 and plain(n // 11), ["no-answer"], None),
    ],
)
def test_end_depends_on_the_number_alone(
    provider: Provider, channel: str, wanted: Callable[[int], bool], states: list[str], code: str | None
) -> None:
    to = number(channel, wanted)
    form = {"sms": provider.sms, "whatsapp": provider.whatsapp, "voice": provider.call}[channel](to)
    status, answer = provider.send("Calls" if channel == "voice" else "Messages", form)
    assert status == 201
    check(answer, "call" if channel == "voice" else "message")
    assert provider.receiver.states(answer, len(states)) == states
    assert provider.receiver.about(answer)[-1].get("ErrorCode") == code


def test_state_never_moves_back_when_callbacks_come_in_the_wrong_order(provider: Provider) -> None:
    _, answer = provider.send("Messages", provider.sms(number("sms", lambda n: n % 5 == 0 and plain(n // 5))))
    provider.receiver.states(answer, 2)
    assert provider.get(str(answer["uri"]))[1]["status"] == "delivered"


def test_some_callbacks_come_before_the_post_has_returned(provider: Provider) -> None:
    to = number("sms", lambda n: n % EARLY == 0 and plain(n // EARLY))
    _, answer = provider.send("Messages", provider.sms(to))
    assert len(provider.receiver.about(answer)) == 2


def test_every_event_of_a_call_that_was_asked_for_is_reported(provider: Provider) -> None:
    events = "".join(f"&StatusCallbackEvent={each}" for each in ("initiated", "ringing", "answered", "completed"))
    _, answer = provider.send("Calls", urlencode(provider.call(number("voice", plain))) + events)
    assert provider.receiver.states(answer, 3) == ["ringing", "in-progress", "completed"]


def test_callback_is_repeated_until_it_is_taken(provider: Provider) -> None:
    provider.receiver.failures = 1
    _, answer = provider.send("Messages", provider.sms(number("sms", plain)))
    assert provider.receiver.states(answer, 3) == ["sent", "sent", "delivered"]


def test_whatsapp_text_without_a_template_fails_on_its_way(provider: Provider) -> None:
    form = provider.whatsapp(number("whatsapp", plain), Body="Hello")
    del form["ContentSid"], form["ContentVariables"]
    status, answer = provider.send("Messages", form)
    assert status == 201
    assert provider.receiver.states(answer, 1) == ["failed"]
    assert provider.receiver.about(answer)[0]["ErrorCode"] == "63016"


def test_message_cut_by_a_restart_arrives_after_it(tmp_path: Path) -> None:
    receiver = Receiver()
    settings = make_settings("http://127.0.0.1", tmp_path, pace=30)
    assert settings.exported() == make_settings("http://127.0.0.1", tmp_path).exported()
    with serving(Starlette(routes=[Route("/status", receiver.take, methods=["POST"])])) as to:
        store = Store(tmp_path / "messages.db")
        with serving(build(store, settings, Faults())) as url:
            first = Provider(url, settings, store, Faults(), receiver, f"{to}/status")
            _, answer = first.send("Messages", first.sms(number("sms", plain)))
        store.close()
        store = Store(tmp_path / "messages.db")
        settings = make_settings("http://127.0.0.1", tmp_path, pace=0.005)
        with serving(build(store, settings, Faults())) as url:
            second = Provider(url, settings, store, Faults(), receiver, f"{to}/status")
            assert second.get(str(answer["uri"]))[0] == 200
            assert receiver.states(answer, 2) == ["sent", "delivered"]
        store.close()


def test_person_who_opted_out_is_never_written_to(provider: Provider) -> None:
    assert provider.send("Messages", provider.sms(number("sms", lambda n: n % OPTED_OUT == 0)))[1]["code"] == 21610
    to = number("sms", lambda n: n % 43 == 0 and plain(n))
    provider.store.opt_out(to)
    status, answer = provider.send("Messages", provider.sms(to))
    assert (status, answer["code"]) == (400, 21610)
    assert to not in json.dumps(answer)


OK = "+94770000123"
REFUSED: dict[str, tuple[str, dict[str, str], int]] = {
    "no To": ("Messages", {"To": ""}, 21604),
    "To without plus": ("Messages", {"To": "94770000123"}, 21211),
    "To a name": ("Messages", {"To": "my neighbour"}, 21211),
    "no From": ("Messages", {"From": ""}, 21603),
    "From of somebody else": ("Messages", {"From": "+94771111111"}, 21606),
    "channels mixed": ("Messages", {"To": f"whatsapp:{OK}"}, 21910),
    "nothing to say": ("Messages", {"Body": ""}, 21602),
    "1601 characters": ("Messages", {"Body": "x" * 1601}, 21617),
    "callback to nowhere": ("Messages", {"StatusCallback": "/status"}, 21609),
    "callback by another scheme": ("Messages", {"StatusCallback": "ftp://example.org/"}, 21609),
    "parameter that is not published": ("Messages", {"StatusCalback": "http://example.org/"}, 20001),
    "number that is none": ("Messages", {"ValidityPeriod": "soon"}, 20001),
    "value outside its list": ("Messages", {"RiskCheck": "maybe"}, 20001),
    "template that is malformed": ("Messages", {"ContentSid": "HX1"}, 20001),
    "variables without a template": ("Messages", {"ContentVariables": "{}"}, 21656),
    "call without To": ("Calls", {"To": ""}, 21201),
    "call without From": ("Calls", {"From": ""}, 21213),
    "call from somebody else": ("Calls", {"From": "+94771111111"}, 21210),
    "call with nothing to say": ("Calls", {"Twiml": ""}, 21205),
    "call with broken XML": ("Calls", {"Twiml": "<Response><Say>"}, 12100),
    "call with an entity": (
        "Calls",
        {"Twiml": "<!DOCTYPE a [<!ENTITY b 'c'>]><Response><Say language='en'>&b;</Say></Response>"},
        12100,
    ),
    "call in no language": ("Calls", {"Twiml": "<Response><Say>Hello</Say></Response>"}, 12100),
    "call over 4000 characters": (
        "Calls",
        {"Twiml": f'<Response><Say language="en">{"x" * 4000}</Say></Response>'},
        12100,
    ),
}


@pytest.mark.parametrize("case", REFUSED)
def test_request_is_refused_with_its_code(provider: Provider, case: str) -> None:
    resource, change, code = REFUSED[case]
    form = (provider.sms if resource == "Messages" else provider.call)(OK) | change
    status, answer = provider.send(resource, form)
    assert (status, answer["code"], answer["status"]) == (400, code, 400)
    assert OK not in json.dumps(answer)


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"From": "whatsapp:+94771111111"}, 63007),
        ({"ContentSid": "HX" + "0" * 32}, 21655),
        ({"ContentVariables": '{"1": 2}'}, 21656),
        ({"ContentVariables": "[]"}, 21656),
        ({"ContentVariables": '{"1":"a","1":"b"}'}, 21656),
        ({"ContentVariables": "{"}, 21656),
    ],
)
def test_template_message_is_refused_with_its_code(provider: Provider, change: dict[str, str], code: int) -> None:
    status, answer = provider.send("Messages", provider.whatsapp(f"whatsapp:{OK}") | change)
    assert (status, answer["code"]) == (400, code)


@pytest.mark.parametrize(
    ("form", "code"),
    [
        (f"To={quote(OK)}&To={quote(OK)}", 20001),
        ("To=%ff", 20001),
        ("To", 20001),
        ("", 21604),
        ("To=" + "1" * 300_000, 20001),
    ],
)
def test_malformed_form_is_refused(provider: Provider, form: str, code: int) -> None:
    status, answer = provider.send("Messages", form)
    assert (status, answer["code"]) == (400, code)


def test_body_that_is_no_form_has_no_parameters(provider: Provider) -> None:
    answer = provider.send("Messages", json.dumps({"To": OK}), **{"Content-Type": "application/json"})[1]
    assert answer["code"] == 21604


@pytest.mark.parametrize("authorization", ["", "Basic !!!", "Basic QUM6eA==", "Bearer x"])
def test_without_the_account_nothing_is_read(provider: Provider, authorization: str) -> None:
    status, answer = provider.send("Messages", "not=a&form", Authorization=authorization)
    assert (status, answer["code"]) == (401, 20003)


def test_another_account_is_refused(provider: Provider) -> None:
    status, answer = provider.get(f"/2010-04-01/Accounts/AC{'0' * 32}/Messages/SM{'0' * 32}.json")
    assert (status, answer["code"]) == (401, 20003)


def test_unknown_message_is_not_found(provider: Provider) -> None:
    status, answer = provider.get(f"/2010-04-01/Accounts/{provider.settings.account_sid}/Messages/SM{'0' * 32}.json")
    assert (status, answer["code"]) == (404, 20404)


def test_faults_on_demand(provider: Provider) -> None:
    provider.faults.set("refuse")
    assert provider.send("Messages", provider.sms(OK))[1]["code"] == 20005
    provider.faults.set("wrong_schema")
    with pytest.raises(jsonschema.ValidationError):
        check(provider.send("Messages", provider.sms(OK))[1], "message")


def test_many_at_once_each_arrive_once(provider: Provider) -> None:
    phones = [f"+9478{each:07d}" for each in range(200)]
    good = [phone for phone in phones if plain(luck("sms", phone))]
    answers: list[dict[str, object]] = []
    calls = [
        threading.Thread(
            target=lambda form: answers.append(provider.send("Messages", form)[1]), args=[provider.sms(phone)]
        )
        for phone in good
    ]
    for call in calls:
        call.start()
    for call in calls:
        call.join()
    assert [provider.receiver.states(answer, 2) for answer in answers] == [["sent", "delivered"]] * len(good)
