"""What the gateway sends to a partner is protected as agreed with it; the partner's replies are held to the same."""

import json
from collections.abc import AsyncIterator, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

import pytest
import pytest_asyncio
from sandhi_client import EventRefused
from sandhi_client.events import Incoming, Notice
from sandhi_client.sealed import EncryptionKey

from adapters.kit.contract import AgencyAnswerMalformed, AgencyRejectedMessage
from adapters.kit.dci_wire import Sent
from adapters.kit.egress import HttpAnswer
from gateway.trust.dialects import DIALECTS, Message
from gateway.trust.jwks import checked
from gateway.trust.keys import private_jwk
from gateway.trust.policy import SignaturePolicy
from gateway.trust.rotation import rotate
from gateway.wires import SystemWire
from tests.signing_place import ENC, SENDER, SR, SigningPlace, header, signing_place

pytestmark = pytest.mark.asyncio(loop_scope="module")
URL = "https://registry.example/callbacks/enrolment"
JSON = {"content-type": "application/json"}
GATEWAY = "LK.GOV.SANDHI.GATEWAY"


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def place(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[SigningPlace]:
    async with signing_place(tmp_path_factory.mktemp("partner")) as opened:
        yield opened


def notify() -> dict[str, Any]:
    data = {"reg_event_type": "enrolment", "reg_record_type": "sandhi:enrolment-event:v1"}
    event: dict[str, Any] = {"reference_id": "r1", "timestamp": "2026-11-02T09:00:00Z"}
    event["data"] = data | {"reg_records": {"name": "සුනිල් கமலா"}}
    head = header("notify", sender_id=GATEWAY, receiver_id=SENDER, status="succ", is_msg_encrypted=False)
    return {"header": head, "message": {"transaction_id": str(uuid4()), "notify_event": [event]}}


async def sealed(place: SigningPlace) -> Sent:
    return await SystemWire(place.services.trust, SR).sealed(URL, JSON, notify())


async def taken(place: SigningPlace, sent: Sent, **how: Any) -> Notice:
    async with place.client() as client:
        incoming = Incoming(client.session, accepted_from=GATEWAY, url=URL, **how)
        return await incoming.verified(sent.body, sent.headers)


@pytest.mark.parametrize("dialect", DIALECTS)
async def test_a_partner_gets_messages_in_its_dialect(place: SigningPlace, dialect: str) -> None:
    await place.agree(signature={"dialect": dialect, "required": dialect != "none"})
    notice = await taken(place, await sealed(place), dialect=dialect)
    assert notice.events[0].record == {"name": "සුනිල් கமலா"}


@pytest.mark.parametrize("dialect", [name for name in DIALECTS if name != "none"])
async def test_a_partner_that_expects_a_dialect_takes_no_other_and_nothing_changed(
    place: SigningPlace, dialect: str
) -> None:
    for sent_as in (name for name in DIALECTS if name != dialect):
        await place.agree(signature={"dialect": sent_as, "required": sent_as != "none"})
        with pytest.raises(EventRefused) as refused:
            await taken(place, await sealed(place), dialect=dialect)
        assert refused.value.code.startswith("err.signature.")
    await place.agree(signature={"dialect": dialect})
    sent = await sealed(place)
    with pytest.raises(EventRefused):
        await taken(place, replace(sent, body=sent.body.replace("සුනිල්".encode(), "නිමල්".encode())), dialect=dialect)


async def test_a_partner_gets_encrypted_messages_where_that_is_agreed(place: SigningPlace) -> None:
    await place.agree(encryption={"outgoing": True})
    key = EncryptionKey(private_jwk(ENC))
    sent = await sealed(place)
    assert "සුනිල්".encode() not in sent.body
    assert (await taken(place, sent, key=key)).events[0].record == {"name": "සුනිල් கமலா"}
    with pytest.raises(EventRefused, match="not encrypted to our key"):
        await taken(place, sent)
    await place.agree()
    with pytest.raises(EventRefused, match="not encrypted to our key"):
        await taken(place, await sealed(place), key=key)


async def test_nothing_leaves_when_it_cannot_be_encrypted(place: SigningPlace) -> None:
    await place.agree(encryption={"outgoing": True})
    held: Any = place.services.trust.directory.snapshot.enc_keys
    kept = dict(held)
    held.clear()
    try:
        with pytest.raises(AgencyRejectedMessage, match="not sent"):
            await sealed(place)
    finally:
        held.update(kept)


def reply(place: SigningPlace, dialect: str, sent: Sent) -> tuple[dict[str, Any], HttpAnswer]:
    """A reply of the partner to what was sent, signed in its dialect."""
    asked = Message(sent.body, headers=tuple(sent.headers.items()), url=sent.url)
    envelope = {"header": header("on-search", status="succ"), "message": {"transaction_id": "t"}}
    message = Message.of(envelope, headers=tuple(JSON.items()), status=200, request=asked)
    made = DIALECTS[dialect].sign(message, place.key, place.services.trust.clock())
    return json.loads(made.body), HttpAnswer(200, dict(made.headers), made.body)


@pytest.mark.parametrize("dialect", [name for name in DIALECTS if name != "none"])
async def test_a_partners_reply_must_be_signed_as_agreed(place: SigningPlace, dialect: str) -> None:
    await place.agree(signature={"dialect": dialect})
    wire, sent = SystemWire(place.services.trust, SR), await sealed(place)
    envelope, answer = reply(place, dialect, sent)
    assert (await wire.opened(envelope, answer, sent))["message"] == {"transaction_id": "t"}
    for name in DIALECTS.keys() - {dialect}:
        envelope, answer = reply(place, name, sent)
        with pytest.raises(AgencyAnswerMalformed, match="not protected as agreed"):
            await wire.opened(envelope, answer, sent)


async def test_a_reply_to_another_request_is_not_taken(place: SigningPlace) -> None:
    await place.agree(signature={"dialect": "rfc9421"})
    first, second = await sealed(place), await sealed(place)
    envelope, answer = reply(place, "rfc9421", first)
    with pytest.raises(AgencyAnswerMalformed):
        await SystemWire(place.services.trust, SR).opened(envelope, answer, second)


async def test_the_replies_of_an_agency_that_is_no_system_are_taken_as_they_come(place: SigningPlace) -> None:
    envelope: Mapping[str, Any] = {"header": header("on-search"), "message": {}}
    wire = SystemWire(place.services.trust, "LK/GOV/NO/ONE")
    assert await wire.opened(dict(envelope), HttpAnswer(200, {}, b""), Sent(URL, {}, b"")) == envelope


@pytest.mark.parametrize("dialect", ["jws-body", "jws-header", "dci-params", "rfc9421"])
async def test_a_partner_that_reads_rs256_only_gets_it(place: SigningPlace, dialect: str) -> None:
    await place.agree(signature={"dialect": dialect, "algorithms": ["RS256"]})
    trust, now = place.services.trust, datetime.now(UTC)
    if trust.keys.partner is None:
        folder, care = trust.keys.folder, trust.keys.care
        await rotate(place.services.db, place.services.log, folder, "partner", now=now, use_from=now, care=care)
        trust.forget()
    sent = await sealed(place)
    received = Message(sent.body, json.loads(sent.body), tuple(sent.headers.items()), url=sent.url)
    published = checked(trust.jwks(), also=("RS256",))
    policy = SignaturePolicy(dialect, algorithms=("RS256",))
    proof = DIALECTS[dialect].verify(received, published, policy, trust.clock())
    assert {each.kid: each.alg for each in published}[proof.kid] == "RS256"
    await place.agree(signature={"dialect": dialect})
    assert (await taken(place, await sealed(place), dialect=dialect)).sender == GATEWAY
