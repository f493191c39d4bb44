"""The routes, and the callbacks that follow an acknowledgement."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any
from uuid import uuid4

import httpx
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from sandbox.client_tokens import TokenIssuer, TokenRefused
from sandbox.dci import Door, Keys, Received, Refused, acknowledged, replied, signed, stamp
from sandbox.faults import Faults, Faulty, WrongAnswers

from .book import Batch, Book, Payment
from .settings import OWN_ID, SENDER_ID, PspSettings

SCHEMA = "agency/g2p-connect/disburse.json"
TOKEN_LIFETIME_S = 600
TRIES, PAUSE_S = 20, 0.2  # of one callback


def build(book: Book, settings: PspSettings, keys: Keys, faults: Faults) -> Starlette:
    """The agency as an ASGI app, to be mounted where `settings.url` points; `keys` are the partner's."""
    provider = _Provider(book, settings, keys)
    wrong = WrongAnswers(
        media_type="application/json",
        wrong_schema=b'{"message":{"ack_status":"FINE"},"header":[]}',
        refuse=lambda _: Refused(403, "err.request.forbidden", "not allowed").response(),
        always_right=("/token",),
    )
    return Starlette(
        routes=[
            Route("/oauth2/client/token", provider.tokens.endpoint, methods=["POST"]),
            Route("/disburse", provider.guarded(provider.disburse), methods=["POST"]),
            Route("/disburse/sync/txn/status", provider.guarded(provider.status), methods=["POST"]),
        ],
        middleware=[Middleware(Faulty, faults=faults, answers=wrong)],
    )


class _Provider:
    def __init__(self, book: Book, settings: PspSettings, keys: Keys) -> None:
        self._book, self._settings = book, settings
        self._door = Door(OWN_ID, SENDER_ID, keys, schema=SCHEMA)
        self.tokens = TokenIssuer("psp", settings.clients, settings.token_secret, lifetime_s=TOKEN_LIFETIME_S)
        self._telling: set[asyncio.Task[None]] = set()

    def guarded(self, answer: Callable[[Request], Awaitable[Response]]) -> Callable[[Request], Awaitable[Response]]:
        """A token first; refusals in the contract's shape."""

        async def route(request: Request) -> Response:
            try:
                self.tokens.check(request.headers.get("authorization", ""))
            except TokenRefused as error:
                return Refused(401, "err.request.unauthorized", str(error)).response()
            try:
                return await answer(request)
            except Refused as refused:
                return refused.response()

        return route

    async def disburse(self, request: Request) -> Response:
        """`POST /disburse`: acknowledged at once. A message that comes again is acknowledged again and pays nothing."""
        received = await self._door.received(request, "/disburse")
        if received.header["action"] != "disburse":
            raise Refused(400, "err.request.bad", "the action is disburse", reject="rjct.action.invalid")
        known = self._book.batches.get(received.message_id)
        if known is not None and known.content != received.content:
            raise Refused(400, "err.request.bad", "another message had this id", reject="rjct.message_id.duplicate")
        if known is None:
            known = self._book.batches[received.message_id] = Batch(received.content, uuid4().hex)
            payments = [self._book.take(each) for each in received.items]
            self._tell(received, payments)
        return acknowledged(known.correlation_id)

    async def status(self, request: Request) -> Response:
        """`POST /disburse/sync/txn/status`: payments by their references; an unknown one is left out."""
        received = await self._door.received(request, "/disburse/sync/txn/status")
        asked = received.message["txnstatus_request"]["attribute_value"]
        found = [self._book.payments[each] for each in asked if each in self._book.payments]
        transaction = received.message["transaction_id"]
        told = {"transaction_id": transaction, "disbursements_status": [outcome(each) for each in found]}
        message = {
            "transaction_id": transaction,
            "correlation_id": uuid4().hex,
            "txnstatus_response": {"txn_type": "on-disburse", "txn_status": told},
        }
        return replied(received.header, "on-disburse", {"status": "succ"}, message, self._settings.key)

    def _tell(self, received: Received, payments: Sequence[Payment]) -> None:
        task = asyncio.create_task(self._told(received, payments))
        self._telling.add(task)
        task.add_done_callback(self._telling.discard)

    async def _told(self, received: Received, payments: Sequence[Payment]) -> None:
        """One callback when the payments are under way, one when they have ended."""
        for before, after in (("rcvd", "pdng"), ("pdng", "succ")):
            await asyncio.sleep(self._settings.pace)
            for each in payments:
                each.status = after if each.status == before else each.status
            if uri := received.header.get("sender_uri"):
                await self._called(str(uri), received.message["transaction_id"], payments)

    async def _called(self, uri: str, transaction: str, payments: Sequence[Payment]) -> None:
        message = {"transaction_id": transaction, "disbursements_status": [outcome(each) for each in payments]}
        header = {
            "version": "1.0.0",
            "message_id": str(uuid4()),
            "message_ts": stamp(),
            "action": "on-disburse",
            "status": "succ",
            "total_count": len(payments),
            "sender_id": OWN_ID,
            "receiver_id": SENDER_ID,
            "is_msg_encrypted": False,
        }
        body = signed(header, message, self._settings.key)
        async with httpx.AsyncClient(timeout=5, trust_env=False) as client:
            for _ in range(TRIES):
                try:
                    if (await client.post(uri, json=body)).status_code == 200:
                        return
                except httpx.HTTPError:
                    pass  # the partner is away: told again
                await asyncio.sleep(PAUSE_S)


def outcome(payment: Payment) -> dict[str, object]:
    """One line of `disbursements_status`."""
    order: Mapping[str, Any] = payment.order
    told = {"reference_id": order["reference_id"], "timestamp": stamp(), "status": payment.status}
    told |= {"amount": order["amount"], "currency_code": order.get("currency_code", "LKR")}
    return told | ({"status_reason_code": payment.reason} if payment.reason else {})
