"""Payment service provider: the adapter's promises, the adapter against its sandbox, what the sandbox refuses."""

import asyncio
import json
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import jsonschema
import pytest
from fastapi import FastAPI
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Mount, Route

from adapters.kit.conformance import suite
from adapters.kit.contract import (
    AgencyError,
    AgencyHasNoSuchPerson,
    AgencyRefused,
    AgencyRejectedMessage,
    AgencyUnavailable,
    Hook,
    HookRefused,
    Identifier,
    Item,
    Question,
    StateTold,
    Subject,
)
from adapters.kit.dci_wire import BodySigned, Envelope
from adapters.kit.detached import canonical
from adapters.kit.egress import Dialler
from adapters.kit.opening import open_adapter
from adapters.psp.adapter import Psp
from sandbox.agencies.psp import Book, build, make_settings
from sandbox.agencies.psp.book import payable
from sandbox.agencies.psp.settings import PAYER, PspSettings
from sandbox.dci import signed as signed_by_agency
from sandbox.faults import Faults
from sandbox.jose import KeySet, OwnKey, b64
from tests.small_gateway import served

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "adapters/psp"
TestPsp = suite(FOLDER)

SCHEMA = json.loads((ROOT / "schemas/agency/g2p-connect/disburse.json").read_text("utf-8"))
OURS = OwnKey({"kty": "OKP", "crv": "Ed25519", "kid": "gateway", "d": b64(bytes(range(32)))})
GOOD = next(f"{n:010}" for n in range(99) if payable(f"account:{n:010}@7010"))
UNKNOWN = next(f"{n:010}" for n in range(999) if not payable(f"account:{n:010}@7010"))


class GatewayKeys:
    async def signed(self, content: bytes, signature: str) -> bool:
        return KeySet({"keys": [{**OURS.public, "kid": OURS.kid}]}).signed(content, signature)


@dataclass
class Place:
    adapter: Psp
    settings: PspSettings
    book: Book
    faults: Faults
    calls: list[bytes]
    asked: list[dict[str, Any]]

    async def told(self, count: int) -> list[StateTold]:
        """The states of the first callbacks."""
        for _ in range(400):
            if len(self.calls) >= count:
                break
            await asyncio.sleep(0.01)
        return [state for body in self.calls[:count] for state in self.adapter.hook(hook(body)).states]


def hook(body: bytes, now: datetime | None = None) -> Hook:
    return Hook("POST", "https://gateway.example/hooks/psp", {}, {}, body, now or datetime.now(UTC))


@pytest.fixture
async def place(tmp_path: Path) -> AsyncIterator[Place]:
    calls: list[bytes] = []

    async def called(request: Request) -> JSONResponse:
        calls.append(await request.body())
        return JSONResponse({})

    app = FastAPI(routes=[Route("/hooks/psp", called, methods=["POST"])])
    async with served(app) as url:
        settings, book, faults = make_settings(f"{url}/psp", tmp_path, pace=0.01), Book(PAYER), Faults()
        app.router.routes.append(Mount("/psp", app=build(book, settings, GatewayKeys(), faults)))
        dialler, asked = Dialler({url.partition("//")[2]}), list[dict[str, Any]]()

        def sign(envelope: Envelope) -> str:
            asked.append(envelope)
            return OURS.detached(canonical(envelope))

        values = settings.exported() | {"PSP_CALLBACK_URL": f"{url}/hooks/psp"}
        adapter = open_adapter(FOLDER, values.__getitem__, dialler, BodySigned(sign))
        assert isinstance(adapter, Psp)
        yield Place(adapter, settings, book, faults, calls, asked)
        await dialler.close()


def order(payment: str = "SAM-1", item: str = "item-1", **changed: object) -> Item:
    record: dict[str, object] = {
        "payment": payment,
        "programme": "samurdhi",
        "month": "2026-10",
        "amount": "4500.00",
        "currency": "LKR",
        "pay_kind": "account",
        "pay_provider": "7010",
        "pay_account": GOOD,
        "payee_name": "K. Invented",
        "pay_on": "2026-11-02",
    }
    return Item(item, "psp.order", record | changed)


def question(payment: str) -> Question:
    return Question("psp.payment", Subject((Identifier("PAYMENT", payment),)), frozenset({"state"}), date(2026, 11, 3))


async def test_an_order_is_acknowledged_paid_and_told(place: Place) -> None:
    handed = await place.adapter.deliver(order())
    assert handed.state == "ACK"
    assert await place.told(2) == [StateTold("item-1", "pending", 1), StateTold("item-1", "paid", 2)]
    record = place.adapter.normalise("psp.payment", await place.adapter.ask(question("SAM-1")))
    assert (record["state"], record["amount"], record["currency"]) == ("paid", "4500.00", "LKR")


async def test_what_is_said_fits_the_schema_by_another_validator(place: Place) -> None:
    await place.adapter.deliver(order())
    await place.told(2)
    await place.adapter.ask(question("SAM-1"))
    said = [("disburse", place.asked[0]), ("status_asked", place.asked[1])]
    for name, message in [*said, *(("on_disburse", json.loads(each)) for each in place.calls)]:
        jsonschema.Draft202012Validator({**SCHEMA, "$ref": f"#/$defs/{name}"}).validate(message)


async def test_an_order_sent_twice_is_paid_once_and_a_reference_is_used_once(place: Place) -> None:
    first, again = await place.adapter.deliver(order()), await place.adapter.deliver(order())
    assert first == again
    await place.adapter.deliver(order(item="item-2"))
    rejected = StateTold("item-2", "rjct.reference_id.duplicate", 2)
    assert rejected in await place.told(4)
    assert list(place.book.payments) == ["SAM-1"]


async def test_an_account_that_does_not_exist_is_a_rejected_payment(place: Place) -> None:
    await place.adapter.deliver(order(pay_account=UNKNOWN))
    assert set(await place.told(2)) == {StateTold("item-1", "rjct.payee_fa.invalid", 2)}
    record = place.adapter.normalise("psp.payment", await place.adapter.ask(question("SAM-1")))
    assert (record["state"], record["reason"]) == ("rejected", "rjct.payee_fa.invalid")


async def test_each_refusal_has_its_kind(place: Place) -> None:
    with pytest.raises(AgencyHasNoSuchPerson):
        await place.adapter.ask(question("SAM-404"))
    with pytest.raises(AgencyRejectedMessage):
        await place.adapter.deliver(order(pay_kind="card"))
    with pytest.raises(AgencyRejectedMessage):
        await place.adapter.deliver(order(amount=4500.0))
    for fault, kind in {"refuse": AgencyRefused, "down": AgencyUnavailable}.items():
        place.faults.set(fault)
        with pytest.raises(AgencyError) as raised:
            await place.adapter.deliver(order())
        assert isinstance(raised.value, kind)
    assert not place.book.payments


async def test_a_callback_that_is_not_the_provider_s_or_not_of_now_changes_nothing(place: Place) -> None:
    await place.adapter.deliver(order())
    await place.told(1)
    (body, *_), other = place.calls, OwnKey({"kty": "OKP", "crv": "Ed25519", "kid": "x", "d": b64(bytes(32))})
    envelope = json.loads(body)
    told = envelope["message"]
    another = json.dumps(signed_by_agency(envelope["header"], told, other)).encode()
    elsewhere = signed_by_agency(envelope["header"] | {"receiver_id": "LK.GOV.X"}, told, place.settings.key)
    bodies = {
        "signature": another,
        "malformed": body[:-1],
        "schema": b"{}",
        "parties": json.dumps(elsewhere).encode(),
    }
    for code, wrong in bodies.items():
        with pytest.raises(HookRefused) as raised:
            place.adapter.hook(hook(wrong))
        assert raised.value.code == code
    changed = body.replace(b'"pdng"', b'"succ"')
    with pytest.raises(HookRefused, match="not signed"):
        place.adapter.hook(hook(changed))
    with pytest.raises(HookRefused, match="present time"):
        place.adapter.hook(hook(body, datetime.now(UTC) + timedelta(minutes=6)))


def envelope(place: Place, **header: object) -> dict[str, Any]:
    made = {
        "message_id": "m-1",
        "message_ts": datetime.now(UTC).isoformat(),
        "action": "disburse",
        "sender_id": "LK.GOV.SANDHI.GATEWAY",
        "receiver_id": "LK.COM.PAY.SWITCH",
        "total_count": 1,
    }
    line = {"reference_id": "R-1", "payer_fa": PAYER, "payee_fa": f"account:{GOOD}@7010", "amount": "1.00"}
    return {"header": made | header, "message": {"transaction_id": "t-1", "disbursements": [line]}}


def _signed(made: dict[str, Any]) -> bytes:
    return json.dumps({**made, "signature": OURS.detached(canonical(made))}).encode()


async def test_the_provider_refuses(place: Place) -> None:
    good, number = envelope(place), envelope(place)
    number["message"]["disbursements"][0]["amount"] = 1
    misspelt = envelope(place)
    misspelt["message"]["disburemsents"] = misspelt["message"].pop("disbursements")
    cases: list[tuple[bytes, dict[str, str], int, str]] = [
        (_signed(good), {"authorization": ""}, 401, "err.request.unauthorized"),
        (_signed(good)[:-1], {}, 400, "err.request.bad"),
        (_signed(good), {"content-type": "text/plain"}, 415, "err.request.bad"),
        (json.dumps(good).encode(), {}, 401, "err.signature.missing"),
        (_signed(good).replace(b'"1.00"', b'"9.00"'), {}, 401, "err.signature.invalid"),
        (_signed(number), {}, 400, "err.request.bad"),
        (_signed(misspelt), {}, 400, "err.request.bad"),
        (_signed(envelope(place, sender_id="LK.GOV.X")), {}, 401, "err.sender_id.invalid"),
        (_signed(envelope(place, receiver_id="LK.GOV.X")), {}, 400, "err.receiver_id.invalid"),
        (_signed(envelope(place, total_count=2)), {}, 400, "err.request.bad"),
        (_signed(envelope(place, message_ts="2020-01-01T00:00:00Z")), {}, 400, "err.request.bad"),
        (_signed(envelope(place, action="search")), {}, 400, "err.request.bad"),
        (b'{"header":{},"header":{}}', {}, 400, "err.request.bad"),
        (b" " * 2**20 + b"{}", {}, 413, "err.request.bad"),
    ]
    async with httpx.AsyncClient(base_url=place.settings.url, trust_env=False) as client:
        token = (await client.post("/oauth2/client/token", data=_form(place))).json()["access_token"]
        for body, headers, status, code in cases:
            sent = {"content-type": "application/json", "authorization": f"Bearer {token}"} | headers
            answer = await client.post("/disburse", content=body, headers=sent)
            assert (answer.status_code, answer.json()["errors"][0]["code"]) == (status, code), body[:200]
    assert not place.book.payments


def _form(place: Place) -> dict[str, str]:
    given = place.settings.exported()
    secret = given["PSP_CLIENT_SECRET"]
    return {"grant_type": "client_credentials", "client_id": given["PSP_CLIENT_ID"], "client_secret": secret}


@pytest.mark.parametrize(
    ("changed", "reason"),
    [
        ({"payer_fa": "account:1@7010"}, "rjct.payer_fa.invalid"),
        ({"payee_fa": "card:123@post"}, "rjct.payee_fa.invalid"),
        ({"amount": "0.00"}, "rjct.amount.invalid"),
        ({"amount": "5000000.00"}, "rjct.amount.invalid"),
        ({"currency_code": "USD"}, "rjct.currency_code.invalid"),
        ({"scheduled_timestamp": "2026-11-02T00:00:00"}, "rjct.schedule_ts.invalid"),
    ],
    ids=["payer", "kind", "nothing", "too much", "currency", "no zone"],
)
def test_an_order_that_cannot_be_paid_has_the_contract_s_reason(changed: dict[str, str], reason: str) -> None:
    line = {"reference_id": "R-1", "payer_fa": PAYER, "payee_fa": f"account:{GOOD}@7010", "amount": "1.00"}
    assert Book(PAYER).take(line | {"currency_code": "LKR"} | changed).reason == reason
