"""The messaging adapter against a scripted provider on loopback, on Twilio's wire."""

import base64
import json
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlencode
from xml.etree import ElementTree

import jsonschema
import pytest
from aiohttp import web

from adapters.kit import manifest as manifests
from adapters.kit import mapping as mappings
from adapters.kit.base import Kit
from adapters.kit.conformance import suite
from adapters.kit.contract import (
    AgencyError,
    AgencyOutcomeUnknown,
    AgencyRefused,
    AgencyRejectedMessage,
    AgencyUnavailable,
    Handed,
    Hook,
    HookRefused,
    Item,
    StateTold,
)
from adapters.kit.egress import Dialler
from adapters.messaging.adapter import Messaging, build
from adapters.messaging.wire import signature

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "adapters/messaging"
TestMessaging = suite(FOLDER)

SID = "AC00000000000000000000000000000001"
TO = "+94771234567"
EXTRACT = json.loads((ROOT / "schemas/agency/twilio/messages-calls.extract.json").read_text())
CALLBACK = "https://gateway.example/hooks/messaging"


def alert(channel: str = "sms", language: str = "eng", text: str = "An opportunity & more", **more: object) -> Item:
    record = {"channel": channel, "to": TO, "language": language, "text": text, **more}
    return Item("0190d7d0-item", "messaging.alert", record)


def judge(media: dict[str, Any]) -> jsonschema.Draft202012Validator:
    """The published form, and no parameter beside it."""
    return jsonschema.Draft202012Validator(
        {**media, "additionalProperties": False, "components": EXTRACT["components"]}
    )


def typed(fields: dict[str, str], properties: dict[str, Any]) -> dict[str, Any]:
    """A form's texts as the values that they are written from; what is of no type stays text."""
    return {name: _typed(text, properties.get(name, {}).get("type")) for name, text in fields.items()}


def _typed(text: str, kind: str | None) -> Any:
    if kind == "array":
        return [text]
    if kind in {"integer", "number"} and text.isdecimal():
        return int(text)
    return {"true": True, "false": False}.get(text, text) if kind == "boolean" else text


class Provider:
    """Takes forms as the published OpenAPI has them, answers as scripted."""

    def __init__(self) -> None:
        self.sent: list[tuple[str, dict[str, str]]] = []
        self.status, self.body = 201, '{"sid": "SM1", "status": "queued"}'
        self.cut = False

    async def handle(self, request: web.BaseRequest) -> web.Response:
        login = base64.b64encode(f"{SID}:12345".encode()).decode()
        assert request.headers["authorization"] == f"Basic {login}"
        assert request.headers["content-type"] == "application/x-www-form-urlencoded"
        pairs = parse_qsl((await request.read()).decode(), strict_parsing=True)
        fields = dict(pairs)
        assert len(fields) == len(pairs)
        path = request.path.removeprefix("/messaging").replace(SID, "{AccountSid}")
        media = EXTRACT["paths"][path]["post"]["requestBody"]["content"]["application/x-www-form-urlencoded"]["schema"]
        judge(media).validate(typed(fields, media["properties"]))
        self.sent.append((path.rpartition("/")[2], fields))
        if self.cut:
            assert request.transport is not None
            request.transport.abort()
        return web.Response(text=self.body, status=self.status, content_type="application/json")


@pytest.fixture
async def provider() -> AsyncIterator[tuple[Provider, str]]:
    scripted = Provider()
    runner = web.ServerRunner(web.Server(scripted.handle), shutdown_timeout=0)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    yield scripted, f"http://127.0.0.1:{runner.addresses[0][1]}/messaging"
    await runner.cleanup()


@pytest.fixture
async def link(provider: tuple[Provider, str]) -> AsyncIterator[tuple[Messaging, Provider]]:
    scripted, url = provider
    settings = {
        "MESSAGING_URL": url,
        "MESSAGING_ACCOUNT_SID": SID,
        "MESSAGING_AUTH_TOKEN": "12345",
        "MESSAGING_FROM_SMS": "+94110000001",
        "MESSAGING_FROM_WHATSAPP": "+94110000002",
        "MESSAGING_FROM_VOICE": "+94110000003",
        "MESSAGING_CONTENT_SID_SIN": "HX00000000000000000000000000000001",
        "MESSAGING_CONTENT_SID_TAM": "HX00000000000000000000000000000002",
        "MESSAGING_CONTENT_SID_ENG": "",
        "MESSAGING_CALLBACK_URL": CALLBACK,
    }
    dialler = Dialler(allowed={url.split("/")[2]})
    kit = Kit(FOLDER, manifests.load(FOLDER), mappings.load(FOLDER), settings.__getitem__, dialler)
    yield build(kit), scripted
    await dialler.close()


async def failed(adapter: Messaging, item: Item) -> tuple[type[AgencyError], str]:
    with pytest.raises(AgencyError) as raised:
        await adapter.deliver(item)
    assert TO not in f"{raised.value} {raised.value.code}"
    return type(raised.value), raised.value.code


async def test_an_sms_is_one_form(link: tuple[Messaging, Provider]) -> None:
    adapter, provider = link
    assert await adapter.deliver(alert()) == Handed("SM1", "queued")
    assert provider.sent == [
        (
            "Messages.json",
            {
                "To": TO,
                "From": "+94110000001",
                "Body": "An opportunity & more",
                "StatusCallback": f"{CALLBACK}?item=0190d7d0-item",
            },
        )
    ]


def test_the_judge_of_forms_refuses_what_is_not_published() -> None:
    content = EXTRACT["paths"]["/2010-04-01/Accounts/{AccountSid}/Messages.json"]["post"]["requestBody"]["content"]
    media = content["application/x-www-form-urlencoded"]["schema"]
    good = {"To": TO, "From": "+94110000001", "Body": "text"}
    judge(media).validate(typed(good, media["properties"]))
    for wrong in ({"Body": "text"}, good | {"Nic": "199012304567"}, good | {"Attempt": "often"}):
        assert not judge(media).is_valid(typed(wrong, media["properties"])), wrong


async def test_whatsapp_uses_the_approved_template_of_the_language(link: tuple[Messaging, Provider]) -> None:
    adapter, provider = link
    await adapter.deliver(alert("whatsapp", "tam", "வேலை"))
    ((resource, fields),) = provider.sent
    assert (resource, fields["To"], fields["From"]) == ("Messages.json", f"whatsapp:{TO}", "whatsapp:+94110000002")
    assert (fields["ContentSid"], json.loads(fields["ContentVariables"])) == (
        "HX00000000000000000000000000000002",
        {"1": "வேலை"},
    )
    assert "Body" not in fields


async def test_a_template_of_the_alert_goes_before_that_of_the_language(link: tuple[Messaging, Provider]) -> None:
    adapter, provider = link
    template = {"sid": "HX000000000000000000000000000000AA", "variables": {"1": "a", "2": "b"}}
    await adapter.deliver(alert("whatsapp", "eng", template=template))
    assert provider.sent[0][1]["ContentSid"] == template["sid"]
    assert json.loads(provider.sent[0][1]["ContentVariables"]) == template["variables"]


async def test_without_a_template_no_whatsapp_message_is_sent(link: tuple[Messaging, Provider]) -> None:
    adapter, provider = link
    assert (await failed(adapter, alert("whatsapp", "eng")))[0] is AgencyRejectedMessage
    assert provider.sent == []


@pytest.mark.parametrize(("language", "spoken"), [("sin", "si-LK"), ("tam", "ta-LK"), ("eng", "en-GB")])
async def test_a_call_says_the_text_in_the_language(
    link: tuple[Messaging, Provider], language: str, spoken: str
) -> None:
    adapter, provider = link
    provider.body = '{"sid": "CA1", "status": "queued"}'
    assert await adapter.deliver(alert("voice", language, "a < b & c")) == Handed("CA1", "queued")
    ((resource, fields),) = provider.sent
    say = ElementTree.fromstring(fields["Twiml"])[0]
    assert (resource, say.tag, say.text, say.attrib) == ("Calls.json", "Say", "a < b & c", {"language": spoken})


@pytest.mark.parametrize(
    ("status", "code", "kind"),
    [
        (400, 21610, AgencyRefused),
        (400, 21211, AgencyRejectedMessage),
        (400, 21408, AgencyRefused),
        (400, 99999, AgencyRejectedMessage),
        (401, 20003, AgencyRefused),
        (404, 20404, AgencyRejectedMessage),
    ],
)
async def test_the_providers_code_decides_what_a_refusal_means(
    link: tuple[Messaging, Provider], status: int, code: int, kind: type[AgencyError]
) -> None:
    adapter, provider = link
    provider.status = status
    provider.body = json.dumps({"code": code, "message": f"about {TO}", "status": status})
    assert await failed(adapter, alert()) == (kind, str(code))
    assert len(provider.sent) == 1


async def test_a_quota_is_an_outage_since_nothing_was_sent(link: tuple[Messaging, Provider]) -> None:
    adapter, provider = link
    provider.status = 429
    kind, code = await failed(adapter, alert())
    assert (issubclass(kind, AgencyUnavailable), code) == (True, "429")


@pytest.mark.parametrize("how", ["cut", "500", "unreadable", "no sid"])
async def test_a_call_cut_before_its_answer_is_unknown_and_never_repeated(
    link: tuple[Messaging, Provider], how: str
) -> None:
    adapter, provider = link
    provider.cut = how == "cut"
    provider.status = 500 if how == "500" else 201
    provider.body = {"unreadable": "<html>", "no sid": '{"status": "queued"}'}.get(how, provider.body)
    assert (await failed(adapter, alert()))[0] is AgencyOutcomeUnknown
    assert len(provider.sent) == 1


async def test_a_provider_that_cannot_be_reached_was_sent_nothing() -> None:
    settings = {"MESSAGING_URL": "http://127.0.0.1:1", "MESSAGING_ACCOUNT_SID": SID}
    dialler = Dialler(allowed={"127.0.0.1:1"})
    manifest = manifests.load(FOLDER)
    values = dict.fromkeys(manifest.settings_needed(), "x") | settings
    adapter = build(Kit(FOLDER, manifest, {}, lambda name: values[name], dialler))
    assert (await failed(adapter, alert()))[0] is AgencyUnavailable
    await dialler.close()


async def test_a_record_that_breaks_its_schema_is_not_sent(link: tuple[Messaging, Provider]) -> None:
    adapter, provider = link
    assert await failed(adapter, alert(to="0771234567")) == (AgencyRejectedMessage, "record")
    assert provider.sent == []


async def test_a_signed_callback_names_its_delivery(link: tuple[Messaging, Provider]) -> None:
    adapter, provider = link
    await adapter.deliver(alert())
    url = provider.sent[0][1]["StatusCallback"]
    told = {"MessageSid": "SM1", "MessageStatus": "undelivered", "ErrorCode": "30003", "To": TO}

    def hook(token: str, body: str = urlencode(told)) -> Hook:
        headers = {"x-twilio-signature": signature(url, told, token)}
        return Hook("POST", url, headers, {}, body.encode(), datetime.now(UTC))

    assert adapter.hook(hook("12345")).states == (StateTold("0190d7d0-item", "undelivered", 2),)
    for refused in (hook("another token"), hook("12345", urlencode(told) + "&To=twice")):
        with pytest.raises(HookRefused):
            adapter.hook(refused)
